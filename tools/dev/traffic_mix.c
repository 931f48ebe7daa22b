/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mixed set: conversations of many kinds over 150 s, in tunnels, VLANs and IPv6, some packets late. Each
 * conversation is played into memory; the file is all of them in order of arrival.
 */
#include "traffic.h"

#include <stdlib.h>
#include <string.h>

#define MS               UINT64_C(1000)
#define SPAN_US          (UINT64_C(150) * 1000 * MS)
#define CONVERSATION_MAX 256 /* packets of the longest kind */

struct packet {
	uint64_t arrival_us; /* order in the file */
	uint64_t ts_us;
	uint64_t number; /* order of making: ties stay as they were made */
	struct conn conn;
	struct seg seg;
};

struct play {
	struct packet *packets;
	uint64_t n, room;
	uint64_t now_us;
	struct conn conn;
	struct truth truth;
};

static uint64_t between(uint64_t low, uint64_t high)
{
	return low + rnd() % (high - low + 1);
}

static bool one_in(uint64_t n)
{
	return rnd() % n == 0;
}

static void put(struct play *p, const struct seg *s)
{
	struct packet *k = &p->packets[p->n];

	*k = (struct packet){ p->now_us, p->now_us, p->n, p->conn, *s };
	if (one_in(100)) /* stamped before those that arrived before it */
		k->ts_us -= one_in(10) ? 400 * MS : between(1, 2 * MS);
	p->n++;
	p->now_us += between(50, 20 * MS);
}

static void tcp(struct play *p, int side, uint8_t flags, uint32_t payload)
{
	uint32_t *seq = p->conn.seq;
	struct seg s = { .side = side,
			 .flags = flags,
			 .payload = payload,
			 .window = 29200,
			 .seq = seq[side],
			 .ack = flags & TCP_ACK ? seq[!side] : 0 };

	seq[side] += payload + !!(flags & (TCP_SYN | TCP_FIN));
	put(p, &s);
}

static void handshake(struct play *p)
{
	tcp(p, 0, TCP_SYN, 0);
	tcp(p, 1, TCP_SYN | TCP_ACK, 0);
	tcp(p, 0, TCP_ACK, 0);
	p->truth.established++;
}

static void exchange(struct play *p, unsigned int rounds)
{
	while (rounds-- > 0) {
		tcp(p, 0, TCP_PSH | TCP_ACK, (uint32_t)between(20, 900));
		for (uint64_t k = between(1, 3); k > 0; k--)
			tcp(p, 1, TCP_PSH | TCP_ACK, (uint32_t)between(1, 1300));
		tcp(p, 0, TCP_ACK, 0);
	}
}

static void ending(struct play *p)
{
	int side = (int)between(0, 1);

	tcp(p, side, TCP_FIN | TCP_ACK, 0);
	tcp(p, !side, TCP_FIN | TCP_ACK, 0);
	tcp(p, side, TCP_ACK, 0);
	p->truth.closed++;
}

static void play_whole(struct play *p)
{
	handshake(p);
	exchange(p, (unsigned int)between(1, 8));
	ending(p);
}

static void play_reset(struct play *p)
{
	handshake(p);
	exchange(p, 1);
	tcp(p, (int)between(0, 1), TCP_RST | TCP_ACK, 0);
}

static void play_refused(struct play *p)
{
	tcp(p, 0, TCP_SYN, 0);
	tcp(p, 1, TCP_RST | TCP_ACK, 0);
}

static void play_unanswered(struct play *p)
{
	for (int k = 0; k < 3; k++) {
		tcp(p, 0, TCP_SYN, 0);
		p->conn.seq[0]--;
		p->now_us += 1000 * MS << k;
	}
}

/* Segments again after 200 ms, and two that change places. */
static void play_lossy(struct play *p)
{
	handshake(p);
	for (int k = 0; k < 4; k++) {
		exchange(p, 1);
		tcp(p, 1, TCP_PSH | TCP_ACK, 1000);
		p->now_us += 200 * MS;
		p->conn.seq[1] -= 1000;
		tcp(p, 1, TCP_PSH | TCP_ACK, 1000);
		p->conn.seq[0] += 300;
		tcp(p, 0, TCP_PSH | TCP_ACK, 200);
		p->conn.seq[0] -= 500;
		tcp(p, 0, TCP_PSH | TCP_ACK, 300);
		p->conn.seq[0] += 200;
	}
	ending(p);
}

static void play_zero_window(struct play *p)
{
	struct seg s;

	handshake(p);
	exchange(p, 2);
	s = (struct seg){
		.side = 0, .flags = TCP_ACK, .seq = p->conn.seq[0], .ack = p->conn.seq[1]
	};
	put(p, &s);
	p->now_us += 500 * MS;
	put(p, &s);
	exchange(p, 1);
	ending(p);
}

/* The same ports again: after the end, and as a new SYN over an open connection. */
static void play_reuse(struct play *p)
{
	for (uint64_t k = between(2, 3); k > 0; k--) {
		handshake(p);
		exchange(p, 2);
		if (!one_in(3))
			ending(p);
		p->now_us += between(10, 9000) * MS;
		p->conn.seq[0] += 1000000;
		p->conn.seq[1] += 3000000;
	}
}

static void play_one_way(struct play *p)
{
	int side = (int)between(0, 1);

	tcp(p, side, side ? TCP_SYN | TCP_ACK : TCP_SYN, 0);
	for (uint64_t k = between(2, 30); k > 0; k--)
		tcp(p, side, TCP_PSH | TCP_ACK, (uint32_t)between(1, 1300));
	tcp(p, side, TCP_FIN | TCP_ACK, 0);
}

