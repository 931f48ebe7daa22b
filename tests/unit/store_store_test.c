/* SPDX-License-Identifier: Apache-2.0 */
#include "rec_test.h"
#include "store_test.h"

#include <weir_export.h>

#include <errno.h>

static void test_a_flush_is_seen_by_any_client_while_it_is_written(void)
{
	struct weir_store *s;
	struct weir_store_stats st;

	dir_make();
	s = store_open(NULL);
	write_plain(s, 1, 1000, FIRST_NS, 1000000);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow"), 1000);
	CU_ASSERT_STRING_EQUAL(
		SQL("SELECT ip_0, server_port, end_time, packet_rx, byte_tx FROM flow WHERE flow_id = '7'"),
		"10.0.0.1|443|1700002800006000|7|500");
	write_plain(s, 1001, 500, FIRST_NS, 1000000);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow"), 1500);
	weir_store_stats(s, &st);
	CU_ASSERT_EQUAL(st.stored, 1500);
	CU_ASSERT_EQUAL(st.files, 1);
	check_balance(s);
	CU_ASSERT_EQUAL(weir_store_close(s, NULL), 0);
	dir_remove();
}

static void test_each_hour_has_its_file_and_names_sort_by_time(void)
{
	struct weir_store *s;

	dir_make();
	s = store_open(NULL);
	write_plain(s, 1, 300, FIRST_NS, 36 * WEIR_NS_PER_S); /* 3 hours over midnight */
	CU_ASSERT_STRING_EQUAL(SHELL("cd %s && ls *.sqlite", test_dir),
			       "flow-2023111423-00000.sqlite\nflow-2023111500-00000.sqlite\n"
			       "flow-2023111501-00000.sqlite");
	CU_ASSERT_STRING_EQUAL(SQL("SELECT count(*), min(end_time), max(end_time) FROM flow"),
			       "100|1700002800000000|1700006364000000\n"
			       "100|1700006400000000|1700009964000000\n"
			       "100|1700010000000000|1700013564000000");
	/* Those who come late by less than an hour are welcome where it is written. */
	write_plain(s, 301, 1, FIRST_NS + 2 * HOUR_NS - 1000, 0);
	CU_ASSERT_STRING_EQUAL(SQL("SELECT count(*) FROM flow"), "100\n100\n101");
	store_settle_close(s);
	dir_remove();
}

/* While it is written and after: neither sorting nor a walk over all rows. */
static void test_any_client_finds_rows_by_time_without_a_walk_over_all(void)
{
	static const char plan[] =
		"EXPLAIN QUERY PLAN SELECT ip_0, byte_tx FROM flow WHERE end_time "
		"> 1700002800500000 ORDER BY end_time DESC LIMIT 3";
	struct weir_store *s;

	dir_make();
	s = store_open(NULL);
	write_plain(s, 1, 10, FIRST_NS, 1000000);
	CU_ASSERT_PTR_NOT_NULL(strstr(SQL(plan), "SEARCH t USING PRIMARY KEY (end_time>?)"));
	CU_ASSERT_PTR_NULL(strstr(SQL(plan), "SCAN f"));
	CU_ASSERT_PTR_NULL(strstr(SQL(plan), "TEMP"));
	store_settle_close(s);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(SQL(plan), "SEARCH f USING INDEX flow_by_end_time (end_time>?)"));
	CU_ASSERT_PTR_NULL(strstr(SQL(plan), "SCAN f"));
	CU_ASSERT_PTR_NULL(strstr(SQL(plan), "TEMP"));
	dir_remove();
}

static void test_a_file_ends_with_its_rows(void)
{
	struct weir_store_conf conf = { .file_rows = 100, .txn_rows = 7 };
	struct weir_store *s;

	dir_make();
	s = store_open(&conf);
	write_plain(s, 1, 250, FIRST_NS, 1000);
	CU_ASSERT_STRING_EQUAL(SQL("SELECT count(*) FROM flow"), "100\n100\n50");
	store_settle_close(s);
	/* Opened again: a finished file is not gone on with. */
	s = store_open(&conf);
	write_plain(s, 251, 1, FIRST_NS, 0);
	CU_ASSERT_STRING_EQUAL(SQL("SELECT count(*) FROM flow"), "100\n100\n50\n1");
	weir_store_close(s, NULL);
	/* But one that was left is. */
	s = store_open(&conf);
	write_plain(s, 252, 2, FIRST_NS, 0);
	CU_ASSERT_STRING_EQUAL(SQL("SELECT count(*) FROM flow"), "100\n100\n50\n3");
	store_settle_close(s);
	dir_remove();
}

