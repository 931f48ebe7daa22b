/* SPDX-License-Identifier: Apache-2.0 */
#include "index.h"

void index_init(struct flow_index *ix, void *mem, uint32_t flows)
{
	*ix = (struct flow_index){
		.buckets = mem,
		.home = index_home_count(flows),
		.total = index_bucket_count(flows),
		.fresh = index_home_count(flows),
	};
}

static uint32_t overflow_take(struct flow_index *ix)
{
	uint32_t i = ix->free_overflow;

	if (i != 0) {
		ix->free_overflow = ix->buckets[i].next;
		ix->buckets[i].next = 0;
		return i;
	}
	return ix->fresh < ix->total ? ix->fresh++ : 0;
}

static bool bucket_put(struct bucket *b, uint8_t tag, uint32_t flow)
{
	const uint32_t free_slots = bucket_match(b, 0);
	unsigned int slot;

	if (free_slots == 0)
		return false;
	slot = (unsigned int)__builtin_ctz(free_slots);
	b->tag[slot] = tag;
	b->flow[slot] = flow;
	return true;
}

bool index_insert(struct flow_index *ix, uint64_t hash, uint32_t flow)
{
	struct bucket *b = &ix->buckets[index_home(ix, hash)];
	const uint8_t tag = index_tag(hash);

	while (!bucket_put(b, tag, flow)) {
		if (b->next == 0) {
			b->next = overflow_take(ix);
			if (b->next == 0)
				return false;
		}
		b = &ix->buckets[b->next];
	}
	return true;
}

/* Unlink an overflow bucket that has become empty. */
static void overflow_give(struct flow_index *ix, struct bucket *prev, uint32_t i)
{
	prev->next = ix->buckets[i].next;
	ix->buckets[i].next = ix->free_overflow;
	ix->free_overflow = i;
}

void index_remove(struct flow_index *ix, uint64_t hash, uint32_t flow)
{
	const uint8_t tag = index_tag(hash);
	struct bucket *prev = NULL;
	uint32_t i = index_home(ix, hash);

	for (;;) {
		struct bucket *b = &ix->buckets[i];

		for (uint32_t m = bucket_match(b, tag); m != 0; m &= m - 1) {
			const unsigned int slot = (unsigned int)__builtin_ctz(m);

			if (b->flow[slot] != flow)
				continue;
			b->tag[slot] = 0;
			if (prev != NULL && bucket_match(b, 0) == (1u << BUCKET_SLOTS) - 1)
				overflow_give(ix, prev, i);
			return;
		}
		assert(b->next != 0);
		prev = b;
		i = b->next;
	}
}
