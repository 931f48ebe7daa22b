/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_rec.h>

#include <stdlib.h>

static struct weir_flow_rec report(uint64_t start_ns)
{
	struct weir_flow_rec r = {
		.flow_id = 7,
		.capture_nic = 4ull << 60,
		.start_ns = start_ns,
		.end_ns = start_ns + 60,
		.flow_start_ns = 1000,
		.duration_ns = start_ns + 60 - 1000,
		.ip = { { .b = { 10, 0, 0, 1 } }, { .b = { 10, 0, 0, 2 } } },
		.port = { 40000, 80 },
		.protocol = 6,
		.close_type = WEIR_CLOSE_FORCED_REPORT,
		.flow_count = 1,
		.packet = { 3, 2 },
		.byte = { 300, 200 },
		.tcp_flags = { WEIR_TCP_SYN, 0 },
		.art = { .max = 5, .count = 1, .sum = 5 },
		.retrans = { 1, 0 },
	};

	return r;
}

static void test_reports_of_a_flow_become_one_record(void)
{
	struct weir_flow_rec to = report(1000), from = report(1060);

	to.flags = WEIR_REC_NEW;
	to.rtt = 250;
	to.syn_count = 1;
	to.tunnel[0] = (struct weir_tunnel){ .type = WEIR_TUNNEL_VXLAN, .id = 42, .tier = 1 };
	from.close_type = WEIR_CLOSE_FINISH;
	from.flags = WEIR_REC_ACTIVE_SERVICE;
	from.art = (struct weir_delay){ .max = 9, .count = 2, .sum = 11 };
	from.tcp_flags[0] = WEIR_TCP_FIN;

	weir_flow_rec_merge(&to, &from);
	CU_ASSERT_EQUAL(to.flow_id, 7);
	CU_ASSERT_EQUAL(to.start_ns, 1000);
	CU_ASSERT_EQUAL(to.end_ns, 1120);
	CU_ASSERT_EQUAL(to.duration_ns, 120);
	CU_ASSERT_EQUAL(to.close_type, WEIR_CLOSE_FINISH);
	CU_ASSERT_EQUAL(to.flags, WEIR_REC_NEW | WEIR_REC_ACTIVE_SERVICE);
	CU_ASSERT_EQUAL(to.packet[0], 6);
	CU_ASSERT_EQUAL(to.byte[1], 400);
	CU_ASSERT_EQUAL(to.art.max, 9);
	CU_ASSERT_EQUAL(to.art.count, 3);
	CU_ASSERT_EQUAL(to.art.sum, 16);
	CU_ASSERT_EQUAL(to.tcp_flags[0], WEIR_TCP_SYN | WEIR_TCP_FIN);
	CU_ASSERT_EQUAL(to.rtt, 250); /* known from the first record, 0 in the second */
	CU_ASSERT_EQUAL(to.tunnel[0].id, 42);
	CU_ASSERT_EQUAL(to.retrans[0], 2);
	CU_ASSERT_EQUAL(to.flow_count, 1);
}

/* Ingest format, 2.3: reports end at a whole period, closed flows at their last packet. */
static void test_a_closed_flow_ends_at_its_last_packet(void)
{
	struct weir_flow_rec to = report(1000), from = report(1020);

	from.end_ns = 1020;
	from.close_type = WEIR_CLOSE_TIMEOUT;
	weir_flow_rec_merge(&to, &from);
	CU_ASSERT_EQUAL(to.start_ns, 1000);
	CU_ASSERT_EQUAL(to.end_ns, 1020);
}

/* Data plane, 4.4: a flow may be reversed before any of its reports. */
static void test_an_earlier_report_is_turned_to_the_later_ones_direction(void)
{
	struct weir_flow_rec to = report(1000), from = report(1060);

	from.ip[0] = to.ip[1];
	from.ip[1] = to.ip[0];
	from.port[0] = 80;
	from.port[1] = 40000;
	CU_ASSERT_TRUE(weir_flow_rec_same_flow(&to, &from));
	weir_flow_rec_merge(&to, &from);
	CU_ASSERT_EQUAL(to.port[0], 80);
	CU_ASSERT_EQUAL(to.ip[0].b[3], 2);
	CU_ASSERT_EQUAL(to.packet[0], 2 + 3);
	CU_ASSERT_EQUAL(to.byte[0], 200 + 300);
	CU_ASSERT_EQUAL(to.retrans[0], 0 + 1);
	CU_ASSERT_EQUAL(to.retrans[1], 1 + 0);
}

