/* SPDX-License-Identifier: Apache-2.0 */
/* Where records come from: a store, or record files. What cannot be read is said on standard error. */
#ifndef RECORDS_H
#define RECORDS_H

#include "ctl.h"

#include <weir_rec.h>
#include <weir_store.h>

/* Called with each record; borrowed until it returns. False: enough, the rest is not read. */
typedef bool (*records_fn)(void *ctx, const struct weir_flow_rec *rec);

/* Of a store, which has its own ways to sort and group: see records_store(). */
bool records_are_stored(const struct ctl *ctl);

/*
 * Every record that `ctl->filter` lets through: of a store in the order of end_time; of a record file, or of
 * those of a directory in the order of their names, as they stand there. CTL_PARTIAL where some could
 * not be read; what could was handed on. CTL_NOT_FOUND, CTL_FAILED and CTL_USAGE come with `err` set,
 * unless it is said already.
 */
enum ctl_exit records_each(struct ctl *ctl, records_fn fn, void *ctx, struct weir_err *err);

/*
 * The store that was asked for; NULL with `err` and `code` set. records_store_done() says what could
 * not be read, each file once, and closes it: CTL_OK or CTL_PARTIAL, or `code` when that is a failure.
 */
struct weir_store_reader *records_store(const struct ctl *ctl, enum ctl_exit *code,
					struct weir_err *err);
enum ctl_exit records_store_done(struct weir_store_reader *r, enum ctl_exit code);

/* Every record a question gives. CTL_OK, or CTL_FAILED with `err` set. */
enum ctl_exit records_select(struct weir_store_reader *r, const struct weir_store_query *q,
			     records_fn fn, void *ctx, struct weir_err *err);

#endif
