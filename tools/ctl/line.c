/* SPDX-License-Identifier: Apache-2.0 */
/* A command line, taken apart by the tables. */
#include "command.h"

#include <errno.h>

static bool is_named(const struct option_row *o, const char *arg, size_t len)
{
	if (arg[1] != '-')
		return len == 2 && o->letter == arg[1];
	return strlen(o->name) == len - 2 && memcmp(o->name, arg + 2, len - 2) == 0;
}

static const struct option_row *option_find(const char *arg, size_t len)
{
	for (size_t i = 0; i < ctl_n_options; i++)
		if (is_named(&ctl_options[i], arg, len))
			return &ctl_options[i];
	return NULL;
}

/* Takes argv[*i], and the word behind it where that is its value. */
static int option_split(struct line *line, int argc, char **argv, int *i, struct weir_err *err)
{
	const char *arg = argv[*i], *value = NULL;
	size_t len = strcspn(arg, "=");
	const struct option_row *o = option_find(arg, len);

	if (o == NULL)
		return weir_err_set(err, EINVAL, "%s: no such option; weirctl --help lists them",
				    arg);
	if (line->n_options == LINE_OPTIONS_MAX)
		return weir_err_set(err, EINVAL, "%s: at most %d options are allowed", arg,
				    LINE_OPTIONS_MAX);
	if (o->arg == NULL && arg[len] == '=')
		return weir_err_set(err, EINVAL, "%s: takes no value", arg);
	if (arg[len] == '=') {
		value = arg + len + 1;
	} else if (o->arg != NULL) {
		if (*i + 1 == argc)
			return weir_err_set(err, EINVAL, "%s: needs a value: %s", arg, o->help);
		value = argv[++*i];
	}
	line->option[line->n_options].row = o;
	line->option[line->n_options].by_letter = arg[1] != '-';
	line->option[line->n_options++].value = value;
	return 0;
}

static int word_split(struct line *line, const char *word, struct weir_err *err)
{
	if (line->n == LINE_WORDS_MAX)
		return weir_err_set(err, EINVAL, "%s: one word too many", word);
	line->word[line->n++] = word;
	return 0;
}

int line_split(struct line *line, int argc, char **argv, struct weir_err *err)
{
	bool only_words = false; /* behind "--" */
	int rc = 0;

	for (int i = 1; i < argc && rc == 0; i++) {
		if (only_words || argv[i][0] != '-' || argv[i][1] == '\0')
			rc = word_split(line, argv[i], err);
		else if (strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			line->help = true;
		else
			rc = option_split(line, argc, argv, &i, err);
	}
	return rc;
}

bool line_noun_exists(const char *noun)
{
	for (size_t i = 0; i < ctl_n_commands; i++)
		if (strcmp(ctl_commands[i].noun, noun) == 0)
			return true;
	return false;
}

unsigned int line_verb_words(const struct command *c)
{
	unsigned int n = c->verb != NULL;

	for (const char *p = c->verb; n > 0 && *p != '\0'; p++)
		n += *p == ' ';
	return n;
}

static bool is_meant(const struct command *c, const struct line *line)
{
	const char *verb = c->verb;
	unsigned int n = line_verb_words(c);

	if (line->n < 1 + n || strcmp(c->noun, line->word[0]) != 0)
		return false;
	for (unsigned int i = 1; i <= n; i++) {
		size_t len = strcspn(verb, " ");

		if (strlen(line->word[i]) != len || memcmp(line->word[i], verb, len) != 0)
			return false;
		verb += len + (i < n);
	}
	return true;
}

const struct command *line_command(const struct line *line, struct weir_err *err)
{
	for (size_t i = 0; i < ctl_n_commands; i++)
		if (is_meant(&ctl_commands[i], line))
			return &ctl_commands[i];
	if (line->n == 0)
		weir_err_set(err, EINVAL,
			     "a noun and a verb are needed; weirctl --help lists them");
	else if (!line_noun_exists(line->word[0]))
		weir_err_set(err, EINVAL, "%s: no such noun; weirctl --help lists them",
			     line->word[0]);
	else if (line->n == 1)
		weir_err_set(err, EINVAL, "%s: a verb is needed; weirctl %s --help lists them",
			     line->word[0], line->word[0]);
	else
		weir_err_set(err, EINVAL, "%s %s: no such verb; weirctl %s --help lists them",
			     line->word[0], line->word[1], line->word[0]);
	return NULL;
}

/* An option of one name may mean something else to another command. */
static const struct option_row *option_of(const struct line *line, unsigned int i,
					  const struct command *c)
{
	const struct option_row *first = line->option[i].row;

	for (const struct option_row *o = first; o < ctl_options + ctl_n_options; o++)
		if (strcmp(o->name, first->name) == 0 && (o->commands & (c->options | FOR_ALL)) &&
		    (!line->option[i].by_letter || o->letter == first->letter))
			return o;
	return NULL;
}

static int take_option(struct ctl *ctl, const struct option_row *o, const char *value,
		       struct weir_err *err)
{
	char *member = (char *)ctl + o->at;

	if (o->take != NULL)
		return o->take(ctl, value, err);
	if (o->arg != NULL)
		memcpy(member, &value, sizeof(value));
	else
		*(bool *)member = true;
	return 0;
}

static int take_options(struct ctl *ctl, const struct line *line, const struct command *c,
			struct weir_err *err)
{
	for (unsigned int i = 0; i < line->n_options; i++) {
		const struct option_row *o = option_of(line, i, c);

		if (o == NULL)
			return weir_err_set(err, EINVAL, "--%s: not an option of %s%s%s",
					    line->option[i].row->name, c->noun,
					    c->verb != NULL ? " " : "",
					    c->verb != NULL ? c->verb : "");
		for (unsigned int k = 0; k < i && !(o->commands & FOR_MANY); k++)
			if (line->option[k].row == line->option[i].row)
				return weir_err_set(err, EINVAL, "--%s: is given twice", o->name);
		if (take_option(ctl, o, line->option[i].value, err) != 0)
			return -err->code;
	}
	return 0;
}

/* Of "PORT [FILTER...]": at least one word, at most LINE_WORDS_MAX. */
static void count_args(const char *args, unsigned int *least, unsigned int *most)
{
	*least = *most = 0;
	for (; args != NULL; args = strchr(args, ' ')) {
		args += *args == ' ';
		*least += *args != '[';
		*most += 1;
		if (strstr(args, "...") != NULL && strcspn(args, ".") < strcspn(args, " "))
			*most = LINE_WORDS_MAX;
	}
}

int line_take(struct ctl *ctl, const struct line *line, const struct command *c,
	      struct weir_err *err)
{
	unsigned int before = 1 + line_verb_words(c), n = line->n - before, least, most;

	count_args(c->args, &least, &most);
	if (n < least)
		return weir_err_set(err, EINVAL, "%s%s%s: needs %s", c->noun,
				    c->verb != NULL ? " " : "", c->verb != NULL ? c->verb : "",
				    c->args);
	if (n > most)
		return weir_err_set(err, EINVAL, "%s%s%s: %s is one word too many", c->noun,
				    c->verb != NULL ? " " : "", c->verb != NULL ? c->verb : "",
				    line->word[before + most]);
	ctl->words = line->word + before;
	ctl->n_words = n;
	ctl->name = n > 0 ? ctl->words[0] : NULL;
	return take_options(ctl, line, c, err);
}
