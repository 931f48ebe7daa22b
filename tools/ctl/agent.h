/* SPDX-License-Identifier: Apache-2.0 */
/* The agent of this machine, asked over its control socket. */
#ifndef AGENT_H
#define AGENT_H

#include "ctl.h"

#include <weir_ctl.h>

#include <signal.h>

/* The exit code for an error of lib/ctl's client. */
enum ctl_exit agent_exit(const struct weir_err *err);

/* NULL with `err` set: agent_exit() then. */
struct weir_ctl_client *agent_open(const struct ctl *ctl, struct weir_err *err);

/* One question on a connection of its own; `args` is given. The data, given. */
json_t *agent_ask(const struct ctl *ctl, const char *command, json_t *args, struct weir_err *err);

/* Fields of an answer; what is missing, or of another type, is 0, "" or false. */
uint64_t agent_u64(const json_t *object, const char *key);
const char *agent_text(const json_t *object, const char *key);
bool agent_is_null(const json_t *object, const char *key); /* missing, too */

/* SIGINT, SIGTERM and SIGHUP set it from now on, once; a second one ends the process. */
const volatile sig_atomic_t *agent_stop_on_signals(void);

/* Who read the pipe has gone: while there is nothing to write, nothing else tells. */
bool agent_output_is_unread(void);

#endif
