/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each second: who has not called for long, and what agents said is written back, so much at a time that the loop is
 * not held. What does not go in stays marked, and is tried again.
 *
 * Facts that have changed are written at once; when an agent last called, once a minute, neighbours together: so few
 * pages are touched.
 */
#include "site_priv.h"

#include <errno.h>
#include <stdlib.h>

#define DIRTY_BATCH  100 /* rows of agents a transaction */
#define DELETE_BATCH 100
#define JUDGE_ROUND  4  /* seconds for all of them */
#define SYNCED_ROUND 60 /* seconds */
#define SYNCED_LEAST 64
#define INTERVALS    8 /* control plane, 5.3 */
#define GRACE        2 /* intervals after the start in which nobody is judged */
#define TWIN_NS      (600 * WEIR_NS_PER_S)

/* ------------------------------------------------------------------ judging */

static uint64_t lost_after_ns(const struct site *s, const struct agent *a)
{
	if (s->o.lost_after_s != 0)
		return s->o.lost_after_s * WEIR_NS_PER_S;
	return INTERVALS * (uint64_t)site_agent_config(&a->pub)->sync_interval_s * WEIR_NS_PER_S;
}

static bool is_overdue(uint64_t now_ns, uint64_t since_ns, uint64_t after_ns)
{
	return now_ns > since_ns && now_ns - since_ns > after_ns;
}

static void judge(struct site *s, struct agent *a, uint64_t now_ns)
{
	const uint64_t after = lost_after_ns(s, a);

	if (a->pub.twin && is_overdue(now_ns, a->twin_ns, TWIN_NS)) {
		a->pub.twin = false;
		site_tell_agent(s, a);
	}
	if (a->pub.state != SITE_NORMAL || !is_overdue(now_ns, a->heard_ns, after) ||
	    !is_overdue(now_ns, s->start_ns, after / INTERVALS * GRACE))
		return;
	a->pub.state = SITE_LOST;
	a->lost_ns = now_ns;
	site_agent_soil(s, a);
	weir_log(WEIR_LOG_WARN, "agent %s: LOST: it has not called for %llu s", a->pub.name,
		 (unsigned long long)((now_ns - a->heard_ns) / WEIR_NS_PER_S));
	site_tell_agent(s, a);
}

/* One that waits for approval is forgotten as one that is LOST. */
static bool is_forgotten(const struct site *s, const struct agent *a, uint64_t now_ns)
{
	const uint64_t after = s->o.deleted_after_s * WEIR_NS_PER_S;

	if (a->pub.type == 6) /* dedicated */
		return false;
	if (a->pub.state == SITE_LOST)
		return is_overdue(now_ns, a->lost_ns, after);
	return a->pub.state == SITE_PENDING &&
	       is_overdue(now_ns, weir_max_u64(a->heard_ns, s->start_ns),
			  after + lost_after_ns(s, a));
}

static void forget(struct site *s, const uint32_t *ids, unsigned int n)
{
	struct site_change c;

	if (n == 0)
		return;
	site_change_begin(&c, &s->sql, SITE_LAZY, NULL);
	for (unsigned int i = 0; i < n; i++)
		site_agent_erase(&c, ids[i]);
	if (site_change_end(&c) != 0)
		return; /* the next round finds them again */
	for (unsigned int i = 0; i < n; i++) {
		struct agent *a = s->agents[ids[i]];

		weir_log(WEIR_LOG_INFO, "agent %s: deleted: it was LOST for too long", a->pub.name);
		site_agent_drop(s, a);
	}
}

static void judge_some(struct site *s, uint64_t now_ns)
{
	uint32_t ids[DELETE_BATCH], left = s->last_id / JUDGE_ROUND + 1;
	unsigned int n = 0;

	for (; left > 0 && n < DELETE_BATCH; left--) {
		struct agent *a;

		s->judged = s->judged < s->last_id ? s->judged + 1 : 1;
		a = s->last_id > 0 ? s->agents[s->judged] : NULL;
		if (a == NULL)
			continue;
		judge(s, a, now_ns);
		if (is_forgotten(s, a, now_ns))
			ids[n++] = a->pub.id;
	}
	forget(s, ids, n);
}

