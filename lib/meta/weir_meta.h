/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory: which interface a MAC is, which VPC an address belongs to, which machines are at
 * home here. Rows come as neutral structs from whoever reads them (the controller's messages, a
 * file, Kubernetes); a builder checks them and counts what it drops; freezing makes an immutable
 * table that workers read without a lock. Specified by spec: control plane, 1.9; data plane, 1.5 to
 * 1.8 and 8.1.
 *
 * Texts are NUL-terminated, may be NULL and are copied. A VPC is an `epc` in the protocol's words.
 */
#ifndef WEIR_META_H
#define WEIR_META_H

#include <weir_pkt.h>

/* What is not a VPC's number (those are 1 to 65533), as records carry it. */
enum weir_vpc {
	WEIR_VPC_UNKNOWN = 0,
	WEIR_VPC_ANY = -1,
	WEIR_VPC_INTERNET = -2,
	WEIR_VPC_DEEPFLOW = -3, /* 0 in a row of the inventory: DeepFlow's own, the WAN pool */
};

/* Numbers of the protocol: control plane, 1.4. */
enum weir_agent_type {
	WEIR_AGENT_UNKNOWN = 0,
	WEIR_AGENT_PROCESS = 1, /* KVM host */
	WEIR_AGENT_VM = 2,      /* dedicated VM on ESXi */
	WEIR_AGENT_PUBLIC_CLOUD = 3,
	WEIR_AGENT_PHYSICAL_MACHINE = 5,
	WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE = 6, /* the mirror analyzer box */
	WEIR_AGENT_HOST_POD = 7,
	WEIR_AGENT_VM_POD = 8,
	WEIR_AGENT_TUNNEL_DECAPSULATION = 9,
	WEIR_AGENT_HYPER_V_COMPUTE = 10,
	WEIR_AGENT_HYPER_V_NETWORK = 11,
	WEIR_AGENT_K8S_SIDECAR = 12,
};

enum { WEIR_DEVICE_POD = 10 };                 /* device_type */
enum { WEIR_IF_WAN = 3, WEIR_IF_LAN = 4 };     /* if_type; others are dropped */
enum { WEIR_CIDR_WAN = 1, WEIR_CIDR_LAN = 2 }; /* type of a CIDR; others are dropped */
enum { WEIR_PACKET_TYPE_PACKET = 1 };          /* packet_type of a tap type; 2 to 6 are flows' */

/* What the controller says of the agent itself; decides how rows are read. */
struct weir_meta_agent {
	uint8_t type;         /* enum weir_agent_type */
	uint8_t mode;         /* 0 local, 1 mirror, 2 analyzer */
	bool gateway_traffic; /* private_cloud_gateway_traffic */
	int32_t vpc;          /* its own, for loopback traffic; 0 = unknown */
	uint32_t region_id, pod_cluster_id;
};

struct weir_meta_address {
	const char *ip;
	uint32_t masklen; /* taken as a host's address, whatever it says */
	uint32_t subnet_id;
};

struct weir_meta_interface {
	uint32_t id;
	uint32_t device_type;
	uint32_t if_type;
	uint32_t vpc; /* epc_id: low 16 bits; 0 = WEIR_VPC_DEEPFLOW */
	uint32_t region_id, pod_node_id, pod_cluster_id;
	uint64_t mac; /* 0x0123456789ab = 01:23:45:67:89:ab; 0 = none */
	bool is_vip;  /* is_vip_interface */
	const struct weir_meta_address *addresses;
	size_t address_count;
};

struct weir_meta_peer {
	uint32_t id;
	uint32_t local_vpc, remote_vpc; /* traffic goes both ways */
};

struct weir_meta_cidr {
	const char *prefix; /* "10.1.0.0/16", "fd00::/64" */
	uint32_t type;
	int32_t vpc;
	uint32_t subnet_id, region_id;
	uint32_t tunnel_id; /* with one it is looked up for packets of that tunnel only */
	bool is_vip;
};

enum weir_meta_place {
	WEIR_META_LOCAL, /* local_segments: what is on this machine */
	WEIR_META_REMOTE /* remote_segments: what an analyzer is told of */
};

