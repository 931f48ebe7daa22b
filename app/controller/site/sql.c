/* SPDX-License-Identifier: Apache-2.0 */
#include "sql.h"

#include "journal.h"
#include "schema.h"
#include "site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define JOURNAL_PAGES 1000 /* of the journal, then it is moved: as SQLite has it */

/* SQLite takes neither inside a transaction. */
#define LAZY    "PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 0"
#define DURABLE "PRAGMA synchronous = FULL; PRAGMA busy_timeout = 200"

static struct weir_db_stmt *statement(struct site_sql *sql, const char *text, struct weir_err *err)
{
	struct weir_db_stmt *stmt;

	for (unsigned int i = 0; i < sql->n_kept; i++)
		if (sql->kept[i].text == text)
			return sql->kept[i].stmt;
	assert(sql->n_kept < SITE_SQL_KEPT); /* as many as stand in the sources */
	stmt = weir_db_prepare(sql->db, text, err);
	if (stmt == NULL)
		return NULL;
	sql->kept[sql->n_kept].text = text;
	sql->kept[sql->n_kept++].stmt = stmt;
	return stmt;
}

void site_sql_fini(struct site_sql *sql)
{
	for (unsigned int i = 0; i < sql->n_kept; i++)
		weir_db_finish(sql->kept[i].stmt);
	sql->n_kept = 0;
}

static void bind(struct weir_db_stmt *stmt, const struct site_value *v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (v[i].is_blob)
			weir_db_bind_blob(stmt, (int)i + 1, v[i].text, v[i].n);
		else if (v[i].text != NULL)
			weir_db_bind_text(stmt, (int)i + 1, v[i].text, v[i].n);
		else
			weir_db_bind_i64(stmt, (int)i + 1, v[i].number);
	}
}

void site_change_begin(struct site_change *c, struct site_sql *sql, enum site_how how,
		       struct weir_err *err)
{
	*c = (struct site_change){ .sql = sql, .how = how, .err = err };
	if (err == NULL)
		c->err = &c->own;
	if (how == SITE_LAZY)
		c->rc = weir_db_exec(sql->db, LAZY, c->err);
	if (c->rc == 0)
		c->rc = weir_db_begin(sql->db, c->err);
}

void site_change_run_values(struct site_change *c, const char *text, const struct site_value *v,
			    unsigned int n)
{
	struct weir_db_stmt *stmt;

	if (c->rc != 0)
		return;
	stmt = statement(c->sql, text, c->err);
	if (stmt == NULL) {
		c->rc = -c->err->code;
		return;
	}
	bind(stmt, v, n);
	do
		c->rc = weir_db_step(stmt, c->err);
	while (c->rc == 1);
}

static struct site_value text_or_none(const char *text)
{
	return text != NULL ? site_text(text) : site_bytes("", 0);
}

void site_change_note(struct site_change *c, const struct site_actor *by, const char *what,
		      const char *object, json_t *detail)
{
	char *text = detail != NULL ? json_dumps(detail, JSON_COMPACT) : NULL;

	site_change_run(
		c,
		"INSERT INTO audit (at_s, who, origin, what, object, detail) VALUES (?, ?, ?, ?, ?, ?)",
		site_number((int64_t)(weir_clock_wall_ns() / WEIR_NS_PER_S)), site_text(by->name),
		text_or_none(by->from), site_text(what), site_text(object), text_or_none(text));
	free(text);
	json_decref(detail);
}

static void take_back(struct site_change *c)
{
	weir_db_rollback(c->sql->db);
	c->sql->errors++;
	if (c->rc == -EBUSY && c->how == SITE_DURABLE) /* nobody will try it again */
		weir_err_set(c->err, EBUSY,
			     "nothing was changed: another program has " SITE_FILE
			     " locked: end what it does, then try again");
}

int site_change_end(struct site_change *c)
{
	if (c->rc == 0)
		c->rc = weir_db_commit(c->sql->db, c->err);
	if (c->rc != 0)
		take_back(c);
	else if (c->sql->journal != NULL && weir_db_journal_pages(c->sql->db) > JOURNAL_PAGES)
		site_journal_move(c->sql->journal);
	if (c->how == SITE_LAZY) /* cannot fail: nothing is read or written */
		weir_db_exec(c->sql->db, DURABLE, NULL);
	return c->rc;
}

int site_rows(struct site_sql *sql, const char *text, const struct site_value *v, unsigned int n,
	      int (*each)(void *ctx, struct weir_db_stmt *row), void *ctx, struct weir_err *err)
{
	struct weir_err own = { 0 };
	struct weir_db_stmt *stmt;
	int rc;

	err = err != NULL ? err : &own;
	stmt = weir_db_prepare(sql->db, text, err);
	if (stmt == NULL)
		return -err->code;
	bind(stmt, v, n);
	do {
		rc = weir_db_step(stmt, err);
		if (rc == 1 && (rc = each != NULL ? each(ctx, stmt) : 0) == 0)
			rc = 1;
	} while (rc == 1);
	weir_db_finish(stmt);
	return rc;
}
