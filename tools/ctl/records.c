/* SPDX-License-Identifier: Apache-2.0 */
#include "records.h"

#include <weir_export.h>

#include <dirent.h>
#include <errno.h>

bool records_are_stored(const struct ctl *ctl)
{
	return ctl->file == NULL;
}

static int check(const struct ctl *ctl, struct weir_err *err)
{
	const struct filter *f = &ctl->filter;

	if (ctl->file != NULL && ctl->store != NULL)
		return weir_err_set(err, EINVAL, "--file and --store: one of them can be asked");
	if (f->until_ns != 0 && f->since_ns >= f->until_ns)
		return weir_err_set(err, EINVAL,
				    "--until: is not later than --since: nothing is between");
	return 0;
}

/* ---- a store ---- */

static enum ctl_exit store_failed(const char *dir, int code, struct weir_err *err)
{
	if (code == ENOENT || code == ENOTDIR) {
		weir_err_set(err, code,
			     "%s: no store is there; weir-agent writes one (run, replay --store). "
			     "--store DIR asks another, --file PATH record files",
			     dir);
		return CTL_NOT_FOUND;
	}
	if (code == EACCES)
		weir_err_set(err, code,
			     "%s: may not be read by this user: ask as root, or as a member of the "
			     "group that owns it",
			     dir);
	return CTL_FAILED;
}

/* A directory where a store was opened once has its lock, and soon files. */
static bool is_store(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	bool found = false;

	while (d != NULL && !found && (e = readdir(d)) != NULL)
		found = strcmp(e->d_name, "lock") == 0 || strncmp(e->d_name, "flow-", 5) == 0;
	if (d != NULL)
		closedir(d);
	return found;
}

struct weir_store_reader *records_store(const struct ctl *ctl, enum ctl_exit *code,
					struct weir_err *err)
{
	const char *dir = ctl->store != NULL ? ctl->store : CTL_STORE;
	struct weir_store_reader *r;

	*code = CTL_USAGE;
	if (check(ctl, err) != 0)
		return NULL;
	r = weir_store_reader_open(dir, err);
	if (r != NULL && is_store(dir))
		return r;
	*code = store_failed(dir, r == NULL ? err->code : ENOENT, err);
	weir_store_reader_close(r);
	return NULL;
}

/* Several questions may have met the same one. */
static bool is_said(const struct weir_store_reader *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(weir_store_reader_trouble(r, i)->msg,
			   weir_store_reader_trouble(r, n)->msg) == 0)
			return true;
	return false;
}

enum ctl_exit records_store_done(struct weir_store_reader *r, enum ctl_exit code)
{
	uint32_t n = 0;

	for (; weir_store_reader_trouble(r, n) != NULL; n++)
		if (!is_said(r, n))
			ctl_complain(weir_store_reader_trouble(r, n));
	weir_store_reader_close(r);
	return code == CTL_OK && n > 0 ? CTL_PARTIAL : code;
}

enum ctl_exit records_select(struct weir_store_reader *r, const struct weir_store_query *q,
			     records_fn fn, void *ctx, struct weir_err *err)
{
	struct weir_store_rows *rows = weir_store_select(r, q, err);
	const struct weir_flow_rec *rec;

	if (rows == NULL)
		return CTL_FAILED;
	do {
		rec = weir_store_rows_next(rows);
	} while (rec != NULL && fn(ctx, rec));
	weir_store_rows_close(rows);
	return CTL_OK;
}

/* ---- record files ---- */

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

static enum ctl_exit each_of_files(const struct ctl *ctl, records_fn fn, void *ctx,
				   struct weir_err *err)
{
	struct weir_rec_reader *reader = open_reader(ctl, err);
	const struct weir_flow_rec *recs;
	bool failed = false, found = false; /* a record file, whole or not */
	int n;

	if (reader == NULL)
		return err->code == ENOENT ? CTL_NOT_FOUND : CTL_FAILED;
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

static enum ctl_exit each_of_store(struct ctl *ctl, records_fn fn, void *ctx, struct weir_err *err)
{
	struct weir_store_query q = filter_query(&ctl->filter);
	enum ctl_exit code;
	struct weir_store_reader *r = records_store(ctl, &code, err);

	if (r == NULL)
		return code;
	return records_store_done(r, records_select(r, &q, fn, ctx, err));
}

enum ctl_exit records_each(struct ctl *ctl, records_fn fn, void *ctx, struct weir_err *err)
{
	if (records_are_stored(ctl))
		return each_of_store(ctl, fn, ctx, err);
	if (check(ctl, err) != 0)
		return CTL_USAGE;
	return each_of_files(ctl, fn, ctx, err);
}
