/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks that frames are lent from, of memory or mapped (window.c). The reader takes them, whoever
 * gives back the last frame of one pushes it on a list, and the reader takes that list as a whole: many
 * push, one pops all, so that no block can come back between two looks at the head.
 * Last in, first out: as long as frames come back at once, the same two or three blocks stay in the cache.
 */
#include "pcap_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BLOCK_HELD (UINT32_C(1) << 31)

int weir_pcap_pool_init(struct weir_pcap_pool *pool, size_t n_blocks, size_t stride, int prot)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	*pool = (struct weir_pcap_pool){
		.n_blocks = n_blocks,
		.memory_bytes = n_blocks * stride + WINDOW_ALIGN,
	};
	pool->blocks = aligned_alloc(WEIR_CACHE_LINE, n_blocks * sizeof(*pool->blocks));
	/* Not touched, so not there, until a file needs it: most blocks of many files never are. */
	/* cppcheck-suppress invalidFunctionArg ; anonymous memory has no file */
	pool->memory = mmap(NULL, pool->memory_bytes, prot, flags, -1, 0);
	if (pool->memory == MAP_FAILED)
		pool->memory = NULL;
	if (pool->blocks == NULL || pool->memory == NULL) {
		pool->n_blocks = 0;
		weir_pcap_pool_fini(pool);
		return -ENOMEM;
	}
	pool->base = pool->memory + (-(uintptr_t)pool->memory & (WINDOW_ALIGN - 1));
	for (size_t i = n_blocks; i-- > 0;) {
		struct weir_pcap_block *b = &pool->blocks[i];

		*b = (struct weir_pcap_block){ .next = pool->spare,
					       .pool = pool,
					       .data = pool->base + i * stride };
		pool->spare = b;
	}
	return 0;
}

void weir_pcap_pool_fini(struct weir_pcap_pool *pool)
{
	for (size_t i = 0; pool->blocks != NULL && i < pool->n_blocks; i++)
		ASAN_UNPOISON_MEMORY_REGION(pool->blocks[i].data, pool->blocks[i].used);
	if (pool->memory != NULL)
		munmap(pool->memory, pool->memory_bytes);
	free(pool->blocks);
	*pool = (struct weir_pcap_pool){ 0 };
}

/* What came back goes before what is spare: it is still in the cache. */
static void take_freed(struct weir_pcap_pool *pool)
{
	struct weir_pcap_block *first, *last;

	if (atomic_load_explicit(&pool->freed, memory_order_relaxed) == NULL)
		return;
	/* Pairs with the release in weir_pcap_block_put(). */
	first = atomic_exchange_explicit(&pool->freed, NULL, memory_order_acquire);
	for (last = first; last->next != NULL;)
		last = last->next;
	last->next = pool->spare;
	pool->spare = first;
}

struct weir_pcap_block *weir_pcap_block_take(struct weir_pcap_pool *pool)
{
	struct weir_pcap_block *b;

	take_freed(pool);
	b = pool->spare;
	if (b == NULL)
		return NULL;
	pool->spare = b->next;
	atomic_store_explicit(&b->out, BLOCK_HELD, memory_order_relaxed);
	ASAN_UNPOISON_MEMORY_REGION(b->data, b->used);
	return b;
}

void weir_pcap_block_leave(struct weir_pcap_block *b, uint32_t lent)
{
	weir_pcap_block_put(b, BLOCK_HELD - lent);
}

void weir_pcap_block_put(struct weir_pcap_block *b, uint32_t n)
{
	struct weir_pcap_block *head;

	if (atomic_fetch_sub_explicit(&b->out, n, memory_order_acq_rel) != n)
		return;
	head = atomic_load_explicit(&b->pool->freed, memory_order_relaxed);
	do {
		b->next = head; /* the release pairs with weir_pcap_block_take() */
	} while (!atomic_compare_exchange_weak_explicit(&b->pool->freed, &head, b,
							memory_order_release,
							memory_order_relaxed));
}
