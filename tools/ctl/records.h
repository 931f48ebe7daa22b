/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORDS_H
#define RECORDS_H

#include "ctl.h"

#include <weir_rec.h>

/* Called with each record; borrowed until it returns. */
typedef void (*records_fn)(void *ctx, const struct weir_flow_rec *rec);

/*
 * Every record of a file, or of the record files of a directory in the order of their names, that
 * `ctl->filter` lets through. CTL_PARTIAL, with `err` saying what is missing, when a file ends
 * before its end; what came before was handed on.
 */
enum ctl_exit records_each(const struct ctl *ctl, records_fn fn, void *ctx, struct weir_err *err);

#endif
