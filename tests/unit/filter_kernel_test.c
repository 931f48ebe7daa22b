/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program for kernel sockets, run by the kernel. A pair of Unix sockets runs it over any bytes and
 * needs no privilege; tags beside frames come from a TAP device in a network of our own, which needs
 * user namespaces or root.
 */
#include "filter_test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define FRAMES    64
#define FRAME_MAX 96
#define SNAPLEN   65535
#define WAIT_MS   2000
#define DEVICE    "weirtest"
#define MARK_LEN \
	60 /* Ethernet's least without FCS; other frames the kernel sends are ours no more */
#define MARK_ETHER 0x88b5 /* IEEE 802, local experimental ethertype 1 */

static const uint8_t plain[] = { MACS, 8, 0, IPV4_TCP };

static struct weir_filter *ether_filter(const char *expression)
{
	const struct weir_filter_options o = { .expression = expression,
					       .links = 1u << WEIR_LINK_ETHER };
	struct weir_filter *f = weir_filter_create(&o, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	return f;
}

static void attach(int fd, const struct weir_filter *f, uint32_t snaplen)
{
	struct sock_filter insns[WEIR_FILTER_CLASSIC_MAX];
	int n = weir_filter_classic(f, WEIR_LINK_ETHER, snaplen, insns, WEIR_FILTER_CLASSIC_MAX);
	struct sock_fprog prog = { (unsigned short)n, insns };

	CU_ASSERT_FATAL(n > 0);
	CU_ASSERT_EQUAL_FATAL(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), 0);
}

/* Bytes that come through, or -1. */
static ssize_t through(const int fd[2], const uint8_t *bytes, size_t len)
{
	uint8_t got[FRAME_MAX];

	CU_ASSERT_EQUAL(send(fd[0], bytes, len, 0), (ssize_t)len);
	return recv(fd[1], got, sizeof(got), MSG_DONTWAIT);
}

/* Headers that many expressions match, and then a few bytes that are anything. */
static uint32_t random_frame(uint8_t *bytes)
{
	memcpy(bytes, plain, sizeof(plain));
	for (size_t i = sizeof(plain); i < FRAME_MAX; i++)
		bytes[i] = (uint8_t)random_u32();
	for (uint32_t i = random_u32() % 4; i > 0; i--)
		bytes[random_u32() % sizeof(plain)] = (uint8_t)random_u32();
	if (random_u32() % 4 == 0)
		bytes[13] = 0x06;
	return random_u32() % 8 ? FRAME_MAX : random_u32() % FRAME_MAX;
}

static void test_the_kernel_decides_as_we_do(void)
{
	static const char *const expressions[] = {
		"",
		"tcp port 80",
		"host 10.0.0.1 or net 10.2.0.0/16",
		"not ip",
		"arp or vlan",
		"len > 50",
		"ip[ip[2:2]-4:4] = 0x47455420",
		"tcp[(tcp[12]>>4)*4:4] = 0x47455420",
		"ip[4:2] / ip[1] = 1 or ip[4:2] % ip[9] = 1",
		"ether[ip[8]] & 1 = 0",
		"ip[12:4] ^ ip[16:4] = 0x0002000b3 or ip[15] > 0",
		"portrange 1-100 and not src net 10.1.0.0/16",
	};
	int fd[2];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(expressions); i++) {
		struct weir_filter *f = ether_filter(expressions[i]);
		unsigned int passed = 0;

		CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
		attach(fd[1], f, SNAPLEN);
		for (int j = 0; j < FRAMES; j++) {
			uint8_t bytes[FRAME_MAX];
			uint32_t len = random_frame(bytes);
			const struct weir_frame frame = { .data = bytes,
							  .caplen = len,
							  .wirelen = len,
							  .link = WEIR_LINK_ETHER };
			bool pass = through(fd, bytes, len) >= 0;

			CU_ASSERT_EQUAL(pass, weir_filter_match(f, &frame));
			passed += pass;
		}
		CU_ASSERT(passed > 0);
		close(fd[0]);
		close(fd[1]);
		weir_filter_destroy(f);
	}
}

