/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast path: Ethernet, at most one 802.1Q tag, unfragmented IPv4 without options or IPv6, then
 * TCP or UDP, and that once more in VXLAN or ERSPAN II. All is looked at before anything is written,
 * and of an outer packet only the tunnel is. What is written is exactly what the table's decoders
 * write; a frame with anything else in it is left to them, so they stay the only place where a rule is.
 */
#include "route_udp.h"
#include "tcp.h"

#define PREFETCH_AHEAD 8
#define ETHER_LEN      14
#define IPV4_LEN       20
#define IPV6_LEN       40
#define UDP_LEN        8
#define TUNNEL_LEN     16 /* UDP and VXLAN; GRE with a sequence number and ERSPAN II */
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd
#define IPV4_PLAIN     0x45   /* version 4, no options */
#define FRAGMENT       0x3fff /* more fragments, or an offset */
#define PROTO_TCP      6
#define PROTO_UDP      17
#define PROTO_GRE      47
#define VXLAN_FLAGS    0x08
#define GRE_ERSPAN     0x100088be /* a sequence number and nothing else */
#define ERSPAN2        1
#define ERSPAN_SESSION 0x03ff

#define ALWAYS_INLINE  inline __attribute__((always_inline))
#define NEVER_INLINE   __attribute__((noinline))

enum learned {
	PACKET, /* the frame's own */
	VXLAN,  /* only where the outer packet is: a VXLAN header may be in it */
	GRE,    /* the same with a GRE header */
	ODD,    /* nothing, the frame is for the table */
};

/* An outer packet. */
struct outer {
	const uint8_t *ip;
	const uint8_t *l4;
	const uint8_t *end;
};

/* Where the headers are. */
struct headers {
	const uint8_t *ether;
	const uint8_t *ip;
	const uint8_t *l4;
	const uint8_t *end;      /* of the datagram, so far as it was captured */
	uint32_t l3_payload_len; /* by the IP header's length field */
	uint8_t proto;
	bool is_ipv6;
};

/* There are IPV4_LEN bytes. */
static ALWAYS_INLINE bool find_ipv4(struct headers *h)
{
	uint32_t total = weir_be16(h->ip + 2);

	if (h->ip[0] != IPV4_PLAIN || (weir_be16(h->ip + 6) & FRAGMENT) != 0 || total < IPV4_LEN)
		return false;
	h->l4 = h->ip + IPV4_LEN;
	h->l3_payload_len = total - IPV4_LEN;
	h->proto = h->ip[9];
	return true;
}

static ALWAYS_INLINE bool find_ipv6(struct headers *h, const uint8_t *end)
{
	if (end - h->ip < IPV6_LEN || h->ip[0] >> 4 != 6)
		return false;
	h->l4 = h->ip + IPV6_LEN;
	h->l3_payload_len = weir_be16(h->ip + 4);
	h->proto = h->ip[6];
	return h->l3_payload_len > 0;
}

static ALWAYS_INLINE void learn_ip(const struct headers *h, struct weir_pkt *pkt)
{
	const uint8_t *ip = h->ip;

	weir_pkt_clear(pkt);
	memcpy(pkt->mac[WEIR_DST], h->ether, 6);
	memcpy(pkt->mac[WEIR_SRC], h->ether + 6, 6);
	if (h->is_ipv6) {
		pkt->flags = WEIR_PKT_IP | WEIR_PKT_L4 | WEIR_PKT_IPV6;
		pkt->eth_type = ETHERTYPE_IPV6;
		pkt->ttl = ip[7];
		memcpy(pkt->ip[WEIR_SRC].b, ip + 8, 16);
		memcpy(pkt->ip[WEIR_DST].b, ip + 24, 16);
	} else {
		pkt->flags = WEIR_PKT_IP | WEIR_PKT_L4;
		pkt->eth_type = ETHERTYPE_IPV4;
		pkt->ttl = ip[8];
		pkt->ip_id = weir_be16(ip + 4);
		memcpy(pkt->ip[WEIR_SRC].b, ip + 12, 4);
		memcpy(pkt->ip[WEIR_DST].b, ip + 16, 4);
	}
	if (ip - h->ether > ETHER_LEN)
		pkt->vlan = weir_be16(ip - WEIR_VLAN_TAG_LEN) & 0x0fff;
	pkt->proto = h->proto;
	pkt->l3 = ip;
	pkt->end = h->end;
	pkt->packet_len = (uint32_t)(h->l4 - h->ether) + h->l3_payload_len;
	pkt->l3_payload_len = h->l3_payload_len;
}

