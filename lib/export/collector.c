/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector: one thread that empties the workers' rings into batches and hands each batch to
 * every sink. It never formats and never writes; what is slow is in the sinks' threads.
 *
 * It sleeps only when all rings are empty, until one is half full or IDLE_NS are over. A batch that
 * is not full is handed on after HOLD_NS.
 */
#include "fold.h"
#include "split.h"
#include "throttle.h"

#include <errno.h>
#include <stdlib.h>

#define RUN_RECS    64 /* most taken from one ring at once, so that none waits for another */
#define IDLE_NS     (50 * WEIR_NS_PER_MS)
#define FOLD_GROUPS 16384 /* 8 MB */
#define FOLD_FLOWS  65536 /* 30 MB; touched only as far as a flood needs it */
#define HOLD_NS     (100 * WEIR_NS_PER_MS)
#define SLICE_NS    (5 * WEIR_NS_PER_MS) /* between two parts of a throttle's sample */

struct weir_collector {
	struct weir_ring *const *rings;
	uint32_t n_rings, n_outlets, queue_batches;
	bool lossless;
	atomic_bool drain; /* who ends it: wo */
	int cpu;
	pthread_t thread;
	struct weir_batch_pool pool;
	struct weir_folder *folder;
	struct weir_splits *splits;
	_Atomic(struct weir_throttle *) throttle; /* control: wo, once; NULL = never asked for */
	_Atomic uint32_t rate;                    /* control: wo; 0 = no limit */
	pthread_mutex_t filter_lock;
	struct weir_record_filter filter_set; /* filter_lock */
	_Atomic uint32_t filter_sets;         /* control: wo */
	uint32_t filter_seen;                 /* collector thread, as the next two */
	struct weir_record_filter filter;
	uint64_t left_out;
	bool over;                /* nothing comes any more */
	uint64_t *ring_ns;        /* newest end of a record of each ring */
	struct weir_batch *batch; /* being filled; NULL = none */
	uint64_t batch_since_ns;  /* `batch` is known to wait since; 0 = not yet known */
	uint64_t idle_since_ns;   /* all rings are empty; 0 = not yet known */
	_Atomic uint64_t taken, held, folded, filtered, early, split,
		throttled; /* collector thread: wo */
	struct weir_outlet outlets[];
};

static void set(_Atomic uint64_t *to, uint64_t v)
{
	atomic_store_explicit(to, v, memory_order_relaxed);
}

static void hand_over(struct weir_collector *c)
{
	const bool wait = c->lossless || atomic_load_explicit(&c->drain, memory_order_relaxed);
	struct weir_batch *b = c->batch;

	c->batch = NULL;
	c->batch_since_ns = 0;
	if (b == NULL)
		return;
	/* One is our own, until all have it. Relaxed: the queue's lock publishes it. */
	atomic_store_explicit(&b->refs, c->n_outlets + 1, memory_order_relaxed);
	for (uint32_t i = 0; i < c->n_outlets; i++)
		weir_outlet_push(&c->outlets[i], b, wait);
	weir_batch_put(&c->pool, b);
}

static void put(void *ctx, const struct weir_flow_rec *recs, uint32_t n)
{
	struct weir_collector *c = ctx;

	while (n > 0) {
		uint32_t part;

		if (c->batch == NULL)
			c->batch = weir_batch_take(&c->pool);
		part = WEIR_BATCH_RECS - c->batch->n;
		part = n < part ? n : part;
		memcpy(&c->batch->recs[c->batch->n], recs, part * sizeof(*recs));
		c->batch->n += part;
		if (c->batch->n == WEIR_BATCH_RECS)
			hand_over(c);
		recs += part;
		n -= part;
	}
}

/* Time passes for the windows of the throttle, also once the limit is gone. */
static void throttle_follow(struct weir_collector *c)
{
	/* Acquire: pairs with weir_collector_throttle(). */
	struct weir_throttle *t = atomic_load_explicit(&c->throttle, memory_order_acquire);

	if (t == NULL)
		return;
	if (c->over)
		weir_throttle_end(t);
	else
		weir_throttle_advance(t, weir_clock_mono_ns());
	set(&c->throttled, weir_throttle_left_out(t));
}

