/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl agent update: what a file says of an agent. */
#include "agent.h"
#include "agents.h"
#include "api.h"
#include "group.h"
#include "input.h"
#include "rows.h"
#include "words.h"

#include <errno.h>
#include <stdio.h>

static const char update_example[] = "# what is left out stays as it is\n"
				     "name: node1-V3\n"
				     "# local, mirror or dedicated\n"
				     "#tap_mode: local\n"
				     "enable: 1\n"
				     "# name or id of a group\n"
				     "agent_group_id: default\n";

enum ctl_exit ctl_agent_update_example(struct ctl *ctl, struct weir_err *err)
{
	(void)ctl;
	fputs(update_example, stdout);
	return rows_flush(err) == 0 ? CTL_OK : CTL_FAILED;
}

/* The group that the file asks for: its LCUUID into `to`. False with `err` set: there is none of this name. */
static bool take_group(struct ctl *ctl, const json_t *given, json_t *to, struct weir_err *err)
{
	const json_t *name = json_object_get(given, "agent_group_id");
	json_t *group;

	if (name == NULL)
		name = json_object_get(given, "vtap_group_id"); /* its older name */
	if (!json_is_string(name))
		return true;
	group = group_find(ctl, json_string_value(name), err);
	if (group == NULL)
		return false;
	json_object_set(to, "VTAP_GROUP_LCUUID", json_object_get(group, "LCUUID"));
	json_decref(group);
	return true;
}

/* False with `err` set. */
static bool take_enable(const struct ctl *ctl, const json_t *given, json_t *to,
			struct weir_err *err)
{
	const json_t *v = json_object_get(given, "enable");

	if (v == NULL)
		return true;
	if (!json_is_boolean(v) &&
	    !(json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= 1)) {
		weir_err_set(err, EINVAL, "%.200s: enable: must be 0 or 1", input_name(ctl));
		return false;
	}
	json_object_set_new(to, "ENABLE",
			    json_integer(json_is_true(v) || json_integer_value(v) == 1));
	return true;
}

/* As DeepFlow's command asks for it, at a route of its own. */
static enum ctl_exit set_mode(struct ctl *ctl, const json_t *agent, const char *mode,
			      struct weir_err *err)
{
	const int number = words_number(words_capture_mode, mode);
	struct api_body body = { 0 };
	json_t *answer;

	if (number < 0) {
		weir_err_set(err, EINVAL,
			     "%.200s: tap_mode: %.32s: must be local, mirror or dedicated",
			     input_name(ctl), mode);
		return CTL_INVALID;
	}
	body.json = json_pack("{s:[s], s:i}", "VTAP_LCUUIDS", agent_text(agent, "LCUUID"),
			      "TAP_MODE", number);
	answer = api_ask(ctl, "PATCH", api_target("/v1/vtaps-tap-mode/"), &body, err);
	json_decref(answer);
	return answer != NULL ? CTL_OK : api_exit(err);
}

static enum ctl_exit update(struct ctl *ctl, const json_t *given, const json_t *agent,
			    struct weir_err *err)
{
	struct api_body body = { .json = json_object() };
	json_t *answer;

	if (!take_group(ctl, given, body.json, err) || !take_enable(ctl, given, body.json, err)) {
		json_decref(body.json);
		return input_exit(ctl, err);
	}
	if (json_object_size(body.json) == 0) {
		json_decref(body.json);
	} else {
		answer = api_ask(ctl, "PATCH",
				 api_target("/v1/vtaps/%s/", agent_text(agent, "LCUUID")), &body,
				 err);
		json_decref(answer);
		if (answer == NULL)
			return api_exit(err);
	}
	if (agent_text(given, "tap_mode")[0] == '\0')
		return CTL_OK;
	return set_mode(ctl, agent, agent_text(given, "tap_mode"), err);
}

enum ctl_exit ctl_agent_update(struct ctl *ctl, struct weir_err *err)
{
	json_t *given = input_object(ctl, err), *agent = NULL;
	enum ctl_exit code = CTL_INVALID;

	if (given == NULL)
		return input_exit(ctl, err);
	if (agent_text(given, "name")[0] == '\0') {
		weir_err_set(err, EINVAL, "%.200s: name: which agent? weirctl agent update-example",
			     input_name(ctl));
	} else {
		agent = agents_find(ctl, agent_text(given, "name"), err);
		code = agent != NULL ? update(ctl, given, agent, err) : api_exit(err);
	}
	json_decref(agent);
	json_decref(given);
	return code;
}
