/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl agent: the agents that a controller knows. Columns: control plane, 6.3. */
#include "agent.h"
#include "api.h"
#include "group.h"
#include "input.h"
#include "rows.h"
#include "words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define AGENT_NORMAL 1 /* its STATE */

static const struct rows_column columns[] = {
	{ "ID", "ID", ROWS_TEXT, false, NULL },
	{ "NAME", "NAME", ROWS_TEXT, false, NULL },
	{ "TYPE", "TYPE", ROWS_TEXT, false, NULL },
	{ "CTRL_IP", "CTRL_IP", ROWS_TEXT, false, "" },
	{ "CTRL_MAC", "CTRL_MAC", ROWS_TEXT, false, "" },
	{ "STATE", "STATE", ROWS_TEXT, false, NULL },
	{ "GROUP", "VTAP_GROUP_NAME", ROWS_TEXT, false, "" },
	{ "EXCEPTIONS", "EXCEPTIONS", ROWS_TEXT, false, "" },
	{ "REVISION", "REVISION", ROWS_TEXT, false, "" },
	{ "UPGRADE_REVISION", "UPGRADE_REVISION", ROWS_TEXT, false, "" },
	{ "POD_CLUSTER", "POD_CLUSTER_NAME", ROWS_TEXT, false, "" },
	{ "HOST", "LAUNCH_SERVER", ROWS_TEXT, true, "" },
	{ "SYNCED_AT", "SYNCED_CONTROLLER_AT", ROWS_TEXT, true, "" },
	{ "BOOT_TIME", "BOOT_TIME", ROWS_TEXT, true, "" },
	{ "OS", "OS", ROWS_TEXT, true, "" },
	{ "ARCH", "ARCH", ROWS_TEXT, true, "" },
	{ "KERNEL", "KERNEL_VERSION", ROWS_TEXT, true, "" },
	{ "LCUUID", "LCUUID", ROWS_TEXT, true, "" },
};

/* For tables and csv, numbers are the words that stand for them. */
static void to_words(json_t *row)
{
	json_t *enable = json_object_get(row, "ENABLE");

	if (json_is_integer(enable) && json_integer_value(enable) == 0)
		json_object_set_new(row, "STATE", json_string("DISABLE"));
	else
		words_set(row, "STATE", words_agent_state);
	words_set(row, "TYPE", words_agent_type);
	words_set_exceptions(row, "EXCEPTIONS");
}

static enum ctl_exit print(const struct ctl *ctl, json_t *rows, struct weir_err *err)
{
	json_t *row;
	size_t i;
	int rc;

	json_array_foreach(rows, i, row)
		if (words_are_for(ctl->format))
			to_words(row);
	rc = rows_print(ctl->format, columns, WEIR_ARRAY_SIZE(columns), rows, err);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}

/* The agent of this name, given. */
static json_t *find(struct ctl *ctl, const char *name, struct weir_err *err)
{
	return api_find(ctl, api_target("/v1/vtaps/?name=%s", name), "NAME", name, "agent", err);
}

enum ctl_exit ctl_agent_list(struct ctl *ctl, struct weir_err *err)
{
	json_t *rows, *one;
	enum ctl_exit code;

	if (ctl->name != NULL) {
		one = find(ctl, ctl->name, err);
		rows = one != NULL ? json_pack("[o]", one) : NULL;
	} else {
		rows = api_get(ctl, api_target("/v1/vtaps/"), err);
	}
	if (rows == NULL)
		return api_exit(err);
	code = print(ctl, rows, err);
	json_decref(rows);
	return code;
}

/* `json` (given; NULL: none) to the place of the agent of this name. Silent when it went well. */
static enum ctl_exit change(struct ctl *ctl, const char *method, const char *name, json_t *json,
			    struct weir_err *err)
{
	json_t *agent = find(ctl, name, err), *answer;
	const struct api_body body = { .json = json };

	if (agent == NULL) {
		json_decref(json);
		return api_exit(err);
	}
	answer = api_ask(ctl, method, api_target("/v1/vtaps/%s/", agent_text(agent, "LCUUID")),
			 json != NULL ? &body : NULL, err);
	json_decref(agent);
	json_decref(answer);
	return answer != NULL ? CTL_OK : api_exit(err);
}

enum ctl_exit ctl_agent_delete(struct ctl *ctl, struct weir_err *err)
{
	return change(ctl, "DELETE", ctl->name, NULL, err);
}

enum ctl_exit ctl_agent_approve(struct ctl *ctl, struct weir_err *err)
{
	return change(ctl, "PATCH", ctl->name, json_pack("{s:i}", "STATE", AGENT_NORMAL), err);
}
