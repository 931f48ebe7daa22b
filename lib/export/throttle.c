/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservoir sampling: the i-th record of a window takes a random place among the first i, if that is one of those kept.
 *
 * The sample of a window leaves evenly while the next one fills: all at once it would be more than the queues before
 * the sinks hold. A window that is over lasts on until the sample before it has left.
 */
#include "throttle.h"

#include <stdlib.h>

struct sample {
	uint32_t n;
	struct weir_flow_rec recs[THROTTLE_RECS];
};

struct weir_throttle {
	weir_emit_fn emit;
	void *ctx;
	uint32_t slice; /* most that leaves at once */
	uint64_t random;
	uint64_t begin_ns, end_ns; /* of the window; 0 = none has begun */
	uint64_t seen;             /* in the window */
	uint32_t most;             /* that the window keeps */
	uint64_t left_out;
	uint64_t leaves_ns, leaves_for_ns; /* what leaves: since when, and for how long */
	uint32_t gone;                     /* of what leaves */
	struct sample samples[2], *fills, *leaves;
};

struct weir_throttle *weir_throttle_create(uint64_t seed, uint32_t slice, weir_emit_fn emit,
					   void *ctx)
{
	struct weir_throttle *t = weir_mem_map(sizeof(*t));

	if (t == NULL)
		return NULL;
	t->emit = emit;
	t->ctx = ctx;
	t->slice = slice;
	t->random = seed;
	t->fills = &t->samples[0];
	t->leaves = &t->samples[1];
	return t;
}

void weir_throttle_destroy(struct weir_throttle *t)
{
	if (t != NULL)
		weir_mem_unmap(t, sizeof(*t));
}

/* Below `n`. Splitmix64; a bias of n / 2^64 is none. */
static uint64_t random_below(struct weir_throttle *t, uint64_t n)
{
	uint64_t z = t->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint64_t)((__uint128_t)(z ^ z >> 31) * n >> 64);
}

static void begin(struct weir_throttle *t, uint32_t rate, uint64_t now_ns)
{
	const uint64_t fits_ns = THROTTLE_RECS * WEIR_NS_PER_S / rate;
	const uint64_t window_ns = weir_min_u64(fits_ns, THROTTLE_WINDOW_NS);

	t->most = (uint32_t)weir_min_u64(weir_max_u64(rate * window_ns / WEIR_NS_PER_S, 1),
					 THROTTLE_RECS);
	t->begin_ns = now_ns;
	t->end_ns = now_ns + window_ns;
}

static void keep(struct weir_throttle *t, const struct weir_flow_rec *r)
{
	struct sample *s = t->fills;
	const uint64_t place = s->n < t->most ? s->n : random_below(t, t->seen + 1);

	t->seen++;
	if (place < t->most)
		s->recs[place] = *r;
	if (s->n < t->most)
		s->n++;
	else
		t->left_out++;
}

void weir_throttle_take(struct weir_throttle *t, uint32_t rate, const struct weir_flow_rec *recs,
			uint32_t n, uint64_t now_ns)
{
	weir_throttle_advance(t, now_ns);
	if (t->end_ns == 0 && n > 0)
		begin(t, rate, now_ns);
	for (uint32_t i = 0; i < n; i++)
		if (weir_unlikely(recs[i].acl_gids[0] != 0))
			t->emit(t->ctx, &recs[i], 1);
		else
			keep(t, &recs[i]);
}

/* What filled leaves from now on, and no window has begun. */
static void turn(struct weir_throttle *t, uint64_t now_ns)
{
	struct sample *full = t->fills;

	t->fills = t->leaves;
	t->fills->n = 0;
	t->leaves = full;
	t->gone = 0;
	t->leaves_ns = now_ns;
	t->leaves_for_ns = t->end_ns - t->begin_ns;
	t->seen = 0;
	t->end_ns = 0;
}

static void leave(struct weir_throttle *t, uint64_t n)
{
	const struct weir_flow_rec *from = &t->leaves->recs[t->gone];

	t->gone += (uint32_t)n;
	if (n > 0)
		t->emit(t->ctx, from, (uint32_t)n);
}

static void leave_due(struct weir_throttle *t, uint64_t now_ns)
{
	const uint64_t past_ns = weir_min_u64(now_ns - t->leaves_ns, t->leaves_for_ns);
	const uint64_t due = t->leaves->n * past_ns / t->leaves_for_ns;

	leave(t, weir_min_u64(due - t->gone, t->slice));
}

void weir_throttle_advance(struct weir_throttle *t, uint64_t now_ns)
{
	if (weir_throttle_leaves(t))
		leave_due(t, now_ns);
	if (t->end_ns != 0 && now_ns >= t->end_ns && !weir_throttle_leaves(t))
		turn(t, now_ns);
}

void weir_throttle_end(struct weir_throttle *t)
{
	leave(t, t->leaves->n - t->gone);
	turn(t, 0);
	leave(t, t->leaves->n);
}

bool weir_throttle_leaves(const struct weir_throttle *t)
{
	return t->gone < t->leaves->n;
}

uint64_t weir_throttle_held(const struct weir_throttle *t)
{
	return t->fills->n + t->leaves->n - t->gone;
}

uint64_t weir_throttle_left_out(const struct weir_throttle *t)
{
	return t->left_out;
}
