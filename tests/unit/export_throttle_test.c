/* SPDX-License-Identifier: Apache-2.0 */
#include "throttle.h"
#include "weir_test.h"

#include <stdlib.h>

#define T0 (1000 * WEIR_NS_PER_S)
#define S  WEIR_NS_PER_S

struct out {
	uint64_t *ids;
	uint64_t n;
	uint32_t most; /* at once */
};

static void collect(void *ctx, const struct weir_flow_rec *recs, uint32_t n)
{
	struct out *o = ctx;

	o->most = n > o->most ? n : o->most;
	for (uint32_t i = 0; i < n; i++)
		o->ids[o->n++] = recs[i].flow_id;
}

#define SLICE THROTTLE_RECS /* no less than is due at once */

static void setup(struct weir_throttle **t, struct out *o, uint64_t room)
{
	*o = (struct out){ .ids = calloc(room, sizeof(*o->ids)) };
	*t = weir_throttle_create(7, SLICE, collect, o);
	CU_ASSERT_FATAL(*t != NULL && o->ids != NULL);
}

static void teardown(struct weir_throttle *t, struct out *o)
{
	weir_throttle_destroy(t);
	free(o->ids);
}

static void take(struct weir_throttle *t, uint32_t rate, uint64_t id, uint64_t now_ns)
{
	const struct weir_flow_rec r = { .flow_id = id };

	weir_throttle_take(t, rate, &r, 1, now_ns);
}

/* Specification, data plane 7.3: 4 s, 4 times the rate. */
static void test_as_many_as_the_rate_allows_pass_in_order(void)
{
	struct weir_throttle *t;
	struct out o;

	setup(&t, &o, 1000);
	for (uint64_t i = 0; i < 400; i++)
		take(t, 100, i, T0 + i * 10 * WEIR_NS_PER_MS);
	weir_throttle_advance(t, T0 + 4 * S - 1);
	CU_ASSERT_EQUAL(o.n, 0);
	CU_ASSERT_EQUAL(weir_throttle_held(t), 400);
	weir_throttle_advance(t, T0 + 4 * S);
	weir_throttle_advance(t, T0 + 8 * S);
	CU_ASSERT_EQUAL(o.n, 400);
	for (uint64_t i = 0; i < o.n; i++)
		CU_ASSERT_EQUAL(o.ids[i], i);
	CU_ASSERT_EQUAL(weir_throttle_left_out(t), 0);
	teardown(t, &o);
}

/* Ingest format, 2.3: "non-empty rows are never sampled away". */
static void test_flows_whose_packets_a_rule_stores_all_pass_at_once(void)
{
	const struct weir_flow_rec r = { .flow_id = 9999, .acl_gids = { 7 } };
	struct weir_throttle *t;
	struct out o;

	setup(&t, &o, 2000);
	for (uint64_t i = 0; i < 1000; i++) {
		take(t, 1, i, T0);
		weir_throttle_take(t, 1, &r, 1, T0);
		CU_ASSERT(o.n == i + 1 && o.ids[i] == 9999);
	}
	CU_ASSERT_EQUAL(weir_throttle_held(t), 4);
	CU_ASSERT_EQUAL(weir_throttle_left_out(t), 996);
	teardown(t, &o);
}

static void test_a_sample_leaves_evenly_while_the_next_one_fills(void)
{
	struct weir_throttle *t;
	struct out o;

	setup(&t, &o, 1000);
	for (uint64_t i = 0; i < 1000; i++)
		take(t, 100, i, T0);
	weir_throttle_advance(t, T0 + 4 * S);
	for (uint64_t i = 1; i <= 400; i++) { /* one each 10 ms */
		take(t, 100, 1000 + i, T0 + 4 * S + i * 10 * WEIR_NS_PER_MS - 1);
		CU_ASSERT_EQUAL(o.n, i - 1);
		weir_throttle_advance(t, T0 + 4 * S + i * 10 * WEIR_NS_PER_MS);
		CU_ASSERT_EQUAL(o.n, i);
		CU_ASSERT_EQUAL(weir_throttle_held(t), 400);
	}
	CU_ASSERT_EQUAL(o.most, 1);
	teardown(t, &o);
}

/* Whoever turns up late finds much due: the queue that it goes to is as small as before. */
static void test_no_more_than_a_slice_leaves_at_once(void)
{
	struct out o = { .ids = calloc(1000, sizeof(*o.ids)) };
	struct weir_throttle *t = weir_throttle_create(7, 64, collect, &o);

	CU_ASSERT_FATAL(t != NULL && o.ids != NULL);
	for (uint64_t i = 0; i < 1000; i++)
		take(t, 100, i, T0);
	weir_throttle_advance(t, T0 + 4 * S);
	for (uint64_t late = 60; late < 67; late++) {
		CU_ASSERT_TRUE(weir_throttle_leaves(t));
		weir_throttle_advance(t, T0 + late * S);
	}
	CU_ASSERT_EQUAL(o.most, 64);
	CU_ASSERT_EQUAL(o.n, 400);
	CU_ASSERT_FALSE(weir_throttle_leaves(t));
	teardown(t, &o);
}

