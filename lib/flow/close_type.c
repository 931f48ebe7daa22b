/* SPDX-License-Identifier: Apache-2.0 */
/* Why a flow ended, from its last state and the flags both sides ever sent. Spec: data plane, 4.6. */
#include "flow_priv.h"

#include <netinet/in.h>

#define QUEUE_LACK_PACKETS 3 /* a server that repeats more than its SYN-ACK */

/* A probe: opened and reset by the client, nothing said. */
static bool is_heartbeat(uint8_t client, uint8_t server)
{
	uint8_t opened = WEIR_TCP_SYN | WEIR_TCP_ACK, probed = WEIR_TCP_SYN | WEIR_TCP_RST;

	return (client & probed) == probed && (server & opened) == opened &&
	       !((client | server) & WEIR_TCP_PSH);
}

static uint8_t tcp_close_type(const struct weir_flow *f)
{
	unsigned int client = flow_client(f);
	uint8_t server_flags = f->tcp_flags_all[!client];
	bool heartbeat = is_heartbeat(f->tcp_flags_all[client], server_flags);
	bool server_rst = (server_flags & WEIR_TCP_RST) != 0;

	switch ((enum tcp_state)f->state) {
	case ST_OPENING1:
		return WEIR_CLOSE_CLIENT_SYN_REPEAT;
	case ST_OPENING2:
		return WEIR_CLOSE_SERVER_SYNACK_REPEAT;
	case ST_ESTABLISHED:
		return WEIR_CLOSE_TIMEOUT;
	case ST_CLOSING_TX1:
		return WEIR_CLOSE_SERVER_HALF_CLOSE;
	case ST_CLOSING_RX1:
		return WEIR_CLOSE_CLIENT_HALF_CLOSE;
	case ST_CLOSING_TX2:
	case ST_CLOSING_RX2:
	case ST_CLOSED:
		return WEIR_CLOSE_FINISH;
	case ST_RESET:
		if (heartbeat)
			return WEIR_CLOSE_FIN_CLIENT_RST;
		return server_rst ? WEIR_CLOSE_SERVER_RST : WEIR_CLOSE_CLIENT_RST;
	case ST_SYN1:
	case ST_CLIENT_PORT_REUSE:
		return heartbeat ? WEIR_CLOSE_FIN_CLIENT_RST : WEIR_CLOSE_CLIENT_PORT_REUSE;
	case ST_SERVER_RESET:
		return WEIR_CLOSE_SERVER_RESET;
	case ST_SYN_ACK1:
		return WEIR_CLOSE_SERVER_QUEUE_LACK;
	case ST_SERVER_CANDIDATE_QUEUE_LACK:
		return f->side[!client].packets > QUEUE_LACK_PACKETS ? WEIR_CLOSE_SERVER_QUEUE_LACK
								     : WEIR_CLOSE_CLIENT_RST;
	case ST_ESTABLISH_RESET:
	case ST_OPENING_RST:
		if (heartbeat)
			return WEIR_CLOSE_FIN_CLIENT_RST;
		return server_rst ? WEIR_CLOSE_SERVER_ESTABLISH_RESET
				  : WEIR_CLOSE_CLIENT_ESTABLISH_RESET;
	case ST_RAW:
	case ST_EXCEPTION:
	case ST_COUNT:
		break;
	}
	return WEIR_CLOSE_UNKNOWN;
}

uint8_t weir_flow_close_type(const struct weir_flow *f)
{
	if (f->proto == IPPROTO_TCP)
		return tcp_close_type(f);
	return WEIR_CLOSE_FINISH;
}