static ALWAYS_INLINE bool learn_tcp(const struct headers *h, struct weir_pkt *pkt)
{
	if (h->end - h->l4 < (ptrdiff_t)sizeof(struct tcp_hdr))
		return false;
	learn_ip(h, pkt);
	weir_tcp_learn((const struct tcp_hdr *)h->l4, h->end, pkt);
	return true;
}

static ALWAYS_INLINE enum learned learn_udp(const struct headers *h, struct weir_pkt *pkt)
{
	uint16_t sport, dport;
	enum weir_hdr tunnel;

	if (h->end - h->l4 < UDP_LEN)
		return ODD;
	sport = weir_be16(h->l4);
	dport = weir_be16(h->l4 + 2);
	tunnel = weir_route_udp(sport, dport, h->ether);
	if (tunnel != WEIR_HDR_NONE)
		return tunnel == WEIR_HDR_VXLAN ? VXLAN : ODD;
	learn_ip(h, pkt);
	pkt->port[WEIR_SRC] = sport;
	pkt->port[WEIR_DST] = dport;
	pkt->l4_payload_len = h->l3_payload_len - UDP_LEN;
	pkt->payload = h->l4 + UDP_LEN;
	pkt->payload_cap = (uint32_t)(h->end - pkt->payload);
	return PACKET;
}

static ALWAYS_INLINE bool find(struct headers *h, const uint8_t *end)
{
	if (h->is_ipv6 ? !find_ipv6(h, end) : !find_ipv4(h))
		return false;
	h->end = h->l3_payload_len < end - h->l4 ? h->l4 + h->l3_payload_len : end;
	return true;
}

/* Each use is compiled with the place of `ip` in the frame and its kind known: loads and no sums. */
static ALWAYS_INLINE enum learned learn_from(const uint8_t *ether, const uint8_t *ip, bool is_ipv6,
					     const uint8_t *end, struct weir_pkt *pkt,
					     struct outer *outer)
{
	struct headers h = { .ether = ether, .ip = ip, .is_ipv6 = is_ipv6 };
	enum learned learned = ODD;

	if (!find(&h, end))
		return ODD;
	if (weir_likely(h.proto == PROTO_TCP))
		return learn_tcp(&h, pkt) ? PACKET : ODD;
	if (h.proto == PROTO_UDP)
		learned = learn_udp(&h, pkt);
	else if (h.proto == PROTO_GRE)
		learned = GRE;
	if (learned != PACKET)
		*outer = (struct outer){ .ip = h.ip, .l4 = h.l4, .end = h.end };
	return learned;
}

/* By themselves, so that they take no registers from the most usual of all. */
static NEVER_INLINE enum learned learn_tagged_or_ipv6(const uint8_t *ether, const uint8_t *end,
						      struct weir_pkt *pkt, struct outer *outer)
{
	const uint8_t *ip = ether + ETHER_LEN;
	uint16_t type = weir_be16(ip - 2);

	if (type == ETHERTYPE_IPV6)
		return learn_from(ether, ip, true, end, pkt, outer);
	if (type != ETHERTYPE_VLAN)
		return ODD;
	ip += WEIR_VLAN_TAG_LEN;
	type = weir_be16(ip - 2);
	if (type == ETHERTYPE_IPV4)
		return learn_from(ether, ip, false, end, pkt, outer);
	return type == ETHERTYPE_IPV6 ? learn_from(ether, ip, true, end, pkt, outer) : ODD;
}

/* The frame from `ether` to `end` by itself, whatever is around it. */
static NEVER_INLINE enum learned learn(const uint8_t *ether, const uint8_t *end,
				       struct weir_pkt *pkt, struct outer *outer)
{
	const uint8_t *ip = ether + ETHER_LEN;

	if (weir_unlikely(end - ether < ETHER_LEN + IPV4_LEN + UDP_LEN))
		return ODD;
	if (weir_unlikely(weir_be16(ip - 2) != ETHERTYPE_IPV4))
		return learn_tagged_or_ipv6(ether, end, pkt, outer);
	return learn_from(ether, ip, false, end, pkt, outer);
}

