/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet. IEEE 802.3-2022, section 3.1.1. */
#include "decode_priv.h"

struct ether_hdr {
	uint8_t dst[6];
	uint8_t src[6];
	uint8_t type_be[2];
};
static_assert(sizeof(struct ether_hdr) == 14, "IEEE 802.3, 3.1.1");

enum weir_verdict weir_decode_ether(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct ether_hdr *h = weir_rd_take(&d->rd, sizeof(*h));

	if (h == NULL)
		return WEIR_STOP_SHORT;
	memcpy(pkt->mac[WEIR_SRC], h->src, sizeof(h->src));
	memcpy(pkt->mac[WEIR_DST], h->dst, sizeof(h->dst));
	d->l2_len += sizeof(*h);
	return weir_decode_payload_ether(d, pkt, weir_be16(h->type_be));
}
