/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRE: the fields that may or may not be there; what it carries has decoders of its own.
 * RFC 2784; RFC 2890; version 1 of PPTP: RFC 2637, section 4.1.
 */
#include "route.h"

struct gre_hdr {
	uint8_t flags_be[2];
	uint8_t type_be[2];
};
static_assert(sizeof(struct gre_hdr) == 4, "RFC 2784, 2.1");

#define HAS_CHECKSUM 0x8000
#define HAS_ROUTING  0x4000
#define HAS_KEY      0x2000
#define HAS_SEQ      0x1000
#define HAS_ACK      0x0080 /* version 1 only */
#define VERSION      0x0007

enum weir_verdict weir_decode_gre(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct gre_hdr *h = weir_rd_take(&d->rd, sizeof(*h));
	const uint8_t *key = NULL;
	uint16_t flags;

	(void)pkt;
	if (h == NULL)
		return WEIR_STOP_SHORT;
	flags = weir_be16(h->flags_be);
	/* Source routes (RFC 1701) were never used; the room they take is not known without them. */
	if ((flags & HAS_ROUTING) || (flags & VERSION) > 1)
		return WEIR_STOP_BAD;
	if ((flags & HAS_CHECKSUM) && weir_rd_take(&d->rd, 4) == NULL)
		return WEIR_STOP_SHORT;
	if ((flags & HAS_KEY) && (key = weir_rd_take(&d->rd, 4)) == NULL)
		return WEIR_STOP_SHORT;
	if ((flags & HAS_SEQ) && weir_rd_take(&d->rd, 4) == NULL)
		return WEIR_STOP_SHORT;
	if ((flags & VERSION) == 1 && (flags & HAS_ACK) && weir_rd_take(&d->rd, 4) == NULL)
		return WEIR_STOP_SHORT;

	d->gre_has_key = key != NULL;
	d->gre_key = key != NULL ? weir_be32(key) : 0;
	d->gre_has_seq = (flags & HAS_SEQ) != 0;
	d->next = weir_route_gre(weir_be16(h->type_be));
	return d->next == WEIR_HDR_NONE ? WEIR_STOP_DONE : WEIR_MORE;
}
