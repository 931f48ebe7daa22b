/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others know of flows: asked about all new ones of a burst at once, and kept beside the entries. When it
 * changes, flows that go on are asked about again with their next reports: a minute spreads them.
 */
#include "table_priv.h"

static void add(struct weir_flow_table *t, uint32_t flow, const struct probe *probe,
		unsigned int side)
{
	struct news *news = &t->news;

	news->first[news->n] = (struct weir_flow_first){ .pkt = probe->p, .attr = probe->a };
	news->side[news->n] = (uint8_t)side;
	news->flow[news->n++] = flow;
	flow_at(t, flow)->ends |= LABEL_COMING;
	weir_prefetch_w(&t->labels[flow]);
}

void news_add(struct weir_flow_table *t, uint32_t flow, const struct probe *probe)
{
	add(t, flow, probe, 0);
}

void news_again(struct weir_flow_table *t, uint32_t flow, const struct probe *probe,
		unsigned int side)
{
	struct weir_flow *f = flow_at(t, flow);

	if (t->label == NULL)
		f->ends &= (uint8_t)~LABELLED;
	else if ((f->ends & LABEL_COMING) == 0)
		add(t, flow, probe, side);
}

static unsigned int place_of(const struct weir_flow_label *l, unsigned int side)
{
	const int32_t vpc = l->l2_vpc[side];

	return vpc == 0                     ? L2_UNKNOWN
	       : vpc == l->l3_vpc[side]     ? L2_SAME
	       : vpc == l->l3_vpc[side ^ 1] ? L2_OTHER
					    : L2_EXT;
}

/* Labels leave half of all extensions to what a flow cannot do without: addresses of IPv6. */
static struct ext *more_add(struct weir_flow_table *t, uint32_t flow)
{
	if (t->ext.used < t->ext.size / 2)
		return detail_add(t, cold_at(t, flow), EXT_LABEL);
	t->counters.ext_exhausted++;
	return NULL;
}

/* What has no room beside the entry. Without an extension it is left out. */
static void keep_more(struct weir_flow_table *t, uint32_t flow, const struct weir_flow_label *l)
{
	struct ext *x = ext_find(&t->ext, cold_at(t, flow)->ext, EXT_LABEL);

	if (x == NULL)
		x = more_add(t, flow);
	if (x == NULL)
		return;
	memcpy(x->label.l2_vpc, l->l2_vpc, sizeof(x->label.l2_vpc));
	memcpy(x->label.gids, l->gids, sizeof(x->label.gids));
	t->labels[flow].ends |= LABEL_MORE;
}

static void keep(struct weir_flow_table *t, uint32_t flow, const struct weir_flow_label *l)
{
	struct flow_label *to = &t->labels[flow];
	struct weir_flow *f = flow_at(t, flow);

	*to = (struct flow_label){
		.l3_vpc = { l->l3_vpc[0], l->l3_vpc[1] },
		.point = { l->point[0], l->point[1] },
		.ends = (uint8_t)(l->l2_end[0] | l->l2_end[1] << 1 | l->l3_end[0] << 2 |
				  l->l3_end[1] << 3),
		.l2 = (uint8_t)(place_of(l, 0) | place_of(l, 1) << 2),
	};
	if (weir_unlikely(l->gids[0] != 0 || place_of(l, 0) == L2_EXT || place_of(l, 1) == L2_EXT))
		keep_more(t, flow, l);
	if ((f->ends & LABELLED) == 0)
		t->counters.gids_cut += l->gids_cut;
	f->ends = (uint8_t)((f->ends & ~LABEL_COMING) | LABELLED);
}

/* By side, when it was asked with a packet of side 1. */
static struct weir_flow_label turned(const struct weir_flow_label *l)
{
	struct weir_flow_label by_side = *l;

	for (unsigned int side = 0; side < 2; side++) {
		by_side.l3_vpc[side] = l->l3_vpc[side ^ 1];
		by_side.l2_vpc[side] = l->l2_vpc[side ^ 1];
		by_side.point[side] = l->point[side ^ 1];
		by_side.l2_end[side] = l->l2_end[side ^ 1];
		by_side.l3_end[side] = l->l3_end[side ^ 1];
	}
	return by_side;
}

void news_label(struct weir_flow_table *t)
{
	struct weir_flow_label labels[WEIR_BURST_MAX];
	struct news *news = &t->news;

	t->label(t->label_of, news->first, labels, news->n);
	for (unsigned int i = 0; i < news->n; i++) {
		if (weir_unlikely(news->side[i] == 1))
			labels[i] = turned(&labels[i]);
		keep(t, news->flow[i], &labels[i]);
	}
	news->n = 0;
}

static int32_t l2_vpc(const struct flow_label *from, const struct ext *x, unsigned int side)
{
	switch ((enum l2_vpc)(from->l2 >> 2 * side & 3)) {
	case L2_SAME:
		return from->l3_vpc[side];
	case L2_OTHER:
		return from->l3_vpc[side ^ 1];
	case L2_EXT:
		return x != NULL ? x->label.l2_vpc[side] : 0;
	case L2_UNKNOWN:
		break;
	}
	return 0;
}

static void read_label(const struct weir_flow_table *t, uint32_t flow, struct weir_flow_label *l)
{
	const struct flow_label *from = &t->labels[flow];
	const struct ext *x = NULL;

	if (weir_unlikely(from->ends & LABEL_MORE))
		x = ext_find(&t->ext, cold_at(t, flow)->ext, EXT_LABEL);
	for (unsigned int side = 0; side < 2; side++) {
		l->l3_vpc[side] = from->l3_vpc[side];
		l->l2_vpc[side] = l2_vpc(from, x, side);
		l->point[side] = from->point[side];
	}
	if (x != NULL)
		memcpy(l->gids, x->label.gids, sizeof(l->gids));
}

void flow_label(const struct weir_flow_table *t, uint32_t flow, struct weir_flow_label *l)
{
	const bool has = (flow_at(t, flow)->ends & LABELLED) != 0;
	const uint8_t ends = has ? t->labels[flow].ends : flow_at(t, flow)->ends;

	*l = (struct weir_flow_label){ 0 };
	for (unsigned int side = 0; side < 2; side++) {
		l->l2_end[side] = ends >> side & 1;
		l->l3_end[side] = ends >> (2 + side) & 1;
	}
	if (weir_unlikely(has))
		read_label(t, flow, l);
}
