/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl flow list. */
#include "ctl.h"
#include "field.h"
#include "records.h"
#include "view.h"

#include <errno.h>
#include <stdlib.h>

struct order {
	enum weir_field field;
	bool descending;
};

struct kept_rec {
	uint64_t arrival;
	struct weir_flow_rec rec;
};

/* Records kept for sorting: of `limit` wanted, at most twice as many are held. */
struct kept {
	struct order order;
	struct kept_rec *recs;
	size_t n, room;
	uint64_t arrived;
	uint32_t limit; /* 0 = all */
	bool no_memory;
};

static bool is_number(enum weir_field f)
{
	return strcmp(weir_fields[f].kind, "IP") != 0 && strcmp(weir_fields[f].kind, "MAC") != 0 &&
	       !weir_field_is_list(f);
}

/*
 * Of equal records the one that came first is smaller, as in a store. Addresses a store does not sort, and
 * gives them by time: there it is the one that began first.
 */
static int by_field(const void *a, const void *b, void *ctx)
{
	const struct kept_rec *x = a, *y = b;
	const struct order *o = ctx;
	int order = field_compare(o->field, &x->rec, &y->rec);

	if (order == 0 && !is_number(o->field))
		order = field_compare(WEIR_FIELD_start_time, &x->rec, &y->rec);
	if (order == 0 && !is_number(o->field))
		order = field_compare(WEIR_FIELD_flow_id, &x->rec, &y->rec);
	if (order == 0)
		order = x->arrival < y->arrival ? -1 : 1;
	return o->descending ? -order : order;
}

static void kept_sort(struct kept *k)
{
	if (k->n > 0)
		qsort_r(k->recs, k->n, sizeof(*k->recs), by_field, &k->order);
	if (k->limit > 0 && k->n > k->limit)
		k->n = k->limit;
}

static bool keep(void *ctx, const struct weir_flow_rec *rec)
{
	struct kept *k = ctx;

	if (k->limit > 0 && k->n == (size_t)k->limit * 2)
		kept_sort(k);
	if (k->n == k->room) {
		size_t room = k->room == 0 ? 1024 : k->room * 2;
		struct kept_rec *more = realloc(k->recs, room * sizeof(*more));

		if (more == NULL) {
			k->no_memory = true;
			return false;
		}
		k->recs = more;
		k->room = room;
	}
	k->recs[k->n].arrival = k->arrived++;
	k->recs[k->n++].rec = *rec;
	return true;
}

/* "FIELD", smallest first, or "-FIELD". */
static int parse_sort(struct order *o, const char *text, struct weir_err *err)
{
	o->descending = *text == '-';
	o->field = field_parse(text + o->descending, "sort", err);
	if (o->field != WEIR_FIELDS && weir_field_is_list(o->field))
		return weir_err_set(err, EINVAL, "--sort: %s: is a list, which has no order",
				    text + o->descending);
	return o->field != WEIR_FIELDS ? 0 : -EINVAL;
}

struct first {
	struct view *view;
	uint64_t left;
};

static bool show_first(void *ctx, const struct weir_flow_rec *rec)
{
	struct first *f = ctx;

	view_add(f->view, rec);
	return --f->left > 0 && view_goes_on(f->view);
}

static enum ctl_exit list_unsorted(struct ctl *ctl, struct view *v, struct weir_err *err)
{
	struct first f = { v, ctl->limit > 0 ? ctl->limit : UINT64_MAX };

	return records_each(ctl, show_first, &f, err);
}

static enum ctl_exit list_by_store(struct ctl *ctl, const struct order *o, struct view *v,
				   struct weir_err *err)
{
	struct weir_store_query q = filter_query(&ctl->filter);
	struct first f = { v, UINT64_MAX };
	enum ctl_exit code;
	struct weir_store_reader *r = records_store(ctl, &code, err);

	if (r == NULL)
		return code;
	q.sort = o->field;
	q.descending = o->descending;
	q.limit = ctl->limit;
	if (q.limit == 0 && q.sort != WEIR_FIELD_end_time)
		q.limit = UINT32_MAX; /* as many as memory holds */
	return records_store_done(r, records_select(r, &q, show_first, &f, err));
}

static enum ctl_exit list_sorted(struct ctl *ctl, const struct order *o, struct view *v,
				 struct weir_err *err)
{
	struct kept k = { .order = *o, .limit = ctl->limit };
	enum ctl_exit code = records_each(ctl, keep, &k, err);

	kept_sort(&k);
	if (k.no_memory) {
		weir_err_set(err, ENOMEM, "flow list: no memory to sort all records; use --limit");
		code = CTL_FAILED;
	} else {
		for (size_t i = 0; i < k.n && view_goes_on(v); i++)
			view_add(v, &k.recs[i].rec);
	}
	free(k.recs);
	return code;
}

enum ctl_exit ctl_flow_list(struct ctl *ctl, struct weir_err *err)
{
	struct order o = { .field = WEIR_FIELD_end_time };
	enum ctl_exit code;
	struct view *v;

	if (ctl->sort != NULL && parse_sort(&o, ctl->sort, err) != 0)
		return CTL_USAGE;
	v = view_begin(ctl->format, err);
	if (v == NULL)
		return CTL_FAILED;
	if (records_are_stored(ctl) && is_number(o.field))
		code = list_by_store(ctl, &o, v, err);
	else if (ctl->sort != NULL)
		code = list_sorted(ctl, &o, v, err);
	else
		code = list_unsorted(ctl, v, err);
	return view_end(v, code, err);
}
