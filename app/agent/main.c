/* SPDX-License-Identifier: Apache-2.0 */
#include "agent.h"

static const struct program_command commands[] = {
	{ "run", weir_agent_run, "the daemon: live ports into the store" },
	{ "replay", weir_agent_replay, "flow records of capture files" },
	{ "bench", weir_agent_bench, "how fast this machine is: synthetic load, or a DPDK device" },
	{ "check", weir_agent_check, "validate configurations" },
	{ "doctor", weir_agent_doctor, "what this machine can do, and what is missing" },
};

static const struct program program = {
	.name = "weir-agent",
	.purpose = "Turns mirrored traffic into flow logs.",
	.exits = "Exit codes: 0 done; 1 failed, or packets lost; 2 wrong command line; 3 wrong\n"
		 "configuration; 7 input read in part: up to its damage, or until interrupted.",
	.commands = commands,
	.n = WEIR_ARRAY_SIZE(commands),
};

int main(int argc, char **argv)
{
	weir_conf_rules_set(&agent_rules);
	return program_run(&program, argc, argv);
}
