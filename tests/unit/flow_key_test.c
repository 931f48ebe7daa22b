/* SPDX-License-Identifier: Apache-2.0 */
/* Which packets are one flow: spec, data plane 4.1. */
#include "flow_table_test.h"
#include "weir_test.h"

#define CLOUD 3
#define IDC   5

/* Put both packets into an empty table: how many flows are they? */
static uint32_t flows_of(const struct weir_flow_conf *conf, const struct weir_pkt *p,
			 const struct weir_attr *pa, const struct weir_pkt *q,
			 const struct weir_attr *qa)
{
	struct rig r;
	uint32_t n;

	rig_init(&r, 8, 8);
	if (conf != NULL)
		r.conf = *conf;
	CU_ASSERT_EQUAL(rig_packet_at(&r, p, pa), WEIR_OUTCOME_FLOW);
	CU_ASSERT_EQUAL(rig_packet_at(&r, q, qa), WEIR_OUTCOME_FLOW);
	n = weir_flow_table_size(r.t);
	rig_end(&r, q->ts_ns);
	CU_ASSERT_EQUAL(r.n, n);
	rig_fini(&r);
	return n;
}

static bool is_one_flow(const struct weir_pkt *p, const struct weir_pkt *q)
{
	return flows_of(NULL, p, &rig_attr, q, &rig_attr) == 1;
}

static uint64_t hash_of(const struct rig *r, const struct weir_pkt *p, const struct weir_attr *a)
{
	struct probe probe;

	probe_init(r->t, p, a, &probe);
	return probe.hash;
}

static struct weir_attr attr_of(uint16_t network_type, uint8_t src_end, uint8_t dst_end)
{
	struct weir_attr a = rig_attr;

	a.network_type = network_type;
	a.l2_end[WEIR_SRC] = src_end;
	a.l2_end[WEIR_DST] = dst_end;
	return a;
}

static struct weir_pkt tunnelled(struct weir_pkt p, enum weir_tunnel_type type)
{
	p.tunnel = (struct weir_tunnel){ .type = (uint8_t)type, .id = 42, .tier = 1 };
	return p;
}

static void test_the_hash_is_symmetric_and_the_entry_gives_it_again(void)
{
	const struct weir_pkt v4 = pkt_tcp(1, 1000, 2, 80, SYN, T0);
	const struct weir_pkt v6 = pkt_to_ipv6(v4), arp = pkt_arp(1, 2, T0);
	const struct weir_pkt *const pkts[] = { &v4, &v6, &arp };
	struct weir_attr attrs[2] = { rig_attr, rig_attr };
	struct rig r;

	attrs[1].capture_nic |= 0x123456 << 8;
	rig_init(&r, 8, 8);
	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(pkts); i++)
		for (unsigned int k = 0; k < 2; k++) {
			const struct weir_pkt back = pkt_back(*pkts[i], T0);
			const uint64_t hash = hash_of(&r, pkts[i], &attrs[k]);
			const uint32_t flow = i * 2 + k;

			CU_ASSERT_EQUAL(hash, hash_of(&r, &back, &attrs[k]));
			rig_packet_at(&r, pkts[i], &attrs[k]);
			CU_ASSERT_EQUAL(flow_hash(r.t, flow_at(r.t, flow), flow), hash);
		}
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 6);
	rig_fini(&r);
}

static void test_both_directions_are_one_flow(void)
{
	const struct weir_pkt v4 = pkt_tcp(1, 1000, 2, 80, SYN, T0), v4_back = pkt_back(v4, T0);
	const struct weir_pkt v6 = pkt_to_ipv6(v4), v6_back = pkt_back(v6, T0);

	CU_ASSERT_TRUE(is_one_flow(&v4, &v4_back));
	CU_ASSERT_TRUE(is_one_flow(&v6, &v6_back));
	CU_ASSERT_FALSE(is_one_flow(&v4, &v6));
}

