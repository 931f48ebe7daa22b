/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that may block, beside the control loop: each piece has a thread of its own, and what follows
 * from it happens on the loop again.
 */
#ifndef RUN_HELPER_H
#define RUN_HELPER_H

#include <weir_base.h>

struct event_base;
struct helpers;

/* NULL with `err` set. All of it: control thread. */
struct helpers *helpers_create(struct event_base *base, struct weir_err *err);

/*
 * Call work(arg) in a thread named `name`, then done(arg) on the loop. 0, or -errno when there is no
 * thread to be had: then neither is called.
 */
int helpers_start(struct helpers *h, const char *name, void (*work)(void *arg),
		  void (*done)(void *arg), void *arg);

/* Pieces that have not come to their done() yet. */
unsigned int helpers_busy(const struct helpers *h);

/* Pieces whose work is over come to their done() now, not when the loop runs. */
void helpers_settle(struct helpers *h);

/* NULL is fine. Threads that still work are left to themselves: their done() is never called. */
void helpers_destroy(struct helpers *h);

#endif
