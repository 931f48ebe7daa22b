/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GROUP_H
#define GROUP_H

#include "ctl.h"

#include <jansson.h>

/* The group of this name, short id or LCUUID: its row of the API, given. NULL with `err` set. */
json_t *group_find(struct ctl *ctl, const char *name_or_id, struct weir_err *err);

#endif
