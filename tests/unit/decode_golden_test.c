/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upstream's decapsulation over its own test captures, kept beside the tree as facts: which tunnel,
 * its ends and id, and how many bytes it took. Spec: data plane, 2.3.
 */
#include "decode_test.h"
#include "weir_test.h"

#include <jansson.h>

#include <stdio.h>
#include <unistd.h>

#define CAPTURES  WEIR_SOURCE_ROOT "/../shared/pcaps/deepflow/"
#define FRAME_MAX 65536

struct packet {
	struct weir_pkt pkt;
	uint32_t removed; /* bytes between the outer and the inner link header */
};

static const uint8_t *inner_l3(const struct weir_pkt *pkt)
{
	return pkt->l3 != NULL ? pkt->l3 : pkt->payload;
}

/* A frame is longer than its datagram by its link header; what is no IP is on plain Ethernet here. */
static uint32_t inner_l2_len(const struct weir_pkt *pkt)
{
	if (pkt->l3 == NULL)
		return 14;
	if (pkt->flags & WEIR_PKT_IPV6)
		return pkt->packet_len - 40 - weir_be16(pkt->l3 + 4);
	return pkt->packet_len - weir_be16(pkt->l3 + 2);
}

/* Classic libpcap, little-endian, Ethernet: all of these captures are. */
static void read_packet(const char *name, int number, uint32_t l2_len, struct packet *p)
{
	static const struct weir_decode_conf conf = { .decap = UINT32_MAX, .max_tunnels = 6 };
	static uint8_t data[FRAME_MAX];
	uint8_t head[24], rec[16];
	struct weir_frame frame = { .data = data, .link = WEIR_LINK_ETHER };
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), CAPTURES "%s.pcap", name);
	file = fopen(path, "rb");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL_FATAL(fread(head, sizeof(head), 1, file), 1);
	for (int i = 0; i <= number; i++) {
		CU_ASSERT_EQUAL_FATAL(fread(rec, sizeof(rec), 1, file), 1);
		frame.caplen = weir_le32(rec + 8);
		frame.wirelen = weir_le32(rec + 12);
		CU_ASSERT_FATAL(frame.caplen <= sizeof(data));
		CU_ASSERT_EQUAL_FATAL(fread(data, frame.caplen, 1, file), 1);
	}
	fclose(file);
	CU_ASSERT_EQUAL(weir_decode(&frame, &conf, &p->pkt), WEIR_OUTCOME_FLOW);
	p->removed = (uint32_t)(inner_l3(&p->pkt) - data) - inner_l2_len(&p->pkt) - l2_len;
}

static uint8_t type_of(const char *name)
{
	static const struct {
		const char *name;
		uint8_t type;
	} types[] = {
		{ "ERSPAN-II", WEIR_TUNNEL_ERSPAN }, { "ERSPAN-III", WEIR_TUNNEL_ERSPAN },
		{ "VXLAN", WEIR_TUNNEL_VXLAN },      { "GENEVE", WEIR_TUNNEL_GENEVE },
		{ "GRE-TEB", WEIR_TUNNEL_TEB },      { "IPIP", WEIR_TUNNEL_IPIP },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(types); i++) {
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	}
	return WEIR_TUNNEL_NONE;
}

/* "1.2.3.4", or "(last 32 bits 1.2.3.4)" of an IPv6 address. */
static uint32_t address_of(const char *text)
{
	unsigned int a, b, c, d;

	text += strcspn(text, "0123456789");
	if (strncmp(text, "32 bits ", 8) == 0)
		text += 8;
	CU_ASSERT_EQUAL_FATAL(sscanf(text, "%u.%u.%u.%u", &a, &b, &c, &d), 4);
	return a << 24 | b << 16 | c << 8 | d;
}

static void check(const char *name, const json_t *fact)
{
	const char *tunnel, *src, *dst, *mac_src, *mac_dst;
	int number, id, ipv6, l2_len, removed;
	struct packet p;

	CU_ASSERT_EQUAL_FATAL(json_unpack((json_t *)(uintptr_t)fact,
					  "{s:i,s:s,s:i,s:s,s:s,s:s,s:s,s:b,s:i,s:i}", "packet",
					  &number, "tunnel", &tunnel, "id", &id, "outer_src", &src,
					  "outer_dst", &dst, "mac_src_low32", &mac_src,
					  "mac_dst_low32", &mac_dst, "ipv6", &ipv6, "l2_header_len",
					  &l2_len, "bytes_removed_after_l2", &removed),
			      0);
	read_packet(name, number, (uint32_t)l2_len, &p);
	CU_ASSERT_EQUAL(p.pkt.tunnel.type, type_of(tunnel));
	CU_ASSERT_EQUAL(p.pkt.tunnel.id, (uint32_t)id);
	CU_ASSERT_EQUAL(p.pkt.tunnel.tier, 1);
	CU_ASSERT_EQUAL(p.pkt.tunnel.is_ipv6, ipv6);
	CU_ASSERT_EQUAL(p.pkt.tunnel.ip[WEIR_SRC], address_of(src));
	CU_ASSERT_EQUAL(p.pkt.tunnel.ip[WEIR_DST], address_of(dst));
	CU_ASSERT_EQUAL(p.pkt.tunnel.mac[WEIR_SRC], strtoul(mac_src, NULL, 16));
	CU_ASSERT_EQUAL(p.pkt.tunnel.mac[WEIR_DST], strtoul(mac_dst, NULL, 16));
	CU_ASSERT_EQUAL(p.removed, (uint32_t)removed);
}

static void test_tunnels_are_what_upstream_found(void)
{
	static const char *const names[] = { "common__decapsulate_test", "common__geneve",
					     "common__ip6-vxlan", "common__ipip",
					     "common__vmware-gre-teb" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++) {
		char path[512];
		json_t *all, *facts, *fact;
		size_t n;

		snprintf(path, sizeof(path), CAPTURES "%s.pcap.facts.json", names[i]);
		all = json_load_file(path, 0, NULL);
		facts = json_object_get(json_object_get(all, "deepflow"), "decapsulation");
		CU_ASSERT_FATAL(json_array_size(facts) > 0);
		json_array_foreach(facts, n, fact)
			check(names[i], fact);
		json_decref(all);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "tunnels are what upstream found", test_tunnels_are_what_upstream_found },
		CU_TEST_INFO_NULL,
	};

	if (access(CAPTURES, R_OK) != 0) {
		printf("skipped: no captures at %s\n", CAPTURES);
		return 77;
	}
	return weir_test_main("decode/golden", tests);
}
