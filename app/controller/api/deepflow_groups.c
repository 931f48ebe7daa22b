/* SPDX-License-Identifier: Apache-2.0 */
/* Agent groups, which DeepFlow's API calls vtap-groups. */
#include "api_priv.h"

#include <errno.h>
#include <stdlib.h>

/* Agents in order of their groups: of 1,000 groups each would look through 10,000 agents. */
struct members {
	const struct site_agent **v;
	size_t n;
};

static int by_group(const void *a, const void *b)
{
	const struct site_agent *const *x = a, *const *y = b;

	return (*x)->group->id != (*y)->group->id
		       ? ((*x)->group->id < (*y)->group->id ? -1 : 1)
		       : ((*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id);
}

static bool members_get(struct members *m, const struct site *s)
{
	struct site_counts counts;
	const struct site_agent *a = NULL;
	size_t room = 1;

	site_counts(s, &counts);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(counts.agents); i++)
		room += counts.agents[i];
	m->n = 0;
	m->v = calloc(room, sizeof(const struct site_agent *));
	while (m->v != NULL && m->n < room && (a = site_agent_next(s, a)) != NULL)
		m->v[m->n++] = a;
	if (m->v != NULL)
		qsort(m->v, m->n, sizeof(const struct site_agent *), by_group);
	return m->v != NULL;
}

/* Where those of a group begin. */
static size_t members_of(const struct members *m, uint32_t group)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (m->v[middle]->group->id < group)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

enum kind { ALL, DISABLED, PENDING };

static void put_members(struct out *o, const char *key, const struct members *m, uint32_t group,
			enum kind kind)
{
	api_out_open(o, key, '[');
	for (size_t i = members_of(m, group); i < m->n && m->v[i]->group->id == group; i++) {
		const struct site_agent *a = m->v[i];

		if (kind == ALL || (kind == DISABLED && !a->enabled) ||
		    (kind == PENDING && a->state == SITE_PENDING))
			api_out_text(o, NULL, a->lcuuid);
	}
	api_out_close(o, ']');
}

static void put_group(struct out *o, const struct site_group *g, const struct members *m)
{
	api_out_open(o, NULL, '{');
	api_out_number(o, "ID", g->id);
	api_out_text(o, "NAME", g->name);
	api_out_time(o, "UPDATED_AT", g->updated_s);
	api_out_text(o, "SHORT_UUID", g->short_id);
	api_out_text(o, "LCUUID", g->lcuuid);
	api_out_number(o, "TEAM_ID", 1);
	api_out_number(o, "USER_ID", 1);
	put_members(o, "VTAP_LCUUIDS", m, g->id, ALL);
	put_members(o, "DISABLE_VTAP_LCUUIDS", m, g->id, DISABLED);
	put_members(o, "PENDING_VTAP_LCUUIDS", m, g->id, PENDING);
	api_out_open(o, "LICENSE_FUNCTIONS", '[');
	api_out_close(o, ']');
	api_out_close(o, '}');
}

static bool is_wanted(const struct call *c, const struct site_group *g)
{
	return api_wants(c->rq, "name", g->name) && api_wants(c->rq, "short_uuid", g->short_id) &&
	       api_wants(c->rq, "lcuuid", g->lcuuid);
}

void api_deepflow_groups(struct call *c)
{
	const struct site_group *g = NULL;
	struct members m;

	if (!members_get(&m, c->api->site)) {
		api_fail(c, ENOMEM, "no memory");
		return;
	}
	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((g = site_group_next(c->api->site, g)) != NULL)
		if (is_wanted(c, g))
			put_group(&c->out, g, &m);
	api_out_close(&c->out, ']');
	api_end(c);
	free(m.v);
}

void api_deepflow_group_say(struct call *c, const struct site_group *g)
{
	struct members m;

	if (!members_get(&m, c->api->site)) {
		api_fail(c, ENOMEM, "no memory");
		return;
	}
	api_begin(c);
	put_group(&c->out, g, &m);
	api_end(c);
	free(m.v);
}
