/* SPDX-License-Identifier: Apache-2.0 */
/* VXLAN with a protocol field: NSH, Ethernet or IP over UDP. draft-ietf-nvo3-vxlan-gpe-12, section 3. */
#include "decode_priv.h"

struct vxlan_gpe_hdr {
	uint8_t flags;
	uint8_t reserved1[2];
	uint8_t next;
	uint8_t vni_be[3];
	uint8_t reserved2;
};
static_assert(sizeof(struct vxlan_gpe_hdr) == 8, "draft-ietf-nvo3-vxlan-gpe-12, 3.1");

#define FLAGS_VERSION 0x30
#define FLAGS_NEEDED  0x0c /* VNI and next protocol are there */

enum { NEXT_IPV4 = 1, NEXT_IPV6 = 2, NEXT_ETHER = 3, NEXT_NSH = 4 };

static enum weir_hdr inner_of(uint8_t next)
{
	switch (next) {
	case NEXT_IPV4:
	case NEXT_IPV6:
		return WEIR_HDR_RAW_IP;
	case NEXT_ETHER:
		return WEIR_HDR_ETHER;
	case NEXT_NSH:
		return WEIR_HDR_NSH;
	default:
		return WEIR_HDR_NONE;
	}
}

enum weir_verdict weir_decode_vxlan_gpe(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct vxlan_gpe_hdr *h = weir_rd_take(&d->rd, sizeof(*h));
	enum weir_hdr inner;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	inner = inner_of(h->next);
	if ((h->flags & (FLAGS_VERSION | FLAGS_NEEDED)) != FLAGS_NEEDED || inner == WEIR_HDR_NONE)
		return WEIR_STOP_BAD;
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_VXLAN_NSH, weir_be24(h->vni_be), inner);
}
