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

void weir_meta_observe_table_init(struct observe_table *t, const struct weir_meta_agent *a)
{
	const unsigned int agent = a->type < 16 ? 1u << a->type : 0;

	t->always = a->gateway_traffic ? GATEWAY : 0;
	t->knows_local = (agent & (WORKLOAD | POD)) != 0;
	for (unsigned int is = 0; is < CONDITIONS; is++)
		for (unsigned int side = 0; side < 2; side++)
			t->point[is][side] = seen_by(agent, is, side);
}

/* Conditions both sides share. */
static unsigned int shared(const struct observe_table *t, const struct weir_meta_query *q)
{
	return t->always | (q->network_type == NETWORK_CLOUD ? CLOUD : 0) |
	       (q->tier > 0 ? TIER : 0) | (q->tunnel_type == WEIR_TUNNEL_IPIP ? IPIP : 0) |
	       (q->tunnel_type == WEIR_TUNNEL_TENCENT_GRE ? TENCENT : 0);
}

/* Of two in the cloud one holds: the interface's own, the near one, the local machine's. */
static void settle(const unsigned int is[2], uint8_t by[2])
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

static uint8_t choose(const unsigned int is[2], uint8_t by[2])
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

/* `from` is the client; `is` are the ends' conditions. */
static uint8_t observe(const struct observe_table *t, const struct weir_meta_query *q,
		       const unsigned int is[2], unsigned int from, uint8_t by[2])
{
	const bool is_unicast = (q->mac[from ^ 1] & MAC_MULTICAST) == 0;
	const unsigned int as[2] = { is[from] | UNICAST,
				     is[from ^ 1] | (is_unicast ? UNICAST : 0) };

	by[WEIR_SRC] = t->point[as[WEIR_SRC]][WEIR_SRC];
	by[WEIR_DST] = t->point[as[WEIR_DST]][WEIR_DST];
	return choose(as, by);
}

void weir_meta_observe(const struct observe_table *t, const struct weir_meta_query *q,
		       const uint16_t meets[2], struct weir_meta_label *label)
{
	const unsigned int both = shared(t, q);
	const unsigned int is[2] = { both | meets[WEIR_SRC], both | meets[WEIR_DST] };
	uint8_t turned[2];

	if (weir_unlikely(q->mac[WEIR_SRC] == q->mac[WEIR_DST]) && t->knows_local) {
		label->observation_point = label->observation_turned = local(label->observation);
		return;
	}
	label->observation_point = observe(t, q, is, WEIR_SRC, label->observation);
	label->observation_turned = observe(t, q, is, WEIR_DST, turned);
}
