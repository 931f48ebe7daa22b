/* SPDX-License-Identifier: Apache-2.0 */
/* Reservoir sampling: the i-th record of a window takes a random place among the first i, if that is one of those kept. */
#include "throttle.h"

#include <stdlib.h>

struct weir_throttle {
	weir_emit_fn emit;
	void *ctx;
	uint64_t random;
	uint64_t end_ns; /* of the window; 0 = none has begun */
	uint64_t seen;   /* in the window */
	uint32_t n, most;
	uint64_t left_out;
	struct weir_flow_rec recs[THROTTLE_RECS];
};

struct weir_throttle *weir_throttle_create(uint64_t seed, weir_emit_fn emit, void *ctx)
{
	struct weir_throttle *t = weir_mem_map(sizeof(*t));

	if (t == NULL)
		return NULL;
	t->emit = emit;
	t->ctx = ctx;
	t->random = seed;
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
	t->end_ns = now_ns + window_ns;
}

static void keep(struct weir_throttle *t, const struct weir_flow_rec *r)
{
	const uint64_t place = t->n < t->most ? t->n : random_below(t, t->seen + 1);

	t->seen++;
	if (place < t->most)
		t->recs[place] = *r;
	if (t->n < t->most)
		t->n++;
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
		keep(t, &recs[i]);
}

void weir_throttle_advance(struct weir_throttle *t, uint64_t now_ns)
{
	if (now_ns >= t->end_ns)
		weir_throttle_end(t);
}

void weir_throttle_end(struct weir_throttle *t)
{
	const uint32_t n = t->n;

	t->n = 0;
	t->seen = 0;
	t->end_ns = 0;
	if (n > 0)
		t->emit(t->ctx, t->recs, n);
}

uint64_t weir_throttle_held(const struct weir_throttle *t)
{
	return t->n;
}

uint64_t weir_throttle_left_out(const struct weir_throttle *t)
{
	return t->left_out;
}
