/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_export.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define RINGS 3
#define EACH  20000

static void nap(void)
{
	const struct timespec some = { .tv_nsec = 1000000 };

	nanosleep(&some, NULL);
}

/* A sink that remembers: the test's own end of the interface. */
struct memory {
	struct weir_sink base;
	struct weir_flow_rec *recs;
	uint64_t n, fail_after;
	atomic_bool full;
	bool slow;
	bool waits; /* until all was produced */
};

static atomic_bool produced;

static int memory_write(struct weir_sink *s, const struct weir_flow_rec *recs, uint32_t n,
			struct weir_err *err)
{
	struct memory *m = (struct memory *)s;

	if (m->slow)
		nap();
	while (m->waits && !produced)
		nap();
	if (m->full || m->n + n > m->fail_after) {
		s->buffered = n;
		return weir_err_set(err, ENOSPC, "memory is full");
	}
	if (m->recs != NULL)
		memcpy(m->recs + m->n, recs, n * sizeof(*recs));
	m->n += n;
	return 0;
}

static int memory_nothing(struct weir_sink *s, struct weir_err *err)
{
	(void)s;
	(void)err;
	return 0;
}

static const struct weir_sink_ops memory_ops = { memory_write, memory_nothing, memory_nothing };

static struct memory memory_of(uint64_t recs)
{
	struct memory m = { .base.ops = &memory_ops, .fail_after = UINT64_MAX };

	m.recs = recs > 0 ? malloc(recs * sizeof(*m.recs)) : NULL;
	return m;
}

/* One worker's records: the first fifth are two to a flow, a report and the end; then one a flow. */
static void *produce(void *arg)
{
	struct weir_ring *ring = arg;

	for (int i = 0; i < EACH; i++) {
		struct weir_flow_rec *r = weir_ring_reserve_wait(ring);
		int flow = i < EACH / 5 ? i / 2 : i, last = i >= EACH / 5 || i % 2 == 1;

		memset(r, 0, sizeof(*r));
		r->flow_id = (uint64_t)flow;
		r->capture_nic = (uint64_t)(uintptr_t)ring;
		r->start_ns = (uint64_t)((i * 7919) % EACH);
		r->end_ns = r->start_ns + 1;
		r->packet[0] = 1;
		r->flow_count = 1;
		r->capture_network_type = flow % 2 == 0 ? 3 : 300;
		r->observation_point = flow % 3 == 0 ? 2 : 0;
		r->flags = i >= EACH / 5 || i % 2 == 0 ? WEIR_REC_NEW : 0;
		r->close_type = last ? WEIR_CLOSE_FINISH : WEIR_CLOSE_FORCED_REPORT;
		weir_ring_push(ring);
	}
	weir_ring_close(ring);
	return NULL;
}

static uint32_t throttle;                       /* of run(); records a second */
static const struct weir_record_filter *filter; /* of run() */

static int run(struct weir_outlet_conf *outlets, uint32_t n_outlets, bool lossless,
	       struct weir_outlet_stats *stats, struct weir_err *err)
{
	struct weir_ring *rings[RINGS];
	pthread_t threads[RINGS];
	struct weir_collector_conf conf = { .rings = rings,
					    .n_rings = RINGS,
					    .outlets = outlets,
					    .n_outlets = n_outlets,
					    .lossless = lossless,
					    .cpu = -1,
					    .filter = filter };
	struct weir_collector *c;
	int rc;

