/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source: all files as one stream. The readers lie in a heap by the time of their next packet;
 * the one at the top lends frames up to the next one's time. A file is opened when it gets to the top
 * and closed at its end. Pacing is a second limit of the same kind: what is due by now.
 */
#include "pcap_priv.h"

#include <weir_source_pcap.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define CHUNK          ((size_t)128 << 10) /* README.md says how it was chosen */
#define CHUNK_SMALL    ((size_t)32 << 10)  /* when very many files may be open at once */
#define SLEEP_MAX_NS   WEIR_NS_PER_MS
#define SLEEP_BLOCK_NS (50 * WEIR_NS_PER_US)

struct pcap_source {
	struct weir_source src;
	struct weir_pcap_reader *readers;
	struct weir_pcap_reader **heap; /* top = next packet */
	size_t n_readers, n_heap, n_open;
	double speed;
	uint32_t loop, round;
	bool over; /* the last round is read */
	char label[256];

	uint32_t damaged;        /* files */
	uint64_t round_frames;   /* of this round */
	uint64_t min_ns, max_ns; /* of the first round, when there are others */
	uint64_t shift_ns;       /* of this round */
	uint64_t pace_ts_ns;     /* time of the first packet ... */
	uint64_t pace_mono_ns;   /* ... and when it was due; 0 = not yet */

	struct weir_pcap_pool pool, windows;
};

static bool is_before(const struct weir_pcap_reader *a, const struct weir_pcap_reader *b)
{
	return a->head_ns < b->head_ns || (a->head_ns == b->head_ns && a->index < b->index);
}

static void heap_sift(struct pcap_source *s, size_t i)
{
	struct weir_pcap_reader *r = s->heap[i];

	for (size_t c = 2 * i + 1; c < s->n_heap; c = 2 * i + 1) {
		if (c + 1 < s->n_heap && is_before(s->heap[c + 1], s->heap[c]))
			c++;
		if (!is_before(s->heap[c], r))
			break;
		s->heap[i] = s->heap[c];
		i = c;
	}
	s->heap[i] = r;
}

static void heap_build(struct pcap_source *s)
{
	s->n_heap = s->n_readers;
	for (size_t i = 0; i < s->n_readers; i++) {
		s->heap[i] = &s->readers[i];
		s->heap[i]->shift_ns = s->shift_ns;
		s->heap[i]->head_ns = s->heap[i]->first_ns + s->shift_ns;
	}
	for (size_t i = s->n_heap / 2; i-- > 0;)
		heap_sift(s, i);
}

static void heap_pop(struct pcap_source *s)
{
	s->heap[0] = s->heap[--s->n_heap];
	if (s->n_heap > 0)
		heap_sift(s, 0);
}

/* The top's packets come first up to this time. */
static uint64_t merge_limit(const struct pcap_source *s)
{
	const struct weir_pcap_reader *second;

	if (s->n_heap < 2)
		return UINT64_MAX;
	second = s->heap[1];
	if (s->n_heap > 2 && is_before(s->heap[2], second))
		second = s->heap[2];
	return second->head_ns - (second->index < s->heap[0]->index && second->head_ns > 0);
}

/* What is due by now. */
static uint64_t pace_limit(struct pcap_source *s)
{
	uint64_t now;

	if (s->speed <= 0 || s->n_heap == 0)
		return UINT64_MAX;
	now = weir_clock_mono_ns();
	if (s->pace_mono_ns == 0) {
		if (s->heap[0]->is_empty) /* out of the way first: it has no time */
			return 0;
		s->pace_mono_ns = now;
		s->pace_ts_ns = s->heap[0]->head_ns;
	}
	return s->pace_ts_ns + (uint64_t)((double)(now - s->pace_mono_ns) * s->speed);
}

static void sleep_ns(uint64_t ns)
{
	struct timespec t = { .tv_nsec = (long)weir_min_u64(ns, SLEEP_MAX_NS) };

	nanosleep(&t, NULL);
}

/* Nothing is due: sleep until the top's packet is, a little at a time. */
static void pace_sleep(const struct pcap_source *s, uint64_t limit_ns)
{
	double ahead = (double)(s->heap[0]->head_ns - limit_ns) / s->speed;

	sleep_ns(ahead < (double)SLEEP_MAX_NS ? (uint64_t)ahead : SLEEP_MAX_NS);
}

/* Each file's once: later rounds meet it again. */
static void fault_note(struct pcap_source *s, struct weir_pcap_reader *r)
{
	if (r->is_noted)
		return;
	r->is_noted = true;
	if (s->damaged++ == 0)
		s->src.fault = r->fault;
	else
		weir_log(WEIR_LOG_WARN, "%s", r->fault.msg);
}

/* What was lost after its reader had passed it. */
static void torn_note(struct pcap_source *s, struct weir_pcap_reader *r)
{
	const uint64_t torn = atomic_load_explicit(&r->torn, memory_order_relaxed);

	if (torn == TORN_NOWHERE || r->is_noted)
		return;
	weir_pcap_torn_fault(r, torn);
	fault_note(s, r);
}

