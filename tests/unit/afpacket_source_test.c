/* SPDX-License-Identifier: Apache-2.0 */
/* The source on real interfaces, in namespaces of its own; needs root. */
#include "afpacket_test.h"
#include "weir_test.h"

#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FRAME_MOST 65549 /* Ethernet header and the largest MTU */
#define TINY_RING  (512 << 10)
#define TINY_SNAP  2048
#define WAIT_MS    5000 /* for what comes; when nothing is wrong, no test waits that long */

static uint8_t sent[FRAME_MOST + 64];

static struct weir_source *opened(struct weir_afpacket_options o)
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

static struct weir_source *started(struct weir_afpacket_options o)
{
	struct weir_source *src = opened(o);
	struct weir_err err = { 0 };

	if (src->ops->start(src, &err) != 0)
		fprintf(stderr, "%s\n", err.msg);
	CU_ASSERT_EQUAL_FATAL(err.code, 0);
	return src;
}

static void closed(struct weir_source *src)
{
	src->ops->stop(src);
	src->ops->close(src);
}

static uint64_t missed(struct weir_source *src)
{
	uint64_t n = 0;

	CU_ASSERT_TRUE(src->ops->missed(src, &n));
	return n;
}

static struct weir_afpacket_state state_of(struct weir_source *src)
{
	struct weir_afpacket_state state;

	weir_source_afpacket_state(src, &state);
	return state;
}

static void give(struct weir_source *src, const struct weir_frame *frames, uint16_t n)
{
	src->ops->done(src, frames, n);
}

/*
 * Up to `max` frames of a queue, as soon as there are any; 0 after `ms` without, and as many looks: where
 * other work has the CPU, time alone says nothing.
 */
static uint16_t take_within(struct weir_source *src, uint16_t queue, struct weir_frame *frames,
			    uint16_t max, uint64_t ms)
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
static struct weir_frame take_one(struct weir_source *src)
{
	struct weir_frame f = { 0 };

	CU_ASSERT_EQUAL_FATAL(take_within(src, 0, &f, 1, WAIT_MS), 1);
	return f;
}

/* Take and give back what comes until nothing has come for 100 ms: much longer than a block waits. */
static uint64_t take_rest(struct weir_source *src, uint16_t queue)
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

static void send_frame(int fd, uint32_t i, uint32_t len)
{
	frame_make(sent, i, len);
	CU_ASSERT_EQUAL_FATAL(send(fd, sent, len, 0), (ssize_t)len);
}

static void send_frames(int fd, uint32_t n, uint32_t len)
{
	for (uint32_t i = 0; i < n; i++)
		send_frame(fd, i, len);
}

static bool is_frame(const struct weir_frame *f, uint32_t i, uint32_t len)
{
	static uint8_t expected[FRAME_MOST];

	frame_make(expected, i, len);
	return f->caplen == len && f->wirelen == len && f->link == WEIR_LINK_ETHER &&
	       f->flags == 0 && memcmp(f->data, expected, len) == 0;
}

#define SIZES (2000 + (FRAME_MOST - 2014) / 97 + 2)

/* Every one up to 2013 bytes, then one in 97, and the longest. */
static uint32_t size_number(uint32_t i)
{
	if (i + 1 == SIZES)
		return FRAME_MOST;
	return i < 2000 ? 14 + i : 2014 + (i - 2000) * 97;
}

