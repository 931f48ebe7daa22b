/* SPDX-License-Identifier: Apache-2.0 */
/* GTP-U: a mobile subscriber's IP packets over UDP. 3GPP TS 29.281, section 5. */
#include "decode_priv.h"

struct gtpu_hdr {
	uint8_t flags;
	uint8_t type;
	uint8_t len_be[2];
	uint8_t teid_be[4];
};
static_assert(sizeof(struct gtpu_hdr) == 8, "TS 29.281, figure 5.1-1");

struct gtpu_optional {
	uint8_t sequence_be[2];
	uint8_t n_pdu;
	uint8_t next_ext;
};
static_assert(sizeof(struct gtpu_optional) == 4, "TS 29.281, figure 5.1-1");

#define FLAGS_KIND     0xf0 /* version 1, protocol type GTP */
#define KIND_GTP_V1    0x30
#define FLAGS_OPTIONAL 0x07 /* any of them brings all three fields */
#define FLAG_EXT       0x04
#define TYPE_G_PDU     0xff
#define EXT_MAX        8

/* Skip the extension headers; each names the next in its last byte. */
static enum weir_verdict skip_extensions(struct weir_decoding *d, uint8_t next)
{
	const uint8_t *ext;

	for (int i = 0; next != 0; i++) {
		ext = weir_rd_peek(&d->rd, 1);
		if (i == EXT_MAX || (ext != NULL && ext[0] == 0))
			return WEIR_STOP_BAD;
		if (ext == NULL || weir_rd_take(&d->rd, (size_t)ext[0] * 4) == NULL)
			return WEIR_STOP_SHORT;
		next = ext[ext[0] * 4 - 1];
	}
	return WEIR_MORE;
}

enum weir_verdict weir_decode_gtpu(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct gtpu_hdr *h = weir_rd_take(&d->rd, sizeof(*h));
	const struct gtpu_optional *opt;
	enum weir_verdict v;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	if ((h->flags & FLAGS_KIND) != KIND_GTP_V1 || h->type != TYPE_G_PDU)
		return WEIR_STOP_BAD;
	if (h->flags & FLAGS_OPTIONAL) {
		opt = weir_rd_take(&d->rd, sizeof(*opt));
		if (opt == NULL)
			return WEIR_STOP_SHORT;
		v = skip_extensions(d, h->flags & FLAG_EXT ? opt->next_ext : 0);
		if (v != WEIR_MORE)
			return v;
	}
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_GTPU, weir_be32(h->teid_be), WEIR_HDR_RAW_IP);
}
