/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to the agent's command "ports". */
#ifndef PORT_H
#define PORT_H

#include "ctl.h"

#include <weir_stats.h>

#include <jansson.h>

/* The answer, with an array `ports`, given; NULL with `err` set: agent_exit() then. */
json_t *port_ask(const struct ctl *ctl, struct weir_err *err);

/* Its ports of this name, else of a tap of this name, NULL = all; an array, given. NULL with `err` set. */
json_t *port_choose(const json_t *answer, const char *name, struct weir_err *err);

/* Packets that should have been in a flow and are not. */
uint64_t port_dropped(const json_t *port);

/* NULL when this weirctl does not know it. */
const struct weir_outcome_info *port_outcome(const char *name);

#endif
