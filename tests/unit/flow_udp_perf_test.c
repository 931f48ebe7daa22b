/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_perf_test.h"
#include "weir_test.h"

enum { CLIENT, SERVER };

static void datagram(struct one_flow *o, uint64_t us, unsigned int side, uint32_t len)
{
	struct weir_pkt p = { .ts_ns = us * WEIR_NS_PER_US,
			      .flags = WEIR_PKT_IP | WEIR_PKT_L4,
			      .l4_payload_len = len };

	one_flow_packet(o, &p, side);
}

/* The first answer counts, from the last request before it. */
static void test_the_first_answer_to_the_last_request_is_measured(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	one_flow_init(&o, IPPROTO_UDP);
	datagram(&o, 10, CLIENT, 20);
	datagram(&o, 40, CLIENT, 20);
	datagram(&o, 100, SERVER, 20);
	datagram(&o, 200, SERVER, 20);
	datagram(&o, 300, CLIENT, 20);
	datagram(&o, 310, SERVER, 20);
	rec = one_flow_report(&o);
	CU_ASSERT_EQUAL(rec.art.max, 60);
	CU_ASSERT_EQUAL(rec.art.sum, 70);
	CU_ASSERT_EQUAL(rec.art.count, 2);
}

static void test_empty_datagrams_are_not_looked_at(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_UDP);
	datagram(&o, 10, CLIENT, 20);
	datagram(&o, 40, CLIENT, 0);
	datagram(&o, 50, SERVER, 0);
	datagram(&o, 100, SERVER, 20);
	CU_ASSERT_EQUAL(one_flow_report(&o).art.sum, 90);
}

static void test_an_answer_after_more_than_30_s_is_none(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_UDP);
	datagram(&o, 10, CLIENT, 20);
	datagram(&o, 30000011, SERVER, 20);
	CU_ASSERT_EQUAL(one_flow_report(&o).art.count, 0);
	datagram(&o, 40000000, CLIENT, 20);
	datagram(&o, 70000000, SERVER, 20);
	CU_ASSERT_EQUAL(one_flow_report(&o).art.count, 1);
}

static void test_a_server_that_speaks_first_answers_nothing(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_UDP);
	datagram(&o, 10, SERVER, 20);
	datagram(&o, 20, SERVER, 20);
	CU_ASSERT_EQUAL(one_flow_report(&o).art.count, 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the first answer to the last request is measured",
		  test_the_first_answer_to_the_last_request_is_measured },
		{ "empty datagrams are not looked at", test_empty_datagrams_are_not_looked_at },
		{ "an answer after more than 30 s is none",
		  test_an_answer_after_more_than_30_s_is_none },
		{ "a server that speaks first answers nothing",
		  test_a_server_that_speaks_first_answers_nothing },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/udp_perf", tests);
}
