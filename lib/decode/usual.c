/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast path: Ethernet, at most one 802.1Q tag, unfragmented IPv4 without options or IPv6, then
 * TCP, UDP, ICMP or what is not followed; and that in one or two tunnels of Ethernet frames. All is
 * looked at before anything is written, and of an outer packet only the tunnel is. What is written is
 * exactly what the table's decoders write, so they stay the only place where a rule is: a frame that
 * is not all usual is left to them, and only a tunnel around it is not read again; their inner frames
 * come back.
 */
#include "usual_tunnel.h"

#define PREFETCH_AHEAD 8
#define FRAME_MIN      (ETHER_LEN + IPV4_LEN + UDP_LEN)
#define NEVER_INLINE   __attribute__((noinline))

/* An outer packet. */
struct outer {
	const uint8_t *ip;
	const uint8_t *l4;
	const uint8_t *end;
};

/* Where learn_from() found OTHER. By itself, so that it takes no registers from TCP and UDP. */
static NEVER_INLINE enum learned learn_again(const uint8_t *ether, const struct outer *outer,
					     struct weir_pkt *pkt)
{
	struct headers h = { .ether = ether, .ip = outer->ip };

	h.is_ipv6 = outer->l4 - outer->ip == IPV6_LEN;
	find(&h, outer->end);
	learn_other(&h, pkt);
	return PACKET;
}

/* ICMP is, but there is nothing behind it. */
static inline bool is_followed(uint8_t proto)
{
	enum weir_hdr hdr = weir_route_ip_proto(proto);

	return hdr != WEIR_HDR_NONE && hdr != WEIR_HDR_ICMP;
}

/* Each use is compiled with the place of `ip` in the frame and its kind known: loads and no sums. */
static ALWAYS_INLINE enum learned learn_from(const uint8_t *ether, const uint8_t *ip, bool is_ipv6,
					     const uint8_t *end, struct weir_pkt *pkt,
					     struct outer *outer)
{
	struct headers h = { .ether = ether, .ip = ip, .is_ipv6 = is_ipv6 };
	enum learned learned;

	if (!find(&h, end))
		return TABLE;
	if (weir_likely(h.proto == PROTO_TCP))
		learned = learn_tcp(&h, pkt) ? PACKET : OTHER;
	else if (h.proto == PROTO_UDP)
		learned = learn_udp(&h, pkt);
	else if (h.proto == PROTO_GRE)
		learned = GRE;
	else
		learned = is_followed(h.proto) ? TABLE : OTHER;
	if (learned == PACKET)
		return PACKET;
	*outer = (struct outer){ .ip = h.ip, .l4 = h.l4, .end = h.end };
	return learned == OTHER ? learn_again(ether, outer, pkt) : learned;
}

/* By itself too. */
static NEVER_INLINE enum learned learn_tagged_or_ipv6(const uint8_t *ether, const uint8_t *end,
						      struct weir_pkt *pkt, struct outer *outer)
{
	const uint8_t *ip = ether + ETHER_LEN;
	uint16_t type = weir_be16(ip - 2);

	if (type == WEIR_ETHERTYPE_IPV6)
		return learn_from(ether, ip, true, end, pkt, outer);
	ip += WEIR_VLAN_TAG_LEN;
	type = weir_be16(ip - 2);
	if (type == WEIR_ETHERTYPE_IPV4)
		return learn_from(ether, ip, false, end, pkt, outer);
	return type == WEIR_ETHERTYPE_IPV6 ? learn_from(ether, ip, true, end, pkt, outer) : TABLE;
}

/* The frame from `ether` to `end` by itself, whatever is around it. Only a PACKET is written. */
static NEVER_INLINE enum learned learn(const uint8_t *ether, const uint8_t *end,
				       struct weir_pkt *pkt, struct outer *outer)
{
	const uint8_t *ip = ether + ETHER_LEN;
	uint16_t type;

	if (weir_unlikely(end - ether < FRAME_MIN))
		return TABLE;
	type = weir_be16(ip - 2);
	if (weir_unlikely(type != WEIR_ETHERTYPE_IPV4)) {
		if (type != WEIR_ETHERTYPE_IPV6 && type != WEIR_ETHERTYPE_VLAN)
			return TABLE;
		return learn_tagged_or_ipv6(ether, end, pkt, outer);
	}
	return learn_from(ether, ip, false, end, pkt, outer);
}

/* The same of a packet without a link header. */
static NEVER_INLINE enum learned learn_raw(const uint8_t *ip, const uint8_t *end,
					   struct weir_pkt *pkt, struct outer *outer)
{
	if (end - ip < IPV4_LEN + UDP_LEN)
		return TABLE;
	if (ip[0] == IPV4_PLAIN)
		return learn_from(ip, ip, false, end, pkt, outer);
	return learn_from(ip, ip, true, end, pkt, outer);
}

/* What the outermost frame says for all that is in it. */
static inline void learn_frame(const struct weir_frame *frame, struct weir_pkt *pkt)
{
	const uint8_t *type = frame->data + 12;

	pkt->ts_ns = frame->ts_ns;
	if (weir_unlikely(frame->flags & WEIR_FRAME_VLAN))
		weir_pkt_tag(pkt, frame->vlan_tci);
	if (weir_unlikely(weir_be16(type) == WEIR_ETHERTYPE_VLAN))
		weir_pkt_tag(pkt, weir_be16(type + 2));
}

