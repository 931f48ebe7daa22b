/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite, wrapped once: a file opened as what it has to be, its schema brought up to date, prepared
 * statements, and every failure as one line that names the file and says what to do.
 *
 * A database and its statements belong to one thread at a time; weir_db_interrupt() alone may come
 * from another. https://www.sqlite.org/c3ref/intro.html
 */
#ifndef WEIR_DB_H
#define WEIR_DB_H

#include <weir_base.h>

struct weir_db;
struct weir_db_stmt;

/* What a file is: how it is told from others, and how it came to be what it is. */
struct weir_db_schema {
	const char *name;         /* for messages: "a weir store file" */
	uint32_t application_id;  /* not 0 */
	uint32_t n_steps;         /* the newest version known; also in the file, as user_version */
	const char *const *steps; /* SQL: step i leads from version i to i + 1 */
};

enum weir_db_flag {
	WEIR_DB_READ = 1 << 0,   /* never written to, and no schema step is taken */
	WEIR_DB_CREATE = 1 << 1, /* made where it is not there */
	WEIR_DB_WAL = 1 << 2,    /* journal_mode WAL; not with WEIR_DB_READ */
	WEIR_DB_LEAVE = 1 << 3,  /* closing leaves the journal to who opens it next: it is quick */
	WEIR_DB_KEEP = 1 << 4, /* the journal is only moved into the file by weir_db_checkpoint() */
};

struct weir_db_conf {
	const char *path;
	const struct weir_db_schema *schema;
	const char *setup; /* SQL run first, for pragmas; may be NULL */
	uint32_t flags;    /* enum weir_db_flag */
	uint32_t busy_ms;  /* longest wait for a lock of somebody else */
};

/* The head of a file, read without SQLite. Database file format, 1.3. */
struct weir_db_head {
	uint32_t page_bytes;
	uint32_t pages; /* of the main file, when it was last left in order */
	uint32_t application_id;
	uint32_t version; /* user_version */
	bool wal;
};

/*
 * Look at a file without touching it. 0; -EBADMSG when it is no SQLite file, or one that was cut;
 * or the system's error. Any thread.
 */
int weir_db_look(const char *path, struct weir_db_head *head, struct weir_err *err);

/*
 * Open a file and bring its schema up to date. Its schema is there before it enters WAL, so
 * weir_db_look() can tell what it is ever after.
 *
 * NULL with `err` set: EBADMSG foreign or damaged, ENOTSUP made by a newer weir, EBUSY locked longer
 * than busy_ms, and others. A file that is not ours, or newer, was not touched.
 */
struct weir_db *weir_db_open(const struct weir_db_conf *conf, struct weir_err *err);

/* Close it; its statements have to be finished before. What is not committed is gone. NULL is fine. */
void weir_db_close(struct weir_db *db);

/* Run statements without results. 0 or a negative errno as weir_db_open(), also ENOSPC, EROFS, EIO. */
int weir_db_exec(struct weir_db *db, const char *sql, struct weir_err *err);

/* As weir_db_exec(). BEGIN IMMEDIATE: who gets it can write. After a failed commit, roll back. */
int weir_db_begin(struct weir_db *db, struct weir_err *err);
int weir_db_commit(struct weir_db *db, struct weir_err *err);
void weir_db_rollback(struct weir_db *db); /* also when there is nothing to roll back */

/* Pages in the journal after the last commit, with WEIR_DB_KEEP. */
uint32_t weir_db_journal_pages(const struct weir_db *db);

/*
 * Move the journal into the file as far as nobody needs it, and wait for the disk; others go on. *all: nothing
 * is left in it. 0 or a negative errno as weir_db_exec().
 */
int weir_db_checkpoint(struct weir_db *db, bool *all, struct weir_err *err);

/* Stop what another thread runs on `db`: it gets -EINTR. The database is not closed meanwhile. */
void weir_db_interrupt(struct weir_db *db);

int64_t weir_db_last_id(const struct weir_db *db); /* rowid of the last row inserted */

/*
 * Compile a statement; NULL with `err` set. Given back with weir_db_finish(), before the database is
 * closed.
 */
struct weir_db_stmt *weir_db_prepare(struct weir_db *db, const char *sql, struct weir_err *err);
void weir_db_finish(struct weir_db_stmt *stmt); /* NULL is fine */

/* Values from 1 on. They stay bound when the statement is reset. */
void weir_db_bind_i64(struct weir_db_stmt *stmt, int i, int64_t v);
/* Borrowed until the statement is stepped to its end, or bound anew. */
void weir_db_bind_blob(struct weir_db_stmt *stmt, int i, const void *p, size_t bytes);
void weir_db_bind_text(struct weir_db_stmt *stmt, int i, const char *p, size_t bytes);

/* 1 = a row, 0 = done and reset, or a negative errno, reset as well. */
int weir_db_step(struct weir_db_stmt *stmt, struct weir_err *err);
void weir_db_reset(struct weir_db_stmt *stmt); /* before its end */

/* Columns of the row, from 0 on. Borrowed until the next step. */
int64_t weir_db_i64(struct weir_db_stmt *stmt, int i);
const void *weir_db_blob(struct weir_db_stmt *stmt, int i, size_t *bytes);
const char *weir_db_text(struct weir_db_stmt *stmt, int i); /* never NULL; ended by a NUL */
bool weir_db_is_null(struct weir_db_stmt *stmt, int i);
bool weir_db_is_number(struct weir_db_stmt *stmt, int i); /* a whole one */

/* The one number a query gives; `fallback` where it gives none or NULL. 0 or a negative errno. */
int weir_db_number(struct weir_db *db, const char *sql, int64_t fallback, int64_t *v,
		   struct weir_err *err);

#endif
