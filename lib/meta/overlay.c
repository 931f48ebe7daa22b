/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few changes over a base, without making the base anew: a second, small layer of the same tables that
 * is asked first. A row in it can say that there is none.
 *
 * Only keys of the changed interfaces are in it. So that those that an interface had before are hidden,
 * whoever changes an interface gives its former rows as gone. A key that another interface has, too, is
 * not for a layer: which of them holds is a matter of the order of all rows, which a layer does not know.
 */
#include "meta_priv.h"

#include <errno.h>
#include <stdlib.h>

static const struct interface *interface_at(const struct weir_meta_builder *b, size_t i)
{
	return (const struct interface *)b->interfaces.items + i;
}

static const struct address *address_at(const struct weir_meta_builder *b,
					const struct interface *itf, uint32_t k)
{
	return (const struct address *)b->addresses.items + itf->first + k;
}

/* Add to `to` every row of `from`. */
static void copy(struct weir_table *to, const struct weir_table *from, size_t row_bytes)
{
	const struct weir_row16 *r16 = from->lines;
	const struct weir_row32 *r32 = from->lines;

	for (size_t i = 0; i < from->bytes / row_bytes; i++) {
		if (row_bytes == sizeof(*r16) && r16[i].value != 0)
			weir_table_put16(to, r16[i].key, r16[i].value);
		else if (row_bytes == sizeof(*r32) && r32[i].value != 0)
			weir_table_put32(to, r32[i].key, r32[i].value);
	}
}

static uint64_t address_row(const struct weir_meta *m, const struct interface *itf,
			    const struct address *a)
{
	return is_wan(itf) ? weir_meta_get_wan(m, &a->ip, a->is_ipv6)
			   : get_address(m, itf->vpc, &a->ip, a->is_ipv6);
}

static uint64_t pair_row(const struct weir_meta *m, const struct interface *itf,
			 const struct address *a)
{
	return itf->mac != 0 ? weir_meta_get_pair(m, itf->mac, &a->ip, a->is_ipv6) : 0;
}

/* Are the rows of its keys its own and nobody else's? */
static bool is_alone(const struct weir_meta *m, const struct interface *itf,
		     const struct address *a)
{
	const uint64_t shared = is_wan(itf) ? SHARED : SHARED_ADDRESS;

	for (uint32_t k = 0; k < itf->count; k++) {
		const uint64_t row = address_row(m, itf, &a[k]);

		if (row == 0 || (row & shared) != 0 ||
		    pair_row(m, itf, &a[k]) != (keeps_pairs(itf) ? PAIR : 0))
			return false;
	}
	return !has_mac_row(itf) || (get_mac(m, itf->mac) != 0 && !(get_mac(m, itf->mac) & SHARED));
}

/* Does nobody have its keys? */
static bool is_new(const struct weir_meta *m, const struct interface *itf, const struct address *a)
{
	for (uint32_t k = 0; k < itf->count; k++)
		if (address_row(m, itf, &a[k]) != 0 || pair_row(m, itf, &a[k]) != 0)
			return false;
	return !has_mac_row(itf) || get_mac(m, itf->mac) == 0;
}

static void hide_address(struct layer *l, const struct interface *itf, const struct address *a)
{
	uint64_t key[3];

	key_pair(itf->mac, &a->ip, a->is_ipv6, key);
	if (itf->mac != 0)
		weir_table_put32(&l->pairs, key, GONE);
	if (is_wan(itf)) {
		key_pair(0, &a->ip, a->is_ipv6, key);
		weir_table_put32(&l->wans, key, GONE);
	} else if (a->is_ipv6) {
		key6(itf->vpc, &a->ip, key);
		weir_table_put32(&l->v6, key, GONE);
	} else {
		weir_table_put16(&l->v4, key4(itf->vpc, &a->ip), GONE);
	}
}

static int hide(struct weir_meta *m, const struct weir_meta_builder *gone)
{
	for (size_t i = 0; i < gone->interfaces.count; i++) {
		const struct interface *itf = interface_at(gone, i);

		if (!is_alone(m, itf, address_at(gone, itf, 0)))
			return -EEXIST;
		if (has_mac_row(itf))
			weir_table_put16(&m->over.macs, itf->mac, GONE);
		for (uint32_t k = 0; k < itf->count; k++)
			hide_address(&m->over, itf, address_at(gone, itf, k));
	}
	return 0;
}

