/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl agent: the agents that a controller knows. Columns: control plane, 6.3. */
#include "agents.h"

#include "agent.h"
#include "api.h"
#include "words.h"

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

json_t *agents_find(struct ctl *ctl, const char *name, struct weir_err *err)
{
	return api_find(ctl, api_target("/v1/vtaps/?name=%s", name), "NAME", name, "agent", err);
}

enum ctl_exit ctl_agent_list(struct ctl *ctl, struct weir_err *err)
{
	json_t *rows, *row;
	size_t i;

	if (ctl->name != NULL) {
		row = agents_find(ctl, ctl->name, err);
		rows = row != NULL ? json_pack("[o]", row) : NULL;
	} else {
		rows = api_get(ctl, api_target("/v1/vtaps/"), err);
	}
	json_array_foreach(rows, i, row)
		if (words_are_for(ctl->format))
			to_words(row);
	return api_print(ctl, rows, columns, WEIR_ARRAY_SIZE(columns), err);
}

/* `json` (given; NULL: none) to the place of the agent of this name. Silent when it went well. */
static enum ctl_exit change(struct ctl *ctl, const char *method, json_t *json, struct weir_err *err)
{
	json_t *agent = agents_find(ctl, ctl->name, err);
	enum ctl_exit code;

	if (agent == NULL) {
		json_decref(json);
		return api_exit(err);
	}
	code = api_change(ctl, method, api_target("/v1/vtaps/%s/", agent_text(agent, "LCUUID")),
			  json, err);
	json_decref(agent);
	return code;
}

enum ctl_exit ctl_agent_delete(struct ctl *ctl, struct weir_err *err)
{
	return change(ctl, "DELETE", NULL, err);
}

enum ctl_exit ctl_agent_approve(struct ctl *ctl, struct weir_err *err)
{
	return change(ctl, "PATCH", json_pack("{s:i}", "STATE", AGENT_NORMAL), err);
}

enum ctl_exit ctl_agent_revoke(struct ctl *ctl, struct weir_err *err)
{
	return api_change(ctl, "POST", api_target("/api/v1/agents/%s/revoke", ctl->name), NULL,
			  err);
}

/* --- who is refused --- */

static const struct rows_column revoked_columns[] = {
	{ "WHO", "who", ROWS_TEXT, false, NULL },
	{ "SINCE", "at", ROWS_TEXT, false, "" },
};

enum ctl_exit ctl_revoked_list(struct ctl *ctl, struct weir_err *err)
{
	return api_list(ctl, api_target("/api/v1/revoked"), revoked_columns,
			WEIR_ARRAY_SIZE(revoked_columns), err);
}

enum ctl_exit ctl_revoked_delete(struct ctl *ctl, struct weir_err *err)
{
	return api_change(ctl, "DELETE", api_target("/api/v1/revoked/%s", ctl->name), NULL, err);
}
