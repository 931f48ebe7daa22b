/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages of a burst, in order: decode, attribute, dedup, flow. Each goes over the whole burst;
 * every packet leaves with exactly one outcome.
 */
#include "worker.h"

#include <rte_cycles.h>

#include <errno.h>
#include <stdio.h>

#define DEDUP_PACKETS (1u << 16) /* remembered a worker: 10 ms at 6 Mpps */
#define EXPIRE_BUDGET 512        /* flows looked at after a burst; a burst makes 64 at most */

static struct weir_flow_rec *rec_reserve(void *ctx)
{
	const struct worker *w = ctx;

	return w->lossless || w->flushes ? weir_ring_reserve_wait(w->records)
					 : weir_ring_reserve(w->records);
}

static void rec_commit(void *ctx)
{
	const struct worker *w = ctx;

	weir_ring_push(w->records);
}

/* Settings of a live pipe may come to ask for it. */
static bool may_dedup(const struct weir_pipe_options *o)
{
	return o->settings->dedup_enabled || !o->lossless;
}

size_t worker_bytes(const struct weir_pipe_options *o)
{
	return sizeof(struct worker) + weir_flow_table_bytes(&o->budget) +
	       (size_t)o->record_slots * sizeof(struct weir_flow_rec) +
	       (size_t)o->input_bursts * sizeof(struct burst) + weir_hint_log_bytes() +
	       (may_dedup(o) ? weir_dedup_bytes(DEDUP_PACKETS) : 0);
}

int worker_init(struct worker *w, struct weir_pipe *p, unsigned int id)
{
	const struct weir_flow_hooks hooks = { .rec_reserve = rec_reserve,
					       .rec_commit = rec_commit,
					       .ctx = w };

	w->pipe = p;
	w->id = id;
	w->lossless = p->opt.lossless;
	w->records = weir_ring_create(p->opt.record_slots, sizeof(struct weir_flow_rec));
	w->table = weir_flow_table_create(&p->opt.budget, &hooks, weir_random_u64());
	w->hints = weir_hint_log_create();
	if (p->opt.workers > 1)
		w->in = weir_ring_create(p->opt.input_bursts, sizeof(struct burst));
	if (may_dedup(&p->opt))
		w->dedup = weir_dedup_create(DEDUP_PACKETS, weir_random_u64());
	if (w->records == NULL || w->table == NULL || w->hints == NULL ||
	    (p->opt.workers > 1 && w->in == NULL) || (may_dedup(&p->opt) && w->dedup == NULL))
		return -ENOMEM;
	return 0;
}

void worker_fini(struct worker *w)
{
	weir_dedup_destroy(w->dedup);
	weir_hint_log_destroy(w->hints);
	weir_flow_table_destroy(w->table);
	weir_ring_destroy(w->records);
	weir_ring_destroy(w->in);
}

void worker_begin(struct worker *w)
{
	if (w->dedup != NULL)
		weir_dedup_forget(w->dedup);
	memset(w->acc, 0, sizeof(w->acc));
	w->watermark_ns = 0;
	w->regime.settings = NULL;
	w->flushes = false;
}

static void mark_too_old(struct worker *w, const struct weir_frame *frames, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (weir_unlikely(frames[i].flags & WEIR_FRAME_TOO_OLD) &&
		    w->outcome[i] != WEIR_OUTCOME_FILTERED)
			w->outcome[i] = WEIR_OUTCOME_TOO_OLD;
}

/* All of these flows end at once, which may be more than the ring has room for: none of their records is lost. */
static void flush(struct worker *w, int tap, enum weir_flush_reason reason)
{
	w->flushes = true;
	weir_flow_table_flush(w->table, tap, reason, w->watermark_ns);
	w->flushes = false;
}

static void settings_take(struct worker *w, const struct weir_settings *s)
{
	const unsigned int workers = w->pipe->opt.workers;

	assert(s != NULL);
	w->regime.settings = s;
	weir_flow_table_configure(w->table, &s->flow);
	weir_flow_table_limit(w->table, (s->flows + workers - 1) / workers, w->watermark_ns);
}

/* Flows that the change ends do so by the settings that made them. */
void worker_follow(struct worker *w, const struct regime *regime)
{
	if (w->regime.settings == NULL)
		settings_take(w, regime->settings);
	if (w->regime.cut != regime->cut)
		flush(w, WEIR_FLOW_ALL_TAPS, WEIR_FLUSH_EPOCH);
	w->regime.cut = regime->cut;
	if (w->regime.settings != regime->settings)
		settings_take(w, regime->settings);
}

/* A new epoch of the tap began between two bursts: no flow spans both. */
static void follow_epoch(struct worker *w, const struct burst *b)
{
	if (weir_likely(w->epoch[b->tap] == b->epoch))
		return;
	flush(w, b->tap, WEIR_FLUSH_EPOCH);
	w->epoch[b->tap] = b->epoch;
}

