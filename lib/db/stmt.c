/* SPDX-License-Identifier: Apache-2.0 */
#include "db_priv.h"

#include <errno.h>
#include <stdlib.h>

struct weir_db_stmt *weir_db_prepare(struct weir_db *db, const char *sql, struct weir_err *err)
{
	struct weir_db_stmt *s = malloc(sizeof(*s));
	int rc;

	if (s == NULL) {
		weir_err_set(err, ENOMEM, "%s: no memory for a statement", db->path);
		return NULL;
	}
	s->db = db;
	rc = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt, NULL);
	if (rc == SQLITE_OK)
		return s;
	weir_db_fail(db, rc, err);
	free(s);
	return NULL;
}

void weir_db_finish(struct weir_db_stmt *s)
{
	if (s != NULL)
		sqlite3_finalize(s->stmt);
	free(s);
}

void weir_db_bind_i64(struct weir_db_stmt *s, int i, int64_t v)
{
	int rc = sqlite3_bind_int64(s->stmt, i, v);

	assert(rc == SQLITE_OK); /* fails only when the statement runs, or has no such value */
	(void)rc;
}

void weir_db_bind_blob(struct weir_db_stmt *s, int i, const void *p, size_t bytes)
{
	int rc = sqlite3_bind_blob(s->stmt, i, p, (int)bytes, SQLITE_STATIC);

	assert(rc == SQLITE_OK);
	(void)rc;
}

void weir_db_bind_text(struct weir_db_stmt *s, int i, const char *p, size_t bytes)
{
	int rc = sqlite3_bind_text(s->stmt, i, p, (int)bytes, SQLITE_STATIC);

	assert(rc == SQLITE_OK);
	(void)rc;
}

int weir_db_step(struct weir_db_stmt *s, struct weir_err *err)
{
	int rc = sqlite3_step(s->stmt);

	if (rc == SQLITE_ROW)
		return 1;
	/* Its message is gone once the statement is reset. */
	rc = rc == SQLITE_DONE ? 0 : weir_db_fail(s->db, rc, err);
	sqlite3_reset(s->stmt);
	return rc;
}

void weir_db_reset(struct weir_db_stmt *s)
{
	sqlite3_reset(s->stmt);
}

int64_t weir_db_i64(struct weir_db_stmt *s, int i)
{
	return sqlite3_column_int64(s->stmt, i);
}

const void *weir_db_blob(struct weir_db_stmt *s, int i, size_t *bytes)
{
	const void *p = sqlite3_column_blob(s->stmt, i);

	*bytes = (size_t)sqlite3_column_bytes(s->stmt, i);
	return p;
}

const char *weir_db_text(struct weir_db_stmt *s, int i)
{
	const unsigned char *text = sqlite3_column_text(s->stmt, i);

	return text != NULL ? (const char *)text : "";
}

bool weir_db_is_null(struct weir_db_stmt *s, int i)
{
	return sqlite3_column_type(s->stmt, i) == SQLITE_NULL;
}

bool weir_db_is_number(struct weir_db_stmt *s, int i)
{
	return sqlite3_column_type(s->stmt, i) == SQLITE_INTEGER;
}

int weir_db_number(struct weir_db *db, const char *sql, int64_t fallback, int64_t *v,
		   struct weir_err *err)
{
	struct weir_err own = { 0 };
	struct weir_db_stmt *s;
	int rc;

	err = err != NULL ? err : &own;
	*v = fallback;
	s = weir_db_prepare(db, sql, err);
	if (s == NULL)
		return -err->code;
	rc = weir_db_step(s, err);
	if (rc == 1 && !weir_db_is_null(s, 0))
		*v = weir_db_i64(s, 0);
	weir_db_finish(s);
	return rc < 0 ? rc : 0;
}
