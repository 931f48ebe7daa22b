/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: records into transactions, transactions into files, and what becomes of it when that fails. */
#include "store_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_FILE_ROWS     10000000
#define DEFAULT_FILE_S        3600
#define DEFAULT_TXN_ROWS      WEIR_DB_BATCH_ROWS
#define DEFAULT_BUSY_MS       200
#define DEFAULT_PAUSE_MS      1000

#define READERS_NS            (10 * WEIR_NS_PER_S) /* for those who read what is to be finished */

#define JOURNAL_PAGES         8192 /* 64 MiB */
#define JOURNAL_PAGES_MAX     (4 * JOURNAL_PAGES)

#define DEFAULT(field, value) (field) = (field) != 0 ? (field) : (value)

static uint64_t get(_Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, get(counter) + n, memory_order_relaxed);
}

static void fault_set(struct weir_store *s, const struct weir_err *err)
{
	pthread_mutex_lock(&s->lock);
	s->fault = *err;
	pthread_mutex_unlock(&s->lock);
}

/* All is well again. */
static void mend(struct weir_store *s)
{
	static const struct weir_err none;

	if (s->paused_ns == 0 && s->waits_ns == 0)
		return;
	s->paused_ns = s->waits_ns = 0;
	fault_set(s, &none);
}

/* What is in the journal long enough is the syncer's; when that is too slow, it is waited for. */
static void move_journal(struct weir_store *s)
{
	uint32_t pages = weir_db_journal_pages(s->db);
	bool all;

	if (pages < JOURNAL_PAGES)
		return;
	if (pages >= JOURNAL_PAGES_MAX)
		weir_db_checkpoint(s->db, &all,
				   NULL); /* what fails is tried with the next commit */
	store_sync(s);
}

static int commit(struct weir_store *s, struct weir_err *err)
{
	int rc;

	if (get(&s->pending) == 0)
		return 0;
	rc = store_file_check(s, err);
	if (rc == 0)
		rc = weir_db_batch_move(s->batch, err);
	if (rc != 0)
		return rc;
	add(&s->stored, get(&s->pending));
	atomic_store_explicit(&s->pending, 0, memory_order_relaxed);
	mend(s);
	move_journal(s);
	return 0;
}

/*
 * Commit, unless somebody else's lock is in the way and there is room for more: then rows wait, and it is
 * tried again after a while. -EAGAIN while they do.
 */
static int commit_or_wait(struct weir_store *s, struct weir_err *err)
{
	const uint64_t now_ns = weir_clock_mono_ns();
	const bool room = s->db != NULL && weir_db_batch_has_room(s->batch);
	int rc = -EBUSY;

	if (room && s->waits_ns > now_ns)
		weir_store_fault(s, err);
	else
		rc = commit(s, err);
	if (rc != -EBUSY || !room)
		return rc;
	if (s->waits_ns <= now_ns) {
		s->waits_ns = weir_clock_mono_ns() + s->conf.pause_ms * WEIR_NS_PER_MS;
		fault_set(s, err);
	}
	return -EAGAIN;
}

/* What was pending and `n` more are lost; the file is opened anew after a while. */
static int fail(struct weir_store *s, uint32_t n, const struct weir_err *err)
{
	if (s->db != NULL)
		store_file_end(s, true);
	add(&s->lost, get(&s->pending) + n);
	add(&s->failures, 1);
	atomic_store_explicit(&s->pending, 0, memory_order_relaxed);
	s->paused_ns = weir_clock_mono_ns() + s->conf.pause_ms * WEIR_NS_PER_MS;
	s->waits_ns = 0;
	fault_set(s, err);
	return -err->code;
}

/* The file of this record, with room for it. */
static int ready(struct weir_store *s, const struct weir_flow_rec *rec, struct weir_err *err)
{
	int rc = 0;

	if (s->db != NULL && store_file_is_other(s, rec)) {
		rc = commit_or_wait(s, err);
		if (rc == -EAGAIN)
			return 0; /* it goes into the file that is locked */
		if (rc == 0)
			store_file_end(s, false);
	}
	if (rc == 0 && s->db == NULL)
		rc = store_file_begin(s, rec, err);
	if (rc == 0 && !weir_db_batch_has_room(s->batch))
		rc = commit(s, err);
	return rc;
}

