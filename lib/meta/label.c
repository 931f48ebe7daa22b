/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VPCs of a flow's ends. Spec: data plane, 8.1, whose steps are the numbers below.
 *
 * Two fetches from memory are behind each end: the row of its MAC, then, by the VPC that this gives,
 * the row of its address. Both are asked for over the whole burst before any is used; what is behind
 * them (CIDRs, peers, WAN) is small or rare.
 */
#include "meta_priv.h"

static bool is_zero(const union weir_ip *ip)
{
	return (ip->q[0] | ip->q[1]) == 0;
}

static bool is_loopback(const union weir_ip *ip, bool is_ipv6)
{
	return is_ipv6 ? ip->q[0] == 0 && weir_be64(ip->b + 8) == 1 : ip->b[0] == 127;
}

static bool is_multicast(const union weir_ip *ip, bool is_ipv6)
{
	return is_ipv6 ? ip->b[0] == 0xff : (ip->b[0] & 0xf0) == 0xe0 || ip->w[0] == UINT32_MAX;
}

/* Private, shared (RFC 6598), link-local, loopback and multicast: no address of the Internet. */
static bool is_intranet(const union weir_ip *ip, bool is_ipv6)
{
	const uint8_t *b = ip->b;

	if (is_zero(ip) || is_loopback(ip, is_ipv6) || is_multicast(ip, is_ipv6))
		return true;
	if (is_ipv6)
		return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
	return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
	       (b[0] == 100 && (b[1] & 0xc0) == 64) || (b[0] == 169 && b[1] == 254);
}

/* A MAC without a row, of a machine that is here, is in the agent's own. */
static int32_t vpc_of_mac(const struct weir_meta *m, uint64_t row, bool l2_end)
{
	if (row != 0)
		return vpc_of_value(row);
	return l2_end ? m->base->agent.vpc : 0;
}

/* One flow while it is labelled. */
struct work {
	const struct weir_meta *m;
	const struct weir_meta_query *q;
	struct weir_meta_label *label;
	uint64_t mac[2];     /* rows of the MACs */
	uint64_t line[2];    /* where the base's rows of the addresses begin */
	uint64_t address[2]; /* rows of the addresses in the MACs' VPCs */
};

static void set_address(struct weir_meta_end *e, int32_t vpc, uint64_t row)
{
	e->l3_vpc = vpc;
	e->is_local_ip = (row >> 48 & WEIR_META_IS_LOCAL) != 0;
	e->is_vip |= (row >> 48 & WEIR_META_IS_VIP) != 0;
}

/* An address of a VPC: exact, then (`cidr`) by its CIDRs. */
static bool in_vpc(const struct work *w, unsigned int side, int32_t vpc, bool cidr)
{
	struct weir_meta_end *e = &w->label->end[side];
	const union weir_ip *ip = &w->q->ip[side];
	struct weir_meta_hit hit;
	const uint64_t row = get_address(w->m, vpc, ip, w->q->is_ipv6);

	if (row != 0) {
		set_address(e, vpc, row);
		return true;
	}
	if (!cidr || !weir_meta_by_prefix(w->m, WEIR_META_IN_VPC, vpc, ip, w->q->is_ipv6, &hit))
		return false;
	e->l3_vpc = hit.vpc;
	e->is_vip |= (hit.flags & WEIR_META_IS_VIP) != 0;
	return true;
}

/* (7) */
static bool in_wan(const struct work *w, unsigned int side)
{
	struct weir_meta_end *e = &w->label->end[side];
	const union weir_ip *ip = &w->q->ip[side];
	const uint64_t row = weir_meta_get_wan(w->m, ip, w->q->is_ipv6);
	struct weir_meta_hit hit;

	if (row != 0) {
		e->l3_vpc = vpc_of_value(row);
		e->is_local_ip = (flags_of_value(row) & WEIR_META_IS_LOCAL) != 0;
		return true;
	}
	if (!weir_meta_by_prefix(w->m, WEIR_META_IN_WAN, 0, ip, w->q->is_ipv6, &hit))
		return false;
	e->l3_vpc = hit.vpc;
	e->is_vip |= (hit.flags & WEIR_META_IS_VIP) != 0;
	return true;
}

/* (2) */
static bool in_tunnel(const struct work *w, unsigned int side)
{
	struct weir_meta_end *e = &w->label->end[side];
	struct weir_meta_hit hit;

	if (!weir_meta_by_prefix(w->m, WEIR_META_IN_TUNNEL, (int32_t)w->q->tunnel_id,
				 &w->q->ip[side], w->q->is_ipv6, &hit))
		return false;
	e->l3_vpc = hit.vpc;
	e->is_vip |= (hit.flags & WEIR_META_IS_VIP) != 0;
	return true;
}

