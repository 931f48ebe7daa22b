/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl agent-group: groups of agents. Columns: control plane, 6.3. */
#include "group.h"

#include "agent.h"
#include "api.h"
#include "rows.h"

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

static enum ctl_exit print(const struct ctl *ctl, json_t *rows, struct weir_err *err)
{
	int rc = rows_print(ctl->format, columns, WEIR_ARRAY_SIZE(columns), rows, err);

	json_decref(rows);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}

enum ctl_exit ctl_group_list(struct ctl *ctl, struct weir_err *err)
{
	json_t *rows, *one;

	if (ctl->name != NULL) {
		one = group_find(ctl, ctl->name, err);
		rows = one != NULL ? json_pack("[o]", one) : NULL;
	} else {
		rows = api_get(ctl, api_target("/v1/vtap-groups/"), err);
	}
	return rows != NULL ? print(ctl, rows, err) : api_exit(err);
}

enum ctl_exit ctl_group_create(struct ctl *ctl, struct weir_err *err)
{
	struct api_body body = { .json = json_pack("{s:s, s:s*}", "name", ctl->name, "group_id",
						   ctl->id) };
	json_t *group = api_ask(ctl, "POST", api_target("/v1/vtap-groups/"), &body, err);

	return group != NULL ? print(ctl, json_pack("[o]", group), err) : api_exit(err);
}

static enum ctl_exit change(struct ctl *ctl, const char *method, json_t *json, struct weir_err *err)
{
	json_t *group = group_find(ctl, ctl->name, err), *answer = NULL;
	struct api_body body = { .json = json };

	if (group == NULL) {
		json_decref(json);
		return api_exit(err);
	}
	answer = api_ask(ctl, method,
			 api_target("/v1/vtap-groups/%s/", agent_text(group, "LCUUID")),
			 json != NULL ? &body : NULL, err);
	json_decref(group);
	json_decref(answer);
	return answer != NULL ? CTL_OK : api_exit(err);
}

enum ctl_exit ctl_group_update(struct ctl *ctl, struct weir_err *err)
{
	return change(ctl, "PATCH", json_pack("{s:s}", "name", ctl->words[1]), err);
}

enum ctl_exit ctl_group_delete(struct ctl *ctl, struct weir_err *err)
{
	return change(ctl, "DELETE", NULL, err);
}