static void test_each_part_of_the_five_tuple_parts_flows(void)
{
	const struct weir_pkt p = pkt_udp(1, 1000, 2, 53, T0);
	const struct weir_pkt others[] = {
		pkt_udp(3, 1000, 2, 53, T0), pkt_udp(1, 1000, 3, 53, T0),
		pkt_udp(1, 1001, 2, 53, T0), pkt_udp(1, 1000, 2, 54, T0),
		pkt_udp(1, 53, 2, 1000, T0), pkt_tcp(1, 1000, 2, 53, ACK, T0),
	};

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(others); i++) {
		const struct weir_pkt v6[] = { pkt_to_ipv6(p), pkt_to_ipv6(others[i]) };

		CU_ASSERT_FALSE(is_one_flow(&p, &others[i]));
		CU_ASSERT_FALSE(is_one_flow(&v6[0], &v6[1]));
	}
}

static void test_equal_ports_and_equal_addresses_are_told_apart(void)
{
	const struct weir_pkt ports = pkt_udp(1, 500, 2, 500, T0), ports_back = pkt_back(ports, T0);
	const struct weir_pkt self = pkt_udp(1, 500, 1, 600, T0), self_back = pkt_back(self, T0);
	const struct weir_pkt land = pkt_udp(1, 7, 1, 7, T0);

	CU_ASSERT_TRUE(is_one_flow(&ports, &ports_back));
	CU_ASSERT_TRUE(is_one_flow(&self, &self_back));
	CU_ASSERT_TRUE(is_one_flow(&land, &land));
}

static void test_ipv6_addresses_with_equal_hashes_are_told_apart(void)
{
	struct weir_pkt p = pkt_to_ipv6(pkt_udp(1, 1000, 2, 53, T0)), q = p;
	struct rig r;

	rig_init(&r, 8, 8);
	rig_packet(&r, &p);
	q.ip[0].b[9] ^= 1;
	/* As if the other address had the same 32 bits: the entry's are made those of q. */
	{
		struct probe probe;

		probe_init(r.t, &q, &rig_attr, &probe);
		CU_ASSERT_NOT_EQUAL(probe.there.ip[0], flow_at(r.t, 0)->ip[0]);
		flow_at(r.t, 0)->key = probe.there;
		CU_ASSERT_EQUAL(flow_match(r.t, 0, &probe), -1);
	}
	rig_fini(&r);
}

static void test_taps_and_erspan_sources_part_flows(void)
{
	const struct weir_pkt p = pkt_udp(1, 1000, 2, 53, T0), arp = pkt_arp(1, 2, T0);
	struct weir_attr tap = rig_attr, erspan = rig_attr;

	tap.tap = 2;
	tap.capture_nic = UINT64_C(4) << 60 | 2;
	erspan.capture_nic |= 0x0a0001 << 8;
	CU_ASSERT_EQUAL(flows_of(NULL, &p, &rig_attr, &p, &tap), 2);
	CU_ASSERT_EQUAL(flows_of(NULL, &p, &rig_attr, &p, &erspan), 2);
	CU_ASSERT_EQUAL(flows_of(NULL, &p, &erspan, &p, &erspan), 1);
	CU_ASSERT_EQUAL(flows_of(NULL, &arp, &rig_attr, &arp, &tap), 2);
	CU_ASSERT_EQUAL(flows_of(NULL, &arp, &rig_attr, &arp, &erspan), 2);
	CU_ASSERT_EQUAL(flows_of(NULL, &arp, &erspan, &arp, &erspan), 1);
}

static void test_network_types_part_flows(void)
{
	const struct weir_pkt p = pkt_udp(1, 1000, 2, 53, T0);
	const struct weir_attr cloud = attr_of(CLOUD, 0, 0), idc = attr_of(IDC, 0, 0);

	CU_ASSERT_EQUAL(flows_of(NULL, &p, &cloud, &p, &idc), 2);
}

