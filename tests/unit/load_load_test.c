/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_source_load.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_FLOWS 65536

static const struct weir_load_options plain = {
	.traffic = WEIR_LOAD_TCP,
	.flows = 100,
	.conversation = 20,
	.queues = 1,
	.seed = 7,
	.packets = 20000,
};

static struct weir_source *started(const struct weir_load_options *o)
{
	struct weir_err err = { 0 };
	struct weir_source *src = weir_source_load_create(o, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(src);
	CU_ASSERT_EQUAL_FATAL(src->ops->open(src, &err), 0);
	CU_ASSERT_EQUAL_FATAL(src->ops->start(src, &err), 0);
	return src;
}

/* Where the inner IPv4 header is, by the outer ones as their documents say. */
static const uint8_t *inner_ip(const struct weir_frame *f)
{
	const uint8_t *ip = f->data + 14;

	if (ip[9] == 17 && weir_be16(ip + 22) == 4789) /* RFC 7348 */
		return ip + 20 + 8 + 8 + 14;
	if (ip[9] == 47) /* RFC 2890 with a sequence number, then ERSPAN II */
		return ip + 20 + 8 + 8 + 14;
	return ip;
}

struct talk {
	uint32_t ip[2]; /* lower first: the same for both directions */
	uint16_t port[2];
	uint16_t queue;
	uint64_t packets;
	uint32_t next_seq[2];
};

struct talks {
	struct talk talk[MAX_FLOWS];
	uint32_t n;
};

static struct talk *talk_of(struct talks *t, const uint8_t *ip, uint16_t queue, int *side)
{
	uint32_t a = weir_be32(ip + 12), b = weir_be32(ip + 16);
	uint16_t p = weir_be16(ip + 20), q = weir_be16(ip + 22);
	uint32_t at;

