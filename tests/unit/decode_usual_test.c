/* SPDX-License-Identifier: Apache-2.0 */
/* The fast path is the table: both leave the same bytes of struct weir_pkt, whatever the frame. */
#include "decode_test.h"
#include "weir_test.h"

#include <decode_priv.h>

#define ROUNDS 200000

/* xorshift64: the same frames in every run. */
static uint64_t next_random(void)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void put_options(struct build *b, uint8_t len)
{
	uint8_t opts[12];

	for (int i = 0; i < len; i++)
		opts[i] = (uint8_t)(next_random() % 12);
	before(b, opts, len);
}

/* TCP or UDP, now and then ICMP or SCTP. Returns the IP protocol. */
static uint8_t put_transport(struct build *b, bool v6)
{
	static const uint8_t icmp_types[] = { 0, 3, 8, 11, 128, 129, 136 };
	uint8_t options = (uint8_t)(next_random() % 4 * 4);
	uint64_t kind = next_random() % 8;

	if (kind < 3) {
		put_options(b, options);
		BEFORE(b, 0x9c, 0x40, 0x01, 0xbb, 1, 2, 3, 4, 5, 6, 7, 8,
		       (uint8_t)((5 + options / 4) << 4), 0x18, 0xfa, 0xf0, 0, 0, 0, 0);
		return 6;
	}
	if (kind < 6) {
		before_udp(b, 40000, 53);
		return 17;
	}
	if (kind == 6) {
		BEFORE(b, icmp_types[next_random() % sizeof(icmp_types)], 0, 0, 0, 1, 2, 3, 4);
		return v6 ? 58 : 1;
	}
	BEFORE(b, 0x0b, 0x59, 0x0b, 0x59, 1, 2, 3, 4, 0, 0, 0, 0);
	return 132;
}

/* The header of a tunnel of Ethernet frames, one that the fast path knows. Returns the IP protocol. */
static uint8_t put_ether_tunnel(struct build *b)
{
	uint8_t words = (uint8_t)(next_random() % 3);

	switch (next_random() % 8) {
	case 0: /* VXLAN */
	case 1:
		BEFORE(b, 8, 0, 0, 0, 0x12, 0x34, 0x56, 0);
		before_udp(b, 50000, 4789);
		return 17;
	case 2: /* GENEVE */
		put_options(b, words * 4);
		BEFORE(b, words, 0, 0x65, 0x58, 0x12, 0x34, 0x56, 0);
		before_udp(b, 50000, 6081);
		return 17;
	case 3: /* ERSPAN I */
		BEFORE(b, 0, 0, 0x88, 0xbe);
		return 47;
	case 4: /* ERSPAN II, with a sequence number */
		BEFORE(b, 0x10, 100, 0x12, 0x34, 0, 0, 0, 0);
		BEFORE(b, 0x10, 0, 0x88, 0xbe, 0, 0, 0, 1);
		return 47;
	case 5: /* ERSPAN III, perhaps with a subheader */
		put_options(b, words > 0 ? 8 : 0);
		BEFORE(b, 0x20, 100, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, words > 0);
		BEFORE(b, 0x10, 0, 0x22, 0xeb, 0, 0, 0, 1);
		return 47;
	case 6: /* TEB */
		BEFORE(b, 0, 0, 0x65, 0x58);
		return 47;
	default: /* with a key */
		BEFORE(b, 0x20, 0, 0x65, 0x58, 0, 0, 0, 7);
		return 47;
	}
}

/* The header of a tunnel of IP packets. Returns the IP protocol. */
static uint8_t put_ip_tunnel(struct build *b, bool v6)
{
	switch (next_random() % 4) {
	case 0: /* IP in IP */
		return v6 ? 41 : 4;
	case 1: /* GRE */
		BEFORE(b, 0, 0, v6 ? 0x86 : 0x08, v6 ? 0xdd : 0x00);
		return 47;
	case 2: /* with a key */
		BEFORE(b, 0x20, 0, v6 ? 0x86 : 0x08, v6 ? 0xdd : 0x00, 0, 0, 0, 7);
		return 47;
	default: /* GTP-U */
		BEFORE(b, 0x30, 0xff, (uint8_t)(b->len >> 8), b->len & 0xff, 0, 0, 0, 7);
		before_udp(b, 2152, 2152);
		return 17;
	}
}

/* Returns the ethertype. */
static uint16_t put_ip(struct build *b, uint8_t net, bool v6, uint8_t proto)
{
	if (v6)
		before_ipv6(b, net, proto);
	else
		before_ipv4(b, net, proto);
	return v6 ? 0x86dd : 0x0800;
}

static uint16_t put_arp(struct build *b)
{
	BEFORE(b, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0,
	       2);
	return 0x0806;
}

/* Perhaps with tags. */
static void put_ether(struct build *b, uint8_t net, uint16_t type)
{
	while (next_random() % 3 == 0) {
		BEFORE(b, 0x20, 0x64, type >> 8, type & 0xff);
		type = next_random() % 4 == 0 ? 0x88a8 : 0x8100;
	}
	before_ether(b, net, type);
}

