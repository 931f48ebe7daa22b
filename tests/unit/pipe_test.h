/* SPDX-License-Identifier: Apache-2.0 */
/* A capture source from a script, and a pipe to run it through. */
#ifndef PIPE_TEST_H
#define PIPE_TEST_H

#include "weir_test.h"

#include <weir_pipe.h>

#include <pthread.h>
#include <stdlib.h>

#define S           WEIR_NS_PER_S
#define MS          WEIR_NS_PER_MS
#define START_NS    (UINT64_C(1700000000) * S)
#define DELAY_NS    S
#define FRAME_BYTES 128
#define RECORDS     16384

/* One UDP packet over IPv4, both /16s fixed: what a test wants to vary. */
struct script_item {
	uint64_t ts_ns;
	uint8_t client, server; /* last bytes of their addresses */
	uint16_t cport, sport;
	bool answer;       /* from server to client */
	uint16_t ip_id;    /* of fragments */
	uint8_t frag;      /* 0 = whole, 1 = first fragment, 2 = a later one */
	bool unknown_link; /* outcome linktype */
};

/* How often a frame was given back. */
struct times {
	atomic_uint n;
};

struct script {
	struct weir_source src;
	struct script_item *item;
	unsigned int n, room, next;
	unsigned int burst;                   /* frames handed out at once */
	uint8_t (*bytes)[FRAME_BYTES];        /* of each item; poisoned when given back */
	struct times *given_back;             /* times, of each item */
	void (*before)(struct script *s);     /* before each rx; may be NULL */
	void (*after_done)(struct script *s); /* may be NULL */
	bool (*goes_on)(struct script *s);    /* at the end: not over yet; may be NULL */
	void *ctx;
};

static inline void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Ethernet, IPv4 (RFC 791), UDP (RFC 768), 32 bytes of payload. Returns its length. */
static inline uint32_t script_frame(uint8_t *b, const struct script_item *it)
{
	const uint8_t end[2] = { it->client, it->server };
	const uint16_t port[2] = { it->cport, it->sport };
	const unsigned int src = it->answer;

	memset(b, 0, FRAME_BYTES);
	memcpy(b, (uint8_t[]){ 2, 0, 0, 0, 0, end[!src], 2, 0, 0, 0, 0, end[src], 8, 0 }, 14);
	b[14] = 0x45;
	put16(b + 16, 20 + 8 + 32);
	put16(b + 18, it->ip_id);
	put16(b + 20, it->frag == 1 ? 0x2000 : it->frag == 2 ? 5 : 0); /* MF; offset 40 */
	b[22] = 64;
	b[23] = 17;
	memcpy(b + 26, (uint8_t[]){ 10, 1, 0, end[src], 10, 1, 0, end[!src] }, 8);
	if (it->frag != 2) {
		put16(b + 34, port[src]);
		put16(b + 36, port[!src]);
		put16(b + 38, 8 + 32);
	}
	return 14 + 20 + 8 + 32;
}

static inline uint16_t script_rx(struct weir_source *src, uint16_t queue, struct weir_frame *frames,
				 uint16_t max)
{
	struct script *s = (struct script *)src;
	uint16_t n = 0;

	(void)queue;
	if (s->before != NULL)
		s->before(s);
	while (n < max && n < s->burst && s->next < s->n) {
		const struct script_item *it = &s->item[s->next];
		uint8_t *b = s->bytes[s->next];
		const uint32_t len = script_frame(b, it);

		frames[n++] = (struct weir_frame){
			.data = b,
			.ts_ns = it->ts_ns,
			.caplen = len,
			.wirelen = len,
			.link = it->unknown_link ? WEIR_LINK_UNKNOWN : WEIR_LINK_ETHER,
			.opaque = &s->given_back[s->next],
		};
		s->next++;
	}
	if (n == 0 && (s->goes_on == NULL || !s->goes_on(s)))
		atomic_store_explicit(&src->ended, true, memory_order_release);
	return n;
}

static inline void script_done(struct weir_source *src, const struct weir_frame *frames, uint16_t n)
{
	struct script *s = (struct script *)src;

	for (uint16_t i = 0; i < n; i++) {
		struct times *count = frames[i].opaque;

		memset(s->bytes[count - s->given_back], 0xdd, FRAME_BYTES);
		atomic_fetch_add(&count->n, 1);
	}
	if (s->after_done != NULL)
		s->after_done(s);
}