/* Into the batch, or the throttle before it. */
static void pass(struct weir_collector *c, const struct weir_flow_rec *recs, uint32_t n)
{
	struct weir_throttle *t = atomic_load_explicit(&c->throttle, memory_order_acquire);
	const uint32_t rate = atomic_load_explicit(&c->rate, memory_order_relaxed);

	if (weir_likely(t == NULL || rate == 0))
		put(c, recs, n);
	else
		weir_throttle_take(t, rate, recs, n, weir_clock_mono_ns());
}

/* What a rule stores the packets of passes: data plane, 7.3. */
static bool is_passed(const struct weir_record_filter *f, const struct weir_flow_rec *rec)
{
	const uint16_t type = rec->capture_network_type;
	const uint8_t point = rec->observation_point;

	if (rec->acl_gids[0] != 0)
		return true;
	if (!f->every_type && (type > UINT8_MAX || (f->types[type / 64] >> (type % 64) & 1) == 0))
		return false;
	return point >= 64 || (f->ignored_points >> point & 1) == 0;
}

/* What is to be written, floods folded: without what nobody wants. */
static void append(void *ctx, const struct weir_flow_rec *recs, uint32_t n)
{
	struct weir_collector *c = ctx;
	uint32_t run = 0;

	if (weir_likely(c->filter.every_type && c->filter.ignored_points == 0)) {
		pass(c, recs, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (is_passed(&c->filter, &recs[i]))
			continue;
		c->left_out++;
		pass(c, &recs[run], i - run);
		run = i + 1;
	}
	pass(c, &recs[run], n - run);
}

static void filter_follow(struct weir_collector *c)
{
	/* Relaxed: the lock orders what it tells of. */
	const uint32_t sets = atomic_load_explicit(&c->filter_sets, memory_order_relaxed);

	set(&c->filtered, c->left_out);
	if (weir_likely(sets == c->filter_seen))
		return;
	c->filter_seen = sets;
	pthread_mutex_lock(&c->filter_lock);
	c->filter = c->filter_set;
	pthread_mutex_unlock(&c->filter_lock);
}

static uint64_t held(const struct weir_collector *c)
{
	const struct weir_throttle *t = atomic_load_explicit(&c->throttle, memory_order_acquire);

	return weir_folder_held(c->folder) + (t != NULL ? weir_throttle_held(t) : 0);
}

/* Records of one ring: what a flood left goes to the folder, runs of all others into the batch. */
static void take(struct weir_collector *c, uint32_t ring, const struct weir_flow_rec *recs,
		 uint32_t n)
{
	uint64_t newest_ns = c->ring_ns[ring];
	uint32_t run = 0;

	for (uint32_t i = 0; i < n; i++) {
		newest_ns = weir_max_u64(newest_ns, recs[i].end_ns);
		weir_splits_look(c->splits, ring, &recs[i]);
		if (weir_likely(!weir_fold_concerns(&recs[i])))
			continue;
		append(c, &recs[run], i - run);
		run = i + 1;
		weir_folder_take(c->folder, &recs[i]);
	}
	append(c, &recs[run], n - run);
	c->ring_ns[ring] = newest_ns;
}

/* Records taken from all rings, and whether anything can still come. */
static uint32_t drain(struct weir_collector *c, bool *over)
{
	uint64_t slowest_ns = UINT64_MAX, newest_ns = 0;
	uint32_t total = 0;

	*over = true;
	for (uint32_t i = 0; i < c->n_rings; i++) {
		void *slots;
		uint32_t n = weir_ring_peek(c->rings[i], &slots, RUN_RECS);

		if (n > 0) {
			take(c, i, slots, n);
			weir_ring_pop(c->rings[i], n);
			total += n;
		}
		if (n > 0 || !weir_ring_is_over(c->rings[i])) {
			*over = false;
			slowest_ns = weir_min_u64(slowest_ns, c->ring_ns[i]);
		}
		newest_ns = weir_max_u64(newest_ns, c->ring_ns[i]);
	}
	/* Live workers all follow the wall clock; a quiet one must not hold floods back. */
	weir_folder_advance(c->folder, c->lossless ? slowest_ns : newest_ns);
	if (total > 0)
		c->idle_since_ns = 0;
	weir_count(&c->taken, total);
	throttle_follow(c);
	filter_follow(c);
	set(&c->held, held(c));
	set(&c->folded, weir_folder_folded(c->folder));
	set(&c->early, weir_folder_early(c->folder));
	set(&c->split, weir_splits_found(c->splits));
	return total;
}

static uint64_t idle_for(const struct weir_collector *c)
{
	const struct weir_throttle *t = atomic_load_explicit(&c->throttle, memory_order_acquire);

	return t != NULL && weir_throttle_leaves(t) ? SLICE_NS : IDLE_NS;
}

static void idle(struct weir_collector *c)
{
	uint64_t now_ns = weir_clock_mono_ns();

	if (c->idle_since_ns == 0)
		c->idle_since_ns = now_ns;
	/* Of a live source nothing is late by more than that; a lossless one may just be slow. */
	if (!c->lossless && now_ns - c->idle_since_ns >= FOLD_HOLD_NS)
		weir_folder_end(c->folder);
	if (c->batch_since_ns == 0)
		c->batch_since_ns = now_ns;
	if (now_ns - c->batch_since_ns >= HOLD_NS)
		hand_over(c);
	weir_rings_wait(c->rings, c->n_rings, idle_for(c));
}

static void *collector_main(void *arg)
{
	struct weir_collector *c = arg;
	bool over = false;

	weir_thread_setup("weir-collect", c->cpu);
	while (!over)
		if (drain(c, &over) == 0 && !over)
			idle(c);
	weir_folder_end(c->folder);
	c->over = true;
	throttle_follow(c);
	filter_follow(c);
	set(&c->held, 0);
	hand_over(c);
	for (uint32_t i = 0; i < c->n_outlets; i++)
		weir_queue_close(&c->outlets[i].queue);
	return NULL;
}

static void close_unstarted(const struct weir_collector_conf *conf, uint32_t from)
{
	for (uint32_t i = from; i < conf->n_outlets; i++)
		conf->outlets[i].sink->ops->close(conf->outlets[i].sink, NULL);
}

static int allocate(struct weir_collector *c, const struct weir_collector_conf *conf)
{
	/* Each sink can hold a full queue and the batch it reads; one more is being filled. */
	uint32_t batches = conf->n_outlets * (c->queue_batches + 1) + 1;

	c->ring_ns = calloc(conf->n_rings, sizeof(*c->ring_ns));
	c->folder = weir_folder_create(FOLD_GROUPS, FOLD_FLOWS, append, c);
	c->splits = weir_splits_create();
	if (c->ring_ns == NULL || c->folder == NULL || c->splits == NULL)
		return -ENOMEM;
	return weir_batch_pool_init(&c->pool, batches);
}

struct weir_collector *weir_collector_start(const struct weir_collector_conf *conf,
					    struct weir_err *err)
{
	uint32_t started = 0;
	struct weir_collector *c = calloc(1, sizeof(*c) +
						     conf->n_outlets * sizeof(struct weir_outlet));

	if (c != NULL)
		c->queue_batches = conf->queue_batches != 0 ? conf->queue_batches
							    : WEIR_QUEUE_BATCHES;
	if (c != NULL)
		pthread_mutex_init(&c->filter_lock, NULL);
	if (c == NULL || allocate(c, conf) != 0) {
		weir_err_set(err, ENOMEM, "collector: no memory for its batches");
		close_unstarted(conf, 0);
		weir_collector_destroy(c);
		return NULL;
	}
	c->rings = conf->rings;
	c->n_rings = conf->n_rings;
	for (uint32_t i = 1; i < c->n_rings; i++)
		weir_ring_share_consumer(c->rings[i], c->rings[0]);
	c->n_outlets = conf->n_outlets;
	c->lossless = conf->lossless;
	c->cpu = conf->cpu;
	c->filter = conf->filter != NULL ? *conf->filter
					 : (struct weir_record_filter){ .every_type = true };
	for (; started < c->n_outlets; started++)
		if (weir_outlet_start(&c->outlets[started], &conf->outlets[started], &c->pool,
				      c->queue_batches, !c->lossless, err) != 0)
			goto err_stop;
	if (pthread_create(&c->thread, NULL, collector_main, c) != 0) {
		weir_err_set(err, EAGAIN, "collector: its thread could not be started");
		goto err_stop;
	}
	return c;

err_stop:
	close_unstarted(conf, started + 1);
	/* The one that failed has its sink, too. */
	for (uint32_t i = 0; i < c->n_outlets && i <= started; i++) {
		weir_queue_close(&c->outlets[i].queue);
		weir_outlet_join(&c->outlets[i]);
	}
	weir_collector_destroy(c);
	return NULL;
}

void weir_collector_drain(struct weir_collector *c)
{
	/* Relaxed: a flag alone. */
	atomic_store_explicit(&c->drain, true, memory_order_relaxed);
}

void weir_collector_filter(struct weir_collector *c, const struct weir_record_filter *filter)
{
	pthread_mutex_lock(&c->filter_lock);
	c->filter_set = *filter;
	pthread_mutex_unlock(&c->filter_lock);
	atomic_fetch_add_explicit(&c->filter_sets, 1, memory_order_relaxed);
}

int weir_collector_throttle(struct weir_collector *c, uint32_t rate)
{
	struct weir_throttle *t = atomic_load_explicit(&c->throttle, memory_order_relaxed);

	if (rate > 0 && t == NULL) {
		/* Half a queue: no part of a sample fills one that was empty. */
		t = weir_throttle_create(weir_random_u64(), c->queue_batches * WEIR_BATCH_RECS / 2,
					 put, c);
		if (t == NULL)
			return -ENOMEM;
		/* Release: who sees it sees what it points to. */
		atomic_store_explicit(&c->throttle, t, memory_order_release);
	}
	atomic_store_explicit(&c->rate, rate, memory_order_relaxed);
	return 0;
}

int weir_collector_join(struct weir_collector *c, struct weir_err *err)
{
	int rc = 0;

	pthread_join(c->thread, NULL);
	for (uint32_t i = 0; i < c->n_outlets; i++) {
		struct weir_outlet *o = &c->outlets[i];

		weir_outlet_join(o);
		if (o->fault.code != 0 && rc == 0)
			rc = weir_err_set(err, o->fault.code, "%s", o->fault.msg);
	}
	return rc;
}

void weir_collector_stats(const struct weir_collector *c, uint32_t i,
			  struct weir_outlet_stats *stats)
{
	const struct weir_outlet *o = &c->outlets[i];

	stats->name = o->conf.name;
	stats->taken = atomic_load_explicit(&c->taken, memory_order_relaxed);
	stats->held = atomic_load_explicit(&c->held, memory_order_relaxed);
	stats->early = atomic_load_explicit(&c->early, memory_order_relaxed);
	stats->throttled = atomic_load_explicit(&c->throttled, memory_order_relaxed);
	stats->filtered = atomic_load_explicit(&c->filtered, memory_order_relaxed);
	stats->folded = atomic_load_explicit(&c->folded, memory_order_relaxed);
	stats->merged = atomic_load_explicit(&o->merged, memory_order_relaxed);
	stats->dropped = atomic_load_explicit(&o->dropped, memory_order_relaxed);
	stats->failed = atomic_load_explicit(&o->failed, memory_order_relaxed);
	stats->written = atomic_load_explicit(&o->written, memory_order_relaxed);
}

uint64_t weir_collector_fault(struct weir_collector *c, uint32_t i, struct weir_err *err)
{
	return weir_outlet_fault(&c->outlets[i], err);
}

uint64_t weir_collector_split_flows(const struct weir_collector *c)
{
	return atomic_load_explicit(&c->split, memory_order_relaxed);
}

void weir_collector_destroy(struct weir_collector *c)
{
	if (c == NULL)
		return;
	pthread_mutex_destroy(&c->filter_lock);
	weir_batch_pool_fini(&c->pool);
	weir_folder_destroy(c->folder);
	weir_splits_destroy(c->splits);
	weir_throttle_destroy(atomic_load_explicit(&c->throttle, memory_order_relaxed));
	free(c->ring_ns);
	free(c);
}
