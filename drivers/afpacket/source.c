/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source: queues with a socket and a ring each, and what becomes of them when the interface goes.
 *
 * While packets flow, rx() looks at its ring and at nothing else. A queue that is empty looks at the
 * interface every LOOK_NS, in the thread that polls it, under a lock that it only tries:
 *
 *   ATTACHED  sockets are bound. Down and up again needs nothing: the kernel goes on by itself.
 *   LEAVING   the interface is no more. A queue is parked when all of its packets were taken and came
 *             back; the last one parked closes the sockets.
 *   DETACHED  no sockets. Whoever looks makes new ones when there is an interface of that name.
 *
 * The ring of a queue is its thread's; of a parked one, whose has the lock.
 */
#include "afpacket_priv.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define IDLE_US 10000 /* blocks come full, or 10 ms old; the ring holds what comes meanwhile */
#define LOOK_NS (200 * WEIR_NS_PER_MS)

enum phase { CLOSED, DETACHED, ATTACHED, LEAVING };

struct queue {
	alignas(WEIR_CACHE_LINE) atomic_bool parked; /* its thread, control, who has the lock: rw */
	uint64_t look_ns;                            /* monotonic: the next look */
	_Atomic uint64_t received;                   /* rx thread: wo; others: ro, may lag */
	struct weir_afpacket_ring ring;
	struct weir_afpacket_socket socket; /* lock */
};

struct afpacket {
	struct weir_source src;
	struct weir_afpacket_options o; /* owns its strings; without the filter */
	struct sock_fprog whole;        /* with the part against outgoing packets */
	struct sock_fprog prog;         /* the one in use; of `whole` */
	struct queue *queues;
	char label[IF_NAMESIZE];

	pthread_mutex_t lock; /* of what follows */
	enum phase phase;
	bool stopped;
	uint64_t try_ns; /* monotonic: the next attempt to attach */
	struct weir_afpacket_state state;
};

/* The rings' plans stay, and what was counted. */
static void sockets_close(struct afpacket *s)
{
	for (uint16_t i = 0; i < s->o.queues; i++) {
		weir_afpacket_ring_fini(&s->queues[i].ring);
		weir_afpacket_socket_close(&s->queues[i].socket);
	}
	s->state.ifindex = 0;
}

static int queue_open(struct afpacket *s, struct queue *q, uint16_t type, struct weir_err *err)
{
	bool cooked;
	int rc;

	q->ring.link = weir_afpacket_iface_type(type, &cooked);
	rc = weir_afpacket_socket_open(&q->socket, &q->ring, cooked, s->o.interface, err);
	if (rc != 0)
		return rc;
	rc = weir_afpacket_ring_init(&q->ring, q->socket.fd);
	if (rc != 0)
		return weir_err_set(err, -rc, "interface %s: the ring cannot be mapped: %s",
				    s->o.interface, strerror(-rc));
	rc = weir_afpacket_socket_filter(&q->socket, &s->prog);
	if (rc != 0)
		return weir_err_set(err, -rc,
				    "interface %s: the kernel refuses the filter of %u "
				    "instructions: %s",
				    s->o.interface, s->prog.len, strerror(-rc));
	return 0;
}

static void prog_use(struct afpacket *s, bool against_outgoing)
{
	s->prog = s->whole;
	if (against_outgoing)
		return;
	s->prog.filter += AGAINST_OUTGOING;
	s->prog.len -= AGAINST_OUTGOING;
}

/* Every packet that a loopback device sends comes in again. */
static void prog_choose(struct afpacket *s, uint16_t type)
{
	prog_use(s, s->o.ignore_outgoing || type == ARPHRD_LOOPBACK);
}

/*
 * Sockets and rings for the interface of this name, in its namespace. -ENETDOWN only with
 * `must_be_up`.
 */
