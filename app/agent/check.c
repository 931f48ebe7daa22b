/* SPDX-License-Identifier: Apache-2.0 */
/* weir-agent check: are the configurations right, and how much memory will they take? */
#include "agent.h"

enum { OPT_BOX, OPT_GROUP };

static const struct option_row rows[] = {
	[OPT_BOX] = { "config", 'c', "FILE", "box configuration (" BOX_PATH ", if there)" },
	[OPT_GROUP] = { "group-config", 0, "FILE",
			"group configuration; without it the appliance profile holds" },
};

static const struct option_table options = {
	.command = "weir-agent check",
	.synopsis = "",
	.purpose = "Read the configurations and say what is wrong with them.",
	.rows = rows,
	.n = WEIR_ARRAY_SIZE(rows),
};

static void size_print(const char *what, uint64_t bytes)
{
	printf("  %-34s %10.1f MiB\n", what, (double)bytes / (1024 * 1024));
}

/* What agent and pipe make at start, in the same sizes. */
static void budget_print(const struct agent_conf *c)
{
	const uint32_t workers = c->box.cores.workers;
	const struct weir_pipe_options pipe = agent_pipe_options(c, workers, c->box.flow.capacity);
	const uint64_t flows = workers * (uint64_t)weir_flow_table_bytes(&pipe.budget);
	const uint64_t all = weir_pipe_bytes(&pipe);

	printf("memory:\n");
	size_print("flow tables", flows);
	size_print("rings and the rest", all - flows);
	size_print("together", all);
	printf("%u flows at most, %u worker%s\n",
	       weir_conf_flows(&c->box, &c->group, c->group.inputs.cbpf.common.capture_mode),
	       workers, workers == 1 ? "" : "s");
}

int weir_agent_check(int argc, char **argv)
{
	const char *box = NULL, *group = NULL, *arg;
	static struct agent_conf conf; /* large */
	int opt, operand, rc;

	while ((opt = options_next(&options, argc, argv, &arg, &operand)) != OPTION_END) {
		if (opt == OPTION_HELP)
			return WEIR_EXIT_OK;
		if (opt == OPTION_BAD)
			return WEIR_EXIT_USAGE;
		if (opt == OPT_BOX)
			box = arg;
		else
			group = arg;
	}
	if (operand < argc)
		return option_mistake(&options, "%s: not expected here", argv[operand]);
	weir_conf_rules_set(&agent_machine_rules);
	rc = agent_conf_load(&conf, box, group);
	if (rc != 0)
		return rc;
	printf("ok: box configuration %s, group configuration %s\n",
	       conf.box_path != NULL ? conf.box_path : "(defaults)",
	       group != NULL ? group : "(appliance profile)");
	budget_print(&conf);
	agent_conf_free(&conf);
	return WEIR_EXIT_OK;
}
