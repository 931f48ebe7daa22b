/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few changes over a base, without making the base anew: a second, small layer of the same tables that
 * is asked first. A row in it can say that there is none.
 *
 * Only keys of the changed interfaces are in it. So that those that an interface had before are hidden,
 * whoever changes an interface gives its former rows as gone.
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

static void hide_address(struct layer *l, const struct interface *itf, const struct address *a)
{
	uint64_t key[3];

	key_pair(itf->mac, &a->ip, a->is_ipv6, key);
	if (itf->mac != 0)
		weir_table_put32(&l->pairs, key, GONE);
	if (itf->flags & WEIR_META_IS_WAN) {
		key_pair(0, &a->ip, a->is_ipv6, key);
		weir_table_put32(&l->wans, key, GONE);
	} else if (a->is_ipv6) {
		key6(itf->vpc, &a->ip, key);
		weir_table_put32(&l->v6, key, GONE);
	} else {
		weir_table_put16(&l->v4, key4(itf->vpc, &a->ip), GONE);
	}
}

static void hide(struct layer *l, const struct weir_meta_builder *gone)
{
	for (size_t i = 0; i < gone->interfaces.count; i++) {
		const struct interface *itf = interface_at(gone, i);

		if (itf->mac != 0)
			weir_table_put16(&l->macs, itf->mac, GONE);
		for (uint32_t k = 0; k < itf->count; k++)
			hide_address(l, itf, address_at(gone, itf, k));
	}
}

/* Which MACs are of this machine, the base knows. */
static bool is_local(const struct base *base, uint64_t mac)
{
	return mac != 0 && weir_table_get16(&base->local, mac) != 0;
}

/* Another interface's address, which its row no longer shows: keep that they belong together. */
static void keep_pair(struct layer *l, const struct weir_meta *old, const struct interface *itf,
		      const struct address *a)
{
	const uint64_t row = get_address(old, itf->vpc, &a->ip, a->is_ipv6);
	uint64_t key[3];

	if (row == 0 || (row & MAC_MASK) == 0 || (row & MAC_MASK) == itf->mac)
		return;
	key_pair(row & MAC_MASK, &a->ip, a->is_ipv6, key);
	if (weir_table_get32(&l->pairs, key) == 0)
		weir_table_put32(&l->pairs, key, 1);
}

static void change(struct layer *l, const struct weir_meta *old,
		   const struct weir_meta_builder *changed)
{
	const struct base *base = old->base;

	for (size_t i = 0; i < changed->interfaces.count; i++) {
		const struct interface *itf = interface_at(changed, i);

		for (uint32_t k = 0; k < itf->count; k++)
			keep_pair(l, old, itf, address_at(changed, itf, k));
		weir_meta_layer_put(l, itf, address_at(changed, itf, 0), is_local(base, itf->mac));
	}
	for (size_t i = 0; i < changed->interfaces.count; i++) {
		const struct interface *itf = interface_at(changed, i);

		for (uint32_t k = 0; itf->mac != 0 && k < itf->count; k++) {
			const struct address *a = address_at(changed, itf, k);
			uint64_t key[3];

			key_pair(itf->mac, &a->ip, a->is_ipv6, key);
			weir_table_put32(&l->pairs, key, 1); /* all of them: they are few */
		}
	}
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

static size_t interfaces_of(const struct weir_meta_builder *b)
{
	return b != NULL ? b->interfaces.count : 0;
}

static size_t addresses_of(const struct weir_meta_builder *b)
{
	return b != NULL ? b->addresses.count : 0;
}

static bool out_of_memory(const struct weir_meta_builder *b)
{
	return b != NULL && b->out_of_memory;
}

struct weir_meta *weir_meta_overlay(struct weir_meta *base, const struct weir_meta_builder *gone,
				    const struct weir_meta_builder *changed, struct weir_err *err)
{
	const size_t interfaces = interfaces_of(gone) + interfaces_of(changed);
	struct weir_meta *m = calloc(1, sizeof(*m));

	if (m == NULL || out_of_memory(gone) || out_of_memory(changed) ||
	    tables_init(&m->over, &base->over, interfaces,
			addresses_of(gone) + addresses_of(changed)) < 0) {
		weir_err_set(err, ENOMEM,
			     "%zu changes of the inventory: out of memory; the one in force stays",
			     interfaces);
		if (m != NULL)
			weir_meta_layer_fini(&m->over);
		free(m);
		return NULL;
	}
	m->base = base->base;
	atomic_fetch_add_explicit(&m->base->users, 1, memory_order_relaxed);
	m->has_over = true;
	m->over_size = base->over_size + interfaces;
	keep(&m->over, &base->over);
	if (gone != NULL)
		hide(&m->over, gone);
	if (changed != NULL)
		change(&m->over, base, changed);
	return m;
}

size_t weir_meta_overlay_size(const struct weir_meta *m)
{
	return m->over_size;
}
