/* SPDX-License-Identifier: Apache-2.0 */
/* Every tunnel, one row each; what must hold for all of them is one test over the rows. */
#include "decode_test.h"
#include "weir_test.h"

#define INNER_NET 1
#define OUTER_NET 2

enum inside { ETHER, IPV4, PPP, NSH_IPV4 };

struct tunnel_case {
	const char *name;
	uint8_t type; /* enum weir_tunnel_type */
	uint8_t ip_proto;
	uint16_t udp_port; /* with ip_proto 17 */
	uint32_t id;
	enum inside inside;
	uint8_t hdr_len;
	uint8_t hdr[24];
};

static const struct tunnel_case cases[] = {
	{ "VXLAN (RFC 7348, 5)",
	  WEIR_TUNNEL_VXLAN,
	  17,
	  4789,
	  0x123456,
	  ETHER,
	  8,
	  { 0x08, 0, 0, 0,           /* flags: VNI is there */
	    0x12, 0x34, 0x56, 0 } }, /* VNI */
	{ "VXLAN on Linux' old port",
	  WEIR_TUNNEL_VXLAN,
	  17,
	  8472,
	  1,
	  ETHER,
	  8,
	  { 0x08, 0, 0, 0, 0, 0, 1, 0 } },
	{ "VXLAN on port 6784",
	  WEIR_TUNNEL_VXLAN,
	  17,
	  6784,
	  1,
	  ETHER,
	  8,
	  { 0x08, 0, 0, 0, 0, 0, 1, 0 } },
	{ "VXLAN-GPE with NSH (RFC 8300, 2)",
	  WEIR_TUNNEL_VXLAN_NSH,
	  17,
	  4790,
	  5,
	  ETHER,
	  16,
	  { 0x0c, 0, 0, 4,          /* flags: VNI and protocol; NSH */
	    0, 0, 5, 0,             /* VNI */
	    0x0f, 0xc2, 0x02, 0x03, /* TTL 63, 2 words, MD type 2, Ethernet */
	    0, 0, 1, 255 } },       /* path 1, index 255 */
	{ "VXLAN-GPE with NSH and IPv4",
	  WEIR_TUNNEL_VXLAN_NSH,
	  17,
	  4790,
	  5,
	  IPV4,
	  16,
	  { 0x0c, 0, 0, 4, 0, 0, 5, 0, 0x0f, 0xc2, 0x02, 0x01, /* 2 words, MD type 2, IPv4 */
	    0, 0, 1, 255 } },
	{ "VXLAN-GPE with Ethernet",
	  WEIR_TUNNEL_VXLAN_NSH,
	  17,
	  4790,
	  5,
	  ETHER,
	  8,
	  { 0x0c, 0, 0, 3, 0, 0, 5, 0 } },
	{ "Geneve (RFC 8926, 3.4)",
	  WEIR_TUNNEL_GENEVE,
	  17,
	  6081,
	  0x0a0b0c,
	  ETHER,
	  16,
	  { 0x02, 0, 0x65, 0x58,        /* version 0, 2 words of options; Ethernet */
	    0x0a, 0x0b, 0x0c, 0,        /* VNI */
	    0, 1, 2, 1, 0, 0, 0, 0 } }, /* one option */
	{ "ERSPAN I",
	  WEIR_TUNNEL_ERSPAN,
	  47,
	  0,
	  0,
	  ETHER,
	  4,
	  { 0x00, 0x00, 0x88, 0xbe } }, /* GRE without any field */
	{ "ERSPAN II",
	  WEIR_TUNNEL_ERSPAN,
	  47,
	  0,
	  100,
	  ETHER,
	  16,
	  { 0x10, 0x00, 0x88, 0xbe, /* GRE with a sequence number */
	    0, 0, 0, 7,             /* it */
	    0x10, 0x0a, 0x00, 0x64, /* version 1, VLAN 10, session 100 */
	    0, 0, 0, 1 } },         /* index */
	{ "ERSPAN III",
	  WEIR_TUNNEL_ERSPAN,
	  47,
	  0,
	  9,
	  ETHER,
	  20,
	  { 0x10, 0x00, 0x22, 0xeb, 0,    0,
	    0,    7,    0x20, 0x0a, 0x00, 0x09, /* version 2, VLAN 10, session 9 */
	    0,    0,    0,    1,                /* time stamp */
	    0,    0,    0,    0 } },            /* group; Ethernet, no subheader */
	{ "ERSPAN III without sequence, with subheader",
	  WEIR_TUNNEL_ERSPAN,
	  47,
	  0,
	  9,
	  ETHER,
	  24,
	  { 0x00, 0x00, 0x22, 0xeb, 0x20, 0x0a, 0x00, 0x09,
	    0,    0,    0,    1,    0,    0,    0,    0x01, /* a subheader follows */
	    0x0c, 0,    0,    3,    0,    0,    0,    1 } },
	{ "GRE with key (RFC 2890)",
	  WEIR_TUNNEL_TENCENT_GRE,
	  47,
	  0,
	  0x01020304,
	  IPV4,
	  8,
	  { 0x20, 0x00, 0x08, 0x00, /* a key; IPv4 */
	    1, 2, 3, 4 } },
	{ "GRE with checksum, key, sequence",
	  WEIR_TUNNEL_TENCENT_GRE,
	  47,
	  0,
	  0x01020304,
	  IPV4,
	  16,
	  { 0xb0, 0x00, 0x08, 0x00, 0, 0, 0, 0, /* checksum, reserved */
	    1, 2, 3, 4,                         /* key */
	    0, 0, 0, 1 } },                     /* sequence */
	{ "plain GRE (RFC 2784)", WEIR_TUNNEL_GRE, 47, 0, 0, IPV4, 4, { 0, 0, 0x08, 0x00 } },
	{ "TEB",
	  WEIR_TUNNEL_TEB,
	  47,
	  0,
	  0x02000000,
	  ETHER,
	  8,
	  { 0x20, 0x00, 0x65, 0x58, /* a key; Ethernet */
	    2, 0, 0, 0 } },
	{ "PPTP (RFC 2637, 4.1)",
	  WEIR_TUNNEL_GRE,
	  47,
	  0,
	  0x00400007,
	  PPP,
	  16,
	  { 0x30, 0x81, 0x88, 0x0b, /* key, sequence, acknowledgement; version 1; PPP */
	    0, 0x40, 0, 7,          /* payload length, call id */
	    0, 0, 0, 1, 0, 0, 0, 2 } },
	{ "IP in IP (RFC 2003)", WEIR_TUNNEL_IPIP, 4, 0, 0, IPV4, 0, { 0 } },
	{ "GTP-U (TS 29.281, 5.1)",
	  WEIR_TUNNEL_GTPU,
	  17,
	  2152,
	  0x01020304,
	  IPV4,
	  8,
	  { 0x30, 0xff, 0, 44, /* version 1, G-PDU, length */
	    1, 2, 3, 4 } },    /* TEID */
	{ "GTP-U with an extension header",
	  WEIR_TUNNEL_GTPU,
	  17,
	  2152,
	  0x01020304,
	  IPV4,
	  16,
	  { 0x34, 0xff, 0, 52, 1, 2, 3, 4, 0, 0, 0,
	    0x85,           /* sequence, N-PDU; next: PDU session container */
	    1, 0, 9, 0 } }, /* 1 word, content, no further one */
	{ "L2TP v2 (RFC 2661, 3.1)",
	  WEIR_TUNNEL_L2TP,
	  17,
	  1701,
	  0x00050006,
	  PPP,
	  8,
	  { 0x40, 0x02, 0, 54, /* length is there; version 2 */
	    0, 5, 0, 6 } },    /* tunnel 5, session 6 */
	{ "L2TP v2 with all fields",
	  WEIR_TUNNEL_L2TP,
	  17,
	  1701,
	  0x00050006,
	  PPP,
	  16,
	  { 0x4a, 0x02, 0, 64, 0, 5, 0, 6, 0, 1, 0, 2, /* Ns, Nr */
	    0, 2, 0, 0 } },                            /* offset 2, its padding */
	{ "L2TP v3 over IP (RFC 3931, 4.1.1)",
	  WEIR_TUNNEL_L2TP,
	  115,
	  0,
	  7,
	  ETHER,
	  8,
	  { 0, 0, 0, 7,                 /* session 7 */
	    0xa1, 0xa2, 0xa3, 0xa4 } }, /* a cookie of 4 bytes */
	{ "L2TP v3 over UDP (RFC 3931, 4.1.2)",
	  WEIR_TUNNEL_L2TP,
	  17,
	  1701,
	  7,
	  ETHER,
	  8,
	  { 0x00, 0x03, 0, 0, /* version 3 */
	    0, 0, 0, 7 } },
};

