/* SPDX-License-Identifier: Apache-2.0 */
#include "queue.h"

void queues_init(struct queues *qs, void *mem, uint32_t flows)
{
	*qs = (struct queues){ .chunks = mem, .total = queue_chunk_count(flows), .fresh = 1 };
}

void queues_clear(struct queues *qs)
{
	qs->fresh = 1;
	qs->free = 0;
	memset(qs->q, 0, sizeof(qs->q));
}

static uint32_t chunk_take(struct queues *qs)
{
	uint32_t i = qs->free;

	if (i != 0)
		qs->free = qs->chunks[i].next;
	else if (qs->fresh < qs->total)
		i = qs->fresh++;
	else
		return 0;
	qs->chunks[i].next = 0;
	qs->chunks[i].first = 0;
	qs->chunks[i].end = 0;
	qs->chunks[i].due_ns = 0;
	return i;
}

bool queue_push(struct queues *qs, enum flow_queue q, uint32_t ref, uint64_t due_ns)
{
	struct queue *queue = &qs->q[q];
	struct chunk *c = &qs->chunks[queue->tail];

	if (queue->tail == 0 || c->end == CHUNK_REFS) {
		const uint32_t i = chunk_take(qs);

		if (i == 0)
			return false;
		if (queue->tail == 0)
			queue->head = i;
		else
			c->next = i;
		queue->tail = i;
		c = &qs->chunks[i];
	}
	c->ref[c->end++] = ref;
	c->due_ns = weir_max_u64(c->due_ns, due_ns);
	return true;
}

struct chunk *queue_take(struct queues *qs, enum flow_queue q)
{
	struct queue *queue = &qs->q[q];
	struct chunk *c = &qs->chunks[queue->head];

	if (queue->head == 0)
		return NULL;
	queue->head = c->next;
	if (queue->head == 0)
		queue->tail = 0;
	return c;
}

void chunk_free(struct queues *qs, struct chunk *c)
{
	c->next = qs->free;
	qs->free = (uint32_t)(c - qs->chunks);
}

uint32_t queue_pop(struct queues *qs, enum flow_queue q)
{
	struct chunk *c = queue_front(qs, q);
	const uint32_t ref = c->ref[c->first++];

	if (c->first == c->end)
		chunk_free(qs, queue_take(qs, q));
	return ref;
}
