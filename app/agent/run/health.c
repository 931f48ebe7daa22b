/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

/* Packets that all ports had and nobody took. */
static uint64_t missed_by_ports(const struct run *r)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < ports_n(r->ports); i++) {
		struct port_view v;

		ports_view(r->ports, i, &v);
		sum += v.missed;
	}
	return sum;
}

/* `missing`: packets were missed since the last look. */
static void worker_look(struct worker_health *w, const struct weir_pipe *pipe, unsigned int i,
			bool missing, uint64_t now_ns)
{
	const struct weir_pipe_worker_stats was = w->stats;
	uint64_t cycles;
	bool has_work;

	weir_pipe_worker_stats(pipe, i, &w->stats);
	cycles = w->stats.cycles - was.cycles;
	if (cycles > 0)
		w->busy = (double)(w->stats.busy_cycles - was.busy_cycles) / (double)cycles;
	trend_look(&w->packets, w->stats.packets, now_ns);
	/* One that waits for work moves, too: stuck is who has work and does none. */
	has_work = w->stats.ring_slots != 0 ? w->stats.ring_used > 0 : missing;
	if (w->moved_ns == 0 || w->stats.packets != was.packets || !has_work)
		w->moved_ns = now_ns;
}

static void sink_look(struct sink_health *h, const struct weir_collector *c, uint32_t i,
		      uint64_t now_ns)
{
	weir_collector_stats(c, i, &h->stats);
	trend_look(&h->taken, h->stats.taken, now_ns);
	trend_look(&h->written, h->stats.written, now_ns);
	trend_look(&h->dropped, h->stats.dropped, now_ns);
	trend_look(&h->failed, h->stats.failed, now_ns);
}

static void collector_look(struct health *h, unsigned int workers, uint64_t taken_before,
			   uint64_t now_ns)
{
	bool waits = false;

	for (unsigned int i = 0; i < workers; i++)
		waits |= h->workers[i].stats.records_used > 0;
	if (!waits || h->collector_ns == 0 || h->sinks[0].stats.taken != taken_before)
		h->collector_ns = now_ns;
}

void health_look(struct run *r)
{
	const unsigned int workers = r->boot->box.cores.workers;
	const uint64_t now_ns = weir_clock_mono_ns();
	const uint64_t taken_before = r->health.sinks[0].stats.taken;
	struct health *h = &r->health;
	const struct weir_flow_counters *f = &h->flows;
	const uint64_t missed = missed_by_ports(r);
	const bool missing = missed > h->missed;
	struct weir_accounting a;

	h->looked_ns = now_ns;
	h->missed = missed;
	for (unsigned int i = 0; i < workers; i++)
		worker_look(&h->workers[i], r->pipe, i, missing, now_ns);
	for (uint32_t i = 0; i < r->sinks.n; i++)
		sink_look(&h->sinks[i], r->sinks.collector, i, now_ns);
	collector_look(h, workers, taken_before, now_ns);

	weir_pipe_flow_counters(r->pipe, &h->flows);
	weir_pipe_accounting(r->pipe, &a);
	trend_look(&h->records, f->reports, now_ns);
	trend_look(&h->records_lost, f->records_lost, now_ns);
	trend_look(&h->evicted, f->evicted_half_open + f->evicted_one_way + f->evicted_idle,
		   now_ns);
	trend_look(&h->split, weir_collector_split_flows(r->sinks.collector), now_ns);
	trend_look(&h->table_full, a.outcomes[WEIR_OUTCOME_TABLE_FULL], now_ns);
	trend_look(&h->ring_full, a.outcomes[WEIR_OUTCOME_RING_FULL], now_ns);
}

bool health_moves(const struct run *r, unsigned int seconds, const char **who)
{
	const uint64_t most_ns = seconds * WEIR_NS_PER_S;
	const uint64_t now_ns = r->health.looked_ns;

	*who = "a worker";
	for (unsigned int i = 0; i < r->boot->box.cores.workers; i++)
		if (now_ns - r->health.workers[i].moved_ns > most_ns)
			return false;
	*who = "the collector";
	return now_ns - r->health.collector_ns <= most_ns;
}
