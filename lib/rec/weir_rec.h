/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leaves a worker: the flow record. Made by lib/flow, carried by a record ring, merged, folded
 * and written by the collector and its sinks. Plain values, no pointers: a record outlives the flow.
 *
 * Pairs are indexed by role: [0] client, [1] server; counters [0] client to server (tx), [1] server
 * to client (rx). Times are ns since the epoch, durations us. Names, units and enumerations are those
 * of DeepFlow's l4_flow_log.
 */
#ifndef WEIR_REC_H
#define WEIR_REC_H

#include <weir_pkt.h>

enum weir_close_type {
	WEIR_CLOSE_UNKNOWN = 0,
	WEIR_CLOSE_FINISH = 1,
	WEIR_CLOSE_SERVER_RST = 2,
	WEIR_CLOSE_TIMEOUT = 3,
	WEIR_CLOSE_FORCED_REPORT = 5, /* the flow goes on */
	WEIR_CLOSE_CLIENT_SYN_REPEAT = 7,
	WEIR_CLOSE_SERVER_HALF_CLOSE = 8,
	WEIR_CLOSE_CLIENT_RST = 9,
	WEIR_CLOSE_SERVER_SYNACK_REPEAT = 10,
	WEIR_CLOSE_CLIENT_HALF_CLOSE = 11,
	WEIR_CLOSE_CLIENT_PORT_REUSE = 13,
	WEIR_CLOSE_SERVER_RESET = 15,
	WEIR_CLOSE_SERVER_QUEUE_LACK = 17,
	WEIR_CLOSE_CLIENT_ESTABLISH_RESET = 18,
	WEIR_CLOSE_SERVER_ESTABLISH_RESET = 19,
	WEIR_CLOSE_FIN_CLIENT_RST = 20,
};

enum weir_rec_flag {
	WEIR_REC_NEW = 1 << 0,        /* first record of its flow */
	WEIR_REC_UNANSWERED = 1 << 1, /* a TCP flow of SYNs alone: may be folded */
	WEIR_REC_FOLD = 1 << 2,       /* half-open, evicted by a full table: must be folded */
	WEIR_REC_FOLDED = 1 << 3, /* stands for `flow_count` flows: client address and port are 0 */
	WEIR_REC_ACTIVE_SERVICE = 1 << 4, /* direction_score is 255 */
	WEIR_REC_EPOCH = 1 << 5,          /* closed because the tap's settings changed */
};

#define WEIR_REC_GIDS_MAX 8 /* groups of rules that a record can name */

/* Count, sum and maximum of one delay over the record's period, us. */
struct weir_delay {
	uint32_t max;
	uint32_t count;
	uint64_t sum;
};

struct weir_flow_rec {
	uint64_t flow_id;
	uint64_t capture_nic; /* the tap: 4 << 60 | ERSPAN source << 8 | tap number */
	uint64_t start_ns;    /* of this record's period */
	uint64_t end_ns;
	uint64_t flow_start_ns; /* first packet of the flow */
	uint64_t duration_ns;   /* first packet of the flow to its last so far */

	union weir_ip ip[2];
	uint8_t mac[2][6];
	uint16_t port[2];
	uint16_t eth_type;
	uint16_t vlan;
	uint16_t capture_network_type;
	uint16_t flags; /* enum weir_rec_flag */
	uint8_t protocol;
	uint8_t is_ipv6;
	uint8_t close_type;        /* enum weir_close_type */
	uint8_t observation_point; /* number of the ingest format; text in records for people */
	uint8_t direction_score;
	uint8_t l7_protocol;
	uint8_t nat_source; /* 0 none, 6 TOA */
	uint8_t l2_end[2];
	uint8_t l3_end[2];
	uint8_t pad;           /* 0: no byte of a record is undefined, files hold all of them */
	uint16_t tcp_flags[2]; /* OR over the period */
	int32_t l3_epc_id[2];

	struct weir_tunnel tunnel
		[2]; /* of packets tx, rx; ip[0], ip[1] as the packet's outer header has them */
	uint32_t nat_real_ip[2]; /* host order; 0 = none known */
	uint16_t nat_real_port[2];
	uint32_t flow_count; /* 1; of a folded record the flows it stands for */

	uint64_t packet[2];
	uint64_t byte[2];
	uint64_t l3_byte[2];
	uint64_t l4_byte[2];