struct weir_meta_segment {
	uint32_t id;
	const char *const *macs;  /* "01:23:45:67:89:ab" */
	const char *const *vmacs; /* one each; NULL = as `macs` */
	size_t mac_count, vmac_count;
};

/* A row of tap types (capture network types). */
struct weir_meta_tap_type {
	uint32_t tap_type; /* 1 to 255 */
	uint32_t packet_type;
	uint32_t vlan;         /* of packets: 0 (untagged) to 4096 */
	const char *source_ip; /* of flows: IPv4 of the exporter */
	uint32_t tap_port;     /* of flows: its interface */
};

/* Rows that were dropped, by reason. */
struct weir_meta_drops {
#define WEIR_META_DROP(name, help) uint64_t name;
#include "drops.def"
};

struct weir_meta_builder;
struct weir_meta;

/* `agent` is copied. NULL without memory. Builder thread, as all that takes a builder. */
struct weir_meta_builder *weir_meta_builder_create(const struct weir_meta_agent *agent);
void weir_meta_builder_destroy(struct weir_meta_builder *b);

/*
 * Take one row; it is copied. Returns 0, -EINVAL where the row (of an interface: one of its
 * addresses) was dropped and counted, -ENOMEM; a builder that ran out of memory does not freeze.
 */
int weir_meta_add_interface(struct weir_meta_builder *b, const struct weir_meta_interface *row);
int weir_meta_add_segment(struct weir_meta_builder *b, enum weir_meta_place place,
			  const struct weir_meta_segment *row);
int weir_meta_add_cidr(struct weir_meta_builder *b, const struct weir_meta_cidr *row);
int weir_meta_add_peer(struct weir_meta_builder *b, const struct weir_meta_peer *row);
int weir_meta_add_tap_type(struct weir_meta_builder *b, const struct weir_meta_tap_type *row);

const struct weir_meta_drops *weir_meta_builder_drops(const struct weir_meta_builder *b);

/*
 * What was taken so far, as an immutable table: a base. The builder stays as it is. NULL with
 * `err` (ENOMEM). Cost: tests/perf/meta_bench.c.
 */
struct weir_meta *weir_meta_freeze(const struct weir_meta_builder *b, struct weir_err *err);

/*
 * An inventory with few changes on it: the interfaces of `gone` are not there, those of `changed` are as
 * they say there. Of a changed interface its former rows are given as gone. Everything else, CIDRs, peers
 * and segments too, is as in `base`. What is found is what is found in a table made anew.
 *
 * `base` may itself have changes: they are kept. What both share stays until both are destroyed, in any
 * order. NULL with `err`: ENOMEM; EEXIST: a MAC or an address of these interfaces is another one's,
 * too, and only a table made anew can say whose it is. Builder thread.
 */
struct weir_meta *weir_meta_overlay(const struct weir_meta *base,
				    const struct weir_meta_builder *gone,
				    const struct weir_meta_builder *changed, struct weir_err *err);

/* Interfaces changed or gone since the base was made: when many, it is time for a new base. */
size_t weir_meta_overlay_size(const struct weir_meta *m);

/* No reader may hold it. Accepts NULL. Builder thread. */
void weir_meta_destroy(struct weir_meta *m);

size_t weir_meta_bytes(const struct weir_meta *m);
size_t weir_meta_interfaces(const struct weir_meta *m);

/* ------------------------------------------------------------------ look-ups: any thread, pure */

enum weir_meta_flag {
	WEIR_META_IS_LOCAL = 1 << 0, /* its MAC is one of the local segments' */
	WEIR_META_IS_VIP = 1 << 1,
	WEIR_META_SKIP_MAC = 1 << 2, /* another region's: its MAC says nothing here */
	WEIR_META_IS_WAN = 1 << 3,
	WEIR_META_SKIP_TAP = 1 << 4, /* a pod's node: captured twice otherwise */
};

/* What is known of a MAC or an address. */
struct weir_meta_hit {
	uint64_t mac; /* of the interface; 0 = none */
	int32_t vpc;
	uint16_t flags;        /* enum weir_meta_flag */
	uint32_t interface_id; /* of a MAC only */
};

bool weir_meta_by_mac(const struct weir_meta *m, uint64_t mac, struct weir_meta_hit *hit);

