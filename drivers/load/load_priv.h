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
	uint32_t size;         /* without FCS; 0 = IMIX */
	uint32_t conversation; /* mean data packets; 0 = from `life` */
	double life; /* packets of a flow while it lasts: of each, with zipf of the first */
	uint32_t share, shares; /* flow numbers of this queue: share, share + shares ... */
	uint32_t scramble;      /* from the seed */
	int side;               /* the only direction handed out; -1 = both */
	uint64_t step_ns;       /* between two packets of all queues */
	uint64_t rng;
	uint64_t made;  /* packets on this queue's line of time, those of a split direction too */
	uint64_t begun; /* conversations */
	uint64_t bytes; /* handed out */
};

/* Drawn, and the state of its flow fetched, WEIR_BURST_MAX packets before it is used. */
struct load_ahead {
	uint64_t draw[WEIR_BURST_MAX];
};

void load_choice_init(struct load_choice *c, uint32_t flows, bool zipf);
/* `flow` has room for choice->flows, zeroed. */
void load_maker_init(struct load_maker *m, struct load_ahead *ahead, uint64_t seed);

/*
 * Make the next `n` packets, each into its slot of LOAD_SLOT bytes, and their frames, all with `opaque`.
 * Returns how many are of the direction asked for; they lie at the front.
 */
uint16_t load_maker_run(struct load_maker *m, struct load_ahead *ahead, uint8_t (*slot)[LOAD_SLOT],
			struct weir_frame *frames, uint16_t n, void *opaque);

#endif
