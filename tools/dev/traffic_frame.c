/* SPDX-License-Identifier: Apache-2.0 */
/* Frames from their description. Checksums stay 0: no meter looks at them. */
#include "traffic.h"

#include <string.h>

static const uint8_t mac[2][6] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };
static uint8_t filler[FRAME_MAX];

static uint8_t *put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, (uint16_t)(v >> 16)), (uint16_t)v);
}

static uint8_t *put_ether(uint8_t *p, int side, uint16_t type)
{
	memcpy(p, mac[!side], 6);
	memcpy(p + 6, mac[side], 6);
	return put16(p + 12, type);
}

static uint8_t *put_ip4(uint8_t *p, uint32_t src, uint32_t dst, uint8_t proto, uint32_t l4,
			uint16_t id, uint16_t frag)
{
	p = put16(p, 0x4500);
	p = put16(p, (uint16_t)(20 + l4));
	p = put16(p, id);
	p = put16(p, frag);
	p = put16(p, (uint16_t)(64 << 8 | proto));
	p = put16(p, 0);
	return put32(put32(p, src), dst);
}

static uint8_t *put_addr6(uint8_t *p, uint32_t low)
{
	memset(p, 0, 12);
	put32(p, 0x20010db8);
	return put32(p + 12, low);
}

static uint8_t *put_ip6(uint8_t *p, const struct conn *c, const struct seg *s, uint32_t l4)
{
	uint8_t next = c->proto == PROTO_ICMP ? PROTO_ICMP6 : c->proto;

	p = put32(p, 0x60000000);
	p = put16(p, (uint16_t)(l4 + (s->fragment ? 8 : 0)));
	p = put16(p, (uint16_t)((s->fragment ? 44 : next) << 8 | 64));
	p = put_addr6(put_addr6(p, c->ip[s->side]), c->ip[!s->side]);
	if (!s->fragment)
		return p;
	p = put16(p, (uint16_t)(next << 8));
	p = put16(p, (uint16_t)(s->frag_off | s->more));
	return put32(p, s->ip_id);
}

static uint8_t *put_ip(uint8_t *p, const struct conn *c, const struct seg *s, uint32_t l4)
{
	if (c->v6)
		return put_ip6(p, c, s, l4);
	return put_ip4(p, c->ip[s->side], c->ip[!s->side], c->proto, l4, s->ip_id,
		       (uint16_t)(s->frag_off / 8 | s->more << 13));
}

static uint32_t l4_header(const struct conn *c, const struct seg *s)
{
	if (s->frag_off > 0)
		return 0;
	if (c->proto != PROTO_TCP)
		return 8;
	return s->flags & TCP_SYN ? 24 : 20;
}

static uint8_t *put_tcp(uint8_t *p, const struct conn *c, const struct seg *s)
{
	bool syn = s->flags & TCP_SYN;

	p = put16(put16(p, c->port[s->side]), c->port[!s->side]);
	p = put32(put32(p, s->seq), s->ack);
	p = put16(p, (uint16_t)((syn ? 6 : 5) << 12 | s->flags));
	p = put32(put16(p, s->window), 0);
	return syn ? put32(p, 0x020405b4) : p; /* maximum segment size 1460 */
}

static uint8_t *put_l4(uint8_t *p, const struct conn *c, const struct seg *s)
{
	if (s->frag_off > 0)
		return p;
	if (c->proto == PROTO_TCP)
		return put_tcp(p, c, s);
	if (c->proto == PROTO_UDP) {
		p = put16(put16(p, c->port[s->side]), c->port[!s->side]);
		return put32(p, (uint32_t)(s->datagram ? s->datagram : 8 + s->payload) << 16);
	}
	p = put32(p, (uint32_t)s->icmp_type << 24);
	return put16(put16(p, c->port[0]), (uint16_t)s->seq);
}