static int put(struct weir_store *s, const struct weir_flow_rec *rec, struct weir_err *err)
{
	int rc = 0;

	if (s->db == NULL || store_file_is_other(s, rec) || !weir_db_batch_has_room(s->batch))
		rc = ready(s, rec, err);
	if (rc != 0)
		return rc;
	s->rows++;
	store_batch_add(s->batch, (int64_t)s->rows, rec);
	return 0;
}

int weir_store_write(struct weir_store *s, const struct weir_flow_rec *recs, uint32_t n,
		     struct weir_err *err)
{
	struct weir_err own = { 0 };
	int rc = 0;

	err = err != NULL ? err : &own;
	add(&s->taken, n);
	if (s->paused_ns > weir_clock_mono_ns()) {
		add(&s->lost, n);
		weir_store_fault(s, err);
		return -err->code;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (put(s, &recs[i], err) != 0)
			return fail(s, n - i, err);
		add(&s->pending, 1);
		if (get(&s->pending) < s->conf.txn_rows)
			continue;
		rc = commit_or_wait(s, err);
		if (rc != 0 && rc != -EAGAIN)
			return fail(s, n - i - 1, err);
	}
	return rc;
}

int weir_store_flush(struct weir_store *s, struct weir_err *err)
{
	struct weir_err own = { 0 };
	int rc;

	err = err != NULL ? err : &own;
	rc = commit_or_wait(s, err);
	return rc == 0 || rc == -EAGAIN ? rc : fail(s, 0, err);
}

/* Now or never. */
static int flush_all(struct weir_store *s, struct weir_err *err)
{
	struct weir_err own = { 0 };

	err = err != NULL ? err : &own;
	return commit(s, err) == 0 ? 0 : fail(s, 0, err);
}

void weir_store_stats(struct weir_store *s, struct weir_store_stats *stats)
{
	*stats = (struct weir_store_stats){ .taken = get(&s->taken),
					    .stored = get(&s->stored),
					    .pending = get(&s->pending),
					    .lost = get(&s->lost),
					    .failures = get(&s->failures),
					    .removed = get(&s->removed) };
	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < s->catalog.n; i++) {
		const struct store_file *f = &s->catalog.files[i];
		bool bad = f->state == STORE_BAD;

		stats->bad += bad;
		stats->files += !bad;
		stats->unfinished += f->state == STORE_UNFINISHED || f->state == STORE_FINISHING;
		stats->bytes += bad || f->state == STORE_WRITING ? 0 : f->bytes;
	}
	pthread_mutex_unlock(&s->lock);
}

void weir_store_fault(struct weir_store *s, struct weir_err *err)
{
	pthread_mutex_lock(&s->lock);
	*err = s->fault;
	pthread_mutex_unlock(&s->lock);
}

/*
 * 1 = some file is still to be finished, 0 = none, negative = one cannot be. Somebody who reads a file keeps it
 * from its last step, and is waited for until `until_ns`. Under `lock`.
 */
static int unfinished(struct weir_store *s, uint64_t until_ns, struct weir_err *err)
{
	int left = 0;

	for (uint32_t i = 0; i < s->catalog.n; i++) {
		const struct store_file *f = &s->catalog.files[i];

		if (f->state != STORE_UNFINISHED && f->state != STORE_FINISHING)
			continue;
		left = 1;
		if (f->trouble.code == EBUSY && weir_clock_mono_ns() < until_ns)
			continue;
		if (f->state == STORE_UNFINISHED && f->trouble.code != 0) {
			*err = f->trouble;
			return -err->code;
		}
	}
	return left;
}

