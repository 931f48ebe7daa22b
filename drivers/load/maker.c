/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of synthetic conversations.
 *
 * Nothing of a flow's identity is stored: addresses and ports come from its number by a bijection, so
 * 16 bytes of state are all it costs. A packet's flow is drawn 64 packets early and its state
 * prefetched, a frame is a copied template with a dozen fields written over.
 */
#include "load_priv.h"

#include <math.h>

#define ETHER_LEN    14
#define IP_LEN       20
#define OUTER_LEN    50 /* Ethernet, IPv4 and: UDP + VXLAN, or GRE with sequence + ERSPAN II */
#define FRAME_MIN    60 /* without FCS */
#define PAYLOAD_SNAP 64
#define LIFE_NS      (20 * WEIR_NS_PER_S)

enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_PSH = 0x08, TCP_ACK = 0x10 };
enum wrap { PLAIN, VXLAN, ERSPAN, WRAPS };
enum form { TCP, TCP_OPTIONS, UDP, FORMS };

static const uint8_t l4_len[FORMS] = { [TCP] = 20, [TCP_OPTIONS] = 32, [UDP] = 8 };

static const uint8_t ether[2][ETHER_LEN] = {
	{ 0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0 },
	{ 0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0 },
};
static const uint8_t ip_tcp[] = { 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0 };
static const uint8_t ip_udp[] = { 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0 };
static const uint8_t tcp_window[] = { 0x01, 0xf6 };
/* MSS 1460, SACK permitted, window scale 7 */
static const uint8_t tcp_options[] = { 2, 4, 0x05, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7 };

/* RFC 7348: VTEP 198.51.100.1 to .2, the VNI's last byte is written per flow. */
static const uint8_t outer_vxlan[OUTER_LEN] = {
	0x02, 0, 0,    0,    1, 2,  0x02, 0, 0,    0,   1,  1,   0x08, 0,   0x45, 0,   0,
	0,    0, 0,    0x40, 0, 64, 17,   0, 0,    198, 51, 100, 1,    198, 51,   100, 2,
	0,    0, 0x12, 0xb5, 0, 0,  0,    0, 0x08, 0,   0,  0,   0,    0,   0,    0,
};
/* draft-foschiano-erspan-03, type II: GRE with sequence number, version 1, session 7. */
static const uint8_t outer_erspan[OUTER_LEN] = {
	0x02, 0, 0,    0,    1, 2,  0x02, 0, 0,    0,   1,    1,    0x08, 0,   0x45, 0,   0,
	0,    0, 0,    0x40, 0, 64, 47,   0, 0,    198, 51,   100,  3,    198, 51,   100, 4,
	0x10, 0, 0x88, 0xbe, 0, 0,  0,    0, 0x10, 0,   0x00, 0x07, 0,    0,   0,    0,
};
static const uint8_t *const outer[WRAPS] = { [VXLAN] = outer_vxlan, [ERSPAN] = outer_erspan };

static const uint16_t tcp_ports[8] = { 80, 443, 22, 3306, 5432, 6379, 8080, 9092 };
static const uint16_t udp_ports[8] = { 123, 443, 514, 1194, 3478, 5004, 8125, 51820 };

/* IMIX: 64, 594 and 1518 bytes as 7:4:1; here without FCS. */
static const uint16_t imix[12] = { 60, 60, 60, 60, 60, 60, 60, 590, 590, 590, 590, 1514 };

/* A conversation but for its data. */
enum { STEP_SYN, STEP_SYNACK, STEP_ACK, STEP_DATA, STEP_FIN, STEP_FINACK, STEP_LAST };
static const struct step {
	uint8_t side, form, flags, next;
} steps[] = {
	[STEP_SYN] = { WEIR_SRC, TCP_OPTIONS, TCP_SYN, STEP_SYNACK },
	[STEP_SYNACK] = { WEIR_DST, TCP_OPTIONS, TCP_SYN | TCP_ACK, STEP_ACK },
	[STEP_ACK] = { WEIR_SRC, TCP, TCP_ACK, STEP_DATA },
	[STEP_DATA] = { 0, TCP, TCP_ACK | TCP_PSH, STEP_DATA },
	[STEP_FIN] = { WEIR_SRC, TCP, TCP_FIN | TCP_ACK, STEP_FINACK },
	[STEP_FINACK] = { WEIR_DST, TCP, TCP_FIN | TCP_ACK, STEP_LAST },
	[STEP_LAST] = { WEIR_SRC, TCP, TCP_ACK, STEP_SYN },
};

