/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of the database: statements in one transaction, of which the first failure is the outcome. So a change is
 * written down as a list of statements, and asked once, at its end, how it went.
 */
#ifndef SQL_H
#define SQL_H

#include <weir_db.h>

#include <jansson.h>

struct site;
struct site_actor;
struct site_journal;

/* A value of a statement; a text is borrowed for the call. */
struct site_value {
	const char *text; /* NULL: the number */
	size_t n;
	bool is_blob; /* else UTF-8 */
	int64_t number;
};

static inline struct site_value site_number(int64_t v)
{
	return (struct site_value){ .number = v };
}

static inline struct site_value site_bytes(const char *p, size_t n)
{
	return (struct site_value){ .text = p, .n = n };
}

static inline struct site_value site_blob(const void *p, size_t n)
{
	return (struct site_value){ .text = p, .n = n, .is_blob = true };
}

static inline struct site_value site_text(const char *text)
{
	return site_bytes(text, strlen(text));
}

/* Statements are kept by the address of their text: a literal. */
#define SITE_SQL_KEPT 64
struct site_sql {
	struct weir_db *db;
	struct site_journal *journal; /* NULL: SQLite does it */
	struct {
		const char *text;
		struct weir_db_stmt *stmt;
	} kept[SITE_SQL_KEPT];
	unsigned int n_kept;
	uint64_t errors;
};

void site_sql_fini(struct site_sql *sql); /* statements only */

enum site_how {
	SITE_DURABLE, /* on the disk when it has ended; waits a little for who else writes */
	SITE_LAZY, /* survives the end of the process, not that of the machine; waits for nobody */
};

struct site_change {
	struct site_sql *sql;
	enum site_how how;
	struct weir_err *err;
	struct weir_err own;
	int rc;
};

void site_change_begin(struct site_change *c, struct site_sql *sql, enum site_how how,
		       struct weir_err *err);
void site_change_run_values(struct site_change *c, const char *text, const struct site_value *v,
			    unsigned int n);
#define site_change_run(c, text, ...)                                               \
	site_change_run_values(c, text, (const struct site_value[]){ __VA_ARGS__ }, \
			       WEIR_ARRAY_SIZE(((const struct site_value[]){ __VA_ARGS__ })))

/* A line of the audit log. Takes `detail` (NULL: nothing more to say). */
void site_change_note(struct site_change *c, const struct site_actor *by, const char *what,
		      const char *object, json_t *detail);

/* Commit, or, when something failed, as if nothing had been. 0 or a negative errno, with the error. */
int site_change_end(struct site_change *c);

/* Every row of a query, until `each` returns a negative errno. */
int site_rows(struct site_sql *sql, const char *text, const struct site_value *v, unsigned int n,
	      int (*each)(void *ctx, struct weir_db_stmt *row), void *ctx, struct weir_err *err);

#endif
