/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_tap.h>

#define S       WEIR_NS_PER_S
#define WALL_NS (UINT64_C(1700000000) * S)
#define DELAY   S

static const struct weir_tap file = { .number = 1, .lossless = true, .delay_ns = DELAY };
static const struct weir_tap port = { .number = 1, .delay_ns = DELAY };

static struct weir_frame at(uint64_t ts_ns)
{
	return (struct weir_frame){ .ts_ns = ts_ns, .caplen = 60, .wirelen = 60 };
}

/* One frame, over as many boundaries as it crosses. */
static struct weir_frame stamp(struct weir_tap *tap, uint64_t ts_ns, uint64_t now_ns,
			       struct weir_accounting *acc)
{
	struct weir_frame f = at(ts_ns);

	if (weir_tap_stamp(tap, &f, 1, now_ns, acc) == 0)
		CU_ASSERT_EQUAL(weir_tap_stamp(tap, &f, 1, now_ns, acc), 1);
	return f;
}

static void test_the_watermark_is_the_highest_time_seen(void)
{
	struct weir_tap tap = file;
	struct weir_accounting acc = { 0 };

	stamp(&tap, 5 * S, 0, &acc);
	CU_ASSERT_EQUAL(tap.watermark_ns, 5 * S);
	stamp(&tap, 5 * S - 1, 0, &acc);
	CU_ASSERT_EQUAL(tap.watermark_ns, 5 * S);
	stamp(&tap, 7 * S, 0, &acc);
	CU_ASSERT_EQUAL(tap.watermark_ns, 7 * S);
}

static void test_behind_within_the_delay_is_late_with_its_own_time(void)
{
	struct weir_tap taps[] = { file, port };

	for (unsigned int i = 0; i < 2; i++) {
		struct weir_accounting acc = { 0 };
		struct weir_frame f;

		stamp(&taps[i], WALL_NS, WALL_NS, &acc);
		f = stamp(&taps[i], WALL_NS - DELAY, WALL_NS, &acc);
		CU_ASSERT_EQUAL(f.ts_ns, WALL_NS - DELAY);
		CU_ASSERT_EQUAL(f.flags, 0);
		stamp(&taps[i], WALL_NS, WALL_NS, &acc); /* not behind */
		CU_ASSERT_EQUAL(acc.late, 1);
	}
}

static void test_further_behind_is_too_old_on_a_port(void)
{
	struct weir_tap tap = port;
	struct weir_accounting acc = { 0 };
	struct weir_frame f;

	stamp(&tap, WALL_NS, WALL_NS, &acc);
	f = stamp(&tap, WALL_NS - DELAY - 1, WALL_NS, &acc);
	CU_ASSERT(f.flags & WEIR_FRAME_TOO_OLD);
	CU_ASSERT_EQUAL(f.ts_ns, WALL_NS - DELAY - 1);
	CU_ASSERT_EQUAL(acc.late, 0);
}

static void test_further_behind_is_lifted_in_a_file(void)
{
	struct weir_tap tap = file;
	struct weir_accounting acc = { 0 };
	struct weir_frame f;

	stamp(&tap, WALL_NS, 0, &acc);
	f = stamp(&tap, 3, 0, &acc);
	CU_ASSERT_EQUAL(f.ts_ns, WALL_NS - DELAY);
	CU_ASSERT_EQUAL(f.flags, 0);
	CU_ASSERT_EQUAL(acc.late, 1);
}

static void test_a_burst_is_split_at_each_boundary(void)
{
	struct weir_tap tap = file;
	struct weir_accounting acc = { 0 };
	struct weir_frame f[] = { at(10 * S), at(11 * S - 1), at(11 * S), at(12 * S - 1),
				  at(15 * S) };

	CU_ASSERT_EQUAL(weir_tap_stamp(&tap, f, 5, 0, &acc), 2);
	CU_ASSERT_EQUAL(tap.watermark_ns, 11 * S - 1);
	CU_ASSERT_EQUAL(weir_tap_stamp(&tap, f + 2, 3, 0, &acc), 2);
	CU_ASSERT_EQUAL(weir_tap_stamp(&tap, f + 4, 1, 0, &acc), 1);
	CU_ASSERT_EQUAL(acc.bytes, 5 * 60);
	CU_ASSERT_EQUAL(acc.late, 0);
}

