/* SPDX-License-Identifier: Apache-2.0 */
/* What would change: two configurations of one table, compared row by row. */
#include "conf_priv.h"

#include <errno.h>
#include <stdlib.h>

const char *weir_conf_effect_text(const struct weir_conf_row *row)
{
	static const char *const classes[] = {
		[WEIR_CONF_LIVE] = "live",       [WEIR_CONF_EPOCH] = "live, ends flows",
		[WEIR_CONF_REOPEN] = "reopen",   [WEIR_CONF_REBUILD] = "rebuild",
		[WEIR_CONF_RESTART] = "restart",
	};

	if (row->flags & WEIR_CONF_CONTROLLER)
		return "by the controller";
	return row->flags & WEIR_CONF_USED ? classes[row->cls] : "no effect yet";
}

/* Takes both texts. */
static int add(struct weir_conf_plan *plan, const struct weir_conf_row *row, char *from, char *to)
{
	struct weir_conf_change *more = realloc(plan->changes,
						(plan->n + 1) * sizeof(*plan->changes));

	if (more == NULL) {
		free(from);
		free(to);
		return -ENOMEM;
	}
	plan->changes = more;
	more[plan->n++] = (struct weir_conf_change){ row, from, to };
	if (row->flags & WEIR_CONF_USED)
		plan->classes |= 1U << row->cls;
	return 0;
}

/* The group that a file is for is none of its settings. */
static bool is_setting(const struct weir_conf_row *row)
{
	return row->path[0] != '\0' || !(row->flags & WEIR_CONF_CONTROLLER);
}

static int compare(struct weir_conf_plan *plan, const struct weir_conf_row *row, char *from,
		   char *to)
{
	const bool same = from != NULL && to != NULL && strcmp(from, to) == 0;

	if (from != NULL && to != NULL && !same)
		return add(plan, row, from, to);
	free(from);
	free(to);
	return same ? 0 : -ENOMEM;
}

int weir_group_conf_plan(struct weir_conf_plan *plan, const struct weir_group_conf *from,
			 const struct weir_group_conf *to)
{
	int rc = 0;

	memset(plan, 0, sizeof(*plan));
	for (uint32_t i = 0; rc == 0 && i < weir_group_table.n; i++) {
		const struct weir_conf_row *row = &weir_group_table.rows[i];

		if (is_setting(row))
			rc = compare(plan, row, weir_group_conf_text(from, i),
				     weir_group_conf_text(to, i));
	}
	if (rc < 0)
		weir_conf_plan_free(plan);
	return rc;
}

void weir_conf_plan_free(struct weir_conf_plan *plan)
{
	for (uint32_t i = 0; i < plan->n; i++) {
		free(plan->changes[i].from);
		free(plan->changes[i].to);
	}
	free(plan->changes);
	memset(plan, 0, sizeof(*plan));
}
