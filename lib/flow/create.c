/* SPDX-License-Identifier: Apache-2.0 */
/* A flow's entry: made of its first packet, and given back. */
#include "table_priv.h"

static uint32_t entry_take(struct weir_flow_table *t)
{
	uint32_t flow = t->free_head;

	if (flow != FLOW_NONE) {
		t->free_head = flow_at(t, flow)->ip[0];
		if (t->free_head != FLOW_NONE)
			weir_prefetch_w(flow_at(t, t->free_head));
		return flow;
	}
	if (t->fresh == t->capacity)
		return FLOW_NONE;
	/* Written before it is read: to read a fresh page costs a fault of its own. */
	flow_at(t, t->fresh)->queue = QUEUE_NONE;
	return t->fresh++;
}

static void entry_give(struct weir_flow_table *t, uint32_t flow)
{
	struct weir_flow *f = flow_at(t, flow);

	f->queue = QUEUE_NONE;
	f->ip[0] = t->free_head;
	t->free_head = flow;
}

struct ext *detail_add(struct weir_flow_table *t, struct weir_flow_cold *c, enum ext_kind kind)
{
	struct ext *x = weir_ext_add(&t->ext, &c->ext, kind);

	if (x == NULL)
		t->counters.ext_exhausted++;
	return x;
}

static void fill_hot(struct weir_flow *f, const struct probe *probe)
{
	const struct weir_attr *a = probe->a;
	const uint8_t gen = f->gen; /* goes on through the entry's lives */

	memset(f, 0, sizeof(*f));
	f->gen = gen;
	f->key = probe->there;
	f->ends = (uint8_t)(a->l2_end[0] | a->l2_end[1] << 1 | a->l3_end[0] << 2 |
			    a->l3_end[1] << 3);
	f->start_ns = probe->p->ts_ns;
	if (f->form & FORM_IPV6)
		f->flags |= FLOW_IPV6;
	if (f->form & FORM_NOT_IP)
		f->flags |= FLOW_NOT_IP;
}

static void fill_cold(struct weir_flow_cold *c, const struct weir_pkt *p, const struct weir_attr *a)
{
	memset(c, 0, sizeof(*c));
	c->ext = FLOW_NONE;
	memcpy(c->mac, p->mac, sizeof(c->mac));
	c->capture_id = capture_id(a);
	c->vlan = p->vlan;
	c->init_ipid = (uint16_t)p->ip_id;
}

/* IPv6 addresses are part of the key: without room for them there is no flow. */
static bool fill_ext(struct weir_flow_table *t, struct weir_flow *f, struct weir_flow_cold *c,
		     const struct weir_pkt *p)
{
	struct ext *x;

	if (p->flags & WEIR_PKT_IPV6) {
		x = weir_ext_add(&t->ext, &c->ext, EXT_IPV6);
		if (x == NULL) /* the caller may make room and come again */
			return false;
		x->ip[0] = p->ip[0];
		x->ip[1] = p->ip[1];
	}
	if (p->tunnel.type != WEIR_TUNNEL_NONE) {
		x = detail_add(t, c, EXT_TUNNEL);
		if (x != NULL)
			f->flags |= FLOW_TUNNEL;
	}
	return true;
}

uint32_t flow_create(struct weir_flow_table *t, const struct probe *probe)
{
	const uint32_t flow = entry_take(t);
	struct weir_flow *f;
	struct weir_flow_cold *c;

	if (flow == FLOW_NONE)
		return FLOW_NONE;
	f = flow_at(t, flow);
	c = cold_at(t, flow);
	fill_hot(f, probe);
	fill_cold(c, probe->p, probe->a);
	if (!fill_ext(t, f, c, probe->p))
		goto err_entry;
	if (!index_insert(&t->index, probe->hash, flow))
		goto err_ext;
	if (weir_unlikely(t->label != NULL))
		news_add(t, flow, probe);
	t->size++;
	t->counters.created++;
	return flow;

err_ext:
	weir_ext_release_all(&t->ext, &c->ext);
err_entry:
	entry_give(t, flow);
	return FLOW_NONE;
}

void flow_free(struct weir_flow_table *t, uint32_t flow)
{
	struct weir_flow *f = flow_at(t, flow);

	index_remove(&t->index, flow_hash(t, f, flow), flow);
	weir_ext_release_all(&t->ext, &cold_at(t, flow)->ext);
	entry_give(t, flow);
	t->size--;
	t->counters.closed++;
}
