/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records in order, from many files. In the order of end_time a file is opened when the merge has come
 * to where its rows may begin: few are open at once, however many there are. For other orders each file in turn
 * gives its first ones up to the limit, and the best of all are kept.
 */
#include "store_priv.h"

#include <errno.h>
#include <stdlib.h>

/* A row with its place in the order: smaller first, whatever the direction. */
struct item {
	int64_t key;
	uint64_t arrival;
	struct weir_flow_rec rec;
};

struct stream {
	struct store_cursor cursor;
	uint32_t file;
	struct item item; /* the next one to hand out */
};

struct weir_store_rows {
	struct weir_store_reader *reader;
	struct weir_store_query q;
	bool by_time;
	uint64_t left;
	char *select;

	/* by_time: files not opened yet, by where they may begin; and those that are open. */
	uint32_t *waiting;
	uint32_t n_waiting, next_waiting;
	struct stream **open;
	uint32_t n_open;

	/* Other orders: everything, in order. */
	struct item *kept;
	uint64_t n_kept, room, next_kept;

	struct weir_flow_rec rec; /* handed out */
};

static int64_t key_of(const struct weir_store_rows *rows, int64_t v)
{
	return rows->q.descending ? ~v : v;
}

static void stream_close(struct stream *st)
{
	store_cursor_close(&st->cursor);
	free(st);
}

/* 1 = `item` is the next row, 0 = there is none, with trouble noted. */
static int stream_next(struct weir_store_rows *rows, struct stream *st)
{
	struct weir_err err = { 0 };
	int rc;

	do {
		rc = weir_db_step(st->cursor.stmt, &err);
		if (rc < 0)
			store_reader_trouble(rows->reader, &err);
		if (rc != 1)
			return 0;
		st->item.key = key_of(rows, weir_db_i64(st->cursor.stmt, 0));
		store_row_read(st->cursor.stmt, 1, &st->item.rec);
	} while (!store_query_likes(&rows->q, &st->item.rec));
	return 1;
}

/* A file's rows; NULL when it has none, or cannot be read. */
static struct stream *stream_open(struct weir_store_rows *rows, uint32_t file)
{
	struct weir_store_reader *r = rows->reader;
	bool finished;
	struct weir_db *db = store_reader_file(r, file, &rows->q, &finished);
	struct weir_err err = { 0 };
	struct stream *st;

	if (db == NULL)
		return NULL;
	st = calloc(1, sizeof(*st));
	if (st == NULL) {
		weir_db_close(db);
		weir_err_set(&err, ENOMEM, "%s: no memory to read it", r->catalog.files[file].name);
		store_reader_trouble(r, &err);
		return NULL;
	}
	store_reader_count(r);
	st->file = file;
	st->cursor.db = db;
	if (store_cursor_open(&st->cursor, &rows->q, finished, rows->select, true, &err) == 0)
		return st;
	store_reader_trouble(r, &err);
	stream_close(st);
	return NULL;
}

/* Where the rows of a file may begin, as a key. */
static int64_t begin_of(const struct weir_store_rows *rows, uint32_t file)
{
	const struct store_file *f = &rows->reader->catalog.files[file];

	if (f->state != STORE_FINISHED)
		return INT64_MIN;
	return key_of(rows, rows->q.descending ? f->last_us : f->end_us);
}

static void merge_open(struct weir_store_rows *rows)
{
	struct stream *st = stream_open(rows, rows->waiting[rows->next_waiting++]);

	if (st == NULL)
		return;
	if (stream_next(rows, st) == 0) {
		stream_close(st);
		return;
	}
	rows->open[rows->n_open++] = st;
}

/* Of equal rows the earlier file's; in descending order the later one's, as within a file. */
static bool is_before(const struct weir_store_rows *rows, const struct stream *a,
		      const struct stream *b)
{
	if (a->item.key != b->item.key)
		return a->item.key < b->item.key;
	return rows->q.descending ? a->file > b->file : a->file < b->file;
}

/* Few are open at once: a walk is as good as a heap. */
static uint32_t merge_first(const struct weir_store_rows *rows)
{
	uint32_t first = 0;

	for (uint32_t i = 1; i < rows->n_open; i++)
		if (is_before(rows, rows->open[i], rows->open[first]))
			first = i;
	return first;
}

static bool merge_next(struct weir_store_rows *rows)
{
	struct stream *st;
	uint32_t i;

	while (rows->next_waiting < rows->n_waiting &&
	       (rows->n_open == 0 || begin_of(rows, rows->waiting[rows->next_waiting]) <=
					     rows->open[merge_first(rows)]->item.key))
		merge_open(rows);
	if (rows->n_open == 0)
		return false;
	i = merge_first(rows);
	st = rows->open[i];
	rows->rec = st->item.rec;
	if (stream_next(rows, st) == 0) {
		stream_close(st);
		rows->open[i] = rows->open[--rows->n_open];
	}
	return true;
}

