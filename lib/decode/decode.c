/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop over the table. A packet is a row of headers, each naming the next. Where one stops, what
 * is known so far is the packet - unless the frame it belongs to has not shown yet that it is one:
 * then the outermost frame is SHORT or MALFORMED, and an inner one was no tunnel: the frame is read
 * once more and the tunnel around it is left closed.
 */
#include "route.h"

typedef enum weir_verdict (*decode_fn)(struct weir_decoding *d, struct weir_pkt *pkt);

static const decode_fn decoders[WEIR_HDRS] = {
#define WEIR_DECODER(id, fn, spec, routes) [WEIR_HDR_##id] = weir_decode_##fn,
#include "decoders.def"
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

static void begin(const struct weir_frame *frame, struct weir_decoding *d, struct weir_pkt *pkt,
		  uint8_t max_tunnels)
{
	d->rd.p = frame->data;
	d->rd.end = frame->data + frame->caplen;
	d->cut = weir_sub_floor(frame->wirelen, frame->caplen);
	d->l2_len = 0;
	d->next = frame->link == WEIR_LINK_ETHER ? WEIR_HDR_ETHER : weir_route_link(frame->link);
	d->headers = 0;
	d->tunnels = 0;
	d->max_tunnels = max_tunnels;
	d->inner = false;
	d->landed = false;
	pkt->ts_ns = frame->ts_ns;
	if (frame->flags & WEIR_FRAME_VLAN) {
		d->cut = weir_sub_floor(d->cut, WEIR_VLAN_TAG_LEN);
		d->l2_len = WEIR_VLAN_TAG_LEN;
		pkt->vlan = frame->vlan_tci & 0x0fff;
		weir_pkt_tag(pkt, frame->vlan_tci);
	}
}

/* The outermost Ethernet header is not: it has been looked at. */
static inline bool may_be_usual(const struct weir_decoding *d)
{
	return (d->next == WEIR_HDR_RAW_IP || (d->next == WEIR_HDR_ETHER && d->inner)) &&
	       d->headers < WEIR_DECODE_HEADERS_MAX - WEIR_DECODE_USUAL_MAX;
}

/*
 * Follow headers until one stops; at most `max_tunnels` encapsulations. The packet is all zero.
 * `fast`, `usual_ip`: see weir_decode_rest().
 */
static inline enum weir_verdict follow(const struct weir_frame *frame, struct weir_decoding *d,
				       struct weir_pkt *pkt, uint8_t max_tunnels, bool fast,
				       const uint8_t *usual_ip)
{
	enum weir_verdict v = WEIR_MORE;

	begin(frame, d, pkt, max_tunnels);
	if (usual_ip != NULL)
		v = weir_decode_usual_ip(d, usual_ip, pkt);
	while (v == WEIR_MORE && d->next != WEIR_HDR_NONE && d->headers < WEIR_DECODE_HEADERS_MAX) {
		if (fast && may_be_usual(d)) {
			v = weir_decode_usual(d, pkt);
		} else {
			d->headers++;
			v = decoders[d->next](d, pkt);
		}
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

static inline enum weir_outcome decode(const struct weir_frame *frame,
				       const struct weir_decode_conf *conf, struct weir_pkt *pkt,
				       bool fast, const uint8_t *usual_ip)
{
	struct weir_decoding d;
	enum weir_verdict v;

	d.conf = conf;
	v = follow(frame, &d, pkt, conf->max_tunnels, fast, usual_ip);
	if (weir_unlikely(!d.landed)) {
		if (d.tunnels > 0) {
			weir_pkt_clear(pkt);
			v = follow(frame, &d, pkt, d.tunnels - 1, fast, usual_ip);
		} else if (weir_route_link(frame->link) == WEIR_HDR_NONE) {
			return WEIR_OUTCOME_LINKTYPE;
		}
	}
	if (weir_unlikely(!d.landed))
		return v == WEIR_STOP_SHORT ? WEIR_OUTCOME_SHORT : WEIR_OUTCOME_MALFORMED;
	finish(frame, &d, pkt);
	return WEIR_OUTCOME_FLOW;
}

enum weir_outcome weir_decode_rest(const struct weir_frame *frame,
				   const struct weir_decode_conf *conf, const uint8_t *usual_ip,
				   struct weir_pkt *pkt)
{
	return decode(frame, conf, pkt, true, usual_ip);
}

enum weir_outcome weir_decode_by_table(const struct weir_frame *frame,
				       const struct weir_decode_conf *conf, struct weir_pkt *pkt)
{
	weir_pkt_clear(pkt);
	return decode(frame, conf, pkt, false, NULL);
}
