/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded store: flow records in SQLite files below one directory, a file an hour. Written by
 * one thread, finished (indexed, its addresses summed up) and thrown away by a thread of its own, and
 * read by anybody: through this room, or with any SQLite client through the view `flow` of each file.
 */
#ifndef WEIR_STORE_H
#define WEIR_STORE_H

#include <weir_base.h>
#include <weir_rec.h>

/* Where a number is 0, its default stands beside it. */
struct weir_store_conf {
	const char *dir;    /* made where it is not there; borrowed for the call */
	uint64_t file_rows; /* a file ends with so many rows: 10,000,000 */
	uint32_t file_s;    /* and spans so many seconds of end times: 3600 */
	uint32_t txn_rows;  /* most rows between two commits: 32768, which is also the most */
	uint32_t busy_ms;   /* longest wait for a lock of somebody else: 200 */
	uint32_t pause_ms;  /* after a failure nothing is tried for so long: 1000 */
	uint64_t max_bytes; /* retention: of all files together; 0 = no limit */
	uint64_t
		max_age_s; /* retention: since the last row, and since it was written; 0 = no limit */
};

/* Between calls of the writer: taken == stored + pending + lost. */
struct weir_store_stats {
	uint64_t taken;      /* records given to weir_store_write() */
	uint64_t stored;     /* committed: they survive the end of this process */
	uint64_t pending;    /* in the open transaction */
	uint64_t lost;       /* could not be stored */
	uint64_t failures;   /* times that something went wrong: why, see weir_store_fault() */
	uint32_t files;      /* of this store, the one being written among them */
	uint32_t unfinished; /* still to be indexed */
	uint32_t bad;        /* not ours, newer, damaged: left alone */
	uint64_t bytes;      /* of `files`, without the one being written */
	uint64_t removed;    /* files thrown away by retention */
};

struct weir_store;

/*
 * Open a store for writing: look at every file, take over what a killed process left, start the
 * thread that finishes files. Files that are not ours, newer, or damaged are logged by name and left
 * alone.
 *
 * NULL with `err` set: EBUSY names the process that writes there; ENOSPC, EROFS, EACCES and others.
 * Control thread; blocks on the disk.
 */
struct weir_store *weir_store_open(const struct weir_store_conf *conf, struct weir_err *err);

/*
 * Take `n` records: they are seen by readers, and safe from the end of this process, after the next
 * commit. That comes after `txn_rows`, or with weir_store_flush().
 *
 * 0; or -EAGAIN with `err` set: somebody else's lock is in the way, and records wait while there is room for
 * them, 32768 in all; or another negative errno with `err` set: these `n` records, and what was pending, are lost, which
 * weir_store_stats() counts. Then nothing is tried for `pause_ms`, calls fail at once; after
 * that the next call tries again. Never waits longer than `busy_ms` for a lock. The one thread that writes.
 */
int weir_store_write(struct weir_store *s, const struct weir_flow_rec *recs, uint32_t n,
		     struct weir_err *err);

/* Commit. To be called once a second. As weir_store_write() otherwise. */
int weir_store_flush(struct weir_store *s, struct weir_err *err);

/*
 * End the file being written and wait until every file is finished, up to 10 s for those who read one. 0, or the
 * first error that keeps one from it, with `err` set. The thread that writes; blocks.
 */
int weir_store_settle(struct weir_store *s, struct weir_err *err);

/* Any thread. */
void weir_store_stats(struct weir_store *s, struct weir_store_stats *stats);

/* The last thing that went wrong; code 0 when nothing did, or all is well again. Any thread. */
void weir_store_fault(struct weir_store *s, struct weir_err *err);

/* Commit and close; what was not finished will be, when it is next opened. NULL is fine. */
int weir_store_close(struct weir_store *s, struct weir_err *err);

/* An address with a prefix; 32 or 128 is one address. */
struct weir_store_net {
	union weir_ip ip; /* bits behind the prefix are ignored */
	uint8_t prefix;
	bool is_ipv6;
};

/* A number that is kept or derived, `low` to `high`, both allowed. */
struct weir_store_range {
	enum weir_field field;
	uint64_t low, high; /* `high` from 2^63 on: no end; `low` is below that */
};

