/* SPDX-License-Identifier: Apache-2.0 */
/* Subnets that private addresses are in, by the lengths of their prefixes: a Cidr each for a VPC. */
#include "inventory_priv.h"

#include <stdlib.h>

static int by_subnet(const void *a, const void *b)
{
	const struct subnet *x = a, *y = b;

	if (x->vpc != y->vpc)
		return x->vpc < y->vpc ? -1 : 1;
	if (x->prefix.is_ipv6 != y->prefix.is_ipv6)
		return x->prefix.is_ipv6 ? 1 : -1;
	if (x->prefix.len != y->prefix.len)
		return x->prefix.len < y->prefix.len ? -1 : 1;
	return memcmp(x->prefix.ip.b, y->prefix.ip.b, sizeof(x->prefix.ip.b));
}

/* Neither a host's own, nor so wide that it says nothing. */
static bool is_subnet(const struct address *a)
{
	return a->is_ipv6 ? a->len >= 32 && a->len < 128 : a->len >= 8 && a->len < 32;
}

static bool subnet_add(struct weir_list *l, const struct member *m, const struct address *a)
{
	const struct subnet s = { m->vpc,
				  { weir_prefix_mask(&a->ip, a->len), a->len, a->is_ipv6 } };
	const struct subnet *v = l->items;
	struct subnet *to;

	if (l->count > 0 && by_subnet(&v[l->count - 1], &s) == 0)
		return true;
	to = weir_list_add(l, sizeof(*to));
	if (to != NULL)
		*to = s;
	return to != NULL;
}

static bool subnets_add(struct weir_list *l, const struct member *m)
{
	const struct report *r = &m->reporter->report;

	for (uint32_t i = 0; i < r->rows; i++) {
		const struct row *row = &r->row[i];

		if (row->is_wan || row->is_others)
			continue;
		for (uint32_t k = 0; k < row->count; k++) {
			const struct address *a = &r->address[row->first + k];

			if (!a->is_others && is_subnet(a) && !subnet_add(l, m, a))
				return false;
		}
	}
	return true;
}

static void subnets_sort(struct weir_list *l)
{
	struct subnet *v = l->items;
	size_t kept = 0;

	if (l->count > 0)
		qsort(v, l->count, sizeof(*v), by_subnet);
	for (size_t i = 0; i < l->count; i++)
		if (kept == 0 || by_subnet(&v[kept - 1], &v[i]) != 0)
			v[kept++] = v[i];
	l->count = kept;
}

struct packed inventory_subnets_of(struct inventory *inv, const struct scope *s)
{
	struct weir_list l = { 0 };
	struct packed to = { 0 };
	bool ok = true;

	for (uint32_t id = 1; ok && id <= inv->id_last; id++) {
		const struct member *m = inv->member[id];

		if (m != NULL && m->reporter != NULL && inventory_scope_has(s, m))
			ok = subnets_add(&l, m);
	}
	subnets_sort(&l);
	inv->counts.cidrs = (uint32_t)weir_max_u64(inv->counts.cidrs, l.count);
	if (ok)
		to = (s->trident ? &inventory_trident : &inventory_agent)
			     ->subnets(l.items, l.count);
	free(l.items);
	return to;
}
