/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <errno.h>

static void print_help(const struct program *p, FILE *out)
{
	fprintf(out, "usage: %s COMMAND [options]\n\n%s\n\n", p->name, p->purpose);
	for (unsigned int i = 0; i < p->n; i++)
		fprintf(out, "  %-10s%s\n", p->commands[i].name, p->commands[i].help);
	fprintf(out,
		"\n'%s COMMAND --help' tells the options of each; --version the version.\n\n%s\n",
		p->name, p->exits);
}

static int dispatch(const struct program *p, int argc, char **argv)
{
	if (argc < 2) {
		print_help(p, stderr);
		return WEIR_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(p, stdout);
		return WEIR_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("%s %s\n", p->name, WEIR_VERSION);
		return WEIR_EXIT_OK;
	}
	for (unsigned int i = 0; i < p->n; i++) {
		char name[64];

		if (strcmp(argv[1], p->commands[i].name) != 0)
			continue;
		/* What a command says is its result, and all of it is wanted; only the daemon's log could fill a disk. */
		if (strcmp(argv[1], "run") != 0)
			weir_log_limit_set(0, 0);
		snprintf(name, sizeof(name), "%s %s", p->name, p->commands[i].name);
		argv[1] = name; /* getopt's messages begin with it */
		return p->commands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "%s: no command '%s'; see '%s --help'\n", p->name, argv[1], p->name);
	return WEIR_EXIT_USAGE;
}

int program_run(const struct program *p, int argc, char **argv)
{
	const int rc = dispatch(p, argc, argv);
	int lost = 0;

	weir_log_flush(true);
	if (fflush(stdout) != 0)
		lost = errno;
	else if (ferror(stdout)) /* of an earlier write: its reason is gone */
		lost = EIO;
	if (lost == 0)
		return rc;
	weir_log(WEIR_LOG_ERR, "standard output: %s", strerror(lost));
	return WEIR_EXIT_FAILED;
}
