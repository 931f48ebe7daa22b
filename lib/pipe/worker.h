/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker owns, and the way of a burst through it. Private to lib/pipe. */
#ifndef WEIR_PIPE_WORKER_H
#define WEIR_PIPE_WORKER_H

#include "pipe_priv.h"

#include <weir_flow_service.h>
#include <weir_pipe.h>
#include <weir_tap.h>
#include <weir_view.h>

#include <pthread.h>
#include <stdalign.h>

/* What workers read and control may change. */
struct weir_view {
	const struct weir_settings *settings;
	struct weir_hints *hints; /* owned; NULL = nothing learned yet */
};

/* Frames of one tap on their way to a worker, and the tap's clock when they left. */
struct burst {
	struct weir_source *src; /* whose frames they are, but held ones */
	uint64_t watermark_ns;   /* nothing older than this minus the delay will follow */
	uint32_t epoch;
	uint16_t n;
	uint8_t tap;
	struct weir_frame frames[WEIR_BURST_MAX];
};

struct worker {
	/* control: wo before the run; everyone: ro */
	struct weir_pipe *pipe;
	struct weir_flow_table *table;
	struct weir_dedup *dedup;
	struct weir_hint_log *hints;
	struct weir_ring *in;      /* bursts; NULL where the reader is the worker */
	struct weir_ring *records; /* to the collector */
	pthread_t thread;
	unsigned int id;
	bool lossless;

	/* this worker: rw */
	alignas(WEIR_CACHE_LINE) struct weir_accounting acc;
	uint64_t cycles, packets;
	uint32_t epoch[WEIR_TAP_MAX + 1];
	uint64_t watermark_ns;
	struct weir_attr attrs[WEIR_BURST_MAX];
	uint8_t outcome[WEIR_BURST_MAX];
	struct weir_pkt pkts[WEIR_BURST_MAX];
};

struct weir_pipe {
	struct weir_pipe_options opt;
	struct weir_views *views;
	struct weir_fragment *fragments; /* reader: rw */
	struct weir_tap tap;             /* reader: rw */
	struct weir_accounting acc;      /* reader: rw; what it received, and did not pass on */
	_Atomic uint32_t epoch;          /* of the tap: any thread: rw, who reads its sources: ro */
	struct worker *workers;
	bool backed;                                      /* their tables are */
	struct weir_ring *records[WEIR_PIPE_WORKERS_MAX]; /* theirs, for the collector */
};

/* pipe.c: let flows that start from now on know what flows so far have shown. Workers are quiet. */
void hints_exchange(struct weir_pipe *p);
void hints_forget(struct weir_pipe *p);

/* worker.c */
/* Bytes of all that a worker of these options owns. */
size_t worker_bytes(const struct weir_pipe_options *o);
int worker_init(struct worker *w, struct weir_pipe *p, unsigned int id);
void worker_fini(struct worker *w);
/* First stage of a burst: w->pkts and w->outcome are what `n` frames say. */
void worker_decode(struct worker *w, const struct weir_view *view, const struct weir_frame *frames,
		   unsigned int n);
/* The other stages of what was decoded. Frames are the caller's to give back. */
void worker_stages(struct worker *w, const struct weir_view *view, const struct burst *b,
		   const struct weir_frame *frames, unsigned int n);
/* Time has come this far without a packet. True: more flows are due than were looked at. */
bool worker_idle(struct worker *w, const struct weir_view *view, uint64_t watermark_ns);
void worker_flush(struct worker *w, const struct weir_view *view);
void *worker_main(void *worker); /* bursts from a ring, until it is closed */
/* Name and pin the calling thread, which is this worker's. */
void worker_thread_setup(const struct worker *w);

/* reader.c */
void reader_run(struct weir_pipe *p, struct weir_source *const *sources, unsigned int n,
		const atomic_bool *stop);
void frames_done(struct weir_source *src, const struct weir_frame *frames, unsigned int n);

/* direct.c */
int direct_run(struct weir_pipe *p, struct weir_source *src, const atomic_bool *stop,
	       struct weir_err *err);

#endif