static int merge_prepare(struct weir_store_rows *rows)
{
	uint32_t n = rows->reader->catalog.n;

	rows->waiting = calloc(n + 1, sizeof(*rows->waiting));
	rows->open = calloc(n + 1, sizeof(struct stream *));
	if (rows->waiting == NULL || rows->open == NULL)
		return -ENOMEM;
	for (uint32_t file = 0; file < n; file++) {
		uint32_t i = rows->n_waiting++;

		for (; i > 0 && begin_of(rows, rows->waiting[i - 1]) > begin_of(rows, file); i--)
			rows->waiting[i] = rows->waiting[i - 1];
		rows->waiting[i] = file;
	}
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

static int keep(struct weir_store_rows *rows, struct stream *st)
{
	if (rows->n_kept == rows->room) {
		uint64_t room = rows->room == 0 ? 256 : rows->room * 2;
		struct item *more = realloc(rows->kept, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		rows->kept = more;
		rows->room = room;
	}
	st->item.arrival++;
	rows->kept[rows->n_kept++] = st->item;
	return 0;
}

static int gather(struct weir_store_rows *rows)
{
	int rc = 0;

	for (uint32_t file = 0; file < rows->reader->catalog.n && rc == 0; file++) {
		struct stream *st = stream_open(rows, file);
		uint64_t left = rows->q.limit;

		if (st == NULL)
			continue;
		st->item.arrival =
			(uint64_t)(rows->q.descending ? rows->reader->catalog.n - file : file)
			<< 32;
		for (; rc == 0 && left > 0 && stream_next(rows, st) == 1; left--)
			rc = keep(rows, st);
		stream_close(st);
		if (rows->n_kept > 0)
			qsort(rows->kept, rows->n_kept, sizeof(*rows->kept), by_key);
		rows->n_kept = weir_min_u64(rows->n_kept, rows->q.limit);
	}
	return rc;
}

static int check(const struct weir_store_query *q, struct weir_err *err)
{
	if ((unsigned int)q->sort >= WEIR_FIELDS || !store_field_is_number(q->sort))
		return weir_err_set(err, EINVAL, "order by %s: only numbers are allowed",
				    (unsigned int)q->sort < WEIR_FIELDS ? weir_fields[q->sort].name
									: "?");
	if (q->sort != WEIR_FIELD_end_time && (q->limit == 0 || q->limit > UINT32_MAX))
		return weir_err_set(err, EINVAL,
				    "order by %s: a limit is needed; without one, end_time is the "
				    "order",
				    weir_fields[q->sort].name);
	return store_query_check(q, err);
}

static int prepare(struct weir_store_rows *rows)
{
	size_t bytes;
	FILE *out = open_memstream(&rows->select, &bytes);

	if (out == NULL)
		return -ENOMEM;
	store_row_columns(out);
	if (fclose(out) != 0)
		return -ENOMEM;
	return rows->by_time ? merge_prepare(rows) : gather(rows);
}

struct weir_store_rows *weir_store_select(struct weir_store_reader *r,
					  const struct weir_store_query *q, struct weir_err *err)
{
	struct weir_store_rows *rows;

	if (check(q, err) != 0)
		return NULL;
	rows = calloc(1, sizeof(*rows));
	if (rows == NULL)
		goto err_memory;
	r->opened = 0;
	rows->reader = r;
	rows->q = *q;
	rows->by_time = q->sort == WEIR_FIELD_end_time;
	rows->left = q->limit > 0 ? q->limit : UINT64_MAX;
	if (prepare(rows) == 0)
		return rows;

err_memory:
	weir_store_rows_close(rows);
	weir_err_set(err, ENOMEM, "%s: no memory to put records in order: use a smaller limit",
		     r->dir);
	return NULL;
}

const struct weir_flow_rec *weir_store_rows_next(struct weir_store_rows *rows)
{
	if (rows->left == 0)
		return NULL;
	if (!rows->by_time) {
		if (rows->next_kept == rows->n_kept)
			return NULL;
		rows->rec = rows->kept[rows->next_kept++].rec;
	} else if (!merge_next(rows)) {
		return NULL;
	}
	rows->left--;
	return &rows->rec;
}

void weir_store_rows_close(struct weir_store_rows *rows)
{
	if (rows == NULL)
		return;
	while (rows->n_open > 0)
		stream_close(rows->open[--rows->n_open]);
	free(rows->open);
	free(rows->waiting);
	free(rows->kept);
	free(rows->select);
	free(rows);
}
