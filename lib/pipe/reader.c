/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader: takes bursts from the sources of a tap, gives them their place in time, puts
 * fragments in order, and hands them on: to the one worker it is itself, or by the hash of the inner
 * headers to rings of workers.
 *
 * At every boundary of packet time all workers come to rest, and what flows have learned is merged
 * into the next view: so what a flow may know depends on the packets before it alone.
 */
#include "worker.h"

#include <unistd.h>

#define TELL_TIME 8 /* boundaries after which workers without packets hear the time */

struct reader {
	struct weir_pipe *p;
	struct weir_source *const *sources;
	unsigned int n;
	const atomic_bool *stop;
	bool steer;
	uint64_t last_rx_ns; /* wall clock, live */
	uint32_t empty_polls;
	uint32_t boundaries;
	struct burst *out[WEIR_PIPE_WORKERS_MAX]; /* reserved slots being filled, NULL = none */
	struct burst own;                         /* one worker: the burst at hand */
	struct weir_pkt pkts[WEIR_BURST_MAX];     /* steering: what the hash is made of */
	uint8_t outcome[WEIR_BURST_MAX];
};

void frames_done(struct weir_source *src, const struct weir_frame *frames, unsigned int n)
{
	unsigned int start = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (weir_likely(!(frames[i].flags & WEIR_FRAME_HELD)))
			continue;
		if (i > start && src->ops->done != NULL)
			src->ops->done(src, &frames[start], (uint16_t)(i - start));
		weir_fragment_return(&frames[i]);
		start = i + 1;
	}
	if (n > start && src->ops->done != NULL)
		src->ops->done(src, &frames[start], (uint16_t)(n - start));
}

static void stamp_burst(const struct reader *r, struct burst *b)
{
	b->tap = r->p->tap.number;
	b->epoch = r->p->tap.epoch;
	b->watermark_ns = r->p->tap.watermark_ns;
}

/* One worker: its burst goes through the stages here and now. */
static void run_own(struct reader *r)
{
	struct worker *w = &r->p->workers[0];

	const struct weir_view *view = weir_views_get(r->p->views);

	if (r->own.n == 0)
		return;
	stamp_burst(r, &r->own);
	worker_decode(w, view, r->own.frames, r->own.n);
	worker_stages(w, view, &r->own, r->own.frames, r->own.n);
	frames_done(r->own.src, r->own.frames, r->own.n);
	r->own.n = 0;
}

static void publish_to(struct reader *r, unsigned int worker)
{
	stamp_burst(r, r->out[worker]);
	weir_ring_push(r->p->workers[worker].in);
	r->out[worker] = NULL;
}

/* A slot for frames of `src`, or NULL: the ring of a live tap's worker is full. */
static struct burst *slot_for(struct reader *r, unsigned int worker, struct weir_source *src)
{
	struct weir_ring *in = r->p->workers[worker].in;

	if (r->out[worker] != NULL && r->out[worker]->src != src)
		publish_to(r, worker);
	if (r->out[worker] == NULL) {
		r->out[worker] = r->p->tap.lossless ? weir_ring_reserve_wait(in)
						    : weir_ring_reserve(in);
		if (r->out[worker] == NULL)
			return NULL;
		r->out[worker]->n = 0;
		r->out[worker]->src = src;
	}
	return r->out[worker];
}

/* Hand on what is half full; with `all`, tell the time to workers that have nothing, too. */
static void publish_all(struct reader *r, bool all)
{
	for (unsigned int i = 0; r->steer && i < r->p->opt.workers; i++) {
		if (r->out[i] == NULL && all)
			slot_for(r, i, NULL); /* live: a full ring holds news of time enough */
		if (r->out[i] != NULL) {
			publish_to(r, i);
			weir_ring_flush(r->p->workers[i].in);
		}
	}
	if (!r->steer)
		run_own(r);
}

static void steer_frame(struct reader *r, struct weir_source *src, const struct weir_frame *frame,
			const struct weir_pkt *pkt)
{
	const uint64_t hash = weir_pkt_steer_hash(pkt);
	const unsigned int worker = (unsigned int)(hash * r->p->opt.workers >> 32);
	struct burst *b = slot_for(r, worker, src);

	if (weir_unlikely(b == NULL)) {
		r->p->acc.outcomes[WEIR_OUTCOME_RING_FULL]++;
		frames_done(src, frame, 1);
		return;
	}
	b->frames[b->n++] = *frame;
	if (b->n == WEIR_BURST_MAX)
		publish_to(r, worker);
}

