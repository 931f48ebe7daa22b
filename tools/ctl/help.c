/* SPDX-License-Identifier: Apache-2.0 */
/* All help is made of the tables. tools/doc/man.py makes the manual page of it. */
#include "command.h"

#include <stdio.h>

static const struct {
	enum ctl_exit code;
	const char *help;
} exits[] = {
	{ CTL_OK, "done" },
	{ CTL_FAILED, "failed" },
	{ CTL_USAGE, "the command line makes no sense" },
	{ CTL_INVALID, "the configuration has mistakes" },
	{ CTL_NOT_FOUND, "what was named does not exist" },
	{ CTL_REFUSED, "refused" },
	{ CTL_UNREACHABLE, "the agent or controller is not reachable" },
	{ CTL_PARTIAL, "done, but part of the input could not be read" },
};

static void print_options(unsigned int which)
{
	char left[32];

	for (size_t i = 0; i < ctl_n_options; i++) {
		const struct option_row *o = &ctl_options[i];

		if ((o->commands & which) == 0)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", o->name, o->arg != NULL ? " " : "",
			 o->arg != NULL ? o->arg : "");
		if (o->letter != 0)
			printf("  -%c, %-20s  %s\n", o->letter, left, o->help);
		else
			printf("      %-20s  %s\n", left, o->help);
	}
	if (which & FOR_ALL)
		printf("  -h, %-20s  this text; behind a noun or verb, theirs\n", "--help");
}

static void print_words(char *to, size_t size, const struct command *c)
{
	snprintf(to, size, "%s%s%s%s%s", c->noun, c->verb != NULL ? " " : "",
		 c->verb != NULL ? c->verb : "", c->args != NULL ? " " : "",
		 c->args != NULL ? c->args : "");
}

/* Its first line. */
static void print_example(const char *example)
{
	printf("  %.*s\n", (int)strcspn(example, "\n"), example);
}

/* A noun that says it all may have verbs, too. */
static void print_verbs(const struct command *verbless)
{
	char words[128];

	for (const struct command *c = ctl_commands; c < ctl_commands + ctl_n_commands; c++) {
		if (c->verb == NULL || strcmp(c->noun, verbless->noun) != 0)
			continue;
		print_words(words, sizeof(words), c);
		printf("weirctl %s [OPTIONS]: %s\n", words, c->help);
	}
}

static void print_command(const struct command *c)
{
	char words[128];

	print_words(words, sizeof(words), c);
	printf("weirctl %s [OPTIONS]: %s\n", words, c->help);
	if (c->verb == NULL)
		print_verbs(c);
	printf("\n");
	print_options(c->options);
	print_options(FOR_ALL);
	if (c->text != NULL)
		printf("\n%s", c->text);
	printf("\nExamples:\n");
	for (const char *e = c->examples; *e != '\0'; e = strchr(e, '\n') + 1)
		print_example(e);
}

static bool is_listed(const struct command *c, const char *noun)
{
	return noun == NULL || strcmp(noun, c->noun) == 0;
}

/* The first command that has this noun. */
static bool is_first_of_noun(const struct command *c)
{
	for (const struct command *p = ctl_commands; p < c; p++)
		if (strcmp(p->noun, c->noun) == 0)
			return false;
	return true;
}

/* One of each verb of a noun; without a noun one of each noun. */
static void print_examples(const char *noun)
{
	printf("\nExamples:\n");
	for (const struct command *c = ctl_commands; c < ctl_commands + ctl_n_commands; c++)
		if (noun != NULL ? is_listed(c, noun) : is_first_of_noun(c))
			print_example(c->examples);
}

static int words_width(const char *noun)
{
	char words[128];
	size_t width = 0;

	for (const struct command *c = ctl_commands; c < ctl_commands + ctl_n_commands; c++) {
		print_words(words, sizeof(words), c);
		if (is_listed(c, noun) && strlen(words) > width)
			width = strlen(words);
	}
	return (int)width;
}

/* Options of all that is listed, or of controllers' commands. */
static unsigned int options_of(const char *noun)
{
	unsigned int options = 0;

	for (const struct command *c = ctl_commands; c < ctl_commands + ctl_n_commands; c++)
		if (is_listed(c, noun))
			options |= c->options & FOR_SITE;
	return options;
}

static void print_list(const char *noun)
{
	char words[128];
	int width = words_width(noun);

	printf("weirctl [OPTIONS] NOUN VERB [NAME] [OPTIONS]\n\n");
	for (const struct command *c = ctl_commands; c < ctl_commands + ctl_n_commands; c++) {
		print_words(words, sizeof(words), c);
		if (is_listed(c, noun))
			printf("  %-*s  %s\n", width, words, c->help);
	}
	printf("\n");
	print_options(FOR_ALL);
	printf("      %-20s  the version\n", "--version");
	if (options_of(noun) != 0) {
		printf("\nOf commands that ask a controller:\n");
		print_options(FOR_SITE);
	}
	printf("\nExit codes:");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(exits); i++)
		printf("%s %d %s", i > 0 ? ";" : "", exits[i].code, exits[i].help);
	printf("\n");
	print_examples(noun);
}

void help_print(const struct command *c, const char *noun)
{
	if (c != NULL)
		print_command(c);
	else
		print_list(noun);
}
