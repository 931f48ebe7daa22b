/* SPDX-License-Identifier: Apache-2.0 */
/* Link headers, one row each, and what lies between them and IP. */
#include "decode_test.h"
#include "weir_test.h"

#define NET 1

struct link_case {
	const char *name;
	uint8_t link; /* enum weir_link */
	uint8_t hdr_len;
	uint8_t packet_hdr_len; /* what of it counts as the packet's */
	uint8_t hdr[48];
};

static const struct link_case cases[] = {
	{ "Ethernet (IEEE 802.3, 3.1.1)",
	  WEIR_LINK_ETHER,
	  14,
	  14,
	  { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00 } },
	{ "NULL, little-endian", WEIR_LINK_NULL, 4, 4, { 2, 0, 0, 0 } },
	{ "LOOP, network order", WEIR_LINK_NULL, 4, 4, { 0, 0, 0, 2 } },
	{ "RAW", WEIR_LINK_RAW, 0, 0, { 0 } },
	{ "SLL",
	  WEIR_LINK_SLL,
	  16,
	  16,
	  { 0, 0, 0, 1,                   /* to us; ARPHRD_ETHER */
	    0, 6, 2, 0, 0, 0, 0, 1, 0, 0, /* address length, address */
	    0x08, 0x00 } },
	{ "SLL2",
	  WEIR_LINK_SLL2,
	  20,
	  20,
	  { 0x08, 0x00, 0, 0,             /* protocol, reserved */
	    0,    0,    0, 3, 0, 1, 0, 6, /* interface; ARPHRD_ETHER, to us, address length */
	    2,    0,    0, 0, 0, 1, 0, 0 } },
	{ "PPP with address and control (RFC 1662, 3.1)",
	  WEIR_LINK_PPP,
	  4,
	  4,
	  { 0xff, 0x03, 0x00, 0x21 } },
	{ "PPP, both compressed (RFC 1661, 6.5, 6.6)", WEIR_LINK_PPP, 1, 1, { 0x21 } },
	{ "PPP that is Cisco HDLC", WEIR_LINK_PPP, 4, 4, { 0x0f, 0x00, 0x08, 0x00 } },
	{ "Cisco HDLC (RFC 1547, 4.3.1)", WEIR_LINK_CHDLC, 4, 4, { 0x0f, 0x00, 0x08, 0x00 } },
	{ "802.11 data to the access point (IEEE 802.11, 9.3.2.1)",
	  WEIR_LINK_80211,
	  32,
	  32,
	  { 0x08, 0x01, 0,    0,                       /* data; to the distribution system */
	    2,    0,    0,    0, 0, 9,                 /* access point */
	    2,    0,    0,    0, 0, 1,                 /* source */
	    2,    0,    0,    0, 0, 2,                 /* destination */
	    0x10, 0,                                   /* sequence 1, fragment 0 */
	    0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x00 } }, /* SNAP: RFC 1042 */
	{ "802.11 QoS data under radiotap",
	  WEIR_LINK_RADIOTAP,
	  42,
	  34,
	  { 0,    0,    8,    0, 0, 0, 0,    0, /* version 0, 8 bytes, no field */
	    0x88, 0x02, 0,    0,                /* QoS data; from the distribution system */
	    2,    0,    0,    0, 0, 2,          /* destination */
	    2,    0,    0,    0, 0, 9,          /* access point */
	    2,    0,    0,    0, 0, 1,          /* source */
	    0x10, 0,    0,    0,                /* sequence; QoS control */
	    0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x00 } },
	{ "802.3 with SNAP",
	  WEIR_LINK_ETHER,
	  22,
	  22,
	  { 2,    0,    0,    0, 0, 2, 2,    0,   0, 0, 0, 1, 0, 52, /* length: 8 + 44 */
	    0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x00 } },
	{ "QinQ (IEEE 802.1ad)",
	  WEIR_LINK_ETHER,
	  22,
	  22,
	  { 2,    0,    0,    0,    0,    2,    2,    0,
	    0,    0,    0,    1,    0x88, 0xa8, 0xa0, 0x64, /* priority 5, VID 100 */
	    0x81, 0x00, 0x00, 0xc8,                         /* VID 200 */
	    0x08, 0x00 } },
	{ "MPLS (RFC 3032, 2.1)", WEIR_LINK_ETHER, 22, 22, { 2,    0,  0, 0, 0,    2,    2, 0,
							     0,    0,  0, 1, 0x88, 0x47, 0, 1,
							     0x00, 64, 0, 2, 0x01, 64 } }, /* label 16, label 32 at the bottom */
	{ "MPLS pseudowire with control word (RFC 4448)",
	  WEIR_LINK_ETHER,
	  36,
	  14,
	  { 2, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 3, 0x88, 0x47, 0, 1, 0x01, 64, /* label 16, bottom */
	    0, 0, 0, 0,                                                     /* control word */
	    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00 } },
	{ "MPLS pseudowire without", WEIR_LINK_ETHER, 32, 14, { 2, 0, 0, 0,    0,    4, 2, 0,    0,
								0, 0, 3, 0x88, 0x47, 0, 1, 0x01, 64,
								2, 0, 0, 0,    0,    2, 2, 0,    0,
								0, 0, 1, 0x08, 0x00 } },
	{ "PPPoE (RFC 2516, 4)",
	  WEIR_LINK_ETHER,
	  22,
	  22,
	  { 2,    0,    0,    0,    0, 2, 2, 0, 0,  0, 0,
	    1,    0x88, 0x64, 0x11, 0, 0, 1, 0, 46, /* session stage, session 1, length 2 + 44 */
	    0x00, 0x21 } },
	{ "NSH on Ethernet (RFC 8300, 2)", WEIR_LINK_ETHER, 22, 14, { 2,    0,    0,    0,    0,
								      2,    2,    0,    0,    0,
								      0,    1,    0x89, 0x4f, 0x0f,
								      0xc2, 0x02, 0x01, 0,    0,
								      1,    255 } },
};