	for (int i = 0; i < RINGS; i++)
		rings[i] = weir_ring_create(1024, sizeof(struct weir_flow_rec));
	c = weir_collector_start(&conf, err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(weir_collector_throttle(c, throttle), 0);
	produced = false;
	for (int i = 0; i < RINGS; i++)
		pthread_create(&threads[i], NULL, produce, rings[i]);
	for (int i = 0; i < RINGS; i++)
		pthread_join(threads[i], NULL);
	produced = true;
	rc = weir_collector_join(c, err);
	for (uint32_t i = 0; i < n_outlets; i++)
		weir_collector_stats(c, i, &stats[i]);
	weir_collector_destroy(c);
	for (int i = 0; i < RINGS; i++)
		weir_ring_destroy(rings[i]);
	return rc;
}

static void check_conserved(const struct weir_outlet_stats *s)
{
	CU_ASSERT_EQUAL(s->taken, RINGS * EACH);
	CU_ASSERT_EQUAL(s->taken, s->folded + s->filtered + s->throttled + s->merged + s->dropped +
					  s->failed + s->written);
}

static void test_every_record_reaches_every_sink(void)
{
	struct memory a = memory_of(RINGS * EACH), b = memory_of(RINGS * EACH);
	struct weir_outlet_conf outlets[] = { { .sink = &a.base, .name = "a" },
					      { .sink = &b.base, .name = "b" } };
	struct weir_outlet_stats stats[2];
	uint64_t packets = 0;

	b.slow = true;
	CU_ASSERT_EQUAL(run(outlets, 2, true, stats, NULL), 0);
	for (int i = 0; i < 2; i++) {
		check_conserved(&stats[i]);
		CU_ASSERT_EQUAL(stats[i].written, RINGS * EACH);
	}
	CU_ASSERT_EQUAL(a.n, RINGS * EACH);
	CU_ASSERT_EQUAL(memcmp(a.recs, b.recs, RINGS * EACH * sizeof(*a.recs)), 0);
	for (uint64_t i = 0; i < a.n; i++)
		packets += a.recs[i].packet[0];
	CU_ASSERT_EQUAL(packets, RINGS * EACH);
	free(a.recs);
	free(b.recs);
}

static void test_merging_gives_one_record_a_flow(void)
{
	struct memory a = memory_of(RINGS * EACH);
	struct weir_outlet_conf outlets[] = {
		{ .sink = &a.base, .name = "a", .merge = true, .sorted = true }
	};
	struct weir_outlet_stats stats;
	uint64_t packets = 0;

	CU_ASSERT_EQUAL(run(outlets, 1, true, &stats, NULL), 0);
	check_conserved(&stats);
	CU_ASSERT_EQUAL(stats.merged, RINGS * EACH / 10);
	CU_ASSERT_EQUAL(a.n, RINGS * EACH * 9 / 10);
	for (uint64_t i = 0; i < a.n; i++) {
		packets += a.recs[i].packet[0];
		CU_ASSERT_EQUAL(a.recs[i].close_type, WEIR_CLOSE_FINISH);
		if (i > 0)
			CU_ASSERT(weir_flow_rec_compare(&a.recs[i - 1], &a.recs[i]) < 0);
	}
	CU_ASSERT_EQUAL(packets, RINGS * EACH);
	free(a.recs);
}

static void test_a_slow_sink_of_a_live_source_drops_and_counts(void)
{
	struct memory fast = memory_of(0), slow = memory_of(0);
	struct weir_outlet_conf outlets[] = { { .sink = &fast.base, .name = "fast" },
					      { .sink = &slow.base, .name = "slow" } };
	struct weir_outlet_stats stats[2];

	slow.waits = true;
	CU_ASSERT_EQUAL(run(outlets, 2, false, stats, NULL), 0);
	check_conserved(&stats[0]);
	check_conserved(&stats[1]);
	CU_ASSERT(stats[1].dropped > 0);
	CU_ASSERT_EQUAL(slow.n, stats[1].written);
}

static void test_a_failing_sink_is_reported_and_hurts_no_other(void)
{
	struct memory good = memory_of(0), bad = memory_of(0);
	struct weir_outlet_conf outlets[] = { { .sink = &good.base, .name = "good" },
					      { .sink = &bad.base, .name = "bad" } };
	struct weir_outlet_stats stats[2];
	struct weir_err err = { 0 };

	bad.fail_after = 1000;
	CU_ASSERT_EQUAL(run(outlets, 2, true, stats, &err), -ENOSPC);
	CU_ASSERT_STRING_EQUAL(err.msg, "memory is full");
	check_conserved(&stats[0]);
	check_conserved(&stats[1]);
	CU_ASSERT_EQUAL(stats[0].written, RINGS * EACH);
	CU_ASSERT_EQUAL(stats[1].written, bad.n);
	CU_ASSERT(bad.n <= 1000);
	CU_ASSERT_EQUAL(stats[1].failed, RINGS * EACH - bad.n);
}

static void test_without_a_sink_records_are_counted(void)
{
	struct weir_outlet_conf none = { .name = "null" };
	struct weir_outlet_stats stats;

	CU_ASSERT_EQUAL(run(&none, 0, true, &stats, NULL), 0);
	none.sink = weir_sink_open(WEIR_SINK_NULL, NULL, NULL);
	CU_ASSERT_EQUAL(run(&none, 1, true, &stats, NULL), 0);
	CU_ASSERT_EQUAL(stats.written, RINGS * EACH);
}

static void test_a_throttle_lets_a_share_through_and_counts_the_rest(void)
{
	struct memory a = memory_of(RINGS * EACH);
	struct weir_outlet_conf outlet = { .sink = &a.base, .name = "a" };
	const uint64_t began_ns = weir_clock_mono_ns();
	struct weir_outlet_stats stats;
	uint64_t windows;

	throttle = 100;
	CU_ASSERT_EQUAL(run(&outlet, 1, false, &stats, NULL), 0);
	throttle = 0;
	windows = (weir_clock_mono_ns() - began_ns) / (4 * WEIR_NS_PER_S) + 1;
	check_conserved(&stats);
	CU_ASSERT_EQUAL(stats.dropped, 0);
	CU_ASSERT(stats.written >= 400 && stats.written <= windows * 400);
	CU_ASSERT_EQUAL(stats.throttled, RINGS * EACH - stats.written);
	CU_ASSERT_EQUAL(a.n, stats.written);
	free(a.recs);
}

/* What is left, of records of types 3 and 300 in turn, every third of point 2. */
static uint64_t passed_by(const struct weir_record_filter *f)
{
	struct memory a = memory_of(RINGS * EACH);
	struct weir_outlet_conf outlet = { .sink = &a.base, .name = "a" };
	struct weir_outlet_stats stats;
	uint32_t wrong = 0;

	filter = f;
	CU_ASSERT_EQUAL(run(&outlet, 1, true, &stats, NULL), 0);
	filter = NULL;
	check_conserved(&stats);
	CU_ASSERT_EQUAL(stats.filtered, RINGS * EACH - stats.written);
	for (uint32_t i = 0; i < a.n; i++)
		wrong += (!f->every_type && a.recs[i].capture_network_type != 3) ||
			 (f->ignored_points != 0 && a.recs[i].observation_point == 2);
	CU_ASSERT_EQUAL(wrong, 0);
	free(a.recs);
	return stats.written;
}

static void test_records_of_other_types_and_of_ignored_points_are_left_out_and_counted(void)
{
	const uint64_t all = passed_by(&(struct weir_record_filter){ .every_type = true });
	const uint64_t type_3 = passed_by(&(struct weir_record_filter){ .types = { 1 << 3 } });
	const uint64_t points = passed_by(
		&(struct weir_record_filter){ .every_type = true, .ignored_points = 1 << 2 });

	CU_ASSERT_EQUAL(all, RINGS * EACH);
	CU_ASSERT(type_3 * 2 >= all - RINGS * 2 && type_3 * 2 <= all + RINGS * 2);
	CU_ASSERT(points * 3 >= all * 2 - RINGS * 6 && points * 3 <= all * 2 + RINGS * 6);
	CU_ASSERT_EQUAL(passed_by(&(struct weir_record_filter){ .types = { 1 << 4 } }), 0);
	CU_ASSERT(passed_by(&(struct weir_record_filter){ .types = { 1 << 3 },
							  .ignored_points = 1 << 2 }) < type_3);
}

static void put_some(struct weir_ring *ring, uint32_t n, uint16_t flags)
{
	for (uint32_t i = 0; i < n; i++) {
		struct weir_flow_rec *r = weir_ring_reserve_wait(ring);

		*r = (struct weir_flow_rec){ .flow_id = i, .flow_count = 1, .flags = flags };
		weir_ring_push(ring);
	}
}

/* Data plane 7.3: flows whose packets a rule stores bypass filters. */
static void test_flows_whose_packets_a_rule_stores_pass_every_filter(void)
{
	const struct weir_record_filter nothing = { .ignored_points = 1 };
	struct memory a = memory_of(100);
	struct weir_outlet_conf outlet = { .sink = &a.base, .name = "a" };
	struct weir_ring *ring = weir_ring_create(1024, sizeof(struct weir_flow_rec));
	struct weir_collector_conf conf = { .rings = &ring,
					    .n_rings = 1,
					    .outlets = &outlet,
					    .n_outlets = 1,
					    .cpu = -1,
					    .filter = &nothing };
	struct weir_collector *c = weir_collector_start(&conf, NULL);
	struct weir_outlet_stats stats = { 0 };

	CU_ASSERT_FATAL(c != NULL && ring != NULL);
	for (uint16_t i = 0; i < 100; i++) {
		struct weir_flow_rec *r = weir_ring_reserve_wait(ring);

		*r = (struct weir_flow_rec){ .flow_count = 1, .acl_gids = { i % 4 } };
		weir_ring_push(ring);
	}
	weir_ring_close(ring);
	CU_ASSERT_EQUAL(weir_collector_join(c, NULL), 0);
	weir_collector_stats(c, 0, &stats);
	CU_ASSERT_EQUAL(stats.filtered, 25);
	CU_ASSERT_EQUAL_FATAL(stats.written, 75);
	for (unsigned int i = 0; i < 75; i++)
		CU_ASSERT(a.recs[i].acl_gids[0] != 0);
	weir_collector_destroy(c);
	weir_ring_destroy(ring);
	free(a.recs);
}

/* While a batch is not full, what is in it is neither folded nor written yet. */
static void test_what_waits_is_not_called_folded(void)
{
	struct memory a = memory_of(0);
	struct weir_outlet_conf outlet = { .sink = &a.base, .name = "a" };
	struct weir_ring *ring = weir_ring_create(1024, sizeof(struct weir_flow_rec));
	struct weir_collector_conf conf = {
		.rings = &ring, .n_rings = 1, .outlets = &outlet, .n_outlets = 1, .cpu = -1
	};
	struct weir_collector *c = weir_collector_start(&conf, NULL);
	struct weir_outlet_stats stats = { 0 };

	CU_ASSERT_FATAL(c != NULL && ring != NULL);
	put_some(ring, 10, 0);
	while (stats.written < 10) {
		nap();
		weir_collector_stats(c, 0, &stats);
		CU_ASSERT_EQUAL(stats.folded, 0);
	}
	put_some(ring, 10,
		 WEIR_REC_NEW | WEIR_REC_FOLD); /* one flood, of which one record is made */
	weir_ring_close(ring);
	CU_ASSERT_EQUAL(weir_collector_join(c, NULL), 0);
	weir_collector_stats(c, 0, &stats);
	CU_ASSERT_EQUAL(stats.taken, 20);
	CU_ASSERT_EQUAL(stats.folded, 9);
	CU_ASSERT_EQUAL(stats.written, 11);
	weir_collector_destroy(c);
	weir_ring_destroy(ring);
}

/* As a disk that was full, and has room again. */
static void test_a_live_source_s_sink_that_failed_is_tried_again(void)
{
	struct memory a = memory_of(0);
	struct weir_outlet_conf outlet = { .sink = &a.base, .name = "a" };
	struct weir_ring *ring = weir_ring_create(1024, sizeof(struct weir_flow_rec));
	struct weir_collector_conf conf = {
		.rings = &ring, .n_rings = 1, .outlets = &outlet, .n_outlets = 1, .cpu = -1
	};
	const uint64_t began_us = weir_clock_wall_ns() / WEIR_NS_PER_US;
	struct weir_collector *c = weir_collector_start(&conf, NULL);
	struct weir_outlet_stats stats = { 0 };
	struct weir_err err;
	uint64_t since_us;

	CU_ASSERT_FATAL(c != NULL && ring != NULL);
	CU_ASSERT_EQUAL(weir_collector_fault(c, 0, &err), 0);
	a.full = true;
	put_some(ring, 10, 0);
	while ((since_us = weir_collector_fault(c, 0, &err)) == 0)
		nap();
	CU_ASSERT_STRING_EQUAL(err.msg, "memory is full");
	CU_ASSERT(since_us >= began_us && since_us <= weir_clock_wall_ns() / WEIR_NS_PER_US);
	put_some(ring, 10, 0); /* within the second that it is left alone */
	for (; stats.failed < 20; weir_collector_stats(c, 0, &stats))
		nap();
	CU_ASSERT_EQUAL(weir_collector_fault(c, 0, &err), since_us);
	a.full = false;
	while (weir_collector_fault(c, 0, &err) != 0) {
		put_some(ring, 1, 0);
		nap();
	}
	weir_ring_close(ring);
	CU_ASSERT_EQUAL(weir_collector_join(c, &err), 0);
	weir_collector_stats(c, 0, &stats);
	CU_ASSERT(stats.written > 0);
	CU_ASSERT_EQUAL(stats.written, a.n);
	CU_ASSERT_EQUAL(stats.taken, stats.written + stats.failed);
	weir_collector_destroy(c);
	weir_ring_destroy(ring);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every record reaches every sink", test_every_record_reaches_every_sink },
		{ "merging gives one record a flow", test_merging_gives_one_record_a_flow },
		{ "a slow sink of a live source drops and counts",
		  test_a_slow_sink_of_a_live_source_drops_and_counts },
		{ "a failing sink is reported and hurts no other",
		  test_a_failing_sink_is_reported_and_hurts_no_other },
		{ "records of other types and of ignored points are left out, and counted",
		  test_records_of_other_types_and_of_ignored_points_are_left_out_and_counted },
		{ "flows whose packets a rule stores pass every filter",
		  test_flows_whose_packets_a_rule_stores_pass_every_filter },
		{ "a throttle lets a share through and counts the rest",
		  test_a_throttle_lets_a_share_through_and_counts_the_rest },
		{ "a live source's sink that failed is tried again",
		  test_a_live_source_s_sink_that_failed_is_tried_again },
		{ "what waits is not called folded", test_what_waits_is_not_called_folded },
		{ "without a sink records are counted", test_without_a_sink_records_are_counted },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("export/collector", tests);
}
