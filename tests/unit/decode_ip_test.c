/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4, IPv6 with extension headers, fragments, ICMP: layouts of RFC 791, 8200, 4302, 792, 4443. */
#include "decode_test.h"
#include "weir_test.h"

#define NET 1

/* An IPv4 packet of 24 bytes of UDP, with this total length and these fragment bits. */
static struct decoded ipv4(uint16_t total, uint16_t frag, size_t wirelen)
{
	struct build b;

	before_all(&b, NET);
	before_ether(&b, NET, 0x0800);
	memcpy(built(&b) + 16, (const uint8_t[]){ total >> 8, total & 0xff }, 2);
	memcpy(built(&b) + 20, (const uint8_t[]){ frag >> 8, frag & 0xff }, 2);
	return decode_cut(WEIR_LINK_ETHER, built(&b), b.len, wirelen, &appliance);
}

static void test_the_first_fragment_has_ports(void)
{
	struct decoded r = ipv4(44, 0x2000, 58);

	CU_ASSERT_EQUAL(r.pkt.flags, WEIR_PKT_IP | WEIR_PKT_L4 | WEIR_PKT_FRAGMENT);
	CU_ASSERT_EQUAL(r.pkt.port[WEIR_DST], 2222);
	CU_ASSERT_EQUAL(r.pkt.ip_id, 0x1234);
}

/* Spec: data plane, 12.3: the offset has 13 bits, upstream's 12 make this one a first fragment. */
static void test_a_later_fragment_has_no_ports(void)
{
	struct decoded r = ipv4(44, 0x1000, 58);

	CU_ASSERT_EQUAL(r.pkt.flags, WEIR_PKT_IP | WEIR_PKT_FRAGMENT | WEIR_PKT_LATER_FRAGMENT);
	CU_ASSERT_EQUAL(r.pkt.port[WEIR_SRC], 0);
	CU_ASSERT_EQUAL(r.pkt.port[WEIR_DST], 0);
	CU_ASSERT_EQUAL(r.pkt.frag_off, 0x1000);
	CU_ASSERT_EQUAL(r.pkt.l3_payload_len, 24);
	CU_ASSERT_EQUAL(r.pkt.l4_payload_len, 24);
}

static void test_a_later_fragment_takes_the_ports_it_is_given(void)
{
	struct build b;
	struct weir_frame frame = { .link = WEIR_LINK_ETHER,
				    .flags = WEIR_FRAME_PORTS,
				    .ports = { 5, 6 } };
	struct decoded r;

	before_all(&b, NET);
	before_ether(&b, NET, 0x0800);
	built(&b)[21] = 8;
	frame.data = built(&b);
	frame.caplen = frame.wirelen = (uint32_t)b.len;
	r = decode_frame(frame, &appliance);
	CU_ASSERT_EQUAL(r.pkt.port[WEIR_SRC], 5);
	CU_ASSERT_EQUAL(r.pkt.port[WEIR_DST], 6);
	CU_ASSERT(!(r.pkt.flags & WEIR_PKT_L4));
}

/* Spec: data plane, 3: segmentation offload leaves the length 0. */
static void test_total_length_0_means_all_there_was(void)
{
	struct decoded r = ipv4(0, 0x4000, 70014);

	CU_ASSERT_EQUAL(r.pkt.packet_len, 70014);
	CU_ASSERT_EQUAL(r.pkt.l3_payload_len, 70000 - 20);
	CU_ASSERT_EQUAL(r.pkt.l4_payload_len, 70000 - 28);
	CU_ASSERT_EQUAL(r.pkt.payload_cap, 16);
}

/* Spec: data plane, 3: packet_len + 16 < original length. */
static void test_a_joined_frame_has_its_wire_length(void)
{
	CU_ASSERT_EQUAL(ipv4(44, 0, 74).pkt.packet_len, 58);
	CU_ASSERT_EQUAL(ipv4(44, 0, 75).pkt.packet_len, 75);
	CU_ASSERT_EQUAL(ipv4(44, 0, 75).pkt.l4_payload_len, 16);
}

static void test_a_length_below_the_header_is_no_ip(void)
{
	struct decoded r = ipv4(19, 0, 58);

	CU_ASSERT_EQUAL(r.outcome, WEIR_OUTCOME_FLOW);
	CU_ASSERT_EQUAL(r.pkt.flags, 0);
	CU_ASSERT_EQUAL(r.pkt.eth_type, 0x0800);
	CU_ASSERT_EQUAL(r.pkt.packet_len, 58);
}

