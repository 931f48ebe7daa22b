/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong with disks and files: told by name, counted, and over when its cause is. */
#include "store_test.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>

static const struct weir_store_conf quick = { .busy_ms = 100, .pause_ms = 200, .txn_rows = 100 };

/* Without this right a full or read-only disk cannot be had. */
static bool disk_mount(const char *options)
{
	if (mount("tmpfs", test_dir, "tmpfs", 0, options) == 0)
		return true;
	printf("skipped: no disk can be mounted (%s); run as root ", strerror(errno));
	return false;
}

static int write_one(struct weir_store *s, uint64_t id, struct weir_err *err)
{
	struct weir_flow_rec r = plain(id, FIRST_NS + id * 1000);
	int rc = weir_store_write(s, &r, 1, err);

	return rc == 0 ? weir_store_flush(s, err) : rc;
}

/* Until it works again, at most 5 s. */
static bool recovers(struct weir_store *s, uint64_t id)
{
	for (int i = 0; i < 50; i++) {
		struct weir_err err = { 0 };

		if (write_one(s, id, &err) == 0) {
			weir_store_fault(s, &err);
			return err.code == 0;
		}
		usleep(100000);
	}
	return false;
}

static void check_stored(struct weir_store *s)
{
	struct weir_store_stats st;

	check_balance(s);
	weir_store_stats(s, &st);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow_row"), (long long)st.stored);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(DISTINCT flow_id) FROM flow_row"),
			(long long)st.stored);
}

static void test_a_full_disk_loses_what_is_counted_and_mends_with_room(void)
{
	struct weir_err err = { 0 };
	struct weir_store *s;
	uint64_t id = 1;

	dir_make();
	if (disk_mount("size=4m")) {
		s = store_open(&quick);
		while (write_one(s, id, &err) == 0 && id < 100000)
			id++;
		CU_ASSERT_EQUAL(err.code, ENOSPC);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, test_dir));
		for (int i = 0; i < 100; i++)
			CU_ASSERT_TRUE(write_one(s, ++id, &err) != 0);
		check_balance(s);
		mount("tmpfs", test_dir, "tmpfs", MS_REMOUNT, "size=64m");
		CU_ASSERT_TRUE(recovers(s, 1000000));
		check_stored(s);
		CU_ASSERT_EQUAL(weir_store_close(s, &err), 0);
		umount2(test_dir, MNT_DETACH);
	}
	rmdir(test_dir);
}

static void test_a_read_only_disk_is_an_error_and_mends(void)
{
	struct weir_store_conf conf = { .dir = test_dir };
	struct weir_err err = { 0 };
	struct weir_store *s;

	dir_make();
	if (disk_mount("size=64m")) {
		s = store_open(&quick);
		CU_ASSERT_EQUAL(write_one(s, 1, &err), 0);
		weir_store_close(s, NULL);
		mount("tmpfs", test_dir, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL);
		CU_ASSERT_PTR_NULL(weir_store_open(&conf, &err));
		CU_ASSERT_EQUAL(err.code, EROFS);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, test_dir));
		mount("tmpfs", test_dir, "tmpfs", MS_REMOUNT, NULL);
		s = store_open(&quick);
		CU_ASSERT_TRUE(recovers(s, 2));
		CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow_row"), 2);
		check_balance(s);
		weir_store_close(s, NULL);
		umount2(test_dir, MNT_DETACH);
	}
	rmdir(test_dir);
}

static void test_a_removed_directory_is_made_again(void)
{
	struct weir_err err = { 0 };
	struct weir_store_stats st;
	struct weir_store *s;

	dir_make();
	s = store_open(&quick);
	write_plain(s, 1, 50, FIRST_NS, 1000);
	dir_remove();
	CU_ASSERT_EQUAL(write_one(s, 51, &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, test_dir));
	CU_ASSERT_TRUE(recovers(s, 52));
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow_row"), 1);
	check_balance(s);
	weir_store_stats(s, &st);
	CU_ASSERT_TRUE(st.lost >= 1);
	CU_ASSERT_EQUAL(st.files, 1);
	/* It has its lock again. */
	CU_ASSERT_PTR_NULL(weir_store_open(&(struct weir_store_conf){ .dir = test_dir }, &err));
	CU_ASSERT_EQUAL(err.code, EBUSY);
	store_settle_close(s);
	dir_remove();
}

