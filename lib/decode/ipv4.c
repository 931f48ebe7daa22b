/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4. RFC 791, section 3.1. */
#include "decode_priv.h"

struct ipv4_hdr {
	uint8_t version_ihl;
	uint8_t tos;
	uint8_t total_len_be[2];
	uint8_t id_be[2];
	uint8_t frag_be[2];
	uint8_t ttl;
	uint8_t proto;
	uint8_t checksum_be[2];
	uint8_t src[4];
	uint8_t dst[4];
};
static_assert(sizeof(struct ipv4_hdr) == 20, "RFC 791, figure 4");

#define FRAG_MORE   0x2000
#define FRAG_OFFSET 0x1fff

/* Header bytes; a length below the smallest counts as the smallest. */
static uint32_t header_len(const struct ipv4_hdr *h)
{
	uint32_t words = h->version_ihl & 0x0f;

	return (words < 5 ? 5 : words) * 4;
}

static void learn_fragment(const struct ipv4_hdr *h, struct weir_pkt *pkt)
{
	uint16_t frag = weir_be16(h->frag_be);

	pkt->frag_off = frag & FRAG_OFFSET;
	if (frag & (FRAG_MORE | FRAG_OFFSET))
		pkt->flags |= WEIR_PKT_FRAGMENT;
	if (frag & FRAG_OFFSET)
		pkt->flags |= WEIR_PKT_LATER_FRAGMENT;
}

enum weir_verdict weir_decode_ipv4(struct weir_decoding *d, struct weir_pkt *pkt)
{
	uint32_t left = weir_decoding_left(d);
	const struct ipv4_hdr *h = weir_rd_take(&d->rd, sizeof(*h));
	uint32_t hlen, total;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	if (h->version_ihl >> 4 != 4)
		return WEIR_STOP_BAD;

	hlen = header_len(h);
	total = weir_be16(h->total_len_be);
	if (total == 0) /* segmentation offload or BIG TCP: the length did not fit */
		total = left;
	if (total < hlen)
		return WEIR_STOP_BAD;

	d->landed = true;
	pkt->flags |= WEIR_PKT_IP;
	pkt->l3 = (const uint8_t *)h;
	memcpy(pkt->ip[WEIR_SRC].b, h->src, sizeof(h->src));
	memcpy(pkt->ip[WEIR_DST].b, h->dst, sizeof(h->dst));
	pkt->ip_id = weir_be16(h->id_be);
	pkt->ttl = h->ttl;
	pkt->packet_len = d->l2_len + total;
	pkt->l3_payload_len = total - hlen;
	learn_fragment(h, pkt);

	weir_decoding_limit(d, total - (uint32_t)sizeof(*h));
	pkt->end = d->rd.end;
	if (weir_rd_take(&d->rd, hlen - sizeof(*h)) == NULL)
		weir_decoding_limit(d, 0);
	return weir_decode_payload_ip(d, pkt, h->proto);
}
