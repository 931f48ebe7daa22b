/* SPDX-License-Identifier: Apache-2.0 */
#ifndef META_PRIV_H
#define META_PRIV_H

#include <weir_lpm.h>
#include <weir_meta.h>
#include <weir_table.h>

#include <stdatomic.h>

#define MODE_ANALYZER 2
#define NETWORK_CLOUD 3
#define MAC_MASK      ((UINT64_C(1) << 48) - 1)
#define MAC_MULTICAST (UINT64_C(1) << 40)
#define VLAN_IDS      4097

struct address {
	union weir_ip ip;
	bool is_ipv6;
};

struct interface {
	uint64_t mac;
	uint32_t id;
	int32_t vpc;
	uint32_t first, count; /* of builder->addresses */
	uint16_t flags;        /* without WEIR_META_IS_LOCAL, which the segments say */
};

struct segment_mac {
	uint64_t mac, vmac;
};

struct cidr {
	struct weir_prefix prefix;
	int32_t vpc;
	uint32_t tunnel_id;
	bool is_wan, is_vip;
};

struct peer {
	int32_t vpc[2];
};

struct flow_tap_type {
	uint32_t source_ip, tap_port;
	uint16_t tap_type;
};

struct weir_meta_builder {
	struct weir_meta_agent agent;
	struct weir_meta_drops drops;
	struct weir_list interfaces;  /* struct interface */
	struct weir_list addresses;   /* struct address */
	struct weir_list segments[2]; /* struct segment_mac, by enum weir_meta_place */
	struct weir_list cidrs;       /* struct cidr */
	struct weir_list peers;       /* struct peer */
	struct weir_list flow_tap_types;
	uint16_t vlan_map[VLAN_IDS];
	bool out_of_memory;
};

/* An interface, as far as look-ups need more of it than a row holds. */
struct interface_info {
	uint32_t id;
	bool has_ip[2]; /* IPv4, IPv6 */
	union weir_ip ip[2];
};

/*
 * What is known of interfaces. Values:
 *   macs, wans  place in `info` + 1 | flags << 32 | (VPC + VPC_BIAS) << 44
 *   v4, v6      MAC | flags << 48 | THERE
 *   pairs       PAIR
 * A key that several interfaces have says so: SHARED, SHARED_ADDRESS, SHARED_PAIR. In a layer over a base a
 * row can also say that there is none: GONE.
 */
struct layer {
	struct weir_table macs; /* MAC */
	struct weir_table v4;   /* VPC, address */
	struct weir_table v6;
	struct weir_table wans; /* address, both families */
	struct weir_table
		pairs; /* MAC and address, where those above do not show that they belong together */
	struct interface_info *info;
	size_t info_count;
};

#define THERE          (UINT64_C(1) << 63)
#define SHARED         (UINT64_C(1) << 43)
#define SHARED_ADDRESS (UINT64_C(1) << 62)
#define PAIR           UINT64_C(1)
#define SHARED_PAIR    (UINT64_C(1) << 1)
#define GONE           UINT64_MAX
#define VPC_BIAS       3

/* What a side of a flow is, for the rows of observe.def. */
enum condition {
	L2 = 1 << 0,
	L3 = 1 << 1,
	LOCAL_MAC = 1 << 2,
	LOCAL_IP = 1 << 3,
	INTERNET = 1 << 4,
	UNICAST = 1 << 5,
	CLOUD = 1 << 6,
	GATEWAY = 1 << 7,
	TIER = 1 << 8,
	IPIP = 1 << 9,
	TENCENT = 1 << 10,
};
#define CONDITIONS (1 << 11)

/* The rows for one agent, by condition: as source, as destination. */
struct observe_table {
	uint8_t point[CONDITIONS][2];
	uint16_t always;  /* conditions of every side */
	bool knows_local; /* workloads and pods see traffic of a machine with itself */
};

void weir_meta_observe_table_init(struct observe_table *t, const struct weir_meta_agent *a);

/* The conditions that an end meets by what is said of it. */
static inline uint16_t end_meets(const struct weir_meta_end *e)
{
	return (uint16_t)((e->l2_end ? L2 : 0) | (e->l3_end ? L3 : 0) |
			  (e->is_local_mac ? LOCAL_MAC : 0) | (e->is_local_ip ? LOCAL_IP : 0) |
			  (e->l3_vpc == WEIR_VPC_INTERNET ? INTERNET : 0));
}

/* Where the flow was seen, as ends that meet these conditions: the label's points. Spec: data plane, 1.8. */
void weir_meta_observe(const struct observe_table *t, const struct weir_meta_query *q,
		       const uint16_t meets[2], struct weir_meta_label *label);

struct peer_range {
	uint32_t first, count;
};

