/* SPDX-License-Identifier: Apache-2.0 */
/*
 * L2TP: version 2 carries PPP over UDP (RFC 2661, section 3.1), version 3 any link over UDP or IP
 * (RFC 3931, section 4.1).
 *
 * What a version 3 session carries, and whether a cookie and a sublayer precede it, was agreed on in
 * its control connection. Without having seen that, an Ethernet frame is looked for behind each
 * length the two can have.
 */
#include "decode_priv.h"

#define CONTROL         0x8000
#define HAS_LENGTH      0x4000
#define HAS_SEQUENCE    0x0800
#define HAS_OFFSET      0x0200
#define VERSION         0x000f
#define V3_OPTIONAL_MAX 12 /* a cookie of 0, 4 or 8 bytes and a sublayer of 0 or 4 */

static enum weir_verdict decode_v3_session(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const uint8_t *session = weir_rd_take(&d->rd, 4);

	if (session == NULL)
		return WEIR_STOP_SHORT;
	for (uint32_t skip = 0; skip <= V3_OPTIONAL_MAX; skip += 4) {
		if (!weir_looks_like_ether(&d->rd, skip))
			continue;
		weir_rd_take(&d->rd, skip);
		return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_L2TP, weir_be32(session),
					 WEIR_HDR_ETHER);
	}
	return WEIR_STOP_BAD;
}

static enum weir_verdict decode_v2(struct weir_decoding *d, struct weir_pkt *pkt, uint16_t flags)
{
	const uint8_t *ids, *offset;

	if ((flags & HAS_LENGTH) && weir_rd_take(&d->rd, 2) == NULL)
		return WEIR_STOP_SHORT;
	ids = weir_rd_take(&d->rd, 4); /* tunnel, session */
	if (ids == NULL)
		return WEIR_STOP_SHORT;
	if ((flags & HAS_SEQUENCE) && weir_rd_take(&d->rd, 4) == NULL)
		return WEIR_STOP_SHORT;
	if (flags & HAS_OFFSET) {
		offset = weir_rd_take(&d->rd, 2);
		if (offset == NULL || weir_rd_take(&d->rd, weir_be16(offset)) == NULL)
			return WEIR_STOP_SHORT;
	}
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_L2TP, weir_be32(ids), WEIR_HDR_PPP);
}

enum weir_verdict weir_decode_l2tp(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const uint8_t *h = weir_rd_take(&d->rd, 2);
	uint16_t flags;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	flags = weir_be16(h);
	if (flags & CONTROL)
		return WEIR_STOP_DONE;
	switch (flags & VERSION) {
	case 2:
		return decode_v2(d, pkt, flags);
	case 3:
		if (weir_rd_take(&d->rd, 2) == NULL)
			return WEIR_STOP_SHORT;
		return decode_v3_session(d, pkt);
	default:
		return WEIR_STOP_BAD;
	}
}

enum weir_verdict weir_decode_l2tpv3(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const uint8_t *session = weir_rd_peek(&d->rd, 4);

	if (session != NULL && weir_be32(session) == 0) /* control message */
		return WEIR_STOP_DONE;
	return decode_v3_session(d, pkt);
}
