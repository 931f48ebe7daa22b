/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow entry. Side 0 is the sender of the flow's first packet, side 1 the other; `reversed` says
 * that side 1 is the client. Records are turned to client and server when they are made.
 *
 * An entry is weir_flow, two cache lines that every packet touches, and weir_flow_cold, two more. What few flows have (IPv6 addresses, tunnel, NAT, more segments, wide counters)
 * lies in a chain of 64-byte extensions.
 */
#ifndef WEIR_FLOW_PRIV_H
#define WEIR_FLOW_PRIV_H

#include <weir_flow.h>

#define FLOW_NONE      UINT32_MAX
#define TCP_FLAGS_MASK 0x3f /* without ECN's: they say nothing of a connection's state */

/* TCP states: spec 4.5. Other protocols are Established from their first packet. */
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
	FLOW_SEEN_0 = 1 << 4,   /* << side: it has sent at least one packet, ever */
	FLOW_SEEN_1 = 1 << 5,
	FLOW_NOT_IP = 1 << 6, /* port[0] is the ethertype, matching is by MAC */
	FLOW_NAT = 1 << 7,    /* has a NAT extension */
};

#define TUNNEL_KNOWN (1 << 4) /* in `ends`: the tunnel of this side's packets is noted */
#define LABELLED     (1 << 6) /* in `ends`: the flow has a label */
#define LABEL_COMING (1 << 7) /* it will have one by the end of this burst */

enum tcp_side_bit {
	TCP_ISN = 1 << 0,           /* seq_threshold is known */
	TCP_SYN_SENT = 1 << 1,      /* it has sent a SYN without ACK */
	TCP_HANDSHAKE_ACK = 1 << 2, /* its last packet was a pure ACK of the peer's ISN */
	TCP_RTT = 1 << 3, /* client, SYN seen before SYN-ACK: its ACK ends the handshake's rtt */
	TCP_SRT = 1 << 4, /* server: a pure ACK would end an srt */
	TCP_ART = 1 << 5, /* server: data would end an art */
	TCP_HANDSHAKE = 1 << 6, /* in side[0] for both: the handshake is being measured */
};

/* What one side last sent, and its switches. */
struct tcp_side {
	uint32_t seq; /* of its last packet */
	uint32_t ack;
	uint32_t payload_len; /* of its last packet; 1 for a SYN */
	uint16_t win;         /* unscaled: a window of 0 stays 0 at any scale */
	uint8_t packets;      /* over the flow's life, stops at 255 */
	uint8_t bits;         /* enum tcp_side_bit */
};

/* What UDP keeps in the same place. */
struct udp_side {
	uint64_t request_ns; /* last packet with payload of the client, 0 = none */
	uint8_t answered;    /* the server's was the last packet with payload */
};

/* What identifies most flows whole; of the others it is the part that is compared first. */
enum flow_form {
	FORM_TUNNEL = 0x0f,   /* mask: enum weir_tunnel_type */
	FORM_ERSPAN = 1 << 4, /* came out of a trimmed ERSPAN: see capture_id */
	FORM_IPV6 = 1 << 5,
	FORM_NOT_IP = 1 << 6,
};

#define FLOW_KEY_FIELDS                                                               \
	uint32_t ip[2];   /* IPv4 as in the packet (network order); of IPv6 a hash */ \
	uint16_t port[2]; /* host order; of what is not IP the ethertype, 0 */        \
	uint8_t proto;                                                                \
	uint8_t tap;                                                                  \
	uint8_t network_type;                                                         \
	uint8_t form; /* enum flow_form */

union flow_key {
	struct {
		FLOW_KEY_FIELDS
	};
	uint64_t word[2];
};
static_assert(sizeof(union flow_key) == 16, "compared as two words");

/* What was counted, by side. */
union flow_sums {
	struct {
		uint32_t packet[2], byte[2], l3[2], l4[2];
	};
	uint32_t all[8];
};

struct weir_flow {
	/* line 0: match and count */
	union {
		union flow_key key; /* as side 0 sends */
		struct {
			FLOW_KEY_FIELDS
		};
	};
	uint8_t flags; /* enum flow_flag */
	uint8_t ends; /* bits: l2_end of side 0, 1, l3_end of side 0, 1; TUNNEL_KNOWN << side; LABELLED ... */
	uint8_t queue;   /* expiry queue its valid reference is in */
	uint8_t gen;     /* of that reference */
	uint32_t second; /* epoch, of `sec`; 0 = nothing yet in this report */
	uint64_t start_ns;
	union flow_sums sec; /* the current second's */

