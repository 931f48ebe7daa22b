/* SPDX-License-Identifier: Apache-2.0 */
/* UDP. RFC 768. */
#include "decode_priv.h"

struct udp_hdr {
	uint8_t sport_be[2];
	uint8_t dport_be[2];
	uint8_t len_be[2];
	uint8_t checksum_be[2];
};
static_assert(sizeof(struct udp_hdr) == 8, "RFC 768");

/* Which tunnel the ports announce. */
static enum weir_hdr tunnel_behind(const struct weir_pkt *pkt)
{
	uint16_t sport = pkt->port[WEIR_SRC], dport = pkt->port[WEIR_DST];
	enum weir_hdr hdr = weir_route_udp(sport, dport);

	/* A load balancer in front of the analyzers spreads VXLAN over ports and marks the MAC. */
	if (hdr == WEIR_HDR_NONE && sport == dport && weir_be16(pkt->mac[WEIR_DST]) == 0xffff)
		hdr = WEIR_HDR_VXLAN;
	return hdr;
}

enum weir_verdict weir_decode_udp(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct udp_hdr *h = weir_rd_take(&d->rd, sizeof(*h));

	if (h == NULL)
		return weir_decode_ports(d, pkt);

	pkt->flags |= WEIR_PKT_L4;
	pkt->port[WEIR_SRC] = weir_be16(h->sport_be);
	pkt->port[WEIR_DST] = weir_be16(h->dport_be);
	pkt->l4_payload_len = weir_sub_floor(pkt->l3_payload_len, sizeof(*h));
	weir_decoding_payload(d, pkt);
	d->next = tunnel_behind(pkt);
	return d->next == WEIR_HDR_NONE ? WEIR_STOP_DONE : WEIR_MORE;
}