static void test_what_passes_is_cut_to_the_snap_length(void)
{
	static const uint32_t snaplens[] = { 1, 14, 57, 58, 65535 };
	struct weir_filter *f = ether_filter("tcp port 80");
	int fd[2];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(snaplens); i++) {
		CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
		attach(fd[1], f, snaplens[i]);
		CU_ASSERT_EQUAL(through(fd, plain, sizeof(plain)),
				(ssize_t)weir_min_u64(snaplens[i], sizeof(plain)));
		close(fd[0]);
		close(fd[1]);
	}
	weir_filter_destroy(f);
}

/* Beyond that net.core.optmem_max, 20 KB by default, may be in the way. */
static void test_a_program_of_a_thousand_instructions_is_one_the_kernel_takes(void)
{
	struct sock_filter insns[WEIR_FILTER_CLASSIC_MAX];
	struct weir_filter *f;
	char text[2048];
	size_t n = 0;
	int fd[2];

	for (int i = 1; i <= 80; i++)
		n += (size_t)sprintf(text + n, "%snet %d.%d", i > 1 ? " or " : "", i, i);
	f = ether_filter(text);
	CU_ASSERT(weir_filter_classic(f, WEIR_LINK_ETHER, SNAPLEN, insns, WEIR_FILTER_CLASSIC_MAX) >
		  1000);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
	attach(fd[1], f, SNAPLEN);
	close(fd[0]);
	close(fd[1]);
	weir_filter_destroy(f);
}

static void test_only_links_of_packet_sockets_have_one(void)
{
	struct weir_filter_options o = { .expression = "ip", .links = UINT32_MAX };
	struct weir_filter *f = weir_filter_create(&o, NULL);
	struct sock_filter insns[WEIR_FILTER_CLASSIC_MAX];

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (unsigned int link = 0; link <= WEIR_LINKS; link++) {
		int n = weir_filter_classic(f, link, 1, insns, WEIR_FILTER_CLASSIC_MAX);
		bool there = link == WEIR_LINK_ETHER || link == WEIR_LINK_RAW ||
			     link == WEIR_LINK_PPP;

		CU_ASSERT_EQUAL(n > 0, there);
		CU_ASSERT(there || n == -ENOENT);
	}
	CU_ASSERT_EQUAL(weir_filter_classic(f, WEIR_LINK_ETHER, 1, insns, 4), -ENOSPC);
	weir_filter_destroy(f);
}

/* By 32 and more: libpcap gives 0, the kernel's native code takes it modulo 32. */
static void test_shifts_by_what_a_packet_says_are_not_for_the_kernel(void)
{
	struct weir_filter *f = ether_filter("ip[0] << (ip[8] & 63) > 200");
	struct sock_filter insns[WEIR_FILTER_CLASSIC_MAX];

	CU_ASSERT_EQUAL(weir_filter_classic(f, WEIR_LINK_ETHER, 1, insns, WEIR_FILTER_CLASSIC_MAX),
			-EOPNOTSUPP);
	weir_filter_destroy(f);
}

/* A TAP device, up, in a network namespace of ours. -1: this machine does not let us. */
static int tap_open(void)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd, ctl, rc;

	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return -1;
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	strcpy(ifr.ifr_name, DEVICE);
	ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rc = ioctl(fd, TUNSETIFF, &ifr);
	ifr.ifr_flags = IFF_UP | IFF_NOARP;
	if (rc != 0 || ioctl(ctl, SIOCSIFFLAGS, &ifr) != 0) {
		close(fd);
		fd = -1;
	}
	close(ctl);
	return fd;
}

