/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages of the pipe that keep something of their own: dedup, fragments, attribution. Each is memory
 * of one thread and a function over packets; what order they run in is the stages' business.
 */
#ifndef PIPE_PRIV_H
#define PIPE_PRIV_H

#include <weir_flow.h>
#include <weir_pkt.h>
#include <weir_settings.h>

#include <stdatomic.h>

/* Dedup: spec, data plane 1.10. */

struct weir_dedup_counters {
	uint64_t duplicates;
	uint64_t evicted; /* forgotten within the window: the table is too small */
};

struct weir_dedup;

/* `packets`: most packets remembered, a power of two, at least 4; 16 bytes each. NULL without memory. */
struct weir_dedup *weir_dedup_create(uint32_t packets, uint64_t seed);
size_t weir_dedup_bytes(uint32_t packets);
void weir_dedup_destroy(struct weir_dedup *d);
/* As created, but for the counters. While the worker is quiet. */
void weir_dedup_forget(struct weir_dedup *d);

/*
 * Packets whose outcome is FLOW and that repeat one seen before become DUPLICATE. Only IP packets of
 * the cloud network type are looked at. `n` is at most WEIR_BURST_MAX. Worker that owns `d`.
 */
void weir_dedup_burst(struct weir_dedup *d, const struct weir_dedup_conf *conf,
		      const struct weir_pkt *pkts, const struct weir_attr *attrs, uint8_t *outcome,
		      unsigned int n);
const struct weir_dedup_counters *weir_dedup_counters(const struct weir_dedup *d);

/* Fragments: later ones get the ports of the first. */

#define WEIR_HELD_BYTES 512 /* of a held frame that are kept */

struct weir_fragment_conf {
	uint32_t datagrams; /* remembered at once, a power of two, at least 4 */
	uint32_t frames;    /* held copies, those on their way through workers included */
	uint64_t hold_ns;   /* longest wait for a first fragment; less than the tolerated delay */
};

struct weir_fragment_counters {
	uint64_t held;    /* frames kept to wait for their first fragment; the others among them: */
	uint64_t matched; /* released with its ports */
	uint64_t expired; /* released without: it did not come in time */
	uint64_t evicted; /* released without: too many datagrams */
	uint64_t exhausted; /* not held, though they should have been: passed without ports */
};

/* Head of the table; what follows is private. */
struct weir_fragment {
	uint64_t due_ns; /* a packet of this time or later makes a held frame expire */
	struct weir_fragment_counters counters;
};

/* Behind `opaque` of a frame with WEIR_FRAME_HELD. */
struct weir_held {
	uint8_t tap, slot;    /* as given to weir_fragment_step() */
	atomic_bool returned; /* who has the frame: wo, once; the table's thread: ro */
};

enum weir_fragment_verdict {
	WEIR_FRAGMENT_PASS, /* goes on; its ports are set if they are known */
	WEIR_FRAGMENT_HELD, /* copied, comes back from take_released; the caller is done with it */
};

/* NULL without memory. */
struct weir_fragment *weir_fragment_create(const struct weir_fragment_conf *conf);
size_t weir_fragment_bytes(const struct weir_fragment_conf *conf);
void weir_fragment_destroy(struct weir_fragment *t);

/* False: stepping this packet would neither need nor change anything, and can be left out. */
static inline bool weir_fragment_is_needed(const struct weir_fragment *t,
					   const struct weir_pkt *pkt)
{
	return (pkt->flags & WEIR_PKT_FRAGMENT) != 0 || pkt->ts_ns >= t->due_ns;
}

/*
 * The next packet of `tap`, in the order of the tap: remember the ports of a first fragment, set those
 * of a later one, in `pkt` and `frame`, or hold it. `slot`, its port, comes back with a held frame. Afterwards
 * weir_fragment_take_released() must be asked: what it gives comes right after this packet.
 *
 * What happens depends only on the sequence of packets; steps left out by weir_fragment_is_needed()
 * change nothing. One thread for each table.
 */
enum weir_fragment_verdict weir_fragment_step(struct weir_fragment *t, uint8_t tap, uint8_t slot,
					      struct weir_frame *frame, struct weir_pkt *pkt);

/* No further copy can be held until one is returned. */
bool weir_fragment_is_dry(struct weir_fragment *t);

/*
 * Up to `max` frames whose wait is over, with WEIR_FRAME_HELD and WEIR_FRAME_PORTS set. Each is valid
 * until it is given to weir_fragment_return(). They were received when they were stepped: neither
 * late nor too old now.
 */
uint16_t weir_fragment_take_released(struct weir_fragment *t, struct weir_frame *out, uint16_t max);

/* The watermark came to `now_ns` without a packet: what is due is released. */
void weir_fragment_expire(struct weir_fragment *t, uint64_t now_ns);
/* End of input: everything held is released. */
void weir_fragment_flush(struct weir_fragment *t);
/* As created, but for the counters. Everything held was released, taken and returned. */
void weir_fragment_forget(struct weir_fragment *t);

/* Whose it is. */
static inline const struct weir_held *weir_fragment_held(const struct weir_frame *frame)
{
	return frame->opaque;
}

/* Give a held frame back. Any thread. */
static inline void weir_fragment_return(const struct weir_frame *frame)
{
	struct weir_held *held = frame->opaque;

	/* Release: pairs with the acquire in reclaim(); the bytes were read before. */
	atomic_store_explicit(&held->returned, true, memory_order_release);
}

/* Attribution in analyzer mode: spec, data plane 1.5 to 1.7. */

/* Fill attrs[i] of each of `n` packets of `tap`. Worker. */
void weir_attribute_burst(const struct weir_attribute_conf *conf, uint8_t tap,
			  const struct weir_pkt *pkts, struct weir_attr *attrs, unsigned int n);

/* What is known of new flows. */

/* As weir_flow_label_fn; `view` has an inventory, policies, or both. */
void weir_label_flows(const void *of, const struct weir_flow_first *firsts,
		      struct weir_flow_label *labels, unsigned int n);

#endif
