/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of flows: by their deadline, by eviction, by a flush.
 *
 * A flow ends when the watermark has passed its deadline by the tolerated delay, since no packet
 * that could prolong it can come any more. When it is really looked at does not matter: minutes that
 * were over before the deadline are cut first, and the last record carries the flow's own times.
 */
#include "table_priv.h"

#include <limits.h>

#define REVISIT_NS  (8 * WEIR_NS_PER_S) /* a long flow is looked at this often */
#define IDLE_CHUNKS 3                   /* of a queue, compared to find the longest idle flow */
#define EXT_LOOKS   32                  /* flows asked for an extension before one is refused */

/* A TCP flow of which no flag was ever seen (fragments, snapped packets) is not half-open. */
static bool is_opening(const struct weir_flow *f)
{
	return f->proto == IPPROTO_TCP && f->timeout == TO_OPENING && f->state != ST_RAW;
}

enum flow_queue flow_queue_of(const struct weir_flow *f)
{
	if (is_opening(f))
		return QUEUE_HALF_OPEN;
	if (flow_is_one_way(f))
		return QUEUE_ONE_WAY;
	switch ((enum timeout_class)f->timeout) {
	case TO_CLOSED_FIN:
	case TO_OPENING_RST:
		return QUEUE_FAST;
	case TO_ESTABLISHED:
	case TO_ESTABLISHED_RST:
		return QUEUE_LONG;
	default:
		return QUEUE_CLOSING;
	}
}

static bool ref_is_valid(const struct weir_flow_table *t, uint32_t ref, enum flow_queue q)
{
	const struct weir_flow *f = flow_at(t, ref_flow(ref));

	return f->queue == q && (f->gen & REF_GEN_MASK) == ref_gen(ref);
}

/* References that are valid, of one chunk, go to the ends of their queues; the rest is dropped. */
static void reclaim_chunk(struct weir_flow_table *t, enum flow_queue q)
{
	struct chunk *c = queue_take(&t->queues, q);
	const struct chunk copy = *c;

	chunk_free(&t->queues, c);
	for (unsigned int i = copy.first; i < copy.end; i++)
		if (ref_is_valid(t, copy.ref[i], q))
			queue_push(&t->queues, q, copy.ref[i], copy.due_ns);
}

/*
 * No chunk is free: a third of all references is stale. Walk the queues in turn until one that was
 * full of them came up.
 */
static void reclaim(struct weir_flow_table *t)
{
	while (t->queues.free == 0)
		for (enum flow_queue q = QUEUE_NONE + 1; q < QUEUES && t->queues.free == 0; q++)
			if (t->queues.q[q].head != t->queues.q[q].tail)
				reclaim_chunk(t, q);
}

void flow_requeue(struct weir_flow_table *t, uint32_t flow, uint64_t now_ns)
{
	struct weir_flow *f = flow_at(t, flow);
	const uint64_t due = weir_min_u64(flow_deadline_ns(t, f), now_ns + REVISIT_NS);

	f->queue = (uint8_t)flow_queue_of(f);
	f->gen++;
	while (!queue_push(&t->queues, f->queue, ref_make(flow, f->gen), due))
		reclaim(t);
}

/* The collector may fold it with others like it. */
static uint16_t fold_flags(const struct weir_flow *f)
{
	return flow_is_unanswered(f) ? WEIR_REC_UNANSWERED : 0;
}

void flow_end(struct weir_flow_table *t, uint32_t flow)
{
	const struct weir_flow *f = flow_at(t, flow);

	report_until(t, flow, flow_deadline_ns(t, f));
	report_close(t, flow, weir_flow_close_type(f), fold_flags(f));
	flow_free(t, flow);
}

/* One look at a flow whose turn has come. `safe_ns`: no packet before it can come any more. */
static void visit(struct weir_flow_table *t, uint32_t flow, uint64_t safe_ns)
{
	if (flow_deadline_ns(t, flow_at(t, flow)) <= safe_ns) {
		flow_end(t, flow);
		return;
	}
	report_until(t, flow, safe_ns);
	flow_requeue(t, flow, safe_ns);
}

/* The entry is near; its bucket and its extension will be wanted when it ends. */
static void prefetch_rest(const struct weir_flow_table *t, uint32_t flow)
{
	const uint64_t hash = flow_hash(t, flow_at(t, flow), flow);
	const uint32_t ext = cold_at(t, flow)->ext;

	weir_prefetch_w(index_bucket(&t->index, hash));
	if (ext != FLOW_NONE)
		weir_prefetch_w(&t->ext.block[ext]);
}

