/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept: reports as they came, with their slots, and versions. Texts are bound as bytes, so they are bytes. */
#include "inventory_priv.h"

#include <errno.h>
#include <stdlib.h>

/* ------------------------------------------------------------------ statements */

static const struct {
	size_t offset;
	const char *sql;
} statements[] = {
#define STATEMENT(name, text) { offsetof(struct store, name), text },
	STATEMENT(report_put,
		  "INSERT OR REPLACE INTO inventory_report"
		  " (ctrl_ip, ctrl_mac, version, platform, slots) VALUES (?, ?, ?, ?, ?)")
		STATEMENT(
			report_version,
			"UPDATE inventory_report SET version = ?3"
			" WHERE ctrl_ip = ?1 AND ctrl_mac = ?2") STATEMENT(report_gone,
									   "DELETE FROM inventory_report WHERE ctrl_ip = ? AND ctrl_mac = ?")
			STATEMENT(version_put, "INSERT INTO inventory_version (hash, version) VALUES (?, ?)") STATEMENT(
				cluster_put,
				"INSERT OR REPLACE INTO inventory_cluster"
				" (cluster_id, version, held, at_s, error) VALUES (?, ?, ?, ?, ?)")
				STATEMENT(cluster_gone,
					  "DELETE FROM inventory_cluster WHERE cluster_id = ?")
					STATEMENT(
						objects_gone,
						"DELETE FROM inventory_objects WHERE cluster_id = ?")
						STATEMENT(
							kind_put,
							"INSERT OR REPLACE INTO inventory_objects"
							" (cluster_id, type, objects, hash, entries) VALUES (?, ?, ?, ?, ?)")
							STATEMENT(
								kind_gone,
								"DELETE FROM inventory_objects WHERE cluster_id = ? AND type = ?")
#undef STATEMENT
};

static struct weir_db_stmt **statement(struct store *s, size_t i)
{
	return (struct weir_db_stmt **)((uint8_t *)s + statements[i].offset);
}

int inventory_store_open(struct inventory *inv, struct weir_err *err)
{
	struct store *s = &inv->store;

	s->db = site_db(inv->site);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(statements); i++) {
		*statement(s, i) = weir_db_prepare(s->db, statements[i].sql, err);
		if (*statement(s, i) == NULL)
			return -EIO;
	}
	return 0;
}

void inventory_store_close(struct store *s)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(statements); i++)
		weir_db_finish(*statement(s, i));
}

/* ------------------------------------------------------------------ loading */

bool inventory_store_text(struct weir_db_stmt *row, int i, char *to, size_t size)
{
	size_t n;
	const void *p = weir_db_blob(row, i, &n);

	if (n >= size)
		return false;
	if (n > 0)
		memcpy(to, p, n);
	to[n] = '\0';
	return true;
}

static int report_load(struct inventory *inv, struct weir_db_stmt *row)
{
	struct reporter_key key;
	const uint8_t *platform;
	uint64_t *slots;
	size_t n, n_platform;
	const void *p;
	int rc;

	if (!inventory_store_text(row, 0, key.ip, sizeof(key.ip)) ||
	    !inventory_store_text(row, 1, key.mac, sizeof(key.mac)))
		return 0;
	p = weir_db_blob(row, 4, &n);
	slots = malloc(n + sizeof(*slots)); /* as it is there, it is at no border */
	if (slots == NULL)
		return -ENOMEM;
	if (n > 0)
		memcpy(slots, p, n);
	platform = weir_db_blob(row, 3, &n_platform);
	rc = inventory_reports_add(inv, &key, (uint64_t)weir_db_i64(row, 2),
				   platform != NULL ? platform : (const uint8_t *)"", n_platform,
				   slots, n / sizeof(*slots));
	free(slots);
	return rc;
}

static int version_load(struct inventory *inv, struct weir_db_stmt *row)
{
	struct known *k = weir_list_add(&inv->known, sizeof(*k));

	if (k == NULL)
		return -ENOMEM;
	*k = (struct known){ (uint64_t)weir_db_i64(row, 0), (uint64_t)weir_db_i64(row, 1) };
	inv->version_last = weir_max_u64(inv->version_last, k->version);
	return 0;
}

