/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to go: whole files, in the order of their names, which is that of their time. A file's age
 * is that of its last row or of its last change, whichever is later: an old capture that was replayed
 * today is of today.
 */
#include "store_priv.h"

#include <errno.h>
#include <unistd.h>

static bool can_go(const struct weir_store *s, const struct store_file *f)
{
	return (f->state == STORE_FINISHED || f->state == STORE_UNFINISHED) &&
	       strcmp(f->name, s->held) != 0;
}

static uint64_t all_bytes(const struct store_catalog *c)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < c->n; i++)
		sum += c->files[i].state != STORE_BAD ? c->files[i].bytes : 0;
	return sum;
}

static bool is_old(const struct weir_store *s, const struct store_file *f, int64_t now_s)
{
	int64_t last_s = f->last_us / 1000000;

	last_s = last_s > f->written_s ? last_s : f->written_s;
	return s->conf.max_age_s > 0 && now_s > last_s &&
	       (uint64_t)(now_s - last_s) > s->conf.max_age_s;
}

/* The first file that has to go; NULL when all may stay. Under `lock`. */
static struct store_file *choose(struct weir_store *s, int64_t now_s)
{
	struct store_catalog *c = &s->catalog;
	bool too_much = s->conf.max_bytes > 0 && all_bytes(c) > s->conf.max_bytes;

	for (uint32_t i = 0; i < c->n; i++)
		if (can_go(s, &c->files[i]) && (too_much || is_old(s, &c->files[i], now_s)))
			return &c->files[i];
	return NULL;
}

/* The file before its journals: a journal without its file is seen and removed, not so a file without. */
static int remove_file(const char *dir, const char *name, struct weir_err *err)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	char path[STORE_PATH_BYTES + 16];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(suffixes); i++) {
		snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffixes[i]);
		if (unlink(path) != 0 && errno != ENOENT)
			return weir_err_set(err, errno, "%s: cannot be removed: %s", path,
					    strerror(errno));
	}
	return 0;
}

void store_retain(struct weir_store *s, int64_t now_s)
{
	struct weir_err err = { 0 };
	struct store_file *f;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	while (rc == 0 && (f = choose(s, now_s)) != NULL) {
		rc = remove_file(s->dir, f->name, &err);
		if (rc != 0)
			break;
		store_catalog_remove(&s->catalog, f);
		atomic_fetch_add_explicit(&s->removed, 1, memory_order_relaxed);
		pthread_cond_broadcast(&s->changed);
	}
	if (rc != 0)
		s->fault = err;
	pthread_mutex_unlock(&s->lock);
}
