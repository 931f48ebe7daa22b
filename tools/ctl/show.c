/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl flow show.
 *
 * A store has no index of flow_id. But the id begins with the time of its flow's first packet, in units of 2^30 ns
 * (spec: time part), and a flow's first record ends a minute later at most: one look at that minute finds
 * it, and its address, which has an index, finds the others.
 */
#include "ctl.h"
#include "field.h"
#include "records.h"
#include "view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_NS (62 * WEIR_NS_PER_S) /* a slice of the id, a minute, and a little */

/* Records of one id. */
struct found {
	struct weir_flow_rec *recs;
	size_t n, room;
	bool no_memory;
};

static bool keep(void *ctx, const struct weir_flow_rec *rec)
{
	struct found *f = ctx;

	if (f->n == f->room) {
		size_t room = f->room == 0 ? 8 : f->room * 2;
		struct weir_flow_rec *more = realloc(f->recs, room * sizeof(*more));

		if (more == NULL) {
			f->no_memory = true;
			return false;
		}
		f->recs = more;
		f->room = room;
	}
	f->recs[f->n++] = *rec;
	return true;
}

/* A closing record may end, with its last packet, before the report that it follows. */
static int by_start(const void *a, const void *b)
{
	const struct weir_flow_rec *x = a, *y = b;

	return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static void merge_or_add(struct found *f, const struct weir_flow_rec *rec)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!weir_flow_rec_same_flow(&f->recs[i], rec))
			continue;
		weir_flow_rec_merge(&f->recs[i], rec);
		return;
	}
	f->recs[f->n++] = *rec;
}

/* One record a flow: an id may be that of two. */
static void merge(struct found *f)
{
	size_t n = f->n;

	f->n = 0;
	if (n > 0)
		qsort(f->recs, n, sizeof(*f->recs), by_start);
	for (size_t i = 0; i < n; i++) {
		struct weir_flow_rec rec = f->recs[i];

		merge_or_add(f, &rec);
	}
}

/* Where an id is looked for, and the clients of the flows that have it. */
struct search {
	const struct filter *filter;
	uint64_t end_ns; /* beyond this no flow of the id begins */
	struct weir_store_net nets[FILTER_NETS_MAX];
	uint32_t n;
};

static uint64_t start_of(uint64_t flow_id)
{
	return flow_id >> 32 << 30;
}

static bool is_it_or_behind(const void *ctx, const struct weir_flow_rec *rec)
{
	const struct search *s = ctx;

	return rec->end_ns > s->end_ns || filter_matches(s->filter, rec);
}

static bool note_client(void *ctx, const struct weir_flow_rec *rec)
{
	struct search *s = ctx;
	struct weir_store_net *net = &s->nets[s->n];

	if (rec->end_ns > s->end_ns)
		return false;
	*net = (struct weir_store_net){ .ip = rec->ip[0],
					.prefix = rec->is_ipv6 ? 128 : 32,
					.is_ipv6 = rec->is_ipv6 };
	for (uint32_t i = 0; i < s->n; i++)
		if (s->nets[i].is_ipv6 == net->is_ipv6 &&
		    memcmp(&s->nets[i].ip, &net->ip, sizeof(net->ip)) == 0)
			return true;
	return ++s->n < FILTER_NETS_MAX;
}

/* Clients of flows that begin where the id says. */
static enum ctl_exit search_clients(struct weir_store_reader *r, const struct filter *filter,
				    struct search *s, struct weir_err *err)
{
	struct weir_store_query q = { .since_ns = start_of(filter->flow_id),
				      .sort = WEIR_FIELD_end_time,
				      .match = is_it_or_behind,
				      .match_ctx = s };

	s->filter = filter;
	s->end_ns = q.since_ns + FIRST_NS;
	return records_select(r, &q, note_client, s, err);
}

static enum ctl_exit show_stored(struct ctl *ctl, struct found *f, struct weir_err *err)
{
	struct weir_store_query q = filter_query(&ctl->filter);
	struct search s = { 0 };
	enum ctl_exit code;
	struct weir_store_reader *r = records_store(ctl, &code, err);

	if (r == NULL)
		return code;
	code = search_clients(r, &ctl->filter, &s, err);
	if (q.n_nets == 0 && s.n < FILTER_NETS_MAX) {
		q.nets = s.nets;
		q.n_nets = s.n; /* 0: its first record is not there, others may be */
	}
	q.since_ns = weir_max_u64(q.since_ns, start_of(ctl->filter.flow_id));
	if (code == CTL_OK)
		code = records_select(r, &q, keep, f, err);
	return records_store_done(r, code);
}

/* All fields, one a line, with what they mean. */
static void show_for_people(const struct weir_flow_rec *rec)
{
	char text[OUTPUT_CELL_MAX];
	bool is_zero;

	for (unsigned int f = 0; f < WEIR_FIELDS; f++) {
		if (weir_fields[f].show == WEIR_SHOW_NEVER)
			continue;
		field_text(text, &is_zero, (enum weir_field)f, rec);
		if (!is_zero || weir_fields[f].show == WEIR_SHOW_ALWAYS)
			printf("%-24s  %-22s  %s\n", weir_fields[f].name, text,
			       weir_fields[f].help);
	}
}

static enum ctl_exit print_for_people(const struct found *f, enum ctl_exit code,
				      struct weir_err *err)
{
	for (size_t i = 0; i < f->n; i++) {
		if (i > 0)
			putchar('\n');
		show_for_people(&f->recs[i]);
	}
	if (fflush(stdout) == 0 || errno == EPIPE)
		return code;
	weir_err_set(err, errno, "standard output: %s", strerror(errno));
	return CTL_FAILED;
}

static enum ctl_exit print(const struct ctl *ctl, const struct found *f, enum ctl_exit code,
			   struct weir_err *err)
{
	struct view *v;

	if (output_is_for_people(ctl->format))
		return print_for_people(f, code, err);
	v = view_begin(ctl->format, err);
	if (v == NULL)
		return CTL_FAILED;
	for (size_t i = 0; i < f->n; i++)
		view_add(v, &f->recs[i]);
	return view_end(v, code, err);
}

enum ctl_exit ctl_flow_show(struct ctl *ctl, struct weir_err *err)
{
	struct found f = { 0 };
	enum ctl_exit code;

	if (filter_take_flow_id(&ctl->filter, ctl->name, err) != 0)
		return CTL_USAGE;
	code = records_are_stored(ctl) ? show_stored(ctl, &f, err)
				       : records_each(ctl, keep, &f, err);
	merge(&f);
	if (f.no_memory) {
		weir_err_set(err, ENOMEM, "flow show: no memory for all flows of this id");
		code = CTL_FAILED;
	} else if (ctl_has_result(code) && f.n == 0) {
		weir_err_set(err, ENOENT, "flow %s: not in %s", ctl->name,
			     ctl->file != NULL    ? ctl->file
			     : ctl->store != NULL ? ctl->store
						  : CTL_STORE);
		code = CTL_NOT_FOUND;
	} else if (ctl_has_result(code)) {
		code = print(ctl, &f, code, err);
	}
	free(f.recs);
	return code;
}
