/* SPDX-License-Identifier: Apache-2.0 */
/* A source on `wa`, frames sent to it, and what comes: what the tests of the source share. */
#ifndef WEIR_AFPACKET_SOURCE_TEST_H
#define WEIR_AFPACKET_SOURCE_TEST_H

#include "afpacket_test.h"
#include "weir_test.h"

#define FRAME_MOST 65549 /* Ethernet header and the largest MTU */
#define WAIT_MS    5000  /* for what comes; when nothing is wrong, no test waits that long */

static uint8_t sent[FRAME_MOST + 64];

static inline struct weir_source *opened(struct weir_afpacket_options o)
{
	struct weir_err err = { 0 };
	struct weir_source *src;

	if (o.interface == NULL)
		o.interface = "wa";
	if (o.netns == NULL)
		o.netns = ns_path;
	src = weir_source_afpacket_create(&o, &err);
	if (src == NULL || src->ops->open(src, &err) != 0)
		fprintf(stderr, "%s\n", err.msg);
	CU_ASSERT_EQUAL_FATAL(err.code, 0);
	return src;
}

static inline struct weir_source *started(struct weir_afpacket_options o)
{
	struct weir_source *src = opened(o);
	struct weir_err err = { 0 };

	if (src->ops->start(src, &err) != 0)
		fprintf(stderr, "%s\n", err.msg);
	CU_ASSERT_EQUAL_FATAL(err.code, 0);
	return src;
}

static inline void closed(struct weir_source *src)
{
	src->ops->stop(src);
	src->ops->close(src);
}

static inline uint64_t missed(struct weir_source *src)
{
	uint64_t n = 0;

	CU_ASSERT_TRUE(src->ops->missed(src, &n));
	return n;
}

static inline struct weir_afpacket_state state_of(struct weir_source *src)
{
	struct weir_afpacket_state state;

	weir_source_afpacket_state(src, &state);
	return state;
}

static inline void give(struct weir_source *src, const struct weir_frame *frames, uint16_t n)
{
	src->ops->done(src, frames, n);
}

/*
 * Up to `max` frames of a queue, as soon as there are any; 0 after `ms` without, and as many looks: where
 * other work has the CPU, time alone says nothing.
 */
static inline uint16_t take_within(struct weir_source *src, uint16_t queue,
				   struct weir_frame *frames, uint16_t max, uint64_t ms)
{
	const uint64_t end = weir_clock_mono_ns() + ms * WEIR_NS_PER_MS;
	uint16_t n = 0;

	for (uint64_t looks = 0; n == 0 && (looks < ms || weir_clock_mono_ns() < end); looks++) {
		n = src->ops->rx(src, queue, frames, max);
		if (n == 0)
			usleep(200);
	}
	return n;
}

/* One frame, which the caller gives back. */
static inline struct weir_frame take_one(struct weir_source *src)
{
	struct weir_frame f = { 0 };

	CU_ASSERT_EQUAL_FATAL(take_within(src, 0, &f, 1, WAIT_MS), 1);
	return f;
}

/* Take and give back what comes until nothing has come for 100 ms: much longer than a block waits. */
static inline uint64_t take_rest(struct weir_source *src, uint16_t queue)
{
	struct weir_frame frames[WEIR_BURST_MAX];
	uint64_t sum = 0;
	uint16_t n;

	while ((n = take_within(src, queue, frames, WEIR_BURST_MAX, 100)) > 0) {
		give(src, frames, n);
		sum += n;
	}
	return sum;
}

static inline uint64_t take_rest_of_all(struct weir_source *src)
{
	uint64_t sum = 0;

	for (uint16_t q = 0; q < src->queues; q++)
		sum += take_rest(src, q);
	return sum;
}

static inline void send_frame(int fd, uint32_t i, uint32_t len)
{
	frame_make(sent, i, len);
	CU_ASSERT_EQUAL_FATAL(send(fd, sent, len, 0), (ssize_t)len);
}

static inline void send_frames(int fd, uint32_t n, uint32_t len)
{
	for (uint32_t i = 0; i < n; i++)
		send_frame(fd, i, len);
}

static inline bool is_frame(const struct weir_frame *f, uint32_t i, uint32_t len)
{
	static uint8_t expected[FRAME_MOST];

	frame_make(expected, i, len);
	return f->caplen == len && f->wirelen == len && f->link == WEIR_LINK_ETHER &&
	       f->flags == 0 && memcmp(f->data, expected, len) == 0;
}

#endif