struct packet {
	enum wrap wrap;
	enum form form;
	int side;
	uint8_t flags;
	uint16_t vni;
	uint32_t seq, ack;
	uint32_t payload;
	uint32_t ip[2]; /* client, server */
	uint16_t port[2];
};

static uint8_t templates[WRAPS][FORMS][2][LOAD_SLOT];

static inline void put16(uint8_t *p, uint32_t v)
{
	uint16_t be = __builtin_bswap16((uint16_t)v);

	memcpy(p, &be, sizeof(be));
}

static inline void put32(uint8_t *p, uint32_t v)
{
	uint32_t be = __builtin_bswap32(v);

	memcpy(p, &be, sizeof(be));
}

static void template_init(uint8_t *t, enum wrap wrap, enum form form, int side)
{
	uint8_t *l2 = t + (wrap == PLAIN ? 0 : OUTER_LEN);
	uint8_t *l4 = l2 + ETHER_LEN + IP_LEN;

	memset(t, 'w', LOAD_SLOT);
	if (wrap != PLAIN)
		memcpy(t, outer[wrap], OUTER_LEN);
	memcpy(l2, ether[side], ETHER_LEN);
	memcpy(l2 + ETHER_LEN, form == UDP ? ip_udp : ip_tcp, sizeof(ip_tcp));
	memset(l4, 0, l4_len[form]);
	if (form == UDP)
		return;
	l4[12] = (uint8_t)(l4_len[form] / 4 << 4);
	memcpy(l4 + 14, tcp_window, sizeof(tcp_window));
	if (form == TCP_OPTIONS)
		memcpy(l4 + 20, tcp_options, sizeof(tcp_options));
}

__attribute__((constructor)) static void templates_init(void)
{
	for (int w = 0; w < WRAPS; w++)
		for (int f = 0; f < FORMS; f++)
			for (int s = 0; s < 2; s++)
				template_init(templates[w][f][s], (enum wrap)w, (enum form)f, s);
}

static inline uint64_t draw(struct load_maker *m)
{
	m->rng += UINT64_C(0xa0761d6478bd642f);
	return weir_mix(m->rng, m->rng ^ UINT64_C(0xe7037ed1a0b428db));
}

void load_choice_init(struct load_choice *c, uint32_t flows, bool zipf)
{
	c->flows = flows;
	c->zipf = zipf;
	c->log2_flows = (uint64_t)(log2((double)flows + 1) * 0x1p32);
	for (int i = 0; i <= 1 << LOAD_ZIPF_BITS; i++)
		c->pow2[i] = (uint64_t)(exp2(i / (double)(1 << LOAD_ZIPF_BITS)) * 0x1p32);
}

/*
 * (flows + 1) to the power of a uniform variate, rounded down: k comes with the weight
 * log(1 + 1/k), which is 1/k but for the first few (0.69, 0.41, 0.29 instead of 1, 0.5, 0.33).
 */
static inline uint32_t zipf(const struct load_choice *c, uint32_t u)
{
	uint64_t lg = (uint64_t)(((__uint128_t)u * c->log2_flows) >> 32);
	uint32_t octave = (uint32_t)(lg >> 32), frac = (uint32_t)lg;
	uint32_t i = frac >> (32 - LOAD_ZIPF_BITS);
	uint64_t rest = frac & ((1U << (32 - LOAD_ZIPF_BITS)) - 1);
	uint64_t v = c->pow2[i] + ((c->pow2[i + 1] - c->pow2[i]) * rest >> (32 - LOAD_ZIPF_BITS));
	uint32_t k = (uint32_t)(v >> (32 - octave)) - 1;

	return k < c->flows ? k : c->flows - 1;
}

