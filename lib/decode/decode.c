/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop over the table. A packet is a row of headers, each naming the next. Where one stops, what
 * is known so far is the packet - unless the frame it belongs to has not shown yet that it is one:
 * then the outermost frame is SHORT or MALFORMED, and an inner one was no tunnel: the frame is read
 * once more and the tunnel around it is left closed.
 */
#include "route.h"

typedef enum weir_verdict (*decode_fn)(struct weir_decoding *d, struct weir_pkt *pkt);

/* What is not followed has no decoder. */
static enum weir_verdict none(struct weir_decoding *d, struct weir_pkt *pkt)
{
	(void)d;
	(void)pkt;
	return WEIR_STOP_BAD;
}

static const decode_fn by_table[WEIR_HDRS] = {
	[WEIR_HDR_NONE] = none,
#define WEIR_DECODER(id, fn, spec, routes) [WEIR_HDR_##id] = weir_decode_##fn,
#include "decoders.def"
};

/* The same, with the fast path wherever a packet may begin. */
static const decode_fn usual_first[WEIR_HDRS] = {
	[WEIR_HDR_NONE] = none,
#define weir_decode_ether                  weir_decode_usual
#define weir_decode_raw_ip                 weir_decode_usual
#define WEIR_DECODER(id, fn, spec, routes) [WEIR_HDR_##id] = weir_decode_##fn,
#include "decoders.def"
#undef weir_decode_ether
#undef weir_decode_raw_ip
};

enum weir_verdict weir_decode_payload_ether(struct weir_decoding *d, struct weir_pkt *pkt,
					    uint16_t type)
{
	pkt->eth_type = type < WEIR_ETHERTYPE_MIN ? 0 : type;
	pkt->packet_len = d->l2_len + weir_decoding_left(d);
	weir_decoding_payload(d, pkt);
	if (type < WEIR_ETHERTYPE_MIN) {
		d->next = WEIR_HDR_LLC;
		weir_decoding_limit(d, type);
	} else {
		d->next = weir_route_ethertype(type);
	}
	/* An inner frame has to show more than a number to be taken for one. */
	if (!d->inner)
		d->landed = true;
	if (d->next != WEIR_HDR_NONE)
		return WEIR_MORE;
	d->landed = true;
	return WEIR_STOP_DONE;
}

enum weir_verdict weir_decode_payload_ip(struct weir_decoding *d, struct weir_pkt *pkt,
					 uint8_t proto)
{
	pkt->proto = proto;
	pkt->l4_payload_len = pkt->l3_payload_len;
	weir_decoding_payload(d, pkt);
	if (pkt->flags & WEIR_PKT_LATER_FRAGMENT)
		return WEIR_STOP_DONE;
	d->next = weir_route_ip_proto(proto);
	return d->next == WEIR_HDR_NONE ? WEIR_STOP_DONE : WEIR_MORE;
}

enum weir_verdict weir_decode_ports(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const uint8_t *ports = weir_rd_peek(&d->rd, 4);

	if (ports == NULL)
		return WEIR_STOP_SHORT;
	pkt->port[WEIR_SRC] = weir_be16(ports);
	pkt->port[WEIR_DST] = weir_be16(ports + 2);
	return WEIR_STOP_SHORT;
}

/* Before the first byte of a frame. */
static inline void begin(const struct weir_frame *frame, const struct weir_decode_conf *conf,
			 struct weir_decoding *d, struct weir_pkt *pkt, uint8_t max_tunnels)
{
	*d = (struct weir_decoding){ .conf = conf, .max_tunnels = max_tunnels };
	d->rd.p = frame->data;
	d->rd.end = frame->data + frame->caplen;
	d->cut = weir_sub_floor(frame->wirelen, frame->caplen);
	d->next = frame->link == WEIR_LINK_ETHER ? WEIR_HDR_ETHER : weir_route_link(frame->link);
	pkt->ts_ns = frame->ts_ns;
	if (frame->flags & WEIR_FRAME_VLAN) {
		d->cut = weir_sub_floor(d->cut, WEIR_VLAN_TAG_LEN);
		d->l2_len = WEIR_VLAN_TAG_LEN;
		pkt->vlan = frame->vlan_tci & 0x0fff;
		weir_pkt_tag(pkt, frame->vlan_tci);
	}
}

