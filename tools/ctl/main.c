/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl: the operator's command.
 *
 * What it can do stands in two tables, commands.c and options.c; parsing (line.c), every help text (help.c) and the
 * completion of a shell (completion.c) come from them.
 */
#include "api.h"
#include "command.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>

void ctl_complain(const struct weir_err *err)
{
	fflush(stdout);
	fprintf(stderr, "weirctl: %s\n", err->msg);
}

static bool help(const struct line *line)
{
	struct weir_err err;
	const struct command *c;

	if (!line->help)
		return false;
	c = line_command(line, &err);
	help_print(c, line->n > 0 && line_noun_exists(line->word[0]) ? line->word[0] : NULL);
	return true;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { 0 };
	struct weir_err err = { 0 };
	struct line line = { 0 };
	const struct command *command;
	enum ctl_exit code = CTL_USAGE;

	if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)) {
		puts("weirctl " WEIR_VERSION);
		return CTL_OK;
	}
	setlocale(LC_CTYPE, "C.UTF-8"); /* how wide names are */
	if (line_split(&line, argc, argv, &err) != 0)
		goto out;
	if (help(&line))
		return CTL_OK;
	signal(SIGPIPE, SIG_IGN); /* who reads has enough: no failure, see output_end() */
	command = line_command(&line, &err);
	if (command == NULL || line_take(&ctl, &line, command, &err) != 0)
		goto out;
	code = command->run(&ctl, &err);
out:
	if (err.code != 0 && err.msg[0] != '\0') /* else all was said already */
		ctl_complain(&err);
	filter_fini(&ctl.filter);
	api_close(&ctl);
	return (int)code;
}
