/* SPDX-License-Identifier: Apache-2.0 */
/* What is in force and where it comes from, as JSON. */
#include "run.h"
#include "tables.h"

#include <weir_ctl.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *refused_json(const struct group_refused *no)
{
	if (no->origin[0] == '\0')
		return json_null();
	return json_pack("{s:o, s:I, s:I, s:I, s:o}", "origin", weir_ctl_text(no->origin),
			 "revision", (json_int_t)no->revision, "at_us", (json_int_t)no->at_us,
			 "mistakes", (json_int_t)no->mistakes, "reason",
			 weir_ctl_text(no->err.msg));
}

static const char *const froms[] = { "default", "appliance profile", "" };

/* "group.yaml:3": where a value of a file stands. */
static void origin_text(const struct run *r, uint32_t i, char *to, size_t size)
{
	const struct weir_conf_origin *o = &r->conf->group.origin[i];

	if (o->from == WEIR_CONF_FILE)
		snprintf(to, size, "%s:%u", r->group.origin, o->line);
	else
		snprintf(to, size, "%s", froms[o->from]);
}

/* Line of the box's file whose word goes before the group's; 0 = the group's holds. */
static uint32_t box_line(const struct run *r, const struct weir_conf_row *row)
{
	const struct weir_box_conf *box = &r->conf->box;

	if (row->offset != offsetof(struct weir_group_conf, global.self_monitoring.log.log_level))
		return 0;
	return weir_box_conf_line(box, &box->log.level);
}

static json_t *row_json(const struct run *r, uint32_t i)
{
	const struct weir_conf_row *row = &weir_group_table.rows[i];
	const uint32_t of_box = box_line(r, row), level = agent_log_level(r->conf);
	const bool given = r->conf->group.origin[i].from == WEIR_CONF_FILE && of_box == 0;
	char *value = of_box != 0 ? weir_conf_value_text(row, &level)
				  : weir_group_conf_text(&r->conf->group, i);
	char origin[400];
	json_t *json;

	origin_text(r, i, origin, sizeof(origin));
	if (of_box != 0)
		snprintf(origin, sizeof(origin), "%.200s:%u: log.level",
			 r->conf->box_path != NULL ? r->conf->box_path : "box configuration",
			 of_box);
	json = json_pack("{s:s, s:o, s:o, s:o, s:I, s:s}", "key",
			 row->path[0] != '\0' ? row->path : row->old, "value",
			 weir_ctl_text(value != NULL ? value : ""), "origin", weir_ctl_text(origin),
			 "revision",
			 given ? json_integer((json_int_t)r->group.revision) : json_null(),
			 "since_us",
			 r->group.values_since_us != NULL ? (json_int_t)r->group.values_since_us[i]
							  : (json_int_t)r->group.since_us,
			 "effect", weir_conf_effect_text(row));
	free(value);
	return json;
}

json_t *config_json(const struct run *r)
{
	json_t *values = json_array();

	for (uint32_t i = 0; values != NULL && i < weir_group_table.n; i++)
		json_array_append_new(values, row_json(r, i));
	return json_pack("{s:o, s:o, s:o}", "group", group_json(r), "values", values, "tables",
			 tables_json(r->tables));
}

/* Mistakes only: what has no effect yet is said by who asks. */
static json_t *mistakes_json(const struct weir_err_list *errs)
{
	json_t *all = json_array();

	for (uint32_t i = 0; all != NULL && i < errs->n; i++)
		if (!errs->items[i].warning)
			json_array_append_new(all,
					      json_pack("{s:I, s:o}", "line",
							(json_int_t)errs->items[i].line, "message",
							weir_ctl_text(errs->items[i].msg)));
	return all;
}

json_t *config_check_json(const struct run *r, const char *text)
{
	static struct weir_err_list errs; /* large */

	memset(&errs, 0, sizeof(errs));
	if (group_check(r, text, strlen(text), &errs) == -ENOMEM)
		return NULL;
	return json_pack("{s:o}", "mistakes", mistakes_json(&errs));
}

json_t *group_json(const struct run *r)
{
	const struct group *g = &r->group;

	return json_pack("{s:o, s:I, s:I, s:o}", "origin", weir_ctl_text(g->origin), "revision",
			 (json_int_t)g->revision, "since_us", (json_int_t)g->since_us, "refused",
			 refused_json(&g->refused));
}