static void expect_vlan_rule(const struct weir_pkt *p, const struct weir_pkt *q)
{
	const struct weir_attr cloud = attr_of(CLOUD, 0, 0), idc = attr_of(IDC, 0, 0);
	struct weir_flow_conf ignore = RIG_CONF;

	ignore.ignore_idc_vlan = true;
	CU_ASSERT_EQUAL(flows_of(NULL, p, &cloud, q, &cloud), 1);
	CU_ASSERT_EQUAL(flows_of(NULL, p, &idc, q, &idc), 2);
	CU_ASSERT_EQUAL(flows_of(&ignore, p, &idc, q, &idc), 1);
}

static void test_vlans_part_flows_outside_the_cloud_unless_ignored(void)
{
	struct weir_pkt p = pkt_udp(1, 1000, 2, 53, T0), q = p;
	struct weir_pkt arp = pkt_arp(1, 2, T0), arp_tagged = arp;

	q.vlan = arp_tagged.vlan = 100;
	expect_vlan_rule(&p, &q);
	expect_vlan_rule(&arp, &arp_tagged);
}

/* The table of spec 4.1; taps count from 1, so the value part of a tap port is never 0. */
static void test_macs_are_compared_as_the_table_says(void)
{
	static const struct {
		uint16_t network;
		uint8_t src_end, dst_end; /* of the packet */
		bool ignore_l2_end, ignore_mac;
		uint8_t tunnel;
		uint8_t differs; /* bits: the source MAC differs, the destination MAC does */
		uint32_t flows;
	} rows[] = {
		{ CLOUD, 0, 0, false, false, 0, 3, 1 },
		{ CLOUD, 0, 1, false, false, 0, 1, 1 },
		{ CLOUD, 0, 1, false, false, 0, 2, 2 },
		{ CLOUD, 1, 0, false, false, 0, 1, 2 },
		{ CLOUD, 1, 0, false, false, 0, 2, 1 },
		{ CLOUD, 1, 1, false, false, 0, 1, 2 },
		{ CLOUD, 1, 1, false, false, 0, 2, 1 },
		{ CLOUD, 0, 0, true, false, 0, 1, 2 },
		{ CLOUD, 0, 0, true, false, 0, 2, 2 },
		{ CLOUD, 1, 1, false, true, 0, 3, 1 },
		{ CLOUD, 0, 0, true, true, 0, 3, 1 },
		{ CLOUD, 1, 1, false, false, WEIR_TUNNEL_TENCENT_GRE, 3, 1 },
		{ CLOUD, 1, 1, false, false, WEIR_TUNNEL_IPIP, 3, 1 },
		{ CLOUD, 1, 1, false, false, WEIR_TUNNEL_VXLAN, 1, 2 },
		{ IDC, 1, 1, false, false, 0, 3, 1 },
		{ IDC, 0, 0, true, false, 0, 3, 1 },
	};

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		const struct weir_attr there = attr_of(rows[i].network, rows[i].src_end,
						       rows[i].dst_end);
		const struct weir_attr back = attr_of(rows[i].network, rows[i].dst_end,
						      rows[i].src_end);
		struct weir_pkt p = tunnelled(pkt_udp(1, 1000, 2, 53, T0), rows[i].tunnel), q = p;
		struct weir_flow_conf conf = RIG_CONF;

		conf.ignore_l2_end = rows[i].ignore_l2_end;
		conf.ignore_mac = rows[i].ignore_mac;
		for (unsigned int end = 0; end < 2; end++)
			q.mac[end][5] ^= (rows[i].differs >> end & 1) * 0x40;
		CU_ASSERT_EQUAL(flows_of(&conf, &p, &there, &q, &there), rows[i].flows);
		/* The packet that comes second decides by its own ends. */
		p = pkt_back(p, T0);
		CU_ASSERT_EQUAL(flows_of(&conf, &p, &back, &q, &there), rows[i].flows);
	}
}

static void test_tunnels_part_flows_by_type_not_by_number(void)
{
	const struct weir_pkt p = pkt_udp(1, 1000, 2, 53, T0);
	const struct weir_pkt vxlan = tunnelled(p, WEIR_TUNNEL_VXLAN);
	const struct weir_pkt geneve = tunnelled(p, WEIR_TUNNEL_GENEVE);
	struct weir_pkt other = vxlan;

	other.tunnel.id = 43;
	CU_ASSERT_FALSE(is_one_flow(&p, &vxlan));
	CU_ASSERT_FALSE(is_one_flow(&vxlan, &geneve));
	CU_ASSERT_TRUE(is_one_flow(&vxlan, &other));
}

