/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to go: whole files, in the order of their names, which is that of their time. A file's age
 * is that of its last row or of its last change, whichever is later: an old capture that was replayed
 * today is of today.
 *
 * A wall clock that is set forward while the store is open is not followed. One that says of all files
 * that they are old, as a wrong one does, is believed only after an hour.
 */
#include "store_priv.h"

#include <errno.h>
#include <unistd.h>

#define DOUBT_NS (3600 * WEIR_NS_PER_S)

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

static uint64_t open_for_ns(const struct weir_store *s)
{
	return weir_clock_mono_ns() - s->open_mono_ns;
}

static int64_t now_by(const struct weir_store *s)
{
	int64_t wall_s = (int64_t)(weir_clock_wall_ns() / WEIR_NS_PER_S);
	int64_t even_s = s->open_wall_s + (int64_t)(open_for_ns(s) / WEIR_NS_PER_S);

	return wall_s < even_s ? wall_s : even_s;
}

static bool is_believed(const struct weir_store *s, int64_t now_s)
{
	const struct store_catalog *c = &s->catalog;

	for (uint32_t i = 0; i < c->n; i++)
		if (can_go(s, &c->files[i]) && !is_old(s, &c->files[i], now_s))
			return true;
	return open_for_ns(s) >= DOUBT_NS;
}

/* The first file that has to go; NULL when all may stay. Under `lock`. */
static struct store_file *choose(struct weir_store *s)
{
	struct store_catalog *c = &s->catalog;
	bool too_much = s->conf.max_bytes > 0 && all_bytes(c) > s->conf.max_bytes;
	int64_t now_s = now_by(s);
	bool by_age = is_believed(s, now_s);

	for (uint32_t i = 0; i < c->n; i++)
		if (can_go(s, &c->files[i]) &&
		    (too_much || (by_age && is_old(s, &c->files[i], now_s))))
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

/* The next one to go is out of the catalogue; its name. Nobody waits for the disk under the lock. */
static bool take_out(struct weir_store *s, char name[STORE_NAME_BYTES])
{
	struct store_file *f;

	pthread_mutex_lock(&s->lock);
	f = choose(s);
	if (f != NULL) {
		memcpy(name, f->name, STORE_NAME_BYTES);
		store_catalog_remove(&s->catalog, f);
	}
	pthread_mutex_unlock(&s->lock);
	return f != NULL;
}

/* It is still there: what is wrong with it is asked anew. */
static void put_back(struct weir_store *s, const char *name, const struct weir_err *why)
{
	struct store_file copy = { 0 };
	struct store_file *f;

	snprintf(copy.name, sizeof(copy.name), "%s", name);
	store_catalog_ask(&copy, s->dir, &copy.trouble);
	pthread_mutex_lock(&s->lock);
	f = store_catalog_add(&s->catalog, name);
	if (f != NULL)
		*f = copy;
	s->fault = *why;
	pthread_mutex_unlock(&s->lock);
}

void store_retain(struct weir_store *s)
{
	char name[STORE_NAME_BYTES];
	struct weir_err err = { 0 };

	while (take_out(s, name)) {
		if (remove_file(s->dir, name, &err) != 0) {
			put_back(s, name, &err);
			return;
		}
		atomic_fetch_add_explicit(&s->removed, 1, memory_order_relaxed);
	}
}