static void test_a_finished_file_is_indexed_and_summed_up_and_out_of_wal(void)
{
	struct weir_store_conf conf = { .file_rows = 1000 };
	struct weir_store *s;

	dir_make();
	s = store_open(&conf);
	write_plain(s, 1, 1000, FIRST_NS, 1000000);
	store_settle_close(s);
	CU_ASSERT_STRING_EQUAL(SHELL("cd %s && ls", test_dir),
			       "flow-2023111423-00000.sqlite\nlock");
	CU_ASSERT_STRING_EQUAL(SQL("PRAGMA journal_mode; PRAGMA integrity_check"), "delete\nok");
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM sqlite_schema WHERE type = 'index'"), 5);
	CU_ASSERT_STRING_EQUAL(
		SQL("SELECT finished, rows, first_start, first_end, last_end FROM file"),
		"1|1000|1700002799000000|1700002800000000|1700002800999000");
	CU_ASSERT_STRING_EQUAL(
		SQL("SELECT count(*) = (SELECT filter_blocks FROM file) FROM address_filter"), "1");
	dir_remove();
}

/* As a process that was killed between two steps leaves it. */
static void test_a_half_indexed_file_is_finished_when_it_is_opened(void)
{
	struct weir_store *s;
	struct weir_store_stats st;

	dir_make();
	s = store_open(NULL);
	write_plain(s, 1, 1000, FIRST_NS, 1000000);
	weir_store_close(s, NULL);
	SHELL("sqlite3 %s/flow-*.sqlite 'CREATE INDEX flow_by_ip_0 ON flow_row (ip_0, end_time)'",
	      test_dir);
	s = store_open(NULL);
	weir_store_stats(s, &st);
	CU_ASSERT_EQUAL(st.unfinished, 1);
	store_settle_close(s);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM sqlite_schema WHERE type = 'index'"), 5);
	CU_ASSERT_STRING_EQUAL(SQL("PRAGMA journal_mode; SELECT rows FROM file"), "delete\n1000");
	/* Summed up, but still in WAL. */
	SHELL("sqlite3 %s/flow-*.sqlite 'PRAGMA journal_mode = WAL'", test_dir);
	s = store_open(NULL);
	store_settle_close(s);
	CU_ASSERT_STRING_EQUAL(SQL("PRAGMA journal_mode; PRAGMA integrity_check"), "delete\nok");
	dir_remove();
}

/* Somebody reads it when it is to leave WAL: it is complete all the same, and not gone on with. */
static void test_a_file_that_is_summed_up_is_not_gone_on_with(void)
{
	struct weir_store *s;

	dir_make();
	s = store_open(NULL);
	write_plain(s, 1, 1000, FIRST_NS, 1000000);
	store_settle_close(s);
	SHELL("sqlite3 %s/flow-*.sqlite 'PRAGMA journal_mode = WAL'", test_dir);
	s = store_open(NULL);
	write_plain(s, 1001, 10, FIRST_NS, 1000000);
	store_settle_close(s);
	CU_ASSERT_STRING_EQUAL(SQL("SELECT rows, (SELECT count(*) FROM flow) FROM file"),
			       "1000|1000\n10|10");
	dir_remove();
}

/* What is done when a file is begun is not in the way of finishing it. */
static void test_a_store_can_be_settled_at_once(void)
{
	struct weir_store *s;

	for (int i = 0; i < 50; i++) {
		dir_make();
		s = store_open(NULL);
		write_plain(s, 1, 10, FIRST_NS, 1000000);
		store_settle_close(s);
		dir_remove();
	}
}

static void test_the_second_store_is_refused_and_told_whose_it_is(void)
{
	struct weir_store_conf conf = { .dir = test_dir };
	struct weir_err err = { 0 };
	struct weir_store *s;
	char pid[32];

	dir_make();
	s = store_open(NULL);
	CU_ASSERT_PTR_NULL(weir_store_open(&conf, &err));
	CU_ASSERT_EQUAL(err.code, EBUSY);
	snprintf(pid, sizeof(pid), "process %ld ", (long)getpid());
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, pid));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, test_dir));
	weir_store_close(s, NULL);
	s = store_open(NULL);
	weir_store_close(s, NULL);
	dir_remove();
}

static void test_a_clock_that_is_stepped_by_a_year_loses_nothing(void)
{
	const uint64_t year_ns = 365 * 24 * HOUR_NS;
	struct weir_store *s;

	dir_make();
	s = store_open(NULL);
	write_plain(s, 1, 10, FIRST_NS, 1000);
	write_plain(s, 11, 10, FIRST_NS + year_ns, 1000);
	write_plain(s, 21, 10, FIRST_NS, 1000);
	write_plain(s, 31, 10, FIRST_NS - year_ns, 1000);
	store_settle_close(s);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(DISTINCT flow_id) FROM flow"), 40);
	CU_ASSERT_STRING_EQUAL(SHELL("ls %s/flow-* | wc -l", test_dir), "2");
	dir_remove();
}

