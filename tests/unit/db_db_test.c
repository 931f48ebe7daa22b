/* SPDX-License-Identifier: Apache-2.0 */
#include "command_test.h"
#include "weir_test.h"

#include <weir_db.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const steps[] = {
	"CREATE TABLE t (a INTEGER, b BLOB); INSERT INTO t VALUES (1, NULL)",
	"ALTER TABLE t ADD COLUMN c INTEGER DEFAULT 7",
};
static const struct weir_db_schema old = { "a test file", 0x01020304, 1, steps };
static const struct weir_db_schema new = { "a test file", 0x01020304, 2, steps };
static const struct weir_db_schema other = { "another file", 0x05060708, 1, steps };

static char dir[] = P_tmpdir "/weir-db-XXXXXX";
static char path[sizeof(dir) + 16];

static void begin(void)
{
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/t.sqlite", dir);
}

static const char *shell(const char *format, const char *arg)
{
	static char text[4096], command[4096];

	snprintf(command, sizeof(command), format, path, arg);
	return command_says(command, text, sizeof(text));
}

static const char *sql(const char *text)
{
	return shell("sqlite3 %s \"%s\"", text);
}

static void end(void)
{
	shell("rm -rf $(dirname %s)%s", "");
}

static struct weir_db *open_db(const struct weir_db_schema *schema, uint32_t flags,
			       struct weir_err *err)
{
	struct weir_db_conf conf = {
		.path = path, .schema = schema, .flags = flags, .busy_ms = 100
	};

	memset(err, 0, sizeof(*err));
	return weir_db_open(&conf, err);
}