static void test_another_flow_is_not_the_same(void)
{
	struct weir_flow_rec a = report(1000), b = a;

	b.port[0]++;
	CU_ASSERT_FALSE(weir_flow_rec_same_flow(&a, &b));
	b = a;
	b.flow_id++;
	CU_ASSERT_FALSE(weir_flow_rec_same_flow(&a, &b));
	b = a;
	b.capture_nic++;
	CU_ASSERT_FALSE(weir_flow_rec_same_flow(&a, &b));
}

enum { FLOOD = 200 };

static void make_flood(struct weir_flow_rec *r)
{
	unsigned int seed = 1;

	for (int i = 0; i < FLOOD; i++) {
		r[i] = report(1000 + i);
		r[i].flow_id = 500 - i;
		r[i].flags = WEIR_REC_NEW | WEIR_REC_UNANSWERED;
		r[i].ip[0].w[0] = (uint32_t)rand_r(&seed);
		r[i].port[0] = (uint16_t)rand_r(&seed);
		r[i].syn_seq = (uint32_t)rand_r(&seed);
		r[i].syn_count = 1;
		r[i].vlan = 9;
	}
}

static struct weir_flow_rec fold_in_steps(const struct weir_flow_rec *r, int step)
{
	struct weir_flow_rec to = r[0];

	weir_flow_rec_fold_start(&to);
	for (int i = 1; i < FLOOD; i++)
		weir_flow_rec_fold(&to, &r[i * step % FLOOD]);
	return to;
}

static void test_a_flood_folds_into_one_record_with_an_exact_count(void)
{
	struct weir_flow_rec r[FLOOD], to;

	make_flood(r);
	to = fold_in_steps(r, 1);
	CU_ASSERT_EQUAL(to.flow_count, FLOOD);
	CU_ASSERT_EQUAL(to.packet[0], 3 * FLOOD);
	CU_ASSERT_EQUAL(to.syn_count, FLOOD);
	CU_ASSERT_EQUAL(to.ip[0].q[0], 0);
	CU_ASSERT_EQUAL(to.port[0], 0);
	CU_ASSERT_EQUAL(to.ip[1].b[3], 2);
	CU_ASSERT_EQUAL(to.port[1], 80);
	CU_ASSERT_EQUAL(to.vlan, 9);    /* shared by all */
	CU_ASSERT_EQUAL(to.syn_seq, 0); /* shared by none */
	CU_ASSERT_EQUAL(to.start_ns, 1000);
	CU_ASSERT_EQUAL(to.end_ns, 1000 + FLOOD - 1 + 60);
	CU_ASSERT_EQUAL(to.flow_id, 500 - FLOOD + 1);
	CU_ASSERT_EQUAL(to.flags, WEIR_REC_NEW | WEIR_REC_FOLDED);
}

static void test_the_order_of_folding_does_not_matter(void)
{
	struct weir_flow_rec r[FLOOD], forward, stepped;

	make_flood(r);
	forward = fold_in_steps(r, 1);
	stepped = fold_in_steps(r, 7); /* no divisor of FLOOD: visits each once */
	CU_ASSERT_EQUAL(memcmp(&forward, &stepped, sizeof(forward)), 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "reports of a flow become one record", test_reports_of_a_flow_become_one_record },
		{ "a closed flow ends at its last packet",
		  test_a_closed_flow_ends_at_its_last_packet },
		{ "an earlier report is turned to the later one's direction",
		  test_an_earlier_report_is_turned_to_the_later_ones_direction },
		{ "another flow is not the same", test_another_flow_is_not_the_same },
		{ "a flood folds into one record with an exact count",
		  test_a_flood_folds_into_one_record_with_an_exact_count },
		{ "the order of folding does not matter",
		  test_the_order_of_folding_does_not_matter },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("rec/merge", tests);
}