/* Which MACs are of this machine, the base knows. */
static bool is_local(const struct base *base, uint64_t mac)
{
	return mac != 0 && weir_table_get16(&base->local, mac) != 0;
}

static int change(struct weir_meta *m, const struct weir_meta_builder *changed)
{
	for (size_t i = 0; i < changed->interfaces.count; i++) {
		const struct interface *itf = interface_at(changed, i);
		const struct address *a = address_at(changed, itf, 0);

		if (!is_new(m, itf, a))
			return -EEXIST;
		weir_meta_layer_put(&m->over, itf, a, is_local(m->base, itf->mac));
	}
	weir_meta_layer_put_pairs(&m->over, changed);
	return 0;
}

static int tables_init(struct layer *l, const struct layer *old, size_t interfaces,
		       size_t addresses)
{
	l->info = calloc(old->info_count + interfaces + 1, sizeof(*l->info));
	if (l->info == NULL ||
	    weir_table_init(&l->macs, old->macs.count + interfaces, sizeof(struct weir_row16)) <
		    0 ||
	    weir_table_init(&l->v4, old->v4.count + addresses, sizeof(struct weir_row16)) < 0 ||
	    weir_table_init(&l->v6, old->v6.count + addresses, sizeof(struct weir_row32)) < 0 ||
	    weir_table_init(&l->wans, old->wans.count + addresses, sizeof(struct weir_row32)) < 0 ||
	    weir_table_init(&l->pairs, old->pairs.count + 2 * addresses,
			    sizeof(struct weir_row32)) < 0)
		return -ENOMEM;
	return 0;
}

static void keep(struct layer *l, const struct layer *old)
{
	if (old->info_count > 0)
		memcpy(l->info, old->info, old->info_count * sizeof(*l->info));
	l->info_count = old->info_count;
	copy(&l->macs, &old->macs, sizeof(struct weir_row16));
	copy(&l->v4, &old->v4, sizeof(struct weir_row16));
	copy(&l->v6, &old->v6, sizeof(struct weir_row32));
	copy(&l->wans, &old->wans, sizeof(struct weir_row32));
	copy(&l->pairs, &old->pairs, sizeof(struct weir_row32));
}

/* The layer of `base`, with room for more, over the same tables. */
static int begin(struct weir_meta *m, const struct weir_meta *base, size_t interfaces,
		 size_t addresses)
{
	m->base = base->base;
	atomic_fetch_add_explicit(&m->base->users, 1, memory_order_relaxed);
	if (tables_init(&m->over, &base->over, interfaces, addresses) < 0)
		return -ENOMEM;
	m->has_over = true;
	m->over_size = base->over_size + interfaces;
	keep(&m->over, &base->over);
	return 0;
}

struct weir_meta *weir_meta_overlay(const struct weir_meta *base,
				    const struct weir_meta_builder *gone,
				    const struct weir_meta_builder *changed, struct weir_err *err)
{
	const size_t interfaces = gone->interfaces.count + changed->interfaces.count;
	struct weir_meta *m = calloc(1, sizeof(*m));
	int rc = -ENOMEM;

	if (m != NULL && !gone->out_of_memory && !changed->out_of_memory)
		rc = begin(m, base, interfaces, gone->addresses.count + changed->addresses.count);
	if (rc == 0)
		rc = hide(m, gone);
	if (rc == 0)
		rc = change(m, changed);
	if (rc == 0) {
		m->interfaces = base->interfaces + changed->interfaces.count -
				gone->interfaces.count;
		return m;
	}
	weir_err_set(err, -rc, "%zu changes of the inventory: %s", interfaces,
		     rc == -EEXIST ? "another interface has the same MAC or address"
				   : "out of memory; the one in force stays");
	weir_meta_destroy(m);
	return NULL;
}

size_t weir_meta_overlay_size(const struct weir_meta *m)
{
	return m->over_size;
}
