/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters in the database: objects by type, as they came. */
#include "clusters.h"

#include <errno.h>

static void head_write(struct site_change *to, const struct cluster *c, uint64_t version,
		       uint64_t held)
{
	site_change_run(to,
			"INSERT OR REPLACE INTO inventory_cluster"
			" (cluster_id, version, held, at_s, error) VALUES (?, ?, ?, ?, ?)",
			site_text(c->id), site_number((int64_t)version), site_number((int64_t)held),
			site_number((int64_t)c->at_s), site_text(c->error));
}

static void kind_write(struct site_change *to, const struct cluster *c,
		       const struct snapshot_kind *k)
{
	site_change_run(to,
			"INSERT OR REPLACE INTO inventory_objects"
			" (cluster_id, type, objects, hash, entries) VALUES (?, ?, ?, ?, ?)",
			site_text(c->id), site_text(k->type), site_number(k->objects),
			site_number((int64_t)k->hash), site_blob(k->v, k->n));
}

static bool has_kind(const struct snapshot *s, const char *type)
{
	const struct snapshot_kind *k = s->kinds.items;

	for (size_t i = 0; i < s->kinds.count; i++)
		if (strcmp(k[i].type, type) == 0)
			return true;
	return false;
}

/* Types that are the same stay as they are. */
int inventory_cluster_write(struct inventory *inv, const struct cluster *c,
			    const struct snapshot *s, struct weir_err *err)
{
	const struct snapshot_kind *k = s->kinds.items;
	const struct kind *was = c->kinds.items;
	struct site_change to;

	site_change_begin(&to, &inv->sql, SITE_LAZY, err);
	head_write(&to, c, s->version, s->version);
	for (size_t i = 0; i < s->kinds.count; i++)
		if (!k[i].is_known)
			kind_write(&to, c, &k[i]);
	for (size_t i = 0; i < c->kinds.count; i++)
		if (!has_kind(s, was[i].type))
			site_change_run(&to,
					"DELETE FROM inventory_objects"
					" WHERE cluster_id = ? AND type = ?",
					site_text(c->id), site_text(was[i].type));
	return site_change_end(&to);
}

/* What waits to be checked goes with the process: it is not known then, and is sent again. */
static uint64_t version_of(const struct cluster *c)
{
	return c->next != NULL ? c->held : c->version;
}

static int heads_write(struct inventory *inv, struct weir_err *err)
{
	struct site_change to;

	site_change_begin(&to, &inv->sql, SITE_LAZY, err);
	for (size_t i = 0; i < inv->clusters.count; i++)
		if (cluster_at(inv, i)->is_unsaved)
			head_write(&to, cluster_at(inv, i), version_of(cluster_at(inv, i)),
				   cluster_at(inv, i)->held);
	return site_change_end(&to);
}

void inventory_clusters_flush(struct inventory *inv)
{
	struct weir_err err = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < inv->clusters.count; i++)
		n += cluster_at(inv, i)->is_unsaved;
	if (n == 0)
		return;
	if (heads_write(inv, &err) != 0) {
		weir_log(WEIR_LOG_ERR, "clusters are not written, and will be later: %s", err.msg);
		return;
	}
	for (size_t i = 0; i < inv->clusters.count; i++)
		cluster_at(inv, i)->is_unsaved = false;
}

int inventory_cluster_unwrite(struct inventory *inv, const struct cluster *c, struct weir_err *err)
{
	struct site_change to;

	site_change_begin(&to, &inv->sql, SITE_LAZY, err);
	site_change_run(&to, "DELETE FROM inventory_cluster WHERE cluster_id = ?",
			site_text(c->id));
	site_change_run(&to, "DELETE FROM inventory_objects WHERE cluster_id = ?",
			site_text(c->id));
	return site_change_end(&to);
}

static int head_load(void *ctx, struct weir_db_stmt *row)
{
	char id[CLUSTER_ID];
	struct cluster *c;

	if (!inventory_store_text(row, 0, id, sizeof(id)))
		return 0;
	c = inventory_cluster_add(ctx, id);
	if (c == NULL)
		return -ENOMEM;
	c->version = (uint64_t)weir_db_i64(row, 1);
	c->held = (uint64_t)weir_db_i64(row, 2);
	c->at_s = (uint64_t)weir_db_i64(row, 3);
	if (!inventory_store_text(row, 4, c->error, sizeof(c->error)))
		c->error[0] = '\0';
	return 0;
}

static int kind_load(void *ctx, struct weir_db_stmt *row)
{
	char id[CLUSTER_ID], type[SNAPSHOT_TYPE];
	struct cluster *c;
	struct kind *k;

	if (!inventory_store_text(row, 0, id, sizeof(id)) ||
	    !inventory_store_text(row, 1, type, sizeof(type)) ||
	    (c = inventory_cluster_find(ctx, id)) == NULL)
		return 0;
	k = weir_list_add(&c->kinds, sizeof(*k));
	if (k == NULL)
		return -ENOMEM;
	memcpy(k->type, type, sizeof(k->type));
	k->objects = (uint32_t)weir_db_i64(row, 2);
	k->hash = (uint64_t)weir_db_i64(row, 3);
	k->bytes = (size_t)weir_db_i64(row, 4);
	return 0;
}

int inventory_clusters_read(struct inventory *inv, struct weir_err *err)
{
	int rc;

	rc = inventory_store_rows(inv,
				  "SELECT cluster_id, version, held, at_s, error"
				  " FROM inventory_cluster",
				  head_load, err);
	if (rc == 0)
		rc = inventory_store_rows(inv,
					  "SELECT cluster_id, type, objects, hash, length(entries)"
					  " FROM inventory_objects",
					  kind_load, err);
	return rc;
}