/* A client that is the last to close a file takes its journal away: it must see that it is not the last. */
static void test_a_client_that_comes_and_goes_takes_no_rows_with_it(void)
{
	struct weir_err err = { 0 };
	struct weir_store *s;

	dir_make();
	s = store_open(NULL);
	for (uint64_t id = 1; id <= 50; id++) {
		CU_ASSERT_EQUAL(write_one(s, id, &err), 0);
		usleep(10000);
		if (id % 10 != 0)
			continue;
		SHELL("sqlite3 %s/flow-*.sqlite 'SELECT count(*) FROM flow_row'", test_dir);
		check_stored(s);
	}
	store_settle_close(s);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow_row"), 50);
	dir_remove();
}

static void test_records_wait_for_somebodys_lock(void)
{
	struct weir_err err = { 0 };
	struct weir_store_stats st;
	uint64_t slowest_ns = 0, id = 100;
	struct weir_store *s;
	FILE *other;

	dir_make();
	s = store_open(&quick);
	write_plain(s, 1, 10, FIRST_NS, 1000);
	other = store_lock_for(2);
	for (int i = 0; i < 20; i++) {
		uint64_t began_ns = weir_clock_mono_ns();

		CU_ASSERT_EQUAL(write_one(s, id++, &err), -EAGAIN);
		slowest_ns = weir_max_u64(slowest_ns, weir_clock_mono_ns() - began_ns);
		CU_ASSERT_EQUAL(err.code, EBUSY);
		usleep(20000);
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "flow-2023111423"));
	CU_ASSERT_TRUE(slowest_ns >= 50 * WEIR_NS_PER_MS && slowest_ns < 400 * WEIR_NS_PER_MS);
	weir_store_stats(s, &st);
	CU_ASSERT_EQUAL(st.pending, 20);
	pclose(other);
	CU_ASSERT_TRUE(recovers(s, 1000));
	check_stored(s);
	weir_store_stats(s, &st);
	CU_ASSERT_EQUAL(st.stored, st.taken);
	CU_ASSERT_STRING_EQUAL(SHELL("ls %s/flow-*.sqlite | wc -l", test_dir), "1");
	store_settle_close(s);
	dir_remove();
}

static void test_a_file_is_finished_when_its_readers_are_gone(void)
{
	struct weir_err err = { 0 };
	struct weir_store *s;
	char command[256];
	FILE *reader;

	dir_make();
	s = store_open(&quick);
	write_plain(s, 1, 10, FIRST_NS, 1000);
	snprintf(
		command, sizeof(command),
		"(echo 'BEGIN; SELECT count(*) FROM flow_row;'; sleep 2) | sqlite3 %s/flow-*.sqlite",
		test_dir);
	reader = popen(command, "r");
	CU_ASSERT_EQUAL(fgetc(reader), '1');
	CU_ASSERT_EQUAL(weir_store_settle(s, &err), 0);
	CU_ASSERT_STRING_EQUAL(SHELL("ls %s/flow-*-wal 2>/dev/null | wc -l", test_dir), "0");
	pclose(reader);
	CU_ASSERT_EQUAL(weir_store_close(s, &err), 0);
	dir_remove();
}

/* The lock comes when the file is about to change: what follows goes into the old one. */
static void test_records_wait_for_a_lock_where_a_file_ends(void)
{
	const struct weir_store_conf conf = {
		.busy_ms = 100, .pause_ms = 200, .txn_rows = 1000, .file_rows = 20
	};
	struct weir_err err = { 0 };
	struct weir_store_stats st;
	struct weir_store *s;
	FILE *other;

	dir_make();
	s = store_open(&conf);
	for (uint64_t id = 1; id <= 20; id++)
		CU_ASSERT_EQUAL(write_one(s, id, &err), 0);
	other = store_lock_for(2);
	for (uint64_t id = 100; id < 150; id++)
		write_one(s, id, &err);
	weir_store_stats(s, &st);
	CU_ASSERT_EQUAL(st.lost, 0);
	pclose(other);
	CU_ASSERT_TRUE(recovers(s, 1000));
	check_stored(s);
	weir_store_stats(s, &st);
	CU_ASSERT_EQUAL(st.stored, st.taken);
	store_settle_close(s);
	dir_remove();
}

