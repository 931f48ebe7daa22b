/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of version 1: an hour that is finished and one whose writer was killed, left by the weir of then (tests/data/store_1.tgz).
 * What is in them is asked of the sqlite3 program and the view they brought with them.
 */
#include "store_test.h"

#include <string.h>

#define OLD_NS \
	(UINT64_C(1795377600) * WEIR_NS_PER_S) /* 2026-11-22 20:00:00 UTC: the hour that goes on */

static const char values[] =
	"SELECT flow_id || ' ' || client_port || ' ' || byte_tx || ' ' || l3_epc_id_0 "
	"|| ' ' || tunnel_tx_id FROM flow ORDER BY end_time, flow_id, client_port";

static void old_store(void)
{
	dir_make();
	SHELL("tar -xzf " WEIR_SOURCE_ROOT "/tests/data/store_1.tgz -C %s", test_dir);
}

/* As `values`, one line a record, sorted. */
static char *read_by_us(bool by_vpc)
{
	const struct weir_store_query q = { .sort = by_vpc ? WEIR_FIELD_epc_id_0
							   : WEIR_FIELD_end_time,
					    .limit = 1000 };
	struct weir_err err = { 0 };
	struct weir_store_reader *r = weir_store_reader_open(test_dir, &err);
	const struct weir_flow_rec *rec;
	struct weir_store_rows *rows;
	char command[256], *text;
	FILE *out;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	rows = weir_store_select(r, &q, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
	snprintf(command, sizeof(command), "%s/ours", test_dir);
	out = fopen(command, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	while ((rec = weir_store_rows_next(rows)) != NULL) {
		fprintf(out, "%llu %u %llu %d %u\n", (unsigned long long)rec->flow_id, rec->port[0],
			(unsigned long long)rec->byte[0], rec->l3_epc_id[0], rec->tunnel[0].id);
		CU_ASSERT(rec->epc_id[0] == 0 && rec->acl_gids[0] == 0);
	}
	fclose(out);
	weir_store_rows_close(rows);
	CU_ASSERT_PTR_NULL(weir_store_reader_trouble(r, 0));
	weir_store_reader_close(r);
	text = strdup(SHELL("sort %s/ours", test_dir));
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	return text;
}

static char *read_by_sqlite(void)
{
	char *text = strdup(
		SHELL("for f in %s/flow-*.sqlite; do sqlite3 -readonly $f \"%s\"; done | sort",
		      test_dir, values));

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	return text;
}

static void test_a_reader_finds_what_is_in_files_of_version_1_and_leaves_them_as_they_are(void)
{
	char *theirs, *ours, *before, *after;

	old_store();
	theirs = read_by_sqlite();
	before = strdup(SHELL("md5sum %s/*.sqlite", test_dir));
	for (unsigned int by_vpc = 0; by_vpc < 2; by_vpc++) {
		ours = read_by_us(by_vpc);
		CU_ASSERT_STRING_EQUAL(ours, theirs);
		free(ours);
	}
	after = strdup(SHELL("md5sum %s/*.sqlite", test_dir));
	CU_ASSERT_STRING_EQUAL(before, after);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow"), 135);
	CU_ASSERT_EQUAL(SQL_SUM("PRAGMA user_version"), 2); /* 1 each */
	free(before);
	free(after);
	free(theirs);
	dir_remove();
}

static void test_groups_are_made_of_files_of_both_versions(void)
{
	const struct weir_store_query q = { .sort = WEIR_FIELD_end_time };
	const struct weir_store_grouping by = { .fields = { WEIR_FIELD_epc_id_1 },
						.n_fields = 1,
						.sums = 1 << WEIR_STORE_FLOWS,
						.by = WEIR_STORE_FLOWS,
						.n = 10 };
	struct weir_store *s;
	struct weir_flow_rec r = plain(1, OLD_NS + 3 * HOUR_NS);
	struct weir_store_top top = { 0 };
	struct weir_store_reader *reader;
	struct weir_err err = { 0 };

	old_store();
	s = store_open(NULL);
	r.epc_id[1] = 77;
	CU_ASSERT_EQUAL(weir_store_write(s, &r, 1, &err), 0);
	CU_ASSERT_EQUAL(weir_store_flush(s, &err), 0);
	reader = weir_store_reader_open(test_dir, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	CU_ASSERT_EQUAL(weir_store_top(reader, &q, &by, &top, &err), 0);
	CU_ASSERT_PTR_NULL(weir_store_reader_trouble(reader, 0));
	CU_ASSERT_EQUAL_FATAL(top.n, 2);
	CU_ASSERT_EQUAL(top.groups[0].of.epc_id[1], 0);
	CU_ASSERT_EQUAL(top.groups[0].sum[WEIR_STORE_FLOWS],
			(uint64_t)SQL_SUM("SELECT count(*) FROM flow WHERE is_new_flow") - 1);
	CU_ASSERT_EQUAL(top.groups[1].of.epc_id[1], 77);
	CU_ASSERT_EQUAL(top.groups[1].sum[WEIR_STORE_FLOWS], 1);
	weir_store_top_fini(&top);
	weir_store_reader_close(reader);
	store_settle_close(s);
	dir_remove();
}

static void test_a_file_of_version_1_is_gone_on_with_and_finished(void)
{
	struct weir_flow_rec r = plain(1, OLD_NS + 1800 * WEIR_NS_PER_S);
	struct weir_err err = { 0 };
	struct weir_store *s;
	char *theirs, *now;

	old_store();
	theirs = read_by_sqlite();
	s = store_open(NULL);
	r.acl_gids[0] = 9;
	r.acl_gids[1] = 40000;
	r.epc_id[0] = -2;
	CU_ASSERT_EQUAL(weir_store_write(s, &r, 1, &err), 0);
	CU_ASSERT_EQUAL(weir_store_flush(s, &err), 0);
	for (unsigned int finished = 0; finished < 2; finished++) {
		CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow"), 136);
		CU_ASSERT_STRING_EQUAL(
			SHELL("sqlite3 -readonly %s/flow-2026112220-00000.sqlite \"SELECT "
			      "flow_id, acl_gids, epc_id_0 FROM flow WHERE acl_gids <> '[]'\"",
			      test_dir),
			"1|[9,40000]|-2");
		if (!finished)
			store_settle_close(s);
	}
	CU_ASSERT_EQUAL(SQL_SUM("SELECT finished FROM file"), 2);
	CU_ASSERT_EQUAL(SQL_SUM("PRAGMA user_version"), 3); /* who was finished stays as it was */
	SHELL("sqlite3 %s/flow-2026112220-00000.sqlite \"DELETE FROM flow_row WHERE rowid = (SELECT "
	      "max(rowid) FROM flow_row)\"",
	      test_dir);
	now = read_by_sqlite();
	CU_ASSERT_STRING_EQUAL(now, theirs);
	free(now);
	free(theirs);
	dir_remove();
}

/* Killed then after it was summed up and before it left WAL: it has the view of a finished file. */
static void test_a_summed_file_of_version_1_is_finished(void)
{
	char *theirs, *now;

	old_store();
	theirs = read_by_sqlite();
	CU_ASSERT_STRING_EQUAL(SHELL("sqlite3 %s/flow-2026112219-00000.sqlite 'PRAGMA "
				     "journal_mode = WAL'",
				     test_dir),
			       "wal");
	store_settle_close(store_open(NULL));
	now = read_by_sqlite();
	CU_ASSERT_STRING_EQUAL(now, theirs);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow WHERE acl_gids = '[]'"), 135);
	CU_ASSERT_EQUAL(SQL_SUM("PRAGMA user_version"), 4);
	free(now);
	free(theirs);
	dir_remove();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a reader finds what is in files of version 1 and leaves them as they are",
		  test_a_reader_finds_what_is_in_files_of_version_1_and_leaves_them_as_they_are },
		{ "groups are made of files of both versions",
		  test_groups_are_made_of_files_of_both_versions },
		{ "a file of version 1 is gone on with and finished",
		  test_a_file_of_version_1_is_gone_on_with_and_finished },
		{ "a summed file of version 1 is finished",
		  test_a_summed_file_of_version_1_is_finished },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("store/version", tests);
}
