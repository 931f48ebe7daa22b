/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of new flows: by the inventory the VPCs of their ends, which ends are near, and where they are
 * observed; by the policies which rules are for them. All new flows of a burst at once, so that their memory is
 * fetched together. Spec: data plane 8.1, 8.2, 1.8.
 */
#include "worker.h"

#include <weir_meta.h>
#include <weir_policy.h>

/* Whose ids the inventory's CIDRs name. */
static uint32_t tunnel_id(const struct weir_tunnel *t)
{
	return t->type == WEIR_TUNNEL_VXLAN || t->type == WEIR_TUNNEL_TENCENT_GRE ? t->id : 0;
}

static void query_fill(struct weir_meta_query *q, const struct weir_flow_first *first, uint8_t ends)
{
	const struct weir_pkt *pkt = first->pkt;

	*q = (struct weir_meta_query){
		.mac = { weir_be48(pkt->mac[WEIR_SRC]), weir_be48(pkt->mac[WEIR_DST]) },
		.ip = { pkt->ip[WEIR_SRC], pkt->ip[WEIR_DST] },
		.tunnel_id = tunnel_id(&pkt->tunnel),
		.network_type = first->attr->network_type,
		.l2_end = { (ends & WEIR_META_SRC_END) != 0, (ends & WEIR_META_DST_END) != 0 },
		.tunnel_type = pkt->tunnel.type,
		.tier = pkt->tunnel.tier,
		.is_ipv6 = (pkt->flags & WEIR_PKT_IPV6) != 0,
		.has_ip = (pkt->flags & WEIR_PKT_IP) != 0,
		.is_pseudo_mac = (pkt->flags & WEIR_PKT_PSEUDO_MAC) != 0,
	};
}

/* First packets that stand side by side in their burst are asked about together. */
static void ends_find(const struct weir_meta *m, const struct weir_flow_first *firsts,
		      uint8_t *ends, unsigned int n)
{
	unsigned int run;

	memset(ends, 0, n);
	if (weir_meta_segment_size(m) == 0)
		return;
	for (unsigned int i = 0; i < n; i += run) {
		run = 1;
		while (i + run < n && firsts[i + run].pkt == firsts[i].pkt + run)
			run++;
		weir_meta_l2_ends_burst(m, firsts[i].pkt, &ends[i], run);
	}
}

static void inventory_ask(const struct weir_meta *m, const struct weir_flow_first *firsts,
			  struct weir_flow_label *labels, unsigned int n)
{
	struct weir_meta_query queries[WEIR_BURST_MAX];
	struct weir_meta_label found[WEIR_BURST_MAX];
	uint8_t ends[WEIR_BURST_MAX];

	assert(n > 0 && n <= WEIR_BURST_MAX);
	ends_find(m, firsts, ends, n);
	for (unsigned int i = 0; i < n; i++)
		query_fill(&queries[i], &firsts[i], ends[i]);
	weir_meta_label_burst(m, queries, found, n);
	for (unsigned int i = 0; i < n; i++) {
		const struct weir_meta_end *e = found[i].end;

		labels[i] = (struct weir_flow_label){
			.l3_vpc = { e[0].l3_vpc, e[1].l3_vpc },
			.l2_vpc = { e[0].l2_vpc, e[1].l2_vpc },
			.point = { found[i].observation_point, found[i].observation_turned },
			.l2_end = { e[0].l2_end, e[1].l2_end },
			.l3_end = { e[0].l3_end, e[1].l3_end },
		};
	}
}

/* Those of rules that store packets: what a flow log says of rules. Spec: data plane 7.3. */
static void gids_fill(const struct weir_policy *p, const struct weir_policy_result *result,
		      struct weir_flow_label *label)
{
	uint16_t gids[WEIR_POLICY_HITS_MAX];
	unsigned int n;

	if ((result->flags & WEIR_POLICY_HAS_PCAP) == 0)
		return;
	n = weir_policy_gids(p, result, false, gids, WEIR_ARRAY_SIZE(gids));
	label->gids_cut = n > WEIR_REC_GIDS_MAX || result->hits_lost > 0;
	n = n < WEIR_REC_GIDS_MAX ? n : WEIR_REC_GIDS_MAX;
	memcpy(label->gids, gids, n * sizeof(gids[0]));
}

static void policy_ask(const struct weir_policy *p, const struct weir_flow_first *firsts,
		       struct weir_flow_label *labels, unsigned int n)
{
	struct weir_policy_key keys[WEIR_BURST_MAX];
	struct weir_policy_result results[WEIR_BURST_MAX];

	assert(n > 0 && n <= WEIR_BURST_MAX);
	for (unsigned int i = 0; i < n; i++) {
		const struct weir_pkt *pkt = firsts[i].pkt;

		keys[i] = (struct weir_policy_key){
			.ip = { pkt->ip[WEIR_SRC], pkt->ip[WEIR_DST] },
			.vpc = { labels[i].l3_vpc[0], labels[i].l3_vpc[1] },
			.port = { pkt->port[WEIR_SRC], pkt->port[WEIR_DST] },
			.network_type = firsts[i].attr->network_type,
			.protocol = pkt->proto,
			.is_ipv6 = (pkt->flags & WEIR_PKT_IPV6) != 0,
		};
	}
	weir_policy_match_burst(p, keys, results, n);
	for (unsigned int i = 0; i < n; i++)
		gids_fill(p, &results[i], &labels[i]);
}

void weir_label_flows(const void *of, const struct weir_flow_first *firsts,
		      struct weir_flow_label *labels, unsigned int n)
{
	const struct weir_view *view = of;

	if (view->inventory != NULL)
		inventory_ask(view->inventory, firsts, labels, n);
	else
		memset(labels, 0, n * sizeof(*labels));
	if (view->policy != NULL)
		policy_ask(view->policy, firsts, labels, n);
}
