/* SPDX-License-Identifier: Apache-2.0 */
/* ERSPAN types I, II and III: a mirrored Ethernet frame in GRE. draft-foschiano-erspan-03, section 4. */
#include "decode_priv.h"

struct erspan2_hdr {
	uint8_t version_vlan_be[2];
	uint8_t session_be[2]; /* class, encapsulation, cut; lower 10 bits: session id */
	uint8_t index_be[4];
};
static_assert(sizeof(struct erspan2_hdr) == 8, "draft-foschiano-erspan-03, 4.2");

struct erspan3_hdr {
	uint8_t version_vlan_be[2];
	uint8_t session_be[2];
	uint8_t timestamp_be[4];
	uint8_t group_be[2];
	uint8_t frame_type; /* P, 5 bits of frame type, 2 of hardware id */
	uint8_t flags;
};
static_assert(sizeof(struct erspan3_hdr) == 12, "draft-foschiano-erspan-03, 4.3");

enum { VERSION_2 = 1, VERSION_3 = 2 };
#define SESSION_MASK   0x03ff
#define FLAG_SUBHEADER 0x01
#define SUBHEADER_LEN  8
enum { FRAME_TYPE_ETHER = 0, FRAME_TYPE_IP = 2 };

/* Types I and II share a protocol type: I has no sequence number, and no header of its own. */
enum weir_verdict weir_decode_erspan(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct erspan2_hdr *h;

	if (!d->gre_has_seq)
		return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_ERSPAN, 0, WEIR_HDR_ETHER);
	h = weir_rd_take(&d->rd, sizeof(*h));
	if (h == NULL)
		return WEIR_STOP_SHORT;
	if (h->version_vlan_be[0] >> 4 != VERSION_2)
		return WEIR_STOP_BAD;
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_ERSPAN,
				 weir_be16(h->session_be) & SESSION_MASK, WEIR_HDR_ETHER);
}

enum weir_verdict weir_decode_erspan3(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct erspan3_hdr *h = weir_rd_take(&d->rd, sizeof(*h));
	uint8_t type;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	type = h->frame_type >> 2 & 0x1f;
	if (h->version_vlan_be[0] >> 4 != VERSION_3 ||
	    (type != FRAME_TYPE_ETHER && type != FRAME_TYPE_IP))
		return WEIR_STOP_BAD;
	if ((h->flags & FLAG_SUBHEADER) && weir_rd_take(&d->rd, SUBHEADER_LEN) == NULL)
		return WEIR_STOP_SHORT;
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_ERSPAN,
				 weir_be16(h->session_be) & SESSION_MASK,
				 type == FRAME_TYPE_IP ? WEIR_HDR_RAW_IP : WEIR_HDR_ETHER);
}