/* The flow a draw stands for, by its upper half; the lower half is left for the packet. */
static inline uint32_t chosen(const struct load_maker *m, uint64_t r)
{
	const struct load_choice *c = m->choice;
	uint32_t u = (uint32_t)(r >> 32);

	return c->zipf ? zipf(c, u) : (uint32_t)((uint64_t)u * c->flows >> 32);
}

/* This packet's draw; its successor is drawn and the state of that flow fetched meanwhile. */
static inline uint64_t draw_ahead(struct load_maker *m, struct load_ahead *ahead)
{
	uint64_t *at = &ahead->draw[m->made % WEIR_BURST_MAX];
	uint64_t r = *at;

	*at = draw(m);
	weir_prefetch_w(&m->flow[chosen(m, *at)]);
	return r;
}

void load_maker_init(struct load_maker *m, struct load_ahead *ahead, uint64_t seed)
{
	m->rng = weir_mix(seed ^ UINT64_C(0x8ebc6af09c88c6e3),
			  m->share + UINT64_C(0x589965cc75374cc3));
	m->scramble = (uint32_t)weir_mix(seed, UINT64_C(0x1d8e4e27c47d124f));
	m->life = (double)LIFE_NS / (double)m->step_ns / m->shares;
	m->life /= m->choice->zipf ? log((double)m->choice->flows + 1) : m->choice->flows;
	for (int i = 0; i < WEIR_BURST_MAX; i++)
		ahead->draw[i] = draw(m);
}

/* Bijection of 32 bits: two flows never share client and server. */
static inline uint32_t scramble(const struct load_maker *m, uint32_t n)
{
	n = (n + m->scramble) * UINT32_C(0x9e3779b1);
	n ^= n >> 15;
	return n * UINT32_C(0x85ebca6b);
}

static inline void endpoints(struct packet *p, uint32_t id, uint32_t round)
{
	p->ip[0] = 10U << 24 | (id & 0xffffff);
	p->ip[1] = 172U << 24 | 16U << 16 | id >> 24 << 8 | (id >> 7 & 0xff);
	p->port[0] = (uint16_t)(0x8000 | (((id >> 9) + round) & 0x7fff));
	p->port[1] = (p->form == UDP ? udp_ports : tcp_ports)[id & 7];
	p->vni = (uint16_t)(id & 15);
}

static inline uint32_t data_payload(const struct load_maker *m, uint64_t r, enum form form)
{
	uint32_t head = ETHER_LEN + IP_LEN + l4_len[form];
	uint32_t size = m->size != 0 ? m->size : imix[(r >> 8 & 0xffff) * 12 >> 16];

	return size - head;
}

/* Data packets of flow k's conversation: from half to one and a half of the mean. */
static uint16_t length(const struct load_maker *m, const struct load_flow *s, uint32_t k,
		       uint64_t r)
{
	uint64_t mean = m->conversation;
	uint64_t len;

	if (mean == 0)
		mean = (uint64_t)(m->choice->zipf ? m->life / (k + 1) : m->life);
	mean = weir_min_u64(mean, UINT16_MAX);
	len = (uint32_t)r * mean >> 32;
	/* The first one is as if it had begun before: so ends are spread over time from the start. */
	if (s->round > 0)
		len += mean / 2;
	return (uint16_t)weir_min_u64(len + 1, UINT16_MAX);
}

static void begin(struct load_maker *m, struct load_flow *s, uint32_t k, uint32_t id, uint64_t r)
{
	uint64_t isn = weir_mix(id + UINT64_C(0x9e3779b97f4a7c15), s->round + UINT64_C(0x2545f491));

	s->seq[0] = (uint32_t)isn;
	s->seq[1] = (uint32_t)(isn >> 32);
	s->left = length(m, s, k, r);
	m->begun++;
}

/*
 * A data packet: either side speaks; a small one is a bare ACK when there is something to acknowledge.
 * Which it is cannot be foretold, so it is computed without a branch.
 */
