/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept: reports as they came, with their slots, and versions. Not on the disk at once: what the machine takes with
 * it when it loses power is reported anew.
 */
#include "inventory_priv.h"

#include <errno.h>
#include <stdlib.h>

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

static int report_load(void *ctx, struct weir_db_stmt *row)
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
	rc = inventory_reports_add(ctx, &key, (uint64_t)weir_db_i64(row, 2),
				   platform != NULL ? platform : (const uint8_t *)"", n_platform,
				   slots, n / sizeof(*slots));
	free(slots);
	return rc;
}

static int version_load(void *ctx, struct weir_db_stmt *row)
{
	struct inventory *inv = ctx;
	struct known *k = weir_list_add(&inv->known, sizeof(*k));

	if (k == NULL)
		return -ENOMEM;
	*k = (struct known){ (uint64_t)weir_db_i64(row, 0), (uint64_t)weir_db_i64(row, 1) };
	inv->version_last = weir_max_u64(inv->version_last, k->version);
	return 0;
}

int inventory_store_rows(struct inventory *inv, const char *sql,
			 int (*each)(void *ctx, struct weir_db_stmt *row), struct weir_err *err)
{
	const int rc = site_rows(&inv->sql, sql, NULL, 0, each, inv, err);

	return rc == -ENOMEM ? weir_err_set(err, ENOMEM, "inventory: out of memory") : rc;
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

static void report_put(struct site_change *c, const struct reporter *r)
{
	uint64_t *slots = inventory_report_slots(&r->report);

	if (slots == NULL && c->rc == 0)
		c->rc = weir_err_set(c->err, ENOMEM, "inventory: out of memory");
	site_change_run(c,
			"INSERT OR REPLACE INTO inventory_report"
			" (ctrl_ip, ctrl_mac, version, platform, slots) VALUES (?, ?, ?, ?, ?)",
			site_text(r->key.ip), site_text(r->key.mac),
			site_number((int64_t)r->version), site_blob(r->bytes, r->n),
			site_blob(slots, r->report.rows * sizeof(*slots)));
	free(slots);
}

static void report_write(struct site_change *c, const struct reporter *r)
{
	if (r->is_gone)
		site_change_run(c,
				"DELETE FROM inventory_report WHERE ctrl_ip = ? AND ctrl_mac = ?",
				site_text(r->key.ip), site_text(r->key.mac));
	else if (r->bytes != NULL)
		report_put(c, r);
	else
		site_change_run(c,
				"UPDATE inventory_report SET version = ?"
				" WHERE ctrl_ip = ? AND ctrl_mac = ?",
				site_number((int64_t)r->version), site_text(r->key.ip),
				site_text(r->key.mac));
}

static void versions_write(struct site_change *c, const struct inventory *inv)
{
	const struct known *k = inv->known.items;

	site_change_run(c, "DELETE FROM inventory_version WHERE 0 = ?", site_number(0));
	for (size_t i = 0; i < inv->known.count; i++)
		site_change_run(c, "INSERT INTO inventory_version (hash, version) VALUES (?, ?)",
				site_number((int64_t)k[i].hash),
				site_number((int64_t)k[i].version));
}

void inventory_store_flush(struct inventory *inv)
{
	struct weir_err err = { 0 };
	struct site_change c;

	if (inv->unsaved == NULL && !inv->versions_unsaved)
		return;
	site_change_begin(&c, &inv->sql, SITE_LAZY, &err);
	for (const struct reporter *r = inv->unsaved; r != NULL; r = r->unsaved_next)
		report_write(&c, r);
	if (inv->versions_unsaved)
		versions_write(&c, inv);
	if (site_change_end(&c) != 0) {
		weir_log(WEIR_LOG_ERR, "inventory is not written, and will be later: %s", err.msg);
		return;
	}
	while (inv->unsaved != NULL)
		inventory_reports_saved(inv);
	inv->versions_unsaved = false;
}