static void test_a_lock_that_lasts_loses_what_is_counted(void)
{
	struct weir_err err = { 0 };
	struct weir_store_stats st;
	struct weir_store *s;
	uint64_t id = 100;
	FILE *other;
	int rc = 0;

	dir_make();
	s = store_open(&quick);
	write_plain(s, 1, 10, FIRST_NS, 1000);
	other = store_lock_for(3);
	while (rc == 0 || rc == -EAGAIN)
		rc = write_one(s, id++, &err);
	CU_ASSERT_EQUAL(rc, -EBUSY);
	weir_store_stats(s, &st);
	CU_ASSERT_EQUAL(st.stored, 10);
	CU_ASSERT_EQUAL(st.lost, 32768);
	pclose(other);
	CU_ASSERT_TRUE(recovers(s, id + 1));
	check_stored(s);
	store_settle_close(s);
	dir_remove();
}

/* Four finished files of 100 rows, then one is spoilt by `command`, which gets its path. */
static void check_spoilt(const char *command, const char *why)
{
	struct weir_store_conf conf = { .file_rows = 100 };
	struct weir_store_query q = { .sort = WEIR_FIELD_end_time };
	struct weir_err err = { 0 };
	struct weir_store_stats st;
	struct weir_store *s;
	struct weir_store_reader *r;
	struct weir_store_rows *rows;
	char sum[64];
	int n = 0;

	dir_make();
	s = store_open(&conf);
	write_plain(s, 1, 400, FIRST_NS, 1000);
	store_settle_close(s);
	SHELL("cd %s && f=flow-2023111423-00002.sqlite && %s", test_dir, command);
	snprintf(sum, sizeof(sum), "%.60s",
		 SHELL("f=%s/flow-2023111423-00002.sqlite; [ -f $f ] && cksum < $f", test_dir));

	s = store_open(&conf);
	weir_store_stats(s, &st);
	CU_ASSERT_EQUAL(st.bad, 1);
	CU_ASSERT_EQUAL(st.files, 3);
	write_plain(s, 401, 100, FIRST_NS, 1000); /* the rest goes on */
	CU_ASSERT_EQUAL(weir_store_settle(s, &err), 0);
	CU_ASSERT_EQUAL(weir_store_close(s, &err), 0);

	r = weir_store_reader_open(test_dir, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	CU_ASSERT_PTR_NOT_NULL_FATAL(weir_store_reader_trouble(r, 0));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(weir_store_reader_trouble(r, 0)->msg, "flow-2023111423-00002.sqlite"));
	if (strstr(weir_store_reader_trouble(r, 0)->msg, why) == NULL)
		printf("%s\n", weir_store_reader_trouble(r, 0)->msg);
	CU_ASSERT_PTR_NOT_NULL(strstr(weir_store_reader_trouble(r, 0)->msg, why));
	CU_ASSERT_PTR_NULL(weir_store_reader_trouble(r, 1));
	rows = weir_store_select(r, &q, &err);
	while (weir_store_rows_next(rows) != NULL)
		n++;
	CU_ASSERT_EQUAL(n, 400);
	weir_store_rows_close(rows);
	weir_store_reader_close(r);
	CU_ASSERT_STRING_EQUAL(SHELL("f=%s/flow-2023111423-00002.sqlite; [ -f $f ] && cksum < $f",
				     test_dir),
			       sum);
	dir_remove();
}