#define FOR_EACH_CASE(t) \
	for (const struct link_case *t = cases; t < cases + WEIR_ARRAY_SIZE(cases); t++)

static void test_every_link_is_known(void)
{
	struct build b;

	FOR_EACH_CASE(t)
	{
		struct decoded r;

		before_all(&b, NET);
		before(&b, t->hdr, t->hdr_len);
		r = decode_cut(t->link, built(&b), b.len, b.len, &appliance);
		if (!is_inner(&r.pkt, NET))
			printf("\n    not known: %s", t->name);
		CU_ASSERT_EQUAL(r.outcome, WEIR_OUTCOME_FLOW);
		CU_ASSERT(is_inner(&r.pkt, NET));
		CU_ASSERT_EQUAL(r.pkt.eth_type, 0x0800);
		CU_ASSERT_EQUAL(r.pkt.packet_len, t->packet_hdr_len + 44);
		CU_ASSERT_EQUAL(r.pkt.tunnel.type, WEIR_TUNNEL_NONE);
		if (t->link == WEIR_LINK_ETHER || t->link >= WEIR_LINK_80211)
			CU_ASSERT_EQUAL(r.pkt.mac[WEIR_DST][5], 2);
	}
}

static void test_every_cut_of_a_link_header_is_short_or_a_flow(void)
{
	struct build b;

	FOR_EACH_CASE(t)
	{
		before_all(&b, NET);
		before(&b, t->hdr, t->hdr_len);
		for (size_t len = 0; len < b.len; len++) {
			struct decoded r = decode_cut(t->link, built(&b), len, b.len, &appliance);

			CU_ASSERT(r.outcome == WEIR_OUTCOME_FLOW ||
				  r.outcome == WEIR_OUTCOME_SHORT);
			if (len >= t->hdr_len + 20u)
				CU_ASSERT_EQUAL(weir_be32(r.pkt.ip[WEIR_SRC].b), 0x0a010001);
		}
	}
}

static void test_an_unknown_link_is_an_outcome(void)
{
	static const uint8_t bytes[64];

	CU_ASSERT_EQUAL(decode_cut(WEIR_LINK_UNKNOWN, bytes, 64, 64, &appliance).outcome,
			WEIR_OUTCOME_LINKTYPE);
	CU_ASSERT_EQUAL(decode_cut(200, bytes, 64, 64, &appliance).outcome, WEIR_OUTCOME_LINKTYPE);
}

