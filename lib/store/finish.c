/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is complete: index it, sum it up, take it out of WAL. Each step is a transaction of its
 * own and is left out when it was done, so a process killed in between goes on where it was. Readers
 * are never locked out but for the last step, which waits until there are none.
 */
#include "store_priv.h"

#include <errno.h>

/*
 * Runs of this size are sorted in the CPU's cache and then merged: with 64 MiB instead, an index takes nearly
 * twice as long (4.2 million rows, by address: 5.7 against 3.2 s).
 */
#define SORT_SETUP "PRAGMA cache_size = -2048"

static const char *const indexes[] = {
	"CREATE INDEX IF NOT EXISTS flow_by_end_time ON flow_row (end_time)",
	"CREATE INDEX IF NOT EXISTS flow_by_ip_0 ON flow_row (ip_0, end_time)",
	"CREATE INDEX IF NOT EXISTS flow_by_ip_1 ON flow_row (ip_1, end_time)",
	"CREATE INDEX IF NOT EXISTS flow_by_client_port ON flow_row (client_port, end_time)",
	"CREATE INDEX IF NOT EXISTS flow_by_server_port ON flow_row (server_port, end_time)",
};

static int build_indexes(struct weir_db *db, struct weir_err *err)
{
	bool all;
	int rc = weir_db_exec(db, SORT_SETUP, err);

	/* The journal is kept short: who opens the file after a kill reads all of it. */
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(indexes) && rc == 0; i++) {
		rc = weir_db_exec(db, indexes[i], err);
		if (rc == 0)
			rc = weir_db_checkpoint(db, &all, err);
	}
	return rc;
}

static int sum_up_in(struct weir_db *db, struct weir_err *err)
{
	struct weir_db_stmt *s;
	int64_t blocks;
	int rc = store_address_build(db, &blocks, err);

	if (rc == 0 && store_finish_text() == NULL)
		rc = weir_err_set(err, ENOMEM, "store: no memory for the schema of its files");
	if (rc == 0)
		rc = weir_db_exec(db, store_finish_text(), err);
	if (rc != 0)
		return rc;
	s = weir_db_prepare(db,
			    "UPDATE file SET finished = 1, filter_blocks = ?, "
			    "rows = (SELECT count(*) FROM flow_row), "
			    "first_start = (SELECT min(start_time) FROM flow_row), "
			    "first_end = (SELECT min(end_time) FROM flow_row), "
			    "last_end = (SELECT max(end_time) FROM flow_row)",
			    err);
	if (s == NULL)
		return -err->code;
	weir_db_bind_i64(s, 1, blocks);
	rc = weir_db_step(s, err);
	weir_db_finish(s);
	return rc;
}

static int sum_up(struct weir_db *db, struct weir_err *err)
{
	int64_t finished;
	int rc = weir_db_number(db, "SELECT finished FROM file", 0, &finished, err);

	if (rc != 0)
		return rc;
	rc = weir_db_begin(db, err);
	if (rc != 0)
		return rc;
	/* Of a file that was of an older version, the view is that of one being written. */
	rc = finished != 0 ? weir_db_exec(db, store_view_text(), err) : sum_up_in(db, err);
	if (rc == 0)
		rc = weir_db_commit(db, err);
	if (rc != 0)
		weir_db_rollback(db);
	return rc;
}

/* For who wants to interrupt it; NULL while there is nothing. */
static void publish(struct weir_db **running, pthread_mutex_t *lock, struct weir_db *db)
{
	pthread_mutex_lock(lock);
	*running = db;
	pthread_mutex_unlock(lock);
}

int store_finish(const char *dir, struct store_file *f, uint32_t busy_ms, struct weir_db **running,
		 pthread_mutex_t *lock, struct weir_err *err)
{
	char path[STORE_PATH_BYTES];
	struct weir_db *db;
	int rc = store_path(path, dir, f->name, err);

	if (rc != 0)
		return rc;
	db = store_file_open(path, busy_ms, true, err);
	if (db == NULL)
		return -err->code;
	publish(running, lock, db);
	rc = build_indexes(db, err);
	if (rc == 0)
		rc = sum_up(db, err);
	f->summed |= rc == 0;
	if (rc == 0)
		rc = weir_db_exec(db, "PRAGMA journal_mode = DELETE", err);
	publish(running, lock, NULL);
	weir_db_close(db);
	if (rc == 0)
		rc = store_catalog_ask(f, dir, err);
	if (rc == 0 && f->state != STORE_FINISHED)
		rc = weir_err_set(err, EBUSY, "%s: it is being read: it is tried again", path);
	return rc;
}
