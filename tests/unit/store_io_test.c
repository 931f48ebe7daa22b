/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk of which every Nth write, or sync, fails. Between SQLite and the system stands a layer that lets it
 * fail, having written half of what was to be written. The sqlite3 program, which has no such layer, says what is there.
 */
#include "store_test.h"

#include <sqlite3.h>

#include <stdatomic.h>

#define RECORDS 6000
#define EACH    60

static const sqlite3_io_methods *below;
static sqlite3_io_methods methods;
static sqlite3_vfs *disk, layer;
static atomic_uint writes, syncs, failed;
static atomic_uint every_write, every_sync; /* 0 = none fails */

static bool fails(atomic_uint *count, atomic_uint *every)
{
	unsigned int n = atomic_load(every);

	if (n == 0 || atomic_fetch_add(count, 1) % n != n - 1)
		return false;
	atomic_fetch_add(&failed, 1);
	return true;
}

static int layer_write(sqlite3_file *f, const void *p, int bytes, sqlite3_int64 at)
{
	if (!fails(&writes, &every_write))
		return below->xWrite(f, p, bytes, at);
	below->xWrite(f, p, bytes / 2, at);
	return atomic_load(&failed) % 2 ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

static int layer_sync(sqlite3_file *f, int flags)
{
	return fails(&syncs, &every_sync) ? SQLITE_IOERR_FSYNC : below->xSync(f, flags);
}

static int layer_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	int rc = disk->xOpen(disk, name, f, flags, out);

	(void)vfs;
	if (rc == SQLITE_OK && f->pMethods == below)
		f->pMethods = &methods;
	return rc;
}

/* All files of this system have the same methods: those of the first one are learned. */
static void layer_register(void)
{
	sqlite3 *db;
	sqlite3_file *f;

	if (sqlite3_open(SHELL("mktemp"), &db) != SQLITE_OK)
		abort();
	sqlite3_exec(db, "CREATE TABLE t (a)", NULL, NULL, NULL);
	sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &f);
	below = f->pMethods;
	methods = *below;
	methods.xWrite = layer_write;
	methods.xSync = layer_sync;
	unlink(sqlite3_db_filename(db, "main"));
	sqlite3_close(db);
	disk = sqlite3_vfs_find(NULL);
	layer = *disk;
	layer.zName = "failing";
	layer.xOpen = layer_open;
	sqlite3_vfs_register(&layer, 1);
}

/* Records in and out while it fails, then well again. */
static void check_failing(unsigned int nth_write, unsigned int nth_sync)
{
	const struct weir_store_conf conf = { .file_rows = 700, .pause_ms = 1 };
	struct weir_store *s;
	struct weir_store_stats st;
	uint64_t lost;

	dir_make();
	s = store_open(&conf);
	atomic_store(&failed, 0);
	atomic_store(&every_write, nth_write);
	atomic_store(&every_sync, nth_sync);
	for (uint64_t id = 1; id <= RECORDS; id++) {
		struct weir_flow_rec r = plain(id, FIRST_NS + id * 1000);

		weir_store_write(s, &r, 1, NULL);
		if (id % EACH != 0)
			continue;
		weir_store_flush(s, NULL);
		check_balance(s);
		usleep(1500);
	}
	atomic_store(&every_write, 0);
	atomic_store(&every_sync, 0);
	weir_store_stats(s, &st);
	lost = st.lost;
	CU_ASSERT_EQUAL(st.taken, RECORDS);
	CU_ASSERT_EQUAL(st.taken, st.stored + st.lost);
	CU_ASSERT_TRUE(atomic_load(&failed) > 0);
	CU_ASSERT_TRUE(nth_write != 1 || st.failures > 0); /* else all may be others' */
	/* By itself. */
	usleep(5000);
	write_plain(s, RECORDS + 1, 100, FIRST_NS + HOUR_NS, 1000);
	weir_store_stats(s, &st);
	CU_ASSERT_EQUAL(st.lost, lost);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow_row"), (long long)st.stored);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(DISTINCT flow_id) FROM flow"), (long long)st.stored);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT count(*) FROM flow WHERE CAST(flow_id AS INTEGER) > 6000"),
			100);
	usleep(5000);
	store_settle_close(s);
	CU_ASSERT_EQUAL(SQL_SUM("SELECT rows FROM file"), (long long)st.stored);
	CU_ASSERT_STRING_EQUAL(
		SHELL("for f in %s/flow-*.sqlite; do sqlite3 $f "
		      "'PRAGMA journal_mode; PRAGMA integrity_check'; done | sort -u | tr '\\n' ' '",
		      test_dir),
		"delete ok ");
	printf("%llu of %d lost, ", (unsigned long long)lost, RECORDS);
	dir_remove();
}

static void test_every_nth_write_fails_and_the_books_are_exact(void)
{
	static const unsigned int every[] = { 3, 17, 29, 53 };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(every); i++)
		check_failing(every[i], 0);
}

static void test_every_nth_sync_fails_and_the_books_are_exact(void)
{
	static const unsigned int every[] = { 2, 3, 5 };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(every); i++)
		check_failing(0, every[i]);
}

static void test_nothing_can_be_written_and_all_is_lost_and_counted(void)
{
	check_failing(1, 1);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every Nth write fails and the books are exact",
		  test_every_nth_write_fails_and_the_books_are_exact },
		{ "every Nth sync fails and the books are exact",
		  test_every_nth_sync_fails_and_the_books_are_exact },
		{ "nothing can be written and all is lost and counted",
		  test_nothing_can_be_written_and_all_is_lost_and_counted },
		CU_TEST_INFO_NULL,
	};

	layer_register();
	return weir_test_main("store/io", tests);
}