/* "When a tunnel is present the l2_end pair must equal the flow's (oriented)." */
static void test_in_a_tunnel_both_l2_ends_must_be_the_flows(void)
{
	const struct weir_pkt plain = pkt_udp(1, 1000, 2, 53, T0), plain_back = pkt_back(plain, T0);
	const struct weir_pkt p = tunnelled(plain, WEIR_TUNNEL_VXLAN), back = pkt_back(p, T0);
	const struct weir_attr src = attr_of(CLOUD, 1, 0), dst = attr_of(CLOUD, 0, 1);

	CU_ASSERT_EQUAL(flows_of(NULL, &p, &src, &p, &src), 1);
	CU_ASSERT_EQUAL(flows_of(NULL, &p, &src, &p, &dst), 2);
	CU_ASSERT_EQUAL(flows_of(NULL, &p, &src, &back, &dst), 1);
	CU_ASSERT_EQUAL(flows_of(NULL, &p, &src, &back, &src), 2);
	CU_ASSERT_EQUAL(flows_of(NULL, &plain, &src, &plain_back, &src), 1);
}

static void test_what_is_not_ip_is_told_apart_by_type_macs_and_addresses(void)
{
	const struct weir_pkt arp = pkt_arp(1, 2, T0), back = pkt_back(arp, T0);
	struct weir_pkt q = arp;

	CU_ASSERT_TRUE(is_one_flow(&arp, &back));
	q.eth_type = 0x88cc;
	CU_ASSERT_FALSE(is_one_flow(&arp, &q));
	q = tunnelled(arp, WEIR_TUNNEL_VXLAN); /* the tunnel is not compared */
	CU_ASSERT_TRUE(is_one_flow(&arp, &q));
	q = arp;
	q.mac[1][5] ^= 0x40;
	CU_ASSERT_FALSE(is_one_flow(&arp, &q));
	q = arp;
	q.ip[1].b[3] ^= 1;
	CU_ASSERT_FALSE(is_one_flow(&arp, &q));
	q = back; /* MACs turned, addresses not: neither orientation */
	q.ip[0] = arp.ip[0];
	q.ip[1] = arp.ip[1];
	CU_ASSERT_FALSE(is_one_flow(&arp, &q));
}

/* One host asks for a whole /16: a chain as long as that would take seconds. */
static void test_a_scan_by_arp_or_many_erspan_sources_make_no_chain(void)
{
	enum { FLOWS = 20000 };
	struct rig r;

	rig_init(&r, 2 * FLOWS, 0);
	for (uint32_t i = 0; i < FLOWS; i++) {
		const struct weir_pkt arp = pkt_arp(1, 1000 + i, T0);
		const struct weir_pkt p = pkt_udp(1, 1000, 2, 53, T0);
		struct weir_attr a = rig_attr;

		a.capture_nic |= (uint64_t)(i + 1) << 8;
		CU_ASSERT_EQUAL(rig_packet(&r, &arp), WEIR_OUTCOME_FLOW);
		CU_ASSERT_EQUAL(rig_packet_at(&r, &p, &a), WEIR_OUTCOME_FLOW);
	}
	for (uint32_t i = 0, depth; i < r.t->index.home; i++) {
		depth = 0;
		for (uint32_t b = i; b != 0 || depth == 0; b = r.t->index.buckets[b].next)
			depth++;
		CU_ASSERT_TRUE(depth <= 3);
	}
	rig_fini(&r);
}

