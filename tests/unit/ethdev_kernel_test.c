/* SPDX-License-Identifier: Apache-2.0 */
/* Ports over interfaces of the kernel (af_xdp, tap, af_packet), in a network namespace of our own. */
#include "afpacket_test.h"
#include "weir_test.h"

#include <weir_eal.h>
#include <weir_source_ethdev.h>

#define WAIT_NS \
	(10 * WEIR_NS_PER_S) /* for what comes; when nothing is wrong, no test waits that long */

static uint8_t sent[4096], expected[4096];

static struct weir_source *opened_with(const struct weir_ethdev_options *o)
{
	struct weir_err err = { 0 };
	struct weir_source *src;

	go_to(ns_capture);
	src = weir_source_ethdev_create(o, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(src);
	if (src->ops->open(src, &err) != 0 || src->ops->start(src, &err) != 0)
		fprintf(stderr, "%s\n", err.msg);
	go_to(ns_send);
	CU_ASSERT_EQUAL_FATAL(err.code, 0);
	return src;
}

static struct weir_source *opened(const char *device)
{
	const struct weir_ethdev_options o = { .device = device, .numa = -1, .promiscuous = true };

	return opened_with(&o);
}

static void closed(struct weir_source *src)
{
	go_to(ns_capture);
	src->ops->stop(src);
	src->ops->close(src);
	go_to(ns_send);
}

static struct weir_ethdev_state state_of(struct weir_source *src)
{
	struct weir_ethdev_state s;

	weir_source_ethdev_state(src, &s);
	return s;
}

static void wait_link(struct weir_source *src, enum weir_ethdev_link link)
{
	const uint64_t end = weir_clock_mono_ns() + WAIT_NS;

	while (state_of(src).link != link && weir_clock_mono_ns() < end)
		usleep(2000);
	CU_ASSERT_EQUAL_FATAL(state_of(src).link, link);
}

static uint64_t missed(struct weir_source *src)
{
	uint64_t n = 0;

	go_to(ns_capture);
	CU_ASSERT_TRUE(src->ops->missed(src, &n));
	go_to(ns_send);
	return n;
}

static void send_frames(int fd, uint32_t n, uint32_t len)
{
	for (uint32_t i = 0; i < n; i++) {
		frame_make(sent, i, len);
		if (send(fd, sent, len, 0) != (ssize_t)len)
			CU_FAIL_FATAL("send");
	}
}

/* Frames 0 to n - 1 of this length, in order, whole; what else the kernel says is passed over. */
static void comes(struct weir_source *src, uint32_t n, uint32_t len)
{
	const uint64_t end = weir_clock_mono_ns() + WAIT_NS;
	struct weir_frame f[WEIR_BURST_MAX];
	uint32_t got = 0;

	while (got < n && weir_clock_mono_ns() < end) {
		uint16_t burst = src->ops->rx(src, 0, f, WEIR_BURST_MAX);

		for (uint16_t i = 0; i < burst; i++) {
			frame_make(expected, got, len);
			got += f[i].caplen == len && f[i].wirelen == len &&
			       memcmp(f[i].data, expected, len) == 0;
		}
		src->ops->done(src, f, burst);
		if (burst == 0)
			usleep(100);
	}
	CU_ASSERT_EQUAL(got, n);
}

/* How many come until nothing has come for 200 ms. */
static uint64_t take_rest(struct weir_source *src)
{
	uint64_t sum = 0, last = weir_clock_mono_ns();
	struct weir_frame f[WEIR_BURST_MAX];

	while (weir_clock_mono_ns() < last + 200 * WEIR_NS_PER_MS) {
		uint16_t n = src->ops->rx(src, 0, f, WEIR_BURST_MAX);

		src->ops->done(src, f, n);
		sum += n;
		if (n > 0)
			last = weir_clock_mono_ns();
	}
	return sum;
}

static void test_af_xdp_takes_what_is_sent(void)
{
	static const uint32_t lens[] = { 60, 590, 1514, 3400 };
	struct weir_source *src;
	int fd;

	CU_ASSERT_FATAL(veth_make(3400));
	src = opened("net_af_xdp0,iface=wa");
	fd = sender_open("wb");
	wait_link(src, WEIR_ETHDEV_UP);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(lens); i++) {
		send_frames(fd, 200, lens[i]);
		comes(src, 200, lens[i]);
	}
	CU_ASSERT_EQUAL(missed(src), 0);
	CU_ASSERT_STRING_EQUAL(state_of(src).driver, "net_af_xdp");
	close(fd);
	closed(src);
}

