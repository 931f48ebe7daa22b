/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash index: 64-byte buckets of 12 one-byte tags and 12 flow numbers, one cache line a look-up.
 * A bucket that is full goes on in an overflow bucket. At 7 flows a bucket about one in forty does.
 */
#ifndef WEIR_FLOW_INDEX_H
#define WEIR_FLOW_INDEX_H

#include <weir_base.h>

#define BUCKET_SLOTS 12
#define BUCKET_LOAD  7 /* flows a bucket at capacity, on average */

struct bucket {
	uint8_t tag[BUCKET_SLOTS]; /* 0 = free */
	uint32_t next;             /* overflow bucket, 0 = none */
	uint32_t flow[BUCKET_SLOTS];
};
static_assert(sizeof(struct bucket) == WEIR_CACHE_LINE, "one line");

struct flow_index {
	struct bucket *buckets; /* home buckets, then overflow buckets */
	uint32_t home;          /* number of home buckets */
	uint32_t total;
	uint32_t free_overflow; /* chain of free overflow buckets, 0 = none */
	uint32_t fresh;         /* overflow buckets never used begin here */
};

static inline uint8_t index_tag(uint64_t hash)
{
	uint8_t tag = (uint8_t)(hash >> 56);

	return tag != 0 ? tag : 1;
}

static inline uint32_t index_home(const struct flow_index *ix, uint64_t hash)
{
	return (uint32_t)(((hash & UINT32_MAX) * ix->home) >> 32);
}

static inline struct bucket *index_bucket(const struct flow_index *ix, uint64_t hash)
{
	return &ix->buckets[index_home(ix, hash)];
}

static inline uint32_t index_home_count(uint32_t flows)
{
	return flows / BUCKET_LOAD + 1;
}

static inline uint32_t index_bucket_count(uint32_t flows)
{
	/* Poisson with mean 7: 2.7 % of buckets overflow. A seeded hash keeps it so. */
	return index_home_count(flows) + index_home_count(flows) / 16 + 16;
}

/* The slots of a bucket with this tag, as a bit mask. */
static inline uint32_t bucket_match(const struct bucket *b, uint8_t tag)
{
	typedef int8_t v16 __attribute__((vector_size(16), aligned(1), may_alias));
	const v16 tags = *(const v16 *)(const void *)b->tag;
	const v16 hit = tags == (v16){ (int8_t)tag, (int8_t)tag, (int8_t)tag, (int8_t)tag,
				       (int8_t)tag, (int8_t)tag, (int8_t)tag, (int8_t)tag,
				       (int8_t)tag, (int8_t)tag, (int8_t)tag, (int8_t)tag,
				       (int8_t)tag, (int8_t)tag, (int8_t)tag, (int8_t)tag };
#ifdef __SSE2__
	return (uint32_t)__builtin_ia32_pmovmskb128((__attribute__((vector_size(16))) char)hit) &
	       ((1u << BUCKET_SLOTS) - 1);
#else
	uint32_t mask = 0;

	for (unsigned int i = 0; i < BUCKET_SLOTS; i++)
		mask |= (uint32_t)(hit[i] & 1) << i;
	return mask;
#endif
}

void index_init(struct flow_index *ix, void *mem, uint32_t flows);

/* False when the bucket and its overflow are full and no overflow bucket is left. */
bool index_insert(struct flow_index *ix, uint64_t hash, uint32_t flow);
void index_remove(struct flow_index *ix, uint64_t hash, uint32_t flow);

#endif
