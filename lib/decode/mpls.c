/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MPLS. The stack does not say what it carries: the first nibble tells IP (RFC 4928); anything else
 * is taken for an Ethernet pseudowire (RFC 4448), with a control word (RFC 4385) or without, if it
 * looks like one. A stack of labels is RFC 3032, section 2.1.
 */
#include "decode_priv.h"

#define LABEL_LEN        4
#define LABELS_MAX       16
#define BOTTOM           0x01 /* in a label's third byte */
#define CONTROL_WORD_LEN 4

enum { NIBBLE_CONTROL_WORD = 0, NIBBLE_IPV4 = 4, NIBBLE_IPV6 = 6 };

static enum weir_verdict skip_labels(struct weir_decoding *d)
{
	const uint8_t *label;

	for (int i = 0; i < LABELS_MAX; i++) {
		label = weir_rd_take(&d->rd, LABEL_LEN);
		if (label == NULL)
			return WEIR_STOP_SHORT;
		d->l2_len += LABEL_LEN;
		if (label[2] & BOTTOM)
			return WEIR_MORE;
	}
	return WEIR_STOP_BAD;
}

enum weir_verdict weir_decode_mpls(struct weir_decoding *d, struct weir_pkt *pkt)
{
	enum weir_verdict v;
	const uint8_t *inner;

	if (!weir_decoding_follows(d, WEIR_TUNNEL_MPLS)) {
		d->landed = true;
		return WEIR_STOP_DONE;
	}
	v = skip_labels(d);
	if (v != WEIR_MORE)
		return v;
	inner = weir_rd_peek(&d->rd, 1);
	if (inner == NULL)
		return WEIR_STOP_SHORT;
	switch (inner[0] >> 4) {
	case NIBBLE_IPV4:
	case NIBBLE_IPV6:
		d->next = WEIR_HDR_RAW_IP;
		return WEIR_MORE;
	case NIBBLE_CONTROL_WORD:
		if (weir_looks_like_ether(&d->rd, CONTROL_WORD_LEN)) {
			weir_rd_take(&d->rd, CONTROL_WORD_LEN);
			return weir_decode_inner_ether(d, pkt);
		}
	}
	if (weir_looks_like_ether(&d->rd, 0))
		return weir_decode_inner_ether(d, pkt);
	d->landed = true;
	return WEIR_STOP_DONE;
}
