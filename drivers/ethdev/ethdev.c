/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source: bursts of mbufs as frames.
 *
 * A frame points into its mbuf, which goes back to its pool when the frame does, from whatever thread.
 * A packet of several segments is copied together into an mbuf of a second pool with large buffers, and
 * its segments are freed at once; from there on it is like any other.
 */
#include "port.h"
#include "weir_source_ethdev.h"

#include <weir_eal.h>

#include <rte_mbuf.h>

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>

struct queue_counters {
	/* rx thread: wo; others: ro, may lag */
	alignas(WEIR_CACHE_LINE) _Atomic uint64_t linearised;
	_Atomic uint64_t cut;
	_Atomic uint64_t torn;
};

struct ethdev {
	struct weir_source src;
	struct port port;
	uint16_t n_counters; /* queues that were asked for */
	struct queue_counters *counters;
};

/* A thread without a cache of its own would send every mbuf round through the pool's ring, and cold. */
static inline void meet_thread(void)
{
	static _Thread_local bool met;

	if (weir_likely(met))
		return;
	weir_eal_thread_register();
	met = true;
}

static void bump(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/*
 * The bytes of `m` in one piece: a large mbuf, or `m` itself cut to its first segment when there is
 * none left. Lengths of segments are believed, pkt_len is not: net_pcap's runs ahead of them from 64 KB on.
 */
static struct rte_mbuf *linearise(struct ethdev *e, struct queue_counters *c, struct rte_mbuf *m)
{
	struct rte_mbuf *large = rte_pktmbuf_alloc(e->port.large_pool);
	uint32_t len = 0;

	bump(&c->linearised);
	if (large == NULL) {
		bump(&c->cut);
		return m;
	}
	large->data_off = 0;
	for (const struct rte_mbuf *s = m; s != NULL; s = s->next) {
		uint32_t n = (uint32_t)weir_min_u64(s->data_len, large->buf_len - len);

		memcpy((uint8_t *)large->buf_addr + len, rte_pktmbuf_mtod(s, const uint8_t *), n);
		len += n;
	}
	large->data_len = (uint16_t)len;
	large->pkt_len = m->pkt_len;
	large->ol_flags = m->ol_flags & (RTE_MBUF_F_RX_VLAN_STRIPPED | e->port.ts_flag);
	large->vlan_tci = m->vlan_tci;
	if (large->ol_flags & e->port.ts_flag)
		*RTE_MBUF_DYNFIELD(large, e->port.ts_offset, uint64_t *) =
			*RTE_MBUF_DYNFIELD(m, e->port.ts_offset, uint64_t *);
	if (len < large->pkt_len)
		bump(&c->cut);
	rte_pktmbuf_free(m);
	return large;
}

/* `now` unless the driver took the packet's own time out of a file: net_pcap's are microseconds. */
static inline uint64_t time_of(const struct port *p, const struct rte_mbuf *m, uint64_t now)
{
	if (weir_likely((m->ol_flags & p->ts_flag) == 0))
		return now;
	return *RTE_MBUF_DYNFIELD(m, p->ts_offset, const uint64_t *) * WEIR_NS_PER_US;
}

static inline void to_frame(const struct port *p, struct rte_mbuf *m, uint64_t now,
			    struct weir_frame *f)
{
	bool stripped = (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;

	f->data = rte_pktmbuf_mtod(m, const uint8_t *);
	weir_prefetch(f->data);
	f->ts_ns = time_of(p, m, now);
	f->caplen = (uint32_t)weir_min_u64(m->data_len, p->snaplen);
	f->wirelen = m->pkt_len + (stripped ? 4 : 0);
	f->vlan_tci = m->vlan_tci;
	f->link = WEIR_LINK_ETHER;
	f->flags = stripped ? WEIR_FRAME_VLAN : 0;
	f->opaque = m;
}

static uint16_t burst(struct ethdev *e, uint16_t queue, struct rte_mbuf **mbufs, uint16_t max)
{
	int n;

	if (weir_likely(!e->port.foreign_memory))
		return rte_eth_rx_burst(e->port.id, queue, mbufs, max);
	n = foreign_rx(e->port.id, queue, mbufs, max);
	if (n < 0)
		bump(&e->counters[queue].torn);
	return n < 0 ? 0 : (uint16_t)n;
}

static uint16_t ethdev_rx(struct weir_source *src, uint16_t queue, struct weir_frame *frames,
			  uint16_t max)
{
	struct ethdev *e = (struct ethdev *)src;
	struct rte_mbuf *mbufs[WEIR_BURST_MAX];
	uint64_t now;
	uint16_t n;

	/* Pairs with port_go(): a port whose other side has not come yet has no queues. */
	if (weir_unlikely(!atomic_load_explicit(&e->port.live, memory_order_acquire)))
		return 0;
	meet_thread();
	n = burst(e, queue, mbufs, max < WEIR_BURST_MAX ? max : WEIR_BURST_MAX);
	if (n == 0)
		return 0;
	now = weir_clock_wall_ns();
	for (uint16_t i = 0; i < n; i++) {
		if (weir_unlikely(mbufs[i]->nb_segs > 1))
			mbufs[i] = linearise(e, &e->counters[queue], mbufs[i]);
		to_frame(&e->port, mbufs[i], now, &frames[i]);
	}
	return n;
}

static void ethdev_done(struct weir_source *src, const struct weir_frame *frames, uint16_t n)
{
	struct rte_mbuf *mbufs[WEIR_BURST_MAX];

	(void)src;
	meet_thread();
	while (n > 0) {
		uint16_t part = n < WEIR_BURST_MAX ? n : WEIR_BURST_MAX;

		for (uint16_t i = 0; i < part; i++)
			mbufs[i] = frames[i].opaque;
		rte_pktmbuf_free_bulk(mbufs, part);
		frames += part;
		n -= part;
	}
}

static int ethdev_open(struct weir_source *src, struct weir_err *err)
{
	struct ethdev *e = (struct ethdev *)src;
	int rc = port_open(&e->port, err);

	src->queues = e->port.o.queues;
	return rc;
}

static int ethdev_start(struct weir_source *src, struct weir_err *err)
{
	struct port *port = &((struct ethdev *)src)->port;
	const int rc = port_start(port, err);

	src->symmetric = port->symmetric;
	return rc;
}

static bool ethdev_missed(struct weir_source *src, uint64_t *packets)
{
	return port_missed(&((struct ethdev *)src)->port, packets);
}

static void ethdev_stop(struct weir_source *src)
{
	port_stop(&((struct ethdev *)src)->port);
}

static void ethdev_close(struct weir_source *src)
{
	struct ethdev *e = (struct ethdev *)src;

	port_close(&e->port);
	free(e->counters);
	free(e);
}

static const struct weir_source_ops ops = {
	.name = "ethdev",
	.open = ethdev_open,
	.start = ethdev_start,
	.rx = ethdev_rx,
	.done = ethdev_done,
	.missed = ethdev_missed,
	.stop = ethdev_stop,
	.close = ethdev_close,
};

struct weir_source *weir_source_ethdev_create(const struct weir_ethdev_options *o,
					      struct weir_err *err)
{
	struct ethdev *e = calloc(1, sizeof(*e));
	size_t bytes;
	int rc;

	if (e == NULL) {
		weir_err_set(err, ENOMEM, "%s: no memory", o->device);
		return NULL;
	}
	rc = port_init(&e->port, o);
	bytes = e->port.o.queues * sizeof(struct queue_counters);
	if (rc == 0)
		e->counters = aligned_alloc(alignof(struct queue_counters), bytes);
	if (e->counters == NULL) {
		weir_err_set(
			err, EINVAL,
			"device = %s: expected a name such as net_pcap0 or a PCI address, then "
			"its arguments",
			o->device != NULL ? o->device : "");
		ethdev_close(&e->src);
		return NULL;
	}
	memset(e->counters, 0, bytes);
	e->n_counters = e->port.o.queues;
	e->src.ops = &ops;
	e->src.label = e->port.name;
	e->src.queues = e->port.o.queues;
	return &e->src;
}

void weir_source_ethdev_state(struct weir_source *src, struct weir_ethdev_state *state)
{
	port_state(&((struct ethdev *)src)->port, state);
}

bool weir_source_ethdev_is_symmetric(const struct weir_source *src)
{
	return ((const struct ethdev *)src)->port.symmetric;
}

void weir_source_ethdev_counters(const struct weir_source *src, struct weir_ethdev_counters *c)
{
	const struct ethdev *e = (const struct ethdev *)src;

	*c = (struct weir_ethdev_counters){ 0 };
	for (uint16_t i = 0; i < e->n_counters; i++) {
		c->linearised += atomic_load_explicit(&e->counters[i].linearised,
						      memory_order_relaxed);
		c->cut += atomic_load_explicit(&e->counters[i].cut, memory_order_relaxed);
		c->torn += atomic_load_explicit(&e->counters[i].torn, memory_order_relaxed);
	}
}
