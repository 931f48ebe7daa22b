/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live records: a sink behind the collector that hands them to whoever watches, through a bounded ring.
 * What finds no room is counted, and nobody waits.
 */
#ifndef RUN_WATCH_H
#define RUN_WATCH_H

#include <weir_export.h>

struct event_base;
struct weir_ctl_stream;
struct watch;

struct watch_counts {
	uint32_t viewers;
	uint64_t unseen; /* records that found no room on the way to the loop */
	uint64_t untold; /* lines that found no room in a stream */
};

/* NULL with `err` set. Control thread, as all that follows. */
struct watch *watch_create(struct event_base *base, struct weir_err *err);
/* A sink of it, to be given to the collector. Lives no longer than it. NULL with `err` set. */
struct weir_sink *watch_sink(struct watch *w, struct weir_err *err);
/* Each record from now on, one JSON line each, until the stream is closed. */
int watch_add(struct watch *w, struct weir_ctl_stream *s, struct weir_err *err);
void watch_counts(const struct watch *w, struct watch_counts *counts);
/* After the collector was joined; so are streams. NULL is fine. */
void watch_destroy(struct watch *w);

#endif
