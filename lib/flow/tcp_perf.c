/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TCP connection's packets tell of its delays and losses. Spec: data plane, 5.
 *
 * A handshake is measured from the first SYN on; SYNs, SYN-ACKs and the client's pure ACKs belong to
 * it. A pure ACK that repeats the client's is one more sample; one with another window or sequence
 * number (window update, keep-alive) ends the handshake like any other packet, without a sample.
 * Behind it, the client's PSH-ACK switches on what the server's next packets end: its acknowledgement
 * (srt) and its answer (art); anything in between switches them off.
 */
#include "perf.h"

#define RTT_MAX_NS (30 * WEIR_NS_PER_S)
#define SRT_MAX_NS (10 * WEIR_NS_PER_S)

enum kind { ABNORMAL, RST, SYN, SYNACK, ACK, PSHACK, OTHER };

/* A packet and where it goes. `own` sent it. */
struct step {
	struct perf m;
	struct weir_flow *f;
	const struct weir_pkt *p;
	struct tcp_side *own, *peer;
	unsigned int side;
	enum kind kind;
	bool from_client;
};

static enum kind kind_of_rare(uint8_t flags)
{
	bool ack = (flags & WEIR_TCP_ACK) != 0;

	if ((flags & WEIR_TCP_SYN && flags & WEIR_TCP_RST) ||
	    !(flags & (WEIR_TCP_SYN | WEIR_TCP_ACK | WEIR_TCP_RST)) ||
	    (!ack && flags & (WEIR_TCP_PSH | WEIR_TCP_URG)))
		return ABNORMAL;
	return flags & WEIR_TCP_RST ? RST : OTHER;
}

/* By table: what comes next is not to be foreseen, and a branch guessed wrong costs 20 cycles. */
static inline enum kind kind_of(uint8_t flags, uint32_t payload_len)
{
	static const uint8_t kinds[TCP_FLAGS_MASK + 1][3] = {
		/* of no byte, one, more; 0 = rare */
		[WEIR_TCP_SYN] = { SYN, SYN, SYN },
		[WEIR_TCP_SYN | WEIR_TCP_ACK] = { SYNACK, OTHER, OTHER },
		[WEIR_TCP_ACK] = { ACK, OTHER, OTHER },
		[WEIR_TCP_PSH | WEIR_TCP_ACK] = { OTHER, OTHER, PSHACK },
		[WEIR_TCP_FIN | WEIR_TCP_ACK] = { OTHER, OTHER, OTHER },
		[WEIR_TCP_FIN | WEIR_TCP_PSH | WEIR_TCP_ACK] = { OTHER, OTHER, OTHER },
	};
	const uint8_t kind = kinds[flags][weir_min_u64(payload_len, 2)];

	return weir_likely(kind != 0) ? (enum kind)kind : kind_of_rare(flags);
}

static inline bool acks_handshake(const struct step *s)
{
	return s->kind == ACK && s->peer->bits & TCP_ISN &&
	       s->p->ack == s->f->seq_threshold[!s->side];
}

static inline bool acks_last(const struct step *s)
{
	return s->p->ack == s->peer->seq + s->peer->payload_len;
}

static inline void switch_off(struct weir_flow *f, uint8_t bits)
{
	f->side[0].bits &= (uint8_t)~bits;
	f->side[1].bits &= (uint8_t)~bits;
}

static inline bool in_handshake(const struct weir_flow *f)
{
	return (f->side[0].bits & TCP_HANDSHAKE) != 0;
}

static void handshake_begin(const struct step *s)
{
	weir_segments_forget(s->m); /* of a connection before */
	s->f->side[0].bits |= TCP_HANDSHAKE;
}

static void handshake_end(const struct step *s)
{
	switch_off(s->f, TCP_HANDSHAKE | TCP_RTT);
	memset(s->m.c->seg, 0, sizeof(s->m.c->seg));
}

static void retransmitted(const struct step *s)
{
	perf_count(s->m, (enum tcp_counter)(CN_RETRANS0 + s->side));
}

