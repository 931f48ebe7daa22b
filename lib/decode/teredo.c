/* SPDX-License-Identifier: Apache-2.0 */
/* Teredo: IPv6 over UDP, behind up to two indications. RFC 4380, section 5.1.1. */
#include "decode_priv.h"

#define AUTH_INDICATOR   0x0001
#define AUTH_FIXED_LEN   13 /* indicator, two lengths, nonce, confirmation */
#define ORIGIN_INDICATOR 0x0000
#define ORIGIN_LEN       8

enum weir_verdict weir_decode_teredo(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const uint8_t *h = weir_rd_peek(&d->rd, 4);

	if (h != NULL && weir_be16(h) == AUTH_INDICATOR) {
		weir_rd_take(&d->rd, AUTH_FIXED_LEN + h[2] + h[3]);
		h = weir_rd_peek(&d->rd, 4);
	}
	if (h != NULL && weir_be16(h) == ORIGIN_INDICATOR) {
		weir_rd_take(&d->rd, ORIGIN_LEN);
		h = weir_rd_peek(&d->rd, 4);
	}
	if (h == NULL)
		return WEIR_STOP_SHORT;
	if (h[0] >> 4 != 6)
		return WEIR_STOP_BAD;
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_TEREDO, 0, WEIR_HDR_RAW_IP);
}
