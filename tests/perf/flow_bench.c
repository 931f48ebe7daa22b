/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cost of the flow table a packet: to hash all of a burst and ask for the buckets, and the whole burst as
 * the table does it. Warm: 64 flows of those in the table over and over.
 * Cold: all of them in random order. Best of many rounds, so that a busy machine does not show.
 * Cycles are those of the time stamp counter.
 */
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <table_priv.h>
#include <x86intrin.h>

#define ROUNDS       40
#define ROUND_BURSTS 64
#define T0           (UINT64_C(1700000000) * WEIR_NS_PER_S)
#define BURST_NS     (10 * WEIR_NS_PER_US) /* 6.4 Mpps */

struct bench {
	struct weir_flow_table *t;
	struct weir_flow_conf conf;
	struct weir_flow_rec rec; /* made and dropped */
	uint32_t flows;
	uint8_t proto;
	uint32_t *seq; /* next of each flow's client */
	uint64_t now_ns;
	uint64_t random;
	struct weir_pkt pkts[WEIR_BURST_MAX];
	struct weir_attr attrs[WEIR_BURST_MAX];
	uint8_t outcome[WEIR_BURST_MAX];
};

static struct weir_flow_rec *reserve(void *ctx)
{
	return &((struct bench *)ctx)->rec;
}

static void commit(void *ctx)
{
	(void)ctx;
}

static uint32_t below(struct bench *b, uint32_t n)
{
	b->random = b->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)((b->random >> 32) * n >> 32);
}

/* A packet of the client or the server of flow `i`. */
static void fill(struct bench *b, unsigned int slot, uint32_t i, uint8_t flags, bool back)
{
	struct weir_pkt *p = &b->pkts[slot];
	const uint32_t payload = flags == WEIR_TCP_SYN ? 0 : 100;
	const uint32_t l4 = b->proto == IPPROTO_TCP ? 20 : 8;

	*p = (struct weir_pkt){ .ts_ns = b->now_ns,
				.proto = b->proto,
				.flags = WEIR_PKT_IP | WEIR_PKT_L4,
				.eth_type = 0x0800,
				.packet_len = 34 + l4 + payload,
				.l3_payload_len = l4 + payload,
				.l4_payload_len = payload,
				.tcp_flags = flags,
				.wscale = WEIR_WSCALE_NONE,
				.win = 1000,
				.data_offset = 5 };
	p->ip[back].w[0] = htonl(0x0a000000 + i / 16);
	p->ip[!back].w[0] = htonl(0xc0a80000 + i % 1000);
	p->port[back] = (uint16_t)(1024 + i % 16);
	p->port[!back] = 443;
	p->seq = back ? 1 : b->seq[i];
	p->ack = back ? b->seq[i] : 1;
	b->seq[i] += back ? 0 : payload;
	b->outcome[slot] = WEIR_OUTCOME_FLOW;
}

static void burst(struct bench *b)
{
	weir_flow_table_burst(b->t, b->pkts, b->attrs, b->outcome, WEIR_BURST_MAX);
	b->now_ns += BURST_NS;
}

static void fill_random(struct bench *b, bool cold)
{
	for (unsigned int k = 0; k < WEIR_BURST_MAX; k++)
		fill(b, k, cold ? below(b, b->flows) : k,
		     b->proto == IPPROTO_TCP ? WEIR_TCP_ACK | WEIR_TCP_PSH : 0, below(b, 2));
}

/* Hash all, ask for the buckets. */
static void step_hash(const struct bench *b, struct probe *probes)
{
	for (unsigned int k = 0; k < WEIR_BURST_MAX; k++) {
		probe_init(b->t, &b->pkts[k], &b->attrs[k], &probes[k]);
		weir_prefetch(index_bucket(&b->t->index, probes[k].hash));
	}
}

enum { STEP_HASH, STEP_WHOLE, STEPS };

/* Best cycles a packet of each step, each including the one before. */
static void measure(struct bench *b, bool cold, double best[STEPS])
{
	struct probe probes[WEIR_BURST_MAX];

	for (unsigned int step = 0; step < STEPS; step++)
		best[step] = 1e9;
	for (unsigned int round = 0; round < ROUNDS * STEPS; round++) {
		const unsigned int step = round % STEPS;
		uint64_t cycles = 0;

		for (unsigned int i = 0; i < ROUND_BURSTS; i++) {
			uint64_t start;

			fill_random(b, cold);
			start = __rdtsc();
			if (step == STEP_WHOLE)
				burst(b);
			else
				step_hash(b, probes);
			cycles += __rdtsc() - start;
		}
		best[step] = fmin(best[step], (double)cycles / (ROUND_BURSTS * WEIR_BURST_MAX));
	}
}