static int sockets_open(struct afpacket *s, bool must_be_up, struct weir_err *err)
{
	struct weir_afpacket_iface iface;
	int back, rc;

	rc = weir_afpacket_netns_enter(s->o.netns, &back, err);
	if (rc != 0)
		return rc;
	rc = weir_afpacket_iface_find(s->o.interface, &iface, err);
	if (rc == 0 && must_be_up && !iface.is_up)
		rc = weir_err_set(err, ENETDOWN, "interface %s: down", s->o.interface);
	if (rc == 0)
		prog_choose(s, iface.type);
	for (uint16_t i = 0; i < s->o.queues && rc == 0; i++)
		rc = queue_open(s, &s->queues[i], iface.type, err);
	weir_afpacket_netns_leave(back);
	if (rc == 0)
		s->state.ifindex = iface.index;
	else
		sockets_close(s);
	return rc;
}

static int queue_bind(struct afpacket *s, uint16_t queue, int *group)
{
	const struct weir_afpacket_socket *k = &s->queues[queue].socket;
	int rc = 0;

	if (s->prog.len == s->whole.len)
		weir_afpacket_socket_ignore_outgoing(k);
	/* Once is enough, and the kernel undoes it with the socket. */
	if (s->o.promiscuous && queue == 0)
		rc = weir_afpacket_socket_promiscuous(k, s->state.ifindex, true);
	if (rc == 0)
		rc = weir_afpacket_socket_bind(k, s->state.ifindex);
	if (rc == 0 && s->o.queues > 1)
		rc = weir_afpacket_socket_join(k, group);
	return rc;
}

/*
 * Let packets in. Between bind and join a queue would get what others get, too: so of several none lets any
 * in before all have joined.
 */
static int sockets_bind(struct afpacket *s)
{
	const bool many = s->o.queues > 1;
	int group = -1, rc = 0;

	for (uint16_t i = 0; many && i < s->o.queues && rc == 0; i++)
		rc = weir_afpacket_socket_filter(&s->queues[i].socket, &weir_afpacket_filter_none);
	for (uint16_t i = 0; i < s->o.queues && rc == 0; i++)
		rc = queue_bind(s, i, &group);
	for (uint16_t i = 0; many && i < s->o.queues && rc == 0; i++)
		rc = weir_afpacket_socket_filter(&s->queues[i].socket, &s->prog);
	return rc;
}

static enum weir_afpacket_link link_now(const struct afpacket *s)
{
	const struct weir_afpacket_socket *k = &s->queues[0].socket;

	if (!weir_afpacket_socket_is_bound(k, s->state.ifindex))
		return WEIR_AFPACKET_GONE;
	return weir_afpacket_iface_link(k->fd, s->state.ifindex);
}

/*
 * Sockets that are open begin to capture. On failure they are closed. -ENETDOWN: older
 * kernels let no socket join others while the interface is down.
 */
static int attach(struct afpacket *s, struct weir_err *err)
{
	int rc = sockets_bind(s);

	if (rc != 0) {
		if (rc == -EINVAL && s->o.queues > 1 && link_now(s) == WEIR_AFPACKET_DOWN)
			rc = -ENETDOWN;
		sockets_close(s);
		return weir_err_set(err, -rc, "interface %s: %s", s->o.interface, strerror(-rc));
	}
	weir_afpacket_socket_fell(&s->queues[0].socket); /* to bind while it is down counts, too */
	s->phase = ATTACHED;
	for (uint16_t i = 0; i < s->o.queues; i++)
		/* Release: pairs with afpacket_rx() in other threads. */
		atomic_store_explicit(&s->queues[i].parked, false, memory_order_release);
	return 0;
}

static void link_set(struct weir_afpacket_state *state, enum weir_afpacket_link link, bool fell)
{
	if (state->link == WEIR_AFPACKET_UP && (fell || link != WEIR_AFPACKET_UP))
		state->downs++;
	if (state->link == WEIR_AFPACKET_GONE && link != WEIR_AFPACKET_GONE)
		state->returns++;
	state->link = link;
}

static void link_look(struct afpacket *s)
{
	const bool fell = weir_afpacket_socket_fell(&s->queues[0].socket);

	link_set(&s->state, link_now(s), fell);
	if (s->state.link == WEIR_AFPACKET_GONE)
		s->phase = LEAVING;
}

