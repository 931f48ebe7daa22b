/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device whose driver waits for the other side, however long, is made in a thread of its own. A client
 * is waited for a while; a server is left alone until its client has come.
 */
#include "peer.h"
#include "port.h"

#include <errno.h>
#include <stdio.h>

#define SERVER_NS  (50 * WEIR_NS_PER_MS) /* what is wrong with the path itself shows at once */
#define CLIENT_NS  (3 * WEIR_NS_PER_S)
#define GIVE_UP_NS (10 * WEIR_NS_PER_MS) /* between two attempts */

static void *helper_main(void *arg)
{
	struct port *p = arg;
	struct helper *h = &p->helper;
	struct weir_err err = { 0 };
	int rc = port_bring_up(p, &err);

	pthread_mutex_lock(&h->lock);
	h->opened = true;
	if (rc == 0 && h->start_wanted) {
		pthread_mutex_unlock(&h->lock);
		port_go(p, &err);
		pthread_mutex_lock(&h->lock);
	}
	h->err = err;
	h->over = true;
	pthread_cond_signal(&h->ended);
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* True when it has ended within `ns`. */
static bool wait_for(struct helper *h, uint64_t ns)
{
	uint64_t end = weir_clock_mono_ns() + ns;
	struct timespec at = { .tv_sec = (time_t)(end / WEIR_NS_PER_S),
			       .tv_nsec = (long)(end % WEIR_NS_PER_S) };
	bool over;

	pthread_mutex_lock(&h->lock);
	while (!h->over && pthread_cond_timedwait(&h->ended, &h->lock, &at) == 0)
		;
	over = h->over;
	pthread_mutex_unlock(&h->lock);
	return over;
}

static void join(struct port *p)
{
	struct helper *h = &p->helper;

	pthread_join(h->thread, NULL);
	pthread_cond_destroy(&h->ended);
	pthread_mutex_destroy(&h->lock);
	h->runs = false;
}

int helper_start(struct port *p, struct weir_err *err)
{
	struct helper *h = &p->helper;
	char path[200] = "";
	bool server = driver_listens(p->driver, p->args, path, sizeof(path));
	pthread_condattr_t attr;

	h->over = h->opened = h->start_wanted = false;
	h->err = (struct weir_err){ 0 };
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->ended, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&h->thread, NULL, helper_main, p) != 0)
		return weir_err_set(err, EAGAIN, "%s: no thread to wait for the other side",
				    p->name);
	h->runs = true;
	if (wait_for(h, server ? SERVER_NS : CLIENT_NS)) {
		join(p);
		if (h->err.code != 0 && err != NULL)
			*err = h->err;
		return -h->err.code;
	}
	if (server)
		return 0;
	helper_end(p);
	return weir_err_set(err, ETIMEDOUT,
			    "%s: whoever listens on the socket did not answer within %lu s",
			    p->name, CLIENT_NS / WEIR_NS_PER_S);
}

bool helper_defers_start(struct port *p)
{
	struct helper *h = &p->helper;
	bool deferred;

	if (!h->runs)
		return false;
	pthread_mutex_lock(&h->lock);
	deferred = !h->over;
	h->start_wanted |= !h->opened;
	pthread_mutex_unlock(&h->lock);
	return deferred;
}

bool helper_is_waiting(struct port *p, struct weir_err *err)
{
	struct helper *h = &p->helper;
	bool waiting;

	if (!h->runs)
		return false;
	pthread_mutex_lock(&h->lock);
	waiting = !h->over;
	*err = h->err;
	pthread_mutex_unlock(&h->lock);
	return waiting;
}

void helper_end(struct port *p)
{
	char path[200];

	if (!p->helper.runs)
		return;
	while (!wait_for(&p->helper, GIVE_UP_NS))
		if (arg_get(p->args, p->driver->path_arg, path, sizeof(path)))
			peer_give_up(path);
	join(p);
}