struct base {
	atomic_uint users; /* builder: rw */
	struct weir_meta_agent agent;
	struct layer layer;
	struct observe_table observe;
	struct weir_lpm *lpm;       /* value: VPC + VPC_BIAS << 1 | is_vip */
	struct weir_table local;    /* MACs of the local segments */
	struct weir_table segments; /* low 32 bits of the MAC -> virtual MAC | THERE */
	struct weir_table peers;    /* VPC + VPC_BIAS -> place in peer_range[] + 1 */
	struct peer_range *peer_range;
	size_t peer_range_count;
	int32_t *peer;
	size_t peer_count;
	struct weir_table flow_tap_types; /* address, port -> type */
	uint16_t vlan_map[VLAN_IDS];
};

struct weir_meta {
	struct base *base;
	struct layer over;
	bool has_over;
	size_t over_size;
	size_t interfaces; /* with those of the layer */
};

static inline uint64_t key4(int32_t vpc, const union weir_ip *ip)
{
	return (uint64_t)(uint32_t)(vpc + VPC_BIAS) << 32 | ip->w[0];
}

static inline void key6(int32_t vpc, const union weir_ip *ip, uint64_t key[3])
{
	key[0] = ip->q[0];
	key[1] = ip->q[1];
	key[2] = (uint32_t)(vpc + VPC_BIAS);
}

/* Both families in one table: of wans with MAC 0. */
static inline void key_pair(uint64_t mac, const union weir_ip *ip, bool is_ipv6, uint64_t key[3])
{
	key[0] = ip->q[0];
	key[1] = ip->q[1];
	key[2] = mac | (uint64_t)is_ipv6 << 48;
}

static inline uint64_t scope_of(enum weir_meta_scope scope, int32_t id)
{
	return (uint64_t)scope << 32 | (uint32_t)id;
}

static inline int32_t vpc_of_value(uint64_t value)
{
	return (int32_t)(value >> 44) - VPC_BIAS;
}

static inline uint16_t flags_of_value(uint64_t value)
{
	return value >> 32 & 0x7ff;
}

/* Is its MAC one to know it by? */
static inline bool has_mac_row(const struct interface *itf)
{
	return itf->mac != 0 && !(itf->flags & WEIR_META_SKIP_MAC);
}

static inline bool is_wan(const struct interface *itf)
{
	return (itf->flags & WEIR_META_IS_WAN) != 0;
}

/* Does no other table of its own say that its MAC and its addresses belong together? */
static inline bool keeps_pairs(const struct interface *itf)
{
	return itf->mac != 0 && (is_wan(itf) || !has_mac_row(itf));
}

static inline uint64_t found(uint64_t value)
{
	return value == GONE ? 0 : value;
}

/* Rows of a table and what lies over it; 0 = not there. */
static inline uint64_t get_mac(const struct weir_meta *m, uint64_t mac)
{
	if (weir_unlikely(m->has_over)) {
		const uint64_t value = weir_table_get16(&m->over.macs, mac);

		if (value != 0)
			return found(value);
	}
	return weir_table_get16(&m->base->layer.macs, mac);
}

static inline uint64_t get_address(const struct weir_meta *m, int32_t vpc, const union weir_ip *ip,
				   bool is_ipv6)
{
	uint64_t key[3], value;

	if (!is_ipv6) {
		if (weir_unlikely(m->has_over)) {
			value = weir_table_get16(&m->over.v4, key4(vpc, ip));
			if (value != 0)
				return found(value);
		}
		return weir_table_get16(&m->base->layer.v4, key4(vpc, ip));
	}
	key6(vpc, ip, key);
	if (weir_unlikely(m->has_over)) {
		value = weir_table_get32(&m->over.v6, key);
		if (value != 0)
			return found(value);
	}
	return weir_table_get32(&m->base->layer.v6, key);
}

uint64_t weir_meta_get_wan(const struct weir_meta *m, const union weir_ip *ip, bool is_ipv6);

/* The interface of a row of macs or wans. */
const struct interface_info *weir_meta_info_of(const struct weir_meta *m, uint64_t mac,
					       uint64_t value);

/* Is this one of the pairs that the other tables do not show? */
uint64_t weir_meta_get_pair(const struct weir_meta *m, uint64_t mac, const union weir_ip *ip,
			    bool is_ipv6);

static inline bool has_pair(const struct weir_meta *m, uint64_t mac, const union weir_ip *ip,
			    bool is_ipv6)
{
	if (weir_likely(!m->has_over && m->base->layer.pairs.count == 0))
		return false;
	return mac != 0 && weir_meta_get_pair(m, mac, ip, is_ipv6) != 0;
}

/* Fill a layer with a builder's interfaces; `local` are the MACs of this machine. -ENOMEM. */
int weir_meta_layer_init(struct layer *l, const struct weir_meta_builder *b,
			 const struct weir_table *local);

/* One interface and its addresses, but for its pairs; the pairs of all, when their rows are in. */
void weir_meta_layer_put(struct layer *l, const struct interface *itf, const struct address *a,
			 bool is_local);
void weir_meta_layer_put_pairs(struct layer *l, const struct weir_meta_builder *b);
void weir_meta_layer_fini(struct layer *l);
size_t weir_meta_layer_bytes(const struct layer *l);

#endif
