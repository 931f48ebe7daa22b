/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of lib/db know of each other. */
#ifndef DB_PRIV_H
#define DB_PRIV_H

#include <weir_db.h>

#include <sqlite3.h>

struct weir_db {
	sqlite3 *sqlite;
	char *path;
	uint32_t journal_pages;
};

struct weir_db_stmt {
	sqlite3_stmt *stmt;
	struct weir_db *db;
};

/* What SQLite's result code means for a person at `path`; the negative errno. */
int weir_db_fail(const struct weir_db *db, int rc, struct weir_err *err);

/* Take the steps that `schema` has beyond the file's version. */
int weir_db_migrate(struct weir_db *db, const struct weir_db_schema *schema, struct weir_err *err);

#endif
