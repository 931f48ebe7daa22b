/* SPDX-License-Identifier: Apache-2.0 */
/* The sets that load a meter: every packet's flow is drawn first, the flow's state says which packet of it comes next. */
#include "traffic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 64240

/* 2.5 Mpps, about 7 Gbit/s of IMIX: 10 M packets last 4 s, so that no time-out cuts a flow. */
static uint64_t ts_of(uint64_t packet)
{
	return TRAFFIC_START_US + packet * 2 / 5;
}

static void *zalloc(uint64_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size);

	if (p == NULL)
		abort();
	return p;
}

/* Flow i: 64 Ki clients, 4,096 servers, no two flows alike. */
static struct conn conn_of(uint32_t i, uint8_t proto, enum encap encap)
{
	static const uint16_t service[] = { 80, 443, 8080, 3306, 5432, 6379, 9092, 22 };
	uint64_t h = mix64(TRAFFIC_SEED + i);
	uint32_t client = i * 40503u & 0xffff;

	return (struct conn){
		.ip = { 0x0a000000 | client << 4, 0xac100000 | (uint32_t)(h & 0xfff) },
		.port = { (uint16_t)(1024 + ((i >> 16) * 61 + client * 7) % 64000),
			  service[h >> 12 & 7] },
		.seq = { (uint32_t)(h >> 16), (uint32_t)(h >> 32) },
		.proto = proto,
		.encap = encap,
	};
}

/* What is kept of a TCP flow between its packets. */
struct tcp_flow {
	uint32_t next;    /* number of its next packet */
	uint32_t data;    /* data packets it has, between handshake and FIN */
	uint32_t sent[2]; /* sequence numbers used by each side */
};

static void emit(struct out *o, const struct conn *c, const struct seg *s)
{
	size_t len = frame_build(out_room(o), c, s);

	out_put(o, ts_of(o->truth.packets), c, s, len);
}

/* 594 and 1518 byte frames at 4:1; handshakes and FINs are the 64 byte frames of the IMIX. */
static uint32_t data_frame(uint64_t r)
{
	return r % 5 == 0 ? 1518 : 594;
}

/* Packet `k` of a flow with `data` data packets. */
static struct seg step(uint32_t k, uint32_t data)
{
	uint64_t r;

	if (k == 0)
		return (struct seg){ .side = 0, .flags = TCP_SYN };
	if (k == 1)
		return (struct seg){ .side = 1, .flags = TCP_SYN | TCP_ACK };
	if (k == 2)
		return (struct seg){ .side = 0, .flags = TCP_ACK };
	if (k == 3 + data)
		return (struct seg){ .side = 0, .flags = TCP_FIN | TCP_ACK };
	if (k == 4 + data)
		return (struct seg){ .side = 1, .flags = TCP_FIN | TCP_ACK };
	if (k == 5 + data)
		return (struct seg){ .side = 0, .flags = TCP_ACK };
	r = rnd();
	return (struct seg){ .side = r % 3 != 0 && k > 3,
			     .flags = TCP_PSH | TCP_ACK,
			     .payload = data_frame(r >> 32) - 54 };
}

static void tcp_next(struct out *o, struct conn *c, struct tcp_flow *f)
{
	struct seg s = step(f->next, f->data);

	s.seq = c->seq[s.side] + f->sent[s.side];
	s.ack = s.flags & TCP_ACK ? c->seq[!s.side] + f->sent[!s.side] : 0;
	s.window = WINDOW;
	s.frame_min = 64;
	f->sent[s.side] += s.payload + !!(s.flags & (TCP_SYN | TCP_FIN));
	o->truth.tcp_flows += f->next == 0;
	o->truth.established += f->next == 2;
	o->truth.closed += f->next == 5 + f->data;
	f->next++;
	emit(o, c, &s);
}

static void shuffle(uint32_t *ids, uint64_t n)
{
	for (uint64_t i = n; i > 1; i--) {
		uint64_t j = rnd() % i;
		uint32_t tmp = ids[i - 1];

		ids[i - 1] = ids[j];
		ids[j] = tmp;
	}
}

