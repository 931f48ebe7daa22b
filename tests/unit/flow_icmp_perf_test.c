/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_perf_test.h"
#include "weir_test.h"

static void echo(struct one_flow *o, uint64_t us, bool request, uint32_t id)
{
	struct weir_pkt p = { .ts_ns = us * WEIR_NS_PER_US, .icmp_id = id };

	p.flags = (uint16_t)(WEIR_PKT_IP | (request ? WEIR_PKT_ECHO_REQUEST : WEIR_PKT_ECHO_REPLY));
	one_flow_packet(o, &p, !request);
}

static void test_a_reply_is_measured_from_its_own_request(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_ICMP);
	echo(&o, 100, true, 1);
	echo(&o, 110, true, 2);
	echo(&o, 150, false, 2);
	echo(&o, 170, false, 1);
	CU_ASSERT_EQUAL(one_flow_report(&o).srt.count, 2);
	CU_ASSERT_EQUAL(one_flow_report(&o).srt.sum, 40 + 70);
	CU_ASSERT_EQUAL(one_flow_report(&o).srt.max, 70);
	CU_ASSERT_EQUAL(o.pool.used, 0);
}

static void test_a_request_that_comes_after_its_reply_is_matched(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_ICMP);
	echo(&o, 150, false, 7);
	echo(&o, 100, true, 7);
	CU_ASSERT_EQUAL(one_flow_report(&o).srt.sum, 50);
	CU_ASSERT_EQUAL(o.pool.used, 0);
}

static void test_an_echo_of_more_than_30_s_is_none(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_ICMP);
	echo(&o, 1, true, 1);
	echo(&o, 30000002, false, 1);
	CU_ASSERT_EQUAL(one_flow_report(&o).srt.count, 0);
	echo(&o, 40000000, true, 2);
	echo(&o, 70000000, false, 2);
	CU_ASSERT_EQUAL(one_flow_report(&o).srt.count, 1);
}

/* Of 20 requests the last 16 wait. */
static void test_the_seventeenth_request_drives_out_the_oldest(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_ICMP);
	for (uint32_t i = 0; i < 20; i++)
		echo(&o, 100 + i, true, i);
	CU_ASSERT_EQUAL(o.pool.used, 4);
	for (uint32_t i = 0; i < 20; i++)
		echo(&o, 200 + i, false, i);
	CU_ASSERT_EQUAL(one_flow_report(&o).srt.count, 16);
	CU_ASSERT_EQUAL(o.pool.used, 1); /* the replies to the first four */
}

static void test_other_messages_are_not_measured(void)
{
	struct weir_pkt unreachable = { .ts_ns = 1, .flags = WEIR_PKT_IP, .icmp_type = 3 };
	struct one_flow o;

	one_flow_init(&o, IPPROTO_ICMP);
	one_flow_packet(&o, &unreachable, 0);
	CU_ASSERT_EQUAL(o.pool.used, 0);
}

static void test_sums_are_exact_past_their_words(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_ICMP);
	for (uint64_t i = 0; i < 1000; i++) {
		echo(&o, 100000000 * (i + 1), true, 1);
		echo(&o, 100000000 * (i + 1) + 30000000, false, 1);
	}
	CU_ASSERT_EQUAL(one_flow_report(&o).srt.sum, UINT64_C(30000000000));
	CU_ASSERT_EQUAL(one_flow_report(&o).srt.count, 1000);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a reply is measured from its own request",
		  test_a_reply_is_measured_from_its_own_request },
		{ "a request that comes after its reply is matched",
		  test_a_request_that_comes_after_its_reply_is_matched },
		{ "an echo of more than 30 s is none", test_an_echo_of_more_than_30_s_is_none },
		{ "the seventeenth request drives out the oldest",
		  test_the_seventeenth_request_drives_out_the_oldest },
		{ "other messages are not measured", test_other_messages_are_not_measured },
		{ "sums are exact past their words", test_sums_are_exact_past_their_words },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/icmp_perf", tests);
}