static void test_raw_bytes_that_are_no_ip_are_malformed(void)
{
	static const uint8_t bytes[64];

	CU_ASSERT_EQUAL(decode_cut(WEIR_LINK_RAW, bytes, 64, 64, &appliance).outcome,
			WEIR_OUTCOME_MALFORMED);
}

static void test_a_cut_tag_is_short(void)
{
	struct build b;

	before_all(&b, NET);
	BEFORE(&b, 0x00, 0x64, 0x08, 0x00);
	before_ether(&b, NET, 0x8100);
	for (size_t len = 0; len < 18; len++)
		CU_ASSERT_EQUAL(
			decode_cut(WEIR_LINK_ETHER, built(&b), len, b.len, &appliance).outcome,
			WEIR_OUTCOME_SHORT);
}

static void test_a_stripped_tag_is_as_if_in_the_frame(void)
{
	struct build in, out;
	struct weir_frame frame = { .link = WEIR_LINK_ETHER,
				    .flags = WEIR_FRAME_VLAN,
				    .vlan_tci = 0xa064 };
	struct decoded a, b;

	for (int arp = 0; arp < 2; arp++) {
		uint16_t type = arp ? 0x0806 : 0x0800;

		before_all(&out, NET);
		before_ether(&out, NET, type);
		before_all(&in, NET);
		BEFORE(&in, 0xa0, 0x64, type >> 8, type & 0xff);
		before_ether(&in, NET, 0x8100);
		frame.data = built(&out);
		frame.caplen = (uint32_t)out.len;
		frame.wirelen = (uint32_t)in.len;
		a = decode_frame(frame, &appliance);
		b = decode_ether(built(&in), in.len);
		CU_ASSERT_EQUAL(a.pkt.tags, b.pkt.tags);
		CU_ASSERT_EQUAL(a.pkt.tci[0], 0xa064);
		CU_ASSERT_EQUAL(a.pkt.tci[1], 0xa064);
		CU_ASSERT_EQUAL(a.pkt.vlan, 100);
		CU_ASSERT_EQUAL(a.pkt.packet_len, b.pkt.packet_len);
		CU_ASSERT_EQUAL(a.pkt.port[WEIR_DST], b.pkt.port[WEIR_DST]);
	}
}

/* Spec: data plane, 1.6 and 3. */
static void test_tags_are_the_outermost_vlan_the_innermost(void)
{
	struct build b;
	struct decoded r;

	before_all(&b, NET);
	BEFORE(&b, 0x01, 0x2c, 0x08, 0x00); /* VID 300 */
	before_ether(&b, NET, 0x8100);
	BEFORE(&b, 0x08, 0, 0, 0, 0, 0, 1, 0);
	before_udp(&b, 50000, 4789);
	before_ipv4(&b, 2, 17);
	BEFORE(&b, 0x60, 0x01, 0x81, 0x00, /* priority 3, VID 1 */
	       0x00, 0x02, 0x81, 0x00,     /* VID 2 */
	       0x00, 0x03, 0x08, 0x00);    /* VID 3 */
	before_ether(&b, 2, 0x9100);
	r = decode_built(&b, &appliance);
	CU_ASSERT(is_inner(&r.pkt, NET));
	CU_ASSERT_EQUAL(r.pkt.tags, 2);
	CU_ASSERT_EQUAL(r.pkt.tci[0], 0x6001);
	CU_ASSERT_EQUAL(r.pkt.tci[1], 0x0002);
	CU_ASSERT_EQUAL(r.pkt.vlan, 300);
	CU_ASSERT_EQUAL(r.pkt.packet_len, 18 + 44);
}

static void test_spanning_tree_is_a_flow_of_llc(void)
{
	struct build b = { .len = 0 };
	struct decoded r;

	BEFORE(&b, 0x42, 0x42, 0x03, 0, 0, 0, 0, 0); /* DSAP, SSAP of STP: IEEE 802.1D */
	before_ether(&b, NET, 8);
	r = decode_cut(WEIR_LINK_ETHER, built(&b), b.len, 60, &appliance);
	CU_ASSERT_EQUAL(r.outcome, WEIR_OUTCOME_FLOW);
	CU_ASSERT_EQUAL(r.pkt.eth_type, 0);
	CU_ASSERT_EQUAL(r.pkt.flags, 0);
	CU_ASSERT_EQUAL(r.pkt.packet_len, 60);
}

