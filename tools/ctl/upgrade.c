/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl agent-upgrade: which agents are to become another version. Columns: control plane, 6.3. */
#include "agent.h"
#include "agents.h"
#include "api.h"

#include <errno.h>

static const struct rows_column columns[] = {
	{ "NAME", "NAME", ROWS_TEXT, false, NULL },
	{ "REVISION", "REVISION", ROWS_TEXT, false, "" },
	{ "EXPECTED_REVISION", "EXPECTED_REVISION", ROWS_TEXT, false, "" },
	{ "UPGRADE_PACKAGE", "UPGRADE_PACKAGE", ROWS_TEXT, false, "" },
};

enum ctl_exit ctl_upgrade_list(struct ctl *ctl, struct weir_err *err)
{
	json_t *agents = api_get(ctl, api_target("/v1/vtaps/"), err), *rows, *agent;
	size_t i;

	if (agents == NULL)
		return api_exit(err);
	rows = json_array();
	json_array_foreach(agents, i, agent)
		if (agent_text(agent, "EXPECTED_REVISION")[0] != '\0')
			json_array_append(rows, agent);
	json_decref(agents);
	return api_print(ctl, rows, columns, WEIR_ARRAY_SIZE(columns), err);
}

enum ctl_exit ctl_upgrade(struct ctl *ctl, struct weir_err *err)
{
	json_t *agent;
	enum ctl_exit code;

	if (ctl->image == NULL) {
		weir_err_set(err, EINVAL,
			     "agent-upgrade: -I IMAGE says to what; weirctl repo agent list names "
			     "images");
		return CTL_USAGE;
	}
	agent = agents_find(ctl, ctl->name, err);
	if (agent == NULL)
		return api_exit(err);
	code = api_change(ctl, "PATCH",
			  api_target("/v1/upgrade/vtap/%s/", agent_text(agent, "LCUUID")),
			  json_pack("{s:s}", "image_name", ctl->image), err);
	json_decref(agent);
	return code;
}

enum ctl_exit ctl_upgrade_cancel(struct ctl *ctl, struct weir_err *err)
{
	json_t *agent = agents_find(ctl, ctl->name, err);
	enum ctl_exit code;

	if (agent == NULL)
		return api_exit(err);
	code = api_change(ctl, "PATCH",
			  api_target("/v1/cancel-upgrade/vtap/%s/", agent_text(agent, "LCUUID")),
			  json_object(), err);
	json_decref(agent);
	return code;
}