static void on_syn(const struct step *s)
{
	if (!(s->own->bits & TCP_ISN)) {
		if (!in_handshake(s->f))
			handshake_begin(s);
		s->own->bits |= TCP_ISN;
		s->f->seq_threshold[s->side] = s->p->seq + 1;
		s->m.c->handshake_ns[s->side] = s->p->ts_ns;
	} else if (s->own->bits & TCP_SYN_SENT) {
		retransmitted(s);
		perf_count(s->m, CN_RETRANS_SYN);
	}
	s->own->bits |= TCP_SYN_SENT;
	perf_count(s->m, CN_SYN);
}

static void on_synack(const struct step *s)
{
	perf_count(s->m, CN_SYNACK);
	if (s->own->bits & TCP_ISN) {
		retransmitted(s);
		perf_count(s->m, CN_RETRANS_SYNACK);
		return;
	}
	s->own->bits |= TCP_ISN;
	s->f->seq_threshold[s->side] = s->p->seq + 1;
	if (in_handshake(s->f))
		s->m.c->handshake_ns[s->side] = s->p->ts_ns;
	if (s->peer->bits & TCP_ISN) {
		s->peer->bits |= TCP_RTT;
	} else {
		s->peer->bits |= TCP_ISN;
		s->f->seq_threshold[!s->side] = s->p->ack;
	}
}

static bool ends_handshake(const struct step *s)
{
	if (s->kind == SYN || s->kind == SYNACK)
		return false;
	if (s->kind != ACK || !s->from_client)
		return true;
	return s->own->bits & TCP_HANDSHAKE_ACK &&
	       (s->p->seq != s->own->seq || s->p->win != s->own->win);
}

static void measure_handshake(const struct step *s)
{
	const uint64_t *began_ns = s->m.c->handshake_ns;
	bool acks = acks_handshake(s);
	uint64_t ns;

	if ((acks || s->kind == SYNACK) && acks_last(s) && began_ns[!s->side] != 0) {
		ns = s->p->ts_ns - began_ns[!s->side];
		if (ns > 0 && ns <= RTT_MAX_NS)
			weir_perf_rtt(s->m, s->side, ns);
	}
	if (acks && s->own->bits & TCP_RTT) {
		ns = s->p->ts_ns - began_ns[s->side];
		if (ns > 0 && ns <= RTT_MAX_NS)
			s->m.c->meter.rtt = (uint32_t)(ns / WEIR_NS_PER_US);
	}
	if (s->kind != ACK)
		switch_off(s->f, TCP_SRT | TCP_ART);
}

static void measure(const struct step *s, enum tcp_counter which, uint64_t max_ns)
{
	uint64_t ns = s->p->ts_ns - s->f->last_ns[!s->side];

	if (ns > 0 && ns <= max_ns)
		weir_perf_delay(s->m, which, ns);
}

static inline void from_server(const struct step *s)
{
	if (s->kind == ACK) {
		if (s->own->bits & TCP_SRT && acks_last(s))
			measure(s, CN_SRT, SRT_MAX_NS);
		s->own->bits &= (uint8_t)~TCP_SRT;
		return;
	}
	if (s->own->bits & TCP_ART && s->p->l4_payload_len > 1 &&
	    s->p->seq == s->own->seq + s->own->payload_len)
		measure(s, CN_ART, PERF_ART_MAX_NS);
	s->own->bits &= (uint8_t) ~(TCP_SRT | TCP_ART);
}

/* How long the client took since it had what it needed for this request. */
static inline void measure_idle(const struct step *s)
{
	const uint64_t *last_ns = s->f->last_ns;

	if (s->own->bits & TCP_HANDSHAKE_ACK)
		weir_perf_delay(s->m, CN_CIT, s->p->ts_ns - weir_max_u64(last_ns[0], last_ns[1]));
	else if (s->peer->payload_len > 1 &&
		 (s->own->payload_len <= 1 || last_ns[!s->side] > last_ns[s->side]))
		weir_perf_delay(s->m, CN_CIT, s->p->ts_ns - last_ns[!s->side]);
}

static inline void from_client(const struct step *s)
{
	if (s->kind == PSHACK) {
		s->peer->bits |= TCP_SRT | TCP_ART;
		measure_idle(s);
	} else {
		s->peer->bits &= (uint8_t) ~(TCP_SRT | TCP_ART);
	}
}

