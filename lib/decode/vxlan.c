/* SPDX-License-Identifier: Apache-2.0 */
/* VXLAN: Ethernet over UDP. RFC 7348, section 5. */
#include "decode_priv.h"

#define FLAGS 0x08 /* exactly this: other values are other encapsulations */

struct vxlan_hdr {
	uint8_t flags;
	uint8_t reserved1[3];
	uint8_t vni_be[3];
	uint8_t reserved2;
};
static_assert(sizeof(struct vxlan_hdr) == 8, "RFC 7348, figure 1");

enum weir_verdict weir_decode_vxlan(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct vxlan_hdr *h = weir_rd_take(&d->rd, sizeof(*h));

	if (h == NULL)
		return WEIR_STOP_SHORT;
	if (h->flags != FLAGS)
		return WEIR_STOP_BAD;
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_VXLAN, weir_be24(h->vni_be), WEIR_HDR_ETHER);
}
