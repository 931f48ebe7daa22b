/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to look at a flow again. Each flow has one valid reference in one of a few first-in first-out
 * queues, one a kind of deadline; all flows of a queue wait about the same time, so its front is what is
 * due next, and a little late does no harm, as a flow's own times decide. A packet does not move its flow: the reference comes to the front, the flow is looked
 * at, and if it lived on in between the reference goes to the end again. A flow whose deadline comes
 * nearer (FIN, RST) gets a new reference in a faster queue; the old one is stale, recognised by the
 * flow's queue and generation, and dropped when it comes up.
 *
 * References are kept in chunks of one cache line, so that what a sweep visits is prefetched twelve
 * flows at a time. The queues of half-open and one-way flows are also the order of eviction.
 */
#ifndef WEIR_FLOW_QUEUE_H
#define WEIR_FLOW_QUEUE_H

#include <weir_base.h>

enum flow_queue {
	QUEUE_NONE,      /* the entry is free */
	QUEUE_HALF_OPEN, /* TCP handshake not finished */
	QUEUE_ONE_WAY,   /* only one side has spoken */
	QUEUE_FAST,      /* opening_rst, closed_fin: a second or two */
	QUEUE_CLOSING,   /* others */
	QUEUE_LONG,      /* established; looked at every few seconds */
	QUEUES
};

#define CHUNK_REFS    12
#define REF_FLOW_BITS 26 /* flows a table: 64 M */
#define REF_GEN_MASK  0x3f

struct chunk {
	uint32_t next;   /* chunk number, 0 = none */
	uint16_t first;  /* next reference to take */
	uint16_t end;    /* one past the last reference */
	uint64_t due_ns; /* latest due time of its references */
	uint32_t ref[CHUNK_REFS];
};
static_assert(sizeof(struct chunk) == WEIR_CACHE_LINE, "one line");

struct queue {
	uint32_t head, tail; /* chunk numbers, 0 = empty */
};

struct queues {
	struct chunk *chunks; /* number 0 is not used */
	uint32_t total;
	uint32_t fresh; /* chunks never used begin here */
	uint32_t free;
	struct queue q[QUEUES];
};

/* Half as many references again as there are flows: the rest may be stale. */
static inline uint32_t queue_chunk_count(uint32_t flows)
{
	return flows / CHUNK_REFS + flows / CHUNK_REFS / 2 + 4 * QUEUES + 4;
}

static inline uint32_t ref_make(uint32_t flow, uint8_t gen)
{
	return flow | (uint32_t)(gen & REF_GEN_MASK) << REF_FLOW_BITS;
}

static inline uint32_t ref_flow(uint32_t ref)
{
	return ref & ((1u << REF_FLOW_BITS) - 1);
}

static inline uint8_t ref_gen(uint32_t ref)
{
	return (uint8_t)(ref >> REF_FLOW_BITS);
}

void queues_init(struct queues *qs, void *mem, uint32_t flows);
/* As initialised: every reference is stale. */
void queues_clear(struct queues *qs);

/* False when no chunk is free: the caller drops stale references and tries again. */
bool queue_push(struct queues *qs, enum flow_queue q, uint32_t ref, uint64_t due_ns);

/* Take the first chunk of a queue out; its references are the caller's until chunk_free(). */
struct chunk *queue_take(struct queues *qs, enum flow_queue q);
void chunk_free(struct queues *qs, struct chunk *c);
/* The first chunk, NULL = empty queue. */
static inline struct chunk *queue_front(const struct queues *qs, enum flow_queue q)
{
	return qs->q[q].head != 0 ? &qs->chunks[qs->q[q].head] : NULL;
}

/* The first reference of a queue that is not empty. */
uint32_t queue_pop(struct queues *qs, enum flow_queue q);

#endif