static bool l3_end_of(const struct work *w, unsigned int side)
{
	const struct weir_meta_query *q = w->q;
	const uint64_t mac = q->mac[side], row = w->mac[side];

	if (q->network_type != NETWORK_CLOUD || !q->has_ip)
		return false;
	if (is_loopback(&q->ip[WEIR_SRC], q->is_ipv6) ||
	    (w->address[side] != 0 && (w->address[side] & MAC_MASK) == mac && mac != 0))
		return true;
	if (has_pair(w->m, mac, &q->ip[side], q->is_ipv6))
		return true;
	return q->l2_end[side] && row != 0 && (flags_of_value(row) & WEIR_META_IS_VIP);
}

/* (3), (4) */
static void by_mac(const struct work *w, unsigned int side)
{
	const struct weir_meta_query *q = w->q;
	struct weir_meta_end *e = &w->label->end[side];

	e->l2_vpc = vpc_of_mac(w->m, w->mac[side], q->l2_end[side]);
	if (e->l2_vpc == 0 || e->l3_vpc != 0 || !q->has_ip)
		return;
	if (e->l3_end || is_zero(&q->ip[side]) || is_loopback(&q->ip[side], q->is_ipv6)) {
		e->l3_vpc = e->l2_vpc;
		e->is_local_ip = e->is_local_mac && e->l3_end;
	} else if (w->address[side] != 0) {
		set_address(e, e->l2_vpc, w->address[side]);
	}
}

static void one_end(const struct work *w, unsigned int side)
{
	const struct weir_meta_query *q = w->q;
	const uint64_t row = w->mac[side];
	struct weir_meta_end *e = &w->label->end[side];

	e->l2_vpc = e->l3_vpc = 0;
	e->l2_end = q->l2_end[side] != 0;
	e->l3_end = l3_end_of(w, side);
	e->is_device = row != 0;
	e->is_local_mac = (flags_of_value(row) & WEIR_META_IS_LOCAL) != 0;
	e->is_local_ip = e->is_vip = e->has_real_ip = false;
	if (weir_unlikely(q->mac[WEIR_SRC] == q->mac[WEIR_DST]) && q->mac[WEIR_SRC] != 0 &&
	    w->m->base->agent.vpc != 0) { /* (1) */
		e->l2_vpc = e->l3_vpc = w->m->base->agent.vpc;
		e->is_local_ip = e->is_local_mac && e->l3_end;
		return;
	}
	if (weir_unlikely(q->tunnel_id > 0) && q->has_ip) {
		const bool known = in_tunnel(w, side);

		if (q->is_pseudo_mac) { /* its MAC says nothing */
			if (!known)
				in_wan(w, side);
			return;
		}
	}
	by_mac(w, side);
}

/* (6): the networks that the known end's VPC is connected to. */
static bool in_peers(const struct work *w, unsigned int side, int32_t vpc)
{
	const int32_t *peers = NULL;
	const size_t n = weir_meta_peers(w->m, vpc, &peers);

	for (size_t i = 0; i < n; i++)
		if (in_vpc(w, side, peers[i], false))
			return true;
	for (size_t i = 0; i < n; i++)
		if (in_vpc(w, side, peers[i], true))
			return true;
	return false;
}

/* (5): traffic that does not leave the known end's network. */
static bool stays_in_network(const struct weir_meta_query *q, unsigned int side)
{
	const union weir_ip *ip = &q->ip[side];

	return (q->mac[side] & MAC_MULTICAST) != 0 || is_loopback(ip, q->is_ipv6) ||
	       is_multicast(ip, q->is_ipv6) ||
	       memcmp(&q->ip[WEIR_SRC], &q->ip[WEIR_DST], sizeof(*ip)) == 0;
}

/* (5) and (6): an unknown end by the known one. */
static void by_other(const struct work *w)
{
	for (unsigned int i = 0; i < 2; i++) {
		const unsigned int side = i ^ 1; /* the destination first */
		struct weir_meta_end *e = &w->label->end[side];
		const int32_t known = w->label->end[side ^ 1].l3_vpc;

		if (e->l3_vpc != 0 || known == 0)
			continue;
		if (stays_in_network(w->q, side))
			e->l3_vpc = known;
		else if (!in_vpc(w, side, known, true))
			in_peers(w, side, known);
	}
}

/* (7), (9) */
static void rest(const struct work *w)
{
	struct weir_meta_end *e = w->label->end;
	bool any = false;

	for (unsigned int side = 0; side < 2; side++)
		if (e[side].l3_vpc == 0)
			any |= in_wan(w, side);
	if (any)
		by_other(w);
	for (unsigned int side = 0; side < 2; side++) {
		if (e[side].l3_vpc != 0)
			continue;
		if (is_multicast(&w->q->ip[side], w->q->is_ipv6))
			e[side].l3_vpc = e[side ^ 1].l3_vpc;
		else if (!is_intranet(&w->q->ip[side], w->q->is_ipv6))
			e[side].l3_vpc = WEIR_VPC_INTERNET;
	}
}

