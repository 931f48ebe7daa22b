/* SPDX-License-Identifier: Apache-2.0 */
/* The file being written: which one, and that it is still there. Writer only. */
#include "store_priv.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* A clock that was set back is not followed more often: it may be two that disagree. */
#define BACK_NS (60 * WEIR_NS_PER_S)

static int64_t period_of(const struct weir_store *s, const struct weir_flow_rec *rec)
{
	int64_t end_s = (int64_t)(rec->end_ns / WEIR_NS_PER_S);

	return end_s - end_s % s->conf.file_s;
}

/* Records of the period before come for a while: they are welcome. */
bool store_file_is_other(const struct weir_store *s, const struct weir_flow_rec *rec)
{
	int64_t start_s = period_of(s, rec);

	if (weir_likely(start_s == s->start_s))
		return s->rows >= s->conf.file_rows;
	if (start_s > s->start_s || s->rows >= s->conf.file_rows)
		return true;
	return start_s + s->conf.file_s < s->start_s &&
	       weir_clock_mono_ns() - s->opened_ns >= BACK_NS;
}

/* The directory may have gone, with all that was in it. */
static int directory_check(struct weir_store *s, struct weir_err *err)
{
	char path[STORE_PATH_BYTES];
	int fd;

	if (store_lock_is_there(s->lock_fd, s->dir))
		return 0;
	if (mkdir(s->dir, 0755) != 0 && errno != EEXIST)
		return weir_err_set(err, errno, "%s: %s", s->dir, strerror(errno));
	fd = store_lock(s->dir, err);
	if (fd < 0)
		return fd;
	close(s->lock_fd);
	s->lock_fd = fd;
	pthread_mutex_lock(&s->lock);
	for (uint32_t i = s->catalog.n; i-- > 0;)
		if (s->catalog.files[i].state != STORE_FINISHING &&
		    store_path(path, s->dir, s->catalog.files[i].name, NULL) == 0 &&
		    access(path, F_OK) != 0)
			store_catalog_remove(&s->catalog, &s->catalog.files[i]);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* One of this period that was left unfinished, else the next free name. True = it is there. */
static bool choose(struct weir_store *s, int64_t start_s)
{
	struct store_catalog *c = &s->catalog;
	uint32_t next = 0, seq;
	int64_t at_s;

	for (uint32_t i = 0; i < c->n; i++) {
		struct store_file *f = &c->files[i];

		/* Periods shorter than an hour share its names: their last row tells them apart. */
		if (!store_name_parse(f->name, &at_s, &seq) || at_s != start_s - start_s % 3600)
			continue;
		next = seq + 1;
		if (f->state != STORE_UNFINISHED || f->summed || f->rows >= s->conf.file_rows ||
		    f->last_us / 1000000 / s->conf.file_s != start_s / s->conf.file_s)
			continue;
		f->state = STORE_WRITING;
		snprintf(s->name, sizeof(s->name), "%s", f->name);
		return true;
	}
	store_name(s->name, start_s, next);
	return false;
}

static void state_set(struct weir_store *s, enum store_state state, const struct weir_err *trouble)
{
	struct store_file *f;

	pthread_mutex_lock(&s->lock);
	f = store_catalog_find(&s->catalog, s->name);
	if (f != NULL) {
		f->state = (uint8_t)state;
		f->rows = s->rows;
		if (f->last_us < s->start_s * 1000000)
			f->last_us = s->start_s * 1000000; /* until it is asked */
		if (trouble != NULL)
			f->trouble = *trouble;
	}
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static int make(struct weir_store *s, struct weir_err *err)
{
	struct store_file *f;
	int rc;

	if (access(s->path, F_OK) == 0)
		rc = weir_err_set(err, EEXIST, "%s: somebody else has made it: move it away",
				  s->path);
	else
		rc = store_file_make(s->path, err);
	/* Also of what cannot be made: its name is not tried again when it is taken. */
	if (rc != 0 && rc != -EEXIST)
		return rc;
	pthread_mutex_lock(&s->lock);
	f = store_catalog_add(&s->catalog, s->name);
	if (f != NULL)
		f->state = rc == 0 ? STORE_WRITING : STORE_BAD;
	else
		rc = weir_err_set(err, ENOMEM, "%s: no memory for its files", s->dir);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static int open_file(struct weir_store *s, struct weir_err *err)
{
	struct stat st;
	int64_t rows;
	int rc;

	s->rows = 0;
	s->db = store_file_open(s->path, s->conf.busy_ms, true, err);
	if (s->db == NULL)
		return -err->code;
	s->batch = store_batch_create(s->db, err);
	if (s->batch == NULL)
		return -err->code;
	rc = weir_db_number(s->db, "SELECT max(rowid) FROM flow_row", 0, &rows, err);
	if (rc != 0)
		return rc;
	if (stat(s->path, &st) != 0)
		return weir_err_set(err, errno, "%s: %s", s->path, strerror(errno));
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->rows = (uint64_t)rows;
	s->opened_ns = weir_clock_mono_ns();
	return 0;
}

int store_file_begin(struct weir_store *s, const struct weir_flow_rec *rec, struct weir_err *err)
{
	bool is_there;
	int rc = directory_check(s, err);

	if (rc != 0)
		return rc;
	s->start_s = period_of(s, rec);
	pthread_mutex_lock(&s->lock);
	is_there = choose(s, s->start_s);
	s->held[0] = '\0';
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	rc = store_path(s->path, s->dir, s->name, err);
	if (rc == 0 && !is_there)
		rc = make(s, err);
	if (rc != 0)
		return rc;
	rc = open_file(s, err);
	if (rc == 0) {
		store_sync(s);
		return 0;
	}
	store_file_end(s, rc != -EBADMSG);
	if (rc == -EBADMSG)
		state_set(s, STORE_BAD, err);
	return rc;
}

int store_file_check(struct weir_store *s, struct weir_err *err)
{
	struct stat st;
	struct store_file *f;

	if (stat(s->path, &st) != 0 || st.st_ino != s->ino || st.st_dev != s->dev)
		return weir_err_set(err, ENOENT,
				    "%s: it was removed while it was written: a new one is begun",
				    s->path);
	pthread_mutex_lock(&s->lock);
	f = store_catalog_find(&s->catalog, s->name);
	if (f != NULL) {
		f->bytes = (uint64_t)st.st_size;
		f->written_s = (int64_t)(weir_clock_wall_ns() / WEIR_NS_PER_S);
	}
	pthread_mutex_unlock(&s->lock);
	return 0;
}

void store_file_end(struct weir_store *s, bool held)
{
	struct stat st;

	weir_db_batch_destroy(s->batch);
	s->batch = NULL;
	weir_db_close(s->db);
	s->db = NULL;
	pthread_mutex_lock(&s->lock);
	snprintf(s->held, sizeof(s->held), "%s", held ? s->name : "");
	pthread_mutex_unlock(&s->lock);
	if (stat(s->path, &st) == 0) {
		state_set(s, STORE_UNFINISHED, NULL);
		return;
	}
	pthread_mutex_lock(&s->lock);
	if (store_catalog_find(&s->catalog, s->name) != NULL)
		store_catalog_remove(&s->catalog, store_catalog_find(&s->catalog, s->name));
	pthread_mutex_unlock(&s->lock);
}
