/* SPDX-License-Identifier: Apache-2.0 */
/* The way from a worker's ring into a store, while somebody else is in the store's way. */
#include "store_test.h"

#include <weir_export.h>

static struct weir_ring *ring;
static struct weir_collector *collector;
static uint64_t next_id;

static void start(struct weir_store *s)
{
	struct weir_err err = { 0 };
	const struct weir_outlet_conf outlet = { .sink = weir_sink_store_create(s, &err),
						 .name = "store" };
	const struct weir_collector_conf conf = { .rings = &ring,
						  .n_rings = 1,
						  .outlets = &outlet,
						  .n_outlets = 1,
						  .lossless = true,
						  .cpu = -1 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(outlet.sink);
	ring = weir_ring_create(1024, sizeof(struct weir_flow_rec));
	collector = weir_collector_start(&conf, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(collector);
	next_id = 1;
}

static void push(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct weir_flow_rec *r = weir_ring_reserve_wait(ring);

		*r = plain(next_id, FIRST_NS + next_id * 1000);
		next_id++;
		weir_ring_push(ring);
	}
}

static struct weir_outlet_stats stats(void)
{
	struct weir_outlet_stats st;

	weir_collector_stats(collector, 0, &st);
	return st;
}

/* Until all that was pushed is written or lost, at most 10 s. */
static struct weir_outlet_stats quiet(void)
{
	struct weir_outlet_stats st = stats();

	for (int i = 0; i < 1000 && st.written + st.failed < next_id - 1; i++) {
		usleep(10000);
		st = stats();
	}
	return st;
}

static struct weir_outlet_stats end(struct weir_store *s)
{
	struct weir_outlet_stats st;
	struct weir_err err = { 0 };

	weir_ring_close(ring);
	CU_ASSERT_EQUAL(weir_collector_join(collector, &err), 0);
	st = stats();
	weir_collector_destroy(collector);
	weir_ring_destroy(ring);
	store_settle_close(s);
	CU_ASSERT_EQUAL(st.taken, next_id - 1);
	CU_ASSERT_EQUAL(st.taken, st.folded + st.filtered + st.throttled + st.merged + st.dropped +
					  st.failed + st.written);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow_row"), (long long)st.written);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(DISTINCT flow_id) FROM flow"), (long long)st.written);
	return st;
}

static void test_every_record_is_a_row_and_seen_without_a_further_one(void)
{
	struct weir_store *s;

	dir_make();
	s = store_open(NULL);
	start(s);
	push(1000);
	for (int i = 0; i < 100 && SQL_SUM("SELECT count(*) FROM flow_row") != 1000; i++)
		usleep(200000);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow_row"), 1000);
	push(5000);
	CU_ASSERT_EQUAL(end(s).written, 6000);
	dir_remove();
}

static void test_records_wait_for_a_locked_file_while_there_is_room(void)
{
	struct weir_store *s;
	FILE *other;

	dir_make();
	s = store_open(&(struct weir_store_conf){ .busy_ms = 50, .pause_ms = 100 });
	start(s);
	push(1000);
	CU_ASSERT_EQUAL(quiet().written, 1000);
	other = store_lock_for(5);
	push(1000);
	usleep(1200000);
	CU_ASSERT_EQUAL(stats().written, 1000);
	CU_ASSERT_EQUAL(stats().failed, 0);
	pclose(other);
	push(10);
	CU_ASSERT_EQUAL(end(s).written, 2010);
	dir_remove();
}

static void test_a_locked_file_loses_what_is_counted_and_is_written_again(void)
{
	struct weir_store *s;
	FILE *other;

	dir_make();
	s = store_open(&(struct weir_store_conf){ .busy_ms = 50, .pause_ms = 100 });
	start(s);
	push(1000);
	CU_ASSERT_EQUAL(quiet().written, 1000);
	other = store_lock_for(8);
	push(100000);
	for (int i = 0; i < 300 && stats().failed == 0; i++)
		usleep(10000);
	CU_ASSERT_TRUE(stats().failed >= 32768);
	CU_ASSERT_EQUAL(stats().written, 1000);
	pclose(other);
	for (int i = 0; i < 50 && stats().written == 1000; i++) {
		push(10);
		usleep(100000);
	}
	push(500);
	CU_ASSERT_TRUE(end(s).written >= 1510);
	dir_remove();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every record is a row and seen without a further one",
		  test_every_record_is_a_row_and_seen_without_a_further_one },
		{ "records wait for a locked file while there is room",
		  test_records_wait_for_a_locked_file_while_there_is_room },
		{ "a locked file loses what is counted and is written again",
		  test_a_locked_file_loses_what_is_counted_and_is_written_again },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("export/store", tests);
}
