/* SPDX-License-Identifier: Apache-2.0 */
#include "agent.h"

#include <errno.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "run", weir_agent_run, "the daemon: live ports into the store" },
	{ "replay", weir_agent_replay, "flow records of capture files" },
	{ "bench", weir_agent_bench, "how fast this machine is: synthetic load, or a DPDK device" },
	{ "check", weir_agent_check, "validate configurations" },
	{ "doctor", weir_agent_doctor, "what this machine can do, and what is missing" },
};

static void print_help(FILE *out)
{
	fputs("usage: weir-agent COMMAND [options]\n\n"
	      "Turns mirrored traffic into flow logs.\n\n",
	      out);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].help);
	fputs("\n'weir-agent COMMAND --help' tells the options of each; --version the version.\n"
	      "\nExit codes: 0 done; 1 failed, or packets lost; 2 wrong command line; 3 wrong\n"
	      "configuration; 7 input read in part: up to its damage, or until interrupted.\n",
	      out);
}

/* What a command says is its result, and all of it is wanted; only the daemon's log could fill a disk. */
static void log_limit_set(const char *command)
{
	if (strcmp(command, "run") != 0)
		weir_log_limit_set(0, 0);
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return WEIR_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(stdout);
		return WEIR_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("weir-agent " WEIR_VERSION);
		return WEIR_EXIT_OK;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(commands); i++) {
		char name[32];

		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		log_limit_set(argv[1]);
		snprintf(name, sizeof(name), "weir-agent %s", commands[i].name);
		argv[1] = name; /* getopt's messages begin with it */
		return commands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "weir-agent: no command '%s'; see 'weir-agent --help'\n", argv[1]);
	return WEIR_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	int rc, lost = 0;

	weir_conf_rules_set(&agent_rules);
	rc = run(argc, argv);
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
