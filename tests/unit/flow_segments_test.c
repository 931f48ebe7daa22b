/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_perf_test.h"
#include "perf.h"
#include "weir_test.h"

#include <stdio.h>

static enum segment_place receive(struct one_flow *o, unsigned int side, uint32_t seq, uint32_t len)
{
	struct perf m = { &o->pool, &o->counters, &o->c };

	return segment_receive(m, side, seq, len);
}

static void test_bytes_in_order_are_next(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	CU_ASSERT_EQUAL(receive(&o, 0, 1000, 100), SEG_NEXT);
	CU_ASSERT_EQUAL(receive(&o, 0, 1100, 100), SEG_NEXT);
	CU_ASSERT_EQUAL(receive(&o, 1, 1100, 100), SEG_NEXT);
	CU_ASSERT_EQUAL(o.pool.used, 0);
}

static void test_what_begins_inside_received_bytes_is_sent_again(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	receive(&o, 0, 1000, 100);
	CU_ASSERT_EQUAL(receive(&o, 0, 1000, 100), SEG_AGAIN);
	CU_ASSERT_EQUAL(receive(&o, 0, 1099, 1), SEG_AGAIN);
	CU_ASSERT_EQUAL(receive(&o, 0, 1050, 100), SEG_AGAIN);
	CU_ASSERT_EQUAL(receive(&o, 0, 1100, 10), SEG_NEXT);
}

static void test_a_gap_and_what_fills_it_are_out_of_order(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	receive(&o, 0, 1000, 100);
	CU_ASSERT_EQUAL(receive(&o, 0, 1300, 100), SEG_OUT_OF_ORDER);
	CU_ASSERT_EQUAL(o.pool.used, 1);
	CU_ASSERT_EQUAL(receive(&o, 0, 1400, 100), SEG_NEXT);
	CU_ASSERT_EQUAL(receive(&o, 0, 1100, 100), SEG_OUT_OF_ORDER); /* below a higher one */
	CU_ASSERT_EQUAL(receive(&o, 0, 1200, 100), SEG_OUT_OF_ORDER); /* joins both */
	CU_ASSERT_EQUAL(o.pool.used, 0);
	CU_ASSERT_EQUAL(receive(&o, 0, 1000, 500), SEG_AGAIN);
	CU_ASSERT_EQUAL(receive(&o, 0, 1500, 1), SEG_NEXT);
}

static void test_what_runs_into_the_next_segment_is_an_overlap(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	receive(&o, 0, 1000, 100);
	CU_ASSERT_EQUAL(receive(&o, 0, 900, 101), SEG_OVERLAP);
	CU_ASSERT_EQUAL(receive(&o, 0, 900, 100), SEG_OUT_OF_ORDER);
}

/* Spec 5: packet in the low quarter while the last was in the high: anew; the opposite: ignored. */
static void test_wrapping_starts_anew(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	receive(&o, 0, 0xffffff00, 0x80);
	receive(&o, 0, 0xfffffff0, 8);
	CU_ASSERT_EQUAL(receive(&o, 0, 0xfffffff8, 16), SEG_UNKNOWN);
	CU_ASSERT_EQUAL(receive(&o, 0, 8, 100), SEG_UNKNOWN);
	CU_ASSERT_EQUAL(o.pool.used, 0);
	CU_ASSERT_EQUAL(receive(&o, 0, 108, 100), SEG_NEXT);
	CU_ASSERT_EQUAL(receive(&o, 0, 0xffffff00, 16), SEG_UNKNOWN);
	CU_ASSERT_EQUAL(receive(&o, 0, 8, 100), SEG_AGAIN);
}