/* (8) */
static void real_ip(const struct work *w, unsigned int side)
{
	const unsigned int family = w->q->is_ipv6;
	struct weir_meta_end *e = &w->label->end[side];
	const struct interface_info *info;

	if (w->mac[side] == 0)
		return;
	info = weir_meta_info_of(w->m, w->q->mac[side], w->mac[side]);
	e->has_real_ip = info->has_ip[family];
	e->real_ip = info->ip[family];
}

/*
 * Where the row of an address is. (A function that does nothing but prefetch is one without effect to
 * GCC, which leaves its calls out.)
 */
static inline uint64_t line_of(const struct weir_meta *m, int32_t vpc, const union weir_ip *ip,
			       bool is_ipv6)
{
	uint64_t key[3];

	if (!is_ipv6)
		return weir_table_line16(&m->base->layer.v4, key4(vpc, ip));
	key6(vpc, ip, key);
	return weir_table_line32(&m->base->layer.v6, key);
}

static inline const void *line_at(const struct weir_meta *m, uint64_t line, bool is_ipv6)
{
	const struct layer *l = &m->base->layer;

	return (const uint8_t *)(is_ipv6 ? l->v6.lines : l->v4.lines) + line * WEIR_CACHE_LINE;
}

static inline uint64_t address_row(const struct work *w, unsigned int side)
{
	const struct weir_meta_query *q = w->q;
	const struct layer *base = &w->m->base->layer;
	const int32_t vpc = vpc_of_mac(w->m, w->mac[side], q->l2_end[side]);
	uint64_t key[3];

	if (vpc == 0 || !q->has_ip)
		return 0;
	if (weir_unlikely(w->m->has_over))
		return get_address(w->m, vpc, &q->ip[side], q->is_ipv6);
	if (!q->is_ipv6)
		return weir_table_get16_from(&base->v4, w->line[side], key4(vpc, &q->ip[side]));
	key6(vpc, &q->ip[side], key);
	return weir_table_get32_from(&base->v6, w->line[side], key);
}

/* An interface with its own address, which is all there is to say of most ends in a cloud. */
static inline bool is_usual(const struct work *w, unsigned int side)
{
	return w->mac[side] != 0 && w->address[side] != 0 &&
	       (w->address[side] & MAC_MASK) == w->q->mac[side];
}

/* What is left to say of it: bit 0, the packet was on its own interface; bit 1, its machine is here. */
static const struct weir_meta_end usual_ends[4] = {
	{ .is_device = true, .l3_end = true },
	{ .is_device = true, .l3_end = true, .l2_end = true },
	{ .is_device = true, .l3_end = true, .is_local_mac = true, .is_local_ip = true },
	{ .is_device = true,
	  .l3_end = true,
	  .l2_end = true,
	  .is_local_mac = true,
	  .is_local_ip = true },
};
static const uint16_t usual_meets[4] = {
	L3,
	L3 | L2,
	L3 | LOCAL_MAC | LOCAL_IP,
	L3 | L2 | LOCAL_MAC | LOCAL_IP,
};

/* Returns the conditions it meets. */
static inline uint16_t usual_end(const struct work *w, unsigned int side)
{
	const unsigned int kind = (w->q->l2_end[side] != 0) |
				  (flags_of_value(w->mac[side]) & WEIR_META_IS_LOCAL ? 1u << 1 : 0);
	struct weir_meta_end *e = &w->label->end[side];

	*e = usual_ends[kind];
	e->l2_vpc = e->l3_vpc = vpc_of_value(w->mac[side]);
	return usual_meets[kind];
}

/* Nothing that makes an end's MAC or address mean less than usual. */
static inline bool is_plain(const struct weir_meta_query *q)
{
	return q->network_type == NETWORK_CLOUD && q->tunnel_id == 0 &&
	       q->mac[WEIR_SRC] != q->mac[WEIR_DST];
}

/* Each end for itself. True: that is all. */
static inline bool both_ends(const struct work *w)
{
	const bool plain = is_plain(w->q);
	uint16_t meets[2];
	bool is_all = true;

	for (unsigned int side = 0; side < 2; side++) {
		if (weir_likely(plain && is_usual(w, side))) {
			meets[side] = usual_end(w, side);
		} else {
			one_end(w, side);
			is_all = false;
		}
	}
	if (is_all)
		weir_meta_observe(&w->m->base->observe, w->q, meets, w->label);
	return is_all;
}

