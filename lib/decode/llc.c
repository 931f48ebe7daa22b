/* SPDX-License-Identifier: Apache-2.0 */
/* Logical link control, and the SNAP form of it that carries an ethertype. IEEE 802.2; RFC 1042. */
#include "decode_priv.h"

struct snap_hdr {
	uint8_t dsap;
	uint8_t ssap;
	uint8_t control;
	uint8_t oui[3];
	uint8_t type_be[2];
};
static_assert(sizeof(struct snap_hdr) == 8, "RFC 1042, header format");

#define SAP_SNAP   0xaa
#define OUI_ETHER  0x000000 /* RFC 1042 */
#define OUI_BRIDGE 0x0000f8 /* IEEE 802.1H */

enum weir_verdict weir_decode_llc(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct snap_hdr *h = weir_rd_peek(&d->rd, sizeof(*h));
	uint16_t type;

	d->landed = true;
	if (h == NULL || h->dsap != SAP_SNAP || h->ssap != SAP_SNAP)
		return WEIR_STOP_DONE;
	type = weir_be16(h->type_be);
	if ((weir_be24(h->oui) != OUI_ETHER && weir_be24(h->oui) != OUI_BRIDGE) ||
	    type < WEIR_ETHERTYPE_MIN)
		return WEIR_STOP_DONE;
	weir_rd_take(&d->rd, sizeof(*h));
	d->l2_len += sizeof(*h);
	return weir_decode_payload_ether(d, pkt, type);
}