/* A packet, sometimes in a tunnel or two. */
static void make(struct build *b)
{
	bool v6 = next_random() % 3 == 0;
	uint16_t type;

	b->len = next_random() % 40;
	memset(built(b), 0x5a, b->len);
	if (next_random() % 8 == 0)
		type = put_arp(b);
	else
		type = put_ip(b, 1, v6, put_transport(b, v6));
	if (type != 0x0806 && next_random() % 6 == 0) {
		uint8_t proto = put_ip_tunnel(b, v6);

		type = put_ip(b, 2, next_random() % 4 == 0, proto);
	}
	put_ether(b, 1, type);
	for (uint8_t net = 3; net < 5 && next_random() % 3 == 0; net++) {
		uint8_t proto = put_ether_tunnel(b);

		put_ether(b, net, put_ip(b, net, next_random() % 4 == 0, proto));
	}
}

/* Change a few bytes, mostly among the headers, and cut the frame. */
static void spoil(struct build *b, struct weir_frame *frame)
{
	for (uint64_t n = next_random() % 3; n > 0; n--)
		built(b)[next_random() % weir_min_u64(b->len, 160)] = (uint8_t)next_random();
	frame->wirelen = (uint32_t)(b->len + next_random() % 2 * (next_random() % 60));
	frame->caplen = (uint32_t)b->len;
	if (next_random() % 4 == 0)
		frame->caplen = (uint32_t)(next_random() % (b->len + 1));
	frame->flags = next_random() % 8 == 0 ? WEIR_FRAME_VLAN : 0;
	frame->vlan_tci = 0x3007;
	if (frame->flags & WEIR_FRAME_VLAN)
		frame->wirelen += 4;
}

static void test_the_fast_path_is_the_table(void)
{
	static const struct weir_decode_conf confs[] = {
		WEIR_DECODE_CONF_APPLIANCE,
		{ .decap = UINT32_MAX, .max_tunnels = 2 },
		{ .decap = UINT32_MAX, .trim = UINT32_MAX, .max_tunnels = 1 },
		{ .decap = 1u << WEIR_TUNNEL_ERSPAN, .max_tunnels = 1 },
		{ .decap = UINT32_MAX },
	};
	struct weir_frame frame = { .ts_ns = 77, .link = WEIR_LINK_ETHER };
	unsigned int unlike = 0, flows = 0, tunnels = 0;

	for (int i = 0; i < ROUNDS; i++) {
		const struct weir_decode_conf *conf = &confs[(size_t)i % WEIR_ARRAY_SIZE(confs)];
		enum weir_outcome of_fast, of_table;
		struct weir_pkt fast, table;
		struct build b;

		make(&b);
		spoil(&b, &frame);
		frame.data = built(&b);
		memset(&fast, 0xee, sizeof(fast));
		memset(&table, 0xdd, sizeof(table));
		of_fast = weir_decode(&frame, conf, &fast);
		of_table = weir_decode_by_table(&frame, conf, &table);
		flows += of_table == WEIR_OUTCOME_FLOW && (table.flags & WEIR_PKT_L4);
		tunnels += table.tunnel.tier > 0 || table.erspan_src != 0;
		unlike += of_fast != of_table || memcmp(&fast, &table, sizeof(fast)) != 0;
	}
	CU_ASSERT_EQUAL(unlike, 0);
	CU_ASSERT(flows > ROUNDS / 3); /* the frames are not all nonsense */
	CU_ASSERT(tunnels > ROUNDS / 10);
}

/* Ethernet in MPLS in Ethernet ... up to and past the most headers that are taken of a packet. */
static void test_both_stop_at_the_same_header(void)
{
	struct build b;

	before_all(&b, 1);
	before_ether(&b, 1, 0x0800);
	for (int n = 0; n < 24; n++) {
		struct weir_frame frame = { .link = WEIR_LINK_ETHER };
		struct weir_pkt fast, table;

		frame.data = built(&b);
		frame.caplen = frame.wirelen = (uint32_t)b.len;
		CU_ASSERT_EQUAL(weir_decode(&frame, &appliance, &fast),
				weir_decode_by_table(&frame, &appliance, &table));
		CU_ASSERT_EQUAL(memcmp(&fast, &table, sizeof(fast)), 0);
		CU_ASSERT_EQUAL(is_inner(&fast, 1), 2 * n + 3 <= WEIR_DECODE_HEADERS_MAX);
		BEFORE(&b, 0, 1, 0x01, 64); /* label 16, bottom of the stack */
		before_ether(&b, 1, 0x8847);
	}
}

static void test_a_burst_is_its_frames(void)
{
	struct weir_frame frames[WEIR_BURST_MAX];
	struct weir_pkt pkts[WEIR_BURST_MAX], one;
	uint8_t outcomes[WEIR_BURST_MAX];
	static struct build b[WEIR_BURST_MAX];

	for (int i = 0; i < WEIR_BURST_MAX; i++) {
		frames[i] = (struct weir_frame){ .ts_ns = (uint64_t)i, .link = WEIR_LINK_ETHER };
		make(&b[i]);
		spoil(&b[i], &frames[i]);
		frames[i].data = built(&b[i]);
	}
	weir_decode_burst(frames, WEIR_BURST_MAX, &appliance, pkts, outcomes);
	for (int i = 0; i < WEIR_BURST_MAX; i++) {
		CU_ASSERT_EQUAL(outcomes[i], weir_decode(&frames[i], &appliance, &one));
		CU_ASSERT_EQUAL(memcmp(&pkts[i], &one, sizeof(one)), 0);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the fast path is the table", test_the_fast_path_is_the_table },
		{ "both stop at the same header", test_both_stop_at_the_same_header },
		{ "a burst is its frames", test_a_burst_is_its_frames },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("decode/usual", tests);
}
