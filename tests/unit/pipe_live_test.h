/* SPDX-License-Identifier: Apache-2.0 */
/* A live pipe in a thread of its own, and a port that hands out as many packets as it may. */
#ifndef PIPE_LIVE_TEST_H
#define PIPE_LIVE_TEST_H

#include "pipe_test.h"

#include <unistd.h>

/* Live: the clock of these packets is the wall's, or it would be a jump. */
static inline struct script_item live_item(uint64_t ts_ns, unsigned int i)
{
	return (struct script_item){ .ts_ns = ts_ns,
				     .client = (uint8_t)(i % 100),
				     .server = 200,
				     .cport = (uint16_t)(40000 + i % 1000),
				     .sport = (uint16_t)(7000 + i % 2),
				     .ip_id = (uint16_t)(i + 1) };
}

struct live_script {
	struct script s;
	atomic_uint allowed; /* packets that may be handed out so far */
};

static inline uint16_t live_script_rx(struct weir_source *src, uint16_t queue,
				      struct weir_frame *frames, uint16_t max)
{
	struct live_script *a = (struct live_script *)src;
	const unsigned int left = atomic_load(&a->allowed) - a->s.next;

	return left == 0 ? 0 : script_rx(src, queue, frames, left < max ? (uint16_t)left : max);
}

static inline void live_script_init(struct live_script *a, unsigned int packets)
{
	static const struct weir_source_ops ops = { .name = "live",
						    .rx = live_script_rx,
						    .done = script_done };
	const uint64_t now = weir_clock_wall_ns();

	script_init(&a->s, packets, false);
	a->s.src.ops = &ops;
	for (unsigned int i = 0; i < packets; i++)
		script_add(&a->s, live_item(now, i));
	atomic_store(&a->allowed, packets);
}

/* Each packet of `clients` is a flow. */
static inline void live_flows(struct live_script *a, unsigned int clients)
{
	for (unsigned int i = 0; i < a->s.n; i++)
		a->s.item[i].sport = (uint16_t)(1000 + i / clients);
}

struct live {
	struct weir_settings settings;
	struct weir_pipe *p;
	pthread_t thread;
	atomic_bool stop;
};

static inline void *live_main(void *arg)
{
	struct live *l = arg;

	CU_ASSERT_EQUAL(weir_pipe_run(l->p, NULL, &l->stop, NULL), 0);
	return NULL;
}

static inline void live_start(struct live *l, unsigned int workers)
{
	memset(l, 0, sizeof(*l));
	test_settings(&l->settings);
	l->p = test_pipe(&l->settings, workers, false);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&l->thread, NULL, live_main, l), 0);
}

static inline void live_taps(struct live *l, const struct weir_pipe_tap *taps, unsigned int n)
{
	const struct weir_pipe_taps list = { .taps = taps, .n = n };

	CU_ASSERT_EQUAL_FATAL(weir_pipe_taps_set(l->p, &list), 0);
}

static inline void live_wait_received(struct live *l, uint8_t slot, uint64_t packets)
{
	struct weir_accounting acc = { 0 };

	for (unsigned int i = 0; i < 20000 && acc.received < packets; i++) {
		usleep(500);
		weir_pipe_port_accounting(l->p, slot, &acc);
	}
	CU_ASSERT(acc.received >= packets);
}

static inline void live_stop(struct live *l)
{
	atomic_store(&l->stop, true);
	pthread_join(l->thread, NULL);
}

/* The same where more flows may be open than their ring holds: a run that ends waits until it is emptied. */
static inline void live_stop_emptied(struct live *l, unsigned int workers)
{
	struct weir_ring *const *rings = weir_pipe_records(l->p);

	atomic_store(&l->stop, true);
	while (pthread_tryjoin_np(l->thread, NULL) != 0) {
		for (unsigned int i = 0; i < workers; i++) {
			void *slots;

			weir_ring_pop(rings[i], weir_ring_peek(rings[i], &slots, 64));
		}
		usleep(100);
	}
}

static inline void live_fini(struct live *l)
{
	weir_pipe_destroy(l->p);
}

#endif