static ALWAYS_INLINE void finish(const struct weir_frame *frame, struct weir_pkt *pkt)
{
	learn_frame(frame, pkt);
	if (weir_unlikely(frame->flags & WEIR_FRAME_VLAN)) {
		pkt->vlan = pkt->tci[1] & 0x0fff;
		pkt->packet_len += WEIR_VLAN_TAG_LEN;
	}
	weir_pkt_join(pkt, frame);
}

/* Of two tunnels, the outer one last: it is the one to be remembered. */
static inline void learn_tunnel(const uint8_t *ether, const struct outer *outer,
				const struct tunnel *found, struct weir_tunnel *t)
{
	const bool is_ipv6 = outer->l4 - outer->ip == IPV6_LEN;

	t->ip[WEIR_SRC] = weir_be32(outer->ip + (is_ipv6 ? 20 : 12));
	t->ip[WEIR_DST] = weir_be32(outer->ip + (is_ipv6 ? 36 : 16));
	t->mac[WEIR_SRC] = weir_be32(ether + 8);
	t->mac[WEIR_DST] = weir_be32(ether + 2);
	t->id = found->id;
	t->type = (uint8_t)found->type;
	t->tier++;
	t->is_ipv6 = is_ipv6;
}

/* The tunnel in what learn() found, if it is there and is to be followed. */
static inline bool may_enter(const struct weir_decode_conf *conf, enum learned learned,
			     const struct outer *outer, struct tunnel *t)
{
	return outer->end - outer->l4 >= TUNNEL_LEN && find_tunnel(learned, outer->l4, t) &&
	       (conf->decap >> t->type & 1);
}

/* A tunnel in a tunnel. One that is trimmed makes the one around it forgotten: for the table. */
static NEVER_INLINE bool decode_nested(const uint8_t *ether, const struct weir_decode_conf *conf,
				       enum learned learned, const struct outer *outer,
				       struct weir_pkt *pkt)
{
	struct outer inner;
	struct tunnel t;

	if (learned > GRE || conf->max_tunnels < 2 || !may_enter(conf, learned, outer, &t) ||
	    (conf->trim >> t.type & 1) || learn(t.inner, outer->end, pkt, &inner) != PACKET)
		return false;
	learn_tunnel(ether, outer, &t, &pkt->tunnel);
	return true;
}

enum weir_verdict weir_decode_usual(struct weir_decoding *d, struct weir_pkt *pkt)
{
	enum learned learned = TABLE;
	struct outer outer;

	if (weir_likely(d->headers <= WEIR_DECODE_HEADERS_MAX - WEIR_DECODE_USUAL_MAX))
		learned = d->next == WEIR_HDR_ETHER ? learn(d->rd.p, d->rd.end, pkt, &outer)
						    : learn_raw(d->rd.p, d->rd.end, pkt, &outer);
	if (learned == PACKET) {
		pkt->packet_len += d->l2_len;
		d->landed = true;
		return WEIR_STOP_DONE;
	}
	return d->next == WEIR_HDR_ETHER ? weir_decode_ether(d, pkt) : weir_decode_raw_ip(d, pkt);
}

/* What the outer packet of a tunnel leaves behind. */
static ALWAYS_INLINE void leave_outer(const struct weir_frame *frame,
				      const struct weir_decode_conf *conf,
				      const struct outer *outer, const struct tunnel *t,
				      struct weir_pkt *pkt)
{
	if (!(conf->trim >> t->type & 1))
		learn_tunnel(frame->data, outer, t, &pkt->tunnel);
	else if (t->type == WEIR_TUNNEL_ERSPAN && outer->l4 - outer->ip == IPV4_LEN)
		pkt->erspan_src = weir_be32(outer->ip + 12);
}

static inline uint32_t l3_payload_len(const struct outer *outer)
{
	if (outer->l4 - outer->ip == IPV6_LEN)
		return weir_be16(outer->ip + 4);
	return weir_be16(outer->ip + 2) - (uint32_t)IPV4_LEN;
}

/* A frame whose outer packet may have a tunnel in it. */
static NEVER_INLINE enum weir_outcome decode_tunnel(const struct weir_frame *frame,
						    const struct weir_decode_conf *conf,
						    enum learned learned, const struct outer *outer,
						    struct weir_pkt *pkt)
{
	struct outer inner;
	struct tunnel t;

	if (conf->max_tunnels == 0 || !may_enter(conf, learned, outer, &t))
		return weir_decode_rest(frame, conf, pkt);
	learned = learn(t.inner, outer->end, pkt, &inner);
	if (weir_unlikely(learned != PACKET) &&
	    !decode_nested(t.inner, conf, learned, &inner, pkt)) {
		if (outer->end - t.inner < FRAME_MIN) /* perhaps too little to enter */
			return weir_decode_rest(frame, conf, pkt);
		leave_outer(frame, conf, outer, &t, pkt);
		return weir_decode_inner(frame, conf, outer->l4, l3_payload_len(outer), t.inner,
					 pkt);
	}
	learn_frame(frame, pkt);
	leave_outer(frame, conf, outer, &t, pkt);
	return WEIR_OUTCOME_FLOW;
}

static ALWAYS_INLINE enum weir_outcome decode(const struct weir_frame *frame,
					      const struct weir_decode_conf *conf,
					      struct weir_pkt *pkt)
{
	enum learned learned = TABLE;
	struct outer outer;

	weir_pkt_clear(pkt);
	if (weir_likely(frame->link == WEIR_LINK_ETHER))
		learned = learn(frame->data, frame->data + frame->caplen, pkt, &outer);
	if (weir_unlikely(learned != PACKET)) {
		if (learned <= GRE)
			return decode_tunnel(frame, conf, learned, &outer, pkt);
		return weir_decode_rest(frame, conf, pkt);
	}
	finish(frame, pkt);
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