static void test_frames_of_every_size_arrive_as_they_were_sent(void)
{
	struct weir_source *src;
	uint64_t last_ns = weir_clock_wall_ns();
	uint32_t wrong = 0, back = 0;
	int fd;

	CU_ASSERT_TRUE_FATAL(veth_make(65535));
	fd = sender_open("wb");
	src = started((struct weir_afpacket_options){ 0 });
	for (uint32_t i = 0, have = 0; i < SIZES; i++) {
		struct weir_frame f;

		for (; have < SIZES && have < i / 16 * 16 + 16; have++)
			send_frame(fd, have, size_number(have));
		f = take_one(src);
		wrong += !is_frame(&f, i, size_number(i));
		back += f.ts_ns < last_ns;
		last_ns = f.ts_ns;
		give(src, &f, 1);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(back, 0);
	CU_ASSERT_TRUE(last_ns <= weir_clock_wall_ns());
	CU_ASSERT_EQUAL(take_rest(src, 0), 0);
	CU_ASSERT_EQUAL(missed(src), 0);
	CU_ASSERT_EQUAL(state_of(src).given, SIZES);
	closed(src);
	close(fd);
	veth_remove();
}

/* Frame of `len` bytes with tags of these types and values, the outer first. */
static void send_tagged(int fd, uint32_t len, const uint16_t *tags, uint32_t n_tags)
{
	frame_make(sent, 7, len);
	memmove(sent + 12 + 4 * n_tags, sent + 12, len - 12);
	for (uint32_t i = 0; i < 2 * n_tags; i++) {
		sent[12 + 2 * i] = (uint8_t)(tags[i] >> 8);
		sent[13 + 2 * i] = (uint8_t)tags[i];
	}
	CU_ASSERT_EQUAL_FATAL(send(fd, sent, len + 4 * n_tags, 0), (ssize_t)(len + 4 * n_tags));
}

/* The outer tag is beside the frame, and all other bytes are where they were. */
static void is_stripped(struct weir_source *src, uint32_t len, uint16_t tci)
{
	const struct weir_frame f = take_one(src);

	CU_ASSERT_EQUAL(f.flags, WEIR_FRAME_VLAN);
	CU_ASSERT_EQUAL(f.vlan_tci, tci);
	CU_ASSERT_EQUAL(f.wirelen, len);
	CU_ASSERT_EQUAL_FATAL(f.caplen, len - 4);
	CU_ASSERT_EQUAL(memcmp(f.data, sent, 12), 0);
	CU_ASSERT_EQUAL(memcmp(f.data + 12, sent + 16, len - 16), 0);
	give(src, &f, 1);
}

static void test_a_tag_that_the_kernel_takes_out_is_told_beside_the_frame(void)
{
	static const uint16_t plain[] = { 0x8100, 0x6123 }, priority[] = { 0x8100, 0xe000 },
			      zero[] = { 0x8100, 0 }, twice[] = { 0x88a8, 0x0fff, 0x8100, 0x2001 };
	struct weir_source *src;
	int fd;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	fd = sender_open("wb");
	src = started((struct weir_afpacket_options){ 0 });
	send_tagged(fd, 100, plain, 1);
	is_stripped(src, 104, 0x6123);
	send_tagged(fd, 1514, plain, 1);
	is_stripped(src, 1518, 0x6123);
	send_tagged(fd, 60, priority, 1);
	is_stripped(src, 64, 0xe000);
	send_tagged(fd, 60, zero, 1);
	is_stripped(src, 64, 0);
	send_tagged(fd, 200, twice, 2);
	is_stripped(src, 208, 0x0fff);
	closed(src);
	close(fd);
	veth_remove();
}

static int sender_at_capture(void)
{
	int fd;

	go_to(ns_capture);
	fd = sender_open("wa");
	go_to(ns_send);
	return fd;
}

static void test_both_directions_are_seen_and_the_outgoing_one_can_be_left_out(void)
{
	static const uint16_t tag[] = { 0x8100, 0x0123 };
	struct weir_source *both, *one, *two;
	struct weir_frame f;
	int in, out;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	in = sender_open("wb");
	out = sender_at_capture();
	both = started((struct weir_afpacket_options){ 0 });
	one = started((struct weir_afpacket_options){ .ignore_outgoing = true });
	two = started((struct weir_afpacket_options){ .ignore_outgoing = true, .queues = 2 });

	send_frame(in, 1, 300);
	send_frame(out, 2, 400);
	f = take_one(both);
	CU_ASSERT_TRUE(is_frame(&f, 1, 300));
	give(both, &f, 1);
	f = take_one(both);
	CU_ASSERT_TRUE(is_frame(&f, 2, 400));
	give(both, &f, 1);

	/* On its way out the tag is still in its place. */
	send_tagged(out, 100, tag, 1);
	f = take_one(both);
	CU_ASSERT_EQUAL(f.flags, 0);
	CU_ASSERT_EQUAL(f.wirelen, 104);
	CU_ASSERT_EQUAL_FATAL(f.caplen, 104);
	CU_ASSERT_EQUAL(memcmp(f.data, sent, 104), 0);
	give(both, &f, 1);

	f = take_one(one);
	CU_ASSERT_TRUE(is_frame(&f, 1, 300));
	give(one, &f, 1);
	CU_ASSERT_EQUAL(take_rest(one, 0), 0);
	CU_ASSERT_EQUAL(take_rest(two, 0) + take_rest(two, 1), 1);
	CU_ASSERT_EQUAL(state_of(one).given, 1);
	CU_ASSERT_EQUAL(state_of(two).given, 1);
	closed(both);
	closed(one);
	closed(two);
	close(in);
	close(out);
	veth_remove();
}

static void test_what_a_full_ring_loses_is_counted_exactly(void)
{
	const uint32_t n = 20000;
	struct weir_source *src;
	uint64_t received;
	int fd;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	fd = sender_open("wb");
	src = started(
		(struct weir_afpacket_options){ .memory_bytes = TINY_RING, .snaplen = TINY_SNAP });
	send_frames(fd, n, 1000);
	CU_ASSERT_TRUE(missed(src) > n / 2);
	received = take_rest(src, 0);
	CU_ASSERT_TRUE(received > 100);
	CU_ASSERT_EQUAL(received + missed(src), n);
	CU_ASSERT_EQUAL(state_of(src).given, n);

	/* It goes on, and counts go on. */
	send_frames(fd, 100, 1000);
	received += take_rest(src, 0);
	CU_ASSERT_EQUAL(received + missed(src), n + 100);
	closed(src);
	close(fd);
	veth_remove();
}

static void test_what_was_not_taken_when_it_stops_is_missed(void)
{
	struct weir_source *src;
	struct weir_frame frames[10];
	int fd;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	fd = sender_open("wb");
	src = started((struct weir_afpacket_options){ 0 });
	send_frames(fd, 100, 500);
	for (uint16_t n = 0; n < 10;) { /* a block may be handed over with fewer */
		const uint16_t k = take_within(src, 0, frames + n, 10 - n, WAIT_MS);

		CU_ASSERT_FATAL(k > 0);
		n += k;
	}
	CU_ASSERT_EQUAL(missed(src), 0);
	src->ops->stop(src);
	CU_ASSERT_EQUAL(missed(src), 90);
	send_frames(fd, 5, 500);
	CU_ASSERT_EQUAL(missed(src), 90);
	CU_ASSERT_EQUAL(src->ops->rx(src, 0, frames, 10), 0);
	give(src, frames, 10);
	src->ops->close(src);
	close(fd);
	veth_remove();
}

#define HELD_MOST 4096

struct held {
	struct weir_source *src;
	struct weir_frame frames[HELD_MOST];
	uint32_t n;
};

static bool held_are_whole(const struct held *h)
{
	for (uint32_t i = 0; i < h->n; i++)
		if (!is_frame(&h->frames[i], i, 900))
			return false;
	return true;
}

/* In another order than they came in, in bursts with frames of many blocks, by another thread. */
static void *give_mixed(void *arg)
{
	struct held *h = arg;
	struct weir_frame burst[WEIR_BURST_MAX];
	uint32_t at = 0;
	uint16_t n = 0;

	for (uint32_t i = 0; i < h->n; i++) {
		at = (at + 1009) % h->n; /* a prime, and no divisor of n: each once */
		burst[n++] = h->frames[at];
		if (n == WEIR_BURST_MAX || i + 1 == h->n) {
			give(h->src, burst, n);
			n = 0;
		}
	}
	return NULL;
}

static void test_frames_that_are_held_stay_while_others_come(void)
{
	static struct held h;
	struct weir_source *src;
	uint64_t received, all;
	pthread_t thread;
	uint16_t n;
	int fd;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	fd = sender_open("wb");
	src = h.src = started(
		(struct weir_afpacket_options){ .memory_bytes = TINY_RING, .snaplen = TINY_SNAP });
	/* All of the ring is held: nothing more can come. */
	h.n = 0;
	send_frames(fd, 1000, 900);
	while (h.n + WEIR_BURST_MAX <= HELD_MOST &&
	       (n = take_within(src, 0, &h.frames[h.n], WEIR_BURST_MAX, 100)) > 0)
		h.n += n;
	CU_ASSERT_TRUE(h.n > 100 && h.n < 1000 && h.n % 1009 != 0);
	send_frames(fd, 1000, 900);
	CU_ASSERT_EQUAL(take_rest(src, 0), 0);
	CU_ASSERT_TRUE(held_are_whole(&h));

	/* All but one frame of the first block: it is the next one, so still nothing. */
	give(src, &h.frames[1], (uint16_t)(h.n - 1));
	send_frames(fd, 1000, 900);
	CU_ASSERT_EQUAL(take_rest(src, 0), 0);
	CU_ASSERT_TRUE(is_frame(&h.frames[0], 0, 900));
	give(src, &h.frames[0], 1);
	received = h.n;

	/* Half a ring is held while the rest goes round, then it comes back piecemeal. */
	send_frames(fd, 200, 900);
	for (h.n = 0; h.n < 150; h.n += n) {
		n = take_within(src, 0, &h.frames[h.n], 50, WAIT_MS);
		CU_ASSERT_TRUE_FATAL(n > 0);
	}
	received += h.n;
	for (uint32_t round = 0; round < 8; round++) {
		CU_ASSERT_TRUE(held_are_whole(&h));
		send_frames(fd, 100, 900);
		received += take_rest(src, 0);
	}
	CU_ASSERT_TRUE(held_are_whole(&h));
	CU_ASSERT_EQUAL(pthread_create(&thread, NULL, give_mixed, &h), 0);
	pthread_join(thread, NULL);
	received += take_rest(src, 0);
	all = 3000 + 200 + 8 * 100;
	CU_ASSERT_EQUAL(received + missed(src), all);

	send_frames(fd, 300, 900);
	CU_ASSERT_EQUAL(take_rest(src, 0), 300);
	closed(src);
	close(fd);
	veth_remove();
}

static void test_only_the_snap_length_is_kept(void)
{
	struct weir_source *src;
	struct weir_frame f;
	int fd;

	CU_ASSERT_TRUE_FATAL(veth_make(9000));
	fd = sender_open("wb");
	src = started((struct weir_afpacket_options){ .snaplen = 96 });
	send_frame(fd, 3, 9014);
	f = take_one(src);
	CU_ASSERT_EQUAL(f.caplen, 96);
	CU_ASSERT_EQUAL(f.wirelen, 9014);
	CU_ASSERT_EQUAL(memcmp(f.data, sent, 96), 0);
	give(src, &f, 1);
	send_frame(fd, 4, 50);
	f = take_one(src);
	CU_ASSERT_TRUE(is_frame(&f, 4, 50));
	give(src, &f, 1);
	closed(src);
	close(fd);
	veth_remove();
}

/* ethertype == 0x88b5 and byte 20 == 1 ? 60 bytes : none */
static const struct sock_filter marked[] = {
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_TEST, 0, 3),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 60),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

