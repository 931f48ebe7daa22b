/* SPDX-License-Identifier: Apache-2.0 */
/* UDP. RFC 768. */
#include "route.h"

struct udp_hdr {
	uint8_t sport_be[2];
	uint8_t dport_be[2];
	uint8_t len_be[2];
	uint8_t checksum_be[2];
};
static_assert(sizeof(struct udp_hdr) == 8, "RFC 768");

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
	d->next = weir_route_udp(pkt->port[WEIR_SRC], pkt->port[WEIR_DST], pkt->mac[WEIR_DST]);
	return d->next == WEIR_HDR_NONE ? WEIR_STOP_DONE : WEIR_MORE;
}