static void test_a_header_length_below_5_counts_as_5(void)
{
	struct build b;
	struct decoded r;

	before_all(&b, NET);
	before_ether(&b, NET, 0x0800);
	built(&b)[14] = 0x42;
	r = decode_built(&b, &appliance);
	CU_ASSERT(is_inner(&r.pkt, NET));
}

static void test_options_are_stepped_over(void)
{
	struct build b = { .len = 0 };
	struct decoded r;

	BEFORE(&b, 1, 2, 3, 4);
	before_udp(&b, 1111, 2222);
	BEFORE(&b, 0x47, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0,         /* 7 words, total length 40 */
	       10, 1, 0, 1, 10, 1, 0, 2, 0x94, 4, 0, 0, 0, 0, 0, 0); /* router alert */
	before_ether(&b, NET, 0x0800);
	r = decode_built(&b, &appliance);
	CU_ASSERT_EQUAL(r.pkt.port[WEIR_DST], 2222);
	CU_ASSERT_EQUAL(r.pkt.l3_payload_len, 12);
	CU_ASSERT_EQUAL(r.pkt.l4_payload_len, 4);
}

/* Hop-by-hop, routing, destination options, fragment 0, AH, then UDP. */
static void ipv6_with_everything(struct build *b, uint16_t frag)
{
	b->len = 0;
	BEFORE(b, 1, 2, 3, 4);
	before_udp(b, 1111, 2222);
	BEFORE(b, 17, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, /* AH: UDP, 4 + 2 words; SPI, sequence */
	       1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12); /* check value */
	BEFORE(b, 51, 0, frag >> 8, frag & 0xff, 0, 0, 0, 77); /* fragment: AH; id 77 */
	BEFORE(b, 44, 0, 1, 4, 0, 0, 0, 0);                    /* destination options */
	BEFORE(b, 60, 2, 4, 0, 0, 0, 0, 0,                     /* routing, 8 + 2 * 8 bytes */
	       0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9);
	BEFORE(b, 43, 0, 5, 2, 0, 0, 1, 0); /* hop-by-hop: router alert */
	before_ipv6(b, NET, 0);
	before_ether(b, NET, 0x86dd);
}

static void test_ipv6_extension_headers_are_walked(void)
{
	struct build b;
	struct decoded r;

	ipv6_with_everything(&b, 0);
	r = decode_built(&b, &appliance);
	CU_ASSERT_EQUAL(r.pkt.flags, WEIR_PKT_IP | WEIR_PKT_IPV6 | WEIR_PKT_L4);
	CU_ASSERT_EQUAL(r.pkt.proto, 17);
	CU_ASSERT_EQUAL(r.pkt.port[WEIR_DST], 2222);
	CU_ASSERT_EQUAL(r.pkt.l3_payload_len, 12);
	CU_ASSERT_EQUAL(r.pkt.l4_payload_len, 4);
	CU_ASSERT_EQUAL(r.pkt.ip_id, 77);
	CU_ASSERT_EQUAL(r.pkt.packet_len, b.len);
}

/* Spec: data plane, 12.3: upstream reads ports out of the middle of a datagram. */
static void test_a_later_ipv6_fragment_has_no_ports(void)
{
	struct build b;
	struct decoded r;

	ipv6_with_everything(&b, 0x0010);
	r = decode_built(&b, &appliance);
	CU_ASSERT(r.pkt.flags & WEIR_PKT_LATER_FRAGMENT);
	CU_ASSERT_EQUAL(r.pkt.frag_off, 2);
	CU_ASSERT_EQUAL(r.pkt.port[WEIR_DST], 0);
}

static void test_every_cut_of_ipv6_keeps_the_addresses(void)
{
	struct build b;

	ipv6_with_everything(&b, 0);
	for (size_t len = 14; len < b.len; len++) {
		struct decoded r = decode_cut(WEIR_LINK_ETHER, built(&b), len, b.len, &appliance);

		CU_ASSERT_EQUAL(r.outcome, WEIR_OUTCOME_FLOW);
		CU_ASSERT_EQUAL(!!(r.pkt.flags & WEIR_PKT_IP), len >= 54);
		CU_ASSERT_EQUAL(r.pkt.packet_len, b.len);
	}
}