/* `t` around what is in `b`, over IPv4 or IPv6, with a link header. */
static void around(struct build *b, const struct tunnel_case *t, bool over_ipv6)
{
	if (t->inside == ETHER)
		before_ether(b, INNER_NET, 0x0800);
	else if (t->inside == PPP)
		BEFORE(b, 0xff, 0x03, 0x00, 0x21); /* address, control; IPv4: RFC 1661, 2 */
	before(b, t->hdr, t->hdr_len);
	if (t->ip_proto == 17)
		before_udp(b, 50000, t->udp_port);
	if (over_ipv6)
		before_ipv6(b, OUTER_NET, t->ip_proto);
	else
		before_ipv4(b, OUTER_NET, t->ip_proto);
	before_ether(b, OUTER_NET, over_ipv6 ? 0x86dd : 0x0800);
}

static void make(struct build *b, const struct tunnel_case *t, bool over_ipv6)
{
	before_all(b, INNER_NET);
	around(b, t, over_ipv6);
}

static const struct weir_decode_conf untrimmed = {
	.decap = UINT32_MAX,
	.max_tunnels = 6,
};

#define FOR_EACH_CASE(t) \
	for (const struct tunnel_case *t = cases; t < cases + WEIR_ARRAY_SIZE(cases); t++)

