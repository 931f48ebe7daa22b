/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl agent-group-config history, rollback, promote, abort: the versions of a group's configuration. */
#include "agent.h"
#include "api.h"
#include "words.h"

#include <errno.h>

static const struct rows_column columns[] = {
	{ "VERSION", "version", ROWS_TEXT, false, NULL },
	{ "STATE", "state", ROWS_TEXT, false, "" },
	{ "CREATED_AT", "created_at", ROWS_TEXT, false, "" },
	{ "BY", "who", ROWS_TEXT, false, "" },
	{ "COMMENT", "comment", ROWS_TEXT, false, "" },
	{ "BYTES", "bytes", ROWS_TEXT, true, "" },
};

/* Of the group that is the argument, newest first; given. NULL with `err` set. */
static json_t *versions_of(struct ctl *ctl, struct weir_err *err)
{
	return api_get(ctl, api_target("/api/v1/groups/%s/config/history", ctl->name), err);
}

/* For tables and csv. */
static void name_state(json_t *version)
{
	const char *state = json_is_true(json_object_get(version, "in_force")) ? "in force"
			    : json_is_true(json_object_get(version, "canary")) ? "canary"
									       : "";

	json_object_set_new(version, "state", json_string(state));
}

enum ctl_exit ctl_group_config_history(struct ctl *ctl, struct weir_err *err)
{
	json_t *rows = versions_of(ctl, err), *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (words_are_for(ctl->format))
			name_state(row);
	return api_print(ctl, rows, columns, WEIR_ARRAY_SIZE(columns), err);
}

/* That is the argument, or the one before the newest. 0 with `err` set. */
static uint32_t version_of(struct ctl *ctl, struct weir_err *err)
{
	json_t *versions;
	uint64_t n = 0;

	if (ctl->n_words > 1) {
		if (filter_parse_u64(&n, ctl->words[1], UINT32_MAX) != 0 || n == 0)
			weir_err_set(err, EINVAL,
				     "version %.32s: must be a number that agent-group-config "
				     "history names",
				     ctl->words[1]);
		return (uint32_t)n;
	}
	versions = versions_of(ctl, err);
	if (json_array_size(versions) > 1)
		n = agent_u64(json_array_get(versions, 1), "version");
	else if (versions != NULL)
		weir_err_set(err, ENOENT, "%.200s: its configuration has no earlier version",
			     ctl->name);
	json_decref(versions);
	return (uint32_t)n;
}

enum ctl_exit ctl_group_config_rollback(struct ctl *ctl, struct weir_err *err)
{
	uint32_t version = version_of(ctl, err);

	if (version == 0)
		return api_exit(err);
	return api_change(ctl, "POST",
			  api_target("/api/v1/groups/%s/config/rollback?version=%u", ctl->name,
				     version),
			  NULL, err);
}

enum ctl_exit ctl_group_config_promote(struct ctl *ctl, struct weir_err *err)
{
	return api_change(ctl, "POST", api_target("/api/v1/groups/%s/config/promote", ctl->name),
			  NULL, err);
}

enum ctl_exit ctl_group_config_abort(struct ctl *ctl, struct weir_err *err)
{
	return api_change(ctl, "POST", api_target("/api/v1/groups/%s/config/abort", ctl->name),
			  NULL, err);
}
