/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the threads of a pipe own, and the way of a burst through them. Private to lib/pipe.
 *
 * A reader takes bursts from sources; a worker makes flows of them. With one worker, and where each worker
 * has queues of its own, a thread is both.
 */
#ifndef WEIR_PIPE_WORKER_H
#define WEIR_PIPE_WORKER_H

#include "pipe_priv.h"

#include <weir_capture.h>
#include <weir_flow_service.h>
#include <weir_pipe.h>
#include <weir_rate.h>
#include <weir_tap.h>
#include <weir_view.h>

#include <pthread.h>
#include <stdalign.h>

/* What workers read and control may change. */
struct weir_view {
	struct weir_hints *hints;          /* owned; NULL = nothing learned yet */
	const struct weir_meta *inventory; /* NULL = none */
	const struct weir_policy *policy;  /* NULL = none */
	uint32_t generation;               /* of these two */
	struct weir_capture *captures[WEIR_CAPTURES_MAX];
	unsigned int n_captures;
};

/* There is somebody to ask about new flows. */
static inline bool weir_view_knows_flows(const struct weir_view *view)
{
	return view->inventory != NULL || view->policy != NULL;
}

/* By what a packet is counted. It comes with each burst, so that what was received before a change is not touched. */
struct regime {
	const struct weir_settings *settings; /* NULL = not known yet */
	uint32_t cut;                         /* rises with settings that change what a flow is */
};

/* A queue of a source, as a reader polls it. */
struct input {
	struct weir_source *src;
	const struct weir_filter *filter; /* of its tap; NULL = all */
	uint16_t queue;
	uint8_t slot, tap;
};

/* What a reader polls. */
struct inputs {
	uint32_t idle_us;    /* how long it may sleep when nothing comes; 0 = as it likes */
	unsigned int n_taps; /* numbers of the taps: */
	uint8_t taps[WEIR_TAP_MAX];
	unsigned int n;
	struct input input[];
};

/* Who polls what. Made by control, immutable. */
struct plan {
	struct regime regime;
	enum weir_pipe_way way;
	unsigned int readers;
	struct inputs *of[WEIR_PIPE_WORKERS_MAX];
};

/* Frames of one port on their way to a worker, and the clock when they left. */
struct burst {
	struct regime regime;
	struct weir_source *src; /* whose frames they are, but held ones */
	const struct weir_filter *filter;
	uint64_t watermark_ns; /* nothing older than this minus the delay will follow, of any tap */
	uint32_t epoch;
	uint16_t n;
	uint8_t tap, slot;
	struct weir_frame frames[WEIR_BURST_MAX];
};

struct worker {
	/* control: wo before the run; everyone: ro */
	struct weir_pipe *pipe;
	struct weir_flow_table *table;
	struct weir_dedup *dedup; /* NULL = never needed */
	struct weir_hint_log *hints;
	struct weir_ring *in;      /* bursts; NULL where there is one worker */
	struct weir_ring *records; /* to the collector */
	pthread_t thread;
	unsigned int id;
	bool lossless;

	/* this worker: rw */
	alignas(WEIR_CACHE_LINE) uint64_t cycles;
	uint64_t packets, start_tsc;
	struct regime regime; /* of the last burst */
	uint32_t epoch[WEIR_TAP_MAX + 1];
	uint64_t watermark_ns;
	bool flushes; /* many flows end at once: records wait for room */
	struct weir_attr attrs[WEIR_BURST_MAX];
	uint8_t outcome[WEIR_BURST_MAX];
	struct weir_pkt pkts[WEIR_BURST_MAX];
	struct weir_accounting acc[WEIR_PIPE_PORTS_MAX]; /* outcomes alone */
};

/* A tap's time, as one reader sees it. */
struct tap_clock {
	struct weir_tap tap;
	uint64_t last_rx_ns; /* wall clock, live */
};

struct reader {
	/* control: wo before the run; everyone: ro */
	struct weir_pipe *pipe;
	struct weir_fragment *fragments;
	unsigned int id;
	bool active; /* under the pipe's lock: it reads a plan */

