/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table of one worker: packets in, flow records out.
 *
 * Fixed memory, made at start. One thread owns a table and everything in it. Time is the packets':
 * a flow's end is decided by its own time stamps, so the records do not depend on when the table
 * is swept. Specified by spec: data plane, 4 and 5.
 */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include <weir_pkt.h>
#include <weir_rec.h>
#include <weir_stats.h>

#define WEIR_REPORT_NS (60 * WEIR_NS_PER_S) /* a flow's record period */

struct weir_flow; /* private: 128 B every packet touches */
struct weir_flow_table;

/* Settings of flows; part of a view. Times in ns. Defaults are the group table's. */
struct weir_flow_conf {
	uint64_t established_ns, closing_rst_ns, opening_rst_ns, others_ns;
	uint64_t delay_ns; /* max_tolerable_packet_delay */
	bool ignore_mac, ignore_l2_end, ignore_idc_vlan;
	const uint8_t *server_ports; /* bitmap of 65536 bits, NULL = none */
};

/* What attribution says of a packet, beside the packet itself. */
struct weir_attr {
	uint64_t capture_nic;
	uint16_t network_type; /* 3 = cloud */
	uint8_t tap;
	uint8_t l2_end[2], l3_end[2];
};

/* Deltas of one direction pair over one second: [0] and [1] are the flow's client and server. */
struct weir_flow_second {
	uint64_t second; /* epoch */
	uint32_t packet[2], byte[2], l3_byte[2], l4_byte[2];
};

struct weir_flow_hooks {
	/*
	 * Room for one record in the ring, or NULL when it is full and the source is live; then
	 * `records_lost` counts. Followed by rec_commit. Worker thread.
	 */
	struct weir_flow_rec *(*rec_reserve)(void *ctx);
	void (*rec_commit)(void *ctx);
	/*
	 * A second of a flow is over; may be NULL. Late packets, and more than 4 GiB, make a second
	 * come in parts: deltas are to be added. Worker thread.
	 */
	void (*on_second)(void *ctx, const struct weir_flow *flow,
			  const struct weir_flow_second *delta);
	void *ctx;
};

/* Sizes of one table. */
struct weir_flow_budget {
	uint32_t flows;      /* most flows at once */
	uint32_t ext_blocks; /* 64-byte extensions: IPv6 keys, tunnels, NAT, segments ... */
};

struct weir_flow_counters {
#define WEIR_FLOW_COUNTER(name, help) uint64_t name;
#include "counters.def"
};

/* Bytes a table of this budget maps, everything included. */
size_t weir_flow_table_bytes(const struct weir_flow_budget *budget);

/* NULL when the memory cannot be had. `hooks` is copied. Control thread. */
struct weir_flow_table *weir_flow_table_create(const struct weir_flow_budget *budget,
					       const struct weir_flow_hooks *hooks, uint64_t seed);
void weir_flow_table_destroy(struct weir_flow_table *t);

/* Have pages behind all of the table's memory, before packets come to it. */
void weir_flow_table_back(struct weir_flow_table *t);

/* Settings for what follows; borrowed until the next call. At the start of a burst. */
void weir_flow_table_configure(struct weir_flow_table *t, const struct weir_flow_conf *conf);

/*
 * Hold at most `flows` from now on; 0, or more than the budget's, = the budget's. Where that is another number
 * the table is made anew: every flow ends with a forced report at watermark `now_ns`. Worker that owns the table.
 */
void weir_flow_table_limit(struct weir_flow_table *t, uint32_t flows, uint64_t now_ns);

/* A flow that is asked about: by the packet that it, or its report, starts with. */
struct weir_flow_first {
	const struct weir_pkt *pkt;
	const struct weir_attr *attr;
};

/* What others know of a flow. Of the packet's sender, and of its receiver. */
struct weir_flow_label {
	int32_t l3_vpc[2], l2_vpc[2]; /* of the address, of the MAC; 0 = unknown */
	uint8_t point[2]; /* observation point if the sender is the client, if the receiver is */
	bool l2_end[2], l3_end[2];
	bool gids_cut;                    /* there are more than it has room for */
	uint16_t gids[WEIR_REC_GIDS_MAX]; /* 0 = no more: as acl_gids of a record */
};

/* Say what is known of `n` (at most WEIR_BURST_MAX) flows: all of `labels`. Worker thread. */
typedef void (*weir_flow_label_fn)(const void *of, const struct weir_flow_first *firsts,
				   struct weir_flow_label *labels, unsigned int n);

/*
 * Ask `label` about flows that start from now on, with `of`, borrowed until the next call; NULL = nothing is known. It
 * is asked once a burst, of all flows that started in it, or before, when one of them ends within it. Flows keep what
 * was said; when `generation` is another, those that go on are asked about again, each with the first packet of its
 * next report, so that they come spread over a minute.
 */
void weir_flow_table_label(struct weir_flow_table *t, weir_flow_label_fn label, const void *of,
			   uint32_t generation);

struct weir_hints;
struct weir_hint_log;

/*
 * What flows that start from now on know of servers (NULL = nothing), and where they write what they
 * show (NULL = nowhere). Both borrowed until the next call. See weir_flow_service.h.
 */
void weir_flow_table_hints(struct weir_flow_table *t, const struct weir_hints *hints,
			   struct weir_hint_log *log);

/*
 * Count a burst: every packet whose `outcome` is FLOW, in order; it becomes TABLE_FULL where no flow
 * could be made. Worker that owns the table. Blocks only in rec_reserve, never allocates.
 */
void weir_flow_table_burst(struct weir_flow_table *t, const struct weir_pkt *pkts,
			   const struct weir_attr *attrs, uint8_t *outcome, unsigned int n);

/*
 * The watermark has come to `now_ns`: close and report what is due. Visits at most `budget` flows;
 * returns true when more are due.
 */
bool weir_flow_table_expire(struct weir_flow_table *t, uint64_t now_ns, unsigned int budget);

/*
 * Close every flow of a tap (WEIR_FLOW_ALL_TAPS: all). At the end of input what is open ends by its
 * state at watermark `now_ns`; for a new epoch it ends with a forced report.
 */
#define WEIR_FLOW_ALL_TAPS (-1)
enum weir_flush_reason { WEIR_FLUSH_END, WEIR_FLUSH_EPOCH };
void weir_flow_table_flush(struct weir_flow_table *t, int tap, enum weir_flush_reason reason,
			   uint64_t now_ns);

uint32_t weir_flow_table_size(const struct weir_flow_table *t);     /* flows now */
uint32_t weir_flow_table_capacity(const struct weir_flow_table *t); /* most at once */
const struct weir_flow_counters *weir_flow_table_counters(const struct weir_flow_table *t);

#endif
