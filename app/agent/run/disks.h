/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room on file systems that a group names. One may be a server's that does not answer: each is asked in a thread
 * of its own, once at a time, and its last answer holds. Control thread.
 */
#ifndef RUN_DISKS_H
#define RUN_DISKS_H

#include <weir_base.h>
#include <weir_conf.h>

struct disks;
struct event_base;

/* `news`, on the loop: an answer came. NULL with `err` set. */
struct disks *disks_create(struct event_base *base, void (*news)(void *ctx), void *ctx,
			   struct weir_err *err);
void disks_destroy(struct disks *d); /* NULL is fine */

/* Ask for all of these, and forget others. */
void disks_ask(struct disks *d, const struct weir_conf_names *paths);

/* The last answer, in bytes: 0, or -errno; -EAGAIN before the first one. */
int disks_room(const struct disks *d, const char *path, uint64_t *free_bytes, uint64_t *all_bytes);

/* One that was asked and has not answered for some seconds, and since when (monotonic). NULL = all answer. */
const char *disks_hanging(const struct disks *d, uint64_t *since_ns);

#endif
