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
	{ CTL_UNREACHABLE, "the agent is not reachable" },
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

static void print_command(const struct command *c)
{
	char words[128];

	print_words(words, sizeof(words), c);
	printf("weirctl %s [OPTIONS]: %s\n\n", words, c->help);
	print_options(c->options);
	print_options(FOR_ALL);
	if (c->text != NULL)
		printf("\n%s", c->text);
}

static void print_list(const char *noun)
{
	char words[128];

	printf("weirctl [OPTIONS] NOUN VERB [NAME] [OPTIONS]\n\n");
	for (size_t i = 0; i < ctl_n_commands; i++) {
		const struct command *c = &ctl_commands[i];

		if (noun != NULL && strcmp(noun, c->noun) != 0)
			continue;
		print_words(words, sizeof(words), c);
		printf("  %-24s  %s\n", words, c->help);
	}
	printf("\n");
	print_options(FOR_ALL);
	printf("      %-20s  the version\n", "--version");
	printf("\nExit codes:");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(exits); i++)
		printf("%s %d %s", i > 0 ? ";" : "", exits[i].code, exits[i].help);
	printf("\n");
}

void help_print(const struct command *c, const char *noun)
{
	if (c != NULL)
		print_command(c);
	else
		print_list(noun);
}
