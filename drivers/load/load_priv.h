/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOAD_PRIV_H
#define LOAD_PRIV_H

#include "weir_source_load.h"

#define LOAD_SLOT      192 /* bytes kept of a frame: outer headers 50, inner 54 to 66, payload 64 */
#define LOAD_ZIPF_BITS 10

/* One conversation. All zero = not begun. */
struct load_flow {
	uint32_t seq[2]; /* next to be sent by client, server */
	uint32_t round;  /* conversations before this one: makes the client's port */
	uint16_t left;   /* data packets to come */
	uint8_t step;    /* index of the step table */
	uint8_t owes;    /* 1 << side: it has data of the other side to acknowledge */
};
static_assert(sizeof(struct load_flow) == 16, "10 M flows are 160 MB");

/* How a flow is chosen: read-only, shared by all queues. */
struct load_choice {
	uint64_t log2_flows; /* zipf: of (flows + 1), 32.32 */
	uint32_t flows;      /* of one share */
	bool zipf;
	uint64_t pow2[(1 << LOAD_ZIPF_BITS) + 1]; /* 2^(i / 1024), 32.32 */
};

/* What makes the packets of one queue. */
struct load_maker {
	struct load_flow *flow;
	const struct load_choice *choice;
	enum weir_load_traffic traffic;
	uint32_t size;          /* without FCS; 0 = IMIX */
	uint32_t share, shares; /* flow numbers of this queue: share, share + shares ... */
	uint32_t scramble;      /* from the seed */
	uint64_t rng;
	uint64_t made;  /* packets on this queue's line of time, those of a split direction too */
	uint64_t begun; /* conversations */
	uint32_t ahead[WEIR_BURST_MAX]; /* flows chosen and prefetched, used 64 packets later */
};

void load_choice_init(struct load_choice *c, uint32_t flows, bool zipf);
/* `flow` has room for choice->flows, zeroed. */
void load_maker_init(struct load_maker *m, uint64_t seed);

/*
 * Make the next packet into `slot` (LOAD_SLOT bytes) and set data, caplen, wirelen and link of `f`.
 * Returns its direction: WEIR_SRC from the client, WEIR_DST from the server.
 */
int load_maker_next(struct load_maker *m, uint8_t *slot, struct weir_frame *f);

#endif
