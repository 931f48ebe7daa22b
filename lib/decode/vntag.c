/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VN-Tag: which virtual interfaces a frame goes between, behind the MACs. Cisco, "Network interface
 * virtualization" (IEEE 802.1 new-dcb-pelissier-NIV-Proposal-1109), the VNTag.
 */
#include "decode_priv.h"

struct vntag_hdr {
	uint8_t interfaces_be[4]; /* direction, pointer, destination; looped, version, source */
	uint8_t type_be[2];
};
static_assert(sizeof(struct vntag_hdr) == 6, "VNTag: 4 bytes behind its own ethertype");

enum weir_verdict weir_decode_vntag(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct vntag_hdr *h = weir_rd_take(&d->rd, sizeof(*h));

	if (h == NULL) {
		d->landed = false; /* as with VLAN tags: part of the link header */
		return WEIR_STOP_SHORT;
	}
	d->l2_len += sizeof(*h);
	return weir_decode_payload_ether(d, pkt, weir_be16(h->type_be));
}