/* Each field of a record is zeroes, ones or noise, in what SQLite's integers and the hour can hold. */
static void fill(struct weir_flow_rec *r, unsigned int *seed)
{
	rec_fill(r, seed);
	for (int f = 0; f < WEIR_FIELDS; f++)
		if (strcmp(weir_fields[f].kind, "U64") == 0)
			((uint8_t *)r)[weir_fields[f].offset + 7] &= 0x7f;
	r->is_ipv6 &= 1;
	if (!r->is_ipv6)
		memset(&r->ip[0].w[1], 0, 12), memset(&r->ip[1].w[1], 0, 12);
	for (int side = 0; side < 2 && r->is_ipv6; side++)
		for (int g = 0; g < 8; g++)
			if (rand_r(seed) % 2)
				memset(&r->ip[side].b[2 * g], 0, 2);
	r->close_type = (uint8_t)(rand_r(seed) % 22);
	r->protocol = rand_r(seed) % 2 ? 6 : 17;
	r->observation_point = (uint8_t)(rand_r(seed) % 64);
	r->end_ns = FIRST_NS + (uint64_t)rand_r(seed) % HOUR_NS;
}

static const char compare_py[] =
	"import glob, json, sqlite3, sys\n"
	"rows = {}\n"
	"for f in sorted(glob.glob(sys.argv[1] + '/flow-*.sqlite')):\n"
	"    db = sqlite3.connect(f)\n"
	"    db.row_factory = sqlite3.Row\n"
	"    for n, row in enumerate(db.execute('SELECT * FROM flow')):\n"
	"        rows[n] = dict(row)\n"
	"n = 0\n"
	"for n, line in enumerate(open(sys.argv[1] + '/flows.jsonl')):\n"
	"    want, row = json.loads(line), rows[n]\n"
	"    assert not want.keys() - row.keys(), want.keys() - row.keys()\n"
	"    assert list(want) == [k for k in row if k in want], 'order'\n"
	"    row['acl_gids'] = json.loads(row['acl_gids']) or 0\n"
	"    for k, v in row.items():\n"
	"        assert v == want.get(k, '0.0.0.0' if k.startswith(('tunnel_rx_ip', 'nat_real_ip')) else 0), (n, k, v, want.get(k))\n"
	"assert n + 1 == len(rows) == 3000, (n, len(rows))\n";

static void special_addresses(struct weir_flow_rec *r, int i)
{
	static const uint8_t ips[][16] = {
		{ 0 },
		{ [15] = 1 },
		{ [10] = 0xff, 0xff, 192, 0, 2, 1 },
		{ [12] = 10, 0, 0, 1 },
		{ [10] = 0xff, 0xff },
		{ 0x20, 1, 0xd, 0xb8, [15] = 1 },
		{ 0x20, 1, [7] = 1, [15] = 1 },
		{ 0x20, 1, [9] = 1, [15] = 1 },
		{ 0xfe, 0x80 },
	};

	if (i >= (int)WEIR_ARRAY_SIZE(ips))
		return;
	r->is_ipv6 = 1;
	memcpy(r->ip[0].b, ips[i], 16);
	memcpy(r->ip[1].b, ips[WEIR_ARRAY_SIZE(ips) - 1 - (size_t)i], 16);
}

/* Python compares what its own SQLite reads with what its own JSON parser reads. */
static void test_the_view_has_the_names_and_values_of_json(void)
{
	char json[WEIR_JSON_MAX], command[256];
	struct weir_err err = { 0 };
	unsigned int seed = 7;
	struct weir_store *s;
	FILE *lines;

	dir_make();
	s = store_open(NULL);
	snprintf(command, sizeof(command), "%s/flows.jsonl", test_dir);
	lines = fopen(command, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(lines);
	for (int i = 0; i < 3000; i++) {
		struct weir_flow_rec r = { 0 };

		fill(&r, &seed);
		special_addresses(&r, i);
		CU_ASSERT_EQUAL(weir_store_write(s, &r, 1, &err), 0);
		fwrite(json, 1, weir_flow_rec_json(json, &r), lines);
	}
	fclose(lines);
	store_settle_close(s);
	setenv("COMPARE", compare_py, 1);
	snprintf(command, sizeof(command), "python3 -c \"$COMPARE\" %s", test_dir);
	CU_ASSERT_EQUAL(system(command), 0);
	dir_remove();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a flush is seen by any client while it is written",
		  test_a_flush_is_seen_by_any_client_while_it_is_written },
		{ "each hour has its file and names sort by time",
		  test_each_hour_has_its_file_and_names_sort_by_time },
		{ "any client finds rows by time without a walk over all",
		  test_any_client_finds_rows_by_time_without_a_walk_over_all },
		{ "a file ends with its rows", test_a_file_ends_with_its_rows },
		{ "a finished file is indexed and summed up and out of WAL",
		  test_a_finished_file_is_indexed_and_summed_up_and_out_of_wal },
		{ "a half-indexed file is finished when it is opened",
		  test_a_half_indexed_file_is_finished_when_it_is_opened },
		{ "a file that is summed up is not gone on with",
		  test_a_file_that_is_summed_up_is_not_gone_on_with },
		{ "a store can be settled at once", test_a_store_can_be_settled_at_once },
		{ "the second store is refused and told whose it is",
		  test_the_second_store_is_refused_and_told_whose_it_is },
		{ "a clock that is stepped by a year loses nothing",
		  test_a_clock_that_is_stepped_by_a_year_loses_nothing },
		{ "the view has the names and values of JSON",
		  test_the_view_has_the_names_and_values_of_json },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("store/store", tests);
}
