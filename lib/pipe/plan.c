/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans: which thread polls which queue. Control makes a new one whenever taps change and swaps it in; each
 * reader goes over to it between two bursts, when nothing of the old one is on its way, and says so.
 */
#include "worker.h"

#include <stdlib.h>
#include <unistd.h>

#define LOOK_US 200 /* between two looks whether readers went over */

void plan_destroy(struct plan *plan)
{
	if (plan == NULL)
		return;
	for (unsigned int i = 0; i < plan->readers; i++)
		free(plan->of[i]);
	free(plan);
}

/* Each worker can read for itself: every source has a queue for each, with whole flows in it. */
static bool is_direct(const struct weir_pipe_taps *taps, unsigned int workers)
{
	unsigned int ports = 0;

	for (unsigned int i = 0; i < taps->n; i++)
		for (unsigned int k = 0; k < taps->taps[i].n_ports; k++, ports++) {
			const struct weir_source *src = taps->taps[i].ports[k].source;

			if (src->queues != workers || !src->symmetric)
				return false;
		}
	return ports > 0 && workers > 1;
}

static unsigned int count_queues(const struct weir_pipe_taps *taps)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < taps->n; i++)
		for (unsigned int k = 0; k < taps->taps[i].n_ports; k++)
			n += taps->taps[i].ports[k].source->queues;
	return n;
}

/* A reader may sleep as long as the most impatient of its sources allows. */
static void add_port(struct inputs *in, const struct weir_pipe_tap *tap,
		     const struct weir_pipe_port *port, int only_queue)
{
	const struct weir_source *src = port->source;

	assert(port->slot < WEIR_PIPE_PORTS_MAX);
	in->idle_us = in->n == 0 || src->idle_us < in->idle_us ? src->idle_us : in->idle_us;
	for (uint16_t queue = 0; queue < src->queues; queue++)
		if (only_queue < 0 || queue == only_queue)
			in->input[in->n++] = (struct input){ .src = port->source,
							     .filter = tap->filter,
							     .queue = queue,
							     .slot = port->slot,
							     .tap = tap->number };
}

/* All queues, or of each source the one of this number. */
static struct inputs *inputs_create(const struct weir_pipe_taps *taps, int only_queue)
{
	const size_t bytes = sizeof(struct inputs) + count_queues(taps) * sizeof(struct input);
	struct inputs *in = calloc(1, bytes);

	if (in == NULL)
		return NULL;
	for (unsigned int i = 0; i < taps->n; i++) {
		const struct weir_pipe_tap *tap = &taps->taps[i];

		in->taps[in->n_taps++] = tap->number;
		for (unsigned int k = 0; k < tap->n_ports; k++)
			add_port(in, tap, &tap->ports[k], only_queue);
	}
	return in;
}

struct plan *plan_create(const struct weir_pipe *p, const struct weir_pipe_taps *taps)
{
	const bool direct = is_direct(taps, p->opt.workers);
	struct plan *plan = calloc(1, sizeof(*plan));

	if (plan == NULL)
		return NULL;
	plan->regime = p->regime;
	plan->way = direct                ? WEIR_PIPE_DIRECT
		    : p->opt.workers == 1 ? WEIR_PIPE_ONE_WORKER
					  : WEIR_PIPE_STEERED;
	for (unsigned int i = 0; i < (direct ? p->opt.workers : 1); i++) {
		plan->of[i] = inputs_create(taps, direct ? (int)i : -1);
		if (plan->of[i] == NULL) {
			plan_destroy(plan);
			return NULL;
		}
		plan->readers++;
	}
	return plan;
}

static struct inputs *inputs_copy(const struct inputs *in)
{
	const size_t bytes = sizeof(*in) + in->n * sizeof(in->input[0]);
	struct inputs *copy = malloc(bytes);

	if (copy != NULL)
		memcpy(copy, in, bytes);
	return copy;
}

struct plan *plan_copy(const struct weir_pipe *p, const struct regime *regime)
{
	const struct plan *old = atomic_load_explicit(&p->plan, memory_order_relaxed);
	struct plan *plan = calloc(1, sizeof(*plan));

	if (plan == NULL)
		return NULL;
	plan->regime = *regime;
	plan->way = old->way;
	for (unsigned int i = 0; i < old->readers; i++) {
		plan->of[i] = inputs_copy(old->of[i]);
		if (plan->of[i] == NULL) {
			plan_destroy(plan);
			return NULL;
		}
		plan->readers++;
	}
	return plan;
}

static void clock_start(struct reader *r, uint8_t tap, const struct plan *plan)
{
	const struct weir_pipe *p = r->pipe;

	r->clocks[tap] = (struct tap_clock){
		.tap = { .number = tap,
			 .lossless = p->opt.lossless,
			 .epoch = atomic_load_explicit(&p->epoch, memory_order_acquire),
			 .delay_ns = plan->regime.settings->flow.delay_ns }
	};
}

void clocks_forget(struct weir_pipe *p)
{
	const struct plan *plan = atomic_load_explicit(&p->plan, memory_order_relaxed);

	for (unsigned int i = 0; i < p->opt.workers; i++) {
		p->readers[i].clock_ns = 0;
		for (unsigned int tap = 1; tap <= WEIR_TAP_MAX; tap++)
			clock_start(&p->readers[i], (uint8_t)tap, plan);
	}
}

static bool has_tap(const struct plan *plan, unsigned int reader, uint8_t tap)
{
	return plan != NULL && reader < plan->readers &&
	       memchr(plan->of[reader]->taps, tap, plan->of[reader]->n_taps) != NULL;
}

/* A tap that comes anew to a reader has no time there yet. Under the lock. */
static void start_clocks(struct weir_pipe *p, const struct plan *old, const struct plan *plan)
{
	for (unsigned int i = 0; i < plan->readers; i++)
		for (unsigned int k = 0; k < plan->of[i]->n_taps; k++)
			if (!has_tap(old, i, plan->of[i]->taps[k]))
				clock_start(&p->readers[i], plan->of[i]->taps[k], plan);
}

/* Nobody reads by another plan than `plan`. */
static bool is_followed(struct weir_pipe *p, const struct plan *plan)
{
	bool followed = true;

	pthread_mutex_lock(&p->lock);
	for (unsigned int i = 0; i < p->opt.workers; i++)
		/* Acquire: pairs with the reader's release; the frames were given back before. */
		followed &= !p->readers[i].active ||
			    atomic_load_explicit(&p->readers[i].seen, memory_order_acquire) == plan;
	pthread_mutex_unlock(&p->lock);
	return followed;
}

void plan_set(struct weir_pipe *p, struct plan *plan)
{
	struct plan *old;

	pthread_mutex_lock(&p->lock);
	old = atomic_load_explicit(&p->plan, memory_order_relaxed);
	start_clocks(p, old, plan);
	/* Release: pairs with the acquire of readers; what it holds is seen, its clocks too. */
	atomic_store_explicit(&p->plan, plan, memory_order_release);
	pthread_mutex_unlock(&p->lock);
	while (!is_followed(p, plan))
		usleep(LOOK_US);
	plan_destroy(old);
}
