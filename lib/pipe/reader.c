/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader: takes bursts from the sources of its plan, gives them their place in time, puts
 * fragments in order, and hands them on: to the one worker it is itself, or by the hash of the inner
 * headers to rings of workers.
 *
 * Where sources wait, all workers come to rest at every boundary of packet time, and what flows have
 * learned is merged into the next view: so what a flow may know depends on the packets before it alone.
 */
#include "worker.h"

#include <errno.h>
#include <unistd.h>

#define QUIET_NS  WEIR_NS_PER_S /* without a tap the clock is so far behind the wall's */
#define STEP_NS   (100 * WEIR_NS_PER_MS)
#define TELL_TIME 8 /* boundaries after which workers without packets hear the time */

static const struct weir_fragment_conf fragment_conf = {
	.datagrams = 8192,
	.frames = 2048,
	.hold_ns = WEIR_NS_PER_S / 2,
};

size_t reader_bytes(void)
{
	return sizeof(struct reader) + weir_fragment_bytes(&fragment_conf);
}

int reader_init(struct reader *r, struct weir_pipe *p, unsigned int id)
{
	r->pipe = p;
	r->id = id;
	r->fragments = weir_fragment_create(&fragment_conf);
	return r->fragments != NULL ? 0 : -ENOMEM;
}

void reader_fini(struct reader *r)
{
	weir_fragment_destroy(r->fragments);
}

void reader_begin(struct reader *r)
{
	weir_fragment_forget(r->fragments);
	memset(r->acc, 0, sizeof(r->acc));
}

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

/* Flows of all taps end by one clock: that of the tap furthest behind. */
static uint64_t clock_of(struct reader *r)
{
	uint64_t first = UINT64_MAX;

	for (unsigned int i = 0; i < r->inputs->n_taps; i++) {
		const uint64_t at = r->clocks[r->inputs->taps[i]].tap.watermark_ns;

		if (at != 0 && at < first)
			first = at;
	}
	if (first != UINT64_MAX && first > r->clock_ns)
		r->clock_ns = first;
	return r->clock_ns;
}

static void stamp_burst(struct reader *r, struct burst *b, const struct input *in)
{
	b->regime = r->plan->regime;
	b->src = in->src;
	b->filter = in->filter;
	b->slot = in->slot;
	b->tap = in->tap;
	b->epoch = r->clocks[in->tap].tap.epoch;
	b->watermark_ns = clock_of(r);
}

/* One worker: its burst goes through the stages here and now. */
static void run_own(struct reader *r)
{
	const struct weir_view *view = weir_views_get(r->pipe->views);

	if (r->own.n == 0)
		return;
	stamp_burst(r, &r->own, r->own_of);
	worker_decode(r->worker, r->plan->regime.settings, r->own.frames, r->own.n);
	worker_stages(r->worker, view, &r->own, r->own.frames, r->own.n);
	frames_done(r->own.src, r->own.frames, r->own.n);
	r->own.n = 0;
}

static void publish_to(struct reader *r, unsigned int worker)
{
	stamp_burst(r, r->out[worker], r->out_of[worker]);
	weir_ring_push(r->pipe->workers[worker].in);
	r->out[worker] = NULL;
}

static struct burst *reserve(const struct reader *r, unsigned int worker)
{
	struct weir_ring *in = r->pipe->workers[worker].in;
	struct burst *b = r->pipe->opt.lossless ? weir_ring_reserve_wait(in)
						: weir_ring_reserve(in);

	if (b != NULL)
		b->n = 0;
	return b;
}

/* A slot for frames of `in`, or NULL: the ring of a live tap's worker is full. */
static struct burst *slot_for(struct reader *r, unsigned int worker, const struct input *in)
{
	if (r->out[worker] != NULL && r->out_of[worker] != in)
		publish_to(r, worker);
	if (r->out[worker] == NULL) {
		r->out[worker] = reserve(r, worker);
		r->out_of[worker] = in;
	}
	return r->out[worker];
}

/* A burst of nothing. Live: a full ring holds news of time enough. */
static void tell_time(struct reader *r, unsigned int worker)
{
	struct burst *b = reserve(r, worker);

	if (b == NULL)
		return;
	b->regime = r->plan->regime;
	b->watermark_ns = clock_of(r);
	weir_ring_push(r->pipe->workers[worker].in);
	weir_ring_flush(r->pipe->workers[worker].in);
}

/* Hand on what is half full; with `all`, tell the time to workers that have nothing, too. */
static void publish_all(struct reader *r, bool all)
{
	if (r->worker != NULL) {
		run_own(r);
		return;
	}
	for (unsigned int i = 0; i < r->pipe->opt.workers; i++) {
		if (r->out[i] != NULL) {
			publish_to(r, i);
			weir_ring_flush(r->pipe->workers[i].in);
		} else if (all) {
			tell_time(r, i);
		}
	}
}

