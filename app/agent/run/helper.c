/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include <weir_rt.h>

#include <event2/event.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct piece {
	struct helpers *h;
	struct piece *next; /* among those that are over */
	char name[16];
	void (*work)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

struct helpers {
	pthread_mutex_t lock;
	struct piece *over; /* lock: the last one first */
	bool abandoned;     /* lock: nobody waits any more */
	unsigned int busy;  /* loop: rw; with the lock when abandoned */
	int fd;             /* wakes the loop */
	struct event *wake;
};

static void helpers_free(struct helpers *h)
{
	if (h->fd >= 0)
		close(h->fd);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static void hand_back(struct piece *p)
{
	struct helpers *h = p->h;
	bool last = false;

	pthread_mutex_lock(&h->lock);
	if (h->abandoned) {
		last = --h->busy == 0;
		free(p);
	} else {
		p->next = h->over;
		h->over = p;
		eventfd_write(h->fd, 1);
	}
	pthread_mutex_unlock(&h->lock);
	if (last)
		helpers_free(h);
}

static void *thread_main(void *arg)
{
	struct piece *p = arg;

	weir_thread_setup(p->name, -1);
	p->work(p->arg);
	hand_back(p);
	return NULL;
}

static struct piece *take_over(struct helpers *h)
{
	struct piece *over, *ordered = NULL;

	pthread_mutex_lock(&h->lock);
	over = h->over;
	h->over = NULL;
	pthread_mutex_unlock(&h->lock);
	while (over != NULL) { /* first come, first served */
		struct piece *next = over->next;

		over->next = ordered;
		ordered = over;
		over = next;
	}
	return ordered;
}

void helpers_settle(struct helpers *h)
{
	struct piece *p = take_over(h);

	while (p != NULL) {
		struct piece *next = p->next;

		h->busy--;
		p->done(p->arg);
		free(p);
		p = next;
	}
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	eventfd_t n;

	(void)what;
	eventfd_read(fd, &n);
	helpers_settle(arg);
}

struct helpers *helpers_create(struct event_base *base, struct weir_err *err)
{
	struct helpers *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		weir_err_set(err, ENOMEM, "no memory");
		return NULL;
	}
	pthread_mutex_init(&h->lock, NULL);
	h->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->fd >= 0)
		h->wake = event_new(base, h->fd, EV_READ | EV_PERSIST, on_wake, h);
	if (h->wake == NULL || event_add(h->wake, NULL) != 0) {
		weir_err_set(err, ENOMEM, "helpers: no event to be had");
		helpers_destroy(h);
		return NULL;
	}
	return h;
}

int helpers_start(struct helpers *h, const char *name, void (*work)(void *), void (*done)(void *),
		  void *arg)
{
	struct piece *p = calloc(1, sizeof(*p));
	pthread_t thread;
	int rc;

	if (p == NULL)
		return -ENOMEM;
	*p = (struct piece){ .h = h, .work = work, .done = done, .arg = arg };
	strncpy(p->name, name, sizeof(p->name) - 1);
	h->busy++;
	rc = pthread_create(&thread, NULL, thread_main, p);
	if (rc != 0) {
		h->busy--;
		free(p);
		return -rc;
	}
	pthread_detach(thread);
	return 0;
}

unsigned int helpers_busy(const struct helpers *h)
{
	return h->busy;
}

void helpers_destroy(struct helpers *h)
{
	bool last;

	if (h == NULL)
		return;
	if (h->wake != NULL)
		event_free(h->wake);
	pthread_mutex_lock(&h->lock);
	h->abandoned = true;
	while (h->over != NULL) {
		struct piece *p = h->over;

		h->over = p->next;
		h->busy--;
		free(p);
	}
	last = h->busy == 0;
	pthread_mutex_unlock(&h->lock);
	if (last)
		helpers_free(h);
}
