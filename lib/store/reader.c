/* SPDX-License-Identifier: Apache-2.0 */
/* A directory opened for asking. Files that cannot be read are named, the others answer. */
#include "store_priv.h"

#include <errno.h>
#include <stdlib.h>

#define BUSY_MS 1000 /* a file that is just leaving WAL is locked for a moment */

void store_reader_trouble(struct weir_store_reader *r, const struct weir_err *err)
{
	struct weir_err *more;

	pthread_mutex_lock(&r->lock);
	more = realloc(r->troubles, (r->n_troubles + 1) * sizeof(*more));
	if (more != NULL) {
		r->troubles = more;
		r->troubles[r->n_troubles++] = *err;
	}
	pthread_mutex_unlock(&r->lock);
}

struct weir_store_reader *weir_store_reader_open(const char *dir, struct weir_err *err)
{
	struct weir_store_reader *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		weir_err_set(err, ENOMEM, "%s: no memory to read it", dir);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	if (snprintf(r->dir, sizeof(r->dir), "%s", dir) >= (int)sizeof(r->dir)) {
		weir_err_set(err, ENAMETOOLONG, "%.100s...: the path is too long", dir);
		goto err_close;
	}
	if (store_catalog_scan(&r->catalog, r->dir, false, err) != 0)
		goto err_close;
	for (uint32_t i = 0; i < r->catalog.n; i++)
		if (r->catalog.files[i].state == STORE_BAD)
			store_reader_trouble(r, &r->catalog.files[i].trouble);
	return r;

err_close:
	weir_store_reader_close(r);
	return NULL;
}

void weir_store_reader_close(struct weir_store_reader *r)
{
	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->lock);
	store_catalog_fini(&r->catalog);
	free(r->troubles);
	free(r);
}

const struct weir_err *weir_store_reader_trouble(const struct weir_store_reader *r, uint32_t i)
{
	return i < r->n_troubles ? &r->troubles[i] : NULL;
}

uint32_t weir_store_reader_opened(const struct weir_store_reader *r)
{
	return r->opened;
}

/* From here on the file stays as it is now: its state may be another than in the catalogue. */
static int hold(struct weir_db *db, bool *finished, struct weir_err *err)
{
	int64_t v = 0;
	int rc = weir_db_exec(db, "BEGIN", err);

	if (rc == 0)
		rc = weir_db_number(db, "SELECT finished FROM file", 0, &v, err);
	*finished = v != 0;
	return rc == 0 ? 1 : rc;
}

struct weir_db *store_reader_file(struct weir_store_reader *r, uint32_t i,
				  const struct weir_store_query *q, bool *finished)
{
	const struct store_file *f = &r->catalog.files[i];
	char path[STORE_PATH_BYTES];
	struct weir_err err = { 0 };
	struct weir_db *db = NULL;
	int rc;

	if (!store_where_may_match(q, f))
		return NULL;
	rc = store_path(path, r->dir, f->name, &err);
	if (rc == 0) {
		db = store_file_open(path, BUSY_MS, false, &err);
		rc = db == NULL ? -err.code : hold(db, finished, &err);
	}
	if (rc == 1 && f->state == STORE_FINISHED)
		rc = store_address_test(db, f->blocks, q->nets, q->n_nets, &err);
	if (rc == 1)
		return db;
	if (rc < 0)
		store_reader_trouble(r, &err);
	weir_db_close(db);
	return NULL;
}

void store_reader_count(struct weir_store_reader *r)
{
	pthread_mutex_lock(&r->lock);
	r->opened++;
	pthread_mutex_unlock(&r->lock);
}

int store_query_check(const struct weir_store_query *q, struct weir_err *err)
{
	if (q->n_nets > STORE_NETS_MAX)
		return weir_err_set(err, EINVAL, "%u addresses: at most %d are allowed", q->n_nets,
				    STORE_NETS_MAX);
	if (q->n_ranges > STORE_RANGES_MAX)
		return weir_err_set(err, EINVAL, "%u ranges: at most %d are allowed", q->n_ranges,
				    STORE_RANGES_MAX);
	for (uint32_t i = 0; i < q->n_nets; i++)
		if (q->nets[i].prefix > (q->nets[i].is_ipv6 ? 128 : 32))
			return weir_err_set(err, EINVAL, "prefix /%u: allowed are 0 to %d",
					    q->nets[i].prefix, q->nets[i].is_ipv6 ? 128 : 32);
	return 0;
}
