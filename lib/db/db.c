/* SPDX-License-Identifier: Apache-2.0 */
#include "db_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Counting memory costs a lock an allocation. */
static void configure(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_size > 0;
}

static int check_version(const struct weir_db_conf *conf, int64_t version, struct weir_err *err)
{
	if (version <= conf->schema->n_steps)
		return 0;
	return weir_err_set(err, ENOTSUP,
			    "%s: it has version %u, this weir knows up to %u: use the newer "
			    "weir that made it",
			    conf->path, (uint32_t)version, conf->schema->n_steps);
}

/* Ours, and not of a later time. */
static int check_head(const struct weir_db_conf *conf, struct weir_err *err)
{
	const struct weir_db_schema *s = conf->schema;
	struct weir_db_head head;
	int rc = weir_db_look(conf->path, &head, err);

	if (rc != 0)
		return rc;
	if (head.application_id != s->application_id)
		return weir_err_set(
			err, EBADMSG,
			"%s: this is not %s (application_id 0x%08x, not 0x%08x): move it "
			"away",
			conf->path, s->name, head.application_id, s->application_id);
	return check_version(conf, head.version, err);
}

/* Its head is of before where a newer weir was killed while the steps it took lay in the journal. */
static int check_journal(struct weir_db *db, const struct weir_db_conf *conf, struct weir_err *err)
{
	int64_t version;
	int rc = weir_db_number(db, "PRAGMA user_version", 0, &version, err);

	if (rc == 0)
		rc = check_version(conf, version, err);
	if (rc == -ENOTSUP)
		sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return rc;
}

/* In place of SQLite's own, which moves the journal in the middle of a commit. */
static int count_pages(void *arg, sqlite3 *sqlite, const char *schema, int pages)
{
	struct weir_db *db = arg;

	(void)sqlite;
	(void)schema;
	db->journal_pages = (uint32_t)pages;
	return SQLITE_OK;
}

static int open_sqlite(struct weir_db *db, const struct weir_db_conf *conf, struct weir_err *err)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc;

	flags |= conf->flags & WEIR_DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	flags |= conf->flags & WEIR_DB_CREATE ? SQLITE_OPEN_CREATE : 0;
	rc = sqlite3_open_v2(conf->path, &db->sqlite, flags, NULL);
	if (rc != SQLITE_OK)
		return weir_db_fail(db, rc, err);
	sqlite3_busy_timeout(db->sqlite, (int)conf->busy_ms);
	if (conf->flags & WEIR_DB_KEEP)
		sqlite3_wal_hook(db->sqlite, count_pages, db);
	if (conf->flags & WEIR_DB_LEAVE)
		sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return 0;
}

static int prepare_file(struct weir_db *db, const struct weir_db_conf *conf, struct weir_err *err)
{
	int rc = 0;

	if (conf->setup != NULL)
		rc = weir_db_exec(db, conf->setup, err);
	if (rc == 0)
		rc = check_journal(db, conf, err);
	if (rc == 0 && !(conf->flags & WEIR_DB_READ))
		rc = weir_db_migrate(db, conf->schema, err);
	if (rc == 0 && conf->flags & WEIR_DB_WAL)
		rc = weir_db_exec(db, "PRAGMA journal_mode = WAL", err);
	return rc;
}

struct weir_db *weir_db_open(const struct weir_db_conf *conf, struct weir_err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct weir_db *db;

	pthread_once(&once, configure);
	if ((is_there(conf->path) || !(conf->flags & WEIR_DB_CREATE)) && check_head(conf, err) != 0)
		return NULL;
	db = calloc(1, sizeof(*db));
	if (db == NULL || (db->path = strdup(conf->path)) == NULL) {
		weir_err_set(err, ENOMEM, "%s: no memory to open it", conf->path);
		goto err_close;
	}
	if (open_sqlite(db, conf, err) != 0 || prepare_file(db, conf, err) != 0)
		goto err_close;
	return db;

err_close:
	weir_db_close(db);
	return NULL;
}

void weir_db_close(struct weir_db *db)
{
	int rc;

	if (db == NULL)
		return;
	rc = sqlite3_close(db->sqlite);
	assert(rc == SQLITE_OK); /* every statement was finished */
	(void)rc;
	free(db->path);
	free(db);
}

int weir_db_exec(struct weir_db *db, const char *sql, struct weir_err *err)
{
	int rc = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : weir_db_fail(db, rc, err);
}

int weir_db_begin(struct weir_db *db, struct weir_err *err)
{
	return weir_db_exec(db, "BEGIN IMMEDIATE", err);
}

int weir_db_commit(struct weir_db *db, struct weir_err *err)
{
	return weir_db_exec(db, "COMMIT", err);
}

void weir_db_rollback(struct weir_db *db)
{
	if (!sqlite3_get_autocommit(db->sqlite))
		sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
}

uint32_t weir_db_journal_pages(const struct weir_db *db)
{
	return db->journal_pages;
}

static int sync_file(struct weir_db *db)
{
	sqlite3_file *f = NULL;
	int rc = sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_FILE_POINTER, &f);

	return rc == SQLITE_OK && f->pMethods != NULL ? f->pMethods->xSync(f, SQLITE_SYNC_NORMAL)
						      : rc;
}

int weir_db_checkpoint(struct weir_db *db, bool *all, struct weir_err *err)
{
	int pages = 0, moved = 0;
	int rc = sqlite3_wal_checkpoint_v2(db->sqlite, "main", SQLITE_CHECKPOINT_PASSIVE, &pages,
					   &moved);

	*all = rc == SQLITE_OK && pages == moved;
	if (rc == SQLITE_OK && pages <= 0) /* then SQLite has not waited for the file */
		rc = sync_file(db);
	return rc == SQLITE_OK ? 0 : weir_db_fail(db, rc, err);
}

void weir_db_interrupt(struct weir_db *db)
{
	sqlite3_interrupt(db->sqlite);
}

int64_t weir_db_last_id(const struct weir_db *db)
{
	return sqlite3_last_insert_rowid(db->sqlite);
}
