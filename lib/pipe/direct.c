/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each worker reads its own queue of a source that keeps both directions of a flow together. No
 * reader between: each has its own clock, and knows of servers only what its own flows show.
 */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct queue_reader {
	struct worker *w;
	struct weir_source *src;
	const atomic_bool *stop;
	const atomic_bool *failed; /* another one's thread could not start */
	struct weir_tap tap;
	uint64_t last_rx_ns; /* wall clock, live */
};

static void take(struct queue_reader *q, const struct weir_view *view, struct weir_frame *frames,
		 unsigned int n, uint64_t now_ns)
{
	/* Acquire: pairs with weir_pipe_epoch_raise(). */
	q->tap.epoch = atomic_load_explicit(&q->w->pipe->epoch, memory_order_acquire);
	q->w->acc.received += n;
	q->last_rx_ns = now_ns;
	while (n > 0) {
		const unsigned int k = weir_tap_stamp(&q->tap, frames, n, now_ns, &q->w->acc);
		const struct burst b = { .watermark_ns = q->tap.watermark_ns,
					 .epoch = q->tap.epoch,
					 .tap = q->tap.number };

		if (k > 0) {
			worker_decode(q->w, view, frames, k);
			worker_stages(q->w, view, &b, frames, k);
			frames_done(q->src, frames, k);
		}
		frames += k;
		n -= k;
	}
}

static bool is_stopped(const struct queue_reader *q)
{
	return atomic_load_explicit(q->stop, memory_order_relaxed) ||
	       atomic_load_explicit(q->failed, memory_order_relaxed);
}

static bool is_over(const struct queue_reader *q)
{
	/* Acquire: pairs with the source's own thread, which is one of ours. */
	return atomic_load_explicit(&q->src->ended, memory_order_acquire) || is_stopped(q);
}

/* Nothing came: flows that are due end all the same. */
static void idle(struct queue_reader *q, const struct weir_view *view)
{
	if (!q->tap.lossless && q->tap.watermark_ns != 0)
		weir_tap_silence(&q->tap, q->last_rx_ns, weir_clock_wall_ns());
	worker_idle(q->w, view, q->tap.watermark_ns);
}

static void *read_queue(void *arg)
{
	struct queue_reader *q = arg;
	struct weir_views *views = q->w->pipe->views;
	struct weir_frame frames[WEIR_BURST_MAX];
	uint16_t n;

	worker_thread_setup(q->w);
	weir_views_online(views, q->w->id);
	for (;;) {
		n = q->src->ops->rx(q->src, (uint16_t)q->w->id, frames, WEIR_BURST_MAX);
		if (n > 0)
			take(q, weir_views_get(views), frames, n,
			     q->tap.lossless ? 0 : weir_clock_wall_ns());
		else if (is_over(q))
			break;
		else {
			idle(q, weir_views_get(views));
			usleep(20);
		}
		weir_views_quiescent(views, q->w->id);
		if (weir_unlikely(is_stopped(q)))
			break;
	}
	worker_flush(q->w, weir_views_get(views));
	weir_views_offline(views, q->w->id);
	return NULL;
}

int direct_run(struct weir_pipe *p, struct weir_source *src, const atomic_bool *stop,
	       struct weir_err *err)
{
	struct queue_reader *q = calloc(p->opt.workers, sizeof(*q));
	atomic_bool failed = false;
	unsigned int started = 0;
	int rc = q == NULL ? ENOMEM : 0;

	for (; rc == 0 && started < p->opt.workers; started++) {
		q[started] = (struct queue_reader){
			.w = &p->workers[started],
			.src = src,
			.stop = stop,
			.failed = &failed,
			.tap = p->tap,
		};
		rc = pthread_create(&q[started].w->thread, NULL, read_queue, &q[started]);
		if (rc != 0)
			break;
	}
	atomic_store_explicit(&failed, rc != 0, memory_order_relaxed);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(p->workers[i].thread, NULL);
	free(q);
	return rc == 0 ? 0
		       : weir_err_set(err, rc, "worker %u: cannot start its thread: %s", started,
				      strerror(rc));
}