/* Follow headers from where `d` stands until one stops. */
static inline enum weir_verdict follow(struct weir_decoding *d, struct weir_pkt *pkt,
				       enum weir_verdict v, const decode_fn *decoders)
{
	while (v == WEIR_MORE && d->headers < WEIR_DECODE_HEADERS_MAX) {
		d->headers++;
		v = decoders[d->next](d, pkt);
	}
	return v;
}

/* What can only be said once all headers are known. */
static void finish(const struct weir_frame *frame, const struct weir_decoding *d,
		   struct weir_pkt *pkt)
{
	if ((frame->flags & WEIR_FRAME_PORTS) && (pkt->flags & WEIR_PKT_LATER_FRAGMENT)) {
		pkt->port[WEIR_SRC] = frame->ports[WEIR_SRC];
		pkt->port[WEIR_DST] = frame->ports[WEIR_DST];
	}
	if (!d->inner && frame->link != WEIR_LINK_RADIOTAP)
		weir_pkt_join(pkt, frame);
}

static inline enum weir_outcome decode(const struct weir_frame *frame, struct weir_decoding *d,
				       struct weir_pkt *pkt, enum weir_verdict v,
				       const decode_fn *decoders)
{
	v = follow(d, pkt, v, decoders);
	if (weir_unlikely(!d->landed)) {
		if (d->tunnels > 0) {
			weir_pkt_clear(pkt);
			begin(frame, d->conf, d, pkt, d->tunnels - 1);
			v = follow(d, pkt, WEIR_MORE, decoders);
		} else if (weir_route_link(frame->link) == WEIR_HDR_NONE) {
			return WEIR_OUTCOME_LINKTYPE;
		}
	}
	if (weir_unlikely(!d->landed))
		return v == WEIR_STOP_SHORT ? WEIR_OUTCOME_SHORT : WEIR_OUTCOME_MALFORMED;
	finish(frame, d, pkt);
	return WEIR_OUTCOME_FLOW;
}

enum weir_outcome weir_decode_rest(const struct weir_frame *frame,
				   const struct weir_decode_conf *conf, struct weir_pkt *pkt)
{
	struct weir_decoding d;
	enum weir_verdict v = WEIR_MORE;

	begin(frame, conf, &d, pkt, conf->max_tunnels);
	if (weir_likely(d.next == WEIR_HDR_ETHER)) {
		d.headers++;
		v = weir_decode_ether(&d, pkt);
	}
	return decode(frame, &d, pkt, v, usual_first);
}

enum weir_outcome weir_decode_inner(const struct weir_frame *frame,
				    const struct weir_decode_conf *conf, const uint8_t *l4,
				    uint32_t l3_payload_len, const uint8_t *ether,
				    struct weir_pkt *pkt)
{
	struct weir_decoding d;

	begin(frame, conf, &d, pkt, conf->max_tunnels);
	d.headers = 5; /* Ethernet, IP, UDP or GRE, the tunnel's, Ethernet */
	if (weir_be16(frame->data + 12) == WEIR_ETHERTYPE_VLAN) {
		d.headers++;
		weir_pkt_tag(pkt, weir_be16(frame->data + 14));
	}
	d.rd.p = l4;
	weir_decoding_limit(&d, l3_payload_len);
	d.rd.p = ether;
	d.l2_len = 0;
	d.tunnels = 1;
	d.inner = true;
	pkt->vlan = 0;
	return decode(frame, &d, pkt, weir_decode_ether(&d, pkt), usual_first);
}

enum weir_outcome weir_decode_by_table(const struct weir_frame *frame,
				       const struct weir_decode_conf *conf, struct weir_pkt *pkt)
{
	struct weir_decoding d;

	weir_pkt_clear(pkt);
	begin(frame, conf, &d, pkt, conf->max_tunnels);
	return decode(frame, &d, pkt, WEIR_MORE, by_table);
}
