/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6 and its extension headers. RFC 8200, sections 3 and 4. */
#include "decode_priv.h"

struct ipv6_hdr {
	uint8_t version_class_flow_be[4];
	uint8_t payload_len_be[2];
	uint8_t next;
	uint8_t hop_limit;
	uint8_t src[16];
	uint8_t dst[16];
};
static_assert(sizeof(struct ipv6_hdr) == 40, "RFC 8200, 3");

struct ext_hdr {
	uint8_t next;
	uint8_t len; /* in units of 8 bytes, the first 8 not counted */
};

struct frag_hdr {
	uint8_t next;
	uint8_t reserved;
	uint8_t off_be[2];
	uint8_t id_be[4];
};
static_assert(sizeof(struct frag_hdr) == 8, "RFC 8200, 4.5");

#define FRAG_MORE 0x0001

enum weir_verdict weir_decode_ipv6(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct ipv6_hdr *h = weir_rd_take(&d->rd, sizeof(*h));
	uint32_t len;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	if (h->version_class_flow_be[0] >> 4 != 6)
		return WEIR_STOP_BAD;

	len = weir_be16(h->payload_len_be);
	if (len == 0) /* a jumbogram, or segmentation offload */
		len = weir_decoding_left(d);

	d->landed = true;
	pkt->flags |= WEIR_PKT_IP | WEIR_PKT_IPV6;
	pkt->l3 = (const uint8_t *)h;
	memcpy(pkt->ip[WEIR_SRC].b, h->src, sizeof(h->src));
	memcpy(pkt->ip[WEIR_DST].b, h->dst, sizeof(h->dst));
	pkt->ttl = h->hop_limit;
	pkt->packet_len = d->l2_len + (uint32_t)sizeof(*h) + len;
	pkt->l3_payload_len = len;

	weir_decoding_limit(d, len);
	pkt->end = d->rd.end;
	return weir_decode_payload_ip(d, pkt, h->next);
}

/* Hop-by-hop options, routing header, destination options: one form. */
enum weir_verdict weir_decode_ipv6_options(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct ext_hdr *h = weir_rd_peek(&d->rd, sizeof(*h));
	uint32_t len;

	if (!(pkt->flags & WEIR_PKT_IPV6))
		return WEIR_STOP_BAD;
	if (h == NULL)
		return WEIR_STOP_SHORT;
	len = (h->len + 1u) * 8;
	if (weir_rd_take(&d->rd, len) == NULL)
		return WEIR_STOP_SHORT;
	pkt->l3_payload_len = weir_sub_floor(pkt->l3_payload_len, len);
	return weir_decode_payload_ip(d, pkt, h->next);
}

enum weir_verdict weir_decode_ipv6_fragment(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct frag_hdr *h;
	uint16_t off;

	if (!(pkt->flags & WEIR_PKT_IPV6))
		return WEIR_STOP_BAD;
	h = weir_rd_take(&d->rd, sizeof(*h));
	if (h == NULL)
		return WEIR_STOP_SHORT;
	off = weir_be16(h->off_be);
	pkt->ip_id = weir_be32(h->id_be);
	pkt->frag_off = off >> 3;
	/* A whole datagram may carry the header too (RFC 6946). */
	if (pkt->frag_off > 0 || (off & FRAG_MORE))
		pkt->flags |= WEIR_PKT_FRAGMENT;
	if (pkt->frag_off > 0)
		pkt->flags |= WEIR_PKT_LATER_FRAGMENT;
	pkt->l3_payload_len = weir_sub_floor(pkt->l3_payload_len, sizeof(*h));
	return weir_decode_payload_ip(d, pkt, h->next);
}
