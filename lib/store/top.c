/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has most of something: one pass over the rows of each file into hash tables. SQLite would
 * sort all rows of a file to group them. Files are looked at in parts, by as many threads as there are CPUs
 * and never more than four; each has its own connections and groups, added up in the end.
 */
#include "groups.h"
#include "store_priv.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#define THREADS_MAX 4
#define ALL_SUMS    ((1U << WEIR_STORE_SUMS) - 1)
#define PART_ROWS   500000 /* a tenth of a second or two: opening a file for it is nothing */

/* Rows of a file; last_id 0 = all. */
struct part {
	uint32_t file;
	int64_t first_id, last_id;
};

/* The question; its threads only read it, but for `next`. */
struct job {
	struct weir_store_reader *reader;
	const struct weir_store_query *q;
	const struct weir_store_grouping *g;
	char *select;
	struct part *parts;
	uint32_t n_parts, room;
	_Atomic uint32_t next;
	struct store_groups groups; /* when all is done */
};

struct worker {
	struct job *job;
	struct store_groups groups;
	pthread_t thread;
	int rc;
};

static const char *const sum_columns[WEIR_STORE_SUMS] = {
	[WEIR_STORE_FLOWS] = "(f.record_flags & 1) * f.flows",
	[WEIR_STORE_PACKETS] = "f.packet_tx + f.packet_rx",
	[WEIR_STORE_BYTES] = "f.byte_tx + f.byte_rx",
	[WEIR_STORE_RETRANS] = "f.retrans_tx + f.retrans_rx",
	[WEIR_STORE_ZERO_WIN] = "f.zero_win_tx + f.zero_win_rx",
	[WEIR_STORE_SYN] = "f.syn_count",
};

static bool is_asked(const struct weir_store_grouping *g, unsigned int sum)
{
	return g->sums >> sum & 1;
}

static bool is_address(enum weir_field f)
{
	return f == WEIR_FIELD_ip_0 || f == WEIR_FIELD_ip_1;
}

static struct store_key key_read(const struct weir_store_grouping *g, struct weir_db_stmt *s)
{
	struct store_key k = { 0 };

	for (uint32_t i = 0; i < g->n_fields; i++) {
		union weir_ip ip;

		if (!is_address(g->fields[i])) {
			k.q[i][0] = (uint64_t)weir_db_i64(s, (int)i);
			continue;
		}
		k.bytes[i] = store_ip_read(&ip, s, (int)i) ? 16 : 4;
		memcpy(k.q[i], ip.b, 16);
	}
	return k;
}

/* The record follows what is grouped. */
static bool is_liked(const struct weir_store_query *q, struct weir_db_stmt *s, int column)
{
	struct weir_flow_rec rec;

	if (q->match == NULL)
		return true;
	store_row_read(s, column, &rec);
	return q->match(q->match_ctx, &rec);
}

static int add_row(struct worker *w, struct weir_db_stmt *s)
{
	const struct weir_store_grouping *g = w->job->g;
	struct store_key k = key_read(g, s);
	int column = (int)g->n_fields;
	struct store_group *group;

	if (!is_liked(w->job->q, s, column + __builtin_popcount(g->sums & ALL_SUMS)))
		return 0;
	group = store_groups_take(&w->groups, &k);
	if (group == NULL)
		return -ENOMEM;
	for (unsigned int sum = 0; sum < WEIR_STORE_SUMS; sum++) {
		uint64_t v;

		if (!is_asked(g, sum))
			continue;
		v = (uint64_t)weir_db_i64(s, column++);
		group->sum[sum] += v;
		w->groups.total[sum] += v;
	}
	return 0;
}

