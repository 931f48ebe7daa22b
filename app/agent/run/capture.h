/* SPDX-License-Identifier: Apache-2.0 */
/* Packet capture on demand: packets of a port or tap as pcapng into a stream of the control socket. */
#ifndef RUN_CAPTURE_H
#define RUN_CAPTURE_H

#include <weir_base.h>

#include <jansson.h>

struct captures;
struct run;
struct weir_ctl_stream;

/* NULL with `err` set. Control thread, all of it. */
struct captures *captures_create(struct run *r, struct weir_err *err);

/*
 * Begin one. `args`: "port" or "tap": NAME, "filter", "count", "snaplen", "seconds", "comment". 0, or negative
 * with `err` set: -ENOENT no such port or tap, -EINVAL, -EBUSY too many at once.
 */
int captures_add(struct captures *cs, const json_t *args, struct weir_ctl_stream *s,
		 struct weir_err *err);

/* Streams are over, the pipe still there. NULL is fine. */
void captures_destroy(struct captures *cs);

#endif
