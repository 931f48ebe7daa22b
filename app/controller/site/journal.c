/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

#include "schema.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

struct site_journal {
	struct weir_db *db; /* the thread's, while it runs */
	pthread_t thread;
	sem_t wanted;
	atomic_bool busy; /* loop: sets it; thread: clears it when done */
	atomic_bool stop; /* loop: wo, thread: ro */
};

static void *work(void *arg)
{
	struct site_journal *j = arg;
	struct weir_err err = { 0 };
	bool all;

	for (;;) {
		while (sem_wait(&j->wanted) != 0)
			; /* a signal */
		if (atomic_load_explicit(&j->stop, memory_order_acquire))
			return NULL;
		if (weir_db_checkpoint(j->db, &all, &err) != 0)
			weir_log(WEIR_LOG_WARN,
				 "the journal of the state stays where it is for now: %s", err.msg);
		/* Pairs with site_journal_move(). */
		atomic_store_explicit(&j->busy, false, memory_order_release);
	}
}

static int thread_start(struct site_journal *j)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
	rc = pthread_create(&j->thread, NULL, work, j);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		pthread_setname_np(j->thread, "site-journal");
	return rc;
}

struct site_journal *site_journal_start(const char *path, struct weir_err *err)
{
	const struct weir_db_conf conf = { .path = path, .schema = &site_schema };
	struct site_journal *j = calloc(1, sizeof(*j));

	if (j == NULL) {
		weir_err_set(err, ENOMEM, "%s: no memory for its journal", path);
		return NULL;
	}
	sem_init(&j->wanted, 0, 0);
	j->db = weir_db_open(&conf, err);
	if (j->db != NULL && thread_start(j) == 0)
		return j;
	if (j->db != NULL)
		weir_err_set(err, EAGAIN, "%s: no thread for its journal", path);
	weir_db_close(j->db);
	free(j);
	return NULL;
}

void site_journal_move(struct site_journal *j)
{
	/* Pairs with work(): one at a time is enough. */
	if (!atomic_exchange_explicit(&j->busy, true, memory_order_acquire))
		sem_post(&j->wanted);
}

void site_journal_stop(struct site_journal *j)
{
	if (j == NULL)
		return;
	atomic_store_explicit(&j->stop, true, memory_order_release);
	sem_post(&j->wanted);
	pthread_join(j->thread, NULL);
	weir_db_close(j->db);
	sem_destroy(&j->wanted);
	free(j);
}