struct flood {
	atomic_bool stop;
	int fd;
};

static void *flood_run(void *arg)
{
	struct flood *f = arg;
	uint8_t frame[200];

	for (uint32_t i = 0; !atomic_load(&f->stop); i++) {
		frame_make(frame, i, sizeof(frame));
		frame[20] = i % 3 == 0;
		if (send(f->fd, frame, sizeof(frame), 0) < 0)
			abort();
		if (i % 64 == 0)
			usleep(100);
	}
	return NULL;
}

static void test_nothing_that_the_filter_refuses_gets_in_however_early(void)
{
	struct flood flood = { .stop = false };
	pthread_t thread;
	uint64_t wrong = 0, sum = 0;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	flood.fd = sender_open("wb");
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, flood_run, &flood), 0);
	for (uint32_t round = 0; round < 20; round++) {
		struct weir_source *src = started((struct weir_afpacket_options){
			.filter = marked,
			.filter_len = WEIR_ARRAY_SIZE(marked),
			.queues = (uint16_t)(1 + round % 2),
			.snaplen = TINY_SNAP,
			.memory_bytes = 4 * TINY_RING,
		});
		const uint64_t end = weir_clock_mono_ns() + 30 * WEIR_NS_PER_MS;

		for (uint16_t q = 0; weir_clock_mono_ns() < end; q ^= src->queues - 1) {
			struct weir_frame frames[WEIR_BURST_MAX];
			const uint16_t n = src->ops->rx(src, q, frames, WEIR_BURST_MAX);

			for (uint16_t i = 0; i < n; i++)
				wrong += frames[i].caplen != 60 || frames[i].wirelen != 200 ||
					 frames[i].data[20] != 1;
			sum += n;
			give(src, frames, n);
		}
		closed(src);
	}
	atomic_store(&flood.stop, true);
	pthread_join(thread, NULL);
	CU_ASSERT_TRUE(sum > 100);
	CU_ASSERT_EQUAL(wrong, 0);
	close(flood.fd);
	veth_remove();
}

