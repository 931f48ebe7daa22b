/* SPDX-License-Identifier: Apache-2.0 */
#include "records.h"

#include <weir_export.h>

#include <errno.h>

static enum ctl_exit open_failed(const struct weir_err *err)
{
	return err->code == ENOENT ? CTL_NOT_FOUND : CTL_FAILED;
}

/* Blocks that cannot hold a record of the filter's time are not unpacked. */
static struct weir_rec_reader *open_reader(const struct ctl *ctl, struct weir_err *err)
{
	struct weir_rec_reader *reader = weir_rec_reader_open(ctl->file, err);

	if (reader != NULL)
		weir_rec_reader_period(reader, ctl->filter.since_ns, ctl->filter.until_ns);
	return reader;
}

/* False when `fn` has enough. */
static bool hand_on(const struct filter *filter, const struct weir_flow_rec *recs, int n,
		    records_fn fn, void *ctx)
{
	for (int i = 0; i < n; i++)
		if (filter_matches(filter, &recs[i]) && !fn(ctx, &recs[i]))
			return false;
	return true;
}

enum ctl_exit records_each(const struct ctl *ctl, records_fn fn, void *ctx, struct weir_err *err)
{
	struct weir_rec_reader *reader;
	const struct weir_flow_rec *recs;
	bool failed = false, found = false; /* a record file, whole or not */
	int n;

	if (ctl->file == NULL) {
		weir_err_set(err, EINVAL,
			     "--file PATH is needed: record files as written by weir-agent "
			     "replay --records");
		return CTL_USAGE;
	}
	reader = open_reader(ctl, err);
	if (reader == NULL)
		return open_failed(err);
	while ((n = weir_rec_reader_next(reader, &recs, err)) != 0) {
		found |= n > 0 || n == -ENODATA || n == -EBADMSG;
		if (n < 0) { /* said at once: another file may have its own */
			ctl_complain(err);
			failed = true;
		} else if (!hand_on(&ctl->filter, recs, n, fn, ctx)) {
			break;
		}
	}
	weir_rec_reader_close(reader);
	*err = (struct weir_err){ 0 };
	if (!failed)
		return CTL_OK;
	return found ? CTL_PARTIAL : CTL_FAILED;
}
