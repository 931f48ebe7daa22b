/* SPDX-License-Identifier: Apache-2.0 */
/* TCP with the options that matter to a meter. RFC 9293, section 3.1; RFC 7323; RFC 2018. */
#include "tcp.h"

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

void weir_tcp_learn_options(const struct tcp_hdr *h, const uint8_t *end, struct weir_pkt *pkt)
{
	struct weir_rd options = { (const uint8_t *)(h + 1), end };
	uint32_t words = h->data_offset >> 4;

	weir_rd_limit(&options, words * 4 - sizeof(*h));
	weir_tcp_learn_payload(pkt, words, options.end, end);
	if (!is_only_timestamps(&options))
		learn_options(options, pkt);
}

enum weir_verdict weir_decode_tcp(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct tcp_hdr *h = weir_rd_take(&d->rd, sizeof(*h));

	if (h == NULL)
		return weir_decode_ports(d, pkt);
	weir_tcp_learn(h, d->rd.end, pkt);
	return WEIR_STOP_DONE;
}