static void check_missed(struct weir_source *src, const char *interface)
{
	const uint32_t n = 20000;
	int fd = sender_open(interface);
	uint64_t got;

	send_frames(fd, n, 100);
	got = take_rest(src);
	CU_ASSERT(got > 0 && got < n);
	CU_ASSERT_EQUAL(got + missed(src), n);
	if (got + missed(src) != n)
		fprintf(stderr, "%s: %lu + %lu\n", src->label, got, missed(src));
	close(fd);
	closed(src);
}

static void test_af_xdp_counts_what_it_missed(void)
{
	CU_ASSERT_FATAL(veth_make(1500));
	check_missed(opened("net_af_xdp0,iface=wa"), "wb");
}

static void test_af_packet_counts_what_it_missed(void)
{
	CU_ASSERT_FATAL(veth_make(1500));
	check_missed(opened("net_af_packet0,iface=wa"), "wb");
}

static void check_down_and_up(const char *device)
{
	struct weir_source *src;
	struct weir_ethdev_state s;
	int fd;

	CU_ASSERT_FATAL(veth_make(1500));
	src = opened(device);
	wait_link(src, WEIR_ETHDEV_UP);
	CU_ASSERT(run("ip link set wb down"));
	wait_link(src, WEIR_ETHDEV_DOWN);
	CU_ASSERT(run("ip link set wb up") && veth_settle());
	wait_link(src, WEIR_ETHDEV_UP);
	s = state_of(src);
	CU_ASSERT_EQUAL(s.downs, 1);
	CU_ASSERT_EQUAL(s.returns, 1);
	fd = sender_open("wb");
	send_frames(fd, 50, 100);
	comes(src, 50, 100);
	close(fd);
	closed(src);
}

static void test_the_link_goes_down_and_up(void)
{
	check_down_and_up("net_af_xdp0,iface=wa");
	check_down_and_up("net_af_packet0,iface=wa");
}

static void check_removal(const char *device)
{
	for (int i = 0; i < 3; i++) {
		struct weir_source *src;
		int fd;

		CU_ASSERT_FATAL(veth_make(1500));
		src = opened(device);
		fd = sender_open("wb");
		wait_link(src, WEIR_ETHDEV_UP);
		send_frames(fd, 50, 100);
		comes(src, 50, 100);
		close(fd);
		veth_remove();
		wait_link(src, WEIR_ETHDEV_GONE);
		CU_ASSERT_PTR_NOT_NULL(strstr(state_of(src).err.msg, "no longer there"));
		CU_ASSERT_EQUAL(take_rest(src), 0);
		CU_ASSERT(veth_make(1500));
		CU_ASSERT_EQUAL(state_of(src).link,
				WEIR_ETHDEV_GONE); /* another interface of the name */
		closed(src);
	}
}

static void test_an_interface_is_removed_and_back(void)
{
	check_removal("net_af_xdp0,iface=wa");
	check_removal("net_af_packet0,iface=wa");
}

static bool is_promiscuous(void)
{
	return run_at_capture("ip -o link show wa | grep -q PROMISC");
}

static void test_promiscuous_is_asked_for_and_undone(void)
{
	static const char *const devices[] = { "net_af_xdp0,iface=wa", "net_af_packet0,iface=wa" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(devices); i++) {
		struct weir_ethdev_options o = { .device = devices[i], .numa = -1 };

		CU_ASSERT_FATAL(veth_make(1500));
		closed(opened_with(&o));
		CU_ASSERT_FALSE(is_promiscuous());
		o.promiscuous = true;
		for (int before = 0; before < 2; before++) {
			struct weir_source *src;

			if (before)
				CU_ASSERT(run_at_capture("ip link set wa promisc on"));
			src = opened_with(&o);
			CU_ASSERT_TRUE(is_promiscuous());
			closed(src);
			CU_ASSERT_EQUAL(is_promiscuous(), before);
		}
	}
}

