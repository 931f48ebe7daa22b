/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source: queues, their frame buffers, limits and pace.
 *
 * Frames of one rx lie in one block; a block is free again when all of them came back, counted by one
 * atomic subtraction a burst. The first block is taken whenever it is free, so that a worker that gives
 * back before it asks again stays in its cache.
 */
#include "load_priv.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>

#define BLOCKS  512
#define STEP_NS 100 /* between two packets, flat out */
/* A queue waits rather than run further ahead of another, in the packets' time. */
#define LEAD_NS     (100 * WEIR_NS_PER_MS)
#define CLOCK_EVERY 16 /* bursts between two looks at the clock */
#define FLOWS_MAX   (UINT32_C(1) << 28)

struct block {
	alignas(WEIR_CACHE_LINE) _Atomic uint32_t borrowed; /* rx: sets, done: subtracts */
	alignas(WEIR_CACHE_LINE) uint8_t slot[WEIR_BURST_MAX][LOAD_SLOT];
};

struct queue {
	/* rx thread: rw */
	alignas(WEIR_CACHE_LINE) struct load_maker maker;
	struct load_ahead ahead;
	struct block *blocks;
	uint32_t next_block;
	uint32_t bursts;
	uint64_t limit;    /* packets on its line of time; UINT64_MAX = none */
	uint64_t begin_ns; /* clock at the first rx; 0 = not yet */
	bool over;

	/* rx thread: wo; others: ro, may lag */
	alignas(WEIR_CACHE_LINE) _Atomic uint64_t made; /* UINT64_MAX = over */
	_Atomic uint64_t packets, bytes, begun;
};

struct load {
	struct weir_source src;
	struct weir_load_options o;
	struct load_choice choice;
	uint32_t shares;  /* queues, or pairs of them: each has its own flows */
	uint64_t step_ns; /* between two packets of all shares */
	uint64_t lead;    /* LEAD_NS in packets of a share */
	struct queue *queue;
	_Atomic uint32_t queues_over;
};

static const char *const traffics[WEIR_LOAD_TRAFFICS] = {
	[WEIR_LOAD_TCP] = "tcp",           [WEIR_LOAD_UDP] = "udp",
	[WEIR_LOAD_SYNFLOOD] = "synflood", [WEIR_LOAD_VXLAN] = "vxlan",
	[WEIR_LOAD_ERSPAN] = "erspan",     [WEIR_LOAD_MIXED] = "mixed",
};

int weir_load_traffic_parse(const char *name, struct weir_err *err)
{
	for (int i = 0; i < WEIR_LOAD_TRAFFICS; i++)
		if (strcmp(name, traffics[i]) == 0)
			return i;
	if (strcmp(name, "http") == 0 || strcmp(name, "dns") == 0)
		return weir_err_set(err, ENOTSUP,
				    "--traffic %s: application traffic is not made yet; there are "
				    "tcp, udp, synflood, vxlan, erspan, mixed",
				    name);
	return weir_err_set(err, EINVAL,
			    "--traffic %s: allowed are tcp, udp, synflood, vxlan, erspan, mixed",
			    name);
}

static size_t flow_bytes(const struct load *l)
{
	return (size_t)l->choice.flows * sizeof(struct load_flow);
}

static void queues_close(struct load *l)
{
	for (uint16_t i = 0; l->queue != NULL && i < l->o.queues; i++) {
		weir_mem_unmap(l->queue[i].maker.flow, flow_bytes(l));
		weir_mem_unmap(l->queue[i].blocks, BLOCKS * sizeof(struct block));
	}
	free(l->queue);
	l->queue = NULL;
}

static int queue_open(struct load *l, uint16_t i)
{
	struct queue *q = &l->queue[i];
	struct load_maker *m = &q->maker;

	m->share = l->o.split ? i / 2 : i;
	m->shares = l->shares;
	m->choice = &l->choice;
	m->traffic = l->o.traffic;
	m->size = l->o.size == 0 ? 0 : l->o.size - 4;
	m->flow = weir_mem_map(flow_bytes(l));
	q->blocks = weir_mem_map(BLOCKS * sizeof(struct block));
	if (m->flow == NULL || q->blocks == NULL)
		return -ENOMEM;
	m->side = l->o.split ? i & 1 : -1;
	m->step_ns = l->step_ns;
	m->conversation = l->o.conversation;
	load_maker_init(m, &q->ahead, l->o.seed);

	q->limit = UINT64_MAX;
	if (l->o.packets != 0)
		q->limit = l->o.packets / l->shares + (m->share < l->o.packets % l->shares);
	return 0;
}