/* `vpc` 0: the WAN interfaces' addresses. */
bool weir_meta_by_address(const struct weir_meta *m, int32_t vpc, const union weir_ip *ip,
			  bool is_ipv6, struct weir_meta_hit *hit);

/* Does an interface of this MAC carry this address? */
bool weir_meta_mac_has_address(const struct weir_meta *m, uint64_t mac, const union weir_ip *ip,
			       bool is_ipv6);

/* Where a longest-prefix match looks. */
enum weir_meta_scope {
	WEIR_META_IN_VPC,    /* LAN and WAN CIDRs of VPC `id` */
	WEIR_META_IN_TUNNEL, /* CIDRs of tunnel `id` */
	WEIR_META_IN_WAN,    /* WAN CIDRs; `id` 0 */
};

/* The CIDR's VPC and WEIR_META_IS_VIP are filled. */
bool weir_meta_by_prefix(const struct weir_meta *m, enum weir_meta_scope scope, int32_t id,
			 const union weir_ip *ip, bool is_ipv6, struct weir_meta_hit *hit);

/* VPCs with a connection to this one, either way; borrowed from the table. */
size_t weir_meta_peers(const struct weir_meta *m, int32_t vpc, const int32_t **peers);

/*
 * Is this a machine of the mode's segments (analyzer: remote, else local)? By the low 32 bits of its
 * MAC, as of an outer MAC no more is kept. `vmac` (may be NULL) is its gateway's.
 */
bool weir_meta_in_segment(const struct weir_meta *m, uint32_t mac_low, uint64_t *vmac);
size_t weir_meta_segment_size(const struct weir_meta *m); /* 0: no end can be local */

/* VLAN id 0 to 4096 -> capture network type, 0 = unset; 4097 of them. */
const uint16_t *weir_meta_vlan_map(const struct weir_meta *m);

/* Capture network type of an exporter's interface (IPv4 in host order); 0 = unset. */
uint16_t weir_meta_flow_tap_type(const struct weir_meta *m, uint32_t source_ip, uint32_t tap_port);

const struct weir_meta_agent *weir_meta_agent_of(const struct weir_meta *m);

/* One flow's ends as a packet shows them, in the packet's direction. */
struct weir_meta_query {
	uint64_t mac[2];
	union weir_ip ip[2];
	uint32_t tunnel_id; /* of VXLAN and Tencent's GRE; 0 = none */
	uint16_t network_type;
	uint8_t l2_end[2];
	uint8_t tunnel_type; /* enum weir_tunnel_type */
	uint8_t tier;
	bool is_ipv6;
	bool has_ip;        /* ip[] is set */
	bool is_pseudo_mac; /* mac[] is not this packet's own */
};

struct weir_meta_end {
	int32_t l2_vpc, l3_vpc; /* enum weir_vpc, or a VPC's number */
	bool l2_end, l3_end;
	bool is_device; /* the MAC is an interface's */
	bool is_local_mac, is_local_ip;
	bool is_vip;
	bool has_real_ip;
	union weir_ip real_ip; /* with has_real_ip: of a virtual address the interface's own */
};

struct weir_meta_label {
	struct weir_meta_end end[2];
	uint8_t observation[2];    /* seen by the source's end, by the destination's; 0 = by none */
	uint8_t observation_point; /* the one that holds, in the packet's direction; 0 = rest */
	uint8_t observation_turned; /* the same, if it is the destination that is the client */
};

/*
 * Both ends of `n` (at most WEIR_BURST_MAX) flows: data plane, 8.1 and 1.8. Memory is fetched for
 * all of them at once. Never blocks, never allocates.
 */
void weir_meta_label_burst(const struct weir_meta *m, const struct weir_meta_query *queries,
			   struct weir_meta_label *labels, unsigned int n);

/*
 * Which ends of `n` packets are of a machine of the segments, as an analyzer sees it: data plane, 1.5.
 * `l2_end` gets WEIR_META_SRC_END and WEIR_META_DST_END.
 */
enum { WEIR_META_SRC_END = 1, WEIR_META_DST_END = 2 };
void weir_meta_l2_ends_burst(const struct weir_meta *m, const struct weir_pkt *pkts,
			     uint8_t *l2_end, unsigned int n);

#endif