static void test_every_tunnel_is_followed(void)
{
	struct build b;

	FOR_EACH_CASE(t)
	{
		struct decoded r;

		make(&b, t, false);
		r = decode_built(&b, &untrimmed);
		if (!is_inner(&r.pkt, INNER_NET))
			printf("\n    not followed: %s", t->name);
		CU_ASSERT(is_inner(&r.pkt, INNER_NET));
		CU_ASSERT_EQUAL(r.pkt.tunnel.type, t->type);
		CU_ASSERT_EQUAL(r.pkt.tunnel.id, t->id);
		CU_ASSERT_EQUAL(r.pkt.tunnel.tier, 1);
		CU_ASSERT_EQUAL(r.pkt.tunnel.is_ipv6, 0);
		CU_ASSERT_EQUAL(r.pkt.tunnel.ip[WEIR_SRC], 0x0a020001);
		CU_ASSERT_EQUAL(r.pkt.tunnel.ip[WEIR_DST], 0x0a020002);
		CU_ASSERT_EQUAL(r.pkt.tunnel.mac[WEIR_SRC], 0x00000201);
		CU_ASSERT_EQUAL(!!(r.pkt.flags & WEIR_PKT_PSEUDO_MAC), t->inside != ETHER);
		CU_ASSERT_EQUAL(r.pkt.packet_len, t->inside == PPP ? 14 + 4 + 44 : 14 + 44);
	}
}

static void test_an_ipv6_underlay_shows_the_last_4_bytes(void)
{
	struct build b;

	FOR_EACH_CASE(t)
	{
		struct decoded r;

		make(&b, t, true);
		r = decode_built(&b, &untrimmed);
		CU_ASSERT(is_inner(&r.pkt, INNER_NET));
		CU_ASSERT_EQUAL(r.pkt.tunnel.type, t->type);
		CU_ASSERT_EQUAL(r.pkt.tunnel.is_ipv6, 1);
		CU_ASSERT_EQUAL(r.pkt.tunnel.ip[WEIR_SRC], 0x00020001);
	}
}

/* Is this the outer packet, as if there were no tunnel? */
static bool is_outer(const struct weir_pkt *pkt, const struct tunnel_case *t)
{
	return (pkt->flags & WEIR_PKT_IP) && pkt->proto == t->ip_proto &&
	       weir_be32(pkt->ip[WEIR_SRC].b) == 0x0a020001 && pkt->port[WEIR_DST] == t->udp_port &&
	       pkt->tunnel.type == WEIR_TUNNEL_NONE && pkt->mac[WEIR_SRC][4] == OUTER_NET;
}

static void test_a_tunnel_that_is_not_asked_for_stays_closed(void)
{
	struct weir_decode_conf conf = untrimmed;
	struct build b;

	FOR_EACH_CASE(t)
	{
		struct decoded r;

		conf.decap = ~(1u << t->type);
		make(&b, t, false);
		r = decode_built(&b, &conf);
		CU_ASSERT_EQUAL(r.outcome, WEIR_OUTCOME_FLOW);
		CU_ASSERT(is_outer(&r.pkt, t));
	}
}

