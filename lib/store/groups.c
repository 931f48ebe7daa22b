/* SPDX-License-Identifier: Apache-2.0 */
/* Groups and their sums: a hash table that grows. */
#include "groups.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_FIRST 4096 /* power of two */

static uint64_t hash(const struct store_key *k)
{
	uint64_t h = weir_mix(k->q[0][0] ^ UINT64_C(0x9e3779b97f4a7c15),
			      k->q[0][1] ^ UINT64_C(0xbf58476d1ce4e5b9));

	return weir_mix(h ^ k->q[1][0] ^ UINT64_C(0x94d049bb133111eb),
			h ^ k->q[1][1] ^ UINT64_C(0xd6e8feb86659fd93));
}

static bool is_same(const struct store_key *a, const struct store_key *b)
{
	return memcmp(a->q, b->q, sizeof(a->q)) == 0 &&
	       memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static struct store_group *find(struct store_group *slots, uint64_t n, const struct store_key *k)
{
	uint64_t i = hash(k) & (n - 1);

	while (slots[i].taken && !is_same(&slots[i].key, k))
		i = (i + 1) & (n - 1);
	return &slots[i];
}

static int grow(struct store_groups *t)
{
	uint64_t n = t->n_slots == 0 ? SLOTS_FIRST : t->n_slots * 2;
	struct store_group *slots = calloc(n, sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].taken)
			*find(slots, n, &t->slots[i].key) = t->slots[i];
	free(t->slots);
	t->slots = slots;
	t->n_slots = n;
	return 0;
}

struct store_group *store_groups_take(struct store_groups *t, const struct store_key *k)
{
	struct store_group *slot;

	if (t->used * 2 >= t->n_slots && grow(t) != 0)
		return NULL;
	slot = find(t->slots, t->n_slots, k);
	t->used += !slot->taken;
	slot->key = *k;
	slot->taken = true;
	return slot;
}

int store_groups_merge(struct store_groups *to, const struct store_groups *from)
{
	for (uint64_t i = 0; i < from->n_slots; i++) {
		struct store_group *slot;

		if (!from->slots[i].taken)
			continue;
		slot = store_groups_take(to, &from->slots[i].key);
		if (slot == NULL)
			return -ENOMEM;
		for (int sum = 0; sum < WEIR_STORE_SUMS; sum++)
			slot->sum[sum] += from->slots[i].sum[sum];
	}
	for (int sum = 0; sum < WEIR_STORE_SUMS; sum++)
		to->total[sum] += from->total[sum];
	return 0;
}

void store_groups_fini(struct store_groups *t)
{
	free(t->slots);
	memset(t, 0, sizeof(*t));
}
