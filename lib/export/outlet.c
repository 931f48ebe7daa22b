/* SPDX-License-Identifier: Apache-2.0 */
/* One sink's queue and thread. Records go: queue, merger, sorter, sink; the middle two if asked for. */
#include "export_priv.h"

#include <errno.h>

#define FLUSH_NS WEIR_NS_PER_S /* nothing is buffered for longer, or little more */

static void fail(struct weir_outlet *o, uint64_t lost)
{
	weir_count(&o->failed, lost);
	if (o->conf.stop != NULL) /* relaxed: a flag alone */
		atomic_store_explicit(o->conf.stop, true, memory_order_relaxed);
	if (o->fault.code == 0)
		weir_err_set(&o->fault, EIO, "%s: records could not be written", o->conf.name);
}

/* A record counts as written once the sink has handed it on. */
static void settle(struct weir_outlet *o, int rc)
{
	struct weir_sink *s = o->conf.sink;
	uint64_t lost = s->lost - o->lost;

	weir_count(&o->written, o->unsettled - s->buffered - lost);
	weir_count(&o->failed, lost);
	o->lost = s->lost;
	if (rc != 0) {
		fail(o, s->buffered);
		s->buffered = 0;
	}
	o->unsettled = s->buffered;
}

/* A sink that failed is not tried again: half a record may stand at the end of its output. */
static void to_sink(void *ctx, const struct weir_flow_rec *recs, uint32_t n)
{
	struct weir_outlet *o = ctx;

	if (o->fault.code != 0) {
		fail(o, n);
		return;
	}
	o->unsettled += n;
	settle(o, o->conf.sink->ops->write(o->conf.sink, recs, n, &o->fault));
}

static void flush(struct weir_outlet *o)
{
	if (o->fault.code == 0)
		settle(o, o->conf.sink->ops->flush(o->conf.sink, &o->fault));
}

static void to_sorter(void *ctx, const struct weir_flow_rec *recs, uint32_t n)
{
	struct weir_outlet *o = ctx;

	if (!weir_sorter_take(o->sorter, recs, n)) {
		weir_err_set(&o->fault, ENOMEM, "%s: no memory to sort more records", o->conf.name);
		fail(o, n);
	}
}

static void sort_out(struct weir_outlet *o)
{
	uint64_t lost = weir_sorter_end(o->sorter, to_sink, o);

	if (lost > 0) {
		weir_err_set(&o->fault, ENOMEM, "%s: no memory to sort the records", o->conf.name);
		fail(o, lost);
	}
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
		      struct weir_batch_pool *pool, uint32_t queue_batches, struct weir_err *err)
{
	int rc;

	o->conf = *conf;
	o->pool = pool;
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