static void test_a_trimmed_tunnel_is_forgotten(void)
{
	struct weir_decode_conf conf = untrimmed;
	struct build b;

	FOR_EACH_CASE(t)
	{
		struct decoded r;

		conf.trim = 1u << t->type;
		make(&b, t, false);
		r = decode_built(&b, &conf);
		CU_ASSERT(is_inner(&r.pkt, INNER_NET));
		CU_ASSERT_EQUAL(r.pkt.tunnel.type, WEIR_TUNNEL_NONE);
		CU_ASSERT_EQUAL(r.pkt.tunnel.tier, 0);
		CU_ASSERT_EQUAL(r.pkt.erspan_src, t->type == WEIR_TUNNEL_ERSPAN ? 0x0a020001 : 0);
	}
}

static void test_garbage_inside_leaves_the_outer_packet(void)
{
	struct build b;

	FOR_EACH_CASE(t)
	{
		struct decoded r;

		make(&b, t, false);
		memset(built(&b) + b.len - 44, 0x55, 44);
		if (t->inside == ETHER) /* IPv4 is announced, and it is none */
			built(&b)[b.len - 44] = 0x15;
		r = decode_built(&b, &untrimmed);
		CU_ASSERT_EQUAL(r.outcome, WEIR_OUTCOME_FLOW);
		if (!is_outer(&r.pkt, t))
			printf("\n    taken for a tunnel: %s", t->name);
		CU_ASSERT(is_outer(&r.pkt, t));
	}
}

/* A capture's cut leaves the inner packet as far as it is one, or else the outer one. */
static void test_every_cut_leaves_a_packet(void)
{
	struct build b;

	FOR_EACH_CASE(t)
	{
		make(&b, t, false);
		for (size_t len = 14; len < b.len; len++) {
			struct decoded r = decode_cut(WEIR_LINK_ETHER, built(&b), len, b.len,
						      &untrimmed);
			/* 24 bytes are UDP and payload; below 44 no tunnel is looked for. */
			bool inner_ip = len >= b.len - 24 && len >= 14 + 44;

			CU_ASSERT_EQUAL_FATAL(r.outcome, WEIR_OUTCOME_FLOW);
			CU_ASSERT_EQUAL(r.pkt.tunnel.type != WEIR_TUNNEL_NONE, inner_ip);
			if (inner_ip)
				CU_ASSERT_EQUAL(weir_be32(r.pkt.ip[WEIR_SRC].b), 0x0a010001);
		}
	}
}

static void test_each_ip_version_goes_into_each(void)
{
	static const uint8_t outer_type[] = { 4, 6, 4, 6 }, inner_proto[] = { 4, 4, 41, 41 };

	for (int i = 0; i < 4; i++) {
		struct build b = { .len = 0 };
		struct decoded r;

		BEFORE(&b, 1, 2, 3, 4, 5, 6, 7, 8);
		before_udp(&b, 1111, 2222);
		if (inner_proto[i] == 4)
			before_ipv4(&b, INNER_NET, 17);
		else
			before_ipv6(&b, INNER_NET, 17);
		if (outer_type[i] == 4)
			before_ipv4(&b, OUTER_NET, inner_proto[i]);
		else
			before_ipv6(&b, OUTER_NET, inner_proto[i]);
		before_ether(&b, OUTER_NET, outer_type[i] == 4 ? 0x0800 : 0x86dd);
		r = decode_built(&b, &untrimmed);
		CU_ASSERT_EQUAL(r.pkt.tunnel.type, WEIR_TUNNEL_IPIP);
		CU_ASSERT_EQUAL(r.pkt.tunnel.is_ipv6, outer_type[i] == 6);
		CU_ASSERT_EQUAL(!!(r.pkt.flags & WEIR_PKT_IPV6), inner_proto[i] == 41);
		CU_ASSERT_EQUAL(r.pkt.eth_type, inner_proto[i] == 41 ? 0x86dd : 0x0800);
		CU_ASSERT_EQUAL(r.pkt.port[WEIR_DST], 2222);
	}
}

