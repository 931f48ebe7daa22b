/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records out: the collector takes flow records from the workers' rings, folds floods, and hands
 * batches to sinks, each with a queue and a thread of its own. A sink turns records into bytes
 * somewhere. Record files are read back here too.
 */
#ifndef WEIR_EXPORT_H
#define WEIR_EXPORT_H

#include <weir_base.h>
#include <weir_rec.h>
#include <weir_rt.h>
#include <weir_store.h>

/* One way out. After open, every call comes from the one thread the collector gives the sink. */
struct weir_sink;

struct weir_sink_ops {
	/*
	 * Take `n` records, all of them: see `buffered`. After an error what it had is lost, and nothing of it stays
	 * in the output where that can be; it may be called again, with other records.
	 */
	int (*write)(struct weir_sink *s, const struct weir_flow_rec *recs, uint32_t n,
		     struct weir_err *err);
	/* Hand what is buffered to the system. Once a second, and at the end. Errors as above. */
	int (*flush)(struct weir_sink *s, struct weir_err *err);
	/* Give everything back, `s` included; what is buffered was flushed before. */
	int (*close)(struct weir_sink *s, struct weir_err *err);
};

/* Common part of every sink; a sink embeds it first in its own struct. */
struct weir_sink {
	const struct weir_sink_ops *ops;
	uint64_t
		buffered; /* records taken and not yet handed to the system; after an error: lost */
	uint64_t lost; /* of a sink that goes on all the same: could not be written, all together */
};

enum weir_sink_type {
#define WEIR_SINK(id, fn, help) WEIR_SINK_##id,
#include "sinks.def"
	WEIR_SINKS
};

/*
 * Open a sink. `target` is what its row in sinks.def says: a file, a directory. NULL with `err`
 * set when it cannot be written to. Control thread.
 */
struct weir_sink *weir_sink_open(enum weir_sink_type type, const char *target,
				 struct weir_err *err);

/*
 * A sink into a store, which is borrowed: its owner may ask it how it is at any time, and settles and
 * closes it after the sink. It goes on after a failure, as the store does; what was lost meanwhile counts
 * as failed, and is logged when it begins and when it is over. NULL with `err` set without memory.
 */
struct weir_sink *weir_sink_store_create(struct weir_store *store, struct weir_err *err);

/* What one sink is to get. */
struct weir_outlet_conf {
	struct weir_sink *sink; /* given: closed by the collector */
	const char *name;       /* for messages and counters; borrowed */
	bool merge;             /* one record a flow, made of its reports */
	bool sorted;            /* kept until the end, then in weir_flow_rec_compare() order */
	atomic_bool *stop;      /* set when the sink failed, for who feeds it; may be NULL */
};

/* Which records are passed on; beside them all with `acl_gids`. */
struct weir_record_filter {
	bool every_type;         /* capture network types: all of them, else those in `types` */
	uint64_t types[4];       /* bits of 1 to 255 */
	uint64_t ignored_points; /* bits of observation points that are left out */
};

struct weir_collector_conf {
	struct weir_ring *const *rings; /* of struct weir_flow_rec, one a worker; borrowed */
	uint32_t n_rings;
	const struct weir_outlet_conf *outlets; /* copied */
	uint32_t n_outlets;
	uint32_t queue_batches; /* of 256 records, before each sink; power of two; 0 = 16 */
	bool lossless;          /* wait for a slow sink instead of dropping */
	int cpu;                /* as weir_thread_setup(); -1 = anywhere */
	const struct weir_record_filter *filter; /* copied; NULL = all records are passed on */
};

/*
 * Exact when all is quiet: taken == folded + filtered + throttled + merged + dropped + failed + written. Before that, `held`
 * and what lies in batches and buffers is missing on the right.
 */