int inventory_store_rows(struct inventory *inv, const char *sql,
			 int (*each)(struct inventory *inv, struct weir_db_stmt *row),
			 struct weir_err *err)
{
	struct weir_db_stmt *rows = weir_db_prepare(inv->store.db, sql, err);
	int rc;

	if (rows == NULL)
		return -EIO;
	do {
		rc = weir_db_step(rows, err);
		if (rc == 1 && each(inv, rows) != 0)
			rc = weir_err_set(err, ENOMEM, "inventory: out of memory");
	} while (rc == 1);
	weir_db_finish(rows);
	return rc;
}

int inventory_store_load(struct inventory *inv, struct weir_err *err)
{
	int rc = inventory_store_rows(inv, "SELECT hash, version FROM inventory_version",
				      version_load, err);

	if (rc == 0)
		rc = inventory_store_rows(inv,
					  "SELECT ctrl_ip, ctrl_mac, version, platform, slots"
					  " FROM inventory_report",
					  report_load, err);
	return rc;
}

/* ------------------------------------------------------------------ writing */

void inventory_store_bind(struct weir_db_stmt *s, int i, const char *text)
{
	weir_db_bind_blob(s, i, text, strlen(text));
}

static int run(struct weir_db_stmt *s, struct weir_err *err)
{
	const int rc = weir_db_step(s, err);

	return rc < 0 ? rc : 0;
}

static int report_write(struct inventory *inv, const struct reporter *r, struct weir_err *err)
{
	struct weir_db_stmt *s = r->is_gone         ? inv->store.report_gone
				 : r->bytes != NULL ? inv->store.report_put
						    : inv->store.report_version;
	uint64_t *slots = NULL;
	int rc;

	inventory_store_bind(s, 1, r->key.ip);
	inventory_store_bind(s, 2, r->key.mac);
	if (!r->is_gone)
		weir_db_bind_i64(s, 3, (int64_t)r->version);
	if (!r->is_gone && r->bytes != NULL) {
		slots = inventory_report_slots(&r->report);
		if (slots == NULL)
			return weir_err_set(err, ENOMEM, "inventory: out of memory");
		weir_db_bind_blob(s, 4, r->bytes, r->n);
		weir_db_bind_blob(s, 5, slots, r->report.rows * sizeof(*slots));
	}
	rc = run(s, err);
	free(slots);
	return rc;
}

static int versions_write(struct inventory *inv, struct weir_err *err)
{
	const struct known *k = inv->known.items;
	struct weir_db_stmt *s = inv->store.version_put;
	int rc = weir_db_exec(inv->store.db, "DELETE FROM inventory_version", err);

	for (size_t i = 0; i < inv->known.count && rc == 0; i++) {
		weir_db_bind_i64(s, 1, (int64_t)k[i].hash);
		weir_db_bind_i64(s, 2, (int64_t)k[i].version);
		rc = run(s, err);
	}
	return rc;
}

static int write_all(struct inventory *inv, struct weir_err *err)
{
	int rc = weir_db_begin(inv->store.db, err);

	for (const struct reporter *r = inv->unsaved; r != NULL && rc == 0; r = r->unsaved_next)
		rc = report_write(inv, r, err);
	if (rc == 0 && inv->versions_unsaved)
		rc = versions_write(inv, err);
	if (rc == 0)
		rc = weir_db_commit(inv->store.db, err);
	if (rc != 0)
		weir_db_rollback(inv->store.db);
	return rc;
}

int inventory_store_flush(struct inventory *inv)
{
	struct weir_err err = { 0 };
	int rc;

	if (inv->unsaved == NULL && !inv->versions_unsaved)
		return 0;
	rc = write_all(inv, &err);
	if (rc != 0) {
		weir_log(WEIR_LOG_ERR, "inventory is not written, and will be later: %s", err.msg);
		return rc;
	}
	while (inv->unsaved != NULL)
		inventory_reports_saved(inv);
	inv->versions_unsaved = false;
	return 0;
}
