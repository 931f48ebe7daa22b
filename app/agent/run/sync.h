/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session with the controller that the box configuration names, or else DeepFlow's boot file. What it gives
 * is handed to those whom it concerns. Control thread.
 */
#ifndef RUN_SYNC_H
#define RUN_SYNC_H

#include <weir_sync.h>

struct run;
struct sync;

/* Begin; what an earlier run kept is in force then. NULL: there is no controller, or the log says why not. */
struct sync *sync_open(struct run *r);
void sync_close(struct sync *s); /* NULL is fine */

/*
 * The configurations were read again: another controller, or none, is followed; a group's that was refused may be fine
 * with this box.
 */
void sync_follow(struct run *r);

/* A table of the controller's that cannot be used is asked for again; NULL is fine. */
void sync_refuse(struct sync *s, enum weir_sync_table table, const char *why);

/* As weir_sync_servers(); none without a controller. */
uint32_t sync_servers(const struct sync *s, struct weir_sync_server to[WEIR_SYNC_SERVERS_MAX]);

/* False: no controller is configured. */
bool sync_view(const struct sync *s, struct weir_sync_view *v);

#endif