/* Zipf with exponent 1, by the inverse of its continuous distribution. */
static uint32_t zipf(uint32_t n)
{
	double u = (double)(rnd() >> 11) * 0x1p-53;
	uint32_t k = (uint32_t)exp(u * log((double)n + 1));

	return k > n ? n - 1 : k - 1;
}

/*
 * The order of the packets. The first half opens every flow and none ends in it: at its end all are
 * established at once.
 */
static uint32_t *imix_order(const struct tcp_flow *flows, uint32_t n, uint64_t packets)
{
	uint32_t *ids = zalloc(packets, sizeof(*ids));
	uint64_t first = 0, last = packets;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t early = 3 + (flows[i].data + 1) / 2;

		for (uint32_t k = 0; k < 6 + flows[i].data; k++)
			ids[k < early ? first++ : --last] = i;
	}
	shuffle(ids, first);
	shuffle(ids + first, packets - first);
	return ids;
}

/* A tenth as many flows as packets: 3 packets of handshake, 3 of the end, one of data and 3 more drawn by Zipf. */
void load_imix(struct out *o, uint64_t packets, enum encap encap)
{
	uint32_t n = (uint32_t)(packets / 10);
	struct tcp_flow *flows = zalloc(n, sizeof(*flows));
	uint32_t *ids;

	for (uint32_t i = 0; i < n; i++)
		flows[i].data = 1;
	for (uint64_t k = UINT64_C(7) * n; k < packets; k++)
		flows[zipf(n)].data++;
	ids = imix_order(flows, n, packets);
	for (uint64_t k = 0; k < packets && !out_is_full(o); k++) {
		struct conn c = conn_of(ids[k], PROTO_TCP, encap);

		tcp_next(o, &c, &flows[ids[k]]);
	}
	free(ids);
	free(flows);
}

void load_small(struct out *o, uint64_t packets)
{
	uint32_t n = (uint32_t)(packets / 10);
	bool *seen = zalloc(n, sizeof(*seen));

	for (uint64_t k = 0; k < packets && !out_is_full(o); k++) {
		uint64_t r = rnd();
		uint32_t i = (uint32_t)((r >> 32) * n >> 32);
		struct conn c = conn_of(i, PROTO_UDP, ENCAP_NONE);
		struct seg s = { .side = seen[i] && (r & 1), .payload = 64 - 42 };

		o->truth.udp_flows += !seen[i];
		seen[i] = true;
		emit(o, &c, &s);
	}
	free(seen);
}

/* SYN i of the flood: a source of its own, one of 8 services. */
static void flood(struct out *o, uint32_t i)
{
	uint64_t h = mix64(TRAFFIC_SEED + 1 + i);
	uint32_t low = (i * 0x9e3779b1u) & 0xffffff; /* odd factor: each once in 16 Mi */
	struct conn c = {
		.ip = { (20 + (uint32_t)(h & 63)) << 24 | low, 0xac110000 | (h >> 6 & 3) },
		.port = { (uint16_t)(1024 + (h >> 16) % 64512), h >> 8 & 1 ? 80 : 443 },
		.proto = PROTO_TCP,
	};
	struct seg s = {
		.flags = TCP_SYN, .seq = (uint32_t)(h >> 32), .window = WINDOW, .frame_min = 64
	};

	o->truth.tcp_flows++;
	emit(o, &c, &s);
}

static void round_of_all(struct out *o, struct tcp_flow *flows, uint32_t n)
{
	for (uint32_t i = 0; i < n && !out_is_full(o); i++) {
		struct conn c = conn_of(i, PROTO_TCP, ENCAP_NONE);

		tcp_next(o, &c, &flows[i]);
	}
}

/* 100 SYNs for each established flow: these have handshake and one data packet before the flood, one after. */
void load_synflood(struct out *o, uint64_t packets)
{
	uint32_t n = (uint32_t)(packets / 105);
	uint32_t syns = (uint32_t)(packets - UINT64_C(5) * n);
	struct tcp_flow *flows = zalloc(n, sizeof(*flows));

	for (uint32_t i = 0; i < n; i++)
		flows[i].data = 2;
	for (int k = 0; k < 4; k++)
		round_of_all(o, flows, n);
	for (uint32_t i = 0; i < syns && !out_is_full(o); i++)
		flood(o, i);
	round_of_all(o, flows, n);
	free(flows);
}
