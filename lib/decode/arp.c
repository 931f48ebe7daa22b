/* SPDX-License-Identifier: Apache-2.0 */
/* ARP for IPv4: sender and target address. RFC 826. */
#include "decode_priv.h"

struct arp_hdr {
	uint8_t hw_type_be[2];
	uint8_t proto_type_be[2];
	uint8_t hw_len;
	uint8_t proto_len;
	uint8_t opcode_be[2];
};
static_assert(sizeof(struct arp_hdr) == 8, "RFC 826");

#define OPCODE_REQUEST 1

enum weir_verdict weir_decode_arp(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct arp_hdr *h = weir_rd_take(&d->rd, sizeof(*h));
	const uint8_t *sender, *target;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	if (weir_be16(h->proto_type_be) != WEIR_ETHERTYPE_IPV4 || h->proto_len != 4)
		return WEIR_STOP_BAD;
	sender = weir_rd_take(&d->rd, h->hw_len + 4u);
	target = weir_rd_take(&d->rd, h->hw_len + 4u);
	if (sender == NULL || target == NULL)
		return WEIR_STOP_SHORT;

	d->landed = true;
	memcpy(pkt->ip[WEIR_SRC].b, sender + h->hw_len, 4);
	memcpy(pkt->ip[WEIR_DST].b, target + h->hw_len, 4);
	pkt->flags |= WEIR_PKT_ARP;
	if (weir_be16(h->opcode_be) == OPCODE_REQUEST)
		pkt->flags |= WEIR_PKT_ARP_REQUEST;
	return WEIR_STOP_DONE;
}
