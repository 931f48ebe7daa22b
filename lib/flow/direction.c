/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which side is the server. Spec: data plane 4.4.
 *
 * Each side has a score of being the server: 255 proven by its SYN-ACK, 253 a configured port, up to
 * 252 learned. What earlier flows told of an address and port comes from the hints of the view, what
 * this flow tells goes to the hint log and serves flows that start later; so a flow's direction
 * depends on its own packets and on a snapshot, never on which worker saw what first.
 */
#include "table_priv.h"

#include <netinet/in.h>

#define SCORE_CONFIGURED 253
#define SCORE_CLOSE      8 /* scores nearer than this say nothing */
#define PORT_HIGH        0x8000

/* A SYN comes from a client, a SYN-ACK from a server, the address option from a proxy for clients. */
enum speaker { SPEAKER_UNKNOWN, SPEAKER_CLIENT, SPEAKER_SERVER };

static uint8_t hint_of(const struct weir_flow_table *t, const struct weir_pkt *p, unsigned int end)
{
	return t->hints != NULL ? weir_hints_score(t->hints, &p->ip[end], p->port[end]) : 0;
}

static bool port_is_configured(const struct weir_flow_table *t, uint16_t port)
{
	const uint8_t *map = t->conf->server_ports;

	return map != NULL && (map[port >> 3] >> (port & 7) & 1) != 0;
}

static void log_event(struct weir_flow_table *t, enum weir_hint_event event,
		      const struct weir_pkt *p, unsigned int end)
{
	if (t->hint_log != NULL)
		weir_hint_log_add(t->hint_log, event, &p->ip[end], p->port[end]);
}

/* Nothing certain is known: the one with an ephemeral port is the client. */
static void adjust(uint8_t score[2], const struct weir_pkt *p)
{
	const bool high0 = (p->port[0] & PORT_HIGH) != 0, high1 = (p->port[1] & PORT_HIGH) != 0;
	const int diff = score[0] - score[1];
	const unsigned int server = high0 ? 1 : 0;

	if (score[0] > WEIR_SCORE_LEARNED_MAX || score[1] > WEIR_SCORE_LEARNED_MAX ||
	    high0 == high1 || diff >= SCORE_CLOSE || diff <= -SCORE_CLOSE)
		return;
	if (score[server] <= score[server ^ 1]) {
		score[server ^ 1] = score[server];
		score[server]++;
	}
}

/* Equal scores keep the direction. What was measured for the other one is dropped. */
static void turn(struct weir_flow_table *t, struct weir_flow *f, struct weir_flow_cold *c)
{
	const bool reversed = (f->flags & FLOW_REVERSED) != 0;

	if (c->score[0] == c->score[1] || (c->score[0] > c->score[1]) == reversed)
		return;
	f->flags ^= FLOW_REVERSED;
	if (f->proto == IPPROTO_TCP) /* others turn before anything was measured */
		weir_perf_reverse(f, c, &t->ext);
}

static void first_undecided(struct weir_flow_table *t, uint8_t score[2], const struct weir_pkt *p)
{
	for (unsigned int end = 0; end < 2; end++)
		if (score[end] != WEIR_SCORE_PROVEN && port_is_configured(t, p->port[end]))
			score[end] = SCORE_CONFIGURED;
	if (score[0] != WEIR_SCORE_PROVEN && score[1] != WEIR_SCORE_PROVEN) {
		if (score[0] > 0 && score[0] <= WEIR_SCORE_LEARNED_MAX)
			score[0]--;
		if (score[1] < WEIR_SCORE_LEARNED_MAX)
			score[1]++;
		log_event(t, WEIR_HINT_CLIENT, p, WEIR_SRC);
		log_event(t, WEIR_HINT_SERVER, p, WEIR_DST);
	}
	adjust(score, p);
}

/* Who sends this packet, if it says so. */
static enum speaker speaker_of(const struct weir_flow_table *t, const struct weir_flow *f,
			       const struct weir_flow_cold *c, const struct weir_pkt *p,
			       unsigned int side)
{
	bool own = (p->flags & WEIR_PKT_TOA) != 0, other = false;

	switch (p->tcp_flags & TCP_FLAGS_MASK) {
	case WEIR_TCP_SYN | WEIR_TCP_ACK:
		return SPEAKER_SERVER;
	case WEIR_TCP_SYN:
		return SPEAKER_CLIENT;
	}
	if (f->flags & FLOW_NAT) {
		const struct ext *x = ext_find(&t->ext, c->ext, EXT_NAT);

		own |= (x->nat.ip[side] | x->nat.port[side]) != 0;
		other = (x->nat.ip[side ^ 1] | x->nat.port[side ^ 1]) != 0;
	}
	if (own == other)
		return SPEAKER_UNKNOWN;
	return own ? SPEAKER_CLIENT : SPEAKER_SERVER;
}

/* A score that stands already was logged when it came about, or was in the hints. */
static void settle(struct weir_flow_table *t, struct weir_flow *f, struct weir_flow_cold *c,
		   const struct weir_pkt *p, unsigned int side, enum speaker speaker)
{
	const bool server = speaker == SPEAKER_SERVER;
	const unsigned int client = server ? side ^ 1 : side;

	if (server && c->score[side] != WEIR_SCORE_PROVEN) {
		log_event(t, WEIR_HINT_PROVEN, p, WEIR_SRC);
		c->score[side] = WEIR_SCORE_PROVEN;
	}
	if (c->score[client] != 0) {
		log_event(t, WEIR_HINT_REMOVED, p, server ? WEIR_DST : WEIR_SRC);
		c->score[client] = 0;
	}
	turn(t, f, c);
}

void direction_tcp(struct weir_flow_table *t, struct weir_flow *f, struct weir_flow_cold *c,
		   const struct weir_pkt *p, unsigned int side)
{
	const enum speaker speaker = speaker_of(t, f, c, p, side);

	if (speaker != SPEAKER_UNKNOWN)
		settle(t, f, c, p, side, speaker);
}

static bool has_ports(const struct weir_pkt *p)
{
	return (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP) &&
	       (p->port[WEIR_SRC] | p->port[WEIR_DST]) != 0;
}

void direction_first(struct weir_flow_table *t, struct weir_flow *f, struct weir_flow_cold *c,
		     const struct weir_pkt *p)
{
	enum speaker speaker = SPEAKER_UNKNOWN;

	if (!has_ports(p)) {
		if (p->flags & WEIR_PKT_ECHO_REPLY)
			f->flags |= FLOW_REVERSED;
		return;
	}
	c->score[0] = hint_of(t, p, WEIR_SRC);
	c->score[1] = hint_of(t, p, WEIR_DST);
	if (p->proto == IPPROTO_TCP)
		speaker = speaker_of(t, f, c, p, 0);
	if (speaker == SPEAKER_UNKNOWN) {
		first_undecided(t, c->score, p);
		turn(t, f, c);
		return;
	}
	if (speaker == SPEAKER_CLIENT && c->score[1] < WEIR_SCORE_LEARNED_MAX) {
		c->score[1]++;
		log_event(t, WEIR_HINT_SERVER, p, WEIR_DST);
	}
	settle(t, f, c, p, 0, speaker);
}
