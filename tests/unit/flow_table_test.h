/* SPDX-License-Identifier: Apache-2.0 */
/* A flow table with a list of its records, and packets to put into it. */
#ifndef FLOW_TABLE_TEST_H
#define FLOW_TABLE_TEST_H

#include "table_priv.h"

#include <CUnit/Basic.h>

#include <netinet/in.h>
#include <stdlib.h>

#define SECOND WEIR_NS_PER_S
#define MINUTE (60 * WEIR_NS_PER_S)
#define T0     (UINT64_C(1700000000) * WEIR_NS_PER_S) /* when tests begin */

#define SYN    WEIR_TCP_SYN
#define SYNACK (WEIR_TCP_SYN | WEIR_TCP_ACK)
#define ACK    WEIR_TCP_ACK
#define PSHACK (WEIR_TCP_PSH | WEIR_TCP_ACK)
#define FINACK (WEIR_TCP_FIN | WEIR_TCP_ACK)
#define RST    WEIR_TCP_RST

struct rig {
	struct weir_flow_table *t;
	struct weir_flow_conf conf;
	struct weir_flow_rec *rec;
	uint32_t n, room;
	bool full;                     /* the ring takes nothing */
	struct weir_flow_second total; /* of all deltas told */
	uint32_t seconds;              /* deltas told */
};

static inline struct weir_flow_rec *rig_reserve(void *ctx)
{
	struct rig *r = ctx;

	if (r->full)
		return NULL;
	if (r->n == r->room) {
		r->room = r->room * 2 + 64;
		r->rec = realloc(r->rec, r->room * sizeof(*r->rec));
	}
	return &r->rec[r->n];
}

static inline void rig_commit(void *ctx)
{
	((struct rig *)ctx)->n++;
}

static inline void rig_second(void *ctx, const struct weir_flow *flow,
			      const struct weir_flow_second *delta)
{
	struct rig *r = ctx;

	(void)flow;
	r->seconds++;
	for (unsigned int role = 0; role < 2; role++) {
		r->total.packet[role] += delta->packet[role];
		r->total.byte[role] += delta->byte[role];
		r->total.l3_byte[role] += delta->l3_byte[role];
		r->total.l4_byte[role] += delta->l4_byte[role];
	}
}

/* DeepFlow's defaults: spec 4.3. */
#define RIG_CONF                                \
	((struct weir_flow_conf){               \
		.established_ns = 300 * SECOND, \
		.closing_rst_ns = 35 * SECOND,  \
		.opening_rst_ns = 1 * SECOND,   \
		.others_ns = 5 * SECOND,        \
		.delay_ns = 1 * SECOND,         \
	})

static inline void rig_init(struct rig *r, uint32_t flows, uint32_t ext_blocks)
{
	const struct weir_flow_budget budget = { .flows = flows, .ext_blocks = ext_blocks };
	const struct weir_flow_hooks hooks = { .rec_reserve = rig_reserve,
					       .rec_commit = rig_commit,
					       .on_second = rig_second,
					       .ctx = r };

	memset(r, 0, sizeof(*r));
	r->conf = RIG_CONF;
	r->t = weir_flow_table_create(&budget, &hooks, 42);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r->t);
	weir_flow_table_configure(r->t, &r->conf);
}

static inline void rig_fini(struct rig *r)
{
	weir_flow_table_destroy(r->t);
	free(r->rec);
}

static inline void rig_reconfigure(struct rig *r)
{
	weir_flow_table_configure(r->t, &r->conf);
}

static const struct weir_attr rig_attr = {
	.capture_nic = UINT64_C(4) << 60 | 1,
	.network_type = 3,
	.tap = 1,
};

static inline uint8_t rig_packet_at(struct rig *r, const struct weir_pkt *p,
				    const struct weir_attr *a)
{
	uint8_t outcome = WEIR_OUTCOME_FLOW;

	weir_flow_table_burst(r->t, p, a, &outcome, 1);
	return outcome;
}

static inline uint8_t rig_packet(struct rig *r, const struct weir_pkt *p)
{
	return rig_packet_at(r, p, &rig_attr);
}

/* The watermark has come to `now_ns`: everything due by then is done. */
static inline void rig_expire(struct rig *r, uint64_t now_ns)
{
	CU_ASSERT_FALSE(weir_flow_table_expire(r->t, now_ns, UINT32_MAX));
}

static inline void rig_end(struct rig *r, uint64_t now_ns)
{
	weir_flow_table_flush(r->t, WEIR_FLOW_ALL_TAPS, WEIR_FLUSH_END, now_ns);
	CU_ASSERT_EQUAL(weir_flow_table_size(r->t), 0);
}