/* All that the kernel had for it was taken and has come back. */
static bool is_drained(struct queue *q)
{
	weir_afpacket_socket_count(&q->socket);
	return atomic_load_explicit(&q->received, memory_order_relaxed) + q->socket.lost ==
		       q->socket.given &&
	       weir_afpacket_ring_is_back(&q->ring);
}

static void leave(struct afpacket *s, struct queue *q)
{
	if (!is_drained(q))
		return;
	atomic_store_explicit(&q->parked, true, memory_order_relaxed); /* by its own thread */
	for (uint16_t i = 0; i < s->o.queues; i++)
		if (!atomic_load_explicit(&s->queues[i].parked, memory_order_relaxed))
			return;
	sockets_close(s);
	s->phase = DETACHED;
}

static void return_try(struct afpacket *s)
{
	int rc = sockets_open(s, s->o.queues > 1, &s->state.err);

	if (rc == 0)
		rc = attach(s, &s->state.err);
	if (rc == -ENODEV)
		link_set(&s->state, WEIR_AFPACKET_GONE, false);
	else
		link_set(&s->state, rc == 0 ? link_now(s) : WEIR_AFPACKET_DOWN, false);
	if (rc == 0 || rc == -ENODEV || rc == -ENETDOWN)
		s->state.err.code = 0;
}

static void look(struct afpacket *s, struct queue *q, uint64_t now)
{
	if (s->phase == ATTACHED)
		link_look(s);
	if (s->phase == LEAVING)
		leave(s, q);
	if (s->phase == DETACHED && now >= s->try_ns) {
		s->try_ns = now + LOOK_NS;
		return_try(s);
	}
}

/* Nothing came. Whoever else has the lock does what is to be done. */
static void idle(struct afpacket *s, struct queue *q)
{
	const uint64_t now = weir_clock_mono_ns();

	if (now < q->look_ns || pthread_mutex_trylock(&s->lock) != 0)
		return;
	q->look_ns = now + LOOK_NS;
	look(s, q, now);
	pthread_mutex_unlock(&s->lock);
}

static uint16_t afpacket_rx(struct weir_source *src, uint16_t queue, struct weir_frame *frames,
			    uint16_t max)
{
	struct afpacket *s = (struct afpacket *)src;
	struct queue *q = &s->queues[queue];
	uint16_t n = 0;

	/* Acquire: pairs with attach() in another thread. */
	if (weir_likely(!atomic_load_explicit(&q->parked, memory_order_acquire)))
		n = weir_afpacket_ring_take(&q->ring, frames, max);
	if (n == 0) {
		idle(s, q);
		return 0;
	}
	atomic_store_explicit(&q->received,
			      atomic_load_explicit(&q->received, memory_order_relaxed) + n,
			      memory_order_relaxed);
	return n;
}

static void afpacket_done(struct weir_source *src, const struct weir_frame *frames, uint16_t n)
{
	(void)src;
	weir_afpacket_ring_give(frames, n);
}

