/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which flows which rules (flow ACLs) are for. Rows come as neutral structs; a builder checks them;
 * compiling makes an immutable policy, which is asked once for each new flow and never for a packet
 * of a known one. Specified by spec: control plane, 1.10; data plane, 8.2.
 *
 * Texts are NUL-terminated, may be NULL and are copied.
 */
#ifndef WEIR_POLICY_H
#define WEIR_POLICY_H

#include <weir_pkt.h>

#define WEIR_POLICY_ANY_PROTOCOL 256
#define WEIR_POLICY_HITS_MAX     32 /* actions that one flow can have */

/* A set of addresses of a VPC. Dropped as a whole where it is empty or one entry is not readable. */
struct weir_policy_group {
	uint32_t id;            /* low 16 bits */
	uint32_t vpc;           /* low 16 bits; 0 = any */
	const char *const *ips; /* "10.0.0.1", "10.0.0.0/8", "fd00::/64" */
	size_t ip_count;
	const char *const *ip_ranges; /* "10.0.0.1-10.0.0.9" */
	size_t ip_range_count;
};

enum weir_policy_tunnel {
	WEIR_POLICY_VXLAN = 0, /* broker a copy */
	WEIR_POLICY_GRE_ERSPAN = 1,
	WEIR_POLICY_PCAP = 2,     /* store packets */
	WEIR_POLICY_NPB_DROP = 3, /* match, and broker nothing */
	WEIR_POLICY_TCP = 4,      /* broker a copy with a header of our own */
};
enum weir_policy_side { WEIR_POLICY_SRC = 1, WEIR_POLICY_DST = 2, WEIR_POLICY_BOTH = 3 };
enum weir_policy_direction {
	WEIR_POLICY_ALL = 1,
	WEIR_POLICY_FORWARD = 2,
	WEIR_POLICY_BACKWARD = 3
};

/* What is to be done; NpbAction in the protocol's words. */
struct weir_policy_action {
	uint32_t tunnel_type; /* enum weir_policy_tunnel */
	uint32_t tunnel_id;   /* VNI */
	const char *tunnel_ip;
	uint32_t side;          /* enum weir_policy_side */
	uint32_t payload_slice; /* bytes kept after the headers; 65535 = all */
	uint32_t gid;           /* npb_acl_group_id; records' acl_gids */
	uint32_t tunnel_ip_id;  /* at most 64000 */
	uint32_t direction;     /* enum weir_policy_direction */
};

struct weir_policy_acl {
	uint32_t id;
	uint32_t network_type; /* low byte; 0 = any */
	uint32_t protocol;     /* WEIR_POLICY_ANY_PROTOCOL = any */
	const char *src_ports; /* "" and NULL = all; "80,443,1000-2000" */
	const char *dst_ports;
	const int32_t *src_groups; /* low 16 bits; none = any address */
	size_t src_group_count;
	const int32_t *dst_groups;
	size_t dst_group_count;
	const struct weir_policy_action *actions;
	size_t action_count;
};

/* Rows that were dropped, by reason. */
struct weir_policy_drops {
#define WEIR_POLICY_DROP(name, help) uint64_t name;
#include "drops.def"
};

struct weir_policy_builder;
struct weir_policy;

/* NULL without memory. Builder thread, as all that takes a builder. */
struct weir_policy_builder *weir_policy_builder_create(void);
void weir_policy_builder_destroy(struct weir_policy_builder *b);

/*
 * Take one row; it is copied. Returns 0, -EINVAL where it was dropped and counted, -ENOMEM; a
 * builder that ran out of memory does not compile. Groups and ACLs may come in any order.
 */
int weir_policy_add_group(struct weir_policy_builder *b, const struct weir_policy_group *row);
int weir_policy_add_acl(struct weir_policy_builder *b, const struct weir_policy_acl *row);

/* Those of ACLs that name groups nobody has are counted in compiling. */
const struct weir_policy_drops *weir_policy_builder_drops(const struct weir_policy_builder *b);

/*
 * What was taken so far, as an immutable policy of at most `max_bytes`. NULL with `err`: ENOMEM, or
 * E2BIG when it would take more: exception TOO_MANY_POLICIES; the policy in force stays.
 */
struct weir_policy *weir_policy_compile(struct weir_policy_builder *b, size_t max_bytes,
					struct weir_err *err);

/* No reader may hold it. Accepts NULL. Builder thread. */
void weir_policy_destroy(struct weir_policy *p);

size_t weir_policy_bytes(const struct weir_policy *p);
size_t weir_policy_acls(const struct weir_policy *p); /* ACLs in force; 0: nothing can match */

/* ------------------------------------------------------------------ look-ups: any thread, pure */

/* A flow as its first packet shows it. */
struct weir_policy_key {
	union weir_ip ip[2];
	int32_t vpc[2];
	uint16_t port[2];
	uint16_t network_type;
	uint8_t protocol;
	bool is_ipv6;
};

enum weir_policy_flag {
	WEIR_POLICY_HAS_PCAP = 1 << 0,
	WEIR_POLICY_HAS_NPB = 1 << 1,
	WEIR_POLICY_HAS_DROP = 1 << 2, /* NPB actions do not hold */
};

/* One action that holds for a flow. */
struct weir_policy_hit {
	uint32_t action; /* weir_policy_action_at() */
	uint8_t along;   /* bit 0: packets like the key, bit 1: those that come back */
	uint8_t side;    /* enum weir_policy_side, of the key's ends */
};

struct weir_policy_result {
	uint32_t acl_id;    /* the first ACL that matches, in the order given; 0 = none */
	uint32_t acl_order; /* its place among all given */
	uint32_t acls;      /* how many match, each orientation counted */
	uint16_t flags;     /* enum weir_policy_flag */
	uint16_t hits_lost; /* actions beyond WEIR_POLICY_HITS_MAX */
	uint16_t hit_count;
	struct weir_policy_hit hit[WEIR_POLICY_HITS_MAX]; /* in the order of ACLs */
};

/*
 * Which ACLs a flow has: those that match its key, and those that match it turned round. Returns
 * whether any does; `result` is set either way. For a new flow, and when the policy changed; never
 * for each packet.
 */
bool weir_policy_match(const struct weir_policy *p, const struct weir_policy_key *key,
		       struct weir_policy_result *result);

/*
 * The same of `n` (at most WEIR_BURST_MAX) flows: memory is fetched for all of them at once. It takes 12 KiB
 * of the stack.
 */
void weir_policy_match_burst(const struct weir_policy *p, const struct weir_policy_key *keys,
			     struct weir_policy_result *results, unsigned int n);

/* An action, borrowed from the policy. */
const struct weir_policy_action *weir_policy_action_at(const struct weir_policy *p,
						       uint32_t action);

/* The different gids of the actions that store packets (all == false) or of all; returns how many of `max`. */
unsigned int weir_policy_gids(const struct weir_policy *p, const struct weir_policy_result *result,
			      bool all, uint16_t *gids, unsigned int max);

#endif
