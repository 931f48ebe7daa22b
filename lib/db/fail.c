/* SPDX-License-Identifier: Apache-2.0 */
/* Result codes of SQLite as errno, and what is to be done. https://www.sqlite.org/rescode.html */
#include "db_priv.h"

#include <errno.h>

static const struct {
	int rc;
	int code;
	const char *advice;
} meanings[] = {
	{ SQLITE_FULL, ENOSPC, "the disk is full: make room, or keep less" },
	{ SQLITE_BUSY, EBUSY, "another program has it locked: it is tried again" },
	{ SQLITE_LOCKED, EBUSY, "it is in use: it is tried again" },
	{ SQLITE_READONLY, EROFS,
	  "it cannot be written to: look at its owner, its mode and its mount" },
	{ SQLITE_CORRUPT, EBADMSG, "the file is damaged: move it away" },
	{ SQLITE_NOTADB, EBADMSG, "this is no SQLite file: move it away" },
	{ SQLITE_IOERR, EIO, "the disk or its mount fails: see the kernel's log" },
	{ SQLITE_NOMEM, ENOMEM, "there is no memory for it" },
	{ SQLITE_PERM, EACCES, "look at its owner and mode" },
	{ SQLITE_AUTH, EACCES, "look at its owner and mode" },
	{ SQLITE_INTERRUPT, EINTR, "it was asked to stop" },
	{ SQLITE_TOOBIG, E2BIG, "the value is too large" },
	{ SQLITE_CONSTRAINT, EEXIST, "the row breaks a rule of the table" },
};

/* When opening fails, the system knows why. */
static int opening(const struct weir_db *db, struct weir_err *err)
{
	int code = db->sqlite != NULL ? sqlite3_system_errno(db->sqlite) : 0;

	if (code == 0)
		code = ENOENT;
	return weir_err_set(err, code, "%s: cannot be opened: %s", db->path, strerror(code));
}

int weir_db_fail(const struct weir_db *db, int rc, struct weir_err *err)
{
	const char *text = db->sqlite != NULL ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(rc);

	if ((rc & 0xff) == SQLITE_CANTOPEN)
		return opening(db, err);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(meanings); i++)
		if ((rc & 0xff) == meanings[i].rc)
			return weir_err_set(err, meanings[i].code, "%s: %s; %s", db->path, text,
					    meanings[i].advice);
	return weir_err_set(err, EPROTO, "%s: %s (SQLite code %d)", db->path, text, rc);
}