static void test_files_that_are_not_as_they_were_are_named_and_left_alone(void)
{
	check_spoilt("truncate -s -8192 $f", "cut");
	check_spoilt("truncate -s 0 $f", "no SQLite file");
	check_spoilt("head -c 100000 /dev/urandom > $f", "no SQLite file");
	check_spoilt("rm $f && sqlite3 $f 'CREATE TABLE t (a)'", "not a store file");
	check_spoilt("sqlite3 $f 'PRAGMA user_version = 99'", "version 99");
	/* Its writer was killed before the new version came out of the journal. */
	check_spoilt("sqlite3 $f 'PRAGMA journal_mode = WAL' '.dbconfig no_ckpt_on_close on' "
		     "'PRAGMA user_version = 99' && [ -s $f-wal ]",
		     "version 99");
	/* The schema's own page. */
	check_spoilt("head -c 8000 /dev/urandom | dd of=$f bs=1 seek=100 conv=notrunc 2>&-", "");
	check_spoilt("sqlite3 $f 'DELETE FROM file'", "empty");
	check_spoilt("rm $f && mkdir $f", "no regular file");
	check_spoilt("rm $f && mkfifo $f", "no regular file");
}

/* Rows that cannot be read any more: what comes before them is given, and the file is named. */
static void test_a_damaged_page_is_met_when_it_is_read(void)
{
	struct weir_store_query q = { .sort = WEIR_FIELD_end_time };
	struct weir_err err = { 0 };
	struct weir_store_reader *r;
	struct weir_store_rows *rows;
	struct weir_store *s;
	int n = 0;

	dir_make();
	s = store_open(&(struct weir_store_conf){ .file_rows = 1000 });
	write_plain(s, 1, 2000, FIRST_NS, 1000);
	store_settle_close(s);
	SHELL("cd %s && f=flow-2023111423-00001.sqlite && "
	      "p=$(sqlite3 $f \"SELECT pageno FROM dbstat WHERE name = 'flow_row' AND "
	      "pagetype = 'leaf' ORDER BY pageno LIMIT 1 OFFSET 5\") && "
	      "head -c 8192 /dev/urandom | dd of=$f bs=8192 seek=$((p - 1)) conv=notrunc 2>&-",
	      test_dir);
	r = weir_store_reader_open(test_dir, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	rows = weir_store_select(r, &q, &err);
	while (weir_store_rows_next(rows) != NULL)
		n++;
	CU_ASSERT_TRUE(n >= 1000 && n < 2000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(weir_store_reader_trouble(r, 0));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(weir_store_reader_trouble(r, 0)->msg, "flow-2023111423-00001.sqlite"));
	weir_store_rows_close(rows);
	weir_store_reader_close(r);
	dir_remove();
}

/* Until no file has to go, at most 5 s. */
static uint64_t removed_of(struct weir_store *s, uint64_t want)
{
	struct weir_store_stats st;

	for (int i = 0; i < 50; i++) {
		weir_store_stats(s, &st);
		if (st.removed >= want)
			break;
		usleep(100000);
	}
	return st.removed;
}

static void test_retention_by_size_removes_whole_files_oldest_first(void)
{
	struct weir_store_conf conf = { .file_rows = 1000 };
	struct weir_store_stats st;
	struct weir_store *s;
	long long bytes;

	dir_make();
	s = store_open(&conf);
	write_plain(s, 1, 6000, FIRST_NS, 1000);
	store_settle_close(s);
	bytes = strtoll(SHELL("du -b -c %s/flow-*.sqlite | tail -1", test_dir), NULL, 10);
	/* Room for four of six and a half. */
	conf.max_bytes = (uint64_t)bytes * 9 / 12;
	s = store_open(&conf);
	write_plain(s, 6001, 10, FIRST_NS, 1000);
	CU_ASSERT_EQUAL(removed_of(s, 2), 2);
	CU_ASSERT_STRING_EQUAL(SHELL("cd %s && ls *.sqlite | tr -dc '0-9\\n' | cut -c 11-",
				     test_dir),
			       "00002\n00003\n00004\n00005\n00006");
	/* However little is allowed, the one being written stays. */
	weir_store_close(s, NULL);
	conf.max_bytes = 1;
	s = store_open(&conf);
	write_plain(s, 6011, 10, FIRST_NS, 1000);
	CU_ASSERT_TRUE(removed_of(s, 4) >= 4);
	CU_ASSERT_EQUAL(weir_store_flush(s, NULL), 0);
	weir_store_stats(s, &st);
	CU_ASSERT_EQUAL(st.files, 1);
	CU_ASSERT_EQUAL(st.stored, 10);
	weir_store_close(s, NULL);
	dir_remove();
}

static void test_retention_by_age_keeps_what_was_written_of_late(void)
{
	struct weir_store_conf conf = { .file_rows = 1000, .max_age_s = 86400 };
	struct weir_store *s;

	dir_make();
	s = store_open(&conf);
	write_plain(s, 1, 3000, FIRST_NS, 1000); /* of years ago, and written now */
	store_settle_close(s);
	SHELL("cd %s && touch -d '3 days ago' *-00000.sqlite *-00001.sqlite && "
	      "touch -d '20 hours ago' *-00002.sqlite",
	      test_dir);
	s = store_open(&conf);
	write_plain(s, 3001, 10, FIRST_NS, 1000);
	CU_ASSERT_EQUAL(removed_of(s, 2), 2);
	usleep(300000);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow_row"), 1010);
	CU_ASSERT_EQUAL(removed_of(s, 2), 2);
	weir_store_close(s, NULL);
	dir_remove();
}

static _Atomic int64_t clock_step_s; /* how far the wall clock is off */

/* In place of the C library's, for all that is linked here. */
int clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, id, t);

	if (id == CLOCK_REALTIME)
		t->tv_sec += clock_step_s;
	return rc;
}

