/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_breaker.h>

#include <math.h>

#define S  WEIR_NS_PER_S
#define GB UINT64_C(1000000000)

/* What `value` does every 10 s, as resource_monitoring_interval has it. */
static enum weir_breaker_event feed(struct weir_breaker *b, const struct weir_breaker_conf *conf,
				    double value, uint64_t *now_s)
{
	*now_s += 10;
	return weir_breaker_feed(b, conf, value, *now_s * S);
}

/* The same for a while: the second after `now_s` in which it recovered, 0 = it did not. */
static uint64_t recovery_s(struct weir_breaker *b, const struct weir_breaker_conf *conf,
			   double value, uint64_t *now_s, uint64_t most_s)
{
	const uint64_t from_s = *now_s + 10; /* the first measure */

	while (*now_s < from_s + most_s)
		if (feed(b, conf, value, now_s) == WEIR_BREAKER_RECOVERED)
			return *now_s - from_s;
	return 0;
}

static void test_load_trips_at_its_threshold_and_recovers_after_300_s_below_the_other(void)
{
	const struct weir_breaker_conf conf = weir_breaker_of_load(1.0, 0.9);
	struct weir_breaker b = { 0 };
	uint64_t now_s = 1000;

	CU_ASSERT_EQUAL(feed(&b, &conf, 0.99, &now_s), WEIR_BREAKER_STAYS);
	CU_ASSERT_EQUAL(feed(&b, &conf, 1.0, &now_s), WEIR_BREAKER_TRIPPED);
	CU_ASSERT_EQUAL(feed(&b, &conf, 2.0, &now_s), WEIR_BREAKER_STAYS);
	CU_ASSERT_EQUAL(recovery_s(&b, &conf, 0.9, &now_s, 1000), 0); /* not below it */
	CU_ASSERT_EQUAL(b.since_ns, 1020 * S);
	CU_ASSERT_EQUAL(recovery_s(&b, &conf, 0.89, &now_s, 1000), 300);
	CU_ASSERT_FALSE(b.tripped);
	CU_ASSERT_EQUAL(b.trips, 1);
}

static void test_one_bad_measure_begins_the_300_s_anew(void)
{
	const struct weir_breaker_conf conf = weir_breaker_of_load(1.0, 0.9);
	struct weir_breaker b = { 0 };
	uint64_t now_s = 0;

	feed(&b, &conf, 1.5, &now_s);
	CU_ASSERT_EQUAL(recovery_s(&b, &conf, 0.5, &now_s, 280), 0);
	feed(&b, &conf, 0.95, &now_s);
	CU_ASSERT_EQUAL(weir_breaker_recovers_ns(&b, &conf), 0);
	CU_ASSERT_EQUAL(recovery_s(&b, &conf, 0.5, &now_s, 280), 0);
	feed(&b, &conf, NAN, &now_s); /* who knows? */
	CU_ASSERT_TRUE(b.tripped);
	CU_ASSERT_EQUAL(recovery_s(&b, &conf, 0.5, &now_s, 1000), 300);
}

static void test_it_says_when_it_will_recover(void)
{
	const struct weir_breaker_conf conf = weir_breaker_of_load(1.0, 0.9);
	struct weir_breaker b = { 0 };
	uint64_t now_s = 0;

	CU_ASSERT_EQUAL(weir_breaker_recovers_ns(&b, &conf), 0);
	feed(&b, &conf, 1.5, &now_s);
	CU_ASSERT_EQUAL(weir_breaker_recovers_ns(&b, &conf), 0);
	feed(&b, &conf, 0.5, &now_s);
	CU_ASSERT_EQUAL(weir_breaker_recovers_ns(&b, &conf), 320 * S);
}

