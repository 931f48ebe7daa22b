/* SPDX-License-Identifier: Apache-2.0 */
/* Network service header: in VXLAN-GPE, or right on Ethernet. RFC 8300, section 2. */
#include "decode_priv.h"

struct nsh_hdr {
	uint8_t version_ttl;
	uint8_t ttl_len; /* lower 6 bits: length of it all in words of 4 bytes */
	uint8_t md_type;
	uint8_t next;
	uint8_t path_be[4];
};
static_assert(sizeof(struct nsh_hdr) == 8, "RFC 8300, 2.2 and 2.3");

enum { NEXT_IPV4 = 1, NEXT_IPV6 = 2, NEXT_ETHER = 3, NEXT_NSH = 4, NEXT_MPLS = 5 };

enum weir_verdict weir_decode_nsh(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct nsh_hdr *h = weir_rd_peek(&d->rd, sizeof(*h));
	uint32_t len;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	len = (h->ttl_len & 0x3fu) * 4;
	if (h->version_ttl >> 6 != 0 || len < sizeof(*h))
		return WEIR_STOP_BAD;
	if (weir_rd_take(&d->rd, len) == NULL)
		return WEIR_STOP_SHORT;
	switch (h->next) {
	case NEXT_IPV4:
	case NEXT_IPV6:
		d->next = WEIR_HDR_RAW_IP;
		return WEIR_MORE;
	case NEXT_ETHER:
		return weir_decode_inner_ether(d, pkt);
	case NEXT_NSH:
		d->next = WEIR_HDR_NSH;
		return WEIR_MORE;
	case NEXT_MPLS:
		d->next = WEIR_HDR_MPLS;
		return WEIR_MORE;
	default:
		return WEIR_STOP_BAD;
	}
}
