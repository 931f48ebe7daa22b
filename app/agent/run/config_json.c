/* SPDX-License-Identifier: Apache-2.0 */
/* What is in force and where it comes from, as JSON. */
#include "run.h"

static json_t *refused_json(const struct group_refused *no)
{
	if (no->origin[0] == '\0')
		return json_null();
	return json_pack("{s:s, s:I, s:I, s:I, s:s}", "origin", no->origin, "revision",
			 (json_int_t)no->revision, "at_us", (json_int_t)no->at_us, "mistakes",
			 (json_int_t)no->mistakes, "reason", no->err.msg);
}

json_t *group_json(const struct run *r)
{
	const struct group *g = &r->group;

	return json_pack("{s:s, s:I, s:I, s:o}", "origin", g->origin, "revision",
			 (json_int_t)g->revision, "since_us", (json_int_t)g->since_us, "refused",
			 refused_json(&g->refused));
}