static char *columns(const struct weir_store_grouping *g, bool records)
{
	char *text = NULL, value[512];
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (out == NULL)
		return NULL;
	for (uint32_t i = 0; i < g->n_fields; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "",
			store_expression(g->fields[i], value, sizeof(value)));
	for (unsigned int sum = 0; sum < WEIR_STORE_SUMS; sum++)
		if (is_asked(g, sum))
			fprintf(out, ", %s", sum_columns[sum]);
	if (records) {
		fprintf(out, ", ");
		store_row_columns(out);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static int add_part(struct worker *w, const struct part *p)
{
	struct job *j = w->job;
	bool finished;
	struct store_cursor c = { .db = store_reader_file(j->reader, p->file, j->q, &finished),
				  .first_id = p->first_id,
				  .last_id = p->last_id };
	struct weir_err err = { 0 };
	int rc, added = 0;

	if (c.db == NULL)
		return 0;
	if (p->first_id <= 1)
		store_reader_count(j->reader);
	rc = store_cursor_open(&c, j->q, finished, j->select, false, &err);
	while (rc == 0 && added == 0 && (rc = weir_db_step(c.stmt, &err)) == 1) {
		added = add_row(w, c.stmt);
		rc = 0;
	}
	if (rc < 0)
		store_reader_trouble(j->reader, &err);
	store_cursor_close(&c);
	return added;
}

static void *work(void *worker)
{
	struct worker *w = worker;
	uint32_t i;

	while (w->rc == 0 &&
	       (i = atomic_fetch_add_explicit(&w->job->next, 1, memory_order_relaxed)) <
		       w->job->n_parts)
		w->rc = add_part(w, &w->job->parts[i]);
	return NULL;
}

static int part_add(struct job *j, uint32_t file, int64_t first_id, int64_t last_id)
{
	if (j->n_parts == j->room) {
		uint32_t room = j->room == 0 ? 64 : j->room * 2;
		struct part *more = realloc(j->parts, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		j->parts = more;
		j->room = room;
	}
	j->parts[j->n_parts++] = (struct part){ file, first_id, last_id };
	return 0;
}

/* Rows that come to an unfinished file after the catalogue was made belong to its last part. */
static int divide(struct job *j, uint32_t file)
{
	const struct store_file *f = &j->reader->catalog.files[file];
	int64_t rows = (int64_t)f->rows;
	int rc = 0;

	if (!store_where_may_match(j->q, f))
		return 0;
	if (!store_where_in_parts(j->q, f->state == STORE_FINISHED) || rows <= PART_ROWS)
		return part_add(j, file, 0, 0);
	for (int64_t id = 1; id <= rows && rc == 0; id += PART_ROWS)
		rc = part_add(j, file, id, id + PART_ROWS <= rows ? id + PART_ROWS - 1 : INT64_MAX);
	return rc;
}

static uint32_t threads_wanted(const struct job *j)
{
	cpu_set_t cpus;
	uint32_t n = 1;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		n = (uint32_t)CPU_COUNT(&cpus);
	n = n < THREADS_MAX ? n : THREADS_MAX;
	return n < j->n_parts ? n : j->n_parts;
}

/* All parts, into `groups`. One whose thread cannot be had is none. */
static int run(struct job *j)
{
	struct worker workers[THREADS_MAX] = { 0 };
	uint32_t n = threads_wanted(j), started = 1;
	struct store_groups *all = &workers[0].groups;

	for (uint32_t i = 0; i < THREADS_MAX; i++)
		workers[i].job = j;
	while (started < n &&
	       pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0)
		started++;
	work(&workers[0]);
	for (uint32_t i = 1; i < started; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[0].rc == 0)
			workers[0].rc = workers[i].rc;
		if (workers[0].rc == 0)
			workers[0].rc = store_groups_merge(all, &workers[i].groups);
		store_groups_fini(&workers[i].groups);
	}
	j->groups = *all;
	return workers[0].rc;
}

static int check(const struct weir_store_grouping *g, struct weir_err *err)
{
	if (g->n_fields < 1 || g->n_fields > 2)
		return weir_err_set(err, EINVAL, "group by %u fields: allowed are 1 and 2",
				    g->n_fields);
	for (uint32_t i = 0; i < g->n_fields; i++) {
		enum weir_field f = g->fields[i];

		if ((unsigned int)f >= WEIR_FIELDS ||
		    (!is_address(f) && (weir_fields[f].bytes == 0 || !store_field_is_number(f))))
			return weir_err_set(err, EINVAL,
					    "group by %s: only ip_0, ip_1 and numbers are allowed",
					    (unsigned int)f < WEIR_FIELDS ? weir_fields[f].name
									  : "?");
	}
	if ((unsigned int)g->by >= WEIR_STORE_SUMS || !is_asked(g, g->by))
		return weir_err_set(err, EINVAL, "largest by a sum that is not asked for");
	return 0;
}

/* Largest first; equal ones in the order of their keys, so that the answer is always the same. */
static int by_size(const void *a, const void *b, void *by)
{
	const struct store_group *x = a, *y = b;
	unsigned int sum = *(enum weir_store_sum *)by;

	if (x->sum[sum] != y->sum[sum])
		return x->sum[sum] > y->sum[sum] ? -1 : 1;
	for (int i = 0; i < 2; i++) {
		int order = x->key.bytes[i] > 0 ? memcmp(x->key.q[i], y->key.q[i], 16)
						: (x->key.q[i][0] > y->key.q[i][0]) -
							  (x->key.q[i][0] < y->key.q[i][0]);

		if (order != 0)
			return order;
	}
	return (int)x->key.bytes[0] - (int)y->key.bytes[0];
}

static void group_fill(struct weir_store_group *to, const struct store_group *slot,
		       const struct weir_store_grouping *g)
{
	memcpy(to->sum, slot->sum, sizeof(to->sum));
	for (uint32_t i = 0; i < g->n_fields; i++) {
		if (!is_address(g->fields[i])) {
			store_row_set(&to->of, g->fields[i], (int64_t)slot->key.q[i][0]);
			continue;
		}
		memcpy(to->of.ip[g->fields[i] == WEIR_FIELD_ip_1].b, slot->key.q[i], 16);
		to->of.is_ipv6 = slot->key.bytes[i] == 16;
	}
}

static int top_fill(struct weir_store_top *top, struct job *j)
{
	struct store_groups *t = &j->groups;
	enum weir_store_sum by = j->g->by;
	uint64_t n = 0;

	for (uint64_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].taken)
			t->slots[n++] = t->slots[i];
	if (n > 0)
		qsort_r(t->slots, n, sizeof(*t->slots), by_size, &by);
	top->n_all = n;
	top->n = (uint32_t)weir_min_u64(n, j->g->n);
	memcpy(top->total, t->total, sizeof(top->total));
	top->groups = calloc(top->n + 1, sizeof(*top->groups));
	if (top->groups == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < top->n; i++)
		group_fill(&top->groups[i], &t->slots[i], j->g);
	return 0;
}

int weir_store_top(struct weir_store_reader *r, const struct weir_store_query *q,
		   const struct weir_store_grouping *g, struct weir_store_top *top,
		   struct weir_err *err)
{
	struct job j = { .reader = r, .q = q, .g = g };
	int rc = 0;

	memset(top, 0, sizeof(*top));
	if (check(g, err) != 0 || store_query_check(q, err) != 0)
		return -EINVAL;
	r->opened = 0;
	j.select = columns(g, q->match != NULL);
	if (j.select == NULL)
		rc = -ENOMEM;
	for (uint32_t file = 0; file < r->catalog.n && rc == 0; file++)
		rc = divide(&j, file);
	if (rc == 0)
		rc = run(&j);
	if (rc == 0)
		rc = top_fill(top, &j);
	if (rc != 0)
		weir_err_set(err, ENOMEM,
			     "%s: no memory for so many groups (%llu): narrow the question", r->dir,
			     (unsigned long long)j.groups.used);
	store_groups_fini(&j.groups);
	free(j.parts);
	free(j.select);
	return rc;
}

void weir_store_top_fini(struct weir_store_top *top)
{
	free(top->groups);
	memset(top, 0, sizeof(*top));
}
