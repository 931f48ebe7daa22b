/* SPDX-License-Identifier: Apache-2.0 */
/* Cisco HDLC: an ethertype behind two bytes of address. RFC 1547, section 4.3.1. */
#include "decode_priv.h"

struct chdlc_hdr {
	uint8_t address;
	uint8_t control;
	uint8_t type_be[2];
};
static_assert(sizeof(struct chdlc_hdr) == 4, "RFC 1547, 4.3.1");

enum weir_verdict weir_decode_chdlc(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct chdlc_hdr *h = weir_rd_take(&d->rd, sizeof(*h));

	if (h == NULL)
		return WEIR_STOP_SHORT;
	d->l2_len += sizeof(*h);
	return weir_decode_payload_ether(d, pkt, weir_be16(h->type_be));
}