static const struct weir_source_ops script_ops = { .name = "script",
						   .rx = script_rx,
						   .done = script_done };

static inline void script_init(struct script *s, unsigned int room, bool lossless)
{
	*s = (struct script){
		.src = { .ops = &script_ops, .label = "script", .queues = 1, .lossless = lossless },
		.room = room,
		.burst = WEIR_BURST_MAX
	};
	s->item = calloc(room, sizeof(*s->item));
	s->bytes = calloc(room, sizeof(*s->bytes));
	s->given_back = calloc(room, sizeof(*s->given_back));
	CU_ASSERT_FATAL(s->item != NULL && s->bytes != NULL && s->given_back != NULL);
}

static inline void script_fini(struct script *s)
{
	free(s->item);
	free(s->bytes);
	free(s->given_back);
}

static inline void script_add(struct script *s, struct script_item it)
{
	CU_ASSERT_FATAL(s->n < s->room);
	s->item[s->n++] = it;
}

/* From the start once more. */
static inline void script_rewind(struct script *s)
{
	s->next = 0;
	atomic_store(&s->src.ended, false);
	for (unsigned int i = 0; i < s->room; i++)
		atomic_store(&s->given_back[i].n, 0);
}

/* Frames handed out that were not given back exactly once. */
static inline unsigned int script_astray(const struct script *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->room; i++)
		n += atomic_load(&s->given_back[i].n) != (i < s->next);
	return n;
}

static inline void test_settings(struct weir_settings *s)
{
	*s = (struct weir_settings){
		.decode = { .max_tunnels = 6 },
		.flow = { .established_ns = 300 * S,
			  .closing_rst_ns = 35 * S,
			  .opening_rst_ns = S,
			  .others_ns = 5 * S,
			  .delay_ns = DELAY_NS },
		.attribute = { .default_type = WEIR_NETWORK_TYPE_CLOUD,
			       .pcp = WEIR_PCP_INNER_VLAN },
		.dedup = { .window_ns = WEIR_DEDUP_WINDOW_NS },
	};
}

static inline struct weir_pipe *test_pipe(const struct weir_settings *settings,
					  unsigned int workers, bool lossless)
{
	const struct weir_pipe_options o = { .workers = workers,
					     .budget = { .flows = 8192, .ext_blocks = 1024 },
					     .settings = settings,
					     .record_slots = RECORDS,
					     .input_bursts = 64,
					     .lossless = lossless };
	struct weir_err err = { 0 };
	struct weir_pipe *p = weir_pipe_create(&o, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	return p;
}

/* Over one source: tap 1, port 0. */
static inline int test_run_until(struct weir_pipe *p, struct weir_source *src,
				 const atomic_bool *stop)
{
	const struct weir_pipe_port port = { .source = src };
	const struct weir_pipe_tap tap = { .number = 1, .ports = &port, .n_ports = 1 };
	const struct weir_pipe_taps taps = { .taps = &tap, .n = 1 };
	struct weir_err err = { 0 };

	return weir_pipe_run(p, &taps, stop, &err);
}

static inline void test_run(struct weir_pipe *p, struct weir_source *src)
{
	static atomic_bool never;

	CU_ASSERT_EQUAL_FATAL(test_run_until(p, src, &never), 0);
}

/* Records of all workers so far, sorted; the caller frees them. */
static inline struct weir_flow_rec *test_records(struct weir_pipe *p, unsigned int workers,
						 unsigned int *n)
{
	struct weir_flow_rec *all = malloc(RECORDS * sizeof(*all));
	void *slot;
	uint32_t k;

	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	*n = 0;
	for (unsigned int i = 0; i < workers; i++) {
		struct weir_ring *r = weir_pipe_records(p)[i];

		while ((k = weir_ring_peek(r, &slot, 64)) > 0 && *n + k <= RECORDS) {
			memcpy(&all[*n], slot, k * sizeof(*all));
			*n += k;
			weir_ring_pop(r, k);
		}
	}
	qsort(all, *n, sizeof(*all), weir_flow_rec_compare);
	return all;
}

static inline uint64_t test_packets(const struct weir_flow_rec *rec, unsigned int n)
{
	uint64_t packets = 0;

	for (unsigned int i = 0; i < n; i++)
		packets += rec[i].packet[0] + rec[i].packet[1];
	return packets;
}

#endif