static int load_open(struct weir_source *src, struct weir_err *err)
{
	struct load *l = (struct load *)src;
	size_t bytes = l->o.queues * sizeof(*l->queue);

	l->queue = aligned_alloc(alignof(struct queue), bytes);
	if (l->queue == NULL)
		return weir_err_set(err, ENOMEM, "synthetic load: no memory");
	memset(l->queue, 0, bytes);
	for (uint16_t i = 0; i < l->o.queues; i++) {
		if (queue_open(l, i) == 0)
			continue;
		queues_close(l);
		return weir_err_set(err, ENOMEM,
				    "synthetic load: no memory for the state of %u flows",
				    l->o.flows);
	}
	return 0;
}

static int load_start(struct weir_source *src, struct weir_err *err)
{
	(void)src, (void)err;
	return 0;
}

static void finish(struct load *l, struct queue *q)
{
	q->over = true;
	atomic_store_explicit(&q->made, UINT64_MAX, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&l->queues_over, 1, memory_order_acq_rel) + 1 == l->o.queues)
		atomic_store_explicit(&l->src.ended, true, memory_order_release);
}

/* Packets this queue may go on before it is too far ahead of the slowest. */
static uint64_t lead_left(const struct load *l, const struct queue *q)
{
	uint64_t slowest = UINT64_MAX - l->lead, end;

	for (uint16_t i = 0; i < l->o.queues; i++)
		slowest = weir_min_u64(slowest, atomic_load_explicit(&l->queue[i].made,
								     memory_order_relaxed));
	end = slowest + l->lead;
	return end > q->maker.made ? end - q->maker.made : 0;
}

/* Packets that are due at the asked rate; sets *over after the asked seconds. */
static uint64_t due(const struct load *l, struct queue *q, bool *over)
{
	uint64_t now, ran, n;

	if (l->o.rate == 0 && (l->o.seconds == 0 || q->bursts++ % CLOCK_EVERY != 0))
		return UINT64_MAX;
	now = weir_clock_mono_ns();
	if (q->begin_ns == 0)
		q->begin_ns = now;
	ran = now - q->begin_ns;
	if (l->o.seconds != 0 && ran >= l->o.seconds * WEIR_NS_PER_S)
		*over = true;
	if (l->o.rate == 0)
		return UINT64_MAX;
	n = (uint64_t)((double)ran * 1e-9 * (double)l->o.rate / l->shares);
	return n > q->maker.made ? n - q->maker.made : 0;
}

/* How many packets may be made now, at most `max`. */
static uint16_t allowed(struct load *l, struct queue *q, uint16_t max)
{
	bool over = q->maker.made >= q->limit;
	uint64_t n = due(l, q, &over);

	if (over) {
		finish(l, q);
		return 0;
	}
	n = weir_min_u64(n, q->limit - q->maker.made);
	if (l->o.queues > 1)
		n = weir_min_u64(n, lead_left(l, q));
	return (uint16_t)weir_min_u64(n, max);
}

static struct block *block_take(struct queue *q)
{
	uint32_t i = 0;

	for (uint32_t tries = 0; tries <= BLOCKS; tries++) {
		/* Pairs with the subtraction in done(): nobody reads these frames any more. */
		if (atomic_load_explicit(&q->blocks[i].borrowed, memory_order_acquire) == 0)
			return &q->blocks[i];
		i = q->next_block++ % BLOCKS;
	}
	return NULL;
}

