/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that moves the journal of the file being written into the file: the disk is waited for here and
 * not where records come in. SQLite begins the journal anew when all of it was moved and the
 * next row is written; while rows come, each pass leaves less to be moved.
 */
#include "store_priv.h"

#include <errno.h>

#define PASSES 6

static void move(const struct weir_store *s, const char *name, struct weir_err *err)
{
	char path[STORE_PATH_BYTES];
	struct weir_db *db;
	bool all = false;

	if (store_path(path, s->dir, name, err) != 0)
		return;
	db = store_file_open(path, s->conf.busy_ms, true, err);
	for (int i = 0; db != NULL && !all && i < PASSES; i++)
		if (weir_db_checkpoint(db, &all, err) != 0)
			break;
	weir_db_close(db);
}

void *store_syncer(void *store)
{
	struct weir_store *s = store;
	char name[STORE_NAME_BYTES];

	pthread_setname_np(pthread_self(), "store-sync");
	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		struct weir_err err = { 0 };

		if (s->to_sync[0] == '\0') {
			pthread_cond_wait(&s->changed, &s->lock);
			continue;
		}
		memcpy(name, s->to_sync, sizeof(name));
		memcpy(s->in_sync, name, sizeof(name));
		s->to_sync[0] = '\0';
		pthread_mutex_unlock(&s->lock);
		move(s, name, &err);
		pthread_mutex_lock(&s->lock);
		s->in_sync[0] = '\0';
		pthread_cond_broadcast(&s->changed); /* the finisher may have it */
		/* Nothing is lost yet: the journal has it. */
		if (err.code != 0 && err.code != ENOENT && err.code != EBUSY)
			s->fault = err;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

void store_sync(struct weir_store *s)
{
	pthread_mutex_lock(&s->lock);
	memcpy(s->to_sync, s->name, sizeof(s->to_sync));
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}