/* The source looks at its interface when idle: poll it until it says so. */
static bool becomes(struct weir_source *src, enum weir_afpacket_link link)
{
	const uint64_t end = weir_clock_mono_ns() + WAIT_MS * WEIR_NS_PER_MS;

	while (state_of(src).link != link && weir_clock_mono_ns() < end)
		for (uint16_t q = 0; q < src->queues; q++) {
			struct weir_frame f;

			CU_ASSERT_EQUAL(src->ops->rx(src, q, &f, 1), 0);
			usleep(500);
		}
	return state_of(src).link == link;
}

static uint64_t take_rest_of_all(struct weir_source *src)
{
	uint64_t sum = 0;

	for (uint16_t q = 0; q < src->queues; q++)
		sum += take_rest(src, q);
	return sum;
}

static void link_goes_down_and_up(uint16_t queues)
{
	struct weir_source *src;
	int fd;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	fd = sender_open("wb");
	CU_ASSERT_TRUE(run_at_capture("ip link set wa down"));
	src = started((struct weir_afpacket_options){ .queues = queues });
	CU_ASSERT_EQUAL(state_of(src).link, WEIR_AFPACKET_DOWN);
	CU_ASSERT_TRUE(run_at_capture("ip link set wa up"));
	CU_ASSERT_TRUE(becomes(src, WEIR_AFPACKET_UP) && veth_settle());
	CU_ASSERT_EQUAL(state_of(src).downs, 0);
	send_frames(fd, 10, 100);
	CU_ASSERT_EQUAL(take_rest_of_all(src), 10);

	CU_ASSERT_TRUE(run_at_capture("ip link set wa down"));
	CU_ASSERT_TRUE(becomes(src, WEIR_AFPACKET_DOWN));
	CU_ASSERT_EQUAL(state_of(src).downs, 1);
	CU_ASSERT_EQUAL(take_rest_of_all(src), 0);
	CU_ASSERT_TRUE(run_at_capture("ip link set wa up"));
	CU_ASSERT_TRUE(becomes(src, WEIR_AFPACKET_UP) && veth_settle());
	send_frames(fd, 20, 100);
	CU_ASSERT_EQUAL(take_rest_of_all(src), 20);

	/* Nobody looked while it was down. */
	CU_ASSERT_TRUE(run_at_capture("ip link set wa down"));
	CU_ASSERT_TRUE(run_at_capture("ip link set wa up"));
	CU_ASSERT_TRUE(becomes(src, WEIR_AFPACKET_UP));
	CU_ASSERT_EQUAL(state_of(src).downs, 2);
	/* The other end is down: no carrier here. */
	CU_ASSERT_TRUE(run("ip link set wb down"));
	CU_ASSERT_TRUE(becomes(src, WEIR_AFPACKET_DOWN));
	CU_ASSERT_TRUE(run("ip link set wb up"));
	CU_ASSERT_TRUE(becomes(src, WEIR_AFPACKET_UP));
	CU_ASSERT_EQUAL(state_of(src).downs, 3);

	CU_ASSERT_EQUAL(state_of(src).returns, 0);
	CU_ASSERT_EQUAL(state_of(src).given, 30);
	CU_ASSERT_EQUAL(missed(src), 0);
	closed(src);
	close(fd);
	veth_remove();
}

