/* SPDX-License-Identifier: Apache-2.0 */
/* One flow without a table: packets go through direction, state and metrics as the table does it. */
#ifndef FLOW_PERF_TEST_H
#define FLOW_PERF_TEST_H

#include "flow_priv.h"

#include <netinet/in.h>

#define TEST_EXTS 64

struct one_flow {
	struct weir_flow f;
	struct weir_flow_cold c;
	struct weir_flow_counters counters;
	struct ext_pool pool;
	struct ext ext[TEST_EXTS];
};

static inline void one_flow_init(struct one_flow *o, uint8_t proto)
{
	memset(o, 0, sizeof(*o));
	o->f.proto = proto;
	o->c.ext = FLOW_NONE;
	weir_ext_pool_init(&o->pool, o->ext, TEST_EXTS);
}

static inline void one_flow_packet(struct one_flow *o, const struct weir_pkt *p, unsigned int side)
{
	struct weir_flow *f = &o->f;

	f->flags |= side == 0 ? FLOW_SEEN_0 : FLOW_SEEN_1;
	f->tcp_flags_all[side] |= p->tcp_flags;
	if (f->proto == IPPROTO_TCP) {
		weir_tcp_state_update(f, p, side);
		weir_tcp_perf_update(&o->pool, &o->counters, f, &o->c, p, side);
	} else {
		weir_other_state_update(f);
		if (f->proto == IPPROTO_UDP)
			weir_udp_perf_update(&o->pool, &o->counters, f, &o->c, p, side);
		else
			weir_icmp_perf_update(&o->pool, &o->counters, &o->c, p);
	}
	f->last_ns[side] = weir_max_u64(f->last_ns[side], p->ts_ns);
}

static inline struct weir_flow_rec one_flow_report(const struct one_flow *o)
{
	struct weir_flow_rec rec;

	memset(&rec, 0, sizeof(rec));
	weir_perf_report(&o->f, &o->c, &o->pool, &rec);
	return rec;
}

#endif
