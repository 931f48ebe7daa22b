/* SPDX-License-Identifier: Apache-2.0 */
/* One sink's queue and thread. Records go: queue, merger, sorter, sink; the middle two if asked for. */
#include "export_priv.h"

#include <errno.h>
#include <inttypes.h>

#define FLUSH_NS       WEIR_NS_PER_S /* nothing is buffered for longer, or little more */

#define PAUSE_FIRST_NS WEIR_NS_PER_S
#define PAUSE_MOST_NS  (30 * WEIR_NS_PER_S)

/* Nothing is tried before `retry_ns`, which of a lossless source never comes. */
static void fail(struct weir_outlet *o, const struct weir_err *err)
{
	const bool news = o->fault.code == 0;

	o->pause_ns = news ? PAUSE_FIRST_NS : weir_min_u64(2 * o->pause_ns, PAUSE_MOST_NS);
	o->retry_ns = o->again ? weir_clock_mono_ns() + o->pause_ns : UINT64_MAX;
	pthread_mutex_lock(&o->lock);
	o->fault = *err;
	if (err->code == 0)
		weir_err_set(&o->fault, EIO, "%s: records could not be written", o->conf.name);
	if (news)
		o->fault_since_us = weir_clock_wall_ns() / WEIR_NS_PER_US;
	pthread_mutex_unlock(&o->lock);
	if (o->again && news)
		weir_log_about(WEIR_LOG_ERR, "sink", o->conf.name,
			       "%s; records are lost until it can be written again", o->fault.msg);
	if (!o->again && o->conf.stop != NULL) /* relaxed: a flag alone */
		atomic_store_explicit(o->conf.stop, true, memory_order_relaxed);
}

static void recover(struct weir_outlet *o)
{
	const uint64_t failed = atomic_load_explicit(&o->failed, memory_order_relaxed);

	pthread_mutex_lock(&o->lock);
	o->fault.code = 0;
	pthread_mutex_unlock(&o->lock);
	weir_log_about(WEIR_LOG_WARN, "sink", o->conf.name,
		       "written again; %" PRIu64 " records were lost", failed - o->failed_told);
	o->failed_told = failed;
}

static bool is_waiting(const struct weir_outlet *o)
{
	return o->fault.code != 0 &&
	       (o->retry_ns == UINT64_MAX || weir_clock_mono_ns() < o->retry_ns);
}

/* A record counts as written once the sink has handed it on. */
static void settle(struct weir_outlet *o, int rc, const struct weir_err *err)
{
	struct weir_sink *s = o->conf.sink;
	const uint64_t lost = s->lost - o->lost;
	const uint64_t written = o->unsettled - s->buffered - lost;

	weir_count(&o->written, written);
	weir_count(&o->failed, lost);
	o->lost = s->lost;
	if (rc != 0) {
		weir_count(&o->failed, s->buffered);
		s->buffered = 0;
		fail(o, err);
	} else if (o->fault.code != 0 && written > 0) {
		recover(o);
	}
	o->unsettled = s->buffered;
}

static void to_sink(void *ctx, const struct weir_flow_rec *recs, uint32_t n)
{
	struct weir_outlet *o = ctx;
	struct weir_err err = { 0 };

	if (is_waiting(o)) {
		weir_count(&o->failed, n);
		return;
	}
	o->unsettled += n;
	settle(o, o->conf.sink->ops->write(o->conf.sink, recs, n, &err), &err);
}

static void flush(struct weir_outlet *o)
{
	struct weir_err err = { 0 };

	if (!is_waiting(o))
		settle(o, o->conf.sink->ops->flush(o->conf.sink, &err), &err);
}

/* Of a sorter, which holds all: there is no other try. */
static void fail_for_memory(struct weir_outlet *o, uint64_t lost, const char *words)
{
	struct weir_err err;

	weir_err_set(&err, ENOMEM, "%s: no memory to %s", o->conf.name, words);
	weir_count(&o->failed, lost);
	fail(o, &err);
}