static void steer_frame(struct reader *r, const struct input *in, const struct weir_frame *frame,
			const struct weir_pkt *pkt)
{
	const uint64_t hash = weir_pkt_steer_hash(pkt);
	const unsigned int worker = (unsigned int)(hash * r->pipe->opt.workers >> 32);
	struct burst *b = slot_for(r, worker, in);

	if (weir_unlikely(b == NULL)) {
		r->acc[in->slot].outcomes[WEIR_OUTCOME_RING_FULL]++;
		frames_done(in->src, frame, 1);
		return;
	}
	b->frames[b->n++] = *frame;
	if (b->n == WEIR_BURST_MAX)
		publish_to(r, worker);
}

static void hand_on(struct reader *r, const struct input *in, const struct weir_frame *frame,
		    const struct weir_pkt *pkt)
{
	if (r->worker == NULL) {
		steer_frame(r, in, frame, pkt);
		return;
	}
	if (r->own.n == WEIR_BURST_MAX || (r->own.n > 0 && r->own_of != in))
		run_own(r);
	r->own_of = in;
	r->own.frames[r->own.n++] = *frame;
}

static void wait_for_workers(const struct reader *r)
{
	for (unsigned int i = 0; r->worker == NULL && i < r->pipe->opt.workers; i++)
		for (unsigned int spins = 0; !weir_ring_is_empty(r->pipe->workers[i].in); spins++)
			if (spins > 100)
				usleep(10);
}

/* Where a held frame came from: a plan is only left when nothing is held. */
static const struct input *input_of(const struct reader *r, const struct weir_frame *frame)
{
	const struct weir_held *held = weir_fragment_held(frame);
	unsigned int i = 0;

	while (r->inputs->input[i].tap != held->tap || r->inputs->input[i].slot != held->slot)
		i++;
	return &r->inputs->input[i];
}

static void hand_on_released(struct reader *r)
{
	struct weir_frame frames[16];
	struct weir_pkt pkt;
	uint16_t n;

	while ((n = weir_fragment_take_released(r->fragments, frames, 16)) > 0)
		for (uint16_t i = 0; i < n; i++) {
			weir_decode(&frames[i], &r->plan->regime.settings->decode, &pkt);
			hand_on(r, input_of(r, &frames[i]), &frames[i], &pkt);
		}
}

/* Fragments get their ports, or wait for them. */
static void step_frame(struct reader *r, const struct input *in, struct weir_frame *frame,
		       struct weir_pkt *pkt)
{
	struct weir_fragment *t = r->fragments;

	if (weir_likely(!weir_fragment_is_needed(t, pkt))) {
		hand_on(r, in, frame, pkt);
		return;
	}
	if (r->pipe->opt.lossless && weir_fragment_is_dry(t)) {
		publish_all(r, false);
		wait_for_workers(r);
	}
	if (weir_fragment_step(t, in->tap, in->slot, frame, pkt) == WEIR_FRAGMENT_PASS)
		hand_on(r, in, frame, pkt);
	else
		frames_done(in->src, frame, 1);
	hand_on_released(r);
}

static bool fragments_are_needed(const struct reader *r, const struct weir_pkt *pkts,
				 unsigned int n)
{
	bool needed = false;

	for (unsigned int i = 0; i < n; i++)
		needed |= weir_fragment_is_needed(r->fragments, &pkts[i]);
	return needed;
}

/* The way of nearly all bursts where reader and worker are one: decoded once, not moved. */
static bool run_in_place(struct reader *r, const struct input *in, const struct weir_frame *frames,
			 unsigned int n)
{
	struct worker *w = r->worker;
	const struct weir_view *view = weir_views_get(r->pipe->views);

	if (w == NULL)
		return false;
	run_own(r);
	worker_decode(w, r->plan->regime.settings, frames, n);
	if (fragments_are_needed(r, w->pkts, n))
		return false;
	stamp_burst(r, &r->own, in);
	worker_stages(w, view, &r->own, frames, n);
	frames_done(in->src, frames, n);
	return true;
}

/* Frames between two boundaries. */
static void hand_on_all(struct reader *r, const struct input *in, struct weir_frame *frames,
			unsigned int n)
{
	if (n == 0 || run_in_place(r, in, frames, n))
		return;
	weir_decode_burst(frames, n, &r->plan->regime.settings->decode, r->pkts, r->outcome);
	for (unsigned int i = 0; i < n; i++)
		step_frame(r, in, &frames[i], &r->pkts[i]);
}

