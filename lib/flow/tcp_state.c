/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States of a flow and how long it waits in each. Spec: data plane, 4.5 and 4.3.
 *
 * The client's packets go by the master table, the server's by the slave table where that has a
 * cell, else by the master too. No cell: Exception. No state ends a flow at once, its timeout does.
 */
#include "flow_priv.h"

#include <netinet/in.h>

enum event { EV_NONE, EV_SYN, EV_SYNACK, EV_FIN, EV_RST, EV_ACK, EV_PSH, EV_COUNT };

struct cell {
	uint8_t state, timeout;
	bool defined;
};

#define TO(state, timeout)                     \
	{                                      \
		ST_##state, TO_##timeout, true \
	}
/* The three kinds of ACK, of which some cells take the pure one only. */
#define ACKS(state, timeout) [EV_ACK] = TO(state, timeout), [EV_PSH] = TO(state, timeout)
#define ALL(state, timeout)                                                                        \
	{                                                                                          \
		[EV_SYN] = TO(state, timeout), [EV_SYNACK] = TO(state, timeout),                   \
		[EV_FIN] = TO(state, timeout), [EV_RST] = TO(state, timeout), ACKS(state, timeout) \
	}

/* Any other combination of the six is EV_NONE, which no state has a cell for. */
static const uint8_t events[TCP_FLAGS_MASK + 1] = {
	[WEIR_TCP_SYN] = EV_SYN,
	[WEIR_TCP_SYN | WEIR_TCP_ACK] = EV_SYNACK,
	[WEIR_TCP_FIN] = EV_FIN,
	[WEIR_TCP_FIN | WEIR_TCP_ACK] = EV_FIN,
	[WEIR_TCP_FIN | WEIR_TCP_PSH | WEIR_TCP_ACK] = EV_FIN,
	[WEIR_TCP_RST] = EV_RST,
	[WEIR_TCP_RST | WEIR_TCP_ACK] = EV_RST,
	[WEIR_TCP_RST | WEIR_TCP_PSH | WEIR_TCP_ACK] = EV_RST,
	[WEIR_TCP_ACK] = EV_ACK,
	[WEIR_TCP_PSH | WEIR_TCP_ACK] = EV_PSH,
	[WEIR_TCP_PSH | WEIR_TCP_ACK | WEIR_TCP_URG] = EV_PSH,
};

enum table { SLAVE, MASTER };

