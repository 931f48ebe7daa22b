/* SPDX-License-Identifier: Apache-2.0 */
/* From a builder's rows to tables. */
#include "meta_priv.h"

#include <errno.h>
#include <stdlib.h>

static struct weir_lpm_row cidr_row(uint64_t scope, const struct cidr *c)
{
	return (struct weir_lpm_row){ .scope = scope,
				      .prefix = c->prefix,
				      .value = (uint32_t)(c->vpc + VPC_BIAS) << 1 | c->is_vip };
}

/* A tunnel's CIDRs are found by the tunnel only; those of the WAN in their VPC too. */
static int cidrs_init(struct base *base, const struct weir_meta_builder *b)
{
	const struct cidr *c = b->cidrs.items;
	struct weir_lpm_row *rows = calloc(2 * b->cidrs.count + 1, sizeof(*rows));
	size_t n = 0;

	if (rows == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < b->cidrs.count; i++) {
		if (c[i].tunnel_id != 0) {
			rows[n++] = cidr_row(scope_of(WEIR_META_IN_TUNNEL, (int32_t)c[i].tunnel_id),
					     &c[i]);
			continue;
		}
		rows[n++] = cidr_row(scope_of(WEIR_META_IN_VPC, c[i].vpc), &c[i]);
		if (c[i].is_wan)
			rows[n++] = cidr_row(scope_of(WEIR_META_IN_WAN, 0), &c[i]);
	}
	base->lpm = weir_lpm_create(rows, n);
	free(rows);
	return base->lpm == NULL ? -ENOMEM : 0;
}

static int local_init(struct weir_table *local, const struct weir_meta_builder *b)
{
	const struct weir_list *l = &b->segments[WEIR_META_LOCAL];
	const struct segment_mac *s = l->items;

	if (weir_table_init(local, l->count, sizeof(struct weir_row16)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < l->count; i++)
		weir_table_put16(local, s[i].mac, 1);
	return 0;
}

/* Analyzers are told of machines elsewhere, others of those on theirs. */
static int segments_init(struct base *base, const struct weir_meta_builder *b)
{
	const struct weir_list *l =
		&b->segments[b->agent.mode == MODE_ANALYZER ? WEIR_META_REMOTE : WEIR_META_LOCAL];
	const struct segment_mac *s = l->items;

	if (weir_table_init(&base->segments, l->count, sizeof(struct weir_row16)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < l->count; i++)
		weir_table_put16(&base->segments, (uint32_t)s[i].mac, s[i].vmac | THERE);
	return 0;
}

static int by_vpc(const void *a, const void *b)
{
	const struct peer *p = a, *q = b;

	if (p->vpc[0] != q->vpc[0])
		return p->vpc[0] < q->vpc[0] ? -1 : 1;
	return p->vpc[1] < q->vpc[1] ? -1 : p->vpc[1] > q->vpc[1];
}

/* Connections both ways, sorted, each once. */
static size_t peers_sorted(const struct weir_meta_builder *b, struct peer *both)
{
	const struct peer *p = b->peers.items;
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < b->peers.count; i++) {
		both[n++] = p[i];
		both[n++] = (struct peer){ { p[i].vpc[1], p[i].vpc[0] } };
	}
	qsort(both, n, sizeof(*both), by_vpc);
	for (size_t i = 0; i < n; i++) {
		const bool repeated = kept > 0 && by_vpc(&both[i], &both[kept - 1]) == 0;

		if (!repeated && both[i].vpc[0] != both[i].vpc[1])
			both[kept++] = both[i];
	}
	return kept;
}

static void peers_put(struct base *base, const struct peer *both, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint64_t key = (uint32_t)(both[i].vpc[0] + VPC_BIAS);

		if (i == 0 || both[i].vpc[0] != both[i - 1].vpc[0]) {
			base->peer_range[base->peer_range_count++].first = (uint32_t)i;
			weir_table_put16(&base->peers, key, base->peer_range_count);
		}
		base->peer_range[base->peer_range_count - 1].count++;
		base->peer[base->peer_count++] = both[i].vpc[1];
	}
}

