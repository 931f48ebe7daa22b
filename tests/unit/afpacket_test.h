/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A veth pair between two network namespaces of our own: `wa`, which is captured, in one that has no
 * process, `wb` in that of this process, which sends. Nothing else is on it: no addresses, no IPv6.
 */
#ifndef WEIR_AFPACKET_TEST_H
#define WEIR_AFPACKET_TEST_H

#include <weir_source_afpacket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ETHERTYPE_TEST 0x88b5 /* IEEE 802, local experimental */

static int ns_capture, ns_send; /* descriptors */
static char ns_path[64];        /* of the namespace with `wa` */

/* Run a command; its standard output and error are ours. */
__attribute__((format(printf, 1, 2))) static inline bool run(const char *fmt, ...)
{
	char command[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command) == 0;
}

static inline void go_to(int ns)
{
	if (setns(ns, CLONE_NEWNET) != 0)
		abort();
}

static inline bool run_at_capture(const char *command)
{
	bool ok;

	go_to(ns_capture);
	ok = run("%s", command);
	go_to(ns_send);
	return ok;
}

/* A namespace in which the kernel says nothing by itself. -1 = not permitted. */
static inline int ns_new(void)
{
	static const char *const quiet[] = { "/proc/sys/net/ipv6/conf/all/disable_ipv6",
					     "/proc/sys/net/ipv6/conf/default/disable_ipv6" };

	if (unshare(CLONE_NEWNET) != 0)
		return -1;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(quiet); i++) {
		const int fd = open(quiet[i], O_WRONLY);

		if (fd >= 0 && write(fd, "1", 1) != 1)
			abort();
		if (fd >= 0)
			close(fd);
	}
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* False when there are no namespaces to be had; then `why` says it. */
static inline bool namespaces_make(const char **why)
{
	ns_capture = ns_new();
	ns_send = ns_capture < 0 ? -1 : ns_new();
	*why = "network namespaces need root";
	if (ns_send < 0)
		return false;
	snprintf(ns_path, sizeof(ns_path), "/proc/%d/fd/%d", getpid(), ns_capture);
	*why = "no program ip, or no veth in this kernel";
	return run("ip link add name wt type veth peer name wu && ip link del wt");
}

static inline void veth_remove(void)
{
	(void)run("ip link del wb 2>/dev/null");
}

/*
 * `wb` has carrier a little after both ends are up, and takes packets only then: what is sent earlier is
 * lost without a word. The kernel says so first and does it next, under the lock that ip takes, too.
 */
static inline bool veth_settle(void)
{
	const uint64_t end = weir_clock_mono_ns() + 5 * WEIR_NS_PER_S;
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { .ifr_name = "wb" };

	do {
		usleep(500);
		if (ioctl(fd, SIOCGIFFLAGS, &req) != 0)
			break;
	} while (!(req.ifr_flags & IFF_RUNNING) && weir_clock_mono_ns() < end);
	close(fd);
	return run("ip link set wb up");
}

static inline bool veth_make(uint32_t mtu)
{
	veth_remove(); /* where a test failed before */
	return run("ip link add name wb mtu %u type veth peer name wa mtu %u netns %s", mtu, mtu,
		   ns_path) &&
	       run("ip link set wb up") && run_at_capture("ip link set wa up") && veth_settle();
}

/* A socket that sends on this interface of the thread's namespace. */
static inline int sender_open(const char *interface)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex(interface) };
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), bytes = 4 << 20;

	if (fd < 0 || to.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0)
		abort();
	return fd;
}

/* Packets that were sent one after the other stay in this order. */
static inline void stay_on_one_cpu(void)
{
	cpu_set_t set;
	const int cpu = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		abort();
}

/* Frame number `i` of `len` bytes, at least 14; from 18 on the number is in it. */
static inline void frame_make(uint8_t *f, uint32_t i, uint32_t len)
{
	static const uint8_t head[14] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ETHERTYPE_TEST >> 8, ETHERTYPE_TEST & 0xff
	};

	memcpy(f, head, sizeof(head));
	for (uint32_t j = 14; j < len; j++)
		f[j] = (uint8_t)(i * 31 + j * 7 + (j >> 8));
	if (len >= 18)
		memcpy(f + 14, &i, sizeof(i));
}

#endif