/* Spec 5: at 16 entries the two lowest are merged, the gap between them assumed received. */
static void test_the_sixteenth_segment_closes_the_lowest_gap(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	for (uint32_t i = 0; i < 15; i++)
		receive(&o, 0, 1000 + 100 * i, 10);
	CU_ASSERT_EQUAL(o.pool.used, 2);
	CU_ASSERT_EQUAL(receive(&o, 0, 1050, 10), SEG_OUT_OF_ORDER);
	CU_ASSERT_EQUAL(receive(&o, 0, 1020, 10), SEG_AGAIN);
	CU_ASSERT_EQUAL(receive(&o, 0, 1070, 10),
			SEG_OUT_OF_ORDER); /* 1060 to 1100 is still open */
	CU_ASSERT_EQUAL(receive(&o, 0, 1065, 1), SEG_AGAIN);
	CU_ASSERT_EQUAL(receive(&o, 0, 1250, 10), SEG_OUT_OF_ORDER);
	CU_ASSERT_EQUAL(o.pool.used, 2);
}

static void test_without_extensions_gaps_count_as_received(void)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	o.pool.size = 0;
	receive(&o, 0, 1000, 100);
	CU_ASSERT_EQUAL(receive(&o, 0, 1300, 100), SEG_OUT_OF_ORDER);
	CU_ASSERT_EQUAL(o.counters.ext_exhausted, 1);
	CU_ASSERT_EQUAL(receive(&o, 0, 1200, 100), SEG_AGAIN);
	CU_ASSERT_EQUAL(receive(&o, 0, 1400, 100), SEG_NEXT);
}

/* A bitmap of received bytes says the same, as long as there are at most 15 runs of them. */
#define SPACE 120

static enum segment_place place_in(const bool *have, unsigned int seq, unsigned int len)
{
	unsigned int highest = 0;

	if (have[seq])
		return SEG_AGAIN;
	for (unsigned int i = seq; i < seq + len; i++) {
		if (have[i])
			return SEG_OVERLAP;
	}
	for (unsigned int i = 0; i < SPACE; i++)
		highest = have[i] ? i : highest;
	return seq == highest + 1 ? SEG_NEXT : SEG_OUT_OF_ORDER;
}

static unsigned int runs_of(const bool *have)
{
	unsigned int runs = 0;

	for (unsigned int i = 1; i < SPACE; i++)
		runs += have[i] && !have[i - 1];
	return runs;
}

static void test_random_segments_are_placed_as_a_bitmap_says(void)
{
	uint32_t random = 1;

	for (unsigned int round = 0; round < 2000; round++) {
		bool have[SPACE + 8] = { [SPACE / 2] = true };
		struct one_flow o;

		one_flow_init(&o, IPPROTO_TCP);
		receive(&o, 1, 5000 + SPACE / 2, 1);
		while (runs_of(have) < 15) {
			unsigned int seq, len;
			enum segment_place want;

			random = random * 1664525 + 1013904223;
			seq = 1 + (random >> 8) % (SPACE - 10);
			len = 1 + (random >> 24) % 4;
			want = place_in(have, seq, len);
			CU_ASSERT_EQUAL_FATAL(receive(&o, 1, 5000 + seq, len), want);
			for (unsigned int i = 0; i < len && want != SEG_OVERLAP; i++)
				have[seq + i] |= want != SEG_AGAIN;
			if ((random >> 16) % 64 == 0)
				break;
		}
		weir_ext_release_all(&o.pool, &o.c.ext);
		CU_ASSERT_EQUAL(o.pool.used, 0);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "bytes in order are next", test_bytes_in_order_are_next },
		{ "what begins inside received bytes is sent again",
		  test_what_begins_inside_received_bytes_is_sent_again },
		{ "a gap and what fills it are out of order",
		  test_a_gap_and_what_fills_it_are_out_of_order },
		{ "what runs into the next segment is an overlap",
		  test_what_runs_into_the_next_segment_is_an_overlap },
		{ "wrapping starts anew", test_wrapping_starts_anew },
		{ "the sixteenth segment closes the lowest gap",
		  test_the_sixteenth_segment_closes_the_lowest_gap },
		{ "without extensions gaps count as received",
		  test_without_extensions_gaps_count_as_received },
		{ "random segments are placed as a bitmap says",
		  test_random_segments_are_placed_as_a_bitmap_says },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/segments", tests);
}