static void boundary(struct reader *r)
{
	publish_all(r, ++r->boundaries % TELL_TIME == 0);
	/* Live: nobody waits while packets come, and a merge takes milliseconds. */
	if (!r->pipe->opt.lossless || r->plan->way == WEIR_PIPE_DIRECT)
		return;
	wait_for_workers(r);
	weir_views_offline(r->pipe->views, r->view_id);
	hints_exchange(r->pipe);
	weir_views_online(r->pipe->views, r->view_id);
}

/* What was received before a new epoch leaves with the old one. */
static void follow_epoch(struct reader *r, struct weir_tap *tap)
{
	/* Acquire: pairs with weir_pipe_epoch_raise(). */
	const uint32_t epoch = atomic_load_explicit(&r->pipe->epoch, memory_order_acquire);

	if (weir_likely(epoch == tap->epoch))
		return;
	publish_all(r, false);
	tap->epoch = epoch;
}

static void take_burst(struct reader *r, const struct input *in, struct weir_frame *frames,
		       unsigned int n, uint64_t now_ns)
{
	struct weir_tap *tap = &r->clocks[in->tap].tap;
	struct weir_accounting *acc = &r->acc[in->slot];

	follow_epoch(r, tap);
	acc->received += n;
	while (n > 0) {
		const unsigned int k = weir_tap_stamp(tap, frames, n, now_ns, acc);

		hand_on_all(r, in, frames, k);
		if (k < n)
			boundary(r);
		frames += k;
		n -= k;
	}
	if (r->worker != NULL)
		run_own(r);
}

/* Without a tap, flows that are open end in their time all the same. */
static bool follow_without_taps(struct reader *r, uint64_t now_ns)
{
	if (r->inputs->n_taps > 0 || r->clock_ns == 0 || now_ns < r->clock_ns + QUIET_NS + STEP_NS)
		return false;
	r->clock_ns = now_ns - QUIET_NS;
	return true;
}

/* The clock on the wall goes on where packets do not: what waits for its time is due. */
static void follow_wall(struct reader *r)
{
	const uint64_t now_ns = weir_clock_wall_ns();
	bool moved = follow_without_taps(r, now_ns);

	for (unsigned int i = 0; i < r->inputs->n_taps; i++) {
		struct tap_clock *c = &r->clocks[r->inputs->taps[i]];

		if (c->tap.watermark_ns != 0)
			moved |= weir_tap_silence(&c->tap, c->last_rx_ns, now_ns);
	}
	if (!moved)
		return;
	weir_fragment_expire(r->fragments, clock_of(r));
	hand_on_released(r);
	publish_all(r, true);
}

static void sleep_a_bit(struct reader *r)
{
	const uint32_t us = r->inputs->idle_us;

	weir_views_offline(r->pipe->views, r->view_id);
	usleep(us != 0 ? us : r->empty_polls < 1024 ? 20 : 100);
	weir_views_online(r->pipe->views, r->view_id);
}

/* Nothing came from any source. */
static void idle(struct reader *r)
{
	r->empty_polls++;
	publish_all(r, false);
	if (r->empty_polls < 64)
		return;
	if (!r->pipe->opt.lossless)
		follow_wall(r);
	if (r->worker == NULL || !worker_idle(r->worker, clock_of(r)))
		sleep_a_bit(r);
}

static bool all_ended(const struct reader *r)
{
	for (unsigned int i = 0; i < r->inputs->n; i++)
		/* Acquire: pairs with the reader of the source, so that its fault is seen. */
		if (!atomic_load_explicit(&r->inputs->input[i].src->ended, memory_order_acquire))
			return false;
	return r->inputs->n > 0;
}

static void capture(const struct reader *r, const struct input *in, const struct weir_frame *frames,
		    unsigned int n)
{
	const struct weir_view *view = weir_views_get(r->pipe->views);

	for (unsigned int i = 0; i < view->n_captures; i++)
		capture_burst(view->captures[i], r->id, in->slot, frames, n);
}

/* What the rate does not allow is given back at once. Returns how many of `n` pass. */
static unsigned int keep_rate(struct reader *r, const struct input *in,
			      const struct weir_frame *frames, unsigned int n, uint64_t now_ns)
{
	const uint32_t pps = r->plan->regime.settings->max_pps;
	struct weir_accounting *acc = &r->acc[in->slot];
	unsigned int passed;

	if (weir_likely(pps == 0))
		return n;
	/* Readers of their own queues share it evenly: they share no memory. */
	passed = weir_rate_take(&r->rate, (pps + r->plan->readers - 1) / r->plan->readers, n,
				now_ns);
	for (unsigned int i = passed; i < n; i++)
		acc->bytes += frames[i].wirelen;
	acc->received += n - passed;
	acc->outcomes[WEIR_OUTCOME_RATE_LIMIT] += n - passed;
	frames_done(in->src, &frames[passed], n - passed);
	return passed;
}

