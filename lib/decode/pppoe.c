/* SPDX-License-Identifier: Apache-2.0 */
/* PPPoE, session stage: PPP over Ethernet. RFC 2516, section 4. */
#include "decode_priv.h"

struct pppoe_hdr {
	uint8_t version_type;
	uint8_t code;
	uint8_t session_be[2];
	uint8_t len_be[2];
};
static_assert(sizeof(struct pppoe_hdr) == 6, "RFC 2516, 4");

#define VERSION_TYPE 0x11
#define CODE_SESSION 0

enum weir_verdict weir_decode_pppoe(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct pppoe_hdr *h = weir_rd_peek(&d->rd, sizeof(*h));

	(void)pkt;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	d->landed = true;
	if (h->version_type != VERSION_TYPE || h->code != CODE_SESSION)
		return WEIR_STOP_BAD;
	if (!weir_decoding_follows(d, WEIR_TUNNEL_PPPOE))
		return WEIR_STOP_DONE;
	weir_rd_take(&d->rd, sizeof(*h));
	weir_decoding_limit(d, weir_be16(h->len_be));
	d->l2_len += sizeof(*h);
	d->next = WEIR_HDR_PPP;
	return WEIR_MORE;
}