static void make(const struct weir_db_schema *schema)
{
	struct weir_err err;
	struct weir_db *db = open_db(schema, WEIR_DB_CREATE | WEIR_DB_WAL, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(db);
	weir_db_close(db);
}

static void test_a_new_file_says_what_it_is(void)
{
	begin();
	make(&new);
	CU_ASSERT_STRING_EQUAL(
		sql("PRAGMA application_id; PRAGMA user_version; SELECT a, c FROM t; "
		    "PRAGMA journal_mode"),
		"16909060\n2\n1|7\nwal\n");
	end();
}

static void test_missing_steps_are_taken_once_and_rows_stay(void)
{
	begin();
	make(&old);
	sql("INSERT INTO t VALUES (2, x'00ff')");
	make(&new);
	make(&new);
	CU_ASSERT_STRING_EQUAL(sql("PRAGMA user_version; SELECT a, hex(b), c FROM t"),
			       "2\n1||7\n2|00FF|7\n");
	end();
}

static void test_a_step_that_fails_leaves_the_file_as_it_was(void)
{
	static const char *const bad_steps[] = { "CREATE TABLE t (a)",
						 "CREATE TABLE u (a); CREATE TABLE t (a)" };
	static const struct weir_db_schema bad = { "a test file", 0x01020304, 2, bad_steps };
	struct weir_err err;

	begin();
	make(&old);
	CU_ASSERT_PTR_NULL(open_db(&bad, 0, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
	CU_ASSERT_STRING_EQUAL(sql("PRAGMA user_version; SELECT count(*) FROM sqlite_schema"),
			       "1\n1\n");
	end();
}

/* Refused with `code`, by name, and not a byte of it or beside it is touched. */
static void check_refused(const struct weir_db_schema *schema, int code)
{
	static char before[4096];
	struct weir_err err;

	snprintf(before, sizeof(before), "%s",
		 shell("cd $(dirname %s) && ls -l --time-style=full-iso && cat * | cksum%s", ""));
	CU_ASSERT_PTR_NULL(open_db(schema, WEIR_DB_CREATE | WEIR_DB_WAL, &err));
	CU_ASSERT_EQUAL(err.code, code);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
	CU_ASSERT_STRING_EQUAL(
		shell("cd $(dirname %s) && ls -l --time-style=full-iso && cat * | cksum%s", ""),
		before);
}

static void test_what_is_not_ours_is_refused_and_left_alone(void)
{
	begin();
	make(&other);
	check_refused(&new, EBADMSG); /* another program's */
	sql("PRAGMA application_id = 16909060; PRAGMA user_version = 3; "
	    "PRAGMA wal_checkpoint(TRUNCATE)");
	check_refused(&new, ENOTSUP); /* newer */
	end();
	begin();
	shell("echo this is a text of more than a hundred bytes, which is what a head has, "
	      "so that it is read to its end, and it is no database > %s%s",
	      "");
	check_refused(&new, EBADMSG);
	end();
}

static void test_a_cut_file_is_told_by_its_length(void)
{
	struct weir_err err;
	struct weir_db *db;

	begin();
	make(&new);
	db = open_db(&new, WEIR_DB_WAL, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(db);
	CU_ASSERT_EQUAL(weir_db_exec(db, "PRAGMA journal_mode = DELETE", &err), 0);
	weir_db_close(db);
	shell("truncate -s -4096 %s%s", "");
	check_refused(&new, EBADMSG);
	shell("truncate -s 50 %s%s", "");
	check_refused(&new, EBADMSG);
	end();
}

static void test_values_come_back_as_they_were_bound(void)
{
	static const int64_t numbers[] = { 0, 1, -1, 127, 1 << 16, INT64_MAX, INT64_MIN };
	static const uint8_t bytes[16] = { 0, 255, 1 };
	struct weir_err err;
	struct weir_db *db;
	struct weir_db_stmt *s;
	const void *p;
	size_t n;

	begin();
	db = open_db(&new, WEIR_DB_CREATE, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(db);
	s = weir_db_prepare(db, "SELECT ?1, ?2, NULL", &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(numbers); i++) {
		weir_db_bind_i64(s, 1, numbers[i]);
		weir_db_bind_blob(s, 2, bytes, i + 1);
		CU_ASSERT_EQUAL_FATAL(weir_db_step(s, &err), 1);
		CU_ASSERT_EQUAL(weir_db_i64(s, 0), numbers[i]);
		p = weir_db_blob(s, 1, &n);
		CU_ASSERT_EQUAL_FATAL(n, i + 1);
		CU_ASSERT_EQUAL(memcmp(p, bytes, n), 0);
		CU_ASSERT_TRUE(weir_db_is_null(s, 2));
		CU_ASSERT_EQUAL(weir_db_step(s, &err), 0);
	}
	weir_db_finish(s);
	weir_db_close(db);
	end();
}

static void test_a_lock_is_waited_for_no_longer_than_asked(void)
{
	struct weir_err err;
	struct weir_db *a, *b;
	uint64_t began_ns, took_ns;

	begin();
	a = open_db(&new, WEIR_DB_CREATE | WEIR_DB_WAL, &err);
	b = open_db(&new, WEIR_DB_WAL, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	CU_ASSERT_EQUAL(weir_db_begin(a, &err), 0);
	began_ns = weir_clock_mono_ns();
	CU_ASSERT_EQUAL(weir_db_begin(b, &err), -EBUSY);
	took_ns = weir_clock_mono_ns() - began_ns;
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
	CU_ASSERT_TRUE(took_ns > 50 * WEIR_NS_PER_MS && took_ns < 1000 * WEIR_NS_PER_MS);
	weir_db_rollback(a);
	CU_ASSERT_EQUAL(weir_db_begin(b, &err), 0);
	CU_ASSERT_EQUAL(weir_db_exec(b, "INSERT INTO t VALUES (3, NULL, 1)", &err), 0);
	CU_ASSERT_EQUAL(weir_db_commit(b, &err), 0);
	weir_db_rollback(b); /* nothing to roll back */
	weir_db_close(a);
	weir_db_close(b);
	CU_ASSERT_STRING_EQUAL(sql("SELECT count(*) FROM t"), "2\n");
	end();
}

static void test_reading_only_reads(void)
{
	struct weir_err err;
	struct weir_db *db;
	int64_t v;

	begin();
	make(&old);
	db = open_db(&new, WEIR_DB_READ, &err); /* older than known: readable, no step is taken */
	CU_ASSERT_PTR_NOT_NULL_FATAL(db);
	CU_ASSERT_EQUAL(weir_db_number(db, "SELECT a FROM t", -1, &v, &err), 0);
	CU_ASSERT_EQUAL(v, 1);
	CU_ASSERT_EQUAL(weir_db_number(db, "SELECT b FROM t", -1, &v, &err), 0);
	CU_ASSERT_EQUAL(v, -1);
	CU_ASSERT_EQUAL(weir_db_exec(db, "INSERT INTO t VALUES (2, NULL)", &err), -EROFS);
	CU_ASSERT_TRUE(weir_db_number(db, "SELECT nothing", 0, &v, NULL) < 0);
	weir_db_close(db);
	CU_ASSERT_STRING_EQUAL(sql("PRAGMA user_version"), "1\n");
	end();
}

static void test_what_cannot_be_opened_says_why(void)
{
	struct weir_err err;

	begin();
	CU_ASSERT_PTR_NULL(open_db(&new, 0, &err));
	CU_ASSERT_EQUAL(err.code, ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
	end();
	CU_ASSERT_PTR_NULL(open_db(&new, WEIR_DB_CREATE, &err)); /* the directory is gone */
	CU_ASSERT_EQUAL(err.code, ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
}

static void test_a_text_is_what_it_was(void)
{
	static const char text[] = "a'b\"c\n\0d";
	struct weir_err err;
	struct weir_db *db;
	struct weir_db_stmt *s;
	size_t n;

	begin();
	make(&new);
	db = open_db(&new, 0, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(db);
	s = weir_db_prepare(db, "SELECT ?, NULL, 'x'", &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	weir_db_bind_text(s, 1, text, sizeof(text) - 1);
	CU_ASSERT_EQUAL(weir_db_step(s, &err), 1);
	CU_ASSERT_EQUAL(memcmp(weir_db_text(s, 0), text, sizeof(text)), 0);
	weir_db_blob(s, 0, &n);
	CU_ASSERT_EQUAL(n, sizeof(text) - 1);
	CU_ASSERT_STRING_EQUAL(weir_db_text(s, 1), "");
	CU_ASSERT_STRING_EQUAL(weir_db_text(s, 2), "x");
	weir_db_finish(s);
	weir_db_close(db);
	end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a new file says what it is", test_a_new_file_says_what_it_is },
		{ "missing steps are taken once and rows stay",
		  test_missing_steps_are_taken_once_and_rows_stay },
		{ "a step that fails leaves the file as it was",
		  test_a_step_that_fails_leaves_the_file_as_it_was },
		{ "what is not ours is refused and left alone",
		  test_what_is_not_ours_is_refused_and_left_alone },
		{ "a cut file is told by its length", test_a_cut_file_is_told_by_its_length },
		{ "values come back as they were bound", test_values_come_back_as_they_were_bound },
		{ "a lock is waited for no longer than asked",
		  test_a_lock_is_waited_for_no_longer_than_asked },
		{ "reading only reads", test_reading_only_reads },
		{ "what cannot be opened says why", test_what_cannot_be_opened_says_why },
		{ "a text is what it was", test_a_text_is_what_it_was },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("db/db", tests);
}
