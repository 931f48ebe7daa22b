/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture pipeline: from frames of sources to records in rings.
 *
 * One worker: reader and worker are one thread, the caller's. More workers: the caller's thread reads
 * and steers by the hash of the inner headers, each worker has a thread and a ring; or, where a
 * source has a queue for each worker that keeps both directions of a flow together, each worker reads
 * its own queue.
 */
#ifndef WEIR_PIPE_H
#define WEIR_PIPE_H

#include <weir_decode.h>
#include <weir_flow.h>
#include <weir_rt.h>
#include <weir_settings.h>
#include <weir_stats.h>

#define WEIR_PIPE_WORKERS_MAX 64

struct weir_pipe_options {
	unsigned int workers;
	struct weir_flow_budget budget;       /* of each worker's table */
	const struct weir_settings *settings; /* borrowed for the pipe's life */
	uint32_t record_slots;                /* ring to the collector: power of two */
	uint8_t tap;                          /* number of the tap, from 1 */
	bool lossless;                        /* sources wait: full rings block */
	uint32_t input_bursts;                /* ring to each worker: power of two */
	const int *cpus;                      /* a worker's CPU each, NULL = not pinned */
};

struct weir_pipe;

/* All tables. A run adds the bursts' rings, and a boundary a snapshot of hints. Control thread. */
struct weir_pipe *weir_pipe_create(const struct weir_pipe_options *o, struct weir_err *err);
void weir_pipe_destroy(struct weir_pipe *p);

/* Bytes of all tables and rings a pipe of these options maps; snapshots of hints come on top: 1 MiB. */
size_t weir_pipe_bytes(const struct weir_pipe_options *o);

/* The ring of each worker to the collector; slots are struct weir_flow_rec. Live as long as the pipe. */
struct weir_ring *const *weir_pipe_records(const struct weir_pipe *p);

/*
 * Read the started sources of one tap (two of them for the two fibres of a TAP pair) until all have
 * ended or `stop` is set; then close what is open.
 * May be called again: each run is independent of those before. Blocks. The thread that calls it
 * becomes the reader.
 */
int weir_pipe_run(struct weir_pipe *p, struct weir_source *const *sources, unsigned int n,
		  const atomic_bool *stop, struct weir_err *err);

/*
 * Settings that change what a flow is have changed: bursts received from now on belong to a new epoch,
 * and flows end with the old one, by a forced report marked WEIR_REC_EPOCH. Any thread.
 */
void weir_pipe_epoch_raise(struct weir_pipe *p);

/*
 * Have pages behind all tables now, which takes some 0.1 s for a million flows: without it, packets
 * wait for them in between. A pipe of live sources does so by itself. Before a run.
 */
void weir_pipe_back(struct weir_pipe *p);

/* Counts of the current run, and of the flow tables since create. May lag while it runs. */
void weir_pipe_accounting(const struct weir_pipe *p, struct weir_accounting *out);
void weir_pipe_flow_counters(const struct weir_pipe *p, struct weir_flow_counters *out);

/* What the pipe had no room to remember, since create: all 0 where its tables are large enough. */
struct weir_pipe_shortages {
	uint64_t fragments; /* counted without their ports: too many datagrams at once */
	uint64_t hints;     /* of which side is the server: flows that start later do without */
	uint64_t dedup;     /* packets forgotten within the window: copies of them count as new */
};

/* While no run goes on. Control thread. */
void weir_pipe_shortages(const struct weir_pipe *p, struct weir_pipe_shortages *out);

/* TSC cycles and packets that workers spent in bursts, reading excluded. */
void weir_pipe_cycles(const struct weir_pipe *p, uint64_t *cycles, uint64_t *packets);

/* No record will come any more: lets the collector end. After the last run. */
void weir_pipe_close_records(struct weir_pipe *p);

#endif