static uint16_t load_rx(struct weir_source *src, uint16_t queue, struct weir_frame *frames,
			uint16_t max)
{
	struct load *l = (struct load *)src;
	struct queue *q = &l->queue[queue];
	struct block *b;
	uint16_t n;

	if (q->over)
		return 0;
	b = block_take(q);
	if (b == NULL)
		return 0;
	n = allowed(l, q, max < WEIR_BURST_MAX ? max : WEIR_BURST_MAX);
	if (n == 0)
		return 0;
	n = load_maker_run(&q->maker, &q->ahead, b->slot, frames, n, b);
	atomic_store_explicit(&q->packets, q->packets + n, memory_order_relaxed);
	atomic_store_explicit(&q->bytes, q->maker.bytes, memory_order_relaxed);
	atomic_store_explicit(&q->begun, q->maker.begun, memory_order_relaxed);
	atomic_store_explicit(&q->made, q->maker.made, memory_order_relaxed);
	atomic_store_explicit(&b->borrowed, n, memory_order_relaxed);
	return n;
}

static void load_done(struct weir_source *src, const struct weir_frame *frames, uint16_t n)
{
	uint16_t i = 0, j;

	(void)src;
	while (i < n) {
		struct block *b = frames[i].opaque;

		for (j = i + 1; j < n && frames[j].opaque == b; j++)
			;
		/* Pairs with the load in block_take(). */
		atomic_fetch_sub_explicit(&b->borrowed, (uint32_t)(j - i), memory_order_release);
		i = j;
	}
}

static bool load_missed(struct weir_source *src, uint64_t *packets)
{
	(void)src;
	*packets = 0;
	return true;
}

static void load_stop(struct weir_source *src)
{
	(void)src;
}

static void load_close(struct weir_source *src)
{
	struct load *l = (struct load *)src;

	queues_close(l);
	free(l);
}

static const struct weir_source_ops ops = {
	.name = "load",
	.open = load_open,
	.start = load_start,
	.rx = load_rx,
	.done = load_done,
	.missed = load_missed,
	.stop = load_stop,
	.close = load_close,
};

static int check(const struct weir_load_options *o, struct weir_err *err)
{
	if (o->flows < 1 || o->flows > FLOWS_MAX)
		return weir_err_set(err, ERANGE, "flows = %u: allowed are 1 to %u", o->flows,
				    FLOWS_MAX);
	if (o->size != 0 && (o->size < 64 || o->size > WEIR_LOAD_SIZE_MAX))
		return weir_err_set(err, ERANGE, "size = %u: allowed are imix and 64 to %u bytes",
				    o->size, WEIR_LOAD_SIZE_MAX);
	if (o->queues < 1 || (o->split && o->queues % 2 != 0))
		return weir_err_set(err, EINVAL,
				    "queues = %u: allowed are 1 and more, with split 2, 4 ...",
				    o->queues);
	if (o->rate > WEIR_NS_PER_S)
		return weir_err_set(err, ERANGE, "rate = %lu: allowed are up to %lu packets/s",
				    o->rate, WEIR_NS_PER_S);
	return 0;
}

struct weir_source *weir_source_load_create(const struct weir_load_options *o, struct weir_err *err)
{
	struct load *l;

	if (check(o, err) != 0)
		return NULL;
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		weir_err_set(err, ENOMEM, "synthetic load: no memory");
		return NULL;
	}
	l->src.ops = &ops;
	l->src.label = traffics[o->traffic];
	l->src.queues = o->queues;
	l->src.symmetric = !o->split;
	l->src.lossless = true;
	l->o = *o;
	l->shares = o->split ? o->queues / 2 : o->queues;
	assert(l->shares > 0); /* check() saw to it */
	l->step_ns = o->rate == 0 ? STEP_NS : WEIR_NS_PER_S / o->rate;
	l->lead = weir_max_u64(LEAD_NS / l->step_ns / l->shares, 2 * WEIR_BURST_MAX);
	load_choice_init(&l->choice, (o->flows + l->shares - 1) / l->shares, o->zipf);
	return &l->src;
}

void weir_source_load_truth(const struct weir_source *src, struct weir_load_truth *truth)
{
	const struct load *l = (const struct load *)src;

	*truth = (struct weir_load_truth){ 0 };
	for (uint16_t i = 0; i < l->o.queues; i++) {
		const struct queue *q = &l->queue[i];

		truth->packets += atomic_load_explicit(&q->packets, memory_order_relaxed);
		truth->bytes += atomic_load_explicit(&q->bytes, memory_order_relaxed);
		if (q->maker.side <= 0)
			truth->flows += atomic_load_explicit(&q->begun, memory_order_relaxed);
	}
}