static void hand_on(struct reader *r, struct weir_source *src, const struct weir_frame *frame,
		    const struct weir_pkt *pkt)
{
	if (r->steer) {
		steer_frame(r, src, frame, pkt);
		return;
	}
	if (r->own.n == WEIR_BURST_MAX || (r->own.n > 0 && r->own.src != src))
		run_own(r);
	r->own.src = src;
	r->own.frames[r->own.n++] = *frame;
}

static void wait_for_workers(const struct reader *r)
{
	for (unsigned int i = 0; r->steer && i < r->p->opt.workers; i++)
		for (unsigned int spins = 0; !weir_ring_is_empty(r->p->workers[i].in); spins++)
			if (spins > 100)
				usleep(10);
}

static void hand_on_released(struct reader *r, struct weir_source *src)
{
	const struct weir_decode_conf *conf = &r->p->opt.settings->decode;
	struct weir_frame frames[16];
	struct weir_pkt pkt;
	uint16_t n;

	while ((n = weir_fragment_take_released(r->p->fragments, frames, 16)) > 0)
		for (uint16_t i = 0; i < n; i++) {
			weir_decode(&frames[i], conf, &pkt);
			hand_on(r, src, &frames[i], &pkt);
		}
}

/* Fragments get their ports, or wait for them. */
static void step_frame(struct reader *r, struct weir_source *src, struct weir_frame *frame,
		       struct weir_pkt *pkt)
{
	struct weir_fragment *t = r->p->fragments;

	if (weir_likely(!weir_fragment_is_needed(t, pkt))) {
		hand_on(r, src, frame, pkt);
		return;
	}
	if (r->p->tap.lossless && weir_fragment_is_dry(t)) {
		publish_all(r, false);
		wait_for_workers(r);
	}
	if (weir_fragment_step(t, r->p->tap.number, frame, pkt, src) == WEIR_FRAGMENT_PASS)
		hand_on(r, src, frame, pkt);
	else
		frames_done(src, frame, 1);
	hand_on_released(r, src);
}

static bool fragments_are_needed(const struct reader *r, const struct weir_pkt *pkts,
				 unsigned int n)
{
	bool needed = false;

	for (unsigned int i = 0; i < n; i++)
		needed |= weir_fragment_is_needed(r->p->fragments, &pkts[i]);
	return needed;
}

/* The way of nearly all bursts where reader and worker are one: decoded once, not moved. */
static bool run_in_place(struct reader *r, struct weir_source *src, const struct weir_frame *frames,
			 unsigned int n)
{
	struct worker *w = &r->p->workers[0];
	const struct weir_view *view = weir_views_get(r->p->views);

	if (r->steer)
		return false;
	run_own(r);
	worker_decode(w, view, frames, n);
	if (fragments_are_needed(r, w->pkts, n))
		return false;
	stamp_burst(r, &r->own);
	worker_stages(w, view, &r->own, frames, n);
	frames_done(src, frames, n);
	return true;
}

/* Frames between two boundaries. */
static void hand_on_all(struct reader *r, struct weir_source *src, struct weir_frame *frames,
			unsigned int n)
{
	if (n == 0 || run_in_place(r, src, frames, n))
		return;
	weir_decode_burst(frames, n, &r->p->opt.settings->decode, r->pkts, r->outcome);
	for (unsigned int i = 0; i < n; i++)
		step_frame(r, src, &frames[i], &r->pkts[i]);
}

static void boundary(struct reader *r)
{
	publish_all(r, ++r->boundaries % TELL_TIME == 0);
	if (!r->p->tap
		     .lossless) /* nobody waits while packets come, and a merge takes milliseconds */
		return;
	wait_for_workers(r);
	if (!r->steer)
		weir_views_offline(r->p->views, 0);
	hints_exchange(r->p);
	if (!r->steer)
		weir_views_online(r->p->views, 0);
}

