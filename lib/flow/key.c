/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of a flow and when a packet belongs to it. Spec: data plane 4.1.
 *
 * The two ends of a packet commute in the hash: the smaller one is always multiplied first. Seeded,
 * so that nobody outside can aim collisions at the table.
 */
#include "table_priv.h"

/* Both ends, what they share, and the seed. */
static uint64_t hash_ends(const struct weir_flow_table *t, uint64_t x, uint64_t y, uint64_t common)
{
	const uint64_t lo = weir_min_u64(x, y), hi = weir_max_u64(x, y);

	return weir_mix(lo ^ t->seed[0], hi ^ t->seed[1] ^ common << 16);
}

static uint64_t ip_end(uint32_t ip, uint16_t port)
{
	return (uint64_t)ip << 32 | port;
}

/* Copies of a conversation that many ERSPAN sources mirror are flows of their own. */
static uint64_t hash_ip(const struct weir_flow_table *t, const uint32_t ip[2],
			const uint16_t port[2], uint32_t proto_tap, uint32_t erspan)
{
	return hash_ends(t, ip_end(ip[0], port[0]), ip_end(ip[1], port[1]),
			 (uint64_t)erspan << 16 ^ proto_tap);
}

static uint64_t mac_end(const struct weir_flow_table *t, const uint8_t mac[6], uint32_t ip)
{
	return weir_mix(weir_be48(mac) ^ t->seed[1], ip ^ t->seed[0]);
}

/* Addresses are in it, as one host asks for many. */
static uint64_t hash_not_ip(const struct weir_flow_table *t, const union flow_key *key,
			    const uint8_t mac[2][6], uint32_t erspan)
{
	return hash_ends(t, mac_end(t, mac[0], key->ip[0]), mac_end(t, mac[1], key->ip[1]),
			 (key->port[0] ^ (uint32_t)key->tap << 8) ^ erspan ^ erspan >> 16);
}

static uint32_t ipv6_word(const struct weir_flow_table *t, const union weir_ip *ip)
{
	return (uint32_t)weir_mix(ip->q[0] ^ t->seed[1], ip->q[1] ^ t->seed[0]);
}

static uint32_t pair16(const uint16_t v[2])
{
	return (uint32_t)v[1] << 16 | v[0];
}

static uint8_t form_of(const struct weir_pkt *p, const struct weir_attr *a)
{
	/* Spec 4.1: the tunnel of what is not IP is not compared. */
	return (uint8_t)((p->flags & WEIR_PKT_IP ? p->tunnel.type : 0) |
			 (capture_id(a) >> 8 != 0 ? FORM_ERSPAN : 0) |
			 (p->flags & WEIR_PKT_IPV6 ? FORM_IPV6 : 0) |
			 (p->flags & WEIR_PKT_IP ? 0 : FORM_NOT_IP));
}

static uint32_t swapped16(uint32_t v)
{
	return v << 16 | v >> 16;
}

/* Both orientations, made of whole words: a packet pays for this. `back` are the ports as the other side sends. */
static void fill_keys(struct probe *probe, uint32_t src, uint32_t dst, uint32_t ports,
		      uint32_t back, uint32_t common)
{
	probe->there.word[0] = (uint64_t)dst << 32 | src;
	probe->there.word[1] = (uint64_t)common << 32 | ports;
	probe->back.word[0] = (uint64_t)src << 32 | dst;
	probe->back.word[1] = (uint64_t)common << 32 | back;
}

/* Nothing beside the key is to be compared: most packets of most networks. */
static inline bool is_whole(const struct weir_flow_table *t, uint8_t form,
			    const struct weir_attr *a)
{
	return (form == 0) & ((a->network_type == 3) | t->conf->ignore_idc_vlan) &
	       !t->conf->ignore_l2_end & !(a->l2_end[0] | a->l2_end[1]);
}

static inline uint32_t common_of(const struct weir_pkt *p, const struct weir_attr *a, uint8_t form)
{
	return p->proto | (uint32_t)a->tap << 8 | (uint32_t)(uint8_t)a->network_type << 16 |
	       (uint32_t)form << 24;
}

static void init_not_ip(const struct weir_flow_table *t, const struct weir_pkt *p, uint32_t common,
			uint32_t erspan, struct probe *probe)
{
	fill_keys(probe, p->ip[0].w[0], p->ip[1].w[0], p->eth_type, p->eth_type, common);
	probe->hash = hash_not_ip(t, &probe->there, p->mac, erspan);
}

static inline void init_ip(const struct weir_flow_table *t, const struct weir_pkt *p,
			   const uint32_t ip[2], uint32_t common, uint32_t erspan,
			   struct probe *probe)
{
	const uint32_t ports = pair16(p->port);

	fill_keys(probe, ip[0], ip[1], ports, swapped16(ports), common);
	probe->hash = hash_ip(t, ip, p->port, (uint16_t)common, erspan);
}