/* A chain of extension headers without end is walked only so far. */
static void test_a_chain_of_extension_headers_ends(void)
{
	uint8_t frame[14 + 40 + 8 * 100] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60 };
	struct decoded r;

	frame[18] = (8 * 100) >> 8;
	frame[19] = (8 * 100) & 0xff;
	frame[20] = 60;
	for (size_t at = 54; at < sizeof(frame); at += 8)
		frame[at] = 60;
	r = decode_ether(frame, sizeof(frame));
	CU_ASSERT_EQUAL(r.outcome, WEIR_OUTCOME_FLOW);
	CU_ASSERT_EQUAL(r.pkt.proto, 60);
}

static struct decoded icmp(uint8_t type, bool v6, uint8_t first_src_byte)
{
	struct build b = { .len = 0 };

	BEFORE(&b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	       0, 0, 0, 0, 0);
	BEFORE(&b, type, 0, 0, 0, 0x12, 0x34, 0x00, 0x07); /* id, sequence */
	if (v6)
		before_ipv6(&b, NET, 58);
	else
		before_ipv4(&b, NET, 1);
	before_ether(&b, NET, v6 ? 0x86dd : 0x0800);
	if (v6) {
		built(&b)[22] = first_src_byte;
		built(&b)[23] = 0x80;
	}
	return decode_built(&b, &appliance);
}

static void test_icmp_follows_its_rules(void)
{
	struct decoded r = icmp(8, false, 0);

	CU_ASSERT_EQUAL(r.pkt.flags, WEIR_PKT_IP | WEIR_PKT_L4 | WEIR_PKT_ECHO_REQUEST);
	CU_ASSERT_EQUAL(r.pkt.icmp_id, 0x12340007);
	CU_ASSERT_EQUAL(r.pkt.l4_payload_len, 32);
	CU_ASSERT_EQUAL(r.pkt.port[WEIR_SRC] | r.pkt.port[WEIR_DST], 0);
	CU_ASSERT(icmp(0, false, 0).pkt.flags & WEIR_PKT_ECHO_REPLY);
	CU_ASSERT_EQUAL(icmp(3, false, 0).pkt.l4_payload_len, 4); /* 28 bytes are quoted */
	CU_ASSERT_EQUAL(icmp(3, false, 0).pkt.icmp_id, 0);
	CU_ASSERT_EQUAL(icmp(11, false, 0).pkt.l4_payload_len, 32);
	CU_ASSERT(icmp(128, true, 0xfd).pkt.flags & WEIR_PKT_ECHO_REQUEST);
	CU_ASSERT(icmp(129, true, 0xfd).pkt.flags & WEIR_PKT_ECHO_REPLY);
	CU_ASSERT(icmp(136, true, 0xfd).pkt.flags & WEIR_PKT_NDP_REPLY);
	CU_ASSERT(!(icmp(136, true, 0xfe).pkt.flags & WEIR_PKT_NDP_REPLY)); /* link-local */
}

static void test_other_protocols_have_no_ports(void)
{
	struct build b;
	struct decoded r;

	before_all(&b, NET);
	before_ether(&b, NET, 0x0800);
	built(&b)[23] = 132; /* SCTP: spec: data plane, 3, "other IP protocols" */
	r = decode_built(&b, &appliance);
	CU_ASSERT_EQUAL(r.pkt.proto, 132);
	CU_ASSERT_EQUAL(r.pkt.port[WEIR_DST], 0);
	CU_ASSERT_EQUAL(r.pkt.l4_payload_len, 24);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the first fragment has ports", test_the_first_fragment_has_ports },
		{ "a later fragment has no ports", test_a_later_fragment_has_no_ports },
		{ "a later fragment takes the ports it is given",
		  test_a_later_fragment_takes_the_ports_it_is_given },
		{ "total length 0 means all there was", test_total_length_0_means_all_there_was },
		{ "a joined frame has its wire length", test_a_joined_frame_has_its_wire_length },
		{ "a length below the header is no IP", test_a_length_below_the_header_is_no_ip },
		{ "a header length below 5 counts as 5", test_a_header_length_below_5_counts_as_5 },
		{ "options are stepped over", test_options_are_stepped_over },
		{ "IPv6 extension headers are walked", test_ipv6_extension_headers_are_walked },
		{ "a later IPv6 fragment has no ports", test_a_later_ipv6_fragment_has_no_ports },
		{ "every cut of IPv6 keeps the addresses",
		  test_every_cut_of_ipv6_keeps_the_addresses },
		{ "a chain of extension headers ends", test_a_chain_of_extension_headers_ends },
		{ "ICMP follows its rules", test_icmp_follows_its_rules },
		{ "other protocols have no ports", test_other_protocols_have_no_ports },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("decode/ip", tests);
}