/* ------------------------------------------------------------------ writing back */

struct batch {
	struct site_change c;
	unsigned int dirty;
	uint32_t from, to; /* ids whose last call is written */
	bool any;
};

static void batch_begin(struct site *s, struct batch *b, struct weir_err *err)
{
	if (!b->any)
		site_change_begin(&b->c, &s->sql, SITE_LAZY, err);
	b->any = true;
}

static void put_dirty(struct site *s, struct batch *b, struct weir_err *err)
{
	struct agent *a;

	TAILQ_FOREACH(a, &s->dirty, dirty) {
		if (b->dirty == DIRTY_BATCH)
			break;
		batch_begin(s, b, err);
		site_agent_rewrite(&b->c, &a->pub);
		b->dirty++;
	}
}

static void put_synced(struct site *s, struct batch *b, struct weir_err *err)
{
	for (uint32_t id = b->from; id <= b->to; id++) {
		const struct agent *a = s->agents[id];

		if (a == NULL || a->pub.synced_s == a->synced_written_s)
			continue;
		batch_begin(s, b, err);
		site_change_run(
			&b->c,
			"INSERT OR REPLACE INTO agent_synced (agent, synced_s) VALUES (?, ?)",
			site_number(id), site_number((int64_t)a->pub.synced_s));
	}
}

static void put_others(struct site *s, struct batch *b, struct weir_err *err)
{
	if (!s->domains_dirty && !s->tokens_dirty)
		return;
	batch_begin(s, b, err);
	site_domains_write(s, &b->c);
	site_tokens_write(s, &b->c);
}

static void batch_written(struct site *s, const struct batch *b)
{
	for (unsigned int i = 0; i < b->dirty; i++) {
		struct agent *a = TAILQ_FIRST(&s->dirty);

		TAILQ_REMOVE(&s->dirty, a, dirty);
		a->is_dirty = false;
		s->counts.written++;
	}
	for (uint32_t id = b->from; id <= b->to; id++)
		if (s->agents[id] != NULL)
			s->agents[id]->synced_written_s = s->agents[id]->pub.synced_s;
	s->domains_dirty = s->tokens_dirty = false;
	s->synced = b->to;
}

/* Said when it begins and when it is over. */
static void tell_trouble(struct site *s, const struct weir_err *err)
{
	const bool fails = err->code != 0;

	if (fails && !s->write_back_fails)
		weir_log(WEIR_LOG_WARN,
			 "what agents say cannot be kept for now, and is held in memory: %s",
			 err->msg);
	if (!fails && s->write_back_fails)
		weir_log(WEIR_LOG_INFO, "what agents say is kept again");
	s->write_back_fails = fails;
}

static int write_some(struct site *s, uint32_t ids, struct weir_err *err)
{
	struct batch b = { .from = s->synced < s->last_id ? s->synced + 1 : 1 };
	int rc = 0;

	b.to = (uint32_t)weir_min_u64(b.from + ids - 1, s->last_id);
	put_dirty(s, &b, err);
	put_synced(s, &b, err);
	put_others(s, &b, err);
	if (b.any)
		rc = site_change_end(&b.c);
	if (rc == 0)
		batch_written(s, &b);
	return rc;
}

void site_keep(struct site *s)
{
	const uint64_t now_ns = weir_clock_mono_ns();
	struct weir_err err = { 0 };

	judge_some(s, now_ns);
	site_watchers_judge(s, now_ns);
	write_some(s, (uint32_t)weir_max_u64(s->last_id / SYNCED_ROUND + 1, SYNCED_LEAST), &err);
	tell_trouble(s, &err);
}

int site_keep_all(struct site *s, struct weir_err *err)
{
	int rc;

	s->synced = 0;
	do
		rc = write_some(s, s->last_id + 1, err);
	while (rc == 0 && !TAILQ_EMPTY(&s->dirty));
	return rc;
}
