/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENTS_H
#define AGENTS_H

#include "ctl.h"

#include <jansson.h>

/* The agent of this name: its row of the API, given. NULL with `err` set. */
json_t *agents_find(struct ctl *ctl, const char *name, struct weir_err *err);

#endif