/* The host of each side's machine, 10.255.0.0/27; of ERSPAN, the switch that mirrors both directions. */
static uint8_t *put_outer_ip(uint8_t *p, const struct conn *c, int side, uint8_t proto, uint32_t l4)
{
	const uint32_t net = 0x0aff0000;
	const uint32_t end[] = { net | (c->ip[0] & 15), net | 16 | (c->ip[1] & 15) };

	if (c->encap == ENCAP_ERSPAN)
		return put_ip4(p, net | 32, net | 33, proto, l4, 0, 0);
	return put_ip4(p, end[side], end[!side], proto, l4, 0, 0);
}

static uint8_t *put_outer_udp(uint8_t *p, const struct conn *c, int side, uint16_t port,
			      uint32_t len)
{
	p = put_outer_ip(p, c, side, PROTO_UDP, 8 + len);
	p = put16(p, (uint16_t)(0xc000 | (c->port[0] & 0x3fff)));
	p = put16(p, port);
	return put32(p, (8 + len) << 16);
}

/* Outer Ethernet, IP and tunnel header around `len` bytes: a frame, or a packet where the tunnel carries those. */
static uint8_t *put_tunnel(uint8_t *p, const struct conn *c, const struct seg *s, uint32_t len)
{
	uint32_t vni = 100 + (c->ip[0] & 15);

	if (c->encap == ENCAP_NONE)
		return p;
	p = put_ether(p, c->encap == ENCAP_ERSPAN ? 0 : s->side, 0x0800);
	switch (c->encap) {
	case ENCAP_VXLAN: /* RFC 7348, section 5 */
		p = put_outer_udp(p, c, s->side, 4789, 8 + len);
		return put32(put32(p, 0x08000000), vni << 8);
	case ENCAP_GENEVE: /* RFC 8926, section 3.4 */
		p = put_outer_udp(p, c, s->side, 6081, 8 + len);
		return put32(put32(p, 0x00006558), vni << 8);
	case ENCAP_ERSPAN: /* type II: GRE with sequence number, then 8 bytes, draft-foschiano-erspan-03 */
		p = put_outer_ip(p, c, s->side, 47, 16 + len);
		p = put32(put32(p, 0x100088be), s->seq);
		return put32(put32(p, 0x10000000 | vni), 0);
	case ENCAP_GRE: /* RFC 2890, with a key */
		p = put_outer_ip(p, c, s->side, 47, 8 + len);
		return put32(put32(p, 0x20000000 | (c->v6 ? 0x86dd : 0x0800)), vni);
	default:
		return put_outer_ip(p, c, s->side, c->v6 ? 41 : 4, len);
	}
}

static bool carries_frames(enum encap e)
{
	return e != ENCAP_GRE && e != ENCAP_IPIP;
}

static uint8_t *put_link(uint8_t *p, const struct conn *c, const struct seg *s)
{
	uint16_t type = c->v6 ? 0x86dd : 0x0800;

	if (c->vlan[0] == 0)
		return put_ether(p, s->side, type);
	if (c->vlan[1] == 0)
		return put16(put16(put_ether(p, s->side, 0x8100), c->vlan[0]), type);
	p = put16(put_ether(p, s->side, 0x88a8), c->vlan[0]);
	return put16(put16(put16(p, 0x8100), c->vlan[1]), type);
}

size_t frame_build(uint8_t *p, const struct conn *c, const struct seg *s)
{
	uint8_t *start = p;
	bool frames = carries_frames(c->encap);
	uint32_t l4 = l4_header(c, s) + s->payload;
	uint32_t l3 = l4 + (c->v6 ? 40 : 20) + (c->v6 && s->fragment ? 8 : 0);
	uint32_t len = l3 + (frames ? 14 + 4u * !!c->vlan[0] + 4u * !!c->vlan[1] : 0);
	uint32_t pad = len < s->frame_min ? s->frame_min - len : 0;

	if (filler[0] == 0)
		memset(filler, 0xa5, sizeof(filler));
	p = put_tunnel(p, c, s, len + pad);
	if (frames)
		p = put_link(p, c, s);
	p = put_ip(p, c, s, l4);
	p = put_l4(p, c, s);
	memcpy(p, filler, s->payload);
	p += s->payload;
	memset(p, 0, pad);
	p += pad;
	return (size_t)(p - start);
}
