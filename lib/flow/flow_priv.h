/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow entry. Side 0 is the sender of the flow's first packet, side 1 the other; `reversed` says
 * that side 1 is the client. Records are turned to client and server when they are made.
 *
 * Two arrays with one index: weir_flow, two cache lines that every packet touches, and
 * weir_flow_cold. What few flows have (IPv6 addresses, tunnel, NAT, more segments, wide counters)
 * lies in a chain of 64-byte extensions.
 */
#ifndef WEIR_FLOW_PRIV_H
#define WEIR_FLOW_PRIV_H

#include <weir_flow.h>

#define FLOW_NONE UINT32_MAX

/* TCP states: spec 4.5. Other protocols use Raw, Opening (one side seen) and Established. */
enum tcp_state {
	ST_RAW,
	ST_OPENING1,
	ST_OPENING2,
	ST_ESTABLISHED,
	ST_CLOSING_TX1,
	ST_CLOSING_TX2,
	ST_CLOSING_RX1,
	ST_CLOSING_RX2,
	ST_CLOSED,
	ST_RESET,
	ST_EXCEPTION,
	ST_SERVER_RESET,
	ST_SERVER_CANDIDATE_QUEUE_LACK,
	ST_CLIENT_PORT_REUSE,
	ST_ESTABLISH_RESET,
	ST_SYN1,
	ST_SYN_ACK1,
	ST_OPENING_RST,
	ST_COUNT
};

/* Timeout classes: spec 4.3. */
enum timeout_class {
	TO_OPENING,
	TO_ESTABLISHED,
	TO_CLOSING,
	TO_ESTABLISHED_RST,
	TO_EXCEPTION,
	TO_CLOSED_FIN,
	TO_OPENING_RST,
	TO_COUNT
};

enum flow_flag {
	FLOW_IPV6 = 1 << 0,     /* the key's addresses are in an extension; ip[] is their hash */
	FLOW_REVERSED = 1 << 1, /* side 1 is the client */
	FLOW_REPORTED = 1 << 2, /* a record of it has left */
	FLOW_TUNNEL = 1 << 3,   /* has a tunnel extension */
	FLOW_SEEN_0 = 1 << 4,   /* side 0 / 1 has sent at least one packet, ever */
	FLOW_SEEN_1 = 1 << 5,
	FLOW_NOT_IP = 1 << 6,   /* port[0] is the ethertype, matching is by MAC */
	FLOW_NAT = 1 << 7,      /* has a NAT extension */
};

/* What one side last sent, and its switches. */
struct tcp_side {
	uint32_t seq;         /* of its last packet */
	uint32_t ack;
	uint32_t payload_len; /* of its last packet; 1 for a SYN */
	uint16_t win;         /* unscaled */
	uint8_t wscale;       /* shift announced in its SYN, WEIR_WSCALE_NONE = none */
	uint8_t bits;         /* enum tcp_side_bit, tcp_perf.c */
};

struct weir_flow {
	/* line 0: match and count */
	uint32_t ip[2];   /* IPv4 as in the packet (network order), side 0 and 1 */
	uint16_t port[2]; /* host order */
	uint8_t proto;
	uint8_t tap;
	uint8_t flags; /* enum flow_flag */
	uint8_t tunnel_type;
	uint8_t network_type;
	uint8_t ends;  /* bits: l2_end of side 0, 1, l3_end of side 0, 1 */
	uint8_t queue; /* expiry queue its valid reference is in */
	uint8_t gen;   /* of that reference */
	uint64_t start_ns;
	uint32_t sec_packet[2], sec_byte[2], sec_l3[2], sec_l4[2]; /* the current second */
	uint32_t second;                                          /* epoch; 0 = nothing yet */

	/* line 1: time and TCP */
	uint64_t last_ns[2]; /* last packet of each side, 0 = none */
	struct tcp_side side[2];
	uint32_t seq_threshold[2]; /* ISN + 1, 0 = no SYN seen */
	uint8_t state;             /* enum tcp_state */
	uint8_t timeout;           /* enum timeout_class */
	uint8_t tcp_flags[2];      /* OR in this report */
	uint8_t tcp_flags_all[2];  /* OR over the flow's life */
	uint16_t report;           /* low bits of the current report's index: it began at start + report * 60 s */
};
static_assert(sizeof(struct weir_flow) == 128, "two cache lines");
static_assert(offsetof(struct weir_flow, last_ns) == 64, "second line");

struct segment {
	uint32_t seq, len;
};

/* TCP metrics of the current report; zeroed after each. */
struct tcp_meter {
	uint32_t rtt;
	uint32_t rtt_max[2]; /* intervals that end at packets of side 0, 1 */
	uint32_t rtt_sum[2];
	uint32_t srt_max, srt_sum;
	uint32_t art_max, art_sum;
	uint32_t cit_max, cit_sum;
	uint16_t srt_count, art_count, cit_count; /* past 65535 they go on in an extension */
	uint16_t retrans[2], zero_win[2], ooo[2];
	uint8_t rtt_count[2];
	uint8_t syn, synack, fin, retrans_syn, retrans_synack;
};

struct weir_flow_cold {
	uint32_t packet[2], byte[2], l3[2], l4[2]; /* the report's seconds that are over */
	struct tcp_meter meter;
	struct segment seg[2];     /* most recent segment a side; more are in an extension */
	uint64_t handshake_ns[2];  /* first SYN or SYN-ACK of each side, 0 = none */
	uint32_t ext;              /* first extension, FLOW_NONE = none */
	uint8_t mac[2][6];
	uint16_t vlan;
	uint16_t init_ipid;
	uint8_t score[2]; /* of each side being the server */
};

#endif
