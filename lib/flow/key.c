/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of a flow and when a packet belongs to it. Spec: data plane 4.1.
 *
 * The two ends of a packet commute in the hash: the smaller one is always multiplied first. Seeded,
 * so that nobody outside can aim collisions at the table.
 */
#include "table_priv.h"

static uint64_t mac_u64(const uint8_t mac[6])
{
	return (uint64_t)weir_be16(mac) << 32 | weir_be32(mac + 2);
}

/* Both ends (48 bits), what they share, and the seed. */
static uint64_t hash_ends(const struct weir_flow_table *t, uint64_t x, uint64_t y, uint64_t common)
{
	const uint64_t lo = weir_min_u64(x, y), hi = weir_max_u64(x, y);

	return weir_mix(lo ^ t->seed[0], hi ^ t->seed[1] ^ common << 48);
}

static uint64_t ip_end(uint32_t ip, uint16_t port)
{
	return (uint64_t)ip << 16 | port;
}

static uint32_t ipv6_word(const struct weir_flow_table *t, const union weir_ip *ip)
{
	return (uint32_t)weir_mix(ip->q[0] ^ t->seed[1], ip->q[1] ^ t->seed[0]);
}

void probe_init(const struct weir_flow_table *t, const struct weir_pkt *p,
		const struct weir_attr *a, struct probe *probe)
{
	if (weir_unlikely(!(p->flags & WEIR_PKT_IP))) {
		probe->ip[0] = p->ip[0].w[0]; /* ARP; else 0 */
		probe->ip[1] = p->ip[1].w[0];
		probe->hash = hash_ends(t, mac_u64(p->mac[0]), mac_u64(p->mac[1]),
					p->eth_type ^ (uint32_t)a->tap << 8);
		return;
	}
	if (p->flags & WEIR_PKT_IPV6) {
		probe->ip[0] = ipv6_word(t, &p->ip[0]);
		probe->ip[1] = ipv6_word(t, &p->ip[1]);
	} else {
		probe->ip[0] = p->ip[0].w[0];
		probe->ip[1] = p->ip[1].w[0];
	}
	probe->hash = hash_ends(t, ip_end(probe->ip[0], p->port[0]),
				ip_end(probe->ip[1], p->port[1]), p->proto | (uint32_t)a->tap << 8);
}

/* The hash again, from the entry: what probe_init() said of its first packet. */
uint64_t flow_hash(const struct weir_flow_table *t, const struct weir_flow *f, uint32_t flow)
{
	const struct weir_flow_cold *c = &t->cold[flow];

	if (f->flags & FLOW_NOT_IP)
		return hash_ends(t, mac_u64(c->mac[0]), mac_u64(c->mac[1]),
				 f->port[0] ^ (uint32_t)f->tap << 8);
	return hash_ends(t, ip_end(f->ip[0], f->port[0]), ip_end(f->ip[1], f->port[1]),
			 f->proto | (uint32_t)f->tap << 8);
}

static uint64_t pair32(const uint32_t v[2])
{
	return (uint64_t)v[1] << 32 | v[0];
}

static uint32_t pair16(const uint16_t v[2])
{
	return (uint32_t)v[1] << 16 | v[0];
}

static bool macs_equal(const uint8_t a[2][6], const uint8_t b[2][6], unsigned int turn)
{
	return memcmp(a[0], b[turn], 6) == 0 && memcmp(a[1], b[turn ^ 1], 6) == 0;
}

/* ARP, LLDP ...: MACs and addresses in one orientation. */
static int match_not_ip(const struct weir_flow *f, const struct weir_flow_cold *c,
			const struct weir_pkt *p, const struct probe *probe)
{
	if (f->port[0] != p->eth_type)
		return -1;
	for (unsigned int side = 0; side < 2; side++)
		if (macs_equal(p->mac, c->mac, side) && probe->ip[0] == f->ip[side] &&
		    probe->ip[1] == f->ip[side ^ 1])
			return (int)side;
	return -1;
}