/* As long as not too many are, a file stays open until its end. */
static int top_open(struct pcap_source *s)
{
	struct weir_pcap_reader *r = s->heap[0];
	int rc = weir_pcap_reader_open(r, s->n_open < FILES_MANY, &s->src.bytes_done, &r->fault);

	s->n_open += rc == 0;
	return rc;
}

/* The top is over: give back what it has, count what of it was not read as done. */
static void top_close(struct pcap_source *s)
{
	struct weir_pcap_reader *r = s->heap[0];

	atomic_fetch_add_explicit(&s->src.bytes_done,
				  r->in.size - weir_min_u64(r->in.off, r->in.size),
				  memory_order_relaxed);
	s->n_open -= r->is_open;
	weir_pcap_reader_close(r);
	heap_pop(s);
}

/* Keep first and last time of the first round: later rounds are moved by them. */
static void round_measure(struct pcap_source *s, const struct weir_frame *frames, uint16_t n)
{
	s->round_frames += n;
	if (s->loop == 1 || s->round > 0)
		return;
	for (uint16_t i = 0; i < n; i++) {
		s->min_ns = weir_min_u64(s->min_ns, frames[i].ts_ns);
		s->max_ns = weir_max_u64(s->max_ns, frames[i].ts_ns);
	}
}

/* All files are over. False = so is the source. */
static bool round_next(struct pcap_source *s)
{
	uint64_t span, gap;

	if (s->over || ++s->round == s->loop || s->round_frames == 0) {
		s->over = true;
		return false;
	}
	span = s->max_ns - s->min_ns;
	gap = s->round_frames > 1 ? span / (s->round_frames - 1) : 0;
	s->shift_ns += span + weir_max_u64(gap, WEIR_NS_PER_US);
	s->round_frames = 0;
	heap_build(s);
	return true;
}

/* A step with the top of the heap. False = rx has to return. */
static bool rx_step(struct pcap_source *s, struct weir_frame *frames, uint16_t max,
		    uint64_t pace_ns, uint16_t *n)
{
	struct weir_pcap_reader *r = s->heap[0];
	enum weir_pcap_step step;

	if (!r->is_open && top_open(s) != 0)
		step = WEIR_PCAP_FAULT;
	else
		step = weir_pcap_reader_batch(r, frames, max, weir_min_u64(merge_limit(s), pace_ns),
					      n);
	switch (step) {
	case WEIR_PCAP_LATER:
		heap_sift(s, 0);
		return s->heap[0]->head_ns <= pace_ns;
	case WEIR_PCAP_FAULT:
		fault_note(s, r);
		top_close(s);
		return true;
	case WEIR_PCAP_END:
		top_close(s);
		return true;
	default:
		return false;
	}
}

static uint16_t pcap_rx(struct weir_source *src, uint16_t queue, struct weir_frame *frames,
			uint16_t max)
{
	struct pcap_source *s = (struct pcap_source *)src;
	uint64_t pace_ns = pace_limit(s);
	uint16_t n = 0;

	(void)queue;
	while (n < max) {
		/* A burst is of one round: the next one's times are known when it was measured. */
		if (s->n_heap == 0 && (n > 0 || !round_next(s)))
			break;
		if (!rx_step(s, frames, max, pace_ns, &n))
			break;
	}
	round_measure(s, frames, n);
	if (n > 0)
		return n;
	if (s->n_heap == 0)
		atomic_store_explicit(&src->ended, true, memory_order_release);
	else if (s->heap[0]->head_ns > pace_ns)
		pace_sleep(s, pace_ns);
	else
		sleep_ns(SLEEP_BLOCK_NS);
	return 0;
}

static void pcap_done(struct weir_source *src, const struct weir_frame *frames, uint16_t n)
{
	uint16_t i = 0, run;

	(void)src;
	while (i < n) {
		for (run = 1; i + run < n && frames[i + run].opaque == frames[i].opaque;)
			run++;
		weir_pcap_block_put(frames[i].opaque, run);
		i += run;
	}
}

static bool pcap_missed(struct weir_source *src, uint64_t *packets)
{
	(void)src;
	*packets = 0;
	return true;
}

/* Read a file up to its first packet: is it a capture, and when does it begin? */
static int probe(struct pcap_source *s, struct weir_pcap_reader *r, struct weir_err *err)
{
	enum weir_pcap_step step;
	uint16_t n = 0;
	int rc = weir_pcap_reader_open(r, true, NULL, err);

	if (rc != 0)
		return rc;
	step = weir_pcap_reader_batch(r, NULL, 0, UINT64_MAX, &n);
	r->is_empty = step != WEIR_PCAP_FULL;
	r->first_ns = r->is_empty ? 0 : r->head_ns;
	if (step == WEIR_PCAP_FAULT && r->batch == weir_pcap_start && r->fault.code != EBADMSG)
		rc = weir_err_set(err, r->fault.code, "%s", r->fault.msg);
	weir_pcap_reader_close(r);
	s->src.bytes_total += r->in.size * s->loop;
	return rc;
}

