/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PPP, with or without address and control fields, the protocol field whole or compressed.
 * RFC 1661, section 2; RFC 1662, section 3.1.
 */
#include "decode_priv.h"

#define ADDRESS_CONTROL 0xff03
#define CHDLC_UNICAST   0x0f00
#define CHDLC_BROADCAST 0x8f00
#define COMPRESSED      0x01 /* a protocol number's last byte is odd, all others are even */

static uint16_t ethertype_of(uint16_t proto)
{
	switch (proto) {
	case 0x0021:
		return WEIR_ETHERTYPE_IPV4;
	case 0x0057:
		return WEIR_ETHERTYPE_IPV6;
	case 0x0281:
		return 0x8847;
	case 0x0283:
		return 0x8848;
	default:
		return 0;
	}
}

enum weir_verdict weir_decode_ppp(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const uint8_t *start = d->rd.p, *h = weir_rd_peek(&d->rd, 2);
	uint16_t proto, type;

	/* What was captured as a serial line may turn out to be Cisco HDLC. */
	if (h != NULL && !d->inner &&
	    (weir_be16(h) == CHDLC_UNICAST || weir_be16(h) == CHDLC_BROADCAST))
		return weir_decode_chdlc(d, pkt);
	if (h != NULL && weir_be16(h) == ADDRESS_CONTROL) {
		weir_rd_take(&d->rd, 2);
		h = weir_rd_peek(&d->rd, 2);
	}
	if (h == NULL)
		return WEIR_STOP_SHORT;
	proto = h[0] & COMPRESSED ? h[0] : weir_be16(h);
	weir_rd_take(&d->rd, h[0] & COMPRESSED ? 1 : 2);
	d->l2_len += (uint32_t)(d->rd.p - start);
	type = ethertype_of(proto);
	if (type != 0)
		return weir_decode_payload_ether(d, pkt, type);

	/* Negotiation and the like: a flow of the link outside a tunnel, none inside. */
	if (!d->inner)
		d->landed = true;
	if (pkt->eth_type == 0)
		pkt->packet_len = d->l2_len + weir_decoding_left(d);
	weir_decoding_payload(d, pkt);
	return WEIR_STOP_DONE;
}
