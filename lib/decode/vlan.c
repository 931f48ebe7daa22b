/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VLAN tags: 802.1Q, 802.1ad and the older 0x9100, any number of them. IEEE 802.1Q-2022, clause 9.
 */
#include "decode_priv.h"

struct vlan_tag {
	uint8_t tci_be[2];
	uint8_t type_be[2];
};
static_assert(sizeof(struct vlan_tag) == WEIR_VLAN_TAG_LEN, "IEEE 802.1Q, 9.3");

enum weir_verdict weir_decode_vlan(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct vlan_tag *h = weir_rd_take(&d->rd, sizeof(*h));

	if (h == NULL) {
		d->landed =
			false; /* a tag belongs to the link header: without it there is no frame */
		return WEIR_STOP_SHORT;
	}
	d->l2_len += sizeof(*h);
	pkt->vlan = weir_be16(h->tci_be) & 0x0fff;
	if (!d->inner)
		weir_pkt_tag(pkt, weir_be16(h->tci_be));
	return weir_decode_payload_ether(d, pkt, weir_be16(h->type_be));
}
