/* SPDX-License-Identifier: Apache-2.0 */
/* QSBR by DPDK's library, on memory of our own: it needs no EAL. */
#include <weir_view.h>

#include <rte_rcu_qsbr.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

struct weir_views {
	_Atomic(struct weir_view *) current; /* publisher: rw, readers: ro */
	void (*view_free)(struct weir_view *view);
	struct rte_rcu_qsbr *qsbr;
	unsigned int readers;
};

static struct rte_rcu_qsbr *qsbr_create(unsigned int readers)
{
	const size_t bytes = rte_rcu_qsbr_get_memsize(readers);
	struct rte_rcu_qsbr *v = aligned_alloc(RTE_CACHE_LINE_SIZE,
					       RTE_ALIGN(bytes, RTE_CACHE_LINE_SIZE));

	if (v == NULL)
		return NULL;
	/* Each returns 1, not a negative number, when it fails. */
	if (rte_rcu_qsbr_init(v, readers) != 0)
		goto err_free;
	for (unsigned int i = 0; i < readers; i++)
		if (rte_rcu_qsbr_thread_register(v, i) != 0)
			goto err_free;
	return v;

err_free:
	free(v);
	return NULL;
}

struct weir_views *weir_views_create(unsigned int readers, struct weir_view *first,
				     void (*view_free)(struct weir_view *view))
{
	struct weir_views *vs = calloc(1, sizeof(*vs));

	if (vs == NULL)
		return NULL;
	vs->qsbr = qsbr_create(readers);
	if (vs->qsbr == NULL) {
		free(vs);
		return NULL;
	}
	vs->readers = readers;
	vs->view_free = view_free;
	atomic_store_explicit(&vs->current, first, memory_order_release);
	return vs;
}

void weir_views_destroy(struct weir_views *vs)
{
	if (vs == NULL)
		return;
	vs->view_free(atomic_load_explicit(&vs->current, memory_order_acquire));
	for (unsigned int i = 0; i < vs->readers; i++)
		rte_rcu_qsbr_thread_unregister(vs->qsbr, i);
	free(vs->qsbr);
	free(vs);
}

void weir_views_online(struct weir_views *vs, unsigned int reader)
{
	rte_rcu_qsbr_thread_online(vs->qsbr, reader);
}

void weir_views_offline(struct weir_views *vs, unsigned int reader)
{
	rte_rcu_qsbr_thread_offline(vs->qsbr, reader);
}

const struct weir_view *weir_views_get(struct weir_views *vs)
{
	/* Acquire: pairs with the exchange in publish(), so that the view's content is seen. */
	return atomic_load_explicit(&vs->current, memory_order_acquire);
}

void weir_views_quiescent(struct weir_views *vs, unsigned int reader)
{
	rte_rcu_qsbr_quiescent(vs->qsbr, reader);
}

void weir_views_publish(struct weir_views *vs, struct weir_view *next)
{
	struct weir_view *old;
	uint64_t token;

	old = atomic_exchange_explicit(&vs->current, next, memory_order_acq_rel);
	token = rte_rcu_qsbr_start(vs->qsbr); /* inline: seen by ThreadSanitizer */
	while (rte_rcu_qsbr_check(vs->qsbr, token, false) == 0)
		sched_yield(); /* the reader that is waited for may want this very core */
	vs->view_free(old);
}
