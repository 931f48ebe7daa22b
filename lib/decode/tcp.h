/* SPDX-License-Identifier: Apache-2.0 */
/* What a TCP header says, for tcp.c and the fast path: inline, since most packets come here. RFC 9293, 3.1. */
#ifndef TCP_H
#define TCP_H

#include "decode_priv.h"

struct tcp_hdr {
	uint8_t sport_be[2];
	uint8_t dport_be[2];
	uint8_t seq_be[4];
	uint8_t ack_be[4];
	uint8_t data_offset;
	uint8_t flags;
	uint8_t window_be[2];
	uint8_t checksum_be[2];
	uint8_t urgent_be[2];
};
static_assert(sizeof(struct tcp_hdr) == 20, "RFC 9293, figure 1");

/* The rest of weir_tcp_learn() where the header is longer than this struct. */
void weir_tcp_learn_options(const struct tcp_hdr *h, const uint8_t *end, struct weir_pkt *pkt);

static inline void weir_tcp_learn_payload(struct weir_pkt *pkt, uint32_t words,
					  const uint8_t *payload, const uint8_t *end)
{
	pkt->data_offset = (uint8_t)words;
	pkt->l4_payload_len = weir_sub_floor(pkt->l3_payload_len, words * 4);
	pkt->payload = payload;
	pkt->payload_cap = (uint32_t)(end - payload);
}

/* A whole header in a datagram that ends at `end`; the IP header is learned. */
static inline void weir_tcp_learn(const struct tcp_hdr *h, const uint8_t *end, struct weir_pkt *pkt)
{
	pkt->flags |= WEIR_PKT_L4;
	pkt->port[WEIR_SRC] = weir_be16(h->sport_be);
	pkt->port[WEIR_DST] = weir_be16(h->dport_be);
	pkt->seq = weir_be32(h->seq_be);
	pkt->ack = weir_be32(h->ack_be);
	pkt->win = weir_be16(h->window_be);
	pkt->wscale = WEIR_WSCALE_NONE;
	pkt->tcp_flags = h->flags;
	if (h->data_offset >> 4 > 5)
		weir_tcp_learn_options(h, end, pkt);
	else
		weir_tcp_learn_payload(pkt, 5, (const uint8_t *)(h + 1), end);
}

#endif
