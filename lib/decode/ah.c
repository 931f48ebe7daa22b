/* SPDX-License-Identifier: Apache-2.0 */
/* IP authentication header: it hides nothing, so what it carries is followed. RFC 4302, section 2. */
#include "decode_priv.h"

struct ah_hdr {
	uint8_t next;
	uint8_t len; /* in units of 4 bytes, the first 8 not counted */
	uint8_t reserved_be[2];
	uint8_t spi_be[4];
	uint8_t sequence_be[4];
};
static_assert(sizeof(struct ah_hdr) == 12, "RFC 4302, figure 1");

enum weir_verdict weir_decode_ah(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct ah_hdr *h = weir_rd_peek(&d->rd, sizeof(*h));
	uint32_t len;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	len = (h->len + 2u) * 4;
	if (len < sizeof(*h))
		return WEIR_STOP_BAD;
	if (weir_rd_take(&d->rd, len) == NULL)
		return WEIR_STOP_SHORT;
	pkt->l3_payload_len = weir_sub_floor(pkt->l3_payload_len, len);
	return weir_decode_payload_ip(d, pkt, h->next);
}