/* RFC 4380, 5.1.1: the address a server saw precedes the packet. */
static void test_teredo_is_followed_in_both_directions(void)
{
	for (int from_server = 0; from_server < 2; from_server++) {
		struct build b = { .len = 0 };
		struct decoded r;

		BEFORE(&b, 1, 2, 3, 4);
		before_udp(&b, 1111, 2222);
		before_ipv6(&b, INNER_NET, 17);
		if (from_server)
			BEFORE(&b, 0x00, 0x00, 0x11, 0x11, 1, 2, 3, 4); /* origin: port, address */
		before_udp(&b, from_server ? 3544 : 40000, from_server ? 40000 : 3544);
		before_ipv4(&b, OUTER_NET, 17);
		before_ether(&b, OUTER_NET, 0x0800);
		r = decode_built(&b, &untrimmed);
		CU_ASSERT_EQUAL(r.pkt.tunnel.type, WEIR_TUNNEL_TEREDO);
		CU_ASSERT_EQUAL(r.pkt.port[WEIR_DST], 2222);
	}
}

static const struct tunnel_case *named(const char *name)
{
	FOR_EACH_CASE(t)
	{
		if (strcmp(t->name, name) == 0)
			return t;
	}
	abort();
}

/* The examples of spec: data plane, 2.1, ERSPAN being trimmed. Innermost first. */
static void test_trimming_forgets_what_is_outside_too(void)
{
	const struct tunnel_case *e = named("ERSPAN II"), *v = named("VXLAN (RFC 7348, 5)");
	const struct {
		const struct tunnel_case *tunnels[4];
		uint8_t type, tier;
	} nests[] = {
		{ { v, e }, WEIR_TUNNEL_VXLAN, 1 }, /* VXLAN in ERSPAN */
		{ { e, v }, WEIR_TUNNEL_NONE, 0 },
		{ { e, v, e }, WEIR_TUNNEL_NONE, 0 },
		{ { v, v, e }, WEIR_TUNNEL_VXLAN, 2 },
	};
	struct weir_decode_conf conf = untrimmed;

	conf.trim = 1u << WEIR_TUNNEL_ERSPAN;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(nests); i++) {
		struct build b;
		struct decoded r;

		before_all(&b, INNER_NET);
		before_ether(&b, INNER_NET, 0x0800);
		for (const struct tunnel_case *const *t = nests[i].tunnels; *t != NULL; t++) {
			before(&b, (*t)->hdr, (*t)->hdr_len);
			if ((*t)->ip_proto == 17)
				before_udp(&b, 50000, (*t)->udp_port);
			before_ipv4(&b, OUTER_NET, (*t)->ip_proto);
			before_ether(&b, OUTER_NET, 0x0800);
		}
		r = decode_built(&b, &conf);
		CU_ASSERT(is_inner(&r.pkt, INNER_NET));
		CU_ASSERT_EQUAL(r.pkt.tunnel.type, nests[i].type);
		CU_ASSERT_EQUAL(r.pkt.tunnel.tier, nests[i].tier);
	}
}

static void test_nesting_ends_at_the_limit(void)
{
	struct build b;
	struct decoded r;

	before_all(&b, 100);
	for (uint8_t net = 9; net > 0; net--)
		before_ipv4(&b, net, 4);
	before_ether(&b, OUTER_NET, 0x0800);
	r = decode_built(&b, &untrimmed);
	CU_ASSERT_EQUAL(r.pkt.proto, 4);
	CU_ASSERT_EQUAL(weir_be32(r.pkt.ip[WEIR_SRC].b), 0x0a070001); /* the seventh */
	CU_ASSERT_EQUAL(r.pkt.tunnel.ip[WEIR_SRC], 0x0a010001);
	CU_ASSERT_EQUAL(r.pkt.tunnel.tier, 2);
}

/* A packet that carries itself without end: as much as fits, each layer with garbage in the last. */
static void test_a_loop_of_tunnels_is_a_packet(void)
{
	uint8_t loop[14 + 4000] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00 };
	struct decoded r;

	for (size_t at = 14; at + 20 <= sizeof(loop); at += 20)
		memcpy(loop + at, (const uint8_t[]){ 0x45, 0, 0,  0, 0, 0, 0,  0, 64, 4,
						     0,    0, 10, 0, 0, 1, 10, 0, 0,  2 },
		       20);
	r = decode_ether(loop, sizeof(loop));
	CU_ASSERT_EQUAL(r.outcome, WEIR_OUTCOME_FLOW);
	CU_ASSERT_EQUAL(r.pkt.proto, 4);
}

