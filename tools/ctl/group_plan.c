/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl config plan --group: what a configuration would change, and on which agents, as their controller sees it. */
#include "group_plan.h"

#include "agent.h"
#include "api.h"
#include "input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NAMES_SHOWN 20

static const struct rows_column columns[] = {
	{ "KEY", "key", ROWS_TEXT, false, NULL },
	{ "OLD", "from", ROWS_TEXT, false, "" },
	{ "NEW", "to", ROWS_TEXT, false, "" },
	{ "APPLYING IT", "effect", ROWS_TEXT, false, NULL },
};

/* "2 agents (node1-V3, node2-V4), which have version 3:" */
static void say_agents(const json_t *target)
{
	const json_t *agents = json_object_get(target, "agents"), *name;
	size_t n = json_array_size(agents), i;
	char text[ROWS_TEXT_MAX];

	fprintf(stderr, "%zu agent%s", n, n == 1 ? "" : "s");
	json_array_foreach(agents, i, name) {
		rows_copy(text, sizeof(text), json_string_value(name));
		if (i < NAMES_SHOWN)
			fprintf(stderr, "%s%s", i == 0 ? " (" : ", ", text);
	}
	if (n > NAMES_SHOWN)
		fprintf(stderr, " and %zu more", n - NAMES_SHOWN);
	fprintf(stderr, "%s, which ha%s ", n > 0 ? ")" : "", n == 1 ? "s" : "ve");
	if (agent_is_null(target, "from_version"))
		fputs("no configuration", stderr);
	else
		fprintf(stderr, "version %" PRIu64, agent_u64(target, "from_version"));
	fputs(json_is_true(json_object_get(target, "canary")) ? " (the canary):\n" : ":\n", stderr);
}

static int print_for_people(enum output_format format, const json_t *plan, struct weir_err *err)
{
	const json_t *target, *changes;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(plan, "targets"), i, target) {
		changes = json_object_get(target, "changes");
		say_agents(target);
		if (json_array_size(changes) == 0)
			fputs("nothing changes\n", stderr);
		else if (rc == 0)
			rc = rows_print(format, columns, WEIR_ARRAY_SIZE(columns), changes, err);
	}
	return rc;
}

/* All targets' changes, each with who it is of. */
static int print_rows(enum output_format format, const json_t *plan, struct weir_err *err)
{
	const json_t *target, *change;
	json_t *rows = json_array(), *row;
	size_t i, k;
	int rc;

	json_array_foreach(json_object_get(plan, "targets"), i, target) {
		json_array_foreach(json_object_get(target, "changes"), k, change) {
			row = json_copy((json_t *)(uintptr_t)change);
			json_object_set(row, "agents", json_object_get(target, "agents"));
			json_array_append_new(rows, row);
		}
	}
	rc = rows_print(format, columns, WEIR_ARRAY_SIZE(columns), rows, err);
	json_decref(rows);
	return rc;
}

static int print(enum output_format format, const json_t *plan, struct weir_err *err)
{
	switch (format) {
	case OUTPUT_JSON:
	case OUTPUT_YAML:
		return rows_print_value(format, plan, err);
	case OUTPUT_JSONL:
	case OUTPUT_CSV:
		return print_rows(format, plan, err);
	default:
		return print_for_people(format, plan, err);
	}
}

static void say_warnings(const struct ctl *ctl, const json_t *plan)
{
	const json_t *warning;
	char text[ROWS_TEXT_MAX];
	size_t i;

	json_array_foreach(json_object_get(plan, "warnings"), i, warning) {
		rows_copy(text, sizeof(text), agent_text(warning, "message"));
		fprintf(stderr, "%s:%" PRIu64 ":%" PRIu64 ": warning: %s\n", input_name(ctl),
			agent_u64(warning, "line"), agent_u64(warning, "column"), text);
	}
}

enum ctl_exit group_plan(struct ctl *ctl, struct weir_err *err)
{
	struct api_body body = { 0 };
	char *text = input_read(ctl, &body.len, err);
	json_t *plan;
	int rc;

	if (text == NULL)
		return api_exit(err);
	body.text = text;
	plan = api_ask(ctl, "POST", api_target("/api/v1/groups/%s/config/plan", ctl->group), &body,
		       err);
	free(text);
	if (plan == NULL)
		return api_exit(err);
	say_warnings(ctl, plan);
	rc = print(ctl->format, plan, err);
	json_decref(plan);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}