	/* line 1: time and TCP */
	uint64_t last_ns[2]; /* last packet of each side, 0 = none */
	union {
		struct tcp_side side[2];
		struct udp_side udp;
	};
	uint32_t seq_threshold[2]; /* ISN + 1, with TCP_ISN */
	uint8_t state;             /* enum tcp_state */
	uint8_t timeout;           /* enum timeout_class */
	uint8_t tcp_flags[2];      /* OR in this report */
	uint8_t tcp_flags_all[2];  /* OR over the flow's life */
	uint16_t report; /* low bits of the report's index: it began at start + report * 60 s */
};
static_assert(sizeof(struct weir_flow) == 128, "two cache lines");
static_assert(offsetof(struct weir_flow, last_ns) == 64, "second line");

struct segment {
	uint32_t seq, len; /* len 0 = none; seq + len does not wrap */
};

/* Counters of a report. Past 255 they go on in EXT_COUNTERS. [SIDE0 + side] where there are two. */
enum tcp_counter {
	CN_SRT,
	CN_ART,
	CN_CIT,
	CN_RTT0,
	CN_RTT1,
	CN_RETRANS0,
	CN_RETRANS1,
	CN_ZERO_WIN0,
	CN_ZERO_WIN1,
	CN_OOO0,
	CN_OOO1,
	CN_SYN,
	CN_SYNACK,
	CN_FIN,
	CN_RETRANS_SYN,
	CN_RETRANS_SYNACK,
	CN_COUNT
};

/* Metrics of the current report, us; zeroed after each. srt and art are the server's, cit the client's. */
struct tcp_meter {
	uint32_t rtt;
	uint32_t rtt_max[2];   /* intervals that end at packets of side 0, 1 */
	uint32_t delay_max[3]; /* CN_SRT, CN_ART, CN_CIT */
	uint32_t delay_sum[3]; /* goes on in EXT_DELAYS */
	uint8_t count[CN_COUNT];
};

struct weir_flow_cold {
	union flow_sums sum; /* of the report's seconds that are over */
	union {
		struct segment seg[2];    /* highest received of each side; lower: EXT_SEGMENTS */
		uint64_t handshake_ns[2]; /* while TCP_HANDSHAKE: first SYN or SYN-ACK, 0 = none */
	};
	struct tcp_meter meter;
	uint32_t ext;        /* first extension, FLOW_NONE = none */
	uint32_t capture_id; /* value part of capture_nic */
	uint8_t mac[2][6];
	uint16_t vlan;
	uint16_t init_ipid;
	uint8_t score[2]; /* of each side being the server */
};
static_assert(sizeof(struct weir_flow_cold) == 128, "two cache lines");

/* Side by side: one address translation a packet. */
struct flow_entry {
	struct weir_flow hot;
	struct weir_flow_cold cold;
};

/* Apart from the entry, as without an inventory nobody looks here. */
struct flow_label {
	int32_t l3_vpc[2]; /* by side, as all of it: struct weir_flow_label */
	uint8_t point[2];
	uint8_t ends; /* bits: l2_end of side 0, 1, l3_end of side 0, 1; LABEL_MORE */
	uint8_t l2;   /* enum l2_vpc of side 0, and << 2 of side 1 */
};

#define LABEL_MORE (1 << 4) /* in `ends`: it goes on in EXT_LABEL */

/* Where the VPC of a MAC is kept: nearly always it is one that is there already. */
enum l2_vpc {
	L2_UNKNOWN,
	L2_SAME,  /* as the side's l3_vpc */
	L2_OTHER, /* as the other side's: a router's, before the Internet */
	L2_EXT,   /* in EXT_LABEL */
};
static_assert(sizeof(struct flow_label) == 12, "there is a bound for the bytes of a flow");

/*
 * Extensions: what few flows have, in chained blocks of one cache line. A kind occurs once in a
 * chain, but for EXT_SEGMENTS and EXT_ICMP.
 */
enum ext_kind {
	EXT_FREE,
	EXT_IPV6,
	EXT_TUNNEL,
	EXT_NAT,
	EXT_BYTES,
	EXT_SEGMENTS,
	EXT_DELAYS,
	EXT_COUNTERS,
	EXT_ICMP,
	EXT_KEEPALIVE,
	EXT_LABEL,
};

#define EXT_SEGMENTS_MAX 7
#define EXT_ICMP_MAX     4

