/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs: sources and taps, the rings between threads, the view that workers read, and waiting.
 * The only room of lib that knows threads. What a worker does with a burst is lib/pipe.
 */
#ifndef WEIR_RT_H
#define WEIR_RT_H

#include <weir_base.h>
#include <weir_pkt.h>

#include <stdatomic.h>

struct weir_source;

/* What a capture source provides. open, start, stop, close: control thread. */
struct weir_source_ops {
	const char *name; /* "pcap", "ethdev", "load" */
	/* Take the outside resource. On failure nothing is left behind. */
	int (*open)(struct weir_source *src, struct weir_err *err);
	int (*start)(struct weir_source *src, struct weir_err *err);
	/*
	 * Up to `max` frames, borrowed until done() is called with them. 0 = nothing now; for a
	 * lossless source that is over, `ended` is set before 0 is returned. The one thread that
	 * polls this queue.
	 */
	uint16_t (*rx)(struct weir_source *src, uint16_t queue, struct weir_frame *frames,
		       uint16_t max);
	/*
	 * Give frames back, in any grouping and from any thread, also while others give back theirs.
	 * NULL where frames live as long as the source.
	 */
	void (*done)(struct weir_source *src, const struct weir_frame *frames, uint16_t n);
	/* Packets lost before rx could see them. False = the port cannot tell. Control thread. */
	bool (*missed)(struct weir_source *src, uint64_t *packets);
	void (*stop)(struct weir_source *src);
	void (*close)(struct weir_source *src); /* also frees `src` */
};

/* Common part of every source; a driver embeds it first in its own struct. */
struct weir_source {
	const struct weir_source_ops *ops;
	const char *label; /* what messages call it: file or device; owned by the driver */
	uint16_t queues;   /* rx queues; 1 unless the driver can do more */
	bool lossless;     /* waits instead of dropping */
	bool symmetric;    /* its queues keep both directions of a flow together; from start on */
	uint32_t
		idle_us; /* a reader that finds nothing may sleep so long; 0 = as short as it likes */

	/* rx thread: wo; others: ro, may lag */
	atomic_bool ended;           /* lossless: nothing will come any more */
	_Atomic uint64_t bytes_done; /* of bytes_total, for progress */
	uint64_t bytes_total;        /* 0 = unknown */
	struct weir_err fault;       /* input ended early: where and why; valid once `ended` */
};

/*
 * A ring of fixed slots between one producer and one consumer. Slots are filled and read in place.
 * Waiting is a futex, entered only when the ring stays empty (full) for a while. A sleeping consumer
 * is woken when the ring is half full, at once by flush and close, and looks by itself every
 * millisecond: so a slot never lies longer than that, and few slots cost a system call.
 */
struct weir_ring;

/* `slots` is a power of two. NULL without memory. */
struct weir_ring *weir_ring_create(uint32_t slots, size_t slot_bytes);
void weir_ring_destroy(struct weir_ring *r);

/* Producer: the next free slot or NULL when full; it is passed on by weir_ring_push(). */
void *weir_ring_reserve(struct weir_ring *r);
void *weir_ring_reserve_wait(struct weir_ring *r); /* blocks while full */
void weir_ring_push(struct weir_ring *r);
/* Producer: wake the consumer for what is there, however little. Before waiting for its answer. */
void weir_ring_flush(struct weir_ring *r);
/* Producer: nothing more will come. */
void weir_ring_close(struct weir_ring *r);
/* As created. It is empty and nobody uses it. */
void weir_ring_reopen(struct weir_ring *r);

/* Consumer: slots ready, at most `max`, first one in *slot; contiguous. 0 = empty. */
uint32_t weir_ring_peek(struct weir_ring *r, void **slot, uint32_t max);
void weir_ring_pop(struct weir_ring *r, uint32_t n);
/* Consumer: sleep until something is there or the ring is closed; false = closed and empty. */
bool weir_ring_wait(struct weir_ring *r);
/*
 * One thread consumes many rings: before any use, each but the first shares the first one's. It sleeps
 * until one of them is half full, flushed or closed, `ns` at most; not at all where something is there.
 */
void weir_ring_share_consumer(struct weir_ring *r, struct weir_ring *with);
void weir_rings_wait(struct weir_ring *const *rings, uint32_t n, uint64_t ns);
bool weir_ring_is_over(struct weir_ring *r);  /* the same, without sleeping: closed and empty */
bool weir_ring_is_empty(struct weir_ring *r); /* either side; all pushed slots were popped */
uint32_t weir_ring_used(
	const struct weir_ring *r); /* slots pushed and not popped; any thread, may lag */

/* Name the calling thread, make its sleeps short, pin it to CPU `cpu` (negative: not pinned). */
void weir_thread_setup(const char *name, int cpu);

#endif
