/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <weir_ctl.h>

#include <event2/event.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RING_RECORDS 4096 /* 1.6 MB: some 0.1 s of a busy box */
#define AT_ONCE      256  /* then the loop does other things, too */
#define VIEWERS_MAX  16

/* Somebody who watches. */
struct viewer {
	struct watch *w;
	struct weir_ctl_stream *stream;
	struct viewer *next;
	uint64_t left_out; /* records, since it was last told */
};

struct watch {
	struct weir_ring *ring; /* the sink's thread fills, the loop empties */
	int fd;                 /* wakes the loop */
	struct event *wake;
	atomic_uint viewers_n;   /* loop: wo; sink's thread: ro */
	_Atomic uint64_t unseen; /* sink's thread: wo */
	uint64_t unseen_told;    /* of `unseen` */
	uint64_t untold;
	struct viewer *viewers;
};

struct watch_sink {
	struct weir_sink base;
	struct watch *w;
};

static int sink_write(struct weir_sink *s, const struct weir_flow_rec *recs, uint32_t n,
		      struct weir_err *err)
{
	struct watch *w = ((struct watch_sink *)s)->w;
	uint32_t i;

	(void)err;
	/* Relaxed: who begins to watch sees records from about then on. */
	if (atomic_load_explicit(&w->viewers_n, memory_order_relaxed) == 0)
		return 0;
	for (i = 0; i < n; i++) {
		struct weir_flow_rec *slot = weir_ring_reserve(w->ring);

		if (slot == NULL)
			break;
		*slot = recs[i];
		weir_ring_push(w->ring);
	}
	if (i < n)
		atomic_fetch_add_explicit(&w->unseen, n - i, memory_order_relaxed);
	eventfd_write(w->fd, 1);
	return 0;
}

static int sink_flush(struct weir_sink *s, struct weir_err *err)
{
	(void)s;
	(void)err;
	return 0;
}

static int sink_close(struct weir_sink *s, struct weir_err *err)
{
	(void)err;
	free(s);
	return 0;
}

static const struct weir_sink_ops sink_ops = { sink_write, sink_flush, sink_close };

struct weir_sink *watch_sink(struct watch *w, struct weir_err *err)
{
	struct watch_sink *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		weir_err_set(err, ENOMEM, "watch: no memory");
		return NULL;
	}
	s->base.ops = &sink_ops;
	s->w = w;
	return &s->base;
}

/* False: what was left out cannot be said either. */
static bool tell_left_out(struct viewer *v)
{
	char line[64];
	const int len = snprintf(line, sizeof(line), "{\"left_out\":%" PRIu64 "}\n", v->left_out);

	if (v->left_out > 0 && weir_ctl_stream_write(v->stream, line, (size_t)len))
		v->left_out = 0;
	return v->left_out == 0;
}

static void tell(struct watch *w, const struct weir_flow_rec *rec)
{
	char line[WEIR_JSON_MAX];
	const size_t len = weir_flow_rec_json(line, rec);

	for (struct viewer *v = w->viewers; v != NULL; v = v->next) {
		if (tell_left_out(v) && weir_ctl_stream_write(v->stream, line, len))
			continue;
		v->left_out++;
		w->untold++;
	}
}

/* What found no room in the ring nobody has seen. */
static void take_unseen(struct watch *w)
{
	const uint64_t unseen = atomic_load_explicit(&w->unseen, memory_order_relaxed);

	for (struct viewer *v = w->viewers; v != NULL; v = v->next)
		v->left_out += unseen - w->unseen_told;
	w->unseen_told = unseen;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	eventfd_t count;
	uint32_t n, done;
	void *slot;

	(void)what;
	eventfd_read(fd, &count);
	take_unseen(w);
	for (done = 0; done < AT_ONCE && (n = weir_ring_peek(w->ring, &slot, 64)) > 0; done += n) {
		for (uint32_t i = 0; i < n; i++)
			tell(w, (const struct weir_flow_rec *)slot + i);
		weir_ring_pop(w->ring, n);
	}
	if (done >= AT_ONCE) /* there may be more */
		eventfd_write(fd, 1);
}

struct watch *watch_create(struct event_base *base, struct weir_err *err)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		weir_err_set(err, ENOMEM, "watch: no memory");
		return NULL;
	}
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->ring = weir_ring_create(RING_RECORDS, sizeof(struct weir_flow_rec));
	if (w->fd >= 0 && w->ring != NULL)
		w->wake = event_new(base, w->fd, EV_READ | EV_PERSIST, on_wake, w);
	if (w->wake == NULL || event_add(w->wake, NULL) != 0) {
		weir_err_set(err, ENOMEM, "watch: no memory for its ring");
		watch_destroy(w);
		return NULL;
	}
	return w;
}

static void on_close(void *arg)
{
	struct viewer *gone = arg;
	struct viewer **at = &gone->w->viewers;

	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	gone->w->viewers_n--;
	free(gone);
}

int watch_add(struct watch *w, struct weir_ctl_stream *s, struct weir_err *err)
{
	struct viewer *v;

	if (w->viewers_n == VIEWERS_MAX)
		return weir_err_set(err, EBUSY, "watch: %d watch already; one of them must end",
				    VIEWERS_MAX);
	v = malloc(sizeof(*v));
	if (v == NULL)
		return weir_err_set(err, ENOMEM, "watch: no memory");
	take_unseen(w); /* before this one came */
	*v = (struct viewer){ .w = w, .stream = s, .next = w->viewers };
	w->viewers = v;
	w->viewers_n++;
	weir_ctl_stream_on_close(s, on_close, v);
	return 0;
}

void watch_counts(const struct watch *w, struct watch_counts *counts)
{
	*counts = (struct watch_counts){
		.viewers = w->viewers_n,
		.unseen = atomic_load_explicit(&w->unseen, memory_order_relaxed),
		.untold = w->untold,
	};
}

void watch_destroy(struct watch *w)
{
	if (w == NULL)
		return;
	if (w->wake != NULL)
		event_free(w->wake);
	if (w->fd >= 0)
		close(w->fd);
	weir_ring_destroy(w->ring);
	free(w);
}
