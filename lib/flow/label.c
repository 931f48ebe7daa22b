/* SPDX-License-Identifier: Apache-2.0 */
/* What others know of flows: asked about all new ones of a burst at once, and kept beside the entries. */
#include "table_priv.h"

void news_add(struct weir_flow_table *t, uint32_t flow, const struct probe *probe)
{
	struct news *news = &t->news;

	news->first[news->n] = (struct weir_flow_first){ .pkt = probe->p, .attr = probe->a };
	news->flow[news->n++] = flow;
	flow_at(t, flow)->ends |= LABEL_COMING;
	weir_prefetch_w(&t->labels[flow]);
}

static void keep(struct weir_flow_table *t, uint32_t flow, const struct weir_flow_label *l)
{
	struct flow_label *to = &t->labels[flow];

	for (unsigned int side = 0; side < 2; side++) {
		to->l3_vpc[side] = l->l3_vpc[side];
		to->point[side] = l->point[side];
	}
	to->ends = (uint8_t)(l->l2_end[0] | l->l2_end[1] << 1 | l->l3_end[0] << 2 |
			     l->l3_end[1] << 3);
	flow_at(t, flow)->ends ^= LABEL_COMING | LABELLED;
}

void news_label(struct weir_flow_table *t)
{
	struct weir_flow_label labels[WEIR_BURST_MAX];
	struct news *news = &t->news;

	t->label(t->label_of, news->first, labels, news->n);
	for (unsigned int i = 0; i < news->n; i++)
		keep(t, news->flow[i], &labels[i]);
	news->n = 0;
}

void flow_label(const struct weir_flow_table *t, uint32_t flow, struct weir_flow_label *l)
{
	const bool has = (flow_at(t, flow)->ends & LABELLED) != 0;
	const struct flow_label *from = &t->labels[flow];
	const uint8_t ends = has ? from->ends : flow_at(t, flow)->ends;

	*l = (struct weir_flow_label){ 0 };
	for (unsigned int side = 0; side < 2; side++) {
		l->l2_end[side] = ends >> side & 1;
		l->l3_end[side] = ends >> (2 + side) & 1;
		l->l3_vpc[side] = has ? from->l3_vpc[side] : 0;
		l->point[side] = has ? from->point[side] : 0;
	}
}