/* ff-vxlan of spec: data plane, 2.3: marked by the destination MAC and equal ports. */
static void test_balanced_vxlan_is_known_by_its_mac(void)
{
	struct build b;
	struct decoded r;

	before_all(&b, INNER_NET);
	before_ether(&b, INNER_NET, 0x0800);
	BEFORE(&b, 0x08, 0, 0, 0, 0, 0, 1, 0);
	before_udp(&b, 33333, 33333);
	BEFORE(&b, 0x45, 0, 0, 102, 0, 0, 0, 0, 64, 17, 0, 0, /* total length 102, UDP */
	       10, 50, 15, 7, 10, 50, 15, 20);
	BEFORE(&b, 0xff, 0xff, 0x3e, 0x70, 0x07, 0x3e, /* the mark, the low 4 bytes of the MAC */
	       0x00, 0x16, 0x3e, 0xae, 0xf6, 0xaf,     /* source */
	       0x81, 0x00, 0x00, 0x0a, 0x08, 0x00);    /* VLAN 10, IPv4 */
	r = decode_built(&b, &untrimmed);
	CU_ASSERT(is_inner(&r.pkt, INNER_NET));
	CU_ASSERT_EQUAL(r.pkt.tunnel.type, WEIR_TUNNEL_VXLAN);
	CU_ASSERT_EQUAL(r.pkt.tunnel.id, 1);
	CU_ASSERT_EQUAL(r.pkt.tunnel.ip[WEIR_SRC], 0x0a320f07);
	CU_ASSERT_EQUAL(r.pkt.tunnel.ip[WEIR_DST], 0x0a320f14);
	CU_ASSERT_EQUAL(r.pkt.tunnel.mac[WEIR_SRC], 0x3eaef6af);
	CU_ASSERT_EQUAL(r.pkt.tunnel.mac[WEIR_DST], 0x3e70073e);
	CU_ASSERT_EQUAL(r.pkt.tags, 1);
	CU_ASSERT_EQUAL(r.pkt.vlan, 0);
}

/* Spec: data plane, 12.3: upstream skips 20 bytes whatever the header says. */
static void test_vxlan_behind_ipv4_options_is_followed(void)
{
	struct build b;
	struct decoded r;

	before_all(&b, INNER_NET);
	before_ether(&b, INNER_NET, 0x0800);
	BEFORE(&b, 0x08, 0, 0, 0, 0, 0, 1, 0);
	before_udp(&b, 50000, 4789);
	BEFORE(&b, 0x46, 0, 0, 98, 0, 0, 0, 0, 64, 17, 0, 0, /* 6 words, total length 98 */
	       10, 2, 0, 1, 10, 2, 0, 2, 1, 1, 1, 0);        /* options */
	before_ether(&b, OUTER_NET, 0x0800);
	r = decode_built(&b, &untrimmed);
	CU_ASSERT(is_inner(&r.pkt, INNER_NET));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every tunnel is followed", test_every_tunnel_is_followed },
		{ "an IPv6 underlay shows the last 4 bytes",
		  test_an_ipv6_underlay_shows_the_last_4_bytes },
		{ "a tunnel that is not asked for stays closed",
		  test_a_tunnel_that_is_not_asked_for_stays_closed },
		{ "a trimmed tunnel is forgotten", test_a_trimmed_tunnel_is_forgotten },
		{ "garbage inside leaves the outer packet",
		  test_garbage_inside_leaves_the_outer_packet },
		{ "every cut leaves a packet", test_every_cut_leaves_a_packet },
		{ "each IP version goes into each", test_each_ip_version_goes_into_each },
		{ "Teredo is followed in both directions",
		  test_teredo_is_followed_in_both_directions },
		{ "trimming forgets what is outside too",
		  test_trimming_forgets_what_is_outside_too },
		{ "nesting ends at the limit", test_nesting_ends_at_the_limit },
		{ "a loop of tunnels is a packet", test_a_loop_of_tunnels_is_a_packet },
		{ "balanced VXLAN is known by its MAC", test_balanced_vxlan_is_known_by_its_mac },
		{ "VXLAN behind IPv4 options is followed",
		  test_vxlan_behind_ipv4_options_is_followed },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("decode/tunnel", tests);
}
