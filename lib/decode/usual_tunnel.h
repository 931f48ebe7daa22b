/* SPDX-License-Identifier: Apache-2.0 */
/* The fast path's tunnels: where the frame in an outer packet begins. For usual.c alone. */
#ifndef USUAL_TUNNEL_H
#define USUAL_TUNNEL_H

#include "usual_packet.h"

#define TUNNEL_LEN    20 /* looked at from UDP or GRE on: GRE and ERSPAN III, but for its subheader */
#define ETHERTYPE_TEB 0x6558
#define VXLAN_FLAGS   0x08
#define GENEVE_WORDS  0x3f /* of options; above them the version, 0 */

/* GRE: which fields there are, and the type of what it carries. */
#define GRE_TEB            0x00006558
#define GRE_TEB_KEY        0x20006558
#define GRE_ERSPAN1        0x000088be
#define GRE_ERSPAN2        0x100088be /* with a sequence number */
#define GRE_ERSPAN3        0x100022eb
#define ERSPAN2            1
#define ERSPAN3            2
#define ERSPAN_SESSION     0x03ff
#define ERSPAN3_FRAME_TYPE 0x7c /* 0: Ethernet */
#define ERSPAN3_SUBHEADER  0x01

/* What is in an outer packet. */
struct tunnel {
	const uint8_t *inner; /* the Ethernet header, perhaps past the end of what there is */
	uint32_t id;
	enum weir_tunnel_type type;
};

/* ERSPAN III: types of frame other than Ethernet are for the table. */
static inline bool find_erspan3(const uint8_t *h, struct tunnel *t)
{
	if (h[0] >> 4 != ERSPAN3 || (h[10] & ERSPAN3_FRAME_TYPE) != 0)
		return false;
	t->inner = h + 12 + (h[11] & ERSPAN3_SUBHEADER ? 8 : 0);
	t->id = weir_be16(h + 2) & ERSPAN_SESSION;
	return true;
}

static inline bool find_in_gre(const uint8_t *gre, struct tunnel *t)
{
	const uint8_t *h = gre + 8;

	t->type = WEIR_TUNNEL_ERSPAN;
	switch (weir_be32(gre)) {
	case GRE_ERSPAN1:
		t->inner = gre + 4;
		t->id = 0;
		return true;
	case GRE_ERSPAN2:
		t->inner = h + 8;
		t->id = weir_be16(h + 2) & ERSPAN_SESSION;
		return h[0] >> 4 == ERSPAN2;
	case GRE_ERSPAN3:
		return find_erspan3(h, t);
	case GRE_TEB:
		t->type = WEIR_TUNNEL_TEB;
		t->inner = gre + 4;
		t->id = 0;
		return true;
	case GRE_TEB_KEY:
		t->type = WEIR_TUNNEL_TEB;
		t->inner = h;
		t->id = weir_be32(gre + 4);
		return true;
	default:
		return false;
	}
}

/* The tunnel whose header begins at `l4`; there are TUNNEL_LEN bytes. */
static inline bool find_tunnel(enum learned learned, const uint8_t *l4, struct tunnel *t)
{
	const uint8_t *h = l4 + UDP_LEN;

	if (learned == GRE)
		return find_in_gre(l4, t);
	t->inner = h + 8;
	t->id = weir_be32(h + 4) >> 8;
	if (learned == VXLAN) {
		t->type = WEIR_TUNNEL_VXLAN;
		return h[0] == VXLAN_FLAGS;
	}
	t->type = WEIR_TUNNEL_GENEVE;
	t->inner += (h[0] & GENEVE_WORDS) * 4;
	return h[0] <= GENEVE_WORDS && weir_be16(h + 2) == ETHERTYPE_TEB;
}

#endif
