/* SPDX-License-Identifier: Apache-2.0 */
/* What a batch moves into a database, as the sqlite3 program reads it. */
#include "command_test.h"
#include "weir_test.h"

#include <weir_db_batch.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const steps[] = {
	"CREATE TABLE plain (a INTEGER, b BLOB, c INTEGER);"
	"CREATE TABLE keyed (id INTEGER PRIMARY KEY, a INTEGER);"
	"CREATE TABLE by_a (a INTEGER, id INTEGER, PRIMARY KEY (a, id)) WITHOUT ROWID",
};
static const struct weir_db_schema schema = { "a test file", 0x01020304, 1, steps };
static const struct weir_db_batch_table tables[] = {
	{ "plain", "by_a", false, 3 },
	{ "keyed", NULL, true, 2 },
};

static char dir[] = P_tmpdir "/weir-batch-XXXXXX";
static char path[sizeof(dir) + 16];
static struct weir_db *db;
static struct weir_db_batch *batch;

static const char *sql(const char *text)
{
	static char out[65536], command[4096];

	snprintf(command, sizeof(command), "sqlite3 %s \"%s\" | tr '\\n' ' '", path, text);
	return command_says(command, out, sizeof(out));
}

static void begin(void)
{
	struct weir_db_conf conf = { .path = path,
				     .schema = &schema,
				     .flags = WEIR_DB_CREATE | WEIR_DB_WAL,
				     .busy_ms = 50 };
	struct weir_err err = { 0 };

	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/t.sqlite", dir);
	db = weir_db_open(&conf, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(db);
	batch = weir_db_batch_create(db, tables, 2, &err);
	if (batch == NULL)
		printf("%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(batch);
}

static void end(void)
{
	char command[sizeof(dir) + 16];

	CU_ASSERT_STRING_EQUAL(sql("PRAGMA integrity_check"), "ok ");
	weir_db_batch_destroy(batch);
	weir_db_close(db);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CU_ASSERT_EQUAL(system(command), 0);
}

static void add(int64_t id, int64_t a, const char *b, int64_t c)
{
	struct weir_db_row row = weir_db_row_begin(batch, 0, id);

	weir_db_row_i64(&row, a);
	weir_db_row_blob(&row, b, strlen(b));
	weir_db_row_i64(&row, c);
	weir_db_row_end(batch, 0, &row, a);
}

static void add_keyed(int64_t id, int64_t a)
{
	struct weir_db_row row = weir_db_row_begin(batch, 1, id);

	weir_db_row_i64(&row, a);
	weir_db_row_end(batch, 1, &row, 0);
}

static void test_numbers_of_every_size_come_back(void)
{
	char want[4096] = "";
	int64_t id = 1;

	begin();
	for (int bit = 0; bit < 64; bit++)
		for (int64_t v = -1; v <= 1; v++, id++) {
			int64_t n = (int64_t)((UINT64_C(1) << bit) + (uint64_t)v);

			add(id, n, "x", ~n);
			snprintf(want + strlen(want), sizeof(want) - strlen(want), "%lld ",
				 (long long)n);
		}
	CU_ASSERT_EQUAL(weir_db_batch_move(batch, NULL), 0);
	CU_ASSERT_STRING_EQUAL(sql("SELECT a FROM plain ORDER BY rowid"), want);
	CU_ASSERT_STRING_EQUAL(sql("SELECT count(*) FROM plain WHERE a = ~c AND typeof(a) = "
				   "'integer'"),
			       "192 ");
	end();
}

static void test_numbers_take_no_more_room_than_those_sqlite_writes(void)
{
	begin();
	for (int bit = 0; bit < 63; bit++)
		add(bit + 1, INT64_C(1) << bit, "x", -(INT64_C(1) << bit));
	CU_ASSERT_EQUAL(weir_db_batch_move(batch, NULL), 0);
	sql("CREATE TABLE other (a INTEGER, b BLOB, c INTEGER); "
	    "INSERT INTO other SELECT a + 0, b || '', c + 0 FROM plain");
	sql("UPDATE other SET b = CAST(b AS BLOB)");
	CU_ASSERT_STRING_EQUAL(
		sql("SELECT (SELECT sum(payload) FROM dbstat WHERE name = 'plain') - "
		    "(SELECT sum(payload) FROM dbstat WHERE name = 'other')"),
		"0 ");
	end();
}

static void test_rows_of_many_pages_and_batches_are_in_order(void)
{
	int64_t id = 0;

	begin();
	for (int i = 0; i < 3; i++) {
		while (weir_db_batch_has_room(batch)) {
			id++;
			add(id, id * 7919 % 100003, "0123456789abcdef", id);
			if (id % 10 == 0)
				add_keyed(id, -id);
		}
		CU_ASSERT_EQUAL(weir_db_batch_move(batch, NULL), 0);
	}
	CU_ASSERT_EQUAL(id, 3 * WEIR_DB_BATCH_ROWS);
	CU_ASSERT_STRING_EQUAL(sql("SELECT count(*), min(rowid), max(rowid), sum(rowid = c), "
				   "sum(b = x'30313233343536373839616263646566') FROM plain"),
			       "98304|1|98304|98304|98304 ");
	CU_ASSERT_STRING_EQUAL(sql("SELECT count(*), sum(id = -a), min(id), max(id) FROM keyed"),
			       "9830|9830|10|98300 ");
	CU_ASSERT_STRING_EQUAL(sql("SELECT count(*) FROM by_a JOIN plain ON plain.rowid = by_a.id "
				   "AND plain.a = by_a.a"),
			       "98304 ");
	end();
}

/* As many rows as fill leaves of their order just so, and one more or less. */
static void test_the_order_is_whole_for_every_number_of_rows(void)
{
	static const int64_t counts[] = { 1, 2999, 3000, 3001, 3002, 6000, 6001, 30000, 30001 };
	int64_t id = 0;
	char want[64];

	begin();
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(counts); i++) {
		for (int64_t n = 0; n < counts[i]; n++) {
			id++;
			add(id, -id, "x", id);
		}
		CU_ASSERT_EQUAL(weir_db_batch_move(batch, NULL), 0);
		snprintf(want, sizeof(want), "%lld|%lld ", (long long)id, (long long)id);
		CU_ASSERT_STRING_EQUAL(sql("SELECT count(*), sum(a = -id) FROM by_a"), want);
	}
	end();
}

/* SQLite copies rows as they are, and does not take them apart: its own word for that. */
static void test_rows_are_copied_whole(void)
{
	begin();
	CU_ASSERT_PTR_NOT_NULL(strstr(
		sql("ATTACH ':memory:' AS batch; CREATE TABLE batch.plain (a INTEGER, b BLOB, c "
		    "INTEGER); EXPLAIN INSERT INTO main.plain SELECT * FROM batch.plain"),
		"RowData"));
	end();
}

static void test_a_batch_that_cannot_be_moved_is_kept(void)
{
	struct weir_err err = { 0 };
	char command[4096];
	FILE *other;

	begin();
	add(1, 1, "x", 1);
	add_keyed(1, 5);
	snprintf(command, sizeof(command),
		 "(echo 'BEGIN EXCLUSIVE; SELECT 1;'; sleep 0.5; echo 'ROLLBACK;') | sqlite3 %s",
		 path);
	other = popen(command, "r");
	CU_ASSERT_EQUAL(fgetc(other), '1');
	CU_ASSERT_EQUAL(weir_db_batch_move(batch, &err), -EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
	add(2, 2, "x", 2); /* more may come meanwhile */
	CU_ASSERT_EQUAL(weir_db_batch_move(batch, &err), -EBUSY);
	pclose(other);
	CU_ASSERT_STRING_EQUAL(sql("SELECT count(*) FROM plain"), "0 ");
	add(3, 3, "x", 3);
	CU_ASSERT_EQUAL(weir_db_batch_move(batch, &err), 0);
	CU_ASSERT_STRING_EQUAL(sql("SELECT (SELECT count(*) FROM plain), (SELECT a FROM keyed)"),
			       "3|5 ");
	/* All or nothing. */
	add(4, 4, "x", 4);
	add_keyed(1, 6);
	CU_ASSERT_EQUAL(weir_db_batch_move(batch, &err), -EEXIST);
	CU_ASSERT_STRING_EQUAL(sql("SELECT (SELECT count(*) FROM plain), (SELECT a FROM keyed)"),
			       "3|5 ");
	end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "numbers of every size come back", test_numbers_of_every_size_come_back },
		{ "numbers take no more room than those SQLite writes",
		  test_numbers_take_no_more_room_than_those_sqlite_writes },
		{ "rows of many pages and batches are in order",
		  test_rows_of_many_pages_and_batches_are_in_order },
		{ "the order is whole for every number of rows",
		  test_the_order_is_whole_for_every_number_of_rows },
		{ "rows are copied whole", test_rows_are_copied_whole },
		{ "a batch that cannot be moved is kept",
		  test_a_batch_that_cannot_be_moved_is_kept },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("db/batch", tests);
}
