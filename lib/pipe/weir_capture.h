/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of a running pipe, copied out on demand: what tcpdump is for where a DPDK port is weir's. Copies
 * go through a ring of fixed size for each reader; what finds no room there is counted, and no packet
 * waits for it.
 */
#ifndef WEIR_CAPTURE_H
#define WEIR_CAPTURE_H

#include <weir_pipe.h>

#define WEIR_CAPTURES_MAX 4 /* at once, of one pipe */

struct weir_capture_options {
	uint64_t slots;                   /* 1 << slot of each port whose packets are wanted */
	const struct weir_filter *filter; /* NULL = all; borrowed until stop */
	uint32_t snaplen;                 /* first bytes that are kept; 1 to WEIR_FRAME_MAX */
	size_t memory_bytes;              /* of all rings together; 0 = 16 MiB */
};

/* A packet as it was received: before settings of its tap, fragments or dedup did anything to it. */
struct weir_captured {
	uint64_t ts_ns;
	uint32_t caplen, wirelen; /* as in struct weir_frame */
	uint16_t vlan_tci;        /* with WEIR_FRAME_VLAN in `flags` */
	uint8_t slot, link, flags;
	const uint8_t *data;
};

struct weir_capture;

/*
 * Begin to copy packets of a live pipe. NULL with `err` set: EBUSY when there are WEIR_CAPTURES_MAX, ENOMEM.
 * Control thread.
 */
struct weir_capture *weir_capture_start(struct weir_pipe *p, const struct weir_capture_options *o,
					struct weir_err *err);

/* The next packet, borrowed until the next call; false = none now. Those of two workers may be out of order. One thread. */
bool weir_capture_next(struct weir_capture *c, struct weir_captured *packet);

/* Packets that matched, of one slot; of these, those without room. Any thread, may lag. */
void weir_capture_counts(const struct weir_capture *c, uint8_t slot, uint64_t *matched,
			 uint64_t *dropped);

/* No packet comes after it; those that are there can still be taken. Control thread. */
void weir_capture_stop(struct weir_capture *c);
/* After stop. NULL is fine. */
void weir_capture_destroy(struct weir_capture *c);

#endif