int weir_store_settle(struct weir_store *s, struct weir_err *err)
{
	const uint64_t until_ns = weir_clock_mono_ns() + READERS_NS;
	struct weir_err own = { 0 };
	int rc;

	err = err != NULL ? err : &own;
	rc = flush_all(s, err);
	if (rc != 0)
		return rc;
	if (s->db != NULL)
		store_file_end(s, false);
	pthread_mutex_lock(&s->lock);
	s->held[0] = '\0';
	for (uint32_t i = 0; i < s->catalog.n; i++)
		if (s->catalog.files[i].state == STORE_UNFINISHED) {
			s->catalog.files[i].retry_ns = 0;
			s->catalog.files[i].trouble.code = 0;
		}
	pthread_cond_broadcast(&s->changed);
	while ((rc = unfinished(s, until_ns, err)) > 0)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* An interrupt reaches only what runs just now: so often as there is more. */
static void stop(struct weir_store *s)
{
	struct timespec until;

	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->changed);
	while (s->running) {
		if (s->finishing != NULL)
			weir_db_interrupt(s->finishing);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += 10 * (long)WEIR_NS_PER_MS;
		if (until.tv_nsec >= (long)WEIR_NS_PER_S) {
			until.tv_sec++;
			until.tv_nsec -= (long)WEIR_NS_PER_S;
		}
		pthread_cond_timedwait(&s->changed, &s->lock, &until);
	}
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	if (s->syncing)
		pthread_join(s->syncer, NULL);
}

static void release(struct weir_store *s)
{
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	store_catalog_fini(&s->catalog);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int weir_store_close(struct weir_store *s, struct weir_err *err)
{
	int rc;

	if (s == NULL)
		return 0;
	rc = flush_all(s, err);
	if (s->db != NULL)
		store_file_end(s, true);
	stop(s);
	release(s);
	return rc;
}

/* What was found, once, for people; and which file may be gone on with. */
static void look_over(struct weir_store *s)
{
	for (uint32_t i = 0; i < s->catalog.n; i++) {
		const struct store_file *f = &s->catalog.files[i];

		if (f->state == STORE_BAD)
			weir_log(WEIR_LOG_WARN, "store: %s; it is left alone", f->trouble.msg);
		if (f->state == STORE_UNFINISHED && !f->summed)
			memcpy(s->held, f->name, sizeof(s->held));
	}
}

static int prepare(struct weir_store *s, const struct weir_store_conf *conf, struct weir_err *err)
{
	if (snprintf(s->dir, sizeof(s->dir), "%s", conf->dir) >= (int)sizeof(s->dir))
		return weir_err_set(err, ENAMETOOLONG, "%.100s...: the path is too long",
				    conf->dir);
	if (mkdir(s->dir, 0755) != 0 && errno != EEXIST)
		return weir_err_set(err, errno, "%s: %s", s->dir, strerror(errno));
	s->lock_fd = store_lock(s->dir, err);
	if (s->lock_fd < 0)
		return s->lock_fd;
	return store_catalog_scan(&s->catalog, s->dir, true, err);
}

struct weir_store *weir_store_open(const struct weir_store_conf *conf, struct weir_err *err)
{
	struct weir_store *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;
	int rc;

	if (s == NULL) {
		weir_err_set(err, ENOMEM, "%s: no memory for the store", conf->dir);
		return NULL;
	}
	s->conf = *conf;
	s->lock_fd = -1;
	s->open_mono_ns = weir_clock_mono_ns();
	s->open_wall_s = (int64_t)(weir_clock_wall_ns() / WEIR_NS_PER_S);
	DEFAULT(s->conf.file_rows, DEFAULT_FILE_ROWS);
	DEFAULT(s->conf.file_s, DEFAULT_FILE_S);
	DEFAULT(s->conf.txn_rows, DEFAULT_TXN_ROWS);
	DEFAULT(s->conf.busy_ms, DEFAULT_BUSY_MS);
	DEFAULT(s->conf.pause_ms, DEFAULT_PAUSE_MS);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (prepare(s, conf, err) != 0)
		goto err_release;
	look_over(s);
	s->running = true;
	rc = pthread_create(&s->thread, NULL, store_finisher, s);
	if (rc == 0)
		rc = pthread_create(&s->syncer, NULL, store_syncer, s);
	else
		s->running = false;
	s->syncing = rc == 0;
	if (rc == 0)
		return s;
	weir_err_set(err, rc, "%s: no thread to finish its files: %s", s->dir, strerror(rc));
	if (s->running)
		stop(s);

err_release:
	release(s);
	return NULL;
}
