/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kept file is written by a thread of somebody else's: a disk that hangs holds up nothing but itself. One write
 * is under way at a time; of what comes meanwhile the newest is written next.
 */
#include "sync_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct weir_sync_keeper {
	char *path;
	weir_sync_aside_fn aside; /* NULL: on the caller's thread */
	void *user;
	pthread_mutex_t lock;
	char *bytes; /* lock: to be written; NULL = nothing */
	size_t n;    /* lock */
	bool busy;   /* lock: somebody writes, and looks again before it ends */
	int rc;      /* lock: of the last write */

	/* loop: rw */
	unsigned int out; /* threads whose end was not heard of */
	bool failed, closed;
};

struct weir_sync_keeper *weir_sync_keeper_open(const char *path, weir_sync_aside_fn aside,
					       void *user)
{
	struct weir_sync_keeper *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->path = strdup(path);
	if (k->path == NULL) {
		free(k);
		return NULL;
	}
	k->aside = aside;
	k->user = user;
	pthread_mutex_init(&k->lock, NULL);
	return k;
}

static void destroy(struct weir_sync_keeper *k)
{
	free(k->bytes);
	free(k->path);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/* What is to be written; NULL: nothing more, this thread's work is over. */
static char *take(struct weir_sync_keeper *k, size_t *n)
{
	char *bytes;

	pthread_mutex_lock(&k->lock);
	bytes = k->bytes;
	*n = k->n;
	k->bytes = NULL;
	k->busy = bytes != NULL;
	pthread_mutex_unlock(&k->lock);
	return bytes;
}

static void work(void *arg)
{
	struct weir_sync_keeper *k = arg;
	char *bytes;
	size_t n;
	int rc;

	while ((bytes = take(k, &n)) != NULL) {
		rc = weir_sync_file_write(k->path, bytes, n);
		free(bytes);
		pthread_mutex_lock(&k->lock);
		k->rc = rc;
		pthread_mutex_unlock(&k->lock);
	}
}

static void done(void *arg)
{
	struct weir_sync_keeper *k = arg;
	int rc;

	pthread_mutex_lock(&k->lock);
	rc = k->rc;
	pthread_mutex_unlock(&k->lock);
	k->failed = rc != 0;
	if (rc != 0)
		weir_log(WEIR_LOG_WARN,
			 "%s: the controller's configuration is not kept for the next start: %s",
			 k->path, strerror(-rc));
	if (--k->out == 0 && k->closed)
		destroy(k);
}

static bool put(struct weir_sync_keeper *k, char *bytes, size_t n)
{
	bool idle;

	pthread_mutex_lock(&k->lock);
	free(k->bytes);
	k->bytes = bytes;
	k->n = n;
	idle = !k->busy;
	k->busy = true;
	pthread_mutex_unlock(&k->lock);
	return idle;
}

void weir_sync_keeper_put(struct weir_sync_keeper *k, char *bytes, size_t n)
{
	k->failed = false;
	if (!put(k, bytes, n))
		return;
	k->out++;
	if (k->aside != NULL && k->aside(k->user, work, done, k) == 0)
		return;
	work(k);
	done(k);
}

bool weir_sync_keeper_failed(const struct weir_sync_keeper *k)
{
	return k->failed;
}

void weir_sync_keeper_close(struct weir_sync_keeper *k)
{
	if (k == NULL)
		return;
	k->closed = true;
	if (k->out == 0)
		destroy(k);
}