static void visit_chunk(struct weir_flow_table *t, enum flow_queue q, uint64_t safe_ns)
{
	struct chunk *c = queue_take(&t->queues, q);
	const struct chunk copy = *c;

	chunk_free(&t->queues, c);
	for (unsigned int i = copy.first; i < copy.end; i++)
		flow_prefetch(t, ref_flow(copy.ref[i]));
	for (unsigned int i = copy.first; i < copy.end; i++)
		if (ref_is_valid(t, copy.ref[i], q))
			prefetch_rest(t, ref_flow(copy.ref[i]));
	for (unsigned int i = copy.first; i < copy.end; i++)
		if (ref_is_valid(t, copy.ref[i], q))
			visit(t, ref_flow(copy.ref[i]), safe_ns);
}

/* End what is due by `safe_ns`; true when the budget did not suffice. */
static bool sweep(struct weir_flow_table *t, uint64_t safe_ns, unsigned int budget)
{
	for (enum flow_queue q = QUEUE_NONE + 1; q < QUEUES; q++) {
		const struct chunk *c;

		while ((c = queue_front(&t->queues, q)) != NULL && c->due_ns <= safe_ns) {
			if (budget == 0)
				return true;
			budget = budget > CHUNK_REFS ? budget - CHUNK_REFS : 0;
			visit_chunk(t, q, safe_ns);
		}
	}
	return false;
}

/* No packet of before this time can come any more. */
static uint64_t safe_time(const struct weir_flow_table *t)
{
	return t->now_ns > t->conf->delay_ns ? t->now_ns - t->conf->delay_ns : 0;
}

bool weir_flow_table_expire(struct weir_flow_table *t, uint64_t now_ns, unsigned int budget)
{
	t->now_ns = now_ns;
	if (weir_unlikely(t->folds.any && now_ns >= t->folds.due_ns))
		folds_end(t);
	t->behind = sweep(t, safe_time(t), budget);
	return t->behind;
}

static void evict_flow(struct weir_flow_table *t, uint32_t flow, uint16_t flags)
{
	if ((flags & WEIR_REC_FOLD) == 0 || !fold_take(t, flow))
		report_close(t, flow, weir_flow_close_type(flow_at(t, flow)), flags);
	flow_free(t, flow);
}

/* Which flows may be evicted. */
struct victims {
	enum flow_queue q;
	bool with_ext;      /* only those that hold an extension */
	unsigned int looks; /* at most so many are looked at */
};

/* One reference of a queue: true when its flow was evicted. */
static bool evict_ref(struct weir_flow_table *t, const struct victims *v, uint32_t ref,
		      uint64_t due_ns)
{
	const uint32_t flow = ref_flow(ref);

	if (!ref_is_valid(t, ref, v->q))
		return false;
	/* It grew up meanwhile, or is not what is wanted: another time. */
	if (flow_queue_of(flow_at(t, flow)) != v->q ||
	    (v->with_ext && cold_at(t, flow)->ext == FLOW_NONE)) {
		flow_requeue(t, flow, due_ns);
		return false;
	}
	evict_flow(t, flow, v->q == QUEUE_HALF_OPEN ? WEIR_REC_FOLD : 0);
	return true;
}

/* Of the chunk that is begun the buckets, of the next one the entries: what evicting them touches. */
static void prefetch_victims(const struct weir_flow_table *t, const struct chunk *c)
{
	const struct chunk *next = &t->queues.chunks[c->next];

	for (unsigned int i = 0; i < c->end; i++)
		prefetch_rest(t, ref_flow(c->ref[i]));
	for (unsigned int i = 0; c->next != 0 && i < next->end; i++)
		flow_prefetch(t, ref_flow(next->ref[i]));
}

/* Take references from the front of a queue until one of its flows was evicted. */
static bool evict_from(struct weir_flow_table *t, struct victims v)
{
	const struct chunk *c;
	bool freed = false;

	while (!freed && v.looks > 0 && (c = queue_front(&t->queues, v.q)) != NULL) {
		const uint64_t due_ns = c->due_ns;

		if (c->first == 0)
			prefetch_victims(t, c);
		freed = evict_ref(t, &v, queue_pop(&t->queues, v.q), due_ns);
		v.looks--;
	}
	t->counters.evicted_half_open += freed && v.q == QUEUE_HALF_OPEN;
	t->counters.evicted_one_way += freed && v.q == QUEUE_ONE_WAY;
	return freed;
}

