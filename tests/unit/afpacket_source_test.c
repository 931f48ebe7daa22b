/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of real interfaces, whole and counted, in namespaces of their own; needs root. */
#include "afpacket_source_test.h"

#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define TINY_RING (512 << 10)
#define TINY_SNAP 2048

#define SIZES     (2000 + (FRAME_MOST - 2014) / 97 + 2)

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

/* Packets longer than 100 bytes, or the others. */
static const struct sock_filter longer[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 100, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	BPF_STMT(BPF_RET | BPF_K, 0),
};
static const struct sock_filter shorter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 100, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static uint64_t of_both_lengths(struct weir_source *src, int fd)
{
	send_frames(fd, 3, 60);
	send_frames(fd, 5, 200);
	return take_rest_of_all(src);
}

static void filters_follow_each_other(uint16_t queues)
{
	struct weir_err err = { 0 };
	struct weir_source *src;
	int fd;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	fd = sender_open("wb");
	src = started((struct weir_afpacket_options){
		.queues = queues, .filter = longer, .filter_len = WEIR_ARRAY_SIZE(longer) });
	CU_ASSERT_EQUAL(of_both_lengths(src, fd), 5);
	CU_ASSERT_EQUAL(weir_source_afpacket_filter(src, shorter, WEIR_ARRAY_SIZE(shorter), &err),
			0);
	CU_ASSERT_EQUAL(of_both_lengths(src, fd), 3);
	/* One that the kernel refuses: a jump to nowhere. The one before it stays. */
	CU_ASSERT_EQUAL(weir_source_afpacket_filter(src, longer, 2, &err), -EINVAL);
	CU_ASSERT_EQUAL(of_both_lengths(src, fd), 3);
	CU_ASSERT_EQUAL(weir_source_afpacket_filter(src, NULL, 0, &err), 0);
	CU_ASSERT_EQUAL(of_both_lengths(src, fd), 8);
	CU_ASSERT_EQUAL(missed(src), 0);
	closed(src);
	close(fd);
	veth_remove();
}

static void test_a_filter_changes_while_packets_are_taken(void)
{
	filters_follow_each_other(1);
	filters_follow_each_other(2);
}

static void test_promiscuous_mode_comes_and_goes_and_ends_with_the_source(void)
{
	struct weir_err err = { 0 };
	struct weir_source *src;

	CU_ASSERT_TRUE_FATAL(veth_make(1500));
	src = started((struct weir_afpacket_options){ .promiscuous = false });
	CU_ASSERT_TRUE(run_at_capture("ip -d link show wa | grep -q 'promiscuity 0'"));
	for (int i = 0; i < 2; i++) /* asked for twice it is once */
		CU_ASSERT_EQUAL(weir_source_afpacket_promiscuous(src, true, &err), 0);
	CU_ASSERT_TRUE(run_at_capture("ip -d link show wa | grep -q 'promiscuity 1'"));
	CU_ASSERT_EQUAL(weir_source_afpacket_promiscuous(src, false, &err), 0);
	CU_ASSERT_TRUE(run_at_capture("ip -d link show wa | grep -q 'promiscuity 0'"));
	CU_ASSERT_EQUAL(weir_source_afpacket_promiscuous(src, true, &err), 0);
	closed(src);
	CU_ASSERT_TRUE(run_at_capture("ip -d link show wa | grep -q 'promiscuity 0'"));
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
		{ "a filter changes while packets are taken",
		  test_a_filter_changes_while_packets_are_taken },
		{ "promiscuous mode comes and goes, and ends with the source",
		  test_promiscuous_mode_comes_and_goes_and_ends_with_the_source },
		{ "a single packet is not held back", test_a_single_packet_is_not_held_back },
		{ "packets are taken and given back without a system call",
		  test_packets_are_taken_and_given_back_without_a_system_call },
		{ "packets of a tun device begin with IP",
		  test_packets_of_a_tun_device_begin_with_ip },
		{ "a packet on the loopback device is seen once",
		  test_a_packet_on_the_loopback_device_is_seen_once },
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
