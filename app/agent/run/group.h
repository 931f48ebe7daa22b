/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way on which configurations reach the running agent: the two files at a reload, a controller's group
 * at any time. Refused whole, or applied by the classes of what differs. All of it the control thread's.
 *
 * Of the group configurations a controller's holds; while none was given, that of the command line's file; without
 * a file the appliance profile.
 */
#ifndef RUN_GROUP_H
#define RUN_GROUP_H

#include "ports.h"

#include <weir_conf.h>

struct agent_conf;
struct run;

/* A configuration that was refused; the one before it stays. */
struct group_refused {
	char origin[128]; /* "" = none was, since the last one that was taken */
	uint64_t revision;
	uint64_t at_us; /* wall clock */
	uint32_t mistakes;
	struct weir_err err; /* the first of them */
};

struct group {
	char *text; /* a controller's; NULL = it has given none */
	size_t len;
	char origin
		[128]; /* who gave the one in force: "controller ...", a file, "appliance profile" */
	uint64_t revision; /* a controller's, else 0 */
	uint64_t since_us; /* wall clock: in force since */
	uint64_t *
		values_since_us; /* of each row's value, one a row of weir_group_table; NULL without memory */
	struct group_refused refused;
};

/*
 * Have this group configuration, YAML of `len` bytes (borrowed), in force; `origin` and `revision` are for people.
 * `change` is told of each setting that differs, NULL = nobody is.
 *
 * 0: it is. -EINVAL: it has mistakes, or asks for more than the box has; -ENOMEM. Then `err` says why, run.group.refused
 * keeps it, and what was in force stays. Waits some ms for workers.
 */
int group_apply(struct run *r, const char *text, size_t len, const char *origin, uint64_t revision,
		ports_change_fn change, void *ctx, struct weir_err *err);

/* There is no controller any more: back to the file, or the profile. As group_apply(). */
int group_forget(struct run *r, ports_change_fn change, void *ctx, struct weir_err *err);

/*
 * What would be said of this group configuration: mistakes go to `errs`, nothing changes. 0, -EINVAL or -ENOMEM.
 */
int group_check(const struct run *r, const char *text, size_t len, struct weir_err_list *errs);

/* The last one that was given was refused: what a controller is told as an exception. */
bool group_is_refused(const struct run *r);

/* Read the box's file again, and the group's unless a controller gave one. As group_apply(). */
int run_reload(struct run *r, ports_change_fn change, void *ctx, struct weir_err *err);

/* Have what was read at start: ports, and words for the log. */
int run_configure(struct run *r, struct weir_err *err);

/* These values are others from now on. */
void group_changed(struct run *r, const struct weir_conf_plan *plan);

/* run.boot was read; and, at the end, all configurations are given back. */
void group_init(struct run *r);
void group_fini(struct run *r);

#endif