/* Which records, and in what order. What is not set matches all. */
struct weir_store_query {
	uint64_t since_ns, until_ns; /* the record's period overlaps [since, until); 0 = open */
	const struct weir_store_net
		*nets;   /* either end is in any of them; borrowed while it runs */
	uint32_t n_nets; /* at most 64 */
	bool has_flow_id, has_port, has_protocol, has_tap, has_close_type;
	uint16_t port; /* either end's */
	uint8_t protocol;
	uint8_t tap; /* low 8 bits of capture_nic */
	uint8_t close_type;
	uint64_t flow_id;

	const struct weir_store_range *ranges; /* all of them hold; borrowed while it runs */
	uint32_t n_ranges;                     /* at most 16 */

	/*
	 * Also asked of each record that matches all else; NULL = none. By the thread that runs the
	 * question, by weir_store_top() from several at once.
	 */
	bool (*match)(const void *match_ctx, const struct weir_flow_rec *rec);
	const void *match_ctx;

	enum weir_field sort; /* a number; by anything but end_time only with a limit */
	bool descending;
	uint64_t limit; /* 0 = all */
};

/*
 * A directory opened for asking, also while a process writes there. What it holds is looked at once,
 * here; a file that is removed later is a file that cannot be read. NULL with `err` set.
 * A reader and what it runs belong to one thread at a time. Blocks on the disk.
 */
struct weir_store_reader;
struct weir_store_reader *weir_store_reader_open(const char *dir, struct weir_err *err);
void weir_store_reader_close(struct weir_store_reader *r); /* NULL is fine */

/* Why a file was left out, of those met so far; NULL from their number on. Borrowed. */
const struct weir_err *weir_store_reader_trouble(const struct weir_store_reader *r, uint32_t i);

/* Files opened to answer the last question. */
uint32_t weir_store_reader_opened(const struct weir_store_reader *r);

/*
 * Records one by one, in order; equal ones as they were written, in descending order the other way round. Times are
 * whole us. NULL with `err` set: EINVAL for an order that is not offered, ENOMEM.
 */
struct weir_store_rows;
struct weir_store_rows *weir_store_select(struct weir_store_reader *r,
					  const struct weir_store_query *q, struct weir_err *err);
/* The next record, borrowed until the next call; NULL at the end. */
const struct weir_flow_rec *weir_store_rows_next(struct weir_store_rows *rows);
void weir_store_rows_close(struct weir_store_rows *rows); /* NULL is fine */

enum weir_store_sum {
	WEIR_STORE_FLOWS, /* of a flow's reports only the first counts it */
	WEIR_STORE_PACKETS,
	WEIR_STORE_BYTES,
	WEIR_STORE_RETRANS,
	WEIR_STORE_ZERO_WIN,
	WEIR_STORE_SYN,
	WEIR_STORE_SUMS
};

/* Records with equal fields, and what they sum up to. */
struct weir_store_group {
	struct weir_flow_rec of; /* only the fields grouped by are set, and is_ipv6 with ip_* */
	uint64_t sum[WEIR_STORE_SUMS];
};

/* How to group: by one or two of ip_0, ip_1, and the numbers that are kept. */
struct weir_store_grouping {
	enum weir_field fields[2];
	uint32_t n_fields;
	uint32_t
		sums; /* 1 << enum weir_store_sum: each that is asked for costs time, others stay 0 */
	enum weir_store_sum by; /* one of them */
	uint32_t n;             /* most groups that are kept */
};

struct weir_store_top {
	struct weir_store_group
		*groups; /* largest first; equal ones in the order of their fields */
	uint32_t n;
	uint64_t n_all;                  /* groups there were */
	uint64_t total[WEIR_STORE_SUMS]; /* of all groups */
};

/*
 * Group what a query matches (its order and limit are not used) and keep the largest groups. 0, or a
 * negative errno with `err` set: EINVAL, ENOMEM. Give `top` back with weir_store_top_fini().
 */
int weir_store_top(struct weir_store_reader *r, const struct weir_store_query *q,
		   const struct weir_store_grouping *grouping, struct weir_store_top *top,
		   struct weir_err *err);
void weir_store_top_fini(struct weir_store_top *top);

#endif