	/* this reader: rw */
	alignas(WEIR_CACHE_LINE) const struct plan *plan;
	const struct inputs *inputs;
	struct worker *worker; /* that it is itself, NULL = it steers */
	unsigned int view_id;
	uint32_t empty_polls;
	uint32_t boundaries;
	uint64_t clock_ns; /* the earliest of its taps' watermarks; never goes back */
	struct burst *out[WEIR_PIPE_WORKERS_MAX]; /* reserved slots being filled, NULL = none */
	const struct input *out_of[WEIR_PIPE_WORKERS_MAX];
	const struct input *own_of;           /* one worker: of the burst at hand */
	struct burst own;                     /* one worker: the burst at hand */
	struct weir_pkt pkts[WEIR_BURST_MAX]; /* steering: what the hash is made of */
	uint8_t outcome[WEIR_BURST_MAX];
	struct weir_accounting acc[WEIR_PIPE_PORTS_MAX]; /* received, and what it did not pass on */
	struct weir_rate rate;                           /* live: its share of settings.max_pps */
	struct tap_clock clocks[WEIR_TAP_MAX + 1];       /* of those not in its plan: control: rw */

	_Atomic(const struct plan *) seen; /* this reader: wo; control: ro */
};

struct weir_pipe {
	struct weir_pipe_options opt;
	struct weir_views *views;
	struct worker *workers;
	struct reader *readers;  /* as many; only the first where one thread reads */
	const atomic_bool *stop; /* of the run */
	_Atomic uint32_t epoch;  /* any thread: rw, readers: ro */

	struct regime regime;        /* control: rw */
	pthread_mutex_t lock;        /* of who swaps plans, and of readers that come and go */
	_Atomic(struct plan *) plan; /* control: rw, readers: ro */
	bool backed;                 /* the tables are */
	struct weir_ring *records[WEIR_PIPE_WORKERS_MAX]; /* the workers', for the collector */
};

/* pipe.c: let flows that start from now on know what flows so far have shown. Workers are quiet. */
void hints_exchange(struct weir_pipe *p);
/* Swap in a view like the current one, but with (without) a capture. 0 or -errno. Control thread. */
int view_add_capture(struct weir_pipe *p, struct weir_capture *c);
void view_remove_capture(struct weir_pipe *p, const struct weir_capture *c);

/* plan.c */
struct plan *plan_create(const struct weir_pipe *p, const struct weir_pipe_taps *taps);
/* The plan that holds, with another regime. NULL without memory. */
struct plan *plan_copy(const struct weir_pipe *p, const struct regime *regime);
void plan_destroy(struct plan *plan);
/* Swap it in (given), and wait for the readers that are active. Control thread. */
void plan_set(struct weir_pipe *p, struct plan *plan);
/* No tap has a time yet. While nobody reads, under the lock. */
void clocks_forget(struct weir_pipe *p);

/* worker.c */
/* Bytes of all that a worker of these options owns. */
size_t worker_bytes(const struct weir_pipe_options *o);
int worker_init(struct worker *w, struct weir_pipe *p, unsigned int id);
void worker_fini(struct worker *w);
/* Each run is as the first. */
void worker_begin(struct worker *w);
/* What comes next is counted by `regime`. */
void worker_follow(struct worker *w, const struct regime *regime);
/* First stage of a burst: w->pkts and w->outcome are what `n` frames say. */
void worker_decode(struct worker *w, const struct weir_settings *settings,
		   const struct weir_frame *frames, unsigned int n);
/* The other stages of what was decoded. Frames are the caller's to give back. */
void worker_stages(struct worker *w, const struct weir_view *view, const struct burst *b,
		   const struct weir_frame *frames, unsigned int n);
/* Time has come this far without a packet. True: more flows are due than were looked at. */
bool worker_idle(struct worker *w, uint64_t watermark_ns);
void worker_flush(struct worker *w);
void *worker_main(void *worker); /* bursts from a ring, until it is closed */
/* Name and pin the calling thread, which is this worker's. */
void worker_thread_setup(struct worker *w);

/* reader.c */
size_t reader_bytes(void);
int reader_init(struct reader *r, struct weir_pipe *p, unsigned int id);
void reader_fini(struct reader *r);
void reader_begin(struct reader *r);
/*
 * Read by the current plan until all sources have ended, or the stop flag is set: true; or until a plan of
 * another way than `way` is there: false. `w` = the worker that this thread is, NULL = it steers.
 */
bool reader_run(struct reader *r, struct worker *w, enum weir_pipe_way way);
/* Nothing of its plan is looked at any more. */
void reader_leave(struct reader *r);
void frames_done(struct weir_source *src, const struct weir_frame *frames, unsigned int n);

/* capture.c: copy those of a burst that are wanted. Reader `reader`. */
void capture_burst(struct weir_capture *c, unsigned int reader, uint8_t slot,
		   const struct weir_frame *frames, unsigned int n);

#endif