static void release(struct pcap_source *s)
{
	for (size_t i = 0; i < s->n_readers; i++) {
		weir_pcap_reader_close(&s->readers[i]);
		free(s->readers[i].ifaces);
		s->readers[i].ifaces = NULL;
		s->readers[i].ifaces_cap = 0;
	}
	weir_pcap_windows_fini(&s->windows);
	weir_pcap_pool_fini(&s->pool);
}

static int pcap_open(struct weir_source *src, struct weir_err *err)
{
	struct pcap_source *s = (struct pcap_source *)src;
	const size_t chunk = s->n_readers <= FILES_MANY ? CHUNK : CHUNK_SMALL;
	const size_t stride = (chunk + RECORD_MAX + 4095) & ~(size_t)4095;
	const bool can_map = weir_pcap_windows_init(&s->windows) == 0;
	int rc = weir_pcap_pool_init(&s->pool, s->n_readers + BLOCKS_LENT, stride,
				     PROT_READ | PROT_WRITE);

	if (rc != 0) {
		weir_pcap_windows_fini(&s->windows);
		return weir_err_set(err, -rc, "%s: no memory for %zu files", s->label,
				    s->n_readers);
	}
	src->bytes_total = 0;
	for (size_t i = 0; i < s->n_readers && rc == 0; i++) {
		s->readers[i].pool = &s->pool;
		s->readers[i].windows = can_map ? &s->windows : NULL;
		s->readers[i].chunk = chunk;
		rc = probe(s, &s->readers[i], err);
	}
	if (rc != 0)
		release(s);
	return rc;
}

static int pcap_start(struct weir_source *src, struct weir_err *err)
{
	(void)err;
	heap_build((struct pcap_source *)src);
	return 0;
}

static void pcap_stop(struct weir_source *src)
{
	struct pcap_source *s = (struct pcap_source *)src;

	while (s->n_heap > 0)
		top_close(s);
	for (size_t i = 0; i < s->n_readers; i++)
		torn_note(s, &s->readers[i]);
	s->over = true;
}

static void pcap_close(struct weir_source *src)
{
	struct pcap_source *s = (struct pcap_source *)src;

	release(s);
	for (size_t i = 0; i < s->n_readers; i++)
		free(s->readers[i].path);
	free(s->readers);
	free(s->heap);
	free(s);
}

static const struct weir_source_ops ops = {
	.name = "pcap",
	.open = pcap_open,
	.start = pcap_start,
	.rx = pcap_rx,
	.done = pcap_done,
	.missed = pcap_missed,
	.stop = pcap_stop,
	.close = pcap_close,
};

static bool copy_paths(struct pcap_source *s, const struct weir_pcap_options *o)
{
	s->readers = calloc(o->n_paths, sizeof(*s->readers));
	s->heap = calloc(o->n_paths, sizeof(struct weir_pcap_reader *));
	if (s->readers == NULL || s->heap == NULL)
		return false;
	for (; s->n_readers < o->n_paths; s->n_readers++) {
		struct weir_pcap_reader *r = &s->readers[s->n_readers];

		r->index = (uint32_t)s->n_readers;
		r->in.fd = -1;
		r->torn = TORN_NOWHERE;
		r->path = strdup(o->paths[s->n_readers]);
		if (r->path == NULL)
			return false;
	}
	return true;
}

struct weir_source *weir_source_pcap_create(const struct weir_pcap_options *o, struct weir_err *err)
{
	struct pcap_source *s;

	if (o->n_paths == 0 || o->n_paths > UINT32_MAX || !(o->speed >= 0)) {
		weir_err_set(
			err, EINVAL,
			"capture files: %zu files at speed %g: at least 1 and 0 or more are needed",
			o->n_paths, o->speed);
		return NULL;
	}
	s = aligned_alloc(WEIR_CACHE_LINE,
			  (sizeof(*s) + WEIR_CACHE_LINE - 1) & ~(size_t)(WEIR_CACHE_LINE - 1));
	if (s != NULL)
		*s = (struct pcap_source){
			.src = { .ops = &ops, .label = s->label, .queues = 1, .lossless = true },
			.speed = o->speed,
			.loop = o->loop,
			.min_ns = UINT64_MAX,
		};
	if (s == NULL || !copy_paths(s, o)) {
		weir_err_set(err, ENOMEM, "capture files: no memory for %zu files", o->n_paths);
		if (s != NULL)
			pcap_close(&s->src);
		return NULL;
	}
	if (o->n_paths == 1)
		snprintf(s->label, sizeof(s->label), "%s", o->paths[0]);
	else
		snprintf(s->label, sizeof(s->label), "%s and %zu more", o->paths[0],
			 o->n_paths - 1);
	return &s->src;
}