struct ext {
	uint32_t next; /* FLOW_NONE = last; of a free block the next free one */
	uint8_t kind;  /* enum ext_kind */
	uint8_t side;  /* EXT_SEGMENTS: whose; EXT_ICMP: 0 requests, 1 replies */
	uint8_t n;     /* EXT_SEGMENTS, EXT_ICMP: entries 0 to n - 1 are used */
	uint8_t part;  /* EXT_SEGMENTS: 0 follows the inline one, 1 follows that */
	union {
		union weir_ip ip[2];
		struct weir_tunnel tunnel[2]; /* by side; type 0 = no packet yet */
		struct {
			uint32_t ip[2];
			uint16_t port[2];
		} nat;             /* by side */
		uint32_t wraps[6]; /* of the totals byte, l3, l4, each by side */
		struct segment seg[EXT_SEGMENTS_MAX];
		struct {
			uint64_t rtt_sum[2];   /* all of it, from the second sample on */
			uint32_t sum_wraps[3]; /* of delay_sum */
		} delays;
		struct {
			uint16_t low[CN_COUNT]; /* wraps of `count` */
			uint8_t high[CN_COUNT]; /* wraps of `low` */
		} counters;
		struct {
			uint64_t ns[EXT_ICMP_MAX];
			uint32_t id[EXT_ICMP_MAX];
		} icmp;
		struct {
			uint32_t seq, ack;
		} keepalive;
		struct {
			int32_t l2_vpc[2]; /* with L2_EXT */
			uint16_t gids[WEIR_REC_GIDS_MAX];
		} label;
	};
};
static_assert(sizeof(struct ext) == 64, "one cache line");

/* Blocks below `fresh` have been used; those given back hang at `free`. */
struct ext_pool {
	struct ext *block;
	uint32_t size, fresh, free, used;
};

static inline struct ext *ext_at(const struct ext_pool *pool, uint32_t index)
{
	return index == FLOW_NONE ? NULL : &pool->block[index];
}

/* First block of `kind` in the chain, NULL = none. */
static inline struct ext *ext_find(const struct ext_pool *pool, uint32_t head, enum ext_kind kind)
{
	struct ext *e = ext_at(pool, head);

	while (e != NULL && e->kind != kind)
		e = ext_at(pool, e->next);
	return e;
}

/* `mem` holds `size` blocks, is the caller's and is not touched before it is needed. */
void weir_ext_pool_init(struct ext_pool *pool, void *mem, uint32_t size);

/* A zeroed block of `kind` at the head of the chain; NULL when none is free: count ext_exhausted. */
struct ext *weir_ext_add(struct ext_pool *pool, uint32_t *head, enum ext_kind kind);
void weir_ext_remove(struct ext_pool *pool, uint32_t *head, const struct ext *e);
void weir_ext_release_all(struct ext_pool *pool, uint32_t *head);

static inline unsigned int flow_client(const struct weir_flow *f)
{
	return (f->flags & FLOW_REVERSED) != 0;
}

static inline bool flow_is_one_way(const struct weir_flow *f)
{
	return (f->flags & (FLOW_SEEN_0 | FLOW_SEEN_1)) != (FLOW_SEEN_0 | FLOW_SEEN_1);
}

/*
 * Run the state machine: sets state and timeout class. Direction, FLOW_SEEN_* and tcp_flags_all are
 * to be the packet's already. Spec 4.5; other protocols 4.3. A one-way flow waits as an opening one
 * whatever its class.
 */
void weir_tcp_state_update(struct weir_flow *f, const struct weir_pkt *p, unsigned int side);
void weir_other_state_update(struct weir_flow *f);

/* enum weir_close_type of a flow that ends now. Spec 4.6. */
uint8_t weir_flow_close_type(const struct weir_flow *f);

/*
 * Measure a packet of `side`. To be called after the direction is settled and before last_ns[] takes
 * the packet's time (it must not go back). Other protocols have no metrics. Spec 5.
 */
void weir_tcp_perf_update(struct ext_pool *pool, struct weir_flow_counters *counters,
			  struct weir_flow *f, struct weir_flow_cold *c, const struct weir_pkt *p,
			  unsigned int side);
void weir_udp_perf_update(struct ext_pool *pool, struct weir_flow_counters *counters,
			  struct weir_flow *f, struct weir_flow_cold *c, const struct weir_pkt *p,
			  unsigned int side);
void weir_icmp_perf_update(struct ext_pool *pool, struct weir_flow_counters *counters,
			   struct weir_flow_cold *c, const struct weir_pkt *p);

/* FLOW_REVERSED of a TCP flow has turned: srt, art and cit so far were of the wrong sides and are forgotten. */
void weir_perf_reverse(struct weir_flow *f, struct weir_flow_cold *c, struct ext_pool *pool);

/* Fill the record's metrics, turned to client and server. Then start the next report. */
void weir_perf_report(const struct weir_flow *f, const struct weir_flow_cold *c,
		      const struct ext_pool *pool, struct weir_flow_rec *rec);
void weir_perf_clear(struct weir_flow_cold *c, struct ext_pool *pool);

#endif