static void test_a_load_that_swings_between_both_thresholds_stays_as_it_was(void)
{
	const struct weir_breaker_conf conf = weir_breaker_of_load(1.0, 0.9);
	struct weir_breaker b = { 0 };
	uint64_t now_s = 0;

	for (int i = 0; i < 200; i++)
		CU_ASSERT_EQUAL(feed(&b, &conf, i % 2 ? 0.91 : 0.99, &now_s), WEIR_BREAKER_STAYS);
	feed(&b, &conf, 1.1, &now_s);
	for (int i = 0; i < 200; i++)
		CU_ASSERT_EQUAL(feed(&b, &conf, i % 2 ? 0.91 : 0.99, &now_s), WEIR_BREAKER_STAYS);
	CU_ASSERT_TRUE(b.tripped);
	CU_ASSERT_EQUAL(b.trips, 1);
}

static void test_zero_switches_a_breaker_off_at_once(void)
{
	const struct weir_breaker_conf on = weir_breaker_of_load(1.0, 0.9);
	const struct weir_breaker_conf off[] = { weir_breaker_of_load(0, 0.9),
						 weir_breaker_of_load(1.0, 0),
						 weir_breaker_of_memory(0),
						 weir_breaker_of_disk(0, 0),
						 weir_breaker_of_tx(0, 1000, 10 * S) };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(off); i++) {
		struct weir_breaker b = { 0 };
		uint64_t now_s = 0;

		CU_ASSERT_EQUAL(feed(&b, &off[i], off[i].below ? 0 : 1e6, &now_s),
				WEIR_BREAKER_STAYS);
		feed(&b, &on, 5, &now_s);
		CU_ASSERT_EQUAL(feed(&b, &off[i], 5, &now_s), WEIR_BREAKER_RECOVERED);
		CU_ASSERT_EQUAL(feed(&b, &off[i], 5, &now_s), WEIR_BREAKER_STAYS);
	}
}

static void test_memory_trips_below_its_limit_and_recovers_after_300_s_at_110_percent_of_it(void)
{
	const struct weir_breaker_conf conf = weir_breaker_of_memory(20);
	struct weir_breaker b = { 0 };
	uint64_t now_s = 0;

	CU_ASSERT_EQUAL(feed(&b, &conf, 20.0, &now_s), WEIR_BREAKER_STAYS);
	CU_ASSERT_EQUAL(feed(&b, &conf, 19.99, &now_s), WEIR_BREAKER_TRIPPED);
	CU_ASSERT_EQUAL(recovery_s(&b, &conf, 21.99, &now_s, 1000), 0);
	CU_ASSERT_EQUAL(recovery_s(&b, &conf, 22.01, &now_s, 1000), 300);
}

static void test_a_memory_limit_near_all_of_it_can_recover(void)
{
	const struct weir_breaker_conf conf = weir_breaker_of_memory(95); /* 110 % of it is 104.5 */
	struct weir_breaker b = { 0 };
	uint64_t now_s = 0;

	feed(&b, &conf, 94, &now_s);
	CU_ASSERT_EQUAL(recovery_s(&b, &conf, 99.2, &now_s, 1000), 300);
}

static void test_disk_trips_below_15_percent_or_10_gb_and_recovers_at_110_percent_of_both(void)
{
	const struct weir_breaker_conf conf = weir_breaker_of_disk(15, 10);
	static const struct {
		uint64_t free, all;
		bool bad, well;
	} disks[] = {
		{ 150 * GB, 1000 * GB, false, false }, /* 15 % */
		{ 149 * GB, 1000 * GB, true, false },
		{ 164 * GB, 1000 * GB, false, false },
		{ 166 * GB, 1000 * GB, false, true }, /* 16.6 % */
		{ 10 * GB, 20 * GB, false, false },
		{ 10 * GB - 1, 20 * GB, true, false }, /* 49.9 %, but no 10 GB */
		{ 11 * GB - 1, 20 * GB, false, false },
		{ 11 * GB + 1, 20 * GB, false, true },
		{ 12 * GB, 100 * GB, true, false }, /* 12 GB, but no 15 % */
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(disks); i++) {
		const double v = weir_breaker_disk_measure(disks[i].free, disks[i].all, 15, 10);
		struct weir_breaker fresh = { 0 }, tripped = { 0 };

		CU_ASSERT_EQUAL(weir_breaker_feed(&fresh, &conf, v, S) == WEIR_BREAKER_TRIPPED,
				disks[i].bad);
		weir_breaker_feed(&tripped, &conf, 0, S);
		CU_ASSERT_EQUAL(weir_breaker_feed(&tripped, &conf, v, 2 * S) ==
					WEIR_BREAKER_RECOVERED,
				disks[i].well);
	}
}

