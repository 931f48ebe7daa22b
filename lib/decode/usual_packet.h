/* SPDX-License-Identifier: Apache-2.0 */
/* The fast path's packet: where its headers are, and what they say. For usual.c alone. */
#ifndef USUAL_PACKET_H
#define USUAL_PACKET_H

#include "icmp.h"
#include "route.h"
#include "tcp.h"

#define ETHER_LEN     14
#define IPV4_LEN      20
#define IPV6_LEN      40
#define UDP_LEN       8
#define IPV4_PLAIN    0x45   /* version 4, no options */
#define FRAGMENT      0x3fff /* more fragments, or an offset */
#define PROTO_ICMP    1
#define PROTO_TCP     6
#define PROTO_UDP     17
#define PROTO_GRE     47
#define PROTO_ICMPV6  58
#define ALWAYS_INLINE inline __attribute__((always_inline))

enum learned {
	PACKET, /* the frame's own */
	VXLAN,  /* only where the outer packet is: VXLAN may be in it */
	GENEVE, /* the same with GENEVE */
	GRE,    /* the same with GRE */
	OTHER,  /* the same, and it has neither a tunnel nor a whole header of TCP or UDP */
	TABLE,  /* nothing: it is not all usual */
};

/* Where the headers are. */
struct headers {
	const uint8_t *ether; /* `ip` where there is no link header */
	const uint8_t *ip;
	const uint8_t *l4;
	const uint8_t *end;      /* of the datagram, so far as it was captured */
	uint32_t l3_payload_len; /* by the IP header's length field */
	uint8_t proto;
	bool is_ipv6;
};

/* There are IPV4_LEN bytes. */
static ALWAYS_INLINE bool find_ipv4(struct headers *h)
{
	uint32_t total = weir_be16(h->ip + 2);

	if (h->ip[0] != IPV4_PLAIN || (weir_be16(h->ip + 6) & FRAGMENT) != 0 || total < IPV4_LEN)
		return false;
	h->l4 = h->ip + IPV4_LEN;
	h->l3_payload_len = total - IPV4_LEN;
	h->proto = h->ip[9];
	return true;
}

static ALWAYS_INLINE bool find_ipv6(struct headers *h, const uint8_t *end)
{
	if (end - h->ip < IPV6_LEN || h->ip[0] >> 4 != 6)
		return false;
	h->l4 = h->ip + IPV6_LEN;
	h->l3_payload_len = weir_be16(h->ip + 4);
	h->proto = h->ip[6];
	return h->l3_payload_len > 0;
}

static ALWAYS_INLINE void learn_ip(const struct headers *h, struct weir_pkt *pkt)
{
	const uint8_t *ip = h->ip;

	if (h->ether != h->ip) {
		memcpy(pkt->mac[WEIR_DST], h->ether, 6);
		memcpy(pkt->mac[WEIR_SRC], h->ether + 6, 6);
	}
	pkt->flags = WEIR_PKT_IP | (h->is_ipv6 ? WEIR_PKT_IPV6 : 0) |
		     (h->ether == h->ip ? pkt->flags : 0);
	if (h->is_ipv6) {
		pkt->eth_type = WEIR_ETHERTYPE_IPV6;
		pkt->ttl = ip[7];
		memcpy(pkt->ip[WEIR_SRC].b, ip + 8, 16);
		memcpy(pkt->ip[WEIR_DST].b, ip + 24, 16);
	} else {
		pkt->eth_type = WEIR_ETHERTYPE_IPV4;
		pkt->ttl = ip[8];
		pkt->ip_id = weir_be16(ip + 4);
		memcpy(pkt->ip[WEIR_SRC].b, ip + 12, 4);
		memcpy(pkt->ip[WEIR_DST].b, ip + 16, 4);
	}
	if (ip - h->ether > ETHER_LEN)
		pkt->vlan = weir_be16(ip - WEIR_VLAN_TAG_LEN) & 0x0fff;
	pkt->proto = h->proto;
	pkt->l3 = ip;
	pkt->end = h->end;
	pkt->packet_len = (uint32_t)(h->l4 - h->ether) + h->l3_payload_len;
	pkt->l3_payload_len = h->l3_payload_len;
}

static ALWAYS_INLINE bool learn_tcp(const struct headers *h, struct weir_pkt *pkt)
{
	if (h->end - h->l4 < (ptrdiff_t)sizeof(struct tcp_hdr))
		return false;
	learn_ip(h, pkt);
	weir_tcp_learn((const struct tcp_hdr *)h->l4, h->end, pkt);
	return true;
}

/* ICMP, what is not followed, a TCP or UDP header that is cut. */
static ALWAYS_INLINE void learn_other(const struct headers *h, struct weir_pkt *pkt)
{
	const bool is_icmp = h->proto == PROTO_ICMP || h->proto == PROTO_ICMPV6;

	learn_ip(h, pkt);
	if (is_icmp && h->end - h->l4 >= (ptrdiff_t)sizeof(struct icmp_hdr)) {
		weir_icmp_learn((const struct icmp_hdr *)h->l4, h->end, pkt);
		return;
	}
	pkt->l4_payload_len = h->l3_payload_len;
	pkt->payload = h->l4;
	pkt->payload_cap = (uint32_t)(h->end - h->l4);
	if ((h->proto == PROTO_TCP || h->proto == PROTO_UDP) && pkt->payload_cap >= 4) {
		pkt->port[WEIR_SRC] = weir_be16(h->l4);
		pkt->port[WEIR_DST] = weir_be16(h->l4 + 2);
	}
}

static ALWAYS_INLINE enum learned learn_udp(const struct headers *h, struct weir_pkt *pkt)
{
	const uint8_t *mac = h->ether != h->ip ? h->ether : pkt->mac[WEIR_DST];
	uint16_t sport, dport;

	if (h->end - h->l4 < UDP_LEN)
		return OTHER;
	sport = weir_be16(h->l4);
	dport = weir_be16(h->l4 + 2);
	switch (weir_route_udp(sport, dport, mac)) {
	case WEIR_HDR_NONE:
		break;
	case WEIR_HDR_VXLAN:
		return VXLAN;
	case WEIR_HDR_GENEVE:
		return GENEVE;
	default:
		return TABLE;
	}
	learn_ip(h, pkt);
	pkt->flags |= WEIR_PKT_L4;
	pkt->port[WEIR_SRC] = sport;
	pkt->port[WEIR_DST] = dport;
	pkt->l4_payload_len = h->l3_payload_len - UDP_LEN;
	pkt->payload = h->l4 + UDP_LEN;
	pkt->payload_cap = (uint32_t)(h->end - pkt->payload);
	return PACKET;
}

static ALWAYS_INLINE bool find(struct headers *h, const uint8_t *end)
{
	if (h->is_ipv6 ? !find_ipv6(h, end) : !find_ipv4(h))
		return false;
	h->end = h->l3_payload_len < end - h->l4 ? h->l4 + h->l3_payload_len : end;
	return true;
}

#endif