	*side = a > b;
	if (a > b) {
		uint32_t x = a;
		uint16_t y = p;

		a = b, b = x, p = q, q = y;
	}
	at = (uint32_t)weir_mix((uint64_t)a << 32 | b, (uint64_t)p << 16 | q | 1ULL << 40) %
	     MAX_FLOWS;
	while (t->talk[at].packets != 0) {
		struct talk *k = &t->talk[at];

		if (k->ip[0] == a && k->ip[1] == b && k->port[0] == p && k->port[1] == q)
			return k;
		at = (at + 1) % MAX_FLOWS;
	}
	t->n++;
	t->talk[at] = (struct talk){ .ip = { a, b }, .port = { p, q }, .queue = queue };
	return &t->talk[at];
}

static void check_lengths(const struct weir_frame *f)
{
	const uint8_t *ip = inner_ip(f);
	uint32_t l2 = (uint32_t)(ip - f->data);
	uint32_t inner = weir_be16(ip + 2) + 14U;

	CU_ASSERT_EQUAL(ip[0], 0x45);
	CU_ASSERT_EQUAL(f->wirelen, l2 - 14 + (inner < 60 ? 60 : inner));
	CU_ASSERT(f->caplen <= f->wirelen);
	if (l2 > 14)
		CU_ASSERT_EQUAL(weir_be16(f->data + 16) + 14U, f->wirelen);
	if (ip[9] == 17)
		CU_ASSERT_EQUAL(weir_be16(ip + 24) + 20, weir_be16(ip + 2));
}

static void check_sequence(struct talk *k, int side, const uint8_t *ip)
{
	uint32_t seq = weir_be32(ip + 24), ack = weir_be32(ip + 28);
	uint32_t payload = weir_be16(ip + 2) - 20U - (ip[32] >> 4) * 4U;
	uint8_t flags = ip[33];

	if ((flags & 0x02) == 0)
		CU_ASSERT_EQUAL(seq, k->next_seq[side]);
	if ((flags & 0x10) != 0)
		CU_ASSERT_EQUAL(ack, k->next_seq[!side]);
	k->next_seq[side] = seq + payload + (flags & 0x02 ? 1 : 0) + (flags & 0x01);
}

/* Take everything, queue after queue in turn, and check each packet. */
static struct talks *run(const struct weir_load_options *o, bool one_queue_a_flow)
{
	struct weir_source *src = started(o);
	struct talks *t = calloc(1, sizeof(*t));
	struct weir_load_truth truth;
	struct weir_frame f[WEIR_BURST_MAX];
	uint64_t packets = 0, bytes = 0, wrong = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	while (!atomic_load(&src->ended)) {
		for (uint16_t q = 0; q < o->queues; q++) {
			uint16_t n = src->ops->rx(src, q, f, 1 + packets % WEIR_BURST_MAX);

			for (int i = 0; i < n; i++) {
				const uint8_t *ip = inner_ip(&f[i]);
				int side;
				struct talk *k = talk_of(t, ip, q, &side);

				check_lengths(&f[i]);
				wrong += k->queue != q;
				k->packets++;
				bytes += f[i].wirelen;
				if (ip[9] == 6 && !o->split)
					check_sequence(k, side, ip);
			}
			packets += n;
			src->ops->done(src, f, n);
		}
	}
	weir_source_load_truth(src, &truth);
	CU_ASSERT_EQUAL(packets, o->packets);
	CU_ASSERT_EQUAL(truth.packets, packets);
	CU_ASSERT_EQUAL(truth.bytes, bytes);
	CU_ASSERT_EQUAL(truth.flows, t->n);
	CU_ASSERT_EQUAL(wrong == 0, one_queue_a_flow);
	src->ops->stop(src);
	src->ops->close(src);
	return t;
}

static void test_every_traffic_is_whole(void)
{
	for (int i = 0; i < WEIR_LOAD_TRAFFICS; i++) {
		struct weir_load_options o = plain;

		o.traffic = (enum weir_load_traffic)i;
		free(run(&o, true));
		o.size = 64;
		o.zipf = true;
		free(run(&o, true));
	}
}

static void test_flows_of_udp_are_as_many_as_asked(void)
{
	struct weir_load_options o = plain;
	struct talks *t;

	o.traffic = WEIR_LOAD_UDP;
	t = run(&o, true);
	CU_ASSERT_EQUAL(t->n, 100);
	free(t);
}

static void test_every_syn_of_a_flood_is_a_flow(void)
{
	struct weir_load_options o = plain;
	struct talks *t;

	o.traffic = WEIR_LOAD_SYNFLOOD;
	o.queues = 2;
	t = run(&o, true);
	CU_ASSERT_EQUAL(t->n, 20000);
	free(t);
}

static void test_both_directions_share_a_queue(void)
{
	struct weir_load_options o = plain;

	o.queues = 3;
	free(run(&o, true));
}

static void test_split_parts_the_directions(void)
{
	struct weir_load_options o = plain;
	struct talks *whole = run(&o, true), *parted;

	o.queues = 2;
	o.split = true;
	parted = run(&o, false);
	CU_ASSERT_EQUAL(parted->n, whole->n);
	free(whole);
	free(parted);
}

static void test_conversations_last_20_s(void)
{
	struct weir_load_options o = plain;
	struct weir_load_truth truth;
	struct weir_frame f[WEIR_BURST_MAX];
	struct weir_source *src;

	o.flows = 100000;
	o.conversation = 0;
	o.packets = 10000000; /* a second */
	src = started(&o);
	for (uint16_t n; (n = src->ops->rx(src, 0, f, 64)) > 0;)
		src->ops->done(src, f, n);
	weir_source_load_truth(src, &truth);
	/*
	 * Of the 100 packets of a flow 93 are data, its first conversation has up to 2000: 93 / 2000 of
	 * the flows began again, give or take five standard deviations of a binomial draw.
	 */
	CU_ASSERT(truth.flows > 104650 - 335 && truth.flows < 104650 + 335);
	src->ops->close(src);
}

static void test_imix_is_7_to_4_to_1(void)
{
	struct weir_load_options o = plain;
	struct weir_source *src;
	struct weir_frame f[WEIR_BURST_MAX];
	uint32_t small = 0, middle = 0, large = 0;

	o.traffic = WEIR_LOAD_UDP;
	o.packets = 120000;
	src = started(&o);
	for (uint16_t n; (n = src->ops->rx(src, 0, f, 64)) > 0;) {
		for (int i = 0; i < n; i++) {
			small += f[i].wirelen == 60;
			middle += f[i].wirelen == 590;
			large += f[i].wirelen == 1514;
		}
		src->ops->done(src, f, n);
	}
	/* Five standard deviations of a binomial draw. */
	CU_ASSERT_EQUAL(small + middle + large, 120000);
	CU_ASSERT(abs((int)small - 70000) < 860);
	CU_ASSERT(abs((int)middle - 40000) < 820);
	CU_ASSERT(abs((int)large - 10000) < 480);
	src->ops->close(src);
}

static void test_time_advances_100_ns_a_packet(void)
{
	struct weir_load_options o = plain;
	struct weir_source *src;
	struct weir_frame f[WEIR_BURST_MAX];

	o.queues = 2;
	src = started(&o);
	CU_ASSERT_EQUAL(src->ops->rx(src, 1, f, 64), 64);
	CU_ASSERT_EQUAL(f[0].ts_ns, WEIR_LOAD_EPOCH_NS + 100);
	CU_ASSERT_EQUAL(f[63].ts_ns, WEIR_LOAD_EPOCH_NS + 100 + 63 * 200);
	src->ops->done(src, f, 64);
	src->ops->close(src);
}

static uint64_t digest(const struct weir_frame *f, int n)
{
	uint64_t d = 1;

	for (int i = 0; i < n; i++)
		for (uint32_t j = 0; j < f[i].caplen; j++)
			d = weir_mix(d ^ f[i].data[j], UINT64_C(0xa0761d6478bd642f));
	return d;
}

static void test_a_borrowed_frame_is_left_alone(void)
{
	enum { HELD = 200 };
	static struct weir_frame f[HELD][WEIR_BURST_MAX], more[WEIR_BURST_MAX];
	struct weir_source *src = started(&plain);
	uint64_t before[HELD];

	for (int b = 0; b < HELD; b++) {
		CU_ASSERT_EQUAL(src->ops->rx(src, 0, f[b], 64), 64);
		before[b] = digest(f[b], 64);
	}
	/* Half of every odd burst returned: its other half is still borrowed. */
	for (int b = 1; b < HELD; b += 2)
		src->ops->done(src, f[b], 32);
	for (int i = 0; i < 50; i++) {
		uint16_t n = src->ops->rx(src, 0, more, 64);

		src->ops->done(src, more, n);
	}
	for (int b = 0; b < HELD; b++)
		CU_ASSERT_EQUAL(digest(f[b], 64), before[b]);
	src->ops->close(src);
}

static void test_without_returned_frames_it_waits(void)
{
	struct weir_load_options o = plain;
	static struct weir_frame f[WEIR_BURST_MAX];
	struct weir_source *src;
	uint64_t got = 0;
	uint16_t n;

	o.packets = 1000000;
	src = started(&o);
	while ((n = src->ops->rx(src, 0, f, 64)) > 0)
		got += n;
	CU_ASSERT(got < o.packets);
	CU_ASSERT_FALSE(atomic_load(&src->ended));
	src->ops->done(src, f, 64);
	CU_ASSERT_EQUAL(src->ops->rx(src, 0, f, 64), 64);
	src->ops->close(src);
}

static uint64_t digest_of_run(uint64_t seed)
{
	struct weir_load_options o = plain;
	struct weir_frame f[WEIR_BURST_MAX];
	struct weir_source *src;
	uint64_t d = 0;

	o.traffic = WEIR_LOAD_MIXED;
	o.seed = seed;
	src = started(&o);
	for (uint16_t n; (n = src->ops->rx(src, 0, f, 64)) > 0;) {
		d = weir_mix(d ^ digest(f, n), UINT64_C(0xe7037ed1a0b428db));
		src->ops->done(src, f, n);
	}
	src->ops->close(src);
	return d;
}

static void test_the_seed_decides_everything(void)
{
	CU_ASSERT_EQUAL(digest_of_run(1), digest_of_run(1));
	CU_ASSERT_NOT_EQUAL(digest_of_run(1), digest_of_run(2));
}

static void test_a_rate_is_kept(void)
{
	struct weir_load_options o = plain;
	struct weir_frame f[WEIR_BURST_MAX];
	struct weir_source *src;
	uint64_t begin, took;

	o.rate = 100000;
	o.packets = 10000;
	src = started(&o);
	begin = weir_clock_mono_ns();
	while (!atomic_load(&src->ended))
		src->ops->done(src, f, src->ops->rx(src, 0, f, 64));
	took = weir_clock_mono_ns() - begin;
	CU_ASSERT(took >= 99 * WEIR_NS_PER_MS);
	src->ops->close(src);
}

static void test_what_is_not_there_is_refused_in_words(void)
{
	struct weir_load_options o = plain;
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL(weir_load_traffic_parse("erspan", &err), WEIR_LOAD_ERSPAN);
	CU_ASSERT_EQUAL(weir_load_traffic_parse("http", &err), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "http"));
	CU_ASSERT_EQUAL(weir_load_traffic_parse("tpc", &err), -EINVAL);
	o.size = 63;
	CU_ASSERT_PTR_NULL(weir_source_load_create(&o, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "size = 63"));
	o = plain;
	o.queues = 3;
	o.split = true;
	CU_ASSERT_PTR_NULL(weir_source_load_create(&o, &err));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every traffic is whole", test_every_traffic_is_whole },
		{ "flows of udp are as many as asked", test_flows_of_udp_are_as_many_as_asked },
		{ "every SYN of a flood is a flow", test_every_syn_of_a_flood_is_a_flow },
		{ "both directions share a queue", test_both_directions_share_a_queue },
		{ "split parts the directions", test_split_parts_the_directions },
		{ "conversations last 20 s", test_conversations_last_20_s },
		{ "IMIX is 7 to 4 to 1", test_imix_is_7_to_4_to_1 },
		{ "time advances 100 ns a packet", test_time_advances_100_ns_a_packet },
		{ "a borrowed frame is left alone", test_a_borrowed_frame_is_left_alone },
		{ "without returned frames it waits", test_without_returned_frames_it_waits },
		{ "the seed decides everything", test_the_seed_decides_everything },
		{ "a rate is kept", test_a_rate_is_kept },
		{ "what is not there is refused in words",
		  test_what_is_not_there_is_refused_in_words },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("load/load", tests);
}
