/* SPDX-License-Identifier: Apache-2.0 */
/* From configurations that were read to configurations in force. */
#ifndef RUN_APPLY_H
#define RUN_APPLY_H

#include "ports.h"

struct agent_conf;
struct run;

/*
 * Have `next` in force, which is given, and owned by run.conf then. Each setting that differs is told to `change`
 * (NULL = nobody), with what came of it. `look`: ports are looked after in any case, as at a reload; else only
 * where the group asks for others.
 *
 * 0, or -errno with `err` set: what was in force stays, and `next` is still the caller's.
 */
int conf_apply(struct run *r, struct agent_conf *next, bool look, ports_change_fn change, void *ctx,
	       struct weir_err *err);

/* Have the ports that the configuration in force names. */
int conf_apply_ports(struct run *r, struct weir_err *err);

/*
 * Interfaces that a group chooses by their names come and go: capture those that there are. Own traffic may be another:
 * leave out what it is now. Once a second.
 */
void conf_follow(struct run *r);

/* Records that are passed on are those that the configuration in force wants. */
void conf_follow_records(struct run *r);

/* Of a configuration that was in force: free it, unless its box still is. */
void conf_release(const struct run *r, struct agent_conf *c);

#endif