/* What was received before a new epoch leaves with the old one. */
static void follow_epoch(struct reader *r)
{
	/* Acquire: pairs with weir_pipe_epoch_raise(). */
	const uint32_t epoch = atomic_load_explicit(&r->p->epoch, memory_order_acquire);

	if (weir_likely(epoch == r->p->tap.epoch))
		return;
	publish_all(r, false);
	r->p->tap.epoch = epoch;
}

static void take_burst(struct reader *r, struct weir_source *src, struct weir_frame *frames,
		       unsigned int n, uint64_t now_ns)
{
	follow_epoch(r);
	r->p->acc.received += n;
	while (n > 0) {
		const unsigned int k = weir_tap_stamp(&r->p->tap, frames, n, now_ns, &r->p->acc);

		hand_on_all(r, src, frames, k);
		if (k < n)
			boundary(r);
		frames += k;
		n -= k;
	}
	if (!r->steer)
		run_own(r);
}

/* The clock on the wall goes on where packets do not: what waits for its time is due. */
static void follow_wall(struct reader *r)
{
	if (!weir_tap_silence(&r->p->tap, r->last_rx_ns, weir_clock_wall_ns()))
		return;
	weir_fragment_expire(r->p->fragments, r->p->tap.watermark_ns);
	hand_on_released(r, r->sources[0]);
	publish_all(r, true);
}

/* Nothing came from any source. */
static void idle(struct reader *r)
{
	r->empty_polls++;
	publish_all(r, false);
	if (r->empty_polls < 64)
		return;
	if (!r->p->tap.lossless && r->p->tap.watermark_ns != 0)
		follow_wall(r);
	if (!r->steer) {
		worker_idle(&r->p->workers[0], weir_views_get(r->p->views), r->p->tap.watermark_ns);
		weir_views_offline(r->p->views, 0);
	}
	usleep(r->empty_polls < 1024 ? 20 : 100);
	if (!r->steer)
		weir_views_online(r->p->views, 0);
}

static bool all_ended(const struct reader *r)
{
	for (unsigned int i = 0; i < r->n; i++)
		/* Acquire: pairs with the reader of the source, so that its fault is seen. */
		if (!atomic_load_explicit(&r->sources[i]->ended, memory_order_acquire))
			return false;
	return true;
}

static bool poll_queue(struct reader *r, struct weir_source *src, uint16_t queue)
{
	struct weir_frame frames[WEIR_BURST_MAX];
	const uint16_t n = src->ops->rx(src, queue, frames, WEIR_BURST_MAX);

	if (n == 0)
		return false;
	if (!r->p->tap.lossless)
		r->last_rx_ns = weir_clock_wall_ns();
	take_burst(r, src, frames, n, r->last_rx_ns);
	return true;
}

/* One round over the sources and their queues; false when none had anything. */
static bool poll_sources(struct reader *r)
{
	bool any = false;

	for (unsigned int i = 0; i < r->n; i++)
		for (uint16_t queue = 0; queue < r->sources[i]->queues; queue++)
			any |= poll_queue(r, r->sources[i], queue);
	return any;
}

static void finish(struct reader *r)
{
	weir_fragment_flush(r->p->fragments);
	hand_on_released(r, r->sources[0]);
	publish_all(r, true);
	if (!r->steer)
		worker_flush(&r->p->workers[0], weir_views_get(r->p->views));
}

void reader_run(struct weir_pipe *p, struct weir_source *const *sources, unsigned int n,
		const atomic_bool *stop)
{
	struct reader r = {
		.p = p, .sources = sources, .n = n, .stop = stop, .steer = p->opt.workers > 1
	};

	weir_thread_setup(r.steer ? "weir-reader" : "weir-worker-0",
			  r.steer || p->opt.cpus == NULL ? -1 : p->opt.cpus[0]);
	if (!r.steer)
		weir_views_online(p->views, 0);
	while (!atomic_load_explicit(stop, memory_order_relaxed)) {
		if (poll_sources(&r))
			r.empty_polls = 0;
		else if (all_ended(&r))
			break;
		else
			idle(&r);
		if (!r.steer)
			weir_views_quiescent(p->views, 0);
	}
	finish(&r);
	if (!r.steer)
		weir_views_offline(p->views, 0);
}