static void test_an_arp_request_shows_both_addresses(void)
{
	struct build b = { .len = 0 };
	struct decoded r;

	BEFORE(&b, 0, 1, 0x08, 0x00, 6, 4, 0, 1, /* Ethernet, IPv4, lengths, request: RFC 826 */
	       2, 0, 0, 0, 1, 1, 192, 0, 2, 1,   /* sender */
	       0, 0, 0, 0, 0, 0, 192, 0, 2, 2);  /* target */
	before_ether(&b, NET, 0x0806);
	r = decode_cut(WEIR_LINK_ETHER, built(&b), b.len, 60, &appliance);
	CU_ASSERT_EQUAL(r.pkt.flags, WEIR_PKT_ARP | WEIR_PKT_ARP_REQUEST);
	CU_ASSERT_EQUAL(weir_be32(r.pkt.ip[WEIR_SRC].b), 0xc0000201);
	CU_ASSERT_EQUAL(weir_be32(r.pkt.ip[WEIR_DST].b), 0xc0000202);
	CU_ASSERT_EQUAL(r.pkt.packet_len, 60);
	CU_ASSERT_PTR_NULL(r.pkt.l3);
}

static void test_encrypted_wireless_is_a_flow_of_addresses(void)
{
	static const uint8_t frame[40] = { 0x08, 0x41, 0, 0, 2, 0, 0, 0, 0, 9, 2,
					   0,    0,    0, 0, 1, 2, 0, 0, 0, 0, 2 };
	struct decoded r = decode_cut(WEIR_LINK_80211, frame, sizeof(frame), sizeof(frame),
				      &appliance);

	CU_ASSERT_EQUAL(r.outcome, WEIR_OUTCOME_FLOW);
	CU_ASSERT_EQUAL(r.pkt.mac[WEIR_SRC][5], 1);
	CU_ASSERT_EQUAL(r.pkt.mac[WEIR_DST][5], 2);
	CU_ASSERT_EQUAL(r.pkt.eth_type, 0);
}

static void test_mpls_that_is_not_asked_for_is_an_ethertype(void)
{
	struct weir_decode_conf conf = { .decap = 1u << WEIR_TUNNEL_VXLAN, .max_tunnels = 2 };
	struct build b;
	struct decoded r;

	before_all(&b, NET);
	BEFORE(&b, 0, 1, 0x01, 64);
	before_ether(&b, NET, 0x8847);
	r = decode_built(&b, &conf);
	CU_ASSERT_EQUAL(r.pkt.eth_type, 0x8847);
	CU_ASSERT_EQUAL(r.pkt.flags, 0);
	CU_ASSERT_EQUAL(r.pkt.packet_len, b.len);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every link is known", test_every_link_is_known },
		{ "every cut of a link header is short or a flow",
		  test_every_cut_of_a_link_header_is_short_or_a_flow },
		{ "an unknown link is an outcome", test_an_unknown_link_is_an_outcome },
		{ "raw bytes that are no IP are malformed",
		  test_raw_bytes_that_are_no_ip_are_malformed },
		{ "a cut tag is short", test_a_cut_tag_is_short },
		{ "a stripped tag is as if in the frame",
		  test_a_stripped_tag_is_as_if_in_the_frame },
		{ "tags are the outermost, vlan the innermost",
		  test_tags_are_the_outermost_vlan_the_innermost },
		{ "spanning tree is a flow of LLC", test_spanning_tree_is_a_flow_of_llc },
		{ "an ARP request shows both addresses", test_an_arp_request_shows_both_addresses },
		{ "encrypted wireless is a flow of addresses",
		  test_encrypted_wireless_is_a_flow_of_addresses },
		{ "MPLS that is not asked for is an ethertype",
		  test_mpls_that_is_not_asked_for_is_an_ethertype },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("decode/link", tests);
}
