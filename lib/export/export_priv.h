/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of lib/export know of each other. */
#ifndef EXPORT_PRIV_H
#define EXPORT_PRIV_H

#include <weir_export.h>

#include <pthread.h>
#include <stdatomic.h>

#define WEIR_SINK(id, fn, help) \
	struct weir_sink *weir_sink_##fn##_open(const char *target, struct weir_err *err);
#include "sinks.def"

/* The records sink, with files of `max_bytes` and little more. */
struct weir_sink *weir_records_open(const char *dir, uint64_t max_bytes, struct weir_err *err);

#define WEIR_BATCH_RECS 256

/* Records on their way to all sinks: filled by the collector, then read-only. */
struct weir_batch {
	atomic_uint refs; /* sinks that still read it */
	uint32_t n;
	struct weir_batch *next; /* in the pool */
	struct weir_flow_rec recs[WEIR_BATCH_RECS];
};

/* Batches of a fixed number. Taken by the collector, given back by the last sink. */
struct weir_batch_pool {
	pthread_mutex_t lock;
	pthread_cond_t returned;
	struct weir_batch *free;
	struct weir_batch *all;
};

int weir_batch_pool_init(struct weir_batch_pool *p, uint32_t n);
void weir_batch_pool_fini(struct weir_batch_pool *p);
struct weir_batch *weir_batch_take(struct weir_batch_pool *p); /* waits for one */
void weir_batch_put(struct weir_batch_pool *p, struct weir_batch *b);

#define WEIR_QUEUE_BATCHES 16 /* where nothing is said */

/* Bounded, from the collector to one sink's thread. */
struct weir_queue {
	pthread_mutex_t lock;
	pthread_cond_t filled, drained;
	struct weir_batch **slots;
	uint32_t n_slots;    /* power of two */
	uint32_t head, tail; /* run freely */
	bool closed;
};

int weir_queue_init(struct weir_queue *q, uint32_t batches); /* 0 or -ENOMEM */
void weir_queue_fini(struct weir_queue *q);
bool weir_queue_push(struct weir_queue *q, struct weir_batch *b, bool wait); /* false = full */
void weir_queue_close(struct weir_queue *q);
/* The next batch; NULL after `timeout_ns` of nothing, or, with *over set, at the end. */
struct weir_batch *weir_queue_pop(struct weir_queue *q, uint64_t timeout_ns, bool *over);

/* Where a stage passes records on: a run of them, borrowed for the call. */
typedef void (*weir_emit_fn)(void *ctx, const struct weir_flow_rec *recs, uint32_t n);

/* Flows of which some records came and more will: reports wait here for their closing record. */
struct weir_merger;
struct weir_merger *weir_merger_create(void);
void weir_merger_destroy(struct weir_merger *m);
/* Pass on what is complete. The number of records that became part of others. */
uint32_t weir_merger_take(struct weir_merger *m, const struct weir_flow_rec *recs, uint32_t n,
			  weir_emit_fn emit, void *ctx);
/* End of input: pass on what never closed. */
void weir_merger_end(struct weir_merger *m, weir_emit_fn emit, void *ctx);

/* Keeps everything and passes it on in order. */
struct weir_sorter;
struct weir_sorter *weir_sorter_create(void);
void weir_sorter_destroy(struct weir_sorter *s);
/* False = no memory: the last ones of `recs` are lost. */
bool weir_sorter_take(struct weir_sorter *s, const struct weir_flow_rec *recs, uint32_t n);
/* End of input. The number of records lost, for want of memory to sort them. */
uint64_t weir_sorter_end(struct weir_sorter *s, weir_emit_fn emit, void *ctx);

/* One sink's part of the collector: its queue, its thread, and the stages its records go through. */
struct weir_outlet {
	struct weir_outlet_conf conf;
	struct weir_batch_pool *pool;
	struct weir_queue queue;
	struct weir_merger *merger; /* NULL = none */
	struct weir_sorter *sorter; /* NULL = none */
	pthread_t thread;
	bool running;
	bool again; /* a sink that failed is tried again, later and later */
	pthread_mutex_t lock;
	struct weir_err fault;       /* lock; outlet's thread: wo; code 0 = it can be written */
	uint64_t fault_since_us;     /* lock; wall clock */
	uint64_t retry_ns, pause_ns; /* outlet's thread, as all that follows */
	uint64_t failed_told;
	uint64_t unsettled; /* outlet's thread: as the sink's `buffered`, before the last call */
	uint64_t lost;      /* outlet's thread: as the sink's, before the last call */

	_Atomic uint64_t dropped;                 /* collector: wo */
	_Atomic uint64_t merged, failed, written; /* outlet's thread: wo */
};

/* The sink is given, also on failure. */
int weir_outlet_start(struct weir_outlet *o, const struct weir_outlet_conf *conf,
		      struct weir_batch_pool *pool, uint32_t queue_batches, bool again,
		      struct weir_err *err);
/* Collector thread: what no room is for is counted and given back. */
void weir_outlet_push(struct weir_outlet *o, struct weir_batch *b, bool wait);
/* After weir_queue_close(): wait for the thread, close the sink. */
void weir_outlet_join(struct weir_outlet *o);
/* What weir_collector_fault() says. */
uint64_t weir_outlet_fault(struct weir_outlet *o, struct weir_err *err);

/* Counters have one writer: no read-modify-write is needed, only untorn reads elsewhere. */
static inline void weir_count(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

#endif