static void to_sorter(void *ctx, const struct weir_flow_rec *recs, uint32_t n)
{
	struct weir_outlet *o = ctx;

	if (!weir_sorter_take(o->sorter, recs, n))
		fail_for_memory(o, n, "sort more records");
}

static void sort_out(struct weir_outlet *o)
{
	uint64_t lost = weir_sorter_end(o->sorter, to_sink, o);

	if (lost > 0)
		fail_for_memory(o, lost, "sort the records");
}

static void finish(struct weir_outlet *o)
{
	if (o->merger != NULL)
		weir_merger_end(o->merger, o->sorter != NULL ? to_sorter : to_sink, o);
	if (o->sorter != NULL)
		sort_out(o);
	flush(o);
}

static void take(struct weir_outlet *o, const struct weir_batch *b)
{
	weir_emit_fn emit = o->sorter != NULL ? to_sorter : to_sink;

	if (o->merger != NULL)
		weir_count(&o->merged, weir_merger_take(o->merger, b->recs, b->n, emit, o));
	else
		emit(o, b->recs, b->n);
}

static void *outlet_main(void *arg)
{
	struct weir_outlet *o = arg;
	uint64_t flushed_ns = weir_clock_mono_ns();
	bool over = false;

	weir_thread_setup(o->conf.name, -1);
	while (!over) {
		struct weir_batch *b = weir_queue_pop(&o->queue, FLUSH_NS, &over);

		if (b != NULL) {
			take(o, b);
			weir_batch_put(o->pool, b);
		}
		if (weir_clock_mono_ns() - flushed_ns < FLUSH_NS)
			continue;
		flush(o);
		flushed_ns = weir_clock_mono_ns();
	}
	finish(o);
	return NULL;
}

int weir_outlet_start(struct weir_outlet *o, const struct weir_outlet_conf *conf,
		      struct weir_batch_pool *pool, uint32_t queue_batches, bool again,
		      struct weir_err *err)
{
	int rc;

	o->conf = *conf;
	o->pool = pool;
	o->again = again;
	pthread_mutex_init(&o->lock, NULL);
	rc = weir_queue_init(&o->queue, queue_batches);
	if (conf->merge)
		o->merger = weir_merger_create();
	if (conf->sorted)
		o->sorter = weir_sorter_create();
	if (rc != 0 || (conf->merge && o->merger == NULL) || (conf->sorted && o->sorter == NULL))
		return weir_err_set(err, ENOMEM, "%s: no memory for its records", conf->name);
	if (pthread_create(&o->thread, NULL, outlet_main, o) != 0)
		return weir_err_set(err, EAGAIN, "%s: its thread could not be started", conf->name);
	o->running = true;
	return 0;
}

void weir_outlet_push(struct weir_outlet *o, struct weir_batch *b, bool wait)
{
	uint32_t n = b->n;

	if (!weir_queue_push(&o->queue, b, wait)) {
		weir_count(&o->dropped, n);
		weir_batch_put(o->pool, b);
	}
}

void weir_outlet_join(struct weir_outlet *o)
{
	struct weir_err close_err = { 0 };

	if (o->running)
		pthread_join(o->thread, NULL);
	o->running = false;
	if (o->conf.sink != NULL && o->conf.sink->ops->close(o->conf.sink, &close_err) != 0 &&
	    o->fault.code == 0)
		o->fault = close_err;
	o->conf.sink = NULL;
	weir_merger_destroy(o->merger);
	weir_sorter_destroy(o->sorter);
	weir_queue_fini(&o->queue);
}

uint64_t weir_outlet_fault(struct weir_outlet *o, struct weir_err *err)
{
	uint64_t since_us = 0;

	pthread_mutex_lock(&o->lock);
	*err = o->fault;
	if (o->fault.code != 0)
		since_us = o->fault_since_us;
	pthread_mutex_unlock(&o->lock);
	return since_us;
}
