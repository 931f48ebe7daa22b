/* SPDX-License-Identifier: Apache-2.0 */
#include "decode_test.h"
#include "weir_test.h"

#include <weir_base.h>

/* A SYN as Linux sends it; layouts of RFC 791, RFC 9293, RFC 7323, RFC 2018. */
static const uint8_t syn[] = {
	0x02, 0,    0,    0,    0, 2,             /* Ethernet: destination */
	0x02, 0,    0,    0,    0, 1,             /* source */
	0x08, 0x00,                               /* IPv4 */
	0x45, 0x00,                               /* version 4, 5 words; TOS */
	0x00, 0x3c,                               /* total length 60 */
	0x1c, 0x46,                               /* identification */
	0x40, 0x00,                               /* don't fragment */
	0x40, 0x06,                               /* TTL 64, TCP */
	0x00, 0x00,                               /* checksum, not looked at */
	192,  0,    2,    1,                      /* source */
	192,  0,    2,    2,                      /* destination */
	0x9c, 0x40, 0x01, 0xbb,                   /* TCP: 40000 -> 443 */
	0x01, 0x02, 0x03, 0x04,                   /* sequence number */
	0x00, 0x00, 0x00, 0x00,                   /* acknowledgement */
	0xa0, 0x02,                               /* 10 words, SYN */
	0xfa, 0xf0,                               /* window 64240 */
	0x00, 0x00, 0x00, 0x00,                   /* checksum, urgent */
	0x02, 0x04, 0x05, 0xb4,                   /* MSS 1460 */
	0x04, 0x02,                               /* SACK permitted */
	0x08, 0x0a, 0,    0,    0, 1, 0, 0, 0, 0, /* time stamps */
	0x01,                                     /* no-operation */
	0x03, 0x03, 0x07,                         /* window scale 7 */
};
#define TCP_AT (14 + 20)

static void test_a_syn_is_known_whole(void)
{
	struct decoded r = decode_ether(syn, sizeof(syn));

	CU_ASSERT_EQUAL_FATAL(r.outcome, WEIR_OUTCOME_FLOW);
	CU_ASSERT_EQUAL(r.pkt.flags, WEIR_PKT_IP | WEIR_PKT_L4);
	CU_ASSERT_EQUAL(r.pkt.eth_type, 0x0800);
	CU_ASSERT_EQUAL(weir_be32(r.pkt.ip[WEIR_SRC].b), 0xc0000201);
	CU_ASSERT_EQUAL(weir_be32(r.pkt.ip[WEIR_DST].b), 0xc0000202);
	CU_ASSERT_EQUAL(r.pkt.proto, 6);
	CU_ASSERT_EQUAL(r.pkt.port[WEIR_SRC], 40000);
	CU_ASSERT_EQUAL(r.pkt.port[WEIR_DST], 443);
	CU_ASSERT_EQUAL(r.pkt.seq, 0x01020304);
	CU_ASSERT_EQUAL(r.pkt.tcp_flags, WEIR_TCP_SYN);
	CU_ASSERT_EQUAL(r.pkt.win, 64240);
	CU_ASSERT_EQUAL(r.pkt.data_offset, 10);
	CU_ASSERT_EQUAL(r.pkt.mss, 1460);
	CU_ASSERT_EQUAL(r.pkt.wscale, 7);
	CU_ASSERT_EQUAL(r.pkt.sack_permitted, 1);
	CU_ASSERT_EQUAL(r.pkt.ttl, 64);
	CU_ASSERT_EQUAL(r.pkt.ip_id, 0x1c46);
	CU_ASSERT_EQUAL(r.pkt.packet_len, 74);
	CU_ASSERT_EQUAL(r.pkt.l3_payload_len, 40);
	CU_ASSERT_EQUAL(r.pkt.l4_payload_len, 0);
}

