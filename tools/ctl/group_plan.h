/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GROUP_PLAN_H
#define GROUP_PLAN_H

#include "ctl.h"

/* config plan, asked of the controller for --group. */
enum ctl_exit group_plan(struct ctl *ctl, struct weir_err *err);

#endif