static void open_table(struct bench *b, uint8_t proto, uint32_t flows, uint32_t capacity)
{
	const struct weir_flow_hooks hooks = { .rec_reserve = reserve,
					       .rec_commit = commit,
					       .ctx = b };
	const struct weir_flow_budget budget = { .flows = capacity, .ext_blocks = capacity / 2 };

	memset(b, 0, sizeof(*b));
	b->proto = proto;
	b->flows = flows;
	b->now_ns = T0;
	b->random = 1;
	b->seq = calloc(flows, sizeof(*b->seq));
	b->conf = (struct weir_flow_conf){ .established_ns = 300 * WEIR_NS_PER_S,
					   .closing_rst_ns = 35 * WEIR_NS_PER_S,
					   .opening_rst_ns = WEIR_NS_PER_S,
					   .others_ns = 5 * WEIR_NS_PER_S,
					   .delay_ns = WEIR_NS_PER_S };
	b->t = weir_flow_table_create(&budget, &hooks, 1);
	if (b->t == NULL || b->seq == NULL)
		exit(2);
	weir_flow_table_configure(b->t, &b->conf);
	for (unsigned int k = 0; k < WEIR_BURST_MAX; k++)
		b->attrs[k] = (struct weir_attr){ .network_type = 3, .tap = 1 };
}

static void close_table(struct bench *b)
{
	weir_flow_table_destroy(b->t);
	free(b->seq);
}

/* Every flow is there, both sides have spoken. Returns the cycles of a new flow. */
static double populate(struct bench *b)
{
	uint64_t cycles = 0;

	for (uint32_t i = 0; i + WEIR_BURST_MAX <= b->flows; i += WEIR_BURST_MAX)
		for (unsigned int back = 0; back < 2; back++) {
			uint64_t start;

			for (unsigned int k = 0; k < WEIR_BURST_MAX; k++)
				fill(b, k, i + k, b->proto == IPPROTO_TCP ? WEIR_TCP_ACK : 0, back);
			start = __rdtsc();
			burst(b);
			cycles += back ? 0 : __rdtsc() - start;
		}
	return (double)cycles / b->flows;
}

static void bench_flows(const char *name, uint8_t proto, uint32_t flows)
{
	static struct bench b;
	double warm[STEPS], cold[STEPS], fresh;

	open_table(&b, proto, flows, flows + flows / 8);
	fresh = populate(&b);
	for (unsigned int round = 0; round < 3; round++) { /* now the memory is there */
		weir_flow_table_flush(b.t, WEIR_FLOW_ALL_TAPS, WEIR_FLUSH_END, b.now_ns);
		fresh = fmin(fresh, populate(&b));
	}
	measure(&b, false, warm);
	measure(&b, true, cold);
	for (unsigned int i = 0; i < 2; i++) {
		const double *s = i ? cold : warm;

		printf("%-4s %8u %-5s %8.0f %8.0f %8.0f", name, flows, i ? "cold" : "warm",
		       s[STEP_HASH], s[STEP_WHOLE] - s[STEP_HASH], s[STEP_WHOLE]);
		printf(i ? "\n" : " %8.0f\n", fresh);
	}
	close_table(&b);
}

/* Random SYNs into a full table: each evicts one. */
static void bench_flood(uint32_t flows)
{
	static struct bench b;
	double best = 1e9;

	open_table(&b, IPPROTO_TCP, 1u << 24, flows);
	for (unsigned int round = 0; round < ROUNDS + flows / (ROUND_BURSTS * WEIR_BURST_MAX);
	     round++) {
		uint64_t cycles = 0;

		for (unsigned int i = 0; i < ROUND_BURSTS; i++) {
			uint64_t start;

			for (unsigned int k = 0; k < WEIR_BURST_MAX; k++)
				fill(&b, k, below(&b, b.flows), WEIR_TCP_SYN, false);
			start = __rdtsc();
			burst(&b);
			cycles += __rdtsc() - start;
		}
		if (weir_flow_table_size(b.t) == flows)
			best = fmin(best, (double)cycles / (ROUND_BURSTS * WEIR_BURST_MAX));
	}
	printf("SYN flood, table of %8u full %25.0f\n", flows, best);
	close_table(&b);
}

/* The whole table is due at once: a record each. */
static void bench_expire(uint32_t flows)
{
	static struct bench b;
	uint64_t start;

	open_table(&b, IPPROTO_UDP, flows, flows);
	populate(&b);
	start = __rdtsc();
	while (weir_flow_table_expire(b.t, b.now_ns + 10 * WEIR_NS_PER_S, 512))
		;
	printf("end of a flow, %8u of them   %25.0f\n", flows, (double)(__rdtsc() - start) / flows);
	close_table(&b);
}

int main(void)
{
	printf("%-4s %8s %-5s %8s %8s %8s %8s\n", "", "flows", "", "hash", "count", "whole",
	       "new flow");
	for (uint32_t flows = 10000; flows <= 1000000; flows *= 10)
		bench_flows("UDP", IPPROTO_UDP, flows);
	for (uint32_t flows = 10000; flows <= 1000000; flows *= 10)
		bench_flows("TCP", IPPROTO_TCP, flows);
	for (uint32_t flows = 10000; flows <= 1000000; flows *= 10)
		bench_flood(flows);
	for (uint32_t flows = 10000; flows <= 1000000; flows *= 10)
		bench_expire(flows);
	return 0;
}
