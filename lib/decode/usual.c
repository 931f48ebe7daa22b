/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The usual headers in one go: Ethernet, at most one 802.1Q tag, IPv6 or unfragmented IPv4 without
 * options, then TCP or UDP; another protocol goes on by the table. What is written is exactly what
 * ether.c, vlan.c, ipv4.c and ipv6.c write; a frame with anything else in it is left to them
 * untouched, so they stay the only place where a rule is. Outer and inner frames alike come here.
 */
#include "decode_priv.h"

#define ETHER_LEN      14
#define IPV4_LEN       20
#define IPV6_LEN       40
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd
#define IPV4_PLAIN     0x45   /* version 4, no options */
#define FRAGMENT       0x3fff /* more fragments, or an offset */
#define PROTO_TCP      6
#define PROTO_UDP      17

/* The IP header is `ip_len` bytes at `ip`, and `payload` bytes follow by its length field. */
static void learn_ip(struct weir_decoding *d, struct weir_pkt *pkt, const uint8_t *ip,
		     uint32_t ip_len, uint32_t payload)
{
	d->l2_len += (uint32_t)(ip - d->rd.p);
	d->rd.p = ip + ip_len;
	weir_decoding_limit(d, payload);
	d->landed = true;
	pkt->packet_len = d->l2_len + ip_len + payload;
	pkt->l3_payload_len = payload;
	pkt->l4_payload_len = payload;
	pkt->l3 = ip;
	pkt->end = d->rd.end;
	weir_decoding_payload(d, pkt);
}

static bool learn_ipv4(struct weir_decoding *d, struct weir_pkt *pkt, const uint8_t *ip)
{
	uint32_t total = weir_be16(ip + 2);

	if (ip[0] != IPV4_PLAIN || (weir_be16(ip + 6) & FRAGMENT) != 0 || total < IPV4_LEN)
		return false;
	pkt->flags |= WEIR_PKT_IP;
	pkt->eth_type = ETHERTYPE_IPV4;
	pkt->proto = ip[9];
	pkt->ttl = ip[8];
	pkt->ip_id = weir_be16(ip + 4);
	memcpy(pkt->ip[WEIR_SRC].b, ip + 12, 4);
	memcpy(pkt->ip[WEIR_DST].b, ip + 16, 4);
	learn_ip(d, pkt, ip, IPV4_LEN, total - IPV4_LEN);
	return true;
}

static bool learn_ipv6(struct weir_decoding *d, struct weir_pkt *pkt, const uint8_t *ip)
{
	uint32_t len = weir_be16(ip + 4);

	if (ip[0] >> 4 != 6 || len == 0)
		return false;
	pkt->flags |= WEIR_PKT_IP | WEIR_PKT_IPV6;
	pkt->eth_type = ETHERTYPE_IPV6;
	pkt->proto = ip[6];
	pkt->ttl = ip[7];
	memcpy(pkt->ip[WEIR_SRC].b, ip + 8, 16);
	memcpy(pkt->ip[WEIR_DST].b, ip + 24, 16);
	learn_ip(d, pkt, ip, IPV6_LEN, len);
	return true;
}

static bool learn_usual(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const uint8_t *frame = weir_rd_peek(&d->rd, ETHER_LEN + WEIR_VLAN_TAG_LEN + IPV4_LEN);
	const uint8_t *ip;
	bool tagged;
	uint16_t type;

	if (frame == NULL)
		return false;
	type = weir_be16(frame + 12);
	tagged = type == ETHERTYPE_VLAN;
	if (tagged)
		type = weir_be16(frame + ETHER_LEN + 2);
	ip = frame + ETHER_LEN + (tagged ? WEIR_VLAN_TAG_LEN : 0);
	if (type == ETHERTYPE_IPV4) {
		if (!learn_ipv4(d, pkt, ip))
			return false;
	} else if (type != ETHERTYPE_IPV6 || d->rd.end - ip < IPV6_LEN || !learn_ipv6(d, pkt, ip)) {
		return false;
	}
	memcpy(pkt->mac[WEIR_DST], frame, 6);
	memcpy(pkt->mac[WEIR_SRC], frame + 6, 6);
	d->headers++; /* IP; the link header is counted */
	if (tagged) {
		d->headers++;
		weir_decoding_tag(d, pkt, weir_be16(frame + ETHER_LEN));
	}
	return true;
}

enum weir_verdict weir_decode_usual(struct weir_decoding *d, struct weir_pkt *pkt)
{
	if (weir_unlikely(!learn_usual(d, pkt)))
		return weir_decode_ether(d, pkt);
	if (pkt->proto == PROTO_TCP)
		return weir_decode_tcp(d, pkt); /* the last one: no need to count it */
	if (pkt->proto != PROTO_UDP)
		return weir_decode_payload_ip(d, pkt, pkt->proto);
	d->headers++;
	return weir_decode_udp(d, pkt);
}