static uint64_t id_of(uint64_t seed, const struct weir_pkt *p, const struct weir_attr *a)
{
	const struct weir_flow_budget budget = { .flows = 8, .ext_blocks = 8 };
	struct rig r = { .conf = RIG_CONF };
	const struct weir_flow_hooks hooks = { .rec_reserve = rig_reserve,
					       .rec_commit = rig_commit,
					       .ctx = &r };
	uint64_t id;

	r.t = weir_flow_table_create(&budget, &hooks, seed);
	weir_flow_table_configure(r.t, &r.conf);
	rig_packet_at(&r, p, a);
	rig_end(&r, p->ts_ns);
	id = r.rec[0].flow_id;
	rig_fini(&r);
	return id;
}

/* Spec 4.2: bits 63..32 are start >> 30; the rest is design's: no seed in it. */
static void test_an_id_is_of_start_and_key_whatever_the_seed(void)
{
	const struct weir_pkt v4 = pkt_udp(1, 1000, 2, 53, T0), v6 = pkt_to_ipv6(v4);
	const struct weir_pkt arp = pkt_arp(1, 2, T0), later = pkt_at(v4, T0 + 1);
	struct weir_pkt vlan = v4, tunnel = tunnelled(v4, WEIR_TUNNEL_VXLAN), mac = v4;
	struct weir_attr tap = rig_attr, erspan = rig_attr;
	uint64_t ids[9];

	vlan.vlan = 7;
	mac.mac[0][5] ^= 0x40;
	tap.tap = 2;
	erspan.capture_nic |= 0x0a0001 << 8;
	ids[0] = id_of(1, &v4, &rig_attr);
	ids[1] = id_of(1, &v6, &rig_attr);
	ids[2] = id_of(1, &arp, &rig_attr);
	ids[3] = id_of(1, &later, &rig_attr);
	ids[4] = id_of(1, &vlan, &rig_attr);
	ids[5] = id_of(1, &tunnel, &rig_attr);
	ids[6] = id_of(1, &mac, &rig_attr);
	ids[7] = id_of(1, &v4, &tap);
	ids[8] = id_of(1, &v4, &erspan);
	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(ids); i++) {
		CU_ASSERT_EQUAL(ids[i] >> 32, T0 >> 30 & UINT32_MAX);
		for (unsigned int k = 0; k < i; k++)
			CU_ASSERT_NOT_EQUAL(ids[i], ids[k]);
	}
	CU_ASSERT_EQUAL(ids[0], id_of(2, &v4, &rig_attr));
	CU_ASSERT_EQUAL(ids[1], id_of(2, &v6, &rig_attr));
	CU_ASSERT_EQUAL(ids[2], id_of(2, &arp, &rig_attr));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the hash is symmetric, and the entry gives it again",
		  test_the_hash_is_symmetric_and_the_entry_gives_it_again },
		{ "both directions are one flow", test_both_directions_are_one_flow },
		{ "each part of the five-tuple parts flows",
		  test_each_part_of_the_five_tuple_parts_flows },
		{ "equal ports and equal addresses are told apart",
		  test_equal_ports_and_equal_addresses_are_told_apart },
		{ "IPv6 addresses with equal hashes are told apart",
		  test_ipv6_addresses_with_equal_hashes_are_told_apart },
		{ "taps and ERSPAN sources part flows", test_taps_and_erspan_sources_part_flows },
		{ "network types part flows", test_network_types_part_flows },
		{ "VLANs part flows outside the cloud, unless ignored",
		  test_vlans_part_flows_outside_the_cloud_unless_ignored },
		{ "MACs are compared as the table says", test_macs_are_compared_as_the_table_says },
		{ "tunnels part flows by type, not by number",
		  test_tunnels_part_flows_by_type_not_by_number },
		{ "in a tunnel both L2 ends must be the flow's",
		  test_in_a_tunnel_both_l2_ends_must_be_the_flows },
		{ "what is not IP is told apart by type, MACs and addresses",
		  test_what_is_not_ip_is_told_apart_by_type_macs_and_addresses },
		{ "a scan by ARP or many ERSPAN sources make no chain",
		  test_a_scan_by_arp_or_many_erspan_sources_make_no_chain },
		{ "an id is of start and key, whatever the seed",
		  test_an_id_is_of_start_and_key_whatever_the_seed },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/key", tests);
}
