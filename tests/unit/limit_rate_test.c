/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_rate.h>

#define T0 (UINT64_C(1700000000) * WEIR_NS_PER_S) /* a wall clock */

static void test_a_second_s_worth_passes_at_once_then_the_rate(void)
{
	struct weir_rate r = { 0 };
	uint64_t passed = 0;

	CU_ASSERT_EQUAL(weir_rate_take(&r, 1000, 5000, T0), 1000);
	CU_ASSERT_EQUAL(weir_rate_take(&r, 1000, 1, T0), 0);
	for (uint64_t ms = 1; ms <= 10000; ms++) /* 64000 a second for 10 s */
		passed += weir_rate_take(&r, 1000, 64, T0 + ms * WEIR_NS_PER_MS);
	CU_ASSERT_EQUAL(passed, 10000);
}

static void test_no_part_of_a_packet_is_lost(void)
{
	struct weir_rate r = { 0 };
	uint64_t passed = 0;

	weir_rate_take(&r, 7, 7, T0);
	for (uint64_t us = 1; us <= 10 * 1000 * 1000; us += 13)
		passed += weir_rate_take(&r, 7, 64, T0 + us * WEIR_NS_PER_US);
	CU_ASSERT_EQUAL(passed, 69); /* the seventieth comes with the last microsecond */
}

static void test_a_bucket_holds_one_second(void)
{
	struct weir_rate r = { 0 };

	weir_rate_take(&r, 100, 100, T0);
	CU_ASSERT_EQUAL(weir_rate_take(&r, 100, 64000, T0 + 3600 * WEIR_NS_PER_S), 100);
}

static void test_a_clock_that_goes_back_fills_nothing_and_does_no_harm(void)
{
	struct weir_rate r = { 0 };

	weir_rate_take(&r, 100, 100, T0);
	CU_ASSERT_EQUAL(weir_rate_take(&r, 100, 64, T0 - 3600 * WEIR_NS_PER_S), 0);
	CU_ASSERT_EQUAL(weir_rate_take(&r, 100, 64, T0 - 3600 * WEIR_NS_PER_S + WEIR_NS_PER_S / 2),
			50);
}

static void test_another_rate_holds_from_the_next_burst_on(void)
{
	struct weir_rate r = { 0 };

	CU_ASSERT_EQUAL(weir_rate_take(&r, 1000000000, 64, T0), 64);
	CU_ASSERT_EQUAL(weir_rate_take(&r, 10, 64, T0 + 1), 10);
	CU_ASSERT_EQUAL(weir_rate_take(&r, 10, 64, T0 + 1), 0);
	CU_ASSERT_EQUAL(weir_rate_take(&r, 1000, 64, T0 + 1 + 10 * WEIR_NS_PER_MS), 10);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a second's worth passes at once, then the rate",
		  test_a_second_s_worth_passes_at_once_then_the_rate },
		{ "no part of a packet is lost", test_no_part_of_a_packet_is_lost },
		{ "a bucket holds one second", test_a_bucket_holds_one_second },
		{ "a clock that goes back fills nothing and does no harm",
		  test_a_clock_that_goes_back_fills_nothing_and_does_no_harm },
		{ "another rate holds from the next burst on",
		  test_another_rate_holds_from_the_next_burst_on },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("limit/rate", tests);
}
