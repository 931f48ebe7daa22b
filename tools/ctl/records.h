/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORDS_H
#define RECORDS_H

#include "ctl.h"

#include <weir_rec.h>

/* Called with each record; borrowed until it returns. False: enough, the rest is not read. */
typedef bool (*records_fn)(void *ctx, const struct weir_flow_rec *rec);

/*
 * Every record of a file, or of the record files of a directory in the order of their names, that
 * `ctl->filter` lets through. What cannot be read is said on standard error at once, and is
 * CTL_PARTIAL; what came before was handed on. `err` is only set when nothing could be opened.
 */
enum ctl_exit records_each(const struct ctl *ctl, records_fn fn, void *ctx, struct weir_err *err);

#endif
