/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a text to what bears it: names, ids, addresses. Seeded, since agents choose their texts themselves.
 * A text is borrowed: what is found by it holds it as long as it is in here.
 */
#ifndef INDEX_H
#define INDEX_H

#include <weir_base.h>

struct site_index_slot {
	uint64_t hash;
	const char *key; /* NULL: empty */
	void *item;
};

struct site_index { /* zeroed = empty */
	struct site_index_slot *slots;
	size_t mask, used;
	uint64_t seed;
};

/* Room for `n` more, so that putting them cannot fail. 0 or -ENOMEM. */
int site_index_reserve(struct site_index *ix, size_t n);
void site_index_put(struct site_index *ix, const char *key, void *item); /* there is room */
void *site_index_get(const struct site_index *ix, const char *key);      /* NULL: none */
void site_index_drop(struct site_index *ix, const char *key);            /* it is there */
void site_index_fini(struct site_index *ix);

#endif