/* What lies behind is not there for all that follows; captures on demand have had it. */
static void cut(const struct reader *r, struct weir_frame *frames, unsigned int n)
{
	const uint32_t snaplen = r->plan->regime.settings->snaplen;

	for (unsigned int i = 0; snaplen != 0 && i < n; i++)
		frames[i].caplen = (uint32_t)weir_min_u64(frames[i].caplen, snaplen);
}

static bool poll_input(struct reader *r, const struct input *in)
{
	struct weir_frame frames[WEIR_BURST_MAX];
	unsigned int n = in->src->ops->rx(in->src, in->queue, frames, WEIR_BURST_MAX);
	struct tap_clock *clock = &r->clocks[in->tap];

	if (n == 0)
		return false;
	if (!r->pipe->opt.lossless) {
		clock->last_rx_ns = weir_clock_wall_ns();
		capture(r, in, frames, n);
		n = keep_rate(r, in, frames, n, clock->last_rx_ns);
	}
	cut(r, frames, n);
	take_burst(r, in, frames, n, clock->last_rx_ns);
	return true;
}

/* One round over the inputs; false when none had anything. */
static bool poll_inputs(struct reader *r)
{
	bool any = false;

	for (unsigned int i = 0; i < r->inputs->n; i++)
		any |= poll_input(r, &r->inputs->input[i]);
	return any;
}

/* Nothing held, nothing on its way. */
static void come_to_rest(struct reader *r)
{
	weir_fragment_flush(r->fragments);
	hand_on_released(r);
	publish_all(r, true);
}

static void follow_delay(struct reader *r)
{
	for (unsigned int i = 0; i < r->inputs->n_taps; i++)
		r->clocks[r->inputs->taps[i]].tap.delay_ns =
			r->plan->regime.settings->flow.delay_ns;
}

static bool enter(struct reader *r, enum weir_pipe_way way)
{
	struct weir_pipe *p = r->pipe;

	pthread_mutex_lock(&p->lock);
	r->plan = atomic_load_explicit(&p->plan, memory_order_relaxed);
	r->active = r->plan->way == way;
	atomic_store_explicit(&r->seen, r->plan, memory_order_relaxed);
	pthread_mutex_unlock(&p->lock);
	if (!r->active)
		return false;
	r->inputs = r->plan->of[r->id];
	follow_delay(r);
	return true;
}

void reader_leave(struct reader *r)
{
	pthread_mutex_lock(&r->pipe->lock);
	r->active = false;
	pthread_mutex_unlock(&r->pipe->lock);
}

/* Nobody holds the settings of another plan any more. */
static void follow_regime(struct reader *r)
{
	follow_delay(r);
	if (r->worker != NULL) {
		worker_follow(r->worker, &r->plan->regime);
		return;
	}
	publish_all(r, true);
	wait_for_workers(r);
}

/* False: the plan that is there is for others. */
static bool follow_plan(struct reader *r)
{
	/* Acquire: pairs with plan_set(). */
	const struct plan *plan = atomic_load_explicit(&r->pipe->plan, memory_order_acquire);

	if (weir_likely(plan == r->plan))
		return true;
	come_to_rest(r);
	if (plan->way != r->plan->way)
		return false;
	wait_for_workers(r);
	r->plan = plan;
	r->inputs = plan->of[r->id];
	follow_regime(r);
	/* Release: pairs with is_followed(); all frames were given back. */
	atomic_store_explicit(&r->seen, plan, memory_order_release);
	return true;
}

static bool read_on(struct reader *r)
{
	while (!atomic_load_explicit(r->pipe->stop, memory_order_relaxed)) {
		if (!follow_plan(r))
			return false;
		if (poll_inputs(r))
			r->empty_polls = 0;
		else if (all_ended(r))
			break;
		else
			idle(r);
		weir_views_quiescent(r->pipe->views, r->view_id);
	}
	come_to_rest(r);
	return true;
}

bool reader_run(struct reader *r, struct worker *w, enum weir_pipe_way way)
{
	struct weir_views *views = r->pipe->views;
	bool over;

	r->worker = w;
	r->view_id = w != NULL ? w->id : r->pipe->opt.workers;
	if (w != NULL)
		worker_thread_setup(w);
	else
		weir_thread_setup("weir-reader", -1);
	if (!enter(r, way))
		return false;
	weir_views_online(views, r->view_id);
	over = read_on(r);
	if (w != NULL)
		worker_flush(w);
	weir_views_offline(views, r->view_id);
	return over;
}
