/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs of app/ share: their commands, the options of those, exit codes. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <weir_base.h>

#include <stdio.h>

/* weirctl's are the same, and more. Partial: up to damage, or until interrupted. */
enum weir_exit {
	WEIR_EXIT_OK = 0,
	WEIR_EXIT_FAILED = 1,
	WEIR_EXIT_USAGE = 2,
	WEIR_EXIT_CONFIG = 3,
	WEIR_EXIT_PARTIAL = 7,
};

struct program_command {
	const char *name;                  /* "run" */
	int (*run)(int argc, char **argv); /* an exit code; argv[0] is "weir-agent run" */
	const char *help;
};

struct program {
	const char *name;    /* "weir-agent" */
	const char *purpose; /* one sentence */
	const char *exits;   /* what its exit codes mean */
	const struct program_command *commands;
	unsigned int n;
};

/*
 * Run the command that argv[1] names, or print help or the version. Returns an exit code, after the log and standard
 * output were flushed: what was not written there is a failure.
 */
int program_run(const struct program *p, int argc, char **argv);

/* options.c: the options of a command, one row each; parsing and --help come from it. */
struct option_row {
	const char *name; /* without dashes */
	char letter;      /* short form, 0 = none */
	const char *arg;  /* what follows, NULL = nothing */
	const char *help;
};

struct option_table {
	const char *command;  /* "weir-agent replay" */
	const char *synopsis; /* what follows the options */
	const char *purpose;  /* one sentence */
	const struct option_row *rows;
	unsigned int n;
};

enum { OPTION_END = -1, OPTION_HELP = -2, OPTION_BAD = -3 };

/*
 * The next option: its row number, with its argument in *arg; OPTION_END when only operands are left,
 * at argv[*operand]; OPTION_HELP after --help was printed; OPTION_BAD after a message.
 */
int options_next(const struct option_table *t, int argc, char **argv, const char **arg,
		 int *operand);

/* A whole number within [min, max], or false after a message that names the option. */
bool option_number(const struct option_table *t, int row, const char *arg, uint64_t min,
		   uint64_t max, uint64_t *out);
/* A usage mistake that is no single option's: message, then WEIR_EXIT_USAGE. */
int option_mistake(const struct option_table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