static void test_a_link_that_goes_down_and_up_goes_on(void)
{
	link_goes_down_and_up(1);
	link_goes_down_and_up(2);
}

static void interface_goes_and_returns(uint16_t queues)
{
	struct weir_source *src;
	struct weir_frame held[WEIR_BURST_MAX];
	uint16_t n = 0;
	uint64_t received = 0;
	int fd;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	src = started((struct weir_afpacket_options){ .queues = queues });
	CU_ASSERT_TRUE(becomes(src, WEIR_AFPACKET_UP));
	for (uint32_t round = 1; round <= 3; round++) {
		fd = sender_open("wb");
		send_frames(fd, 100, 700);
		/* Some are held when it goes, others are still in the ring. */
		for (uint32_t tries = 0; n == 0 && tries < 100; tries++)
			n = take_within(src, (uint16_t)(tries % queues), held, 20, 50);
		CU_ASSERT_FATAL(n > 0);
		received += n;
		close(fd);
		veth_remove();
		for (uint16_t q = 0; q < queues; q++)
			received += take_rest(src, q);
		CU_ASSERT_TRUE(becomes(src, WEIR_AFPACKET_GONE));
		CU_ASSERT_EQUAL(received, round * 100);
		for (uint32_t i = 0; i < n; i++)
			CU_ASSERT_TRUE(is_frame(&held[i], i, 700));
		give(src, held, n);
		n = 0;
		CU_ASSERT_TRUE(becomes(src, WEIR_AFPACKET_GONE));

		CU_ASSERT_TRUE_FATAL(veth_make(1500));
		CU_ASSERT_TRUE(becomes(src, WEIR_AFPACKET_UP));
		CU_ASSERT_EQUAL(state_of(src).returns, round);
		CU_ASSERT_EQUAL(state_of(src).downs, round);
		CU_ASSERT_EQUAL(state_of(src).given, received);
		CU_ASSERT_EQUAL(state_of(src).err.code, 0);
	}
	CU_ASSERT_EQUAL(missed(src), 0);
	closed(src);
	veth_remove();
}

static void test_an_interface_that_was_removed_is_taken_up_again(void)
{
	interface_goes_and_returns(1);
	interface_goes_and_returns(2);
}

/* UDP over IPv4 between two ends; `direction` exchanges them. Nobody looks at checksums. */
static void send_udp(int fd, uint8_t flow, bool direction)
{
	static const uint8_t head[] = { 2, 0,    0, 0, 0,  1, 2, 0, 0, 0,  0,  2, 8,
					0, 0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0 };
	uint8_t f[50] = { 0 };
	const uint8_t a = direction ? 0 : 4, b = direction ? 4 : 0, pa = a / 2, pb = b / 2;

	memcpy(f, head, sizeof(head));
	memcpy(f + 26 + a, (const uint8_t[]){ 10, 0, 0, flow }, 4);
	memcpy(f + 26 + b, (const uint8_t[]){ 10, 0, 1, 1 }, 4);
	memcpy(f + 34 + pa, (const uint8_t[]){ 0x30, flow }, 2);
	memcpy(f + 34 + pb, (const uint8_t[]){ 0, 53 }, 2);
	f[39] = 16;
	f[42] = flow;
	CU_ASSERT_EQUAL_FATAL(send(fd, f, sizeof(f), 0), (ssize_t)sizeof(f));
}

#define FLOWS 100

static void test_two_queues_share_all_packets_by_flow(void)
{
	uint32_t seen[2][FLOWS] = { 0 }, split = 0, sum[2] = { 0 };
	struct weir_source *src;
	struct weir_frame frames[WEIR_BURST_MAX];
	uint16_t n;
	int fd;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	fd = sender_open("wb");
	src = started((struct weir_afpacket_options){ .queues = 2 });
	CU_ASSERT_EQUAL(src->queues, 2);
	for (uint32_t round = 0; round < 20; round++)
		for (uint8_t flow = 0; flow < FLOWS; flow++)
			send_udp(fd, flow, round % 2 == 0);
	for (uint16_t q = 0; q < 2; q++)
		while ((n = take_within(src, q, frames, WEIR_BURST_MAX, 100)) > 0) {
			for (uint16_t i = 0; i < n; i++)
				seen[q][frames[i].data[42]]++;
			sum[q] += n;
			give(src, frames, n);
		}
	for (uint32_t flow = 0; flow < FLOWS; flow++)
		split += seen[0][flow] != 0 && seen[1][flow] != 0;
	CU_ASSERT_EQUAL(split, 0);
	CU_ASSERT_EQUAL(sum[0] + sum[1], 20 * FLOWS);
	CU_ASSERT_TRUE(sum[0] > 0 && sum[1] > 0);
	CU_ASSERT_EQUAL(missed(src), 0);
	CU_ASSERT_EQUAL(state_of(src).given, 20 * FLOWS);
	closed(src);
	close(fd);
	veth_remove();
}

