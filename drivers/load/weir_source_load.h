/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synthetic traffic from memory, as a capture source: no device, no file, no EAL. Lossless, and the
 * same packets in the same order from the same options, on every machine.
 *
 * Frames are snapped: `wirelen` and every length inside the packet are real, but only the headers and
 * the first 64 bytes of payload are there. Checksums are 0. Time is synthetic and starts at
 * WEIR_LOAD_EPOCH_NS.
 */
#ifndef WEIR_SOURCE_LOAD_H
#define WEIR_SOURCE_LOAD_H

#include <weir_rt.h>

#define WEIR_LOAD_EPOCH_NS (UINT64_C(1767225600) * WEIR_NS_PER_S) /* 2026-01-01 00:00:00 UTC */
#define WEIR_LOAD_SIZE_MAX 9018                                   /* largest frame, with FCS */

enum weir_load_traffic {
	WEIR_LOAD_TCP,      /* handshake, data both ways, FIN; then again from a new port */
	WEIR_LOAD_UDP,      /* both ways, without end */
	WEIR_LOAD_SYNFLOOD, /* every packet a SYN from another client to one server */
	WEIR_LOAD_VXLAN,    /* tcp in VXLAN, no VLAN tag, 16 VNIs */
	WEIR_LOAD_ERSPAN,   /* tcp in ERSPAN type II */
	WEIR_LOAD_MIXED,    /* of 16 flows 11 tcp, 3 udp, 1 vxlan, 1 erspan */
	WEIR_LOAD_TRAFFICS
};

struct weir_load_options {
	enum weir_load_traffic traffic;
	uint32_t flows; /* at the same time, over all queues: 1 to 2^28; synflood: no matter */
	uint32_t size;  /* of a data frame with FCS: 64 to WEIR_LOAD_SIZE_MAX; 0 = IMIX */
	bool zipf;      /* flow k is chosen in proportion to 1/k; else all alike */
	/*
	 * Data packets of a tcp conversation, mean. 0 = so many that it lasts 20 s of packet time (at
	 * most 65535): then about 5 % of the flows end and begin anew in each second.
	 */
	uint32_t conversation;
	uint16_t queues;  /* each has its own flows, both directions of them; at least 1 */
	bool split;       /* `queues` is even: clients' packets in even ones, answers in the next */
	uint64_t seed;    /* of everything that is drawn */
	uint64_t packets; /* over all queues; 0 = no limit */
	uint32_t seconds; /* of the clock on the wall, from a queue's first rx; 0 = no limit */
	uint64_t rate;    /* packets a second over all queues; 0 = flat out, 100 ns apart in time */
};

/* What was handed out so far: the truth a test compares with. */
struct weir_load_truth {
	uint64_t packets;
	uint64_t bytes; /* sum of wirelen */
	uint64_t flows; /* conversations begun */
};

/* The traffic called `name`; negative errno with a sentence for one that is unknown or not there yet. */
int weir_load_traffic_parse(const char *name, struct weir_err *err);

/* NULL with `err` when an option is out of range. ops->close() frees it. Control thread. */
struct weir_source *weir_source_load_create(const struct weir_load_options *o,
					    struct weir_err *err);

/* Any thread; lags behind a running rx by at most its burst. */
void weir_source_load_truth(const struct weir_source *src, struct weir_load_truth *truth);

#endif
