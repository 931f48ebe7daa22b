/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP and ICMPv6: type, the id of an echo, neighbour advertisements. RFC 792; RFC 4443; RFC 4861. */
#include "icmp.h"

enum {
	V4_ECHO_REPLY = 0,
	V4_UNREACHABLE = 3,
	V4_SOURCE_QUENCH = 4,
	V4_REDIRECT = 5,
	V4_ECHO_REQUEST = 8,
	V4_PARAMETER = 12,
	V6_ECHO_REQUEST = 128,
	V6_ECHO_REPLY = 129,
	V6_NEIGHBOUR_ADVERT = 136,
};
#define QUOTED_LEN 28 /* IPv4 header and 8 bytes of the datagram an error is about */

static void learn_v4(const struct icmp_hdr *h, struct weir_pkt *pkt)
{
	switch (h->type) {
	case V4_ECHO_REPLY:
		pkt->flags |= WEIR_PKT_ECHO_REPLY;
		break;
	case V4_ECHO_REQUEST:
		pkt->flags |= WEIR_PKT_ECHO_REQUEST;
		break;
	case V4_UNREACHABLE:
	case V4_SOURCE_QUENCH:
	case V4_REDIRECT:
	case V4_PARAMETER:
		/* The quoted headers count as header, as upstream has it. */
		pkt->l4_payload_len = weir_sub_floor(pkt->l4_payload_len, QUOTED_LEN);
		break;
	}
}

static void learn_v6(const struct icmp_hdr *h, struct weir_pkt *pkt)
{
	const uint8_t *src = pkt->ip[WEIR_SRC].b;
	bool link_local = src[0] == 0xfe && (src[1] & 0xc0) == 0x80;

	switch (h->type) {
	case V6_ECHO_REQUEST:
		pkt->flags |= WEIR_PKT_ECHO_REQUEST;
		break;
	case V6_ECHO_REPLY:
		pkt->flags |= WEIR_PKT_ECHO_REPLY;
		break;
	case V6_NEIGHBOUR_ADVERT:
		if (!link_local)
			pkt->flags |= WEIR_PKT_NDP_REPLY;
		break;
	}
}

void weir_icmp_learn(const struct icmp_hdr *h, const uint8_t *end, struct weir_pkt *pkt)
{
	pkt->flags |= WEIR_PKT_L4;
	pkt->icmp_type = h->type;
	pkt->l4_payload_len = weir_sub_floor(pkt->l3_payload_len, sizeof(*h));
	if (pkt->flags & WEIR_PKT_IPV6)
		learn_v6(h, pkt);
	else
		learn_v4(h, pkt);
	if (pkt->flags & (WEIR_PKT_ECHO_REQUEST | WEIR_PKT_ECHO_REPLY))
		pkt->icmp_id = weir_be32(h->rest_be);
	pkt->payload = (const uint8_t *)(h + 1);
	pkt->payload_cap = (uint32_t)(end - pkt->payload);
}

enum weir_verdict weir_decode_icmp(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct icmp_hdr *h = weir_rd_take(&d->rd, sizeof(*h));

	if (h == NULL)
		return WEIR_STOP_SHORT;
	weir_icmp_learn(h, d->rd.end, pkt);
	return WEIR_STOP_DONE;
}
