/* SPDX-License-Identifier: Apache-2.0 */
/* TCP with the options that matter to a meter. RFC 9293, section 3.1; RFC 7323; RFC 2018. */
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

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_PERMITTED = 4,
	OPT_TIMESTAMPS = 8,
	OPT_TOA_200 = 200, /* the client's address before a load balancer, in either of two kinds */
	OPT_TOA_254 = 254,
};
#define TOA_LEN 8

/* The usual option field of a packet with data: time stamps, aligned. RFC 7323, appendix A. */
static bool is_only_timestamps(const struct weir_rd *rd)
{
	static const uint8_t usual[] = { OPT_NOP, OPT_NOP, OPT_TIMESTAMPS, 10 };

	return weir_rd_left(rd) == 12 && memcmp(rd->p, usual, sizeof(usual)) == 0;
}

static void learn_option(const uint8_t *opt, uint8_t len, struct weir_pkt *pkt)
{
	switch (opt[0]) {
	case OPT_MSS:
		if (len == 4)
			pkt->mss = weir_be16(opt + 2);
		break;
	case OPT_WSCALE:
		if (len == 3)
			pkt->wscale = opt[2];
		break;
	case OPT_SACK_PERMITTED:
		pkt->sack_permitted = 1;
		break;
	case OPT_TOA_200:
	case OPT_TOA_254:
		if (len == TOA_LEN) {
			pkt->nat_port = weir_be16(opt + 2);
			pkt->nat_ip = weir_be32(opt + 4);
			pkt->flags |= WEIR_PKT_TOA;
		}
		break;
	}
}

static void learn_options(struct weir_rd rd, struct weir_pkt *pkt)
{
	const uint8_t *opt;

	if (is_only_timestamps(&rd))
		return;
	while ((opt = weir_rd_peek(&rd, 1)) != NULL && opt[0] != OPT_END) {
		if (opt[0] == OPT_NOP) {
			rd.p++;
			continue;
		}
		if (weir_rd_left(&rd) < 2 || opt[1] < 2 || weir_rd_take(&rd, opt[1]) == NULL)
			return;
		learn_option(opt, opt[1], pkt);
	}
}

enum weir_verdict weir_decode_tcp(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct tcp_hdr *h = weir_rd_take(&d->rd, sizeof(*h));
	struct weir_rd options;
	uint32_t words;

	if (h == NULL)
		return weir_decode_ports(d, pkt);

	pkt->flags |= WEIR_PKT_L4;
	pkt->wscale = WEIR_WSCALE_NONE;
	pkt->port[WEIR_SRC] = weir_be16(h->sport_be);
	pkt->port[WEIR_DST] = weir_be16(h->dport_be);
	pkt->seq = weir_be32(h->seq_be);
	pkt->ack = weir_be32(h->ack_be);
	pkt->tcp_flags = h->flags;
	pkt->win = weir_be16(h->window_be);
	words = h->data_offset >> 4;
	if (words < 5)
		words = 5;
	pkt->data_offset = (uint8_t)words;
	pkt->l4_payload_len = weir_sub_floor(pkt->l3_payload_len, words * 4);

	if (words > 5) {
		options = d->rd;
		weir_rd_limit(&options, (size_t)(words - 5) * 4);
		d->rd.p = options.end;
		learn_options(options, pkt);
	}
	weir_decoding_payload(d, pkt);
	return WEIR_STOP_DONE;
}