/* Three files of days ago, and what is gone when the clock has been off for a while. */
static uint64_t removed_when(const char *touched, int64_t before_s, int64_t after_s)
{
	struct weir_store_conf conf = { .file_rows = 1000, .max_age_s = 86400 };
	struct weir_store_stats st;
	struct weir_store *s;

	dir_make();
	s = store_open(&conf);
	write_plain(s, 1, 3000, FIRST_NS, 1000);
	store_settle_close(s);
	SHELL("cd %s && touch -d '%s' *.sqlite", test_dir, touched);
	clock_step_s = before_s;
	s = store_open(&conf);
	write_plain(s, 3001, 10, weir_clock_wall_ns(), 1000);
	clock_step_s = after_s;
	write_plain(s, 3011, 10, weir_clock_wall_ns(), 1000);
	sleep(2);
	weir_store_stats(s, &st);
	clock_step_s = 0;
	weir_store_close(s, NULL);
	dir_remove();
	return st.removed;
}

static void test_a_clock_that_is_off_by_a_year_throws_nothing_away(void)
{
	const int64_t year_s = 365 * 86400;

	CU_ASSERT_EQUAL(removed_when("1 hour ago", 0, year_s), 0);
	CU_ASSERT_EQUAL(removed_when("1 hour ago", 0, -year_s), 0);
	CU_ASSERT_EQUAL(removed_when("1 hour ago", year_s, year_s), 0);
	CU_ASSERT_EQUAL(removed_when("1 hour ago", year_s, 0), 0);
	CU_ASSERT_EQUAL(removed_when("1 hour ago", -year_s, 0), 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a full disk loses what is counted and mends with room",
		  test_a_full_disk_loses_what_is_counted_and_mends_with_room },
		{ "a read-only disk is an error and mends",
		  test_a_read_only_disk_is_an_error_and_mends },
		{ "a removed directory is made again", test_a_removed_directory_is_made_again },
		{ "a client that comes and goes takes no rows with it",
		  test_a_client_that_comes_and_goes_takes_no_rows_with_it },
		{ "records wait for somebody's lock", test_records_wait_for_somebodys_lock },
		{ "a file is finished when its readers are gone",
		  test_a_file_is_finished_when_its_readers_are_gone },
		{ "records wait for a lock where a file ends",
		  test_records_wait_for_a_lock_where_a_file_ends },
		{ "a lock that lasts loses what is counted",
		  test_a_lock_that_lasts_loses_what_is_counted },
		{ "files that are not as they were are named and left alone",
		  test_files_that_are_not_as_they_were_are_named_and_left_alone },
		{ "a damaged page is met when it is read",
		  test_a_damaged_page_is_met_when_it_is_read },
		{ "retention by size removes whole files, oldest first",
		  test_retention_by_size_removes_whole_files_oldest_first },
		{ "retention by age keeps what was written of late",
		  test_retention_by_age_keeps_what_was_written_of_late },
		{ "a clock that is off by a year throws nothing away",
		  test_a_clock_that_is_off_by_a_year_throws_nothing_away },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("store/trouble", tests);
}