static const struct cell cells[][ST_COUNT][EV_COUNT] = {
[MASTER] = {
	[ST_RAW] = { [EV_SYN] = TO(OPENING1, OPENING),
		     [EV_FIN] = TO(CLOSING_TX1, CLOSING),
		     [EV_RST] = TO(RESET, CLOSING),
		     ACKS(ESTABLISHED, ESTABLISHED) },
	[ST_OPENING1] = { [EV_SYN] = TO(OPENING1, OPENING),
			  [EV_FIN] = TO(CLOSING_TX1, CLOSING),
			  [EV_RST] = TO(ESTABLISH_RESET, CLOSING),
			  ACKS(ESTABLISHED, ESTABLISHED) },
	[ST_OPENING2] = { [EV_SYN] = TO(OPENING2, OPENING),
			  [EV_FIN] = TO(CLOSING_TX1, CLOSING),
			  [EV_RST] = TO(OPENING_RST, OPENING_RST),
			  ACKS(ESTABLISHED, ESTABLISHED) },
	[ST_ESTABLISHED] = { [EV_SYN] = TO(ESTABLISHED, ESTABLISHED),
			     [EV_FIN] = TO(CLOSING_TX1, CLOSING),
			     [EV_RST] = TO(RESET, ESTABLISHED_RST),
			     ACKS(ESTABLISHED, ESTABLISHED) },
	[ST_CLOSING_TX1] = { [EV_SYN] = TO(CLOSING_TX1, CLOSING),
			     [EV_SYNACK] = TO(CLOSING_TX1, CLOSING),
			     [EV_FIN] = TO(CLOSING_TX1, CLOSING),
			     [EV_RST] = TO(RESET, CLOSING),
			     ACKS(CLOSING_TX1, CLOSING) },
	[ST_CLOSING_TX2] = { [EV_SYN] = TO(CLOSING_TX2, CLOSING),
			     [EV_SYNACK] = TO(CLOSING_TX2, CLOSING),
			     [EV_FIN] = TO(CLOSING_TX2, CLOSING),
			     [EV_RST] = TO(RESET, CLOSED_FIN),
			     [EV_ACK] = TO(CLOSED, CLOSED_FIN) },
	[ST_CLOSING_RX1] = { [EV_SYN] = TO(CLOSING_RX1, CLOSING),
			     [EV_SYNACK] = TO(CLOSING_RX1, CLOSING),
			     [EV_FIN] = TO(CLOSING_RX2, CLOSING),
			     [EV_RST] = TO(RESET, CLOSING),
			     ACKS(CLOSING_RX1, CLOSING) },
	[ST_CLOSING_RX2] = { [EV_SYN] = TO(CLOSING_RX2, CLOSING),
			     [EV_SYNACK] = TO(CLOSING_RX2, CLOSING),
			     [EV_FIN] = TO(CLOSING_RX2, CLOSING),
			     [EV_RST] = TO(RESET, CLOSED_FIN),
			     ACKS(CLOSING_RX2, CLOSING) },
	[ST_CLOSED] = { [EV_ACK] = TO(CLOSED, CLOSED_FIN) },
	[ST_RESET] = ALL(RESET, EXCEPTION),
	[ST_SERVER_RESET] = ALL(SERVER_RESET, EXCEPTION),
	[ST_SERVER_CANDIDATE_QUEUE_LACK] = ALL(SERVER_CANDIDATE_QUEUE_LACK, EXCEPTION),
	[ST_CLIENT_PORT_REUSE] = ALL(CLIENT_PORT_REUSE, EXCEPTION),
	[ST_ESTABLISH_RESET] = ALL(ESTABLISH_RESET, EXCEPTION),
	[ST_SYN1] = { [EV_SYN] = TO(OPENING1, OPENING),
		      [EV_FIN] = TO(CLOSING_TX1, CLOSING),
		      [EV_RST] = TO(CLIENT_PORT_REUSE, CLOSING),
		      ACKS(ESTABLISHED, ESTABLISHED) },
	[ST_SYN_ACK1] = { [EV_SYN] = TO(ESTABLISHED, ESTABLISHED),
			  [EV_FIN] = TO(CLOSING_TX1, CLOSING),
			  [EV_RST] = TO(RESET, CLOSING),
			  ACKS(SYN_ACK1, ESTABLISHED) },
	[ST_OPENING_RST] = ALL(OPENING_RST, OPENING_RST),
},
[SLAVE] = {
	[ST_RAW] = { [EV_SYNACK] = TO(OPENING2, OPENING), [EV_FIN] = TO(CLOSING_RX1, CLOSING) },
	[ST_OPENING1] = { [EV_SYNACK] = TO(OPENING2, OPENING),
			  [EV_FIN] = TO(CLOSING_RX1, CLOSING),
			  [EV_RST] = TO(SERVER_RESET, CLOSING),
			  ACKS(SYN1, OPENING) },
	[ST_OPENING2] = { [EV_SYNACK] = TO(OPENING2, OPENING),
			  [EV_FIN] = TO(CLOSING_RX1, CLOSING),
			  [EV_RST] = TO(ESTABLISH_RESET, CLOSING) },
	[ST_ESTABLISHED] = { [EV_SYNACK] = TO(SYN_ACK1, ESTABLISHED),
			     [EV_FIN] = TO(CLOSING_RX1, CLOSING) },
	[ST_CLOSING_TX1] = { [EV_FIN] = TO(CLOSING_TX2, CLOSING) },
	[ST_CLOSING_TX2] = { ACKS(CLOSING_TX2, CLOSING) },
	[ST_CLOSING_RX1] = { [EV_FIN] = TO(CLOSING_RX1, CLOSING) },
	[ST_CLOSING_RX2] = { [EV_ACK] = TO(CLOSED, CLOSED_FIN) },
	[ST_CLOSED] = { [EV_ACK] = TO(CLOSED, CLOSED_FIN) },
	[ST_SYN1] = { [EV_SYNACK] = TO(OPENING2, OPENING),
		      [EV_FIN] = TO(CLOSING_RX1, CLOSING),
		      [EV_RST] = TO(ESTABLISH_RESET, CLOSING),
		      ACKS(SYN1, OPENING) },
	[ST_SYN_ACK1] = { [EV_SYNACK] = TO(SYN_ACK1, ESTABLISHED),
			  [EV_FIN] = TO(CLOSING_RX1, CLOSING),
			  [EV_RST] = TO(SERVER_CANDIDATE_QUEUE_LACK, ESTABLISHED_RST),
			  ACKS(ESTABLISHED, ESTABLISHED) },
	[ST_OPENING_RST] = ALL(OPENING_RST, OPENING_RST),
},
};

/* Who sends next is not to be foreseen: without a branch on it. */
static inline const struct cell *next(uint8_t state, uint8_t event, bool from_client)
{
	static const struct cell exception = { ST_EXCEPTION, TO_EXCEPTION, true };
	const enum table table = from_client | !cells[SLAVE][state][event].defined;
	const struct cell *to = &cells[table][state][event];

	return weir_likely(to->defined) ? to : &exception;
}

void weir_tcp_state_update(struct weir_flow *f, const struct weir_pkt *p, unsigned int side)
{
	const struct cell *to;

	f->side[side].packets += f->side[side].packets < UINT8_MAX;
	if (weir_unlikely(!(p->flags & WEIR_PKT_L4)))
		return; /* a later fragment says nothing of the connection */
	to = next(f->state, events[p->tcp_flags & TCP_FLAGS_MASK], side == flow_client(f));
	f->state = to->state;
	f->timeout = to->timeout;
}

void weir_other_state_update(struct weir_flow *f)
{
	f->state = ST_ESTABLISHED;
	if (flow_is_one_way(f))
		f->timeout = TO_OPENING;
	else
		f->timeout = f->proto == IPPROTO_UDP ? TO_CLOSING : TO_ESTABLISHED_RST;
}