/* The table of spec 4.1: which MACs must be equal. `side` is the packet's sender in the flow. */
static bool match_macs(const struct weir_flow_table *t, const struct weir_flow_cold *c,
		       const struct weir_pkt *p, const struct weir_attr *a, unsigned int side)
{
	bool src = true, dst = true;

	if (a->network_type != 3 || t->conf->ignore_mac ||
	    p->tunnel.type == WEIR_TUNNEL_TENCENT_GRE || p->tunnel.type == WEIR_TUNNEL_IPIP)
		return true;
	if (!t->conf->ignore_l2_end) {
		src = a->l2_end[WEIR_SRC];
		dst = !src && a->l2_end[WEIR_DST];
	}
	return (!src || memcmp(p->mac[WEIR_SRC], c->mac[side], 6) == 0) &&
	       (!dst || memcmp(p->mac[WEIR_DST], c->mac[side ^ 1], 6) == 0);
}

static bool match_ipv6(const struct weir_flow_table *t, const struct weir_flow_cold *c,
		       const struct weir_pkt *p, unsigned int side)
{
	const struct ext *x = ext_find(&t->ext, c->ext, EXT_IPV6);

	return memcmp(&p->ip[0], &x->ip[side], 16) == 0 &&
	       memcmp(&p->ip[1], &x->ip[side ^ 1], 16) == 0;
}

static bool match_ends(const struct weir_flow *f, const struct weir_attr *a, unsigned int side)
{
	return (f->ends >> side & 1) == a->l2_end[WEIR_SRC] &&
	       (f->ends >> (side ^ 1) & 1) == a->l2_end[WEIR_DST];
}

int flow_match(const struct weir_flow_table *t, uint32_t flow, const struct weir_pkt *p,
	       const struct weir_attr *a, const struct probe *probe)
{
	const struct weir_flow *f = &t->flows[flow];
	const struct weir_flow_cold *c = &t->cold[flow];
	const uint8_t kind = (p->flags & WEIR_PKT_IPV6 ? FLOW_IPV6 : 0) |
			     (p->flags & WEIR_PKT_IP ? 0 : FLOW_NOT_IP);
	unsigned int side;

	if (f->proto != p->proto || f->tap != a->tap || f->network_type != a->network_type ||
	    (f->flags & (FLOW_IPV6 | FLOW_NOT_IP)) != kind)
		return -1;
	if (kind & FLOW_NOT_IP)
		return match_not_ip(f, c, p, probe);
	if (pair32(f->ip) == pair32(probe->ip) && pair16(f->port) == pair16(p->port))
		side = 0;
	else if (f->ip[0] == probe->ip[1] && f->ip[1] == probe->ip[0] && f->port[0] == p->port[1] &&
		 f->port[1] == p->port[0])
		side = 1;
	else
		return -1;
	if ((f->ends >> 4 || capture_id(a) >> 8 != 0) && c->capture_id != capture_id(a))
		return -1;
	if (f->tunnel_type != p->tunnel.type ||
	    (p->tunnel.type != WEIR_TUNNEL_NONE && !match_ends(f, a, side)))
		return -1;
	if ((kind & FLOW_IPV6) && !match_ipv6(t, c, p, side))
		return -1;
	if (a->network_type != 3 && !t->conf->ignore_idc_vlan && c->vlan != p->vlan)
		return -1;
	if ((t->conf->ignore_l2_end || a->l2_end[0] || a->l2_end[1]) &&
	    !match_macs(t, c, p, a, side))
		return -1;
	return (int)side;
}

/* Spec 4.2, with the low half as design says: time part, then an unseeded hash of what it is. */
uint64_t flow_id(const struct weir_flow_table *t, uint32_t flow)
{
	const struct weir_flow *f = &t->flows[flow];
	const struct weir_flow_cold *c = &t->cold[flow];
	uint64_t h = weir_mix(f->start_ns ^ UINT64_C(0x9e3779b97f4a7c15),
			      (uint64_t)pair16(f->port) << 32 | (uint32_t)f->tap << 8 | f->proto);

	if (f->flags & FLOW_IPV6) {
		const struct ext *x = ext_find(&t->ext, c->ext, EXT_IPV6);

		for (int i = 0; i < 2; i++)
			h = weir_mix(h ^ x->ip[i].q[0],
				     x->ip[i].q[1] ^ UINT64_C(0xd6e8feb86659fd93));
	} else {
		h = weir_mix(h ^ pair32(f->ip), UINT64_C(0xd6e8feb86659fd93));
	}
	if (f->flags & FLOW_NOT_IP)
		h = weir_mix(h ^ mac_u64(c->mac[0]), mac_u64(c->mac[1]) ^ f->port[0]);
	return (f->start_ns >> 30 & UINT32_MAX) << 32 | h >> 32;
}
