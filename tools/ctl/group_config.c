/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl agent-group-config: the configurations of groups. A file that names its group itself goes the way it goes with
 * DeepFlow's older command, one whose group is an argument that of the newer: control plane, 6.1 and 6.2.
 */
#include "agent.h"
#include "api.h"
#include "group.h"
#include "input.h"

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct rows_column columns[] = {
	{ "NAME", "NAME", ROWS_TEXT, false, NULL },
	{ "AGENT_GROUP_ID", "AGENT_GROUP_ID", ROWS_TEXT, false, NULL },
	{ "LCUUID", "LCUUID", ROWS_TEXT, true, "" },
};

/* --- list --- */

/* Name and short id of its group into a configuration. */
static void name_group(json_t *config, const json_t *groups)
{
	const char *lcuuid = agent_text(config, "AGENT_GROUP_LCUUID");
	const json_t *group;
	size_t i;

	json_array_foreach(groups, i, group) {
		if (strcmp(agent_text(group, "LCUUID"), lcuuid) != 0)
			continue;
		json_object_set(config, "NAME", json_object_get(group, "NAME"));
		json_object_set(config, "AGENT_GROUP_ID", json_object_get(group, "SHORT_UUID"));
	}
}

/* NULL with `err` set. */
static json_t *configs_of(struct ctl *ctl, const json_t *groups, struct weir_err *err)
{
	json_t *all = api_get(ctl, api_target("/v1/agent-group-configurations"), err);
	json_t *rows = all != NULL ? json_array() : NULL, *config;
	size_t i;

	json_array_foreach(all, i, config) {
		name_group(config, groups);
		if (json_object_get(config, "NAME") != NULL)
			json_array_append(rows, config);
	}
	json_decref(all);
	return rows;
}

static enum ctl_exit print_list(struct ctl *ctl, const json_t *groups, struct weir_err *err)
{
	json_t *rows = configs_of(ctl, groups, err);

	if (rows != NULL && ctl->name != NULL && json_array_size(rows) == 0) {
		json_decref(rows);
		weir_err_set(err, ENOENT, "%.200s: this group has no configuration: defaults hold",
			     ctl->name);
		return CTL_NOT_FOUND;
	}
	return api_print(ctl, rows, columns, WEIR_ARRAY_SIZE(columns), err);
}

/* Text as it is, with a line's end; given. NULL: `err` says why. */
static enum ctl_exit print_text(json_t *text, struct weir_err *err)
{
	const char *p = json_string_value(text);
	size_t len = json_string_length(text);

	if (text != NULL && p == NULL)
		weir_err_set(err, EPROTO,
			     "the controller's answer is no text: is it of this version?");
	if (p != NULL) {
		fwrite(p, 1, len, stdout);
		if (len > 0 && p[len - 1] != '\n')
			putchar('\n');
		rows_flush(err);
	}
	json_decref(text);
	return err->code == 0 ? CTL_OK : api_exit(err);
}

static char *place_of(const json_t *group)
{
	return api_target("/v1/agent-group-configuration/%s/yaml", agent_text(group, "LCUUID"));
}

enum ctl_exit ctl_group_config_list(struct ctl *ctl, struct weir_err *err)
{
	json_t *groups, *one;
	enum ctl_exit code;

	if (ctl->name != NULL) {
		one = group_find(ctl, ctl->name, err);
		groups = one != NULL ? json_pack("[o]", one) : NULL;
	} else {
		groups = api_get(ctl, api_target("/v1/vtap-groups/"), err);
	}
	if (groups == NULL)
		return api_exit(err);
	if (ctl->name != NULL && ctl->format == OUTPUT_YAML) /* as it was given: to be edited */
		code = print_text(api_get(ctl, place_of(json_array_get(groups, 0)), err), err);
	else
		code = print_list(ctl, groups, err);
	json_decref(groups);
	return code;
}

enum ctl_exit ctl_group_config_example(struct ctl *ctl, struct weir_err *err)
{
	return print_text(api_get(ctl, api_target("/v1/agent-group-configuration/template/yaml"),
				  err),
			  err);
}

/* --- changes --- */

/*
 * What is sent: --file; without one nothing, which is a configuration too: defaults hold until the next is
 * given. NULL with `err` set.
 */
static char *text_of(const struct ctl *ctl, size_t *len, struct weir_err *err)
{
	*len = 0;
	return ctl->file != NULL ? input_read(ctl, len, err) : strdup("");
}

