/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of options.c and commands.c, and the command line as they see it. */
#ifndef COMMAND_H
#define COMMAND_H

#include "ctl.h"

struct option_row {
	char letter; /* 0 = none */
	const char *name;
	const char *arg; /* NULL = none is taken */
	unsigned int
		commands; /* bits of `options` in a command's row; FOR_MANY: may be given again */
	int (*take)(struct ctl *ctl, const char *value, struct weir_err *err); /* NULL: */
	size_t at; /* the member of struct ctl that is the value, or (none is taken) becomes true */
	const char *help;
};

struct command {
	const char *noun;
	const char *verb; /* "list", "agent list"; NULL = the noun says it all */
	const char *args; /* "NAME", "PORT [FILTER...]"; NULL = none */
	unsigned int options;
	enum ctl_exit (*run)(struct ctl *ctl, struct weir_err *err);
	const char *help;
	const char *text;     /* for its --help; NULL = nothing more */
	const char *examples; /* one a line */
};

extern const struct option_row ctl_options[];
extern const size_t ctl_n_options;
extern const struct command ctl_commands[];
extern const size_t ctl_n_commands;

#define LINE_WORDS_MAX   64
#define LINE_OPTIONS_MAX 128

/* The words of a command line, before anything is done. Borrowed from argv. */
struct line {
	const char *word[LINE_WORDS_MAX]; /* noun, verb, what is behind */
	unsigned int n;
	struct {
		const struct option_row
			*row;      /* the first of its name: another command may have its own */
		const char *value; /* NULL where none is taken */
		bool by_letter;
	} option[LINE_OPTIONS_MAX];
	unsigned int n_options;
	bool help;
};

int line_split(struct line *line, int argc, char **argv, struct weir_err *err);

/* NULL with `err` set when there is none. */
const struct command *line_command(const struct line *line, struct weir_err *err);

/* Options and words into `ctl`; -EINVAL with `err` set where they do not fit the command. */
int line_take(struct ctl *ctl, const struct line *line, const struct command *c,
	      struct weir_err *err);

bool line_noun_exists(const char *noun);

unsigned int line_verb_words(const struct command *c); /* of its verb, 0 = it has none */

/* `c` NULL: the list of commands, of one noun or (NULL) of all. */
void help_print(const struct command *c, const char *noun);

#endif
