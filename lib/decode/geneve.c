/* SPDX-License-Identifier: Apache-2.0 */
/* Geneve: Ethernet or IP over UDP, with options. RFC 8926, section 3.4. */
#include "decode_priv.h"

struct geneve_hdr {
	uint8_t version_len; /* 2 bits, then the options' length in words of 4 bytes */
	uint8_t flags;
	uint8_t type_be[2];
	uint8_t vni_be[3];
	uint8_t reserved;
};
static_assert(sizeof(struct geneve_hdr) == 8, "RFC 8926, 3.4");

#define TYPE_ETHER 0x6558

enum weir_verdict weir_decode_geneve(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct geneve_hdr *h = weir_rd_take(&d->rd, sizeof(*h));
	enum weir_hdr inner;
	uint16_t type;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	type = weir_be16(h->type_be);
	if (type == TYPE_ETHER)
		inner = WEIR_HDR_ETHER;
	else if (type == WEIR_ETHERTYPE_IPV4 || type == WEIR_ETHERTYPE_IPV6)
		inner = WEIR_HDR_RAW_IP;
	else
		return WEIR_STOP_BAD;
	if (h->version_len >> 6 != 0)
		return WEIR_STOP_BAD;
	if (weir_rd_take(&d->rd, (size_t)(h->version_len & 0x3f) * 4) == NULL)
		return WEIR_STOP_SHORT;
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_GENEVE, weir_be24(h->vni_be), inner);
}