void worker_decode(struct worker *w, const struct weir_settings *settings,
		   const struct weir_frame *frames, unsigned int n)
{
	const uint64_t start = rte_rdtsc();

	weir_decode_burst(frames, n, &settings->decode, w->pkts, w->outcome);
	w->cycles += rte_rdtsc() - start;
}

/* Nearly all are in a flow: one sum, where a counter would wait for itself with each packet. */
static void count_outcomes(struct worker *w, uint8_t slot, unsigned int n)
{
	uint64_t *outcomes = w->acc[slot].outcomes;
	unsigned int flows = 0;

	for (unsigned int i = 0; i < n; i++)
		flows += w->outcome[i] == WEIR_OUTCOME_FLOW;
	outcomes[WEIR_OUTCOME_FLOW] += flows;
	for (unsigned int i = 0; flows < n && i < n; i++)
		outcomes[w->outcome[i]] += w->outcome[i] != WEIR_OUTCOME_FLOW;
}

void worker_stages(struct worker *w, const struct weir_view *view, const struct burst *b,
		   const struct weir_frame *frames, unsigned int n)
{
	const struct weir_settings *s = b->regime.settings;
	const uint64_t start = rte_rdtsc();

	if (weir_unlikely(w->regime.settings != s || w->regime.cut != b->regime.cut))
		worker_follow(w, &b->regime);
	weir_flow_table_hints(w->table, view->hints, w->hints);
	weir_flow_table_label(w->table, weir_view_knows_flows(view) ? weir_label_flows : NULL, view,
			      view->generation);
	follow_epoch(w, b);
	if (b->filter != NULL)
		weir_filter_burst(b->filter, frames, n, w->outcome);
	if (!w->lossless)
		mark_too_old(w, frames, n);
	weir_attribute_burst(&s->attribute, b->tap, w->pkts, w->attrs, n);
	if (s->dedup_enabled)
		weir_dedup_burst(w->dedup, &s->dedup, w->pkts, w->attrs, w->outcome, n);
	weir_flow_table_burst(w->table, w->pkts, w->attrs, w->outcome, n);
	count_outcomes(w, b->slot, n);
	w->watermark_ns = b->watermark_ns;
	weir_flow_table_expire(w->table, b->watermark_ns, EXPIRE_BUDGET);
	w->cycles += rte_rdtsc() - start;
	w->packets += n;
}

bool worker_idle(struct worker *w, uint64_t watermark_ns)
{
	if (w->regime.settings == NULL)
		return false; /* it has had nothing yet */
	w->watermark_ns = watermark_ns;
	return weir_flow_table_expire(w->table, watermark_ns, EXPIRE_BUDGET);
}

void worker_flush(struct worker *w)
{
	if (w->regime.settings != NULL)
		flush(w, WEIR_FLOW_ALL_TAPS, WEIR_FLUSH_END);
	w->regime.settings = NULL; /* nobody tells it of others until it has packets again */
}

/* Bursts wait in the ring: all that are ready, in place. */
static void work(struct worker *w)
{
	struct burst *b;
	uint32_t n;

	while ((n = weir_ring_peek(w->in, (void **)&b, 8)) > 0) {
		const struct weir_view *view = weir_views_get(w->pipe->views);

		for (uint32_t i = 0; i < n; i++) {
			if (b[i].n > 0) {
				worker_decode(w, b[i].regime.settings, b[i].frames, b[i].n);
				worker_stages(w, view, &b[i], b[i].frames, b[i].n);
				frames_done(b[i].src, b[i].frames, b[i].n);
			} else {
				worker_follow(w, &b[i].regime);
				worker_idle(w, b[i].watermark_ns);
			}
			weir_ring_pop(w->in, 1);
		}
		weir_views_quiescent(w->pipe->views, w->id);
	}
}

/* Before it sleeps: flows that are due, as long as no burst comes. */
static void catch_up(struct worker *w)
{
	while (weir_ring_is_empty(w->in) && worker_idle(w, w->watermark_ns))
		;
}

void worker_thread_setup(struct worker *w)
{
	const int *cpus = w->pipe->opt.cpus;
	char name[16];

	snprintf(name, sizeof(name), "weir-worker-%u", w->id);
	weir_thread_setup(name, cpus != NULL ? cpus[w->id] : -1);
	if (w->start_tsc == 0)
		w->start_tsc = rte_rdtsc();
}

void *worker_main(void *worker)
{
	struct worker *w = worker;
	struct weir_views *views = w->pipe->views;

	worker_thread_setup(w);
	do {
		weir_views_online(views, w->id);
		work(w);
		catch_up(w);
		weir_views_offline(views, w->id);
	} while (weir_ring_wait(w->in));
	weir_views_online(views, w->id);
	worker_flush(w);
	weir_views_offline(views, w->id);
	return NULL;
}