struct weir_outlet_stats {
	const char *name;
	uint64_t taken;  /* records the workers made */
	uint64_t held;   /* wait for their flood to be complete, or their window of the throttle */
	uint64_t folded; /* became part of a folded record */
	uint64_t filtered;  /* left out by a filter, the same for all sinks */
	uint64_t throttled; /* left out by weir_collector_throttle(), the same for all sinks */
	uint64_t merged;    /* became part of another record of their flow */
	uint64_t dropped;   /* this sink's queue was full */
	uint64_t failed; /* the sink could not write them; why: weir_collector_fault(), the store */
	uint64_t written;
	uint64_t early; /* floods passed on before they were complete, for want of memory */
};

struct weir_collector;

/*
 * Make a collector and start its threads. Sinks are given, also on failure. NULL with `err` set
 * without memory or threads. Control thread.
 */
struct weir_collector *weir_collector_start(const struct weir_collector_conf *conf,
					    struct weir_err *err);

/* From now on pass on these records. Control thread. */
void weir_collector_filter(struct weir_collector *c, const struct weir_record_filter *filter);

/*
 * Of live sources: from now on pass on at most `rate` records a second, a fair sample of each 4 s (less, where that are
 * more than 65,536 records); what is sampled leaves evenly during the next 4 s. 0 = no limit; what was sampled before
 * leaves as it would. 0, or -ENOMEM with nothing changed. Control thread.
 */
int weir_collector_throttle(struct weir_collector *c, uint32_t rate);

/*
 * From now on wait for a slow sink, too: nobody is behind who must not wait. Before the pipe of live sources
 * ends. Any thread.
 */
void weir_collector_drain(struct weir_collector *c);

/*
 * Wait until all rings are closed and empty and every sink has written, flushed and closed. 0, or
 * the first failure that lasts until now, with `err` set. Control thread; blocks.
 */
int weir_collector_join(struct weir_collector *c, struct weir_err *err);

/* Counters of outlet `i`. Any thread; before join they may lag. */
void weir_collector_stats(const struct weir_collector *c, uint32_t i,
			  struct weir_outlet_stats *stats);

/*
 * Outlet `i` fails: since when (wall clock, us), and `err` says why. 0 = it can be written. Of live sources it is tried
 * again after 1 s, then later and later, 30 s at most; meanwhile its records count as failed. Any thread, until
 * weir_collector_destroy().
 */
uint64_t weir_collector_fault(struct weir_collector *c, uint32_t i, struct weir_err *err);

/*
 * TCP connections whose two directions came to different workers (steer_split_flows): 0 unless a port's hash
 * does not do what it says, or a connection's halves come by different ports of a tap. Likewise.
 */
uint64_t weir_collector_split_flows(const struct weir_collector *c);

/* Free it; only after join. NULL is fine. */
void weir_collector_destroy(struct weir_collector *c);

/*
 * Record files, as the records sink writes them: one file, or all of a directory in the order of
 * their names. NULL with `err` set when there is nothing to read. Any one thread.
 */
struct weir_rec_reader;
struct weir_rec_reader *weir_rec_reader_open(const char *path, struct weir_err *err);
void weir_rec_reader_close(struct weir_rec_reader *r);

/*
 * From now on leave out blocks that hold no record which ends at `since_ns` or later and begins before
 * `until_ns`; 0 = open. Those that are read may hold others, too.
 */
void weir_rec_reader_period(struct weir_rec_reader *r, uint64_t since_ns, uint64_t until_ns);

/*
 * The next records, borrowed until the next call; their number, 0 at the end. Negative with `err`
 * naming file, byte and what was read before it: -ENODATA when a file ends inside a block, as one does
 * whose writer was killed or still writes; -EBADMSG when it is damaged; -EPROTONOSUPPORT when it is no
 * record file of this version; another when it cannot be opened or read. Then the next call goes on
 * with the next file.
 */
int weir_rec_reader_next(struct weir_rec_reader *r, const struct weir_flow_rec **recs,
			 struct weir_err *err);

/*
 * A record as one line of JSON, with newline, without NUL; the length. `dst` has WEIR_JSON_MAX
 * bytes. Any thread.
 */
#define WEIR_JSON_MAX 8192
size_t weir_flow_rec_json(char *dst, const struct weir_flow_rec *rec);

#endif