/* "?canary=2&comment=why" behind a path. Given. */
static char *with_stage(const struct ctl *ctl, char *path)
{
	char *target = NULL, *stage;

	if (ctl->canary == 0 && ctl->comment == NULL)
		return path;
	stage = api_target("?canary=%u&comment=%s", ctl->canary,
			   ctl->comment != NULL ? ctl->comment : "");
	if (path != NULL && stage != NULL && asprintf(&target, "%s%s", path, stage) < 0)
		target = NULL;
	free(path);
	free(stage);
	return target;
}

static enum ctl_exit send(struct ctl *ctl, const char *method, char *path, const char *text,
			  size_t len, struct weir_err *err)
{
	const struct api_body body = { .text = text, .len = len };
	json_t *answer = api_ask(ctl, method, with_stage(ctl, path), &body, err);

	json_decref(answer);
	return answer != NULL ? CTL_OK : api_exit(err);
}

static enum ctl_exit send_to(struct ctl *ctl, const char *method, const char *text, size_t len,
			     struct weir_err *err)
{
	json_t *group = group_find(ctl, ctl->name, err);
	enum ctl_exit code;

	if (group == NULL)
		return api_exit(err);
	code = send(ctl, method, place_of(group), text, len, err);
	json_decref(group);
	return code;
}

enum ctl_exit ctl_group_config_create(struct ctl *ctl, struct weir_err *err)
{
	size_t len;
	char *text;
	enum ctl_exit code;

	if (ctl->name == NULL && ctl->file == NULL) {
		weir_err_set(err, EINVAL,
			     "agent-group-config create: needs GROUP, or -f FILE that names it "
			     "(vtap_group_id)");
		return CTL_USAGE;
	}
	text = text_of(ctl, &len, err);
	if (text == NULL)
		return api_exit(err);
	if (ctl->name != NULL)
		code = send_to(ctl, "POST", text, len, err);
	else
		code = send(ctl, "POST", api_target("/v1/vtap-group-configuration/advanced/"), text,
			    len, err);
	free(text);
	return code;
}

/* Where the configuration is of the group that a file names itself. NULL with `err` set. */
static char *place_named_by(struct ctl *ctl, const char *text, size_t len, struct weir_err *err)
{
	char id[256] = "";
	struct weir_err why = { 0 };
	json_t *configs, *group;
	char *place = NULL;

	if (config_names_group(text, len, id, sizeof(id), &why) <= 0) {
		weir_err_set(err, EINVAL, "%.200s: %s", input_name(ctl),
			     why.code != 0
				     ? why.msg
				     : "names no group: vtap_group_id, or GROUP as an argument");
		return NULL;
	}
	group = group_find(ctl, id, err);
	if (group == NULL)
		return NULL;
	configs = api_get(ctl,
			  api_target("/v1/vtap-group-configuration/?vtap_group_id=%s",
				     agent_text(group, "SHORT_UUID")),
			  err);
	if (json_array_size(configs) == 0 && err->code == 0)
		weir_err_set(err, ENOENT,
			     "%.200s: this group has no configuration yet: agent-group-config "
			     "create makes one",
			     id);
	else if (configs != NULL)
		place = api_target("/v1/vtap-group-configuration/advanced/%s/",
				   agent_text(json_array_get(configs, 0), "LCUUID"));
	json_decref(configs);
	json_decref(group);
	return place;
}

enum ctl_exit ctl_group_config_update(struct ctl *ctl, struct weir_err *err)
{
	size_t len;
	char *text = input_read(ctl, &len, err), *place;
	enum ctl_exit code;

	if (text == NULL)
		return api_exit(err);
	if (ctl->name != NULL) {
		code = send_to(ctl, "PUT", text, len, err);
	} else {
		place = place_named_by(ctl, text, len, err);
		code = err->code == 0 ? send(ctl, "PATCH", place, text, len, err)
				      : input_exit(ctl, err);
	}
	free(text);
	return code;
}

enum ctl_exit ctl_group_config_delete(struct ctl *ctl, struct weir_err *err)
{
	json_t *group = group_find(ctl, ctl->name, err);
	enum ctl_exit code;

	if (group == NULL)
		return api_exit(err);
	code = api_change(ctl, "DELETE",
			  api_target("/v1/agent-group-configuration/%s",
				     agent_text(group, "LCUUID")),
			  NULL, err);
	json_decref(group);
	return code;
}