static void play_middle(struct play *p)
{
	exchange(p, (unsigned int)between(1, 5));
}

/* Over more than a minute, so that several reports are cut. */
static void play_long(struct play *p)
{
	handshake(p);
	for (int k = 0; k < 12; k++) {
		exchange(p, 1);
		p->now_us += between(5000, 9000) * MS;
	}
	ending(p);
}

static void udp(struct play *p, int side, uint32_t payload)
{
	struct seg s = { .side = side, .payload = payload };

	put(p, &s);
}

static void play_udp(struct play *p)
{
	for (uint64_t k = between(1, 5); k > 0; k--) {
		udp(p, 0, (uint32_t)between(10, 200));
		if (!one_in(4))
			udp(p, 1, (uint32_t)between(10, 1200));
	}
}

static void fragment(struct play *p, uint16_t id, uint16_t off, uint32_t payload, bool more)
{
	struct seg s = { .fragment = true,
			 .more = more,
			 .frag_off = off,
			 .ip_id = id,
			 .payload = payload,
			 .datagram = 2508 };

	put(p, &s);
}

/* Datagrams of 2,508 bytes in three fragments: in order, or the first one last. */
static void play_fragments(struct play *p)
{
	for (uint64_t k = between(1, 4); k > 0; k--) {
		uint16_t id = (uint16_t)rnd();
		bool first_last = one_in(2);

		if (!first_last)
			fragment(p, id, 0, 1000, true);
		fragment(p, id, 1008, 1000, true);
		fragment(p, id, 2008, 500, false);
		if (first_last)
			fragment(p, id, 0, 1000, true);
	}
}

static void play_echo(struct play *p)
{
	for (uint32_t k = 0; k < 4; k++) {
		struct seg s = { .seq = k, .payload = 56, .icmp_type = p->conn.v6 ? 128 : 8 };

		put(p, &s);
		s.side = 1;
		s.icmp_type = p->conn.v6 ? 129 : 0;
		put(p, &s);
	}
}

static const struct kind {
	void (*play)(struct play *p);
	uint8_t proto;
	unsigned int share;
} kinds[] = {
	{ play_whole, PROTO_TCP, 8 },   { play_reset, PROTO_TCP, 2 },
	{ play_refused, PROTO_TCP, 1 }, { play_unanswered, PROTO_TCP, 1 },
	{ play_lossy, PROTO_TCP, 2 },   { play_zero_window, PROTO_TCP, 1 },
	{ play_reuse, PROTO_TCP, 2 },   { play_one_way, PROTO_TCP, 2 },
	{ play_middle, PROTO_TCP, 1 },  { play_long, PROTO_TCP, 2 },
	{ play_udp, PROTO_UDP, 5 },     { play_fragments, PROTO_UDP, 2 },
	{ play_echo, PROTO_ICMP, 2 },
};

static const struct kind *draw_kind(void)
{
	const size_t n = sizeof(kinds) / sizeof(kinds[0]);
	uint64_t all = 0;
	size_t k;

	for (k = 0; k < n; k++)
		all += kinds[k].share;
	all = rnd() % all;
	for (k = 0; all >= kinds[k].share; k++)
		all -= kinds[k].share;
	return &kinds[k];
}

/* Conversation i: its addresses are its own, whatever it is wrapped in. */
static struct conn draw_conn(uint32_t i, uint8_t proto)
{
	return (struct conn){
		.ip = { 0x0a000000 | i, 0xac100000 | (uint32_t)between(1, 200) },
		.port = { (uint16_t)between(1024, 65535), (uint16_t)between(1, 1023) },
		.seq = { (uint32_t)rnd(), (uint32_t)rnd() },
		.vlan = { one_in(4) ? 10 : 0, 0 },
		.proto = proto,
		.v6 = one_in(4),
		.encap = one_in(3) ? (enum encap)between(1, ENCAPS - 1) : ENCAP_NONE,
	};
}

static void count_flow(struct truth *t, uint8_t proto)
{
	t->tcp_flows += proto == PROTO_TCP;
	t->udp_flows += proto == PROTO_UDP;
	t->icmp_flows += proto == PROTO_ICMP;
}

static int by_arrival(const void *a, const void *b)
{
	const struct packet *x = a;
	const struct packet *y = b;

	if (x->arrival_us != y->arrival_us)
		return x->arrival_us < y->arrival_us ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static void write_all(struct out *o, struct packet *packets, uint64_t n)
{
	for (uint64_t i = 0; i < n && !out_is_full(o); i++) {
		struct packet *k = &packets[i];
		size_t len = frame_build(out_room(o), &k->conn, &k->seg);

		out_put(o, k->ts_us, &k->conn, &k->seg, len);
	}
}

/* The numbers of flows are those of the whole set, also where only its first tenth is written. */
void load_mix(struct out *o, uint64_t packets)
{
	struct play p = { .room = packets + CONVERSATION_MAX };

	p.packets = calloc(p.room, sizeof(*p.packets));
	if (p.packets == NULL)
		abort();
	for (uint32_t i = 1; p.n < packets; i++) {
		const struct kind *k = draw_kind();

		p.conn = draw_conn(i, k->proto);
		if (p.conn.vlan[0] != 0 && one_in(3))
			p.conn.vlan[1] = 20;
		p.now_us = TRAFFIC_START_US + between(500 * MS, SPAN_US);
		count_flow(&p.truth, k->proto);
		k->play(&p);
	}
	qsort(p.packets, p.n, sizeof(*p.packets), by_arrival);
	o->truth = p.truth;
	write_all(o, p.packets, p.n);
	free(p.packets);
}
