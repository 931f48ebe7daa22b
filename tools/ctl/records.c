/* SPDX-License-Identifier: Apache-2.0 */
#include "records.h"

#include <weir_export.h>

#include <errno.h>

static enum ctl_exit open_failed(const struct weir_err *err)
{
	return err->code == ENOENT ? CTL_NOT_FOUND : CTL_FAILED;
}

enum ctl_exit records_each(const struct ctl *ctl, records_fn fn, void *ctx, struct weir_err *err)
{
	struct weir_rec_reader *reader = weir_rec_reader_open(ctl->file, err);
	const struct weir_flow_rec *recs;
	bool read = false, torn = false, damaged = false;
	int n;

	if (reader == NULL)
		return open_failed(err);
	while ((n = weir_rec_reader_next(reader, &recs, err)) != 0) {
		if (n < 0) { /* said at once: another file may have its own */
			ctl_complain(err);
			torn |= n == -ENODATA;
			damaged |= n != -ENODATA;
			continue;
		}
		read = true;
		for (int i = 0; i < n; i++)
			if (filter_matches(&ctl->filter, &recs[i]))
				fn(ctx, &recs[i]);
	}
	weir_rec_reader_close(reader);
	*err = (struct weir_err){ 0 };
	if (damaged && !read && !torn)
		return CTL_FAILED; /* nothing in there was a record file */
	return damaged || torn ? CTL_PARTIAL : CTL_OK;
}
