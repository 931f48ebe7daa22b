/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and delays of a report: what tcp_perf.c, udp_perf.c and icmp_perf.c add to and perf.c
 * reports. Bytes and words in the flow's cold part; what outgrows them goes on in extensions, so
 * that every total is exact.
 */
#ifndef WEIR_FLOW_PERF_H
#define WEIR_FLOW_PERF_H

#include "flow_priv.h"

#define PERF_ART_MAX_NS (30 * WEIR_NS_PER_S)

/* What a packet's measures go to. */
struct perf {
	struct ext_pool *pool;
	struct weir_flow_counters *counters;
	struct weir_flow_cold *c;
};

/* The flow's block of `kind`, made where there is none; NULL is counted. */
struct ext *weir_perf_ext(struct perf m, enum ext_kind kind);

void weir_perf_count_wrap(struct perf m, enum tcp_counter which);

static inline void perf_count(struct perf m, enum tcp_counter which)
{
	if (weir_unlikely(++m.c->meter.count[which] == 0))
		weir_perf_count_wrap(m, which);
}

/* `which` is CN_SRT, CN_ART or CN_CIT. */
void weir_perf_delay(struct perf m, enum tcp_counter which, uint64_t ns);

/* Of the handshake, ended by a packet of `side`. */
void weir_perf_rtt(struct perf m, unsigned int side, uint64_t ns);

/* How a segment lies to those received before. */
enum segment_place { SEG_NEXT, SEG_OUT_OF_ORDER, SEG_AGAIN, SEG_OVERLAP, SEG_UNKNOWN };

enum segment_place weir_segment_place(struct perf m, unsigned int side, uint32_t seq, uint32_t len);
void weir_segments_forget(struct perf m);

/* Where the highest segment goes on, which is nearly always, nothing else is looked at. */
static inline enum segment_place segment_receive(struct perf m, unsigned int side, uint32_t seq,
						 uint32_t len)
{
	struct segment *top = &m.c->seg[side];

	if (weir_likely(seq == top->seq + top->len && top->len != 0 && seq + len > seq)) {
		top->len += len;
		return SEG_NEXT;
	}
	return weir_segment_place(m, side, seq, len);
}

#endif
