/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing, at most half full; what is dropped is closed up, so no marks of the dead are left. */
#include "index.h"

#include <errno.h>
#include <stdlib.h>

#define FEWEST 64

static uint64_t hash_of(const struct site_index *ix, const char *key)
{
	const size_t n = strlen(key);
	uint64_t h = ix->seed ^ n, part;

	for (size_t i = 0; i < n; i += sizeof(part)) {
		part = 0;
		memcpy(&part, key + i, weir_min_u64(sizeof(part), n - i));
		h = weir_mix(h ^ part, UINT64_C(0x9e3779b97f4a7c15));
	}
	return h;
}

static size_t place_of(const struct site_index *ix, uint64_t hash, const char *key)
{
	size_t i = hash & ix->mask;

	while (ix->slots[i].key != NULL &&
	       (ix->slots[i].hash != hash || strcmp(ix->slots[i].key, key) != 0))
		i = (i + 1) & ix->mask;
	return i;
}

int site_index_reserve(struct site_index *ix, size_t n)
{
	struct site_index old = *ix;
	size_t room = ix->slots != NULL ? ix->mask + 1 : FEWEST;

	while (room < 2 * (ix->used + n))
		room *= 2;
	if (ix->slots != NULL && room == ix->mask + 1)
		return 0;
	ix->slots = calloc(room, sizeof(*ix->slots));
	if (ix->slots == NULL) {
		*ix = old;
		return -ENOMEM;
	}
	if (old.slots == NULL)
		ix->seed = weir_random_u64();
	ix->mask = room - 1;
	for (size_t i = 0; old.slots != NULL && i <= old.mask; i++)
		if (old.slots[i].key != NULL)
			ix->slots[place_of(ix, old.slots[i].hash, old.slots[i].key)] = old.slots[i];
	free(old.slots);
	return 0;
}

void site_index_put(struct site_index *ix, const char *key, void *item)
{
	const uint64_t hash = hash_of(ix, key);
	struct site_index_slot *slot = &ix->slots[place_of(ix, hash, key)];

	ix->used += slot->key == NULL;
	*slot = (struct site_index_slot){ hash, key, item };
}

void *site_index_get(const struct site_index *ix, const char *key)
{
	if (ix->slots == NULL)
		return NULL;
	return ix->slots[place_of(ix, hash_of(ix, key), key)].item;
}

/* Whatever stands behind the gap and was pushed past it moves up. */
void site_index_drop(struct site_index *ix, const char *key)
{
	size_t gap, i;

	if (ix->slots == NULL)
		return;
	gap = place_of(ix, hash_of(ix, key), key);
	if (ix->slots[gap].key == NULL)
		return;
	ix->used--;
	for (i = (gap + 1) & ix->mask; ix->slots[i].key != NULL; i = (i + 1) & ix->mask) {
		const size_t wanted = ix->slots[i].hash & ix->mask;

		if (((i - wanted) & ix->mask) >= ((i - gap) & ix->mask)) {
			ix->slots[gap] = ix->slots[i];
			gap = i;
		}
	}
	ix->slots[gap] = (struct site_index_slot){ 0 };
}

void site_index_fini(struct site_index *ix)
{
	free(ix->slots);
	*ix = (struct site_index){ 0 };
}