/* False: the segment makes no sense, nothing else is to be learned of the packet. */
static inline bool receive(const struct step *s)
{
	switch (segment_receive(s->m, s->side, s->p->seq, s->p->l4_payload_len)) {
	case SEG_OUT_OF_ORDER:
		perf_count(s->m, (enum tcp_counter)(CN_OOO0 + s->side));
		break;
	case SEG_AGAIN:
		retransmitted(s);
		break;
	case SEG_OVERLAP:
		s->m.counters->perf_invalid++;
		switch_off(s->f, TCP_SRT | TCP_ART);
		return false;
	case SEG_NEXT:
	case SEG_UNKNOWN:
		break;
	}
	return true;
}

static void note_keepalive(const struct step *s)
{
	struct ext *e = weir_perf_ext(s->m, EXT_KEEPALIVE);

	if (e != NULL) {
		e->keepalive.seq = s->p->seq;
		e->keepalive.ack = s->p->ack;
	}
}

static inline void remember(const struct step *s)
{
	uint8_t repeats = (s->f->side[0].bits & TCP_HANDSHAKE) | (s->own->bits & TCP_HANDSHAKE_ACK);
	const bool syn = s->p->tcp_flags & WEIR_TCP_SYN;

	if (weir_unlikely(repeats != 0 && acks_handshake(s)))
		s->own->bits |= TCP_HANDSHAKE_ACK;
	else
		s->own->bits &= (uint8_t)~TCP_HANDSHAKE_ACK;
	s->own->seq = s->p->seq;
	s->own->ack = s->p->ack;
	s->own->payload_len = syn ? 1 : s->p->l4_payload_len;
	s->own->win = s->p->win;
}

/* True: the packet was the handshake's. A copy, so that the caller's step stays in registers. */
static __attribute__((noinline)) bool shake_hands(struct step s)
{
	if (s.kind == SYN)
		on_syn(&s);
	else if (s.kind == SYNACK)
		on_synack(&s);
	if (!in_handshake(s.f))
		return false;
	if (ends_handshake(&s)) {
		handshake_end(&s);
		return false;
	}
	measure_handshake(&s);
	return true;
}

static inline void step(const struct step *s)
{
	unsigned int opens = (s->kind <= SYNACK) | in_handshake(s->f);

	weir_opaque(opens);
	if (weir_unlikely(opens) && shake_hands(*s))
		return;
	if (s->p->l4_payload_len > 1 && weir_likely(s->kind >= PSHACK) && !receive(s))
		return;
	if (s->from_client)
		from_client(s);
	else
		from_server(s);
	if (weir_unlikely(s->p->win == 0))
		perf_count(s->m, (enum tcp_counter)(CN_ZERO_WIN0 + s->side));
}

/* All of it in one function, so that a step lives in registers. */
__attribute__((flatten)) void weir_tcp_perf_update(struct ext_pool *pool,
						   struct weir_flow_counters *counters,
						   struct weir_flow *f, struct weir_flow_cold *c,
						   const struct weir_pkt *p, unsigned int side)
{
	const struct step s = { .m = { pool, counters, c },
				.f = f,
				.p = p,
				.own = &f->side[side],
				.peer = &f->side[!side],
				.side = side,
				.kind = kind_of(p->tcp_flags & TCP_FLAGS_MASK, p->l4_payload_len),
				.from_client = side == flow_client(f) };

	if (weir_unlikely(s.kind <= RST || !(p->flags & WEIR_PKT_L4))) {
		counters->perf_ignored += s.kind == ABNORMAL && p->flags & WEIR_PKT_L4;
		switch_off(f, TCP_SRT | TCP_ART | TCP_RTT);
		return;
	}
	if (weir_unlikely(p->ts_ns < f->last_ns[0] || p->ts_ns < f->last_ns[1])) {
		counters->perf_invalid++;
		return;
	}
	if (weir_unlikely(p->tcp_flags & WEIR_TCP_FIN))
		perf_count(s.m, CN_FIN);
	if (weir_unlikely(p->seq + 1 == s.peer->ack && p->l4_payload_len <= 1 &&
			  !(p->tcp_flags & (WEIR_TCP_SYN | WEIR_TCP_FIN))))
		note_keepalive(&s);
	step(&s);
	remember(&s);
}
