/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that finishes files, one after the other, and throws old ones away. */
#include "store_priv.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOOK_S 1 /* between looks for what retention says */

/* Behind everybody else, at the CPU and at the disk. Linux: both are the thread's own. */
static void step_back(void)
{
	enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_IDLE = 3 << 13 };

	pthread_setname_np(pthread_self(), "store-finisher");
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
}

/* Under `lock`. */
static struct store_file *next_file(struct weir_store *s)
{
	uint64_t now_ns = weir_clock_mono_ns();

	for (uint32_t i = 0; i < s->catalog.n; i++) {
		struct store_file *f = &s->catalog.files[i];

		if (f->state == STORE_UNFINISHED && f->retry_ns <= now_ns &&
		    strcmp(f->name, s->held) != 0 && strcmp(f->name, s->to_sync) != 0 &&
		    strcmp(f->name, s->in_sync) != 0)
			return f;
	}
	return NULL;
}

/* What came of it. Under `lock`. */
static void settle_file(struct weir_store *s, const struct store_file *done, int rc,
			const struct weir_err *err)
{
	struct store_file *f = store_catalog_find(&s->catalog, done->name);

	if (f == NULL)
		return;
	*f = *done;
	f->trouble = *err;
	if (rc == -ENOENT)
		store_catalog_remove(&s->catalog, f);
	else if (rc == -EBADMSG || rc == -ENOTSUP || rc == -EPROTO)
		f->state = STORE_BAD;
	else if (rc != 0)
		f->state = STORE_UNFINISHED;
	f->retry_ns = weir_clock_mono_ns() + s->conf.pause_ms * WEIR_NS_PER_MS;
	if (rc != 0 && rc != -EINTR && rc != -EBUSY && rc != -ENOENT) {
		s->fault = *err;
		weir_log(WEIR_LOG_WARN, "store: %s", err->msg);
	}
}

static void work(struct weir_store *s, struct store_file *f)
{
	struct weir_err err = { 0 };
	struct store_file copy = *f;
	int rc;

	f->state = STORE_FINISHING;
	pthread_mutex_unlock(&s->lock);
	rc = store_finish(s->dir, &copy, s->conf.busy_ms, &s->finishing, &s->lock, &err);
	pthread_mutex_lock(&s->lock);
	settle_file(s, &copy, rc, &err);
	pthread_cond_broadcast(&s->changed);
}

static void wait_for_change(struct weir_store *s)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LOOK_S;
	pthread_cond_timedwait(&s->changed, &s->lock, &until);
}

void *store_finisher(void *store)
{
	struct weir_store *s = store;

	step_back();
	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		struct store_file *f = next_file(s);

		if (f != NULL)
			work(s, f);
		else
			wait_for_change(s);
		pthread_mutex_unlock(&s->lock);
		store_retain(s);
		pthread_mutex_lock(&s->lock);
	}
	s->running = false;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}