static inline void tcp_data(struct load_maker *m, struct load_flow *s, struct packet *p, uint64_t r)
{
	uint32_t payload = data_payload(m, r, TCP);
	uint32_t side = r & 1;
	uint32_t bare = (payload <= FRAME_MIN - 54) & (s->owes >> side);

	p->side = (int)side;
	p->payload = payload & (bare - 1);
	p->flags = (uint8_t)(TCP_ACK | (TCP_PSH & (bare - 1)));
	s->owes = (uint8_t)((1 - bare) << (side ^ 1));
	if (--s->left == 0)
		s->step = STEP_FIN;
}

static inline void tcp_next(struct load_maker *m, struct packet *p, uint32_t k, uint32_t id,
			    uint64_t r)
{
	struct load_flow *s = &m->flow[k];
	const struct step *st = &steps[s->step];

	p->form = (enum form)st->form;
	p->flags = st->flags;
	p->side = st->side;
	p->payload = 0;
	endpoints(p, id, s->round);
	if (s->step == STEP_SYN)
		begin(m, s, k, id, r);
	s->step = st->next;
	if (s->step == STEP_DATA && st == &steps[STEP_DATA])
		tcp_data(m, s, p, r);
	else if (st == &steps[STEP_LAST])
		s->round++;
	p->seq = s->seq[p->side];
	p->ack = (p->flags & TCP_ACK) != 0 ? s->seq[!p->side] : 0;
	s->seq[p->side] += p->payload + ((p->flags & (TCP_SYN | TCP_FIN)) != 0);
}

static inline void udp_next(struct load_maker *m, struct packet *p, uint32_t k, uint32_t id,
			    uint64_t r)
{
	struct load_flow *s = &m->flow[k];

	p->form = UDP;
	endpoints(p, id, 0);
	p->side = s->step == 0 ? WEIR_SRC : (int)(r & 1);
	p->payload = data_payload(m, r, UDP);
	p->seq = p->ack = 0;
	m->begun += s->step == 0;
	s->step = 1;
}

/* The n-th SYN has the n-th client of a permutation of 10.0.0.0/8, then other ports of them. */
static inline void syn_next(struct load_maker *m, struct packet *p)
{
	uint64_t n = m->share + m->shares * m->made;
	uint32_t host = ((uint32_t)n * UINT32_C(0x9e3779b1) + m->scramble) & 0xffffff;

	p->form = TCP_OPTIONS;
	p->side = WEIR_SRC;
	p->flags = TCP_SYN;
	p->payload = 0;
	p->seq = (uint32_t)draw(m);
	p->ack = 0;
	p->ip[0] = 10U << 24 | host;
	p->ip[1] = 203U << 24 | 113U << 8 | 10;
	p->port[0] = (uint16_t)(1024 + ((n >> 24) + (host ^ m->scramble)) % 64512);
	p->port[1] = 80;
	m->begun++;
}

static const uint8_t mixed[16] = {
	[11] = WEIR_LOAD_UDP,   [12] = WEIR_LOAD_UDP,    [13] = WEIR_LOAD_UDP,
	[14] = WEIR_LOAD_VXLAN, [15] = WEIR_LOAD_ERSPAN, /* others: WEIR_LOAD_TCP */
};

static inline void next(struct load_maker *m, struct load_ahead *ahead,
			enum weir_load_traffic traffic, struct packet *p)
{
	uint32_t k, number;
	uint64_t r;

	p->wrap = PLAIN;
	if (traffic == WEIR_LOAD_SYNFLOOD) {
		syn_next(m, p);
		return;
	}
	r = draw_ahead(m, ahead);
	k = chosen(m, r);
	number = m->share + m->shares * k;
	if (traffic == WEIR_LOAD_MIXED)
		traffic = (enum weir_load_traffic)mixed[number & 15];
	if (traffic == WEIR_LOAD_VXLAN)
		p->wrap = VXLAN;
	else if (traffic == WEIR_LOAD_ERSPAN)
		p->wrap = ERSPAN;
	if (traffic == WEIR_LOAD_UDP)
		udp_next(m, p, k, scramble(m, number), r);
	else
		tcp_next(m, p, k, scramble(m, number), r);
}