static int packet_socket(const struct weir_filter *f)
{
	struct sockaddr_ll sa = { .sll_family = AF_PACKET, .sll_protocol = htobe16(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	attach(fd, f, SNAPLEN);
	sa.sll_ifindex = (int)if_nametoindex(DEVICE);
	CU_ASSERT_EQUAL(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* The next frame as a driver would hand it on, with its tag beside it. False: none came. */
static bool receive(int fd, uint8_t *bytes, size_t room, struct weir_frame *f)
{
	uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec iov = { bytes, room };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct tpacket_auxdata aux;
	ssize_t n;

	if (poll(&p, 1, WAIT_MS) != 1)
		return false;
	n = recvmsg(fd, &msg, MSG_DONTWAIT);
	CU_ASSERT_FATAL(n >= 0 && CMSG_FIRSTHDR(&msg) != NULL);
	memcpy(&aux, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(aux));
	*f = (struct weir_frame){
		.data = bytes, .caplen = (uint32_t)n, .wirelen = aux.tp_len, .link = WEIR_LINK_ETHER
	};
	if (aux.tp_status & TP_STATUS_VLAN_VALID) {
		f->flags = WEIR_FRAME_VLAN;
		f->vlan_tci = aux.tp_vlan_tci;
		f->wirelen += 4;
	}
	return true;
}

static void write_frame(int tap, const uint8_t *bytes, size_t len)
{
	CU_ASSERT_EQUAL(write(tap, bytes, len), (ssize_t)len);
}

/* What matches of: no tag, VLAN 100, an end mark. The kernel's filter and then ours; bits in that order. */
static unsigned int pass_of(int tap, const char *expression)
{
	static const uint8_t tagged[] = { MACS, 0x81, 0, 0, 100, 8, 0, IPV4_TCP };
	static const uint8_t mark[MARK_LEN] = { MACS, MARK_ETHER >> 8, MARK_ETHER & 0xff };
	char text[160];
	struct weir_filter *f;
	struct weir_frame frame;
	uint8_t bytes[256];
	unsigned int passed = 0;
	int fd;

	/* First: what comes after `vlan` is looked for behind the tag. */
	snprintf(text, sizeof(text), "ether proto 0x88b5 or (%s)", expression);
	f = ether_filter(text);
	fd = packet_socket(f);
	CU_ASSERT_FATAL(fd >= 0);
	write_frame(tap, plain, sizeof(plain));
	write_frame(tap, tagged, sizeof(tagged));
	write_frame(tap, mark, sizeof(mark));
	while ((passed & 4) == 0) {
		if (!receive(fd, bytes, sizeof(bytes), &frame)) {
			CU_FAIL("the mark did not come");
			break;
		}
		if (!weir_filter_match(f, &frame))
			continue;
		if (weir_be16(bytes + 12) == MARK_ETHER)
			passed |= 4;
		else
			passed |= frame.flags & WEIR_FRAME_VLAN ? 2 : 1;
	}
	close(fd);
	weir_filter_destroy(f);
	return passed;
}

static void test_a_tag_the_kernel_took_out_is_seen_behind_it(void)
{
	int tap = tap_open();

	if (tap < 0) {
		printf("skipped: no TAP device in a network of our own: %s\n", strerror(errno));
		return;
	}
	CU_ASSERT_EQUAL(pass_of(tap, "tcp port 80"), 4 | 1);
	CU_ASSERT_EQUAL(pass_of(tap, "vlan"), 4 | 2);
	CU_ASSERT_EQUAL(pass_of(tap, "vlan 100 and tcp port 80"), 4 | 2);
	CU_ASSERT_EQUAL(pass_of(tap, "vlan 101"), 4);
	CU_ASSERT_EQUAL(pass_of(tap, "tcp port 80 or (vlan and tcp port 80)"), 4 | 2 | 1);
	close(tap);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the kernel decides as we do", test_the_kernel_decides_as_we_do },
		{ "what passes is cut to the snap length",
		  test_what_passes_is_cut_to_the_snap_length },
		{ "a program of a thousand instructions is one the kernel takes",
		  test_a_program_of_a_thousand_instructions_is_one_the_kernel_takes },
		{ "only links of packet sockets have one",
		  test_only_links_of_packet_sockets_have_one },
		{ "shifts by what a packet says are not for the kernel",
		  test_shifts_by_what_a_packet_says_are_not_for_the_kernel },
		{ "a tag the kernel took out is seen behind it",
		  test_a_tag_the_kernel_took_out_is_seen_behind_it },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("filter/kernel", tests);
}