struct poller {
	struct weir_source *src;
	atomic_bool *stop;
	_Atomic uint64_t received;
	uint16_t queue;
};

static void *poller_run(void *arg)
{
	struct poller *p = arg;
	struct weir_frame frames[WEIR_BURST_MAX];

	while (!atomic_load(p->stop)) {
		const uint16_t n = p->src->ops->rx(p->src, p->queue, frames, WEIR_BURST_MAX);

		give(p->src, frames, n);
		atomic_fetch_add(&p->received, n);
		if (n == 0)
			usleep(500);
	}
	return NULL;
}

/* Until `n` packets were taken by both, and the link is as it should be. */
static bool come_to(struct poller *p, uint64_t n, enum weir_afpacket_link link)
{
	const uint64_t end = weir_clock_mono_ns() + WAIT_MS * WEIR_NS_PER_MS;
	uint64_t sum;

	do {
		usleep(1000);
		sum = atomic_load(&p[0].received) + atomic_load(&p[1].received);
	} while ((sum != n || state_of(p->src).link != link) && weir_clock_mono_ns() < end);
	return sum + missed(p->src) == n && state_of(p->src).link == link;
}

static void test_queues_of_two_threads_follow_their_interface(void)
{
	atomic_bool stop = false;
	struct poller p[2] = { { .stop = &stop, .queue = 0 }, { .stop = &stop, .queue = 1 } };
	pthread_t threads[2];
	uint64_t n = 0;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	p[0].src = p[1].src = started((struct weir_afpacket_options){ .queues = 2 });
	for (uint32_t i = 0; i < 2; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, poller_run, &p[i]), 0);
	for (uint32_t round = 0; round < 5; round++) {
		const int fd = sender_open("wb");

		CU_ASSERT_TRUE(come_to(p, n, WEIR_AFPACKET_UP));
		for (uint32_t i = 0; i < 1000; i++)
			send_udp(fd, (uint8_t)(i % FLOWS), i % 2 == 0);
		n += 1000;
		close(fd);
		veth_remove();
		CU_ASSERT_TRUE(come_to(p, n, WEIR_AFPACKET_GONE));
		CU_ASSERT_TRUE_FATAL(veth_make(1500));
	}
	CU_ASSERT_TRUE(come_to(p, n, WEIR_AFPACKET_UP));
	CU_ASSERT_EQUAL(state_of(p->src).returns, 5);
	CU_ASSERT_EQUAL(state_of(p->src).given, n);
	atomic_store(&stop, true);
	for (uint32_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	closed(p[0].src);
	veth_remove();
}

static void test_a_single_packet_is_not_held_back(void)
{
	struct weir_source *src;
	uint64_t least_ns = UINT64_MAX;
	int fd;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	fd = sender_open("wb");
	src = started((struct weir_afpacket_options){ 0 });
	for (uint32_t i = 0; i < 5; i++) {
		const uint64_t begin = weir_clock_mono_ns();
		struct weir_frame f;

		send_frame(fd, i, 100);
		f = take_one(src);
		least_ns = weir_min_u64(least_ns, weir_clock_mono_ns() - begin);
		CU_ASSERT_TRUE(is_frame(&f, i, 100));
		give(src, &f, 1);
	}
	/* Ten times what is promised: other work may have the CPU. */
	CU_ASSERT_TRUE(least_ns < 100 * WEIR_NS_PER_MS);
	closed(src);
	close(fd);
	veth_remove();
}