static void write_outer(uint8_t *t, const struct packet *p, uint32_t len, uint32_t n)
{
	put16(t + 16, len - 14);
	put16(t + 18, n);
	if (p->wrap == VXLAN) {
		put16(t + 34, 0xc000 | (p->ip[0] & 0x3fff));
		put16(t + 38, len - 34);
		put16(t + 47, p->vni);
	} else {
		put32(t + 38, n);
	}
}

static inline void write_inner(uint8_t *l3, const struct packet *p, uint32_t ip_len, uint32_t n)
{
	uint8_t *l4 = l3 + IP_LEN;
	int from = p->side, to = !p->side;

	put16(l3 + 2, ip_len);
	put16(l3 + 4, n);
	put32(l3 + 12, p->ip[from]);
	put32(l3 + 16, p->ip[to]);
	put16(l4, p->port[from]);
	put16(l4 + 2, p->port[to]);
	if (p->form == UDP) {
		put16(l4 + 4, ip_len - IP_LEN);
		return;
	}
	put32(l4 + 4, p->seq);
	put32(l4 + 8, p->ack);
	l4[13] = p->flags;
}

static inline void write_packet(const struct packet *p, uint32_t n, uint8_t *slot,
				struct weir_frame *f)
{
	const uint8_t *t = templates[p->wrap][p->form][p->side];
	uint32_t l2 = p->wrap == PLAIN ? 0 : OUTER_LEN;
	uint32_t ip_len = IP_LEN + l4_len[p->form] + p->payload;
	uint32_t head = l2 + ETHER_LEN + ip_len - p->payload;
	uint32_t inner = ETHER_LEN + ip_len > FRAME_MIN ? ETHER_LEN + ip_len : FRAME_MIN;

	memcpy(slot, t, 128);
	if (l2 != 0) {
		memcpy(slot + 128, t + 128, LOAD_SLOT - 128);
		write_outer(slot, p, l2 + inner, n);
	}
	write_inner(slot + l2 + ETHER_LEN, p, ip_len, n);

	f->data = slot;
	f->wirelen = l2 + inner;
	f->caplen = (uint32_t)weir_min_u64(l2 + inner, head + PAYLOAD_SNAP);
	f->link = WEIR_LINK_ETHER;
	f->vlan_tci = 0;
	f->flags = 0;
}

/* For one kind of traffic: works on a copy of *m, which stores into packets cannot touch. */
static inline __attribute__((always_inline)) uint16_t run(
	struct load_maker *m, struct load_ahead *ahead, enum weir_load_traffic traffic,
	uint8_t (*slot)[LOAD_SLOT], struct weir_frame *frames, uint16_t n, void *opaque)
{
	struct load_maker own = *m;
	uint16_t got = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct weir_frame *f = &frames[got];
		struct packet p;

		f->ts_ns = WEIR_LOAD_EPOCH_NS + (own.share + own.shares * own.made) * own.step_ns;
		f->opaque = opaque;
		next(&own, ahead, traffic, &p);
		write_packet(&p, (uint32_t)own.made++, slot[got], f);
		if (own.side >= 0 && own.side != p.side)
			continue;
		own.bytes += f->wirelen;
		got++;
	}
	*m = own;
	return got;
}

uint16_t load_maker_run(struct load_maker *m, struct load_ahead *ahead, uint8_t (*slot)[LOAD_SLOT],
			struct weir_frame *frames, uint16_t n, void *opaque)
{
	if (m->traffic == WEIR_LOAD_TCP)
		return run(m, ahead, WEIR_LOAD_TCP, slot, frames, n, opaque);
	if (m->traffic == WEIR_LOAD_UDP)
		return run(m, ahead, WEIR_LOAD_UDP, slot, frames, n, opaque);
	return run(m, ahead, m->traffic, slot, frames, n, opaque);
}
