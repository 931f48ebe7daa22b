/* SPDX-License-Identifier: Apache-2.0 */
#include "controller.h"

static const struct program_command commands[] = {
	{ "run", controller_run, "the daemon: groups, configurations and inventory for agents" },
	{ "check", controller_check, "validate its configuration" },
	{ "restore", controller_restore, "put a backup in the place of the state" },
};

static const struct program program = {
	.name = "weir-controller",
	.purpose = "Tells agents what to capture, and keeps what they report.",
	.exits = "Exit codes: 0 done; 1 failed; 2 wrong command line; 3 wrong configuration.",
	.commands = commands,
	.n = WEIR_ARRAY_SIZE(commands),
};

int main(int argc, char **argv)
{
	return program_run(&program, argc, argv);
}
