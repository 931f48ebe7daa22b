/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture pipeline: from frames of sources to records in rings.
 *
 * One worker: reader and worker are one thread, the caller's. More workers: the caller's thread reads
 * and steers by the hash of the inner headers, each worker has a thread and a ring; or, where every
 * source has a queue for each worker and keeps both directions of a flow together, each worker reads
 * its own queues.
 */
#ifndef WEIR_PIPE_H
#define WEIR_PIPE_H

#include <weir_decode.h>
#include <weir_filter.h>
#include <weir_flow.h>
#include <weir_rt.h>
#include <weir_settings.h>
#include <weir_stats.h>

struct weir_meta;
struct weir_policy;

#define WEIR_PIPE_WORKERS_MAX 64
#define WEIR_PIPE_PORTS_MAX   64

struct weir_pipe_options {
	unsigned int workers;
	struct weir_flow_budget budget;       /* of each worker's table */
	const struct weir_settings *settings; /* borrowed until others are set */
	uint32_t record_slots;                /* ring to the collector: power of two */
	bool lossless;                        /* sources wait: full rings block */
	uint32_t input_bursts;                /* ring to each worker: power of two */
	const int *cpus;                      /* a worker's CPU each, NULL = not pinned */
};

struct weir_pipe;

/* All tables and rings. A boundary adds a snapshot of hints. Control thread. */
struct weir_pipe *weir_pipe_create(const struct weir_pipe_options *o, struct weir_err *err);
void weir_pipe_destroy(struct weir_pipe *p);

/* Bytes of all tables and rings a pipe of these options maps; snapshots of hints come on top: 1 MiB. */
size_t weir_pipe_bytes(const struct weir_pipe_options *o);

/* The ring of each worker to the collector; slots are struct weir_flow_rec. Live as long as the pipe. */
struct weir_ring *const *weir_pipe_records(const struct weir_pipe *p);

/* A started source, and where its packets are counted: a slot's counts go on when its source is replaced. */
struct weir_pipe_port {
	struct weir_source *source;
	uint8_t slot; /* below WEIR_PIPE_PORTS_MAX; each once in a list */
};

/* One place of observation: two ports are the two fibres of a TAP pair, or two links of a bundle. */
struct weir_pipe_tap {
	uint8_t number;                   /* 1 to WEIR_TAP_MAX; each once in a list */
	const struct weir_filter *filter; /* NULL = all packets */
	const struct weir_pipe_port *ports;
	unsigned int n_ports;
};

struct weir_pipe_taps {
	const struct weir_pipe_tap *taps;
	unsigned int n;
};

/*
 * Read the sources of `taps` until all have ended or `stop` is set; then close what is open. A live
 * pipe may have none: it waits for weir_pipe_taps_set(). NULL = those that were set by that before. Sources
 * and filters are borrowed until others are set, or the end.
 *
 * May be called again: each run is independent of those before. Blocks. The thread that calls it
 * becomes the reader. 0, or -errno with `err` set without memory or threads.
 */
int weir_pipe_run(struct weir_pipe *p, const struct weir_pipe_taps *taps, const atomic_bool *stop,
		  struct weir_err *err);

/*
 * Of a live pipe: from now on read these. When it returns, nobody looks at the old ones any more, and
 * every frame of a source that is not among the new ones was given back: it can be stopped. Flows go on,
 * unless the change makes packets come to workers in another way: then they end by a forced report.
 * Waits some ms for the readers. 0 or -ENOMEM, and the old ones stay. Control thread, not the reader.
 */
int weir_pipe_taps_set(struct weir_pipe *p, const struct weir_pipe_taps *taps);

/*
 * Packets received from now on are counted by `settings`, borrowed until others are set; those before by the old
 * ones, which nobody reads any more when it returns. `ends_flows`: they change what a flow is, so flows end where
 * they begin, by a forced report marked WEIR_REC_EPOCH; another number of flows ends them in any case. Waits some ms
 * for readers and workers. 0, or -ENOMEM and the old ones stay. Control thread, not the reader.
 */
int weir_pipe_settings_set(struct weir_pipe *p, const struct weir_settings *settings,
			   bool ends_flows);

/*
 * Flows that start from now on have what this inventory knows of them, or the rules that these policies have for
 * them (NULL: nothing); those that go on with their next report. Either is borrowed until another is set, or the end; nobody
 * reads the one before when it returns. Waits some ms for workers. 0, or -ENOMEM and the one before stays. Of a
 * lossless pipe: while no run goes on. Control thread.
 */
int weir_pipe_inventory_set(struct weir_pipe *p, const struct weir_meta *inventory);
int weir_pipe_policy_set(struct weir_pipe *p, const struct weir_policy *policy);

/*
 * Bursts received from now on belong to a new epoch: flows end with the old one, by a forced report marked
 * WEIR_REC_EPOCH. Any thread.
 */
void weir_pipe_epoch_raise(struct weir_pipe *p);

/*
 * Have pages behind all tables now, which takes some 0.1 s for a million flows: without it, packets
 * wait for them in between. A pipe of live sources does so by itself. Before a run.
 */
void weir_pipe_back(struct weir_pipe *p);

/* Counts of the current run: of all packets, of those of one slot. May lag while it runs. */
void weir_pipe_accounting(const struct weir_pipe *p, struct weir_accounting *out);
void weir_pipe_port_accounting(const struct weir_pipe *p, uint8_t slot,
			       struct weir_accounting *out);
/* Of the flow tables, since create. Likewise. */
void weir_pipe_flow_counters(const struct weir_pipe *p, struct weir_flow_counters *out);

/* What the pipe had no room to remember, since create: all 0 where its tables are large enough. */
struct weir_pipe_shortages {
	uint64_t fragments; /* counted without their ports: too many datagrams at once */
	uint64_t hints;     /* of which side is the server: flows that start later do without */
	uint64_t dedup;     /* packets forgotten within the window: copies of them count as new */
};

/* While no run goes on, or lagging. Control thread. */
void weir_pipe_shortages(const struct weir_pipe *p, struct weir_pipe_shortages *out);

/* TSC cycles and packets that workers spent in bursts, reading excluded. */
void weir_pipe_cycles(const struct weir_pipe *p, uint64_t *cycles, uint64_t *packets);

/* What a worker does; cycles and packets only rise. Any thread, may lag. */
struct weir_pipe_worker_stats {
	uint64_t busy_cycles, cycles; /* TSC: in bursts; since its first run began */
	uint64_t packets;
	uint32_t ring_used, ring_slots; /* bursts that wait; 0, 0 where it reads by itself */
	uint32_t records_used, records_slots;
	uint64_t flows, flow_capacity;
};
void weir_pipe_worker_stats(const struct weir_pipe *p, unsigned int worker,
			    struct weir_pipe_worker_stats *out);

/* How packets come to workers. */
enum weir_pipe_way {
	WEIR_PIPE_ONE_WORKER, /* the reader is the worker */
	WEIR_PIPE_STEERED,    /* one reader, by the hash of the inner headers */
	WEIR_PIPE_DIRECT,     /* each worker reads queues of its own */
};
enum weir_pipe_way weir_pipe_way(const struct weir_pipe *p);

/* No record will come any more: lets the collector end. After the last run. */
void weir_pipe_close_records(struct weir_pipe *p);

#endif
