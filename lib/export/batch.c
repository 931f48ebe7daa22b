/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches and the queues they travel in. Everything is per batch of 256 records, so a lock and a
 * condition cost little, and a sink is woken for several batches at once: see WAKE.
 */
#include "export_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* A waiting sink is woken when so many batches are there, or half its queue; what is less waits for its timeout. */
#define WAKE 4

int weir_batch_pool_init(struct weir_batch_pool *p, uint32_t n)
{
	p->all = calloc(n, sizeof(*p->all));
	if (p->all == NULL)
		return -ENOMEM;
	p->free = NULL;
	for (uint32_t i = 0; i < n; i++) {
		p->all[i].next = p->free;
		p->free = &p->all[i];
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->returned, NULL);
	return 0;
}

void weir_batch_pool_fini(struct weir_batch_pool *p)
{
	if (p->all == NULL)
		return;
	pthread_cond_destroy(&p->returned);
	pthread_mutex_destroy(&p->lock);
	free(p->all);
}

struct weir_batch *weir_batch_take(struct weir_batch_pool *p)
{
	struct weir_batch *b;

	pthread_mutex_lock(&p->lock);
	while (p->free == NULL)
		pthread_cond_wait(&p->returned, &p->lock);
	b = p->free;
	p->free = b->next;
	pthread_mutex_unlock(&p->lock);
	b->n = 0;
	return b;
}

void weir_batch_put(struct weir_batch_pool *p, struct weir_batch *b)
{
	/* Release what this sink read; the last one acquires what all others did. */
	if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) > 1)
		return;
	pthread_mutex_lock(&p->lock);
	b->next = p->free;
	p->free = b;
	pthread_cond_signal(&p->returned);
	pthread_mutex_unlock(&p->lock);
}

int weir_queue_init(struct weir_queue *q, uint32_t batches)
{
	pthread_condattr_t attr;

	memset(q, 0, sizeof(*q));
	q->slots = calloc(batches,
			  sizeof(struct weir_batch *)); /* fini accepts that there are none */
	q->n_slots = batches;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->filled, &attr);
	pthread_cond_init(&q->drained, NULL);
	pthread_condattr_destroy(&attr);
	return q->slots != NULL ? 0 : -ENOMEM;
}

void weir_queue_fini(struct weir_queue *q)
{
	free(q->slots);
	pthread_cond_destroy(&q->drained);
	pthread_cond_destroy(&q->filled);
	pthread_mutex_destroy(&q->lock);
}

bool weir_queue_push(struct weir_queue *q, struct weir_batch *b, bool wait)
{
	const uint32_t wake = q->n_slots / 2 < WAKE ? q->n_slots / 2 : WAKE;
	bool room;

	pthread_mutex_lock(&q->lock);
	while (wait && q->head - q->tail == q->n_slots)
		pthread_cond_wait(&q->drained, &q->lock);
	room = q->head - q->tail < q->n_slots;
	if (room) {
		q->slots[q->head++ % q->n_slots] = b;
		if (q->head - q->tail >= wake)
			pthread_cond_signal(&q->filled);
	}
	pthread_mutex_unlock(&q->lock);
	return room;
}

void weir_queue_close(struct weir_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

struct weir_batch *weir_queue_pop(struct weir_queue *q, uint64_t timeout_ns, bool *over)
{
	uint64_t until_ns = weir_clock_mono_ns() + timeout_ns;
	const struct timespec until = { .tv_sec = (time_t)(until_ns / WEIR_NS_PER_S),
					.tv_nsec = (long)(until_ns % WEIR_NS_PER_S) };
	struct weir_batch *b = NULL;

	pthread_mutex_lock(&q->lock);
	while (q->head == q->tail && !q->closed &&
	       pthread_cond_timedwait(&q->filled, &q->lock, &until) == 0)
		;
	*over = q->head == q->tail && q->closed;
	if (q->head != q->tail) {
		b = q->slots[q->tail++ % q->n_slots];
		pthread_cond_signal(&q->drained);
	}
	pthread_mutex_unlock(&q->lock);
	return b;
}
