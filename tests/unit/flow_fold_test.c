/* SPDX-License-Identifier: Apache-2.0 */
/* Floods folded in the table: design, section 2, "Memory is fixed at start". */
#include "flow_table_test.h"
#include "weir_test.h"

#define CLIENTS 3000
#define SERVERS 3
#define SECONDS 3

/* Some connections are begun twice, some with a window of 0, some come through another gateway. */
static void flood(struct rig *r, unsigned int servers)
{
	uint64_t random = 7;

	for (uint32_t i = 0; i < CLIENTS; i++) {
		const uint64_t ts_ns = T0 + i * (SECONDS * SECOND / CLIENTS);
		struct weir_pkt p = pkt_tcp(0x0a000000 + i, (uint16_t)(1024 + i),
					    0xc0a80000 + i % servers, 443, SYN, ts_ns);

		p.seq = (uint32_t)rig_random(&random);
		p.ip_id = (uint16_t)i;
		if (rig_below(&random, 10) == 0)
			p.win = 0;
		if (i % servers == 0)
			p.mac[WEIR_SRC][5] = (uint8_t)rig_below(&random, 5);
		if (i % servers == 1)
			p.vlan = (uint16_t)rig_below(&random, 2);
		CU_ASSERT_EQUAL(rig_packet(r, &p), WEIR_OUTCOME_FLOW);
		p.ts_ns += SECOND / 1000 / SERVERS;
		if (rig_below(&random, 4) == 0)
			CU_ASSERT_EQUAL(rig_packet(r, &p), WEIR_OUTCOME_FLOW);
		weir_flow_table_expire(r->t, ts_ns, 64);
	}
	rig_end(r, T0 + SECONDS * SECOND);
}

static bool is_group(const struct weir_flow_rec *a, const struct weir_flow_rec *b)
{
	return a->ip[1].w[0] == b->ip[1].w[0] && a->start_ns / SECOND == b->start_ns / SECOND;
}

/* Fold records as the collector does, one for each server and second; in order. */
static uint32_t fold(const struct rig *r, struct weir_flow_rec *groups)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		struct weir_flow_rec one = r->rec[i];
		uint32_t g = 0;

		one.flags = WEIR_REC_NEW | WEIR_REC_FOLD | (one.flags & WEIR_REC_FOLDED);
		while (g < n && !is_group(&groups[g], &one))
			g++;
		if (g < n) {
			weir_flow_rec_fold(&groups[g], &one);
			continue;
		}
		weir_flow_rec_fold_start(&one);
		groups[n++] = one;
	}
	qsort(groups, n, sizeof(*groups), weir_flow_rec_compare);
	return n;
}

static void test_a_folded_flood_is_what_folding_its_records_gives(void)
{
	struct weir_flow_rec want[SERVERS * SECONDS], got[SERVERS * SECONDS];
	struct rig roomy, full;
	uint32_t n;

	rig_init(&roomy, CLIENTS, 0);
	rig_init(&full, 50, 0);
	flood(&roomy, SERVERS);
	flood(&full, SERVERS);
	CU_ASSERT_EQUAL(roomy.n, CLIENTS);
	CU_ASSERT_TRUE(full.n < 50 + 3 * SERVERS * SECONDS);
	CU_ASSERT_EQUAL(weir_flow_table_counters(full.t)->evicted_half_open, CLIENTS - 50);

	n = fold(&roomy, want);
	CU_ASSERT_EQUAL_FATAL(n, SERVERS * SECONDS);
	CU_ASSERT_EQUAL_FATAL(fold(&full, got), n);
	CU_ASSERT_EQUAL(memcmp(want, got, sizeof(want)), 0);
	CU_ASSERT_EQUAL(roomy.total.packet[0], full.total.packet[0]);
	CU_ASSERT_EQUAL(roomy.total.byte[0], full.total.byte[0]);
	rig_fini(&roomy);
	rig_fini(&full);
}

/* More at once than there are sums: some leave sooner, none is lost. */
static void test_every_flow_is_counted_however_many_servers_are_flooded(void)
{
	uint64_t flows = 0, packets = 0;
	struct rig r;

	rig_init(&r, 50, 0);
	flood(&r, 1000);
	for (uint32_t i = 0; i < r.n; i++) {
		flows += r.rec[i].flow_count;
		packets += r.rec[i].packet[0];
	}
	CU_ASSERT_EQUAL(flows, CLIENTS);
	CU_ASSERT_EQUAL(packets, r.total.packet[0]);
	rig_fini(&r);
}

static void test_a_sum_waits_a_second_at_most(void)
{
	struct weir_pkt p = pkt_tcp(1, 1, 2, 80, SYN, T0);
	struct rig r;

	rig_init(&r, 1, 0);
	weir_flow_table_expire(r.t, T0, 64);
	rig_packet(&r, &p);
	p.port[0] = 2;
	rig_packet(&r, &p);
	CU_ASSERT_EQUAL(r.n, 0);
	weir_flow_table_expire(r.t, T0 + SECOND - 1, 64);
	CU_ASSERT_EQUAL(r.n, 0);
	weir_flow_table_expire(r.t, T0 + SECOND, 64);
	CU_ASSERT_EQUAL_FATAL(r.n, 1);
	CU_ASSERT_EQUAL(r.rec[0].flags, WEIR_REC_NEW | WEIR_REC_FOLD | WEIR_REC_FOLDED);
	rig_fini(&r);
}

static void test_ipv6_and_answered_flows_leave_as_they_are(void)
{
	const struct weir_pkt six = pkt_to_ipv6(pkt_tcp(1, 1, 2, 80, SYN, T0));
	const struct weir_pkt syn = pkt_tcp(1, 1, 2, 80, SYN, T0),
			      other = pkt_tcp(1, 2, 2, 80, SYN, T0);
	struct weir_pkt synack = pkt_back(syn, T0);
	struct rig r;

	synack.tcp_flags = SYNACK;
	rig_init(&r, 1, 1);
	rig_packet(&r, &six);
	rig_packet(&r, &syn);
	rig_packet(&r, &synack);
	rig_packet(&r, &other);
	CU_ASSERT_EQUAL_FATAL(r.n, 2);
	CU_ASSERT_TRUE(r.rec[0].is_ipv6 && r.rec[0].port[0] == 1);
	CU_ASSERT_EQUAL(r.rec[1].port[0], 1);
	CU_ASSERT_EQUAL(r.rec[1].synack_count, 1);
	rig_fini(&r);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a folded flood is what folding its records gives",
		  test_a_folded_flood_is_what_folding_its_records_gives },
		{ "every flow is counted, however many servers are flooded",
		  test_every_flow_is_counted_however_many_servers_are_flooded },
		{ "a sum waits a second at most", test_a_sum_waits_a_second_at_most },
		{ "IPv6 and answered flows leave as they are",
		  test_ipv6_and_answered_flows_leave_as_they_are },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/fold", tests);
}
