/* SPDX-License-Identifier: Apache-2.0 */
/* Which VPCs the ends of a new flow are in, by the inventory. Spec: data plane 8.1. */
#include "pipe_priv.h"

#include <weir_meta.h>

/* Whose ids the inventory's CIDRs name. */
static uint32_t tunnel_id(const struct weir_tunnel *t)
{
	return t->type == WEIR_TUNNEL_VXLAN || t->type == WEIR_TUNNEL_TENCENT_GRE ? t->id : 0;
}

void weir_label_flow(const void *inventory, const struct weir_pkt *pkt,
		     const struct weir_attr *attr, int32_t vpc[2])
{
	struct weir_meta_query q = {
		.mac = { weir_be48(pkt->mac[WEIR_SRC]), weir_be48(pkt->mac[WEIR_DST]) },
		.ip = { pkt->ip[WEIR_SRC], pkt->ip[WEIR_DST] },
		.tunnel_id = tunnel_id(&pkt->tunnel),
		.network_type = attr->network_type,
		.tunnel_type = pkt->tunnel.type,
		.tier = pkt->tunnel.tier,
		.is_ipv6 = (pkt->flags & WEIR_PKT_IPV6) != 0,
		.has_ip = (pkt->flags & WEIR_PKT_IP) != 0,
		.is_pseudo_mac = (pkt->flags & WEIR_PKT_PSEUDO_MAC) != 0,
	};
	struct weir_meta_label label;
	uint8_t ends;

	weir_meta_l2_ends_burst(inventory, pkt, &ends, 1);
	q.l2_end[WEIR_SRC] = (ends & WEIR_META_SRC_END) != 0;
	q.l2_end[WEIR_DST] = (ends & WEIR_META_DST_END) != 0;
	weir_meta_label_burst(inventory, &q, &label, 1);
	vpc[WEIR_SRC] = label.end[WEIR_SRC].l3_vpc;
	vpc[WEIR_DST] = label.end[WEIR_DST].l3_vpc;
}