/* From here on every system call but the end of the process kills it; seccomp(2). */
static bool system_calls_kill(void)
{
	static struct sock_filter only_exit[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	static const struct sock_fprog prog = { WEIR_ARRAY_SIZE(only_exit), only_exit };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

/* 0 = all `n` were there. */
static int take_without_system_calls(struct weir_source *src, uint32_t n)
{
	struct weir_frame frames[WEIR_BURST_MAX];

	if (!system_calls_kill())
		return 2;
	while (n > 0) {
		const uint16_t k = src->ops->rx(src, 0, frames, WEIR_BURST_MAX);

		give(src, frames, k);
		if (k == 0 || k > n)
			return 1;
		n -= k;
	}
	return 0;
}

static void test_packets_are_taken_and_given_back_without_a_system_call(void)
{
	const uint32_t n = 2000;
	struct weir_source *src;
	int fd, status = -1;
	pid_t child;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	fd = sender_open("wb");
	src = started((struct weir_afpacket_options){ 0 });
	send_frames(fd, n, 1000);
	for (uint32_t i = 0; i < 5000 && state_of(src).given < n; i++)
		usleep(1000);
	usleep(200000); /* by then the last block was handed over */
	child = fork();
	if (child == 0)
		syscall(SYS_exit_group, take_without_system_calls(src, n));
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_TRUE(WIFEXITED(status));
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
	closed(src);
	close(fd);
	veth_remove();
}

static void test_promiscuous_mode_ends_with_the_source(void)
{
	struct weir_source *src;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	src = started((struct weir_afpacket_options){ .promiscuous = true, .queues = 2 });
	CU_ASSERT_TRUE(run_at_capture("ip -d link show wa | grep -q 'promiscuity 1 '"));
	closed(src);
	CU_ASSERT_TRUE(run_at_capture("ip -d link show wa | grep -q 'promiscuity 0 '"));
	src = started((struct weir_afpacket_options){ 0 });
	CU_ASSERT_TRUE(run_at_capture("ip -d link show wa | grep -q 'promiscuity 0 '"));
	closed(src);
	veth_remove();
}

static void test_packets_of_a_tun_device_begin_with_ip(void)
{
	static const uint8_t packet[] = { 0x45, 0, 0, 24, 0,  0, 0, 0, 64, 253, 0, 0,
					  10,   0, 0, 1,  10, 0, 0, 2, 1,  2,   3, 4 };
	struct ifreq req = { .ifr_name = "wtun", .ifr_flags = IFF_TUN | IFF_NO_PI };
	const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct weir_source *src;
	struct weir_frame f;

	if (fd < 0) {
		printf("(no /dev/net/tun) ");
		return;
	}
	CU_ASSERT_EQUAL_FATAL(ioctl(fd, TUNSETIFF, &req), 0);
	CU_ASSERT_TRUE(run("ip link set wtun up"));
	src = started((struct weir_afpacket_options){ .interface = "wtun",
						      .netns = "/proc/thread-self/ns/net" });
	CU_ASSERT_EQUAL(write(fd, packet, sizeof(packet)), (ssize_t)sizeof(packet));
	f = take_one(src);
	CU_ASSERT_EQUAL(f.link, WEIR_LINK_RAW);
	CU_ASSERT_EQUAL(f.wirelen, sizeof(packet));
	CU_ASSERT_EQUAL_FATAL(f.caplen, sizeof(packet));
	CU_ASSERT_EQUAL(memcmp(f.data, packet, sizeof(packet)), 0);
	give(src, &f, 1);
	closed(src);
	close(fd);
}

static void loopback_is_seen_once(uint16_t queues)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* ip proto 17 only: the answer to it is ICMP */
	static const struct sock_filter udp[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct weir_source *src = started((struct weir_afpacket_options){
		.interface = "lo",
		.netns = "/proc/thread-self/ns/net",
		.queues = queues,
		.filter = udp,
		.filter_len = WEIR_ARRAY_SIZE(udp),
	});

	CU_ASSERT_EQUAL(sendto(fd, "weir", 4, 0, (struct sockaddr *)&to, sizeof(to)), 4);
	if (queues == 1) {
		const struct weir_frame f = take_one(src);

		CU_ASSERT_EQUAL(f.link, WEIR_LINK_ETHER);
		CU_ASSERT_EQUAL_FATAL(f.caplen, 14 + 20 + 8 + 4);
		CU_ASSERT_EQUAL(memcmp(f.data + 42, "weir", 4), 0);
		give(src, &f, 1);
		CU_ASSERT_EQUAL(take_rest(src, 0), 0);
	} else {
		CU_ASSERT_EQUAL(take_rest_of_all(src), 1);
	}
	closed(src);
	close(fd);
}

static void test_a_packet_on_the_loopback_device_is_seen_once(void)
{
	CU_ASSERT_TRUE_FATAL(run("ip link set lo up"));
	loopback_is_seen_once(1);
	loopback_is_seen_once(2);
}

/* The error of opening; no source is left. */
static struct weir_err refused(struct weir_afpacket_options o)
{
	struct weir_err err = { 0 };
	struct weir_source *src = weir_source_afpacket_create(&o, &err);

	if (src != NULL) {
		const int rc = src->ops->open(src, &err);

		CU_ASSERT_EQUAL(rc, -err.code);
		src->ops->close(src);
	}
	CU_ASSERT_NOT_EQUAL(err.code, 0);
	return err;
}

static bool says(const struct weir_err *err, const char *words)
{
	if (strstr(err->msg, words) != NULL)
		return true;
	fprintf(stderr, "not \"%s\": %s\n", words, err->msg);
	return false;
}

static void test_what_cannot_be_opened_is_refused_with_a_reason(void)
{
	static const struct sock_filter bad = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	struct weir_err err;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	err = refused((struct weir_afpacket_options){ .interface = "eth9", .netns = ns_path });
	CU_ASSERT_EQUAL(err.code, ENODEV);
	CU_ASSERT_TRUE(says(&err, "eth9") && says(&err, "lo") && says(&err, "wa"));

	err = refused((struct weir_afpacket_options){ .interface = "wa", .netns = "/no/such" });
	CU_ASSERT_EQUAL(err.code, ENOENT);
	CU_ASSERT_TRUE(says(&err, "/no/such"));
	err = refused((struct weir_afpacket_options){ .interface = "wa", .netns = "/dev/null" });
	CU_ASSERT_EQUAL(err.code, EINVAL);

	err = refused((struct weir_afpacket_options){ .interface = "" });
	CU_ASSERT_EQUAL(err.code, EINVAL);
	err = refused((struct weir_afpacket_options){ .interface = "a-name-of-16-chr" });
	CU_ASSERT_EQUAL(err.code, EINVAL);
	CU_ASSERT_TRUE(says(&err, "15"));

	err = refused((struct weir_afpacket_options){
		.interface = "wa", .netns = ns_path, .memory_bytes = 1 << 20, .queues = 4 });
	CU_ASSERT_EQUAL(err.code, EINVAL);
	CU_ASSERT_TRUE(says(&err, "1024 KiB") && says(&err, "4 queues"));
	err = refused((struct weir_afpacket_options){
		.interface = "wa", .netns = ns_path, .snaplen = WEIR_FRAME_MAX + 1 });
	CU_ASSERT_EQUAL(err.code, EINVAL);

	/* A program that does not end in a return. */
	err = refused((struct weir_afpacket_options){
		.interface = "wa", .netns = ns_path, .filter = &bad, .filter_len = 1 });
	CU_ASSERT_EQUAL(err.code, EINVAL);
	CU_ASSERT_TRUE(says(&err, "filter"));
	veth_remove();
}

/* As nobody: 0 = the error names the capability. */
static int refused_to_nobody(const char *netns, const char *capability)
{
	const struct weir_afpacket_options o = { .interface = "wb", .netns = netns };
	struct weir_err err = { 0 };
	struct weir_source *src = weir_source_afpacket_create(&o, &err);

	if (src == NULL || setuid(65534) != 0)
		return 2;
	return src->ops->open(src, &err) == -EPERM && says(&err, capability) ? 0 : 1;
}

static int in_child(const char *netns, const char *capability)
{
	const pid_t child = fork();
	int status = -1;

	if (child == 0)
		_exit(refused_to_nobody(netns, capability));
	waitpid(child, &status, 0);
	return status;
}

static void test_without_a_capability_it_is_named(void)
{
	char path[64];

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	CU_ASSERT_EQUAL(in_child(NULL, "CAP_NET_RAW"), 0);
	/* Not ns_path: what /proc has of a process of root is closed to others. */
	snprintf(path, sizeof(path), "/proc/thread-self/ns/net");
	CU_ASSERT_EQUAL(in_child(path, "CAP_SYS_ADMIN"), 0);
	veth_remove();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "frames of every size arrive as they were sent",
		  test_frames_of_every_size_arrive_as_they_were_sent },
		{ "a tag that the kernel takes out is told beside the frame",
		  test_a_tag_that_the_kernel_takes_out_is_told_beside_the_frame },
		{ "both directions are seen and the outgoing one can be left out",
		  test_both_directions_are_seen_and_the_outgoing_one_can_be_left_out },
		{ "what a full ring loses is counted exactly",
		  test_what_a_full_ring_loses_is_counted_exactly },
		{ "what was not taken when it stops is missed",
		  test_what_was_not_taken_when_it_stops_is_missed },
		{ "frames that are held stay while others come",
		  test_frames_that_are_held_stay_while_others_come },
		{ "only the snap length is kept", test_only_the_snap_length_is_kept },
		{ "nothing that the filter refuses gets in, however early",
		  test_nothing_that_the_filter_refuses_gets_in_however_early },
		{ "a link that goes down and up goes on",
		  test_a_link_that_goes_down_and_up_goes_on },
		{ "an interface that was removed is taken up again",
		  test_an_interface_that_was_removed_is_taken_up_again },
		{ "two queues share all packets by flow",
		  test_two_queues_share_all_packets_by_flow },
		{ "queues of two threads follow their interface",
		  test_queues_of_two_threads_follow_their_interface },
		{ "a single packet is not held back", test_a_single_packet_is_not_held_back },
		{ "packets are taken and given back without a system call",
		  test_packets_are_taken_and_given_back_without_a_system_call },
		{ "promiscuous mode ends with the source",
		  test_promiscuous_mode_ends_with_the_source },
		{ "packets of a tun device begin with IP",
		  test_packets_of_a_tun_device_begin_with_ip },
		{ "a packet on the loopback device is seen once",
		  test_a_packet_on_the_loopback_device_is_seen_once },
		{ "what cannot be opened is refused with a reason",
		  test_what_cannot_be_opened_is_refused_with_a_reason },
		{ "without a capability it is named", test_without_a_capability_it_is_named },
		CU_TEST_INFO_NULL,
	};
	const char *why;

	if (!namespaces_make(&why)) {
		printf("skipped: %s\n", why);
		return 77;
	}
	stay_on_one_cpu();
	return weir_test_main("afpacket/source", tests);
}