/* Spec 3: 60 s ahead of both the packet before and the wall clock is wrong. */
static void test_a_jump_ahead_becomes_now_on_a_port(void)
{
	struct weir_tap tap = port;
	struct weir_accounting acc = { 0 };

	CU_ASSERT_EQUAL(stamp(&tap, WALL_NS + 61 * S, WALL_NS, &acc).ts_ns, WALL_NS);
	CU_ASSERT_EQUAL(stamp(&tap, WALL_NS + 60 * S, WALL_NS, &acc).ts_ns, WALL_NS + 60 * S);
	CU_ASSERT_EQUAL(stamp(&tap, WALL_NS + 100 * S, WALL_NS, &acc).ts_ns, WALL_NS + 100 * S);
	CU_ASSERT_EQUAL(tap.watermark_ns, WALL_NS + 100 * S);
}

static void test_a_jump_ahead_stands_in_a_file(void)
{
	struct weir_tap tap = file;
	struct weir_accounting acc = { 0 };

	stamp(&tap, WALL_NS, 0, &acc);
	CU_ASSERT_EQUAL(stamp(&tap, WALL_NS + 3600 * S, 0, &acc).ts_ns, WALL_NS + 3600 * S);
}

static void test_after_a_second_of_silence_the_wall_clock_counts(void)
{
	struct weir_tap tap = port;
	struct weir_accounting acc = { 0 };

	stamp(&tap, WALL_NS, WALL_NS, &acc);
	CU_ASSERT_FALSE(weir_tap_silence(&tap, WALL_NS, WALL_NS + S - 1));
	CU_ASSERT_EQUAL(tap.watermark_ns, WALL_NS);
	CU_ASSERT(weir_tap_silence(&tap, WALL_NS, WALL_NS + S));
	CU_ASSERT_EQUAL(tap.watermark_ns, WALL_NS + S);
	CU_ASSERT_FALSE(weir_tap_silence(&tap, WALL_NS, WALL_NS + S + 1));
}

/* A port's clock may run ahead. */
static void test_silence_does_not_turn_time_back(void)
{
	struct weir_tap tap = port;
	struct weir_accounting acc = { 0 };

	stamp(&tap, WALL_NS + 10 * S, WALL_NS, &acc);
	CU_ASSERT_FALSE(weir_tap_silence(&tap, WALL_NS, WALL_NS + 5 * S));
	CU_ASSERT_EQUAL(tap.watermark_ns, WALL_NS + 10 * S);
}

static void test_time_may_begin_at_zero(void)
{
	struct weir_tap tap = file;
	struct weir_accounting acc = { 0 };
	struct weir_frame f[] = { at(0), at(S / 2), at(0), at(S) };

	CU_ASSERT_EQUAL(weir_tap_stamp(&tap, f, 4, 0, &acc), 3);
	CU_ASSERT_EQUAL(acc.late, 1);
	CU_ASSERT_EQUAL(weir_tap_stamp(&tap, f + 3, 1, 0, &acc), 1);
}

/* 64 bits of a pcapng file say anything; the tap must come past it and not turn back. */
static void test_no_time_is_too_far_ahead(void)
{
	struct weir_tap tap = file;
	struct weir_accounting acc = { 0 };

	stamp(&tap, WALL_NS, 0, &acc);
	stamp(&tap, UINT64_MAX, 0, &acc);
	CU_ASSERT(tap.watermark_ns > WALL_NS);
	CU_ASSERT(tap.boundary_ns > tap.watermark_ns);
	stamp(&tap, UINT64_MAX - 5, 0, &acc);
	CU_ASSERT_EQUAL(acc.late, 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the watermark is the highest time seen",
		  test_the_watermark_is_the_highest_time_seen },
		{ "behind within the delay is late, with its own time",
		  test_behind_within_the_delay_is_late_with_its_own_time },
		{ "further behind is too old on a port", test_further_behind_is_too_old_on_a_port },
		{ "further behind is lifted in a file", test_further_behind_is_lifted_in_a_file },
		{ "a burst is split at each boundary", test_a_burst_is_split_at_each_boundary },
		{ "a jump ahead becomes now on a port", test_a_jump_ahead_becomes_now_on_a_port },
		{ "a jump ahead stands in a file", test_a_jump_ahead_stands_in_a_file },
		{ "after a second of silence the wall clock counts",
		  test_after_a_second_of_silence_the_wall_clock_counts },
		{ "silence does not turn time back", test_silence_does_not_turn_time_back },
		{ "time may begin at zero", test_time_may_begin_at_zero },
		{ "no time is too far ahead", test_no_time_is_too_far_ahead },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("rt/tap", tests);
}
