/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl agent-group: groups of agents. Columns: control plane, 6.3. */
#include "group.h"

#include "agent.h"
#include "api.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SHORT_ID_LEN 12 /* "g-" and ten alphanumerics */
#define LCUUID_LEN   36

static const struct rows_column columns[] = {
	{ "NAME", "NAME", ROWS_TEXT, false, NULL },
	{ "ID", "SHORT_UUID", ROWS_TEXT, false, NULL },
	{ "UPDATED_AT", "UPDATED_AT", ROWS_TEXT, true, "" },
	{ "LCUUID", "LCUUID", ROWS_TEXT, true, "" },
};

static bool is_short_id(const char *text)
{
	if (strlen(text) != SHORT_ID_LEN || strncmp(text, "g-", 2) != 0)
		return false;
	for (const char *p = text + 2; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p))
			return false;
	return true;
}

/* `err` is as it was where there is none. */
static json_t *find_by(struct ctl *ctl, char *target, const char *key, const char *value,
		       struct weir_err *err)
{
	json_t *group = api_find(ctl, target, key, value, "agent-group", err);

	if (group == NULL && err->code == ENOENT)
		err->code = 0;
	return group;
}

json_t *group_find(struct ctl *ctl, const char *name, struct weir_err *err)
{
	json_t *group = find_by(ctl, api_target("/v1/vtap-groups/?name=%s", name), "NAME", name,
				err);

	if (group == NULL && err->code == 0 && is_short_id(name))
		group = find_by(ctl, api_target("/v1/vtap-groups/?short_uuid=%s", name),
				"SHORT_UUID", name, err);
	if (group == NULL && err->code == 0 && strlen(name) == LCUUID_LEN)
		group = find_by(ctl, api_target("/v1/vtap-groups/?lcuuid=%s", name), "LCUUID", name,
				err);
	if (group == NULL && err->code == 0)
		err->code = ENOENT; /* the words stand there */
	return group;
}

/* `group` is given; NULL: `err` says why. */
static enum ctl_exit print_one(const struct ctl *ctl, json_t *group, struct weir_err *err)
{
	return api_print(ctl, group != NULL ? json_pack("[o]", group) : NULL, columns,
			 WEIR_ARRAY_SIZE(columns), err);
}

enum ctl_exit ctl_group_list(struct ctl *ctl, struct weir_err *err)
{
	if (ctl->name != NULL)
		return print_one(ctl, group_find(ctl, ctl->name, err), err);
	return api_list(ctl, api_target("/v1/vtap-groups/"), columns, WEIR_ARRAY_SIZE(columns),
			err);
}

enum ctl_exit ctl_group_create(struct ctl *ctl, struct weir_err *err)
{
	struct api_body body = { .json = json_pack("{s:s, s:s*}", "name", ctl->name, "group_id",
						   ctl->id) };

	return print_one(ctl, api_ask(ctl, "POST", api_target("/v1/vtap-groups/"), &body, err),
			 err);
}

/* `json` is given. */
static enum ctl_exit change(struct ctl *ctl, const char *method, json_t *json, struct weir_err *err)
{
	json_t *group = group_find(ctl, ctl->name, err);
	enum ctl_exit code;

	if (group == NULL) {
		json_decref(json);
		return api_exit(err);
	}
	code = api_change(ctl, method,
			  api_target("/v1/vtap-groups/%s/", agent_text(group, "LCUUID")), json,
			  err);
	json_decref(group);
	return code;
}

enum ctl_exit ctl_group_update(struct ctl *ctl, struct weir_err *err)
{
	return change(ctl, "PATCH", json_pack("{s:s}", "name", ctl->words[1]), err);
}

enum ctl_exit ctl_group_delete(struct ctl *ctl, struct weir_err *err)
{
	return change(ctl, "DELETE", NULL, err);
}
