/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going into a tunnel. What was learned of the outer packet becomes the tunnel, and the packet starts
 * anew. Of several tunnels the outermost one is remembered, with the number of them; one that is
 * trimmed was only the way to us, and everything outside it is forgotten too.
 */
#include "route.h"

/* Room that the smallest datagram through any tunnel takes, outer IP header included. */
#define MIN_L3_IPV4     44
#define MIN_L3_IPV6     64
#define MIN_INNER_FRAME 19 /* a link header with a tag, and something in it */

static bool has_room(const struct weir_decoding *d, const struct weir_pkt *pkt, enum weir_hdr inner)
{
	size_t l3 = (size_t)(d->rd.end - pkt->l3);
	size_t left = weir_rd_left(&d->rd);

	if (l3 < (pkt->flags & WEIR_PKT_IPV6 ? MIN_L3_IPV6 : MIN_L3_IPV4))
		return false;
	return inner != WEIR_HDR_ETHER || left >= MIN_INNER_FRAME;
}

/* An IPv4 address, or the last 4 bytes of an IPv6 one. */
static uint32_t short_ip(const struct weir_pkt *pkt, int side)
{
	return weir_be32(pkt->ip[side].b + (pkt->flags & WEIR_PKT_IPV6 ? 12 : 0));
}

static void remember(struct weir_pkt *pkt, enum weir_tunnel_type type, uint32_t id)
{
	struct weir_tunnel *t = &pkt->tunnel;

	if (t->tier < 2)
		t->tier++;
	if (t->type != WEIR_TUNNEL_NONE)
		return;
	t->type = type;
	t->id = id;
	t->is_ipv6 = (pkt->flags & WEIR_PKT_IPV6) != 0;
	for (int side = WEIR_SRC; side <= WEIR_DST; side++) {
		t->ip[side] = short_ip(pkt, side);
		t->mac[side] = weir_be32(pkt->mac[side] + 2);
	}
}

static void forget(struct weir_pkt *pkt, enum weir_tunnel_type type)
{
	memset(&pkt->tunnel, 0, sizeof(pkt->tunnel));
	/* The device that mirrors to us is the outermost source. */
	if (type == WEIR_TUNNEL_ERSPAN && pkt->erspan_src == 0 && !(pkt->flags & WEIR_PKT_IPV6))
		pkt->erspan_src = weir_be32(pkt->ip[WEIR_SRC].b);
}

/* What holds for the whole frame stays; an inner packet without a link header keeps the outer one. */
static void start_anew(struct weir_pkt *pkt, bool keep_link)
{
	const uint16_t vlan = pkt->vlan;
	uint8_t mac[2][6];

	memcpy(mac, pkt->mac, sizeof(mac));
	weir_pkt_clear_inner(pkt);
	if (keep_link) {
		pkt->flags = WEIR_PKT_PSEUDO_MAC;
		pkt->vlan = vlan;
		memcpy(pkt->mac, mac, sizeof(mac));
	}
}

enum weir_verdict weir_tunnel_enter(struct weir_decoding *d, struct weir_pkt *pkt,
				    enum weir_tunnel_type type, uint32_t id, enum weir_hdr inner)
{
	if (!weir_decoding_follows(d, type) || d->tunnels >= d->max_tunnels ||
	    !has_room(d, pkt, inner))
		return WEIR_STOP_DONE;

	if (d->conf->trim >> type & 1)
		forget(pkt, type);
	else
		remember(pkt, type, id);

	start_anew(pkt, inner != WEIR_HDR_ETHER);
	d->tunnels++;
	d->inner = true;
	d->landed = false;
	if (inner == WEIR_HDR_ETHER)
		d->l2_len = 0;
	d->next = inner;
	return WEIR_MORE;
}

enum weir_verdict weir_decode_inner_ether(struct weir_decoding *d, struct weir_pkt *pkt)
{
	pkt->flags &= (uint16_t)~WEIR_PKT_PSEUDO_MAC;
	pkt->vlan = 0;
	d->inner = true;
	d->l2_len = 0;
	d->next = WEIR_HDR_ETHER;
	return WEIR_MORE;
}

bool weir_looks_like_ether(const struct weir_rd *rd, size_t skip)
{
	const uint8_t *frame = weir_rd_peek(rd, skip + 15);
	uint16_t type;

	if (frame == NULL)
		return false;
	frame += skip;
	type = weir_be16(frame + 12);
	switch (weir_route_ethertype(type)) {
	case WEIR_HDR_NONE:
		return false;
	case WEIR_HDR_IPV4:
		return frame[14] >> 4 == 4;
	case WEIR_HDR_IPV6:
		return frame[14] >> 4 == 6;
	default:
		return true;
	}
}
