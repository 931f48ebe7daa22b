/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP echo: a reply's time after its request, matched by id and sequence number in either order of
 * arrival. At most 16 requests and 16 replies wait for their other half, then the oldest goes. Spec 5.
 */
#include "perf.h"

#define WAITING_MAX 16

enum way { REQUESTS, REPLIES };

struct slot {
	struct ext *e; /* NULL = none */
	unsigned int i;
};

/* What waits on one way: the oldest of an id and of all, and a block with room. */
struct waiting {
	struct slot match, oldest;
	struct ext *room;
	unsigned int n;
};

static uint64_t time_of(const struct slot *s)
{
	return s->e->icmp.ns[s->i];
}

static void keep_older(struct slot *s, struct ext *e, unsigned int i)
{
	if (s->e == NULL || e->icmp.ns[i] < time_of(s))
		*s = (struct slot){ e, i };
}

static struct waiting look(struct perf m, enum way way, uint32_t id)
{
	struct waiting w = { 0 };
	struct ext *e;

	for (e = ext_at(m.pool, m.c->ext); e != NULL; e = ext_at(m.pool, e->next)) {
		if (e->kind != EXT_ICMP || e->side != way)
			continue;
		for (unsigned int i = 0; i < e->n; i++) {
			keep_older(&w.oldest, e, i);
			if (e->icmp.id[i] == id)
				keep_older(&w.match, e, i);
		}
		if (e->n < EXT_ICMP_MAX)
			w.room = e;
		w.n += e->n;
	}
	return w;
}

static void forget(struct perf m, const struct slot *s)
{
	struct ext *e = s->e;

	e->n--;
	e->icmp.ns[s->i] = e->icmp.ns[e->n];
	e->icmp.id[s->i] = e->icmp.id[e->n];
	if (e->n == 0)
		weir_ext_remove(m.pool, &m.c->ext, e);
}

static void keep(struct perf m, enum way way, const struct weir_pkt *p)
{
	struct waiting w = look(m, way, p->icmp_id);
	struct slot to = { w.room, 0 };

	if (w.n == WAITING_MAX) {
		to = w.oldest;
	} else {
		if (to.e == NULL)
			to.e = weir_ext_add(m.pool, &m.c->ext, EXT_ICMP);
		if (to.e == NULL) {
			m.counters->ext_exhausted++;
			return;
		}
		to.e->side = way;
		to.i = to.e->n++;
	}
	to.e->icmp.ns[to.i] = p->ts_ns;
	to.e->icmp.id[to.i] = p->icmp_id;
}

void weir_icmp_perf_update(struct ext_pool *pool, struct weir_flow_counters *counters,
			   struct weir_flow_cold *c, const struct weir_pkt *p)
{
	const struct perf m = { pool, counters, c };
	enum way way = p->flags & WEIR_PKT_ECHO_REQUEST ? REQUESTS : REPLIES;
	struct waiting other;
	uint64_t request_ns, reply_ns;

	if (!(p->flags & (WEIR_PKT_ECHO_REQUEST | WEIR_PKT_ECHO_REPLY)))
		return;
	other = look(m, way == REQUESTS ? REPLIES : REQUESTS, p->icmp_id);
	if (other.match.e == NULL) {
		keep(m, way, p);
		return;
	}
	request_ns = way == REQUESTS ? p->ts_ns : time_of(&other.match);
	reply_ns = way == REQUESTS ? time_of(&other.match) : p->ts_ns;
	forget(m, &other.match);
	if (request_ns <= reply_ns && reply_ns - request_ns <= PERF_ART_MAX_NS)
		weir_perf_delay(m, CN_SRT, reply_ns - request_ns);
}