/* What the outermost frame says for all that is in it. */
static inline void learn_frame(const struct weir_frame *frame, struct weir_pkt *pkt)
{
	const uint8_t *type = frame->data + 12;

	pkt->ts_ns = frame->ts_ns;
	if (weir_unlikely(frame->flags & WEIR_FRAME_VLAN))
		weir_pkt_tag(pkt, frame->vlan_tci);
	if (weir_unlikely(weir_be16(type) == ETHERTYPE_VLAN))
		weir_pkt_tag(pkt, weir_be16(type + 2));
}

/* There are TUNNEL_LEN bytes at `l4`. */
static inline enum weir_tunnel_type tunnel_type(enum learned learned, const uint8_t *l4)
{
	if (learned == VXLAN && l4[UDP_LEN] == VXLAN_FLAGS)
		return WEIR_TUNNEL_VXLAN;
	if (learned == GRE && weir_be32(l4) == GRE_ERSPAN && l4[8] >> 4 == ERSPAN2)
		return WEIR_TUNNEL_ERSPAN;
	return WEIR_TUNNEL_NONE;
}

static inline void learn_tunnel(const uint8_t *ether, const struct outer *outer,
				enum weir_tunnel_type type, struct weir_tunnel *t)
{
	const bool is_ipv6 = outer->l4 - outer->ip == IPV6_LEN;

	t->ip[WEIR_SRC] = weir_be32(outer->ip + (is_ipv6 ? 20 : 12));
	t->ip[WEIR_DST] = weir_be32(outer->ip + (is_ipv6 ? 36 : 16));
	t->mac[WEIR_SRC] = weir_be32(ether + 8);
	t->mac[WEIR_DST] = weir_be32(ether + 2);
	t->id = type == WEIR_TUNNEL_VXLAN ? weir_be32(outer->l4 + 12) >> 8
					  : weir_be16(outer->l4 + 10) & ERSPAN_SESSION;
	t->type = type;
	t->tier = 1;
	t->is_ipv6 = is_ipv6;
}

static NEVER_INLINE bool decode_inner(const struct weir_frame *frame,
				      const struct weir_decode_conf *conf, enum learned learned,
				      const struct outer *outer, struct weir_pkt *pkt)
{
	enum weir_tunnel_type type;
	struct outer inner;

	if (learned == ODD || outer->end - outer->l4 < TUNNEL_LEN || conf->max_tunnels == 0)
		return false;
	type = tunnel_type(learned, outer->l4);
	if (type == WEIR_TUNNEL_NONE || !(conf->decap >> type & 1) ||
	    learn(outer->l4 + TUNNEL_LEN, outer->end, pkt, &inner) != PACKET)
		return false;
	learn_frame(frame, pkt);
	if (!(conf->trim >> type & 1))
		learn_tunnel(frame->data, outer, type, &pkt->tunnel);
	else if (type == WEIR_TUNNEL_ERSPAN && outer->l4 - outer->ip == IPV4_LEN)
		pkt->erspan_src = weir_be32(outer->ip + 12);
	return true;
}

static ALWAYS_INLINE enum weir_outcome decode(const struct weir_frame *frame,
					      const struct weir_decode_conf *conf,
					      struct weir_pkt *pkt)
{
	enum learned learned = ODD;
	struct outer outer;

	if (weir_likely(frame->link == WEIR_LINK_ETHER))
		learned = learn(frame->data, frame->data + frame->caplen, pkt, &outer);
	if (weir_unlikely(learned != PACKET)) {
		if (decode_inner(frame, conf, learned, &outer, pkt))
			return WEIR_OUTCOME_FLOW;
		return weir_decode_by_table(frame, conf, pkt);
	}
	learn_frame(frame, pkt);
	if (weir_unlikely(frame->flags & WEIR_FRAME_VLAN)) {
		pkt->vlan = pkt->tci[1] & 0x0fff;
		pkt->packet_len += WEIR_VLAN_TAG_LEN;
	}
	weir_pkt_join(pkt, frame);
	return WEIR_OUTCOME_FLOW;
}

enum weir_outcome weir_decode(const struct weir_frame *frame, const struct weir_decode_conf *conf,
			      struct weir_pkt *pkt)
{
	return decode(frame, conf, pkt);
}

void weir_decode_burst(const struct weir_frame *frames, unsigned int n,
		       const struct weir_decode_conf *conf, struct weir_pkt *pkts,
		       uint8_t *outcomes)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct weir_frame *frame = &frames[i];

		if (n - i > PREFETCH_AHEAD)
			weir_prefetch(frame[PREFETCH_AHEAD].data);
		outcomes[i] = (uint8_t)decode(frame, conf, &pkts[i]);
	}
}
