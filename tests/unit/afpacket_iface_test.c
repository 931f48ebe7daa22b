/* SPDX-License-Identifier: Apache-2.0 */
/* A source and its interface: up, down, gone, not permitted; queues that share it. Needs root. */
#include "afpacket_source_test.h"

#include <linux/filter.h>
#include <pthread.h>
#include <sys/wait.h>

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
		{ "a link that goes down and up goes on",
		  test_a_link_that_goes_down_and_up_goes_on },
		{ "an interface that was removed is taken up again",
		  test_an_interface_that_was_removed_is_taken_up_again },
		{ "two queues share all packets by flow",
		  test_two_queues_share_all_packets_by_flow },
		{ "queues of two threads follow their interface",
		  test_queues_of_two_threads_follow_their_interface },
		{ "promiscuous mode ends with the source",
		  test_promiscuous_mode_ends_with_the_source },
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
	return weir_test_main("afpacket/iface", tests);
}