/* Of any form. */
static __attribute__((noinline)) void init_any(const struct weir_flow_table *t,
					       const struct weir_pkt *p, const struct weir_attr *a,
					       struct probe *probe)
{
	const uint8_t form = form_of(p, a);
	const uint32_t common = common_of(p, a, form), erspan = capture_id(a) >> 8;
	const uint32_t ip[2] = {
		form & FORM_IPV6 ? ipv6_word(t, &p->ip[0]) : p->ip[0].w[0],
		form & FORM_IPV6 ? ipv6_word(t, &p->ip[1]) : p->ip[1].w[0],
	};

	probe->whole = is_whole(t, form, a);
	if (form & FORM_NOT_IP)
		init_not_ip(t, p, common, erspan, probe);
	else
		init_ip(t, p, ip, common, erspan, probe);
}

void probe_init(const struct weir_flow_table *t, const struct weir_pkt *p,
		const struct weir_attr *a, struct probe *probe)
{
	const bool is_ipv4 = (p->flags & (WEIR_PKT_IP | WEIR_PKT_IPV6)) == WEIR_PKT_IP;
	const uint32_t ip[2] = { p->ip[0].w[0], p->ip[1].w[0] };

	probe->p = p;
	probe->a = a;
	/* Most packets: what they have in common is known before they come. */
	if (weir_likely(is_ipv4 && (p->tunnel.type | capture_id(a) >> 8) == 0)) {
		probe->whole = is_whole(t, 0, a);
		init_ip(t, p, ip, common_of(p, a, 0), 0, probe);
	} else {
		init_any(t, p, a, probe);
	}
}

/* The hash again, from the entry: what probe_init() said of its first packet. */
uint64_t flow_hash(const struct weir_flow_table *t, const struct weir_flow *f, uint32_t flow)
{
	const struct weir_flow_cold *c = cold_at(t, flow);
	const uint32_t erspan = f->form & FORM_ERSPAN ? c->capture_id >> 8 : 0;

	return f->form & FORM_NOT_IP
		       ? hash_not_ip(t, &f->key, c->mac, erspan)
		       : hash_ip(t, f->ip, f->port, f->proto | (uint32_t)f->tap << 8, erspan);
}

static bool macs_equal(const uint8_t a[2][6], const uint8_t b[2][6], unsigned int turn)
{
	return memcmp(a[0], b[turn], 6) == 0 && memcmp(a[1], b[turn ^ 1], 6) == 0;
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

bool flow_match_rest(const struct weir_flow_table *t, uint32_t flow, const struct probe *probe,
		     unsigned int side)
{
	const struct weir_pkt *p = probe->p;
	const struct weir_attr *a = probe->a;
	const struct weir_flow *f = flow_at(t, flow);
	const struct weir_flow_cold *c = cold_at(t, flow);
	const uint8_t form = probe->there.form;

	if ((form & FORM_ERSPAN) && c->capture_id != capture_id(a))
		return false;
	if (a->network_type != 3 && !t->conf->ignore_idc_vlan && c->vlan != p->vlan)
		return false;
	if (form & FORM_NOT_IP)
		return macs_equal(p->mac, c->mac, side);
	if ((form & FORM_IPV6) && !match_ipv6(t, c, p, side))
		return false;
	if ((form & FORM_TUNNEL) && !match_ends(f, a, side))
		return false;
	return (!t->conf->ignore_l2_end && !a->l2_end[0] && !a->l2_end[1]) ||
	       match_macs(t, c, p, a, side);
}

/* Spec 4.2, with the low half as design says: time part, then an unseeded hash of what it is. */
uint64_t flow_id(const struct weir_flow_table *t, uint32_t flow)
{
	const struct weir_flow *f = flow_at(t, flow);
	const struct weir_flow_cold *c = cold_at(t, flow);
	uint64_t h = weir_mix(f->start_ns ^ UINT64_C(0x9e3779b97f4a7c15), f->key.word[1]);

	if (f->form & FORM_IPV6) {
		const struct ext *x = ext_find(&t->ext, c->ext, EXT_IPV6);

		for (int i = 0; i < 2; i++)
			h = weir_mix(h ^ x->ip[i].q[0],
				     x->ip[i].q[1] ^ UINT64_C(0xd6e8feb86659fd93));
	} else {
		h = weir_mix(h ^ f->key.word[0], UINT64_C(0xd6e8feb86659fd93));
	}
	h = weir_mix(h ^ weir_be48(c->mac[0]), weir_be48(c->mac[1]) ^ UINT64_C(0xa0761d6478bd642f));
	h = weir_mix(h ^ c->capture_id, c->vlan ^ UINT64_C(0xe7037ed1a0b428db));
	return (f->start_ns >> 30 & UINT32_MAX) << 32 | h >> 32;
}
