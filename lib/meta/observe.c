/* SPDX-License-Identifier: Apache-2.0 */
/* Where on its way a flow was seen: which end's interface, node, hypervisor. Spec: data plane, 1.8. */
#include "meta_priv.h"

/* Numbers of the ingest format: bits 0 to 2 the role, the rest the position. */
enum point {
	NONE = 0,
	C = 1,
	S = 2,
	LOCAL = 4,
	C_ND = 9,
	S_ND = 10,
	C_HV = 17,
	S_HV = 18,
	C_GW_HV = 25,
	S_GW_HV = 26,
	C_GW = 33,
	S_GW = 34,
};

enum agents {
	ANALYZER = 1 << WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE,
	HYPER_V_COMPUTE = 1 << WEIR_AGENT_HYPER_V_COMPUTE,
	HYPER_V_NETWORK = 1 << WEIR_AGENT_HYPER_V_NETWORK,
	WORKLOAD = 1 << WEIR_AGENT_PUBLIC_CLOUD | 1 << WEIR_AGENT_PHYSICAL_MACHINE,
	POD = 1 << WEIR_AGENT_HOST_POD | 1 << WEIR_AGENT_VM_POD | 1 << WEIR_AGENT_K8S_SIDECAR,
	KVM = 1 << WEIR_AGENT_PROCESS,
	ESXI = 1 << WEIR_AGENT_VM,
};

static const struct row {
	uint16_t agents, has, has_not;
	uint8_t point[2];
} rows[] = {
#define WEIR_OBSERVE(agents, has, has_not, src, dst) { agents, has, has_not, { src, dst } },
#include "observe.def"
};

static uint8_t seen_by(unsigned int agent, unsigned int is, unsigned int side)
{
	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];

		if ((r->agents & agent) && (is & r->has) == r->has && !(is & r->has_not))
			return r->point[side];
	}
	return NONE;
}

static unsigned int agent_bit(uint8_t type)
{
	return type < 16 ? 1u << type : 0;
}

void weir_meta_observe_table_init(struct observe_table *t, uint8_t agent_type)
{
	const unsigned int agent = agent_bit(agent_type);

	t->knows_local = (agent & (WORKLOAD | POD)) != 0;
	for (unsigned int is = 0; is < CONDITIONS; is++)
		for (unsigned int side = 0; side < 2; side++)
			t->point[is][side] = seen_by(agent, is, side);
}

/* Of two in the cloud one holds: the interface's own, the near one, the local machine's. */
static void settle(const uint16_t is[2], uint8_t by[2])
{
	const bool src_own = by[WEIR_SRC] == C, dst_own = by[WEIR_DST] == S;
	const bool src_near = src_own || (is[WEIR_SRC] & L2) != 0;
	const bool dst_near = dst_own || (is[WEIR_DST] & L2) != 0;

	const bool src_holds = src_near && !dst_own;
	const bool dst_holds = !src_holds && dst_near && !src_own;
	const bool open = !src_holds && !dst_holds;
	const bool src_local = (is[WEIR_SRC] & LOCAL_MAC) != 0;

	if (src_holds || (open && src_local))
		by[WEIR_DST] = NONE;
	else if (dst_holds || (is[WEIR_DST] & LOCAL_MAC))
		by[WEIR_SRC] = NONE;
}

static uint8_t choose(const uint16_t is[2], uint8_t by[2])
{
	if (by[WEIR_SRC] == NONE || by[WEIR_DST] == NONE)
		return by[WEIR_SRC] | by[WEIR_DST];
	if (is[WEIR_SRC] & CLOUD)
		settle(is, by);
	return by[WEIR_SRC] != NONE && by[WEIR_DST] != NONE ? NONE : by[WEIR_SRC] | by[WEIR_DST];
}

static uint8_t local(uint8_t by[2])
{
	by[WEIR_SRC] = NONE;
	by[WEIR_DST] = LOCAL;
	return LOCAL;
}

uint8_t weir_meta_observe(const struct observe_table *t, const uint16_t is[2], bool is_same_mac,
			  uint8_t by[2])
{
	if (weir_unlikely(is_same_mac) && t->knows_local)
		return local(by);
	by[WEIR_SRC] = t->point[is[WEIR_SRC]][WEIR_SRC];
	by[WEIR_DST] = t->point[is[WEIR_DST]][WEIR_DST];
	return choose(is, by);
}

uint16_t weir_meta_observe_shared(bool is_cloud, bool gateway_traffic, uint8_t tier,
				  uint8_t tunnel_type)
{
	return (uint16_t)((is_cloud ? CLOUD : 0) | (gateway_traffic ? GATEWAY : 0) |
			  (tier > 0 ? TIER : 0) | (tunnel_type == WEIR_TUNNEL_IPIP ? IPIP : 0) |
			  (tunnel_type == WEIR_TUNNEL_TENCENT_GRE ? TENCENT : 0));
}

uint8_t weir_observation_point(const struct weir_observer *o, uint8_t by[2])
{
	const unsigned int agent = agent_bit(o->agent_type);
	uint16_t is[2];

	for (unsigned int side = 0; side < 2; side++) {
		const bool unicast = side == WEIR_SRC || o->is_dst_unicast;

		is[side] = (uint16_t)((o->end[side].l2_end ? L2 : 0) |
				      (o->end[side].l3_end ? L3 : 0) |
				      (o->end[side].is_local_mac ? LOCAL_MAC : 0) |
				      (o->end[side].is_local_ip ? LOCAL_IP : 0) |
				      (o->end[side].is_internet ? INTERNET : 0) |
				      (unicast ? UNICAST : 0) |
				      weir_meta_observe_shared(o->is_cloud, o->gateway_traffic,
							       o->tier, o->tunnel_type));
	}
	if (o->is_same_mac && (agent & (WORKLOAD | POD)))
		return local(by);
	for (unsigned int side = 0; side < 2; side++)
		by[side] = seen_by(agent, is[side], side);
	return choose(is, by);
}
