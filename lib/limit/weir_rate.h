/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet rate: a bucket that fills evenly and holds what may come in one second. Who takes a burst out of it
 * gets as many as are there; the rest is refused. One thread an object; in the packet path.
 */
#ifndef WEIR_RATE_H
#define WEIR_RATE_H

#include <weir_base.h>

/* Full when all zeros. */
struct weir_rate {
	uint64_t last_ns;
	uint64_t credit; /* packets times WEIR_NS_PER_S, so that no part of one is lost */
};

/*
 * How many of `n` packets pass at `now_ns`, with `pps` a second (1 to 10^9), which may be another one each
 * time. A clock that goes back fills nothing.
 */
static inline uint32_t weir_rate_take(struct weir_rate *r, uint32_t pps, uint32_t n,
				      uint64_t now_ns)
{
	const uint64_t full = pps * WEIR_NS_PER_S;
	const uint64_t past = now_ns > r->last_ns ? now_ns - r->last_ns : 0;
	uint64_t credit = r->credit + pps * weir_min_u64(past, WEIR_NS_PER_S);
	uint64_t whole;

	credit = weir_min_u64(credit, full);
	whole = weir_min_u64(credit / WEIR_NS_PER_S, n);
	r->credit = credit - whole * WEIR_NS_PER_S;
	r->last_ns = now_ns;
	return (uint32_t)whole;
}

#endif
