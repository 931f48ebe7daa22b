/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces as tables. Of rows with one key the last holds, and says that it is not the only one. */
#include "meta_priv.h"

#include <errno.h>
#include <stdlib.h>

static const struct interface *interfaces_of(const struct weir_meta_builder *b)
{
	return b->interfaces.items;
}

static const struct address *addresses_of(const struct weir_meta_builder *b,
					  const struct interface *itf)
{
	return (const struct address *)b->addresses.items + itf->first;
}

static void put_info(struct layer *l, const struct interface *itf, const struct address *a)
{
	struct interface_info *info = &l->info[l->info_count++];

	info->id = itf->id;
	for (uint32_t i = itf->count; i-- > 0;) { /* the first of each family holds */
		info->has_ip[a[i].is_ipv6] = true;
		info->ip[a[i].is_ipv6] = a[i].ip;
	}
}

/* `shared` marks a value that is not the only one of its key. */
static void put16(struct weir_table *t, uint64_t key, uint64_t value, uint64_t shared)
{
	if (found(weir_table_put16(t, key, value)) != 0)
		weir_table_put16(t, key, value | shared);
}

static void put32(struct weir_table *t, const uint64_t key[3], uint64_t value, uint64_t shared)
{
	if (found(weir_table_put32(t, key, value)) != 0)
		weir_table_put32(t, key, value | shared);
}

static void put_address(struct layer *l, const struct interface *itf, const struct address *a,
			uint16_t flags)
{
	const uint64_t value = itf->mac | (uint64_t)flags << 48 | THERE;
	uint64_t key[3];

	if (!a->is_ipv6) {
		put16(&l->v4, key4(itf->vpc, &a->ip), value, SHARED_ADDRESS);
		return;
	}
	key6(itf->vpc, &a->ip, key);
	put32(&l->v6, key, value, SHARED_ADDRESS);
}

void weir_meta_layer_put(struct layer *l, const struct interface *itf, const struct address *a,
			 bool is_local)
{
	const uint16_t flags = itf->flags | (is_local ? WEIR_META_IS_LOCAL : 0);
	uint64_t value;

	put_info(l, itf, a);
	value = l->info_count | (uint64_t)flags << 32 | (uint64_t)(itf->vpc + VPC_BIAS) << 44;
	if (has_mac_row(itf))
		put16(&l->macs, itf->mac, value, SHARED);
	for (uint32_t i = 0; i < itf->count; i++) {
		uint64_t key[3];

		if (!is_wan(itf)) {
			put_address(l, itf, &a[i], flags);
			continue;
		}
		key_pair(0, &a[i].ip, a[i].is_ipv6, key);
		put32(&l->wans, key, value, SHARED);
	}
}

/* Do its rows in the other tables show it: the MAC's VPC, and in that VPC the address's MAC? */
static bool shows_pair(const struct layer *l, const struct interface *itf, const struct address *a)
{
	const uint64_t value = found(weir_table_get16(&l->macs, itf->mac));
	uint64_t key[3], row;

	if (value == 0 || vpc_of_value(value) != itf->vpc || keeps_pairs(itf))
		return false;
	if (a->is_ipv6) {
		key6(itf->vpc, &a->ip, key);
		row = weir_table_get32(&l->v6, key);
	} else {
		row = weir_table_get16(&l->v4, key4(itf->vpc, &a->ip));
	}
	return found(row) != 0 && (row & MAC_MASK) == itf->mac;
}

/* Visit the pairs that have to be kept: how many there are, or put them. */
static size_t pairs(struct layer *l, const struct weir_meta_builder *b, bool put)
{
	const struct interface *itf = interfaces_of(b);
	size_t n = 0;

	for (size_t i = 0; i < b->interfaces.count; i++) {
		const struct address *a = addresses_of(b, &itf[i]);

		for (uint32_t k = 0; itf[i].mac != 0 && k < itf[i].count; k++) {
			uint64_t key[3];

			if (shows_pair(l, &itf[i], &a[k]))
				continue;
			n++;
			key_pair(itf[i].mac, &a[k].ip, a[k].is_ipv6, key);
			if (put)
				put32(&l->pairs, key, PAIR, SHARED_PAIR);
		}
	}
	return n;
}

void weir_meta_layer_put_pairs(struct layer *l, const struct weir_meta_builder *b)
{
	pairs(l, b, true);
}

/* Rows that each table will have. */
struct counts {
	size_t v4, v6, wan;
};

static struct counts count(const struct weir_meta_builder *b)
{
	const struct interface *itf = interfaces_of(b);
	struct counts c = { 0 };

	for (size_t i = 0; i < b->interfaces.count; i++) {
		const struct address *a = addresses_of(b, &itf[i]);

		for (uint32_t k = 0; k < itf[i].count; k++) {
			if (is_wan(&itf[i]))
				c.wan++;
			else if (a[k].is_ipv6)
				c.v6++;
			else
				c.v4++;
		}
	}
	return c;
}

int weir_meta_layer_init(struct layer *l, const struct weir_meta_builder *b,
			 const struct weir_table *local)
{
	const struct interface *itf = interfaces_of(b);
	const size_t n = b->interfaces.count;
	const struct counts c = count(b);

	l->info = calloc(n + 1, sizeof(*l->info));
	if (l->info == NULL || weir_table_init(&l->macs, n, sizeof(struct weir_row16)) < 0 ||
	    weir_table_init(&l->v4, c.v4, sizeof(struct weir_row16)) < 0 ||
	    weir_table_init(&l->v6, c.v6, sizeof(struct weir_row32)) < 0 ||
	    weir_table_init(&l->wans, c.wan, sizeof(struct weir_row32)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		weir_meta_layer_put(l, &itf[i], addresses_of(b, &itf[i]),
				    itf[i].mac != 0 && weir_table_get16(local, itf[i].mac) != 0);
	if (weir_table_init(&l->pairs, pairs(l, b, false), sizeof(struct weir_row32)) < 0)
		return -ENOMEM;
	weir_meta_layer_put_pairs(l, b);
	return 0;
}

void weir_meta_layer_fini(struct layer *l)
{
	weir_table_fini(&l->macs);
	weir_table_fini(&l->v4);
	weir_table_fini(&l->v6);
	weir_table_fini(&l->wans);
	weir_table_fini(&l->pairs);
	free(l->info);
}

size_t weir_meta_layer_bytes(const struct layer *l)
{
	return l->macs.bytes + l->v4.bytes + l->v6.bytes + l->wans.bytes + l->pairs.bytes +
	       l->info_count * sizeof(*l->info);
}