	uint32_t syn_seq, syn_ack_seq;
	uint32_t last_keepalive_seq, last_keepalive_ack;
	uint32_t init_ipid;

	uint32_t rtt; /* us, 0 = none */
	struct weir_delay rtt_client, rtt_server, srt, art, cit;
	uint32_t retrans[2], zero_win[2], ooo[2];
	uint32_t syn_count, synack_count, fin_count;
	uint32_t retrans_syn, retrans_synack;
	uint16_t acl_gids[WEIR_REC_GIDS_MAX]; /* of rules that store packets; 0 = no more */
	int32_t epc_id[2];                    /* VPC of the MAC */
	uint32_t pad2;                        /* 0 */
};
static_assert(sizeof(struct weir_flow_rec) == 432,
	      "the layout of record files: lib/export/README.md");

/* Every field of a record that has a name: flow_fields.def. */
enum weir_field {
#define WEIR_FIELD(name, kind, member, add, show, help) WEIR_FIELD_##name,
#define WEIR_DERIVED(name, kind, expr, show, help)      WEIR_FIELD_##name,
#include "flow_fields.def"
	WEIR_FIELDS
};

enum weir_field_show {
	WEIR_SHOW_ALWAYS, /* in every text of a record */
	WEIR_SHOW_SET,    /* left out of JSON where it is 0 */
	WEIR_SHOW_NEVER,  /* in record files only */
};

struct weir_field_info {
	const char *name; /* user-facing; the column */
	const char *help;
	const char *kind; /* "U64", "IP", ... of flow_fields.def */
	uint16_t offset;  /* in struct weir_flow_rec, with `bytes` > 0 */
	uint16_t bytes;   /* 0 = derived from other fields */
	uint8_t show;     /* enum weir_field_show */
};

extern const struct weir_field_info weir_fields[WEIR_FIELDS];

/* WEIR_FIELDS when there is no field of that name. */
enum weir_field weir_field_by_name(const char *name);

/*
 * A field as the number of its text: times and spans in us, IP4 in host order, a MAC's 48 bits, of an
 * observation point its number. A U64 from 2^63 on is negative here; 0 for an IP and for a list.
 */
int64_t weir_field_number(enum weir_field f, const struct weir_flow_rec *rec);

/* Is it a list of numbers (GIDS)? */
bool weir_field_is_list(enum weir_field f);

/* Groups of rules that a record names, at most WEIR_REC_GIDS_MAX. */
static inline unsigned int weir_rec_gids(const struct weir_flow_rec *rec)
{
	unsigned int n = 0;

	while (n < WEIR_REC_GIDS_MAX && rec->acl_gids[n] != 0)
		n++;
	return n;
}

/* Can the field itself be negative? */
bool weir_field_is_signed(enum weir_field f);

/*
 * Add a later record of the same flow to an earlier one: counters and sums add, maxima and flags
 * join; end, close type and what is known of the flow are the later one's. An earlier
 * record of the other orientation is turned first. Any thread.
 */
void weir_flow_rec_merge(struct weir_flow_rec *to, const struct weir_flow_rec *from);

/* Both are records of one flow: same flow_id, tap and key, in either orientation. */
bool weir_flow_rec_same_flow(const struct weir_flow_rec *a, const struct weir_flow_rec *b);

/*
 * Add a record of another flow: `to` then stands for both. Counters add, the period spans both,
 * flow_id is the smaller, what they do not share is 0. The order of folding does not matter.
 * weir_flow_rec_fold_start() makes the first of them such a record: client address and port 0.
 */
void weir_flow_rec_fold_start(struct weir_flow_rec *rec);
void weir_flow_rec_fold(struct weir_flow_rec *to, const struct weir_flow_rec *from);

/*
 * Order of --sorted: start, key, flow_id, then every other byte, so that only identical records are
 * equal. For qsort() on records.
 */
int weir_flow_rec_compare(const void *a, const void *b);

/* 0 success, 2 unknown, 3 server error, 4 client error: DeepFlow's `status` of a close type. */
uint8_t weir_flow_rec_status(const struct weir_flow_rec *rec);

/* Tunnels around the flow, the larger of its directions; at most 2 are shown. */
uint8_t weir_flow_rec_tier(const struct weir_flow_rec *rec);

/* "c", "s", "rest" ... of the ingest format; "" for a number without a text. */
const char *weir_observation_point_text(uint8_t value);

#endif