static int peers_init(struct base *base, const struct weir_meta_builder *b)
{
	struct peer *both = calloc(2 * b->peers.count + 1, sizeof(*both));
	size_t n;

	if (both == NULL)
		return -ENOMEM;
	n = peers_sorted(b, both);
	base->peer = calloc(n + 1, sizeof(*base->peer));
	base->peer_range = calloc(n + 1, sizeof(*base->peer_range));
	if (base->peer == NULL || base->peer_range == NULL ||
	    weir_table_init(&base->peers, n, sizeof(struct weir_row16)) < 0) {
		free(both);
		return -ENOMEM;
	}
	peers_put(base, both, n);
	free(both);
	return 0;
}

static int tap_types_init(struct base *base, const struct weir_meta_builder *b)
{
	const struct flow_tap_type *t = b->flow_tap_types.items;

	memcpy(base->vlan_map, b->vlan_map, sizeof(base->vlan_map));
	if (weir_table_init(&base->flow_tap_types, b->flow_tap_types.count,
			    sizeof(struct weir_row16)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < b->flow_tap_types.count; i++)
		weir_table_put16(&base->flow_tap_types,
				 (uint64_t)t[i].source_ip << 32 | t[i].tap_port, t[i].tap_type);
	return 0;
}

static void base_put(struct base *base)
{
	if (base == NULL || atomic_fetch_sub_explicit(&base->users, 1, memory_order_acq_rel) != 1)
		return;
	weir_meta_layer_fini(&base->layer);
	weir_lpm_destroy(base->lpm);
	weir_table_fini(&base->local);
	weir_table_fini(&base->segments);
	weir_table_fini(&base->peers);
	weir_table_fini(&base->flow_tap_types);
	free(base->peer);
	free(base->peer_range);
	free(base);
}

static struct base *base_create(const struct weir_meta_builder *b)
{
	struct base *base = calloc(1, sizeof(*base));

	if (base == NULL)
		return NULL;
	atomic_init(&base->users, 1);
	base->agent = b->agent;
	weir_meta_observe_table_init(&base->observe, &b->agent);
	if (b->out_of_memory || local_init(&base->local, b) < 0 ||
	    weir_meta_layer_init(&base->layer, b, &base->local) < 0 || cidrs_init(base, b) < 0 ||
	    segments_init(base, b) < 0 || peers_init(base, b) < 0 || tap_types_init(base, b) < 0) {
		base_put(base);
		return NULL;
	}
	return base;
}

struct weir_meta *weir_meta_freeze(const struct weir_meta_builder *b, struct weir_err *err)
{
	struct weir_meta *m = calloc(1, sizeof(*m));

	if (m != NULL)
		m->base = base_create(b);
	if (m == NULL || m->base == NULL) {
		weir_err_set(err, ENOMEM,
			     "inventory of %zu interfaces: out of memory; the one in force stays",
			     b->interfaces.count);
		free(m);
		return NULL;
	}
	m->interfaces = b->interfaces.count;
	return m;
}

void weir_meta_destroy(struct weir_meta *m)
{
	if (m == NULL)
		return;
	weir_meta_layer_fini(&m->over);
	base_put(m->base);
	free(m);
}

size_t weir_meta_bytes(const struct weir_meta *m)
{
	const struct base *base = m->base;

	return sizeof(*m) + weir_meta_layer_bytes(&m->over) + sizeof(*base) +
	       weir_meta_layer_bytes(&base->layer) + weir_lpm_bytes(base->lpm) + base->local.bytes +
	       base->segments.bytes + base->peers.bytes + base->flow_tap_types.bytes +
	       base->peer_count * sizeof(*base->peer) +
	       base->peer_range_count * sizeof(*base->peer_range);
}

size_t weir_meta_interfaces(const struct weir_meta *m)
{
	return m->interfaces;
}