/* Every flow has a valid reference. */
static inline void rig_check_references(const struct rig *r)
{
	const struct weir_flow_table *t = r->t;
	bool *seen = calloc(t->capacity, sizeof(*seen));
	uint32_t flows = 0;

	for (enum flow_queue q = QUEUE_NONE + 1; q < QUEUES; q++)
		for (uint32_t i = t->queues.q[q].head; i != 0; i = t->queues.chunks[i].next) {
			const struct chunk *c = &t->queues.chunks[i];

			for (unsigned int k = c->first; k < c->end; k++) {
				const struct weir_flow *f = flow_at(t, ref_flow(c->ref[k]));

				if (f->queue == q && (f->gen & REF_GEN_MASK) == ref_gen(c->ref[k]))
					seen[ref_flow(c->ref[k])] = true;
			}
		}
	for (uint32_t i = 0; i < t->capacity; i++)
		flows += seen[i];
	CU_ASSERT_EQUAL(flows, t->size);
	free(seen);
}

/* A packet over Ethernet and IPv4 with `payload` bytes behind its transport header. */
static inline struct weir_pkt pkt_ipv4(uint8_t proto, uint32_t src, uint16_t sport, uint32_t dst,
				       uint16_t dport, uint64_t ts_ns, uint32_t payload)
{
	const uint32_t l4 = proto == IPPROTO_TCP ? 20 : 8;
	struct weir_pkt p = { .ts_ns = ts_ns,
			      .ip = { { .w = { htonl(src) } }, { .w = { htonl(dst) } } },
			      .port = { sport, dport },
			      .proto = proto,
			      .flags = WEIR_PKT_IP | WEIR_PKT_L4,
			      .eth_type = 0x0800,
			      .packet_len = 14 + 20 + l4 + payload,
			      .l3_payload_len = l4 + payload,
			      .l4_payload_len = payload,
			      .data_offset = 5,
			      .wscale = WEIR_WSCALE_NONE,
			      .win = 1000,
			      .mac = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } } };

	return p;
}

static inline struct weir_pkt pkt_tcp(uint32_t src, uint16_t sport, uint32_t dst, uint16_t dport,
				      uint8_t flags, uint64_t ts_ns)
{
	struct weir_pkt p = pkt_ipv4(IPPROTO_TCP, src, sport, dst, dport, ts_ns, 0);

	p.tcp_flags = flags;
	return p;
}

static inline struct weir_pkt pkt_udp(uint32_t src, uint16_t sport, uint32_t dst, uint16_t dport,
				      uint64_t ts_ns)
{
	return pkt_ipv4(IPPROTO_UDP, src, sport, dst, dport, ts_ns, 100);
}

/* The same packet over IPv6: addresses whose last 4 bytes are those of IPv4. */
static inline struct weir_pkt pkt_to_ipv6(struct weir_pkt p)
{
	for (unsigned int end = 0; end < 2; end++)
		p.ip[end] = (union weir_ip){ .w = { htonl(0xfd000000), 0, 0, p.ip[end].w[0] } };
	p.flags |= WEIR_PKT_IPV6;
	p.eth_type = 0x86dd;
	p.packet_len += 20;
	return p;
}

static inline struct weir_pkt pkt_arp(uint32_t src, uint32_t dst, uint64_t ts_ns)
{
	struct weir_pkt p = { .ts_ns = ts_ns,
			      .ip = { { .w = { htonl(src) } }, { .w = { htonl(dst) } } },
			      .flags = WEIR_PKT_ARP,
			      .eth_type = 0x0806,
			      .packet_len = 42,
			      .mac = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } } };

	return p;
}

/* What the other end sends back. */
static inline struct weir_pkt pkt_back(struct weir_pkt p, uint64_t ts_ns)
{
	const struct weir_pkt q = p;

	p.ts_ns = ts_ns;
	for (unsigned int end = 0; end < 2; end++) {
		p.ip[end] = q.ip[end ^ 1];
		p.port[end] = q.port[end ^ 1];
		memcpy(p.mac[end], q.mac[end ^ 1], 6);
	}
	return p;
}

static inline struct weir_pkt pkt_at(struct weir_pkt p, uint64_t ts_ns)
{
	p.ts_ns = ts_ns;
	return p;
}

/* xorshift64*: a test's own randomness, the same in every run. */
static inline uint64_t rig_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static inline uint32_t rig_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((rig_random(state) >> 32) % n);
}

#endif