static void test_a_window_lasts_until_the_sample_before_it_has_left(void)
{
	struct out o = { .ids = calloc(2000, sizeof(*o.ids)) };
	struct weir_throttle *t = weir_throttle_create(7, 300, collect, &o);

	CU_ASSERT_FATAL(t != NULL && o.ids != NULL);
	for (uint64_t i = 0; i < 400; i++)
		take(t, 100, i, T0);
	take(t, 100, 400, T0 + 4 * S);     /* the next window begins */
	take(t, 100, 401, T0 + 8 * S);     /* it is over, and 300 of 400 have left: it goes on */
	take(t, 100, 402, T0 + 8 * S + 1); /* all have left; this is the first of a third one */
	CU_ASSERT_EQUAL(o.n, 400);
	weir_throttle_advance(t, T0 + 12 * S + 1);
	CU_ASSERT_EQUAL(o.n, 402);
	CU_ASSERT_EQUAL(weir_throttle_held(t), 1);
	weir_throttle_end(t);
	CU_ASSERT_EQUAL(o.n, 403);
	CU_ASSERT_EQUAL(weir_throttle_left_out(t), 0);
	teardown(t, &o);
}

static void test_what_is_beyond_it_is_left_out_and_counted(void)
{
	struct weir_throttle *t;
	struct out o;

	setup(&t, &o, 1000);
	for (uint64_t i = 0; i < 10000; i++)
		take(t, 100, i, T0 + i);
	weir_throttle_end(t);
	CU_ASSERT_EQUAL(o.n, 400);
	CU_ASSERT_EQUAL(weir_throttle_left_out(t), 9600);
	CU_ASSERT_EQUAL(weir_throttle_held(t), 0);
	teardown(t, &o);
}

/* 500 windows of 4000 records, 400 kept: each tenth of a window gives 20000, give or take 134 (one sigma). */
static void test_each_record_of_a_window_has_the_same_chance(void)
{
	uint64_t tenths[10] = { 0 };
	struct weir_throttle *t;
	struct out o;

	setup(&t, &o, 500 * 400);
	for (uint64_t w = 0; w < 500; w++) {
		for (uint64_t i = 0; i < 4000; i++)
			take(t, 100, i, T0 + w * 4 * S + i);
		weir_throttle_advance(t, T0 + (w + 1) * 4 * S);
	}
	weir_throttle_end(t);
	CU_ASSERT_EQUAL_FATAL(o.n, 500 * 400);
	for (uint64_t i = 0; i < o.n; i++)
		tenths[o.ids[i] / 400]++;
	for (int i = 0; i < 10; i++)
		CU_ASSERT(tenths[i] > 20000 - 5 * 134 && tenths[i] < 20000 + 5 * 134);
	teardown(t, &o);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void test_no_record_comes_twice(void)
{
	struct weir_throttle *t;
	struct out o;

	setup(&t, &o, 10000);
	for (uint64_t i = 0; i < 50000; i++)
		take(t, 1000, i, T0 + i);
	weir_throttle_end(t);
	qsort(o.ids, o.n, sizeof(*o.ids), by_value);
	CU_ASSERT_EQUAL(o.n, 4000);
	for (uint64_t i = 1; i < o.n; i++)
		CU_ASSERT(o.ids[i] != o.ids[i - 1]);
	teardown(t, &o);
}

static void test_a_high_rate_has_a_shorter_window(void)
{
	struct weir_throttle *t;
	struct out o;

	setup(&t, &o, 3 * THROTTLE_RECS);
	for (uint64_t i = 0; i < 100000; i++)
		take(t, 1000000, i, T0);
	CU_ASSERT_EQUAL(weir_throttle_held(t), THROTTLE_RECS);
	weir_throttle_advance(t, T0 + THROTTLE_RECS * 1000 - 1); /* a microsecond each */
	CU_ASSERT_FALSE(weir_throttle_leaves(t));
	weir_throttle_advance(t, T0 + THROTTLE_RECS * 1000);
	CU_ASSERT_TRUE(weir_throttle_leaves(t));
	weir_throttle_advance(t, T0 + 2 * THROTTLE_RECS * 1000);
	CU_ASSERT_EQUAL(o.n, THROTTLE_RECS);
	CU_ASSERT_EQUAL(weir_throttle_left_out(t), 100000 - THROTTLE_RECS);
	teardown(t, &o);
}

static void test_another_rate_holds_from_the_next_window_on(void)
{
	struct weir_throttle *t;
	struct out o;

	setup(&t, &o, 2000);
	for (uint64_t i = 0; i < 1000; i++)
		take(t, 10, i, T0);
	for (uint64_t i = 0; i < 1000; i++)
		take(t, 100, i, T0 + 1);
	weir_throttle_advance(t, T0 + 4 * S);
	weir_throttle_advance(t, T0 + 8 * S);
	CU_ASSERT_EQUAL(o.n, 40);
	for (uint64_t i = 0; i < 1000; i++)
		take(t, 100, i, T0 + 9 * S);
	weir_throttle_end(t);
	CU_ASSERT_EQUAL(o.n, 440);
	teardown(t, &o);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "as many as the rate allows pass, in order",
		  test_as_many_as_the_rate_allows_pass_in_order },
		{ "flows whose packets a rule stores all pass, at once",
		  test_flows_whose_packets_a_rule_stores_all_pass_at_once },
		{ "a sample leaves evenly while the next one fills",
		  test_a_sample_leaves_evenly_while_the_next_one_fills },
		{ "no more than a slice leaves at once", test_no_more_than_a_slice_leaves_at_once },
		{ "a window lasts until the sample before it has left",
		  test_a_window_lasts_until_the_sample_before_it_has_left },
		{ "what is beyond it is left out and counted",
		  test_what_is_beyond_it_is_left_out_and_counted },
		{ "each record of a window has the same chance",
		  test_each_record_of_a_window_has_the_same_chance },
		{ "no record comes twice", test_no_record_comes_twice },
		{ "a high rate has a shorter window", test_a_high_rate_has_a_shorter_window },
		{ "another rate holds from the next window on",
		  test_another_rate_holds_from_the_next_window_on },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("export/throttle", tests);
}