static int afpacket_open(struct weir_source *src, struct weir_err *err)
{
	struct afpacket *s = (struct afpacket *)src;
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = sockets_open(s, false, err);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static int afpacket_start(struct weir_source *src, struct weir_err *err)
{
	struct afpacket *s = (struct afpacket *)src;
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = attach(s, err);
	if (rc == 0) {
		s->state.link = link_now(s);
	} else if (rc == -ENETDOWN) {
		s->state.link = WEIR_AFPACKET_DOWN;
		s->phase = DETACHED;
		rc = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* Packets that were never taken, and, with `given`, all there were. */
static uint64_t missed_by_all(struct afpacket *s, uint64_t *given)
{
	uint64_t missed = 0;

	*given = 0;
	for (uint16_t i = 0; i < s->o.queues; i++) {
		struct queue *q = &s->queues[i];
		const uint64_t received = atomic_load_explicit(&q->received, memory_order_relaxed);

		weir_afpacket_socket_count(&q->socket);
		missed += s->stopped ? q->socket.given - received : q->socket.lost;
		*given += q->socket.given;
	}
	return missed;
}

static bool afpacket_missed(struct weir_source *src, uint64_t *packets)
{
	struct afpacket *s = (struct afpacket *)src;
	uint64_t given;

	pthread_mutex_lock(&s->lock);
	*packets = missed_by_all(s, &given);
	pthread_mutex_unlock(&s->lock);
	return true;
}

/* Frames that are out keep their ring; what lies in it will not be taken. */
static void afpacket_stop(struct weir_source *src)
{
	struct afpacket *s = (struct afpacket *)src;

	pthread_mutex_lock(&s->lock);
	for (uint16_t i = 0; i < s->o.queues; i++) {
		if (s->queues[i].socket.fd >= 0)
			(void)weir_afpacket_socket_filter(&s->queues[i].socket,
							  &weir_afpacket_filter_none);
		atomic_store_explicit(&s->queues[i].parked, true, memory_order_relaxed);
	}
	s->phase = CLOSED;
	s->stopped = true;
	pthread_mutex_unlock(&s->lock);
}

static void afpacket_close(struct weir_source *src)
{
	struct afpacket *s = (struct afpacket *)src;

	if (s->queues != NULL)
		sockets_close(s);
	pthread_mutex_destroy(&s->lock);
	free(s->queues);
	free(s->whole.filter);
	free((void *)(uintptr_t)s->o.netns);
	free(s);
}

static const struct weir_source_ops ops = {
	.name = "afpacket",
	.open = afpacket_open,
	.start = afpacket_start,
	.rx = afpacket_rx,
	.done = afpacket_done,
	.missed = afpacket_missed,
	.stop = afpacket_stop,
	.close = afpacket_close,
};

static int options_check(const struct weir_afpacket_options *o, struct weir_err *err)
{
	if (o->interface == NULL || o->interface[0] == '\0' || strlen(o->interface) >= IF_NAMESIZE)
		return weir_err_set(err, EINVAL,
				    "interface \"%.40s\": a name has 1 to %d characters",
				    o->interface != NULL ? o->interface : "", IF_NAMESIZE - 1);
	if (o->snaplen > WEIR_FRAME_MAX)
		return weir_err_set(err, EINVAL,
				    "interface %s: snap length of %u bytes: at most %u",
				    o->interface, o->snaplen, WEIR_FRAME_MAX);
	if (o->queues > QUEUES_MAX)
		return weir_err_set(err, EINVAL, "interface %s: %u queues: at most %u",
				    o->interface, o->queues, QUEUES_MAX);
	return 0;
}

static int queues_create(struct afpacket *s, struct weir_err *err)
{
	struct weir_afpacket_ring plan = { 0 };
	int rc = weir_afpacket_ring_plan(&plan, &s->o, err);

	if (rc != 0)
		return rc;
	s->queues = aligned_alloc(alignof(struct queue), s->o.queues * sizeof(*s->queues));
	if (s->queues == NULL)
		return weir_err_set(err, ENOMEM, "interface %s: no memory", s->o.interface);
	for (uint16_t i = 0; i < s->o.queues; i++)
		s->queues[i] =
			(struct queue){ .parked = true, .ring = plan, .socket = { .fd = -1 } };
	return 0;
}

static int fill(struct afpacket *s, const struct weir_afpacket_options *o, struct weir_err *err)
{
	int rc = options_check(o, err);

	if (rc != 0)
		return rc;
	snprintf(s->label, sizeof(s->label), "%s", o->interface);
	s->o = *o;
	s->o.interface = s->label;
	s->o.netns = o->netns != NULL ? strdup(o->netns) : NULL;
	if (o->netns != NULL && s->o.netns == NULL)
		return weir_err_set(err, ENOMEM, "interface %s: no memory", s->label);
	if (s->o.queues == 0)
		s->o.queues = 1;
	if (s->o.memory_bytes == 0)
		s->o.memory_bytes = DEFAULT_MEMORY;
	if (s->o.snaplen == 0)
		s->o.snaplen = WEIR_FRAME_MAX;
	rc = weir_afpacket_filter_make(&s->whole, &s->o, err);
	s->o.filter = NULL;
	return rc == 0 ? queues_create(s, err) : rc;
}

struct weir_source *weir_source_afpacket_create(const struct weir_afpacket_options *o,
						struct weir_err *err)
{
	struct afpacket *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		weir_err_set(err, ENOMEM, "interface %.40s: no memory", o->interface);
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	if (fill(s, o, err) != 0) {
		afpacket_close(&s->src);
		return NULL;
	}
	s->src.ops = &ops;
	s->src.label = s->label;
	s->src.queues = s->o.queues;
	s->src.symmetric = true;
	s->src.idle_us = IDLE_US;
	return &s->src;
}

int weir_source_afpacket_link(const char *interface, const char *netns, enum weir_link *link,
			      struct weir_err *err)
{
	struct weir_afpacket_iface iface;
	bool cooked;
	int back, rc;

	rc = weir_afpacket_netns_enter(netns, &back, err);
	if (rc != 0)
		return rc;
	rc = weir_afpacket_iface_find(interface, &iface, err);
	weir_afpacket_netns_leave(back);
	if (rc == 0)
		*link = weir_afpacket_iface_type(iface.type, &cooked);
	return rc;
}

/* Sockets that are open; others get it when they are. */
static int prog_set(struct afpacket *s)
{
	int rc = 0;

	for (uint16_t i = 0; i < s->o.queues && rc == 0; i++)
		if (s->queues[i].socket.fd >= 0)
			rc = weir_afpacket_socket_filter(&s->queues[i].socket, &s->prog);
	return rc;
}

static int prog_change(struct afpacket *s, const struct sock_fprog *whole)
{
	const bool against_outgoing = s->prog.len == s->whole.len;
	const struct sock_fprog before = s->whole;
	int rc;

	s->whole = *whole;
	prog_use(s, against_outgoing);
	rc = prog_set(s);
	if (rc != 0) {
		s->whole = before;
		prog_use(s, against_outgoing);
		(void)prog_set(s);
	}
	free(rc == 0 ? before.filter : whole->filter);
	return rc;
}

int weir_source_afpacket_filter(struct weir_source *src, const struct sock_filter *filter,
				uint16_t filter_len, struct weir_err *err)
{
	struct afpacket *s = (struct afpacket *)src;
	struct weir_afpacket_options o = s->o;
	struct sock_fprog whole;
	int rc;

	o.filter = filter;
	o.filter_len = filter_len;
	if (weir_afpacket_filter_make(&whole, &o, err) != 0)
		return -err->code;
	pthread_mutex_lock(&s->lock);
	rc = prog_change(s, &whole);
	pthread_mutex_unlock(&s->lock);
	return rc == 0 ? 0
		       : weir_err_set(err, -rc,
				      "interface %s: the kernel refuses the filter of %u "
				      "instructions: %s",
				      s->o.interface, filter_len, strerror(-rc));
}

int weir_source_afpacket_promiscuous(struct weir_source *src, bool on, struct weir_err *err)
{
	struct afpacket *s = (struct afpacket *)src;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	if (s->phase == ATTACHED && on != s->o.promiscuous)
		rc = weir_afpacket_socket_promiscuous(&s->queues[0].socket, s->state.ifindex, on);
	if (rc == 0)
		s->o.promiscuous = on;
	pthread_mutex_unlock(&s->lock);
	return rc == 0 ? 0
		       : weir_err_set(err, -rc, "interface %s: promiscuous mode: %s",
				      s->o.interface, strerror(-rc));
}

void weir_source_afpacket_state(struct weir_source *src, struct weir_afpacket_state *state)
{
	struct afpacket *s = (struct afpacket *)src;

	pthread_mutex_lock(&s->lock);
	if (s->phase == ATTACHED)
		link_look(s);
	missed_by_all(s, &s->state.given);
	*state = s->state;
	pthread_mutex_unlock(&s->lock);
}