/* Its sockets and their memory are given back: else the second would find the queue taken. */
static void test_af_xdp_opens_and_closes_thirty_times(void)
{
	struct weir_source *src;
	int first, last, fd;

	CU_ASSERT_FATAL(veth_make(1500));
	closed(opened("net_af_xdp0,iface=wa"));
	first = dup(0);
	close(first);
	fd = sender_open("wb");
	for (int i = 0; i < 30; i++) {
		src = opened("net_af_xdp0,iface=wa");
		send_frames(fd, 20, 100);
		comes(src, 20, 100);
		closed(src);
	}
	close(fd);
	last = dup(0);
	close(last);
	CU_ASSERT_EQUAL(last, first);
}

static void test_a_tap_takes_what_the_kernel_sends(void)
{
	for (int i = 0; i < 2; i++) {
		struct weir_ethdev_options o = { .device = "net_tap0,iface=wtap",
						 .mtu = 3000,
						 .promiscuous = true,
						 .numa = -1 };
		struct weir_source *src = opened_with(&o);
		int fd;

		CU_ASSERT(run_at_capture("ip link set wtap up"));
		wait_link(src, WEIR_ETHDEV_UP);
		go_to(ns_capture);
		fd = sender_open("wtap");
		go_to(ns_send);
		send_frames(fd, 100, 60);
		comes(src, 100, 60);
		send_frames(fd, 100, 3014);
		comes(src, 100, 3014);
		close(fd);
		CU_ASSERT_EQUAL(missed(src), 0);
		CU_ASSERT(run_at_capture("ip link set wtap down"));
		wait_link(src, WEIR_ETHDEV_DOWN);
		CU_ASSERT(run_at_capture("ip link set wtap up"));
		wait_link(src, WEIR_ETHDEV_UP);
		if (i == 0)
			CU_ASSERT(run_at_capture("ip link del wtap"));
		if (i == 0)
			wait_link(src, WEIR_ETHDEV_GONE);
		closed(src);
		CU_ASSERT_FALSE(run_at_capture("ip link show wtap >/dev/null 2>&1"));
	}
}

static void test_a_tap_counts_what_it_missed(void)
{
	struct weir_source *src = opened("net_tap0,iface=wtap");
	const uint32_t n = 20000;
	uint64_t got;
	int fd;

	CU_ASSERT(run_at_capture("ip link set wtap up"));
	go_to(ns_capture);
	fd = sender_open("wtap");
	go_to(ns_send);
	send_frames(fd, n, 100);
	got = take_rest(src);
	CU_ASSERT(got > 0 && got < n);
	CU_ASSERT_EQUAL(got + missed(src), n);
	if (got + missed(src) != n)
		fprintf(stderr, "tap: %lu + %lu\n", got, missed(src));
	close(fd);
	closed(src);
}

/* The af_xdp driver forgets 80 bytes a socket: DPDK's, not ours, to AddressSanitizer. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:xsk_umem__create";
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "af_xdp takes what is sent", test_af_xdp_takes_what_is_sent },
		{ "af_xdp counts what it missed", test_af_xdp_counts_what_it_missed },
		{ "af_packet counts what it missed", test_af_packet_counts_what_it_missed },
		{ "the link goes down and up", test_the_link_goes_down_and_up },
		{ "an interface is removed and back", test_an_interface_is_removed_and_back },
		{ "promiscuous is asked for and undone", test_promiscuous_is_asked_for_and_undone },
		{ "af_xdp opens and closes thirty times",
		  test_af_xdp_opens_and_closes_thirty_times },
		{ "a tap takes what the kernel sends", test_a_tap_takes_what_the_kernel_sends },
		{ "a tap counts what it missed", test_a_tap_counts_what_it_missed },
		CU_TEST_INFO_NULL,
	};
	const char *why;
	int failed;

	if (getenv("WEIR_TEST_DEBUG") != NULL)
		weir_log_level_set(WEIR_LOG_DEBUG);
	if (!namespaces_make(&why)) {
		fprintf(stderr, "skipped: %s\n", why);
		return 77;
	}
	failed = weir_test_main("ethdev/kernel", tests);
	weir_eal_stop();
	veth_remove();
	return failed;
}
