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
	struct bucket *b = index_bucket(ix, hash);
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

/*
 * A slot of bucket `b` is free: the last bucket of the chain gives one of its flows to it, so that
 * there is a chain only while the home bucket is full. `prev` is before `b`, NULL = `b` is home.
 */
static void fill_slot(struct flow_index *ix, struct bucket *prev, struct bucket *b,
		      unsigned int slot)
{
	struct bucket *last = b;
	uint32_t used;
	unsigned int from;

	while (last->next != 0) {
		prev = last;
		last = &ix->buckets[last->next];
	}
	b->tag[slot] = 0;
	used = ~bucket_match(last, 0) & ((1u << BUCKET_SLOTS) - 1);
	if (last != b) {
		from = (unsigned int)__builtin_ctz(used);
		b->tag[slot] = last->tag[from];
		b->flow[slot] = last->flow[from];
		last->tag[from] = 0;
		used &= used - 1;
	}
	if (used == 0 && prev != NULL) {
		last->next = ix->free_overflow;
		ix->free_overflow = prev->next;
		prev->next = 0;
	}
}

void index_remove(struct flow_index *ix, uint64_t hash, uint32_t flow)
{
	const uint8_t tag = index_tag(hash);
	struct bucket *prev = NULL, *b = index_bucket(ix, hash);

	for (;;) {
		for (uint32_t m = bucket_match(b, tag); m != 0; m &= m - 1) {
			const unsigned int slot = (unsigned int)__builtin_ctz(m);

			if (b->flow[slot] == flow) {
				fill_slot(ix, prev, b, slot);
				return;
			}
		}
		assert(b->next != 0);
		prev = b;
		b = &ix->buckets[b->next];
	}
}