static void test_a_cut_syn_keeps_what_is_known(void)
{
	for (size_t len = 14; len <= sizeof(syn); len++) {
		struct decoded r = decode_cut(WEIR_LINK_ETHER, syn, len, sizeof(syn), &appliance);

		CU_ASSERT_EQUAL_FATAL(r.outcome, WEIR_OUTCOME_FLOW);
		CU_ASSERT_EQUAL(r.pkt.eth_type, 0x0800);
		CU_ASSERT_EQUAL(r.pkt.packet_len, 74);
		CU_ASSERT_EQUAL(!!(r.pkt.flags & WEIR_PKT_IP), len >= TCP_AT);
		CU_ASSERT_EQUAL(r.pkt.port[WEIR_DST], len >= TCP_AT + 4 ? 443 : 0);
		CU_ASSERT_EQUAL(!!(r.pkt.flags & WEIR_PKT_L4), len >= TCP_AT + 20);
		CU_ASSERT_EQUAL(r.pkt.mss, len >= TCP_AT + 24 ? 1460 : 0);
	}
}

static void test_a_frame_without_its_link_header_is_short(void)
{
	for (size_t len = 0; len < 14; len++) {
		struct decoded r = decode_cut(WEIR_LINK_ETHER, syn, len, sizeof(syn), &appliance);

		CU_ASSERT_EQUAL(r.outcome, WEIR_OUTCOME_SHORT);
	}
}

static void test_padding_is_no_payload(void)
{
	uint8_t padded[sizeof(syn) + 6] = { 0 };
	struct decoded r;

	memcpy(padded, syn, sizeof(syn));
	r = decode_ether(padded, sizeof(padded));
	CU_ASSERT_EQUAL(r.pkt.packet_len, 74);
	CU_ASSERT_EQUAL(r.pkt.l4_payload_len, 0);
	CU_ASSERT_EQUAL(r.pkt.payload_cap, 0);
}

/* Spec: data plane, 3: kinds 254 and 200, length 8: port, IPv4 address. */
static void test_a_balancer_tells_the_address_before_it(void)
{
	static const uint8_t kinds[] = { 254, 200 };
	uint8_t toa[sizeof(syn)];
	struct decoded r;

	for (size_t i = 0; i < sizeof(kinds); i++) {
		memcpy(toa, syn, sizeof(syn));
		memcpy(toa + sizeof(syn) - 20,
		       (const uint8_t[]){ kinds[i], 8, 0x12, 0x34, 198, 51, 100, 7 }, 8);
		r = decode_ether(toa, sizeof(toa));
		CU_ASSERT(r.pkt.flags & WEIR_PKT_TOA);
		CU_ASSERT_EQUAL(r.pkt.nat_port, 0x1234);
		CU_ASSERT_EQUAL(r.pkt.nat_ip, 0xc6336407);
	}
	CU_ASSERT(!(decode_ether(syn, sizeof(syn)).pkt.flags & WEIR_PKT_TOA));
}

/* An option that says it is longer than the header, or shorter than itself, ends the options. */
static void test_options_that_overrun_are_left(void)
{
	static const uint8_t lengths[] = { 0, 1, 200 };
	uint8_t bad[sizeof(syn)];
	struct decoded r;

	for (size_t i = 0; i < sizeof(lengths); i++) {
		memcpy(bad, syn, sizeof(syn));
		bad[sizeof(syn) - 15] = lengths[i]; /* of SACK permitted, behind the MSS */
		r = decode_ether(bad, sizeof(bad));
		CU_ASSERT_EQUAL(r.pkt.mss, 1460);
		CU_ASSERT_EQUAL(r.pkt.sack_permitted, 0);
		CU_ASSERT_EQUAL(r.pkt.wscale, WEIR_WSCALE_NONE);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a SYN is known whole", test_a_syn_is_known_whole },
		{ "a cut SYN keeps what is known", test_a_cut_syn_keeps_what_is_known },
		{ "a frame without its link header is short",
		  test_a_frame_without_its_link_header_is_short },
		{ "padding is no payload", test_padding_is_no_payload },
		{ "a balancer tells the address before it",
		  test_a_balancer_tells_the_address_before_it },
		{ "options that overrun are left", test_options_that_overrun_are_left },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("decode/tcp", tests);
}
