/* SPDX-License-Identifier: Apache-2.0 */
/* Pool of the 64-byte extensions that hang at a flow. */
#include "flow_priv.h"

void weir_ext_pool_init(struct ext_pool *pool, void *mem, uint32_t size)
{
	*pool = (struct ext_pool){ .block = mem, .size = size, .free = FLOW_NONE };
}

static uint32_t take(struct ext_pool *pool)
{
	uint32_t i = pool->free;

	if (i != FLOW_NONE)
		pool->free = pool->block[i].next;
	else if (pool->fresh < pool->size)
		i = pool->fresh++;
	else
		return FLOW_NONE;
	pool->used++;
	return i;
}

static void give(struct ext_pool *pool, uint32_t i)
{
	pool->block[i].kind = EXT_FREE;
	pool->block[i].next = pool->free;
	pool->free = i;
	pool->used--;
}

struct ext *weir_ext_add(struct ext_pool *pool, uint32_t *head, enum ext_kind kind)
{
	uint32_t i = take(pool);
	struct ext *e;

	if (i == FLOW_NONE)
		return NULL;
	e = &pool->block[i];
	memset(e, 0, sizeof(*e));
	e->kind = (uint8_t)kind;
	e->next = *head;
	*head = i;
	return e;
}

void weir_ext_remove(struct ext_pool *pool, uint32_t *head, const struct ext *e)
{
	uint32_t i = (uint32_t)(e - pool->block);

	while (*head != i)
		head = &pool->block[*head].next;
	*head = e->next;
	give(pool, i);
}

void weir_ext_release_all(struct ext_pool *pool, uint32_t *head)
{
	while (*head != FLOW_NONE) {
		uint32_t i = *head;

		*head = pool->block[i].next;
		give(pool, i);
	}
}