/* What by_other() will begin with. */
static const void *other_line(const struct work *w)
{
	const struct weir_meta_end *e = w->label->end;
	const unsigned int side = e[WEIR_DST].l3_vpc == 0 ? WEIR_DST : WEIR_SRC;

	return line_at(w->m, line_of(w->m, e[side ^ 1].l3_vpc, &w->q->ip[side], w->q->is_ipv6),
		       w->q->is_ipv6);
}

static bool is_known(const struct weir_meta_label *label)
{
	return label->end[WEIR_SRC].l3_vpc != 0 && label->end[WEIR_DST].l3_vpc != 0;
}

static void finish(const struct work *w)
{
	const struct weir_meta_end *e = w->label->end;

	if (w->q->has_ip && !is_known(w->label)) {
		by_other(w);
		rest(w);
	}
	for (unsigned int side = 0; w->q->has_ip && side < 2; side++)
		if (e[side].is_vip)
			real_ip(w, side);
	weir_meta_observe(&w->m->base->observe, w->q,
			  (const uint16_t[2]){ end_meets(&e[WEIR_SRC]), end_meets(&e[WEIR_DST]) },
			  w->label);
}

static inline uint64_t mac_row(const struct work *w, unsigned int side)
{
	if (weir_unlikely(w->m->has_over))
		return get_mac(w->m, w->q->mac[side]);
	return weir_table_get16_from(&w->m->base->layer.macs, w->line[side], w->q->mac[side]);
}

/* The line of the row of a MAC, and then that of the address in its VPC. */
static inline void ask_mac(struct work *w, unsigned int side)
{
	const struct weir_table *t = &w->m->base->layer.macs;

	w->line[side] = weir_table_line16(t, w->q->mac[side]);
	weir_prefetch((const uint8_t *)t->lines + w->line[side] * WEIR_CACHE_LINE);
}

static inline void ask_address(struct work *w, unsigned int side)
{
	const struct weir_meta_query *q = w->q;

	w->mac[side] = mac_row(w, side);
	w->line[side] = line_of(w->m, vpc_of_mac(w->m, w->mac[side], q->l2_end[side]), &q->ip[side],
				q->is_ipv6);
	weir_prefetch(line_at(w->m, w->line[side], q->is_ipv6));
}

void weir_meta_label_burst(const struct weir_meta *m, const struct weir_meta_query *queries,
			   struct weir_meta_label *labels, unsigned int n)
{
	struct work work[WEIR_BURST_MAX], *more[WEIR_BURST_MAX];
	unsigned int n_more = 0;

	for (unsigned int i = 0; i < n; i++) {
		work[i].m = m;
		work[i].q = &queries[i];
		work[i].label = &labels[i];
		ask_mac(&work[i], WEIR_SRC);
		ask_mac(&work[i], WEIR_DST);
	}
	for (unsigned int i = 0; i < n; i++) {
		ask_address(&work[i], WEIR_SRC);
		ask_address(&work[i], WEIR_DST);
	}
	for (unsigned int i = 0; i < n; i++) {
		struct work *w = &work[i];

		w->address[WEIR_SRC] = address_row(w, WEIR_SRC);
		w->address[WEIR_DST] = address_row(w, WEIR_DST);
		if (weir_likely(both_ends(w)))
			continue;
		if (!is_known(w->label))
			weir_prefetch(other_line(w));
		more[n_more++] = w;
	}
	for (unsigned int i = 0; i < n_more; i++)
		finish(more[i]);
}

/* With a tunnel, by its outer MACs, and all of it counts as unicast. */
static uint64_t key_of(const struct weir_pkt *p, unsigned int side)
{
	return p->tunnel.tier > 0 ? p->tunnel.mac[side] : weir_be32(p->mac[side] + 2);
}

void weir_meta_l2_ends_burst(const struct weir_meta *m, const struct weir_pkt *pkts,
			     uint8_t *l2_end, unsigned int n)
{
	const struct weir_table *t = &m->base->segments;

	for (unsigned int i = 0; i < n; i++) {
		weir_prefetch(weir_table_at16(t, key_of(&pkts[i], WEIR_SRC)));
		weir_prefetch(weir_table_at16(t, key_of(&pkts[i], WEIR_DST)));
	}
	for (unsigned int i = 0; i < n; i++) {
		const struct weir_pkt *p = &pkts[i];
		const bool unicast = p->tunnel.tier > 0 || (p->mac[WEIR_DST][0] & 1) == 0;

		l2_end[i] = 0;
		if (weir_table_get16(t, key_of(p, WEIR_SRC)) != 0)
			l2_end[i] |= WEIR_META_SRC_END;
		if (unicast && weir_table_get16(t, key_of(p, WEIR_DST)) != 0)
			l2_end[i] |= WEIR_META_DST_END;
	}
}