/* The first chunk with a valid reference; those without one are given back. */
static const struct chunk *live_front(struct weir_flow_table *t, enum flow_queue q)
{
	struct chunk *c;

	while ((c = queue_front(&t->queues, q)) != NULL) {
		for (; c->first < c->end; c->first++)
			if (ref_is_valid(t, c->ref[c->first], q))
				return c;
		chunk_free(&t->queues, queue_take(&t->queues, q));
	}
	return NULL;
}

/* The longer idle of `victim` and the flows of a chunk. */
static uint32_t idle_of(const struct weir_flow_table *t, enum flow_queue q, const struct chunk *c,
			uint32_t victim)
{
	for (unsigned int i = c->first; i < c->end; i++) {
		const uint32_t flow = ref_flow(c->ref[i]);

		if (ref_is_valid(t, c->ref[i], q) &&
		    (victim == FLOW_NONE ||
		     flow_last_ns(flow_at(t, flow)) < flow_last_ns(flow_at(t, victim))))
			victim = flow;
	}
	return victim;
}

/* The longest idle among those that have waited longest in their queues. */
static bool evict_idle(struct weir_flow_table *t)
{
	uint32_t victim = FLOW_NONE;

	for (enum flow_queue q = QUEUE_FAST; q < QUEUES; q++) {
		const struct chunk *c = live_front(t, q);

		for (unsigned int n = 0; c != NULL && n < IDLE_CHUNKS; n++) {
			victim = idle_of(t, q, c, victim);
			c = c->next != 0 ? &t->queues.chunks[c->next] : NULL;
		}
	}
	if (victim == FLOW_NONE)
		return false;
	evict_flow(t, victim, 0);
	t->counters.evicted_idle++;
	return true;
}

bool evict(struct weir_flow_table *t, bool by_syn)
{
	if (weir_unlikely(t->behind))
		t->behind = sweep(t, safe_time(t), CHUNK_REFS);
	return t->size < t->capacity ||
	       evict_from(t, (struct victims){ QUEUE_HALF_OPEN, false, UINT_MAX }) ||
	       evict_from(t, (struct victims){ QUEUE_ONE_WAY, false, UINT_MAX }) ||
	       (!by_syn && evict_idle(t));
}

bool evict_for_ext(struct weir_flow_table *t)
{
	return evict_from(t, (struct victims){ QUEUE_HALF_OPEN, true, EXT_LOOKS }) ||
	       evict_from(t, (struct victims){ QUEUE_ONE_WAY, true, EXT_LOOKS });
}

/* The watermark stands: what was due by then ends as ever, the rest ends here. */
static void flush_flow(struct weir_flow_table *t, uint32_t flow, enum weir_flush_reason reason,
		       uint64_t safe_ns)
{
	const struct weir_flow *f = flow_at(t, flow);

	if (flow_deadline_ns(t, f) <= safe_ns) {
		flow_end(t, flow);
		return;
	}
	report_until(t, flow, safe_ns);
	if (reason == WEIR_FLUSH_END)
		report_close(t, flow, weir_flow_close_type(f), fold_flags(f));
	else
		report_close(t, flow, WEIR_CLOSE_FORCED_REPORT, WEIR_REC_EPOCH);
	flow_free(t, flow);
}

void weir_flow_table_flush(struct weir_flow_table *t, int tap, enum weir_flush_reason reason,
			   uint64_t now_ns)
{
	uint64_t safe_ns;

	t->now_ns = now_ns;
	safe_ns = safe_time(t);
	for (uint32_t flow = 0; flow < t->fresh; flow++) {
		if (flow + 16 < t->fresh)
			flow_prefetch(t, flow + 16);
		if (flow + 8 < t->fresh)
			prefetch_rest(t, flow + 8);
		if (flow_at(t, flow)->queue != QUEUE_NONE &&
		    (tap == WEIR_FLOW_ALL_TAPS || flow_at(t, flow)->tap == tap))
			flush_flow(t, flow, reason, safe_ns);
	}
	folds_end(t);
	/* Time may begin anew, earlier: nothing waits behind references that are due in the old one. */
	if (t->size > 0)
		return;
	queues_clear(&t->queues);
	t->now_ns = t->newest_ns = 0;
}