static void test_a_disk_threshold_of_zero_is_none(void)
{
	const struct weir_breaker_conf conf = weir_breaker_of_disk(0, 10);
	struct weir_breaker b = { 0 };

	CU_ASSERT_EQUAL(weir_breaker_feed(&b, &conf,
					  weir_breaker_disk_measure(11 * GB, 10000 * GB, 0, 10), S),
			WEIR_BREAKER_STAYS);
	CU_ASSERT(isinf(weir_breaker_disk_measure(1, 1000, 0, 0)));
	CU_ASSERT_DOUBLE_EQUAL(weir_breaker_disk_measure(1, 1000, 20, 0), 0.005, 1e-9);
}

static void test_tx_recovers_after_5_probes_below_90_percent_of_what_others_may_send(void)
{
	const struct weir_breaker_conf conf = weir_breaker_of_tx(2000, 1000, 10 * S);
	struct weir_breaker b = { 0 };
	uint64_t now_s = 0;

	CU_ASSERT_EQUAL(feed(&b, &conf, 1999, &now_s), WEIR_BREAKER_STAYS);
	CU_ASSERT_EQUAL(feed(&b, &conf, 2000, &now_s), WEIR_BREAKER_TRIPPED);
	CU_ASSERT_EQUAL(recovery_s(&b, &conf, 900, &now_s, 1000), 0);
	for (int probe = 1; probe <= 5; probe++)
		CU_ASSERT_EQUAL(feed(&b, &conf, 899, &now_s),
				probe < 5 ? WEIR_BREAKER_STAYS : WEIR_BREAKER_RECOVERED);
}

static void test_a_recovery_threshold_beyond_the_trip_never_recovers_what_is_bad(void)
{
	const struct weir_breaker_conf conf = weir_breaker_of_load(1.0, 2.0);
	struct weir_breaker b = { 0 };
	uint64_t now_s = 0;

	feed(&b, &conf, 1.5, &now_s);
	CU_ASSERT_EQUAL(recovery_s(&b, &conf, 1.5, &now_s, 1000), 0);
	CU_ASSERT_EQUAL(recovery_s(&b, &conf, 0.99, &now_s, 1000), 300);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "load trips at its threshold and recovers after 300 s below the other",
		  test_load_trips_at_its_threshold_and_recovers_after_300_s_below_the_other },
		{ "one bad measure begins the 300 s anew",
		  test_one_bad_measure_begins_the_300_s_anew },
		{ "it says when it will recover", test_it_says_when_it_will_recover },
		{ "a load that swings between both thresholds stays as it was",
		  test_a_load_that_swings_between_both_thresholds_stays_as_it_was },
		{ "zero switches a breaker off at once", test_zero_switches_a_breaker_off_at_once },
		{ "memory trips below its limit and recovers after 300 s at 110 percent of it",
		  test_memory_trips_below_its_limit_and_recovers_after_300_s_at_110_percent_of_it },
		{ "a memory limit near all of it can recover",
		  test_a_memory_limit_near_all_of_it_can_recover },
		{ "disk trips below 15 percent or 10 GB and recovers at 110 percent of both",
		  test_disk_trips_below_15_percent_or_10_gb_and_recovers_at_110_percent_of_both },
		{ "a disk threshold of zero is none", test_a_disk_threshold_of_zero_is_none },
		{ "tx recovers after 5 probes below 90 percent of what others may send",
		  test_tx_recovers_after_5_probes_below_90_percent_of_what_others_may_send },
		{ "a recovery threshold beyond the trip never recovers what is bad",
		  test_a_recovery_threshold_beyond_the_trip_never_recovers_what_is_bad },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("limit/breaker", tests);
}
