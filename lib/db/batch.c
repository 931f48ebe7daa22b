/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image of a database, of which this file writes the leaves: each table's rows in pages of 64 KiB, then
 * its root over them; their order by a number in the same way. Its first page, schema and all, is made by SQLite. The
 * image is attached read-only; a new change counter in its head tells SQLite that its pages are others.
 * Database file format, 1.3, 1.6 and 2.1.
 *
 * SQLite copies rows without looking into them when both tables are declared alike, which is why the
 * image's are declared with the very texts of the database (insert.c of SQLite, xferOptimization()). With an
 * index it would copy that in the same way, leaving pages nearly empty when it is not the end that grows: so
 * the order is kept in a table of its own, and moved row by row ("WHERE 1").
 */
#include "db_priv.h"

#include <weir_db_batch.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TABLES_MAX   4
#define PAGE_BYTES   65536
#define PAGE_CELLS   512 /* rows of a leaf: what room its pointers have */
#define LEAF_FIRST   (8 + 2 * PAGE_CELLS)
#define LEAVES_MAX   128  /* of one table */
#define ORDER_CELLS  3000 /* entries of a leaf of the order, at most 18 bytes and a pointer each */
#define ORDER_LEAVES ((WEIR_DB_BATCH_ROWS + ORDER_CELLS - 1) / ORDER_CELLS)
#define CELL_MAX     (2 + 9 + 1 + WEIR_DB_BATCH_COLUMNS_MAX * (1 + WEIR_DB_BATCH_VALUE_MAX) + 8)
#define HEAD_COUNTER 24 /* file change counter */
#define HEAD_PAGES   28 /* size of the database */
#define HEAD_VALID   92 /* the change counter for which the size is right */
#define SETUP        "PRAGMA page_size = 65536; PRAGMA auto_vacuum = NONE"

enum {
	PAGE_INDEX_NODE = 0x02,
	PAGE_INDEX_LEAF = 0x0a,
	PAGE_TABLE_NODE = 0x05,
	PAGE_TABLE_LEAF = 0x0d
};

struct entry {
	int64_t key, id;
};

struct table {
	bool has_key;
	uint32_t columns;
	uint32_t root, order_root;             /* page numbers; 0 = no order */
	uint32_t leaf_first, order_leaf_first; /* page numbers of the first leaves */
	uint32_t leaf;                         /* being filled; from 0 on */
	uint32_t cells, used;                  /* of that leaf; next byte */
	uint32_t rows;
	int64_t last[LEAVES_MAX]; /* largest id of each leaf */
	struct entry *entries;    /* of the order */
	sqlite3_stmt *insert, *insert_order;
};

struct weir_db_batch {
	struct weir_db *db;
	uint8_t *image;
	uint32_t n_pages;
	uint32_t n, changes;
	struct table tables[TABLES_MAX];
};

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* 7 bits a byte, largest first; below 2^56. The byte after it. */
static uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	for (int shift = 49; shift > 0; shift -= 7)
		if (v >> shift != 0)
			*p++ = (uint8_t)(0x80 | (v >> shift & 0x7f));
	*p++ = v & 0x7f;
	return p;
}

static uint8_t *page(const struct weir_db_batch *b, uint32_t number)
{
	return b->image + (size_t)(number - 1) * PAGE_BYTES;
}

static uint8_t *leaf_page(const struct weir_db_batch *b, const struct table *t)
{
	return page(b, t->leaf_first + t->leaf);
}

static void page_head(uint8_t *p, uint8_t type, uint32_t cells, uint32_t first)
{
	p[0] = type;
	put16(p + 1, 0); /* no free blocks */
	put16(p + 3, cells);
	put16(p + 5, first);
	p[7] = 0;
}

static void clear(struct table *t)
{
	t->leaf = t->cells = t->rows = 0;
	t->used = LEAF_FIRST;
}

static bool leaf_is_full(const struct table *t)
{
	return t->cells == PAGE_CELLS || t->used + CELL_MAX > PAGE_BYTES;
}

bool weir_db_batch_has_room(const struct weir_db_batch *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		const struct table *t = &b->tables[i];

		if (t->rows == WEIR_DB_BATCH_ROWS || (t->leaf == LEAVES_MAX - 1 && leaf_is_full(t)))
			return false;
	}
	return true;
}

static void leaf_end(const struct weir_db_batch *b, const struct table *t)
{
	page_head(leaf_page(b, t), PAGE_TABLE_LEAF, t->cells, LEAF_FIRST);
}

struct weir_db_row weir_db_row_begin(struct weir_db_batch *b, uint32_t table, int64_t id)
{
	struct table *t = &b->tables[table];
	struct weir_db_row row;

	if (leaf_is_full(t)) {
		leaf_end(b, t);
		t->leaf++;
		t->cells = 0;
		t->used = LEAF_FIRST;
	}
	/* The length of the record comes first: two bytes are left for it. */
	row.record = put_varint(leaf_page(b, t) + t->used + 2, (uint64_t)id);
	row.record[0] = (uint8_t)(1 + t->columns);
	row.record[1] = 0; /* a key stands before the record */
	row.type = row.record + 1 + t->has_key;
	row.value = row.record + 1 + t->columns;
	t->last[t->leaf] = id;
	return row;
}

void weir_db_row_end(struct weir_db_batch *b, uint32_t table, const struct weir_db_row *row,
		     int64_t key)
{
	struct table *t = &b->tables[table];
	uint8_t *leaf = leaf_page(b, t), *cell = leaf + t->used;
	uint32_t bytes = (uint32_t)(row->value - row->record);

	assert(row->type == row->record + 1 + t->columns);
	cell[0] = (uint8_t)(0x80 | bytes >> 7);
	cell[1] = bytes & 0x7f;
	put16(leaf + 8 + 2 * t->cells, t->used);
	t->used = (uint32_t)(row->value - leaf);
	t->cells++;
	if (t->entries != NULL)
		t->entries[t->rows] = (struct entry){ key, t->last[t->leaf] };
	t->rows++;
}

/* The root of a table: its one leaf, or a node over all. */
static void finish_root(const struct weir_db_batch *b, const struct table *t)
{
	const uint32_t first = 12 + 2 * LEAVES_MAX;
	uint8_t *root = page(b, t->root), *p = root + first;

	leaf_end(b, t);
	if (t->leaf == 0) {
		memcpy(root, leaf_page(b, t), t->used);
		return;
	}
	page_head(root, PAGE_TABLE_NODE, t->leaf, first);
	for (uint32_t i = 0; i < t->leaf; i++) {
		put16(root + 12 + 2 * i, (uint32_t)(p - root));
		put32(p, t->leaf_first + i);
		p = put_varint(p + 4, (uint64_t)t->last[i]);
	}
	put32(root + 8, t->leaf_first + t->leaf);
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* A record of the order, with its length before it: the byte after it. */
static uint8_t *put_entry(uint8_t *p, const struct entry *e)
{
	struct weir_db_row row = { .record = p + 1, .type = p + 2, .value = p + 4 };

	row.record[0] = 3;
	weir_db_row_i64(&row, e->key);
	weir_db_row_i64(&row, e->id);
	p[0] = (uint8_t)(row.value - row.record);
	return row.value;
}

static void put_order_leaf(uint8_t *leaf, const struct entry *e, uint32_t n)
{
	const uint32_t first = 8 + 2 * n;
	uint8_t *p = leaf + first;

	page_head(leaf, PAGE_INDEX_LEAF, n, first);
	for (uint32_t i = 0; i < n; i++) {
		put16(leaf + 8 + 2 * i, (uint32_t)(p - leaf));
		p = put_entry(p, &e[i]);
	}
}

static void sort_order(const struct table *t)
{
	for (uint32_t i = 1; i < t->rows; i++)
		if (t->entries[i - 1].key > t->entries[i].key) {
			qsort(t->entries, t->rows, sizeof(*t->entries), by_key);
			return;
		}
}

/* Its one leaf, or a node over all: of an index, an entry between two leaves stands in the node only. */
static void finish_order(const struct weir_db_batch *b, const struct table *t)
{
	const uint32_t first = 12 + 2 * ORDER_LEAVES;
	uint8_t *root = page(b, t->order_root), *p = root + first;
	uint32_t leaf = t->order_leaf_first, cells = 0, left = t->rows;
	const struct entry *e = t->entries;

	sort_order(t);
	if (t->rows <= ORDER_CELLS) {
		put_order_leaf(root, e, t->rows);
		return;
	}
	for (; left > ORDER_CELLS; left -= ORDER_CELLS, e += ORDER_CELLS) {
		put_order_leaf(page(b, leaf), e, ORDER_CELLS - 1);
		put16(root + 12 + 2 * cells++, (uint32_t)(p - root));
		put32(p, leaf++);
		p = put_entry(p + 4, &e[ORDER_CELLS - 1]);
	}
	put_order_leaf(page(b, leaf), e, left);
	page_head(root, PAGE_INDEX_NODE, cells, first);
	put32(root + 8, leaf);
}

static int run(struct weir_db_batch *b, sqlite3_stmt *stmt, struct weir_err *err)
{
	int rc = sqlite3_step(stmt);

	rc = rc == SQLITE_DONE ? 0 : weir_db_fail(b->db, rc, err);
	sqlite3_reset(stmt);
	return rc;
}

static int move_table(struct weir_db_batch *b, struct table *t, struct weir_err *err)
{
	int rc = 0;

	if (t->rows > 0)
		rc = run(b, t->insert, err);
	if (rc == 0 && t->rows > 0 && t->insert_order != NULL)
		rc = run(b, t->insert_order, err);
	return rc;
}

int weir_db_batch_move(struct weir_db_batch *b, struct weir_err *err)
{
	int rc;

	for (uint32_t i = 0; i < b->n; i++) {
		finish_root(b, &b->tables[i]);
		if (b->tables[i].order_root != 0)
			finish_order(b, &b->tables[i]);
	}
	b->changes++;
	put32(b->image + HEAD_COUNTER, b->changes);
	put32(b->image + HEAD_VALID, b->changes);
	rc = weir_db_exec(b->db, "BEGIN", err); /* not IMMEDIATE: that is for the image, too */
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < b->n && rc == 0; i++)
		rc = move_table(b, &b->tables[i], err);
	if (rc == 0)
		rc = weir_db_commit(b->db, err);
	if (rc != 0)
		weir_db_rollback(b->db);
	for (uint32_t i = 0; i < b->n && rc == 0; i++)
		clear(&b->tables[i]);
	return rc;
}

/* Declare in `empty` what is called `name` in the database, as it is there. */
static int declare(struct weir_db_batch *b, struct weir_db *empty, const char *name,
		   struct weir_err *err)
{
	struct weir_db_stmt *s =
		weir_db_prepare(b->db, "SELECT sql FROM main.sqlite_schema WHERE name = ?", err);
	const char *sql;
	int rc;

	if (s == NULL)
		return -err->code;
	sqlite3_bind_text(s->stmt, 1, name, -1, SQLITE_STATIC);
	rc = weir_db_step(s, err);
	sql = rc == 1 ? (const char *)sqlite3_column_text(s->stmt, 0) : NULL;
	if (sql != NULL)
		rc = weir_db_exec(empty, sql, err);
	else if (rc >= 0)
		rc = weir_db_fail(b->db, SQLITE_CORRUPT, err);
	weir_db_finish(s);
	return rc;
}

static int root_of(struct weir_db *empty, const char *name, uint32_t *root, struct weir_err *err)
{
	char sql[200];
	int64_t v = 0;
	int rc;

	snprintf(sql, sizeof(sql), "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", name);
	rc = weir_db_number(empty, sql, 0, &v, err);
	*root = (uint32_t)v;
	return rc;
}

static int declare_all(struct weir_db_batch *b, struct weir_db *empty,
		       const struct weir_db_batch_table *tables, struct weir_err *err)
{
	int rc = weir_db_exec(empty, SETUP, err);

	for (uint32_t i = 0; i < b->n && rc == 0; i++) {
		struct table *t = &b->tables[i];

		rc = declare(b, empty, tables[i].name, err);
		if (rc == 0)
			rc = root_of(empty, tables[i].name, &t->root, err);
		if (rc == 0 && tables[i].order != NULL)
			rc = declare(b, empty, tables[i].order, err);
		if (rc == 0 && tables[i].order != NULL)
			rc = root_of(empty, tables[i].order, &t->order_root, err);
	}
	return rc;
}

static int no_memory(const struct weir_db_batch *b, struct weir_err *err)
{
	return weir_err_set(err, ENOMEM, "%s: no memory for a batch of rows", b->db->path);
}

/* The empty database, with room for leaves behind it. */
static int make_image(struct weir_db_batch *b, struct weir_db *empty, struct weir_err *err)
{
	sqlite3_int64 bytes;
	uint8_t *small = sqlite3_serialize(empty->sqlite, "main", &bytes, 0);
	uint32_t n = small != NULL ? (uint32_t)(bytes / PAGE_BYTES) : 0;

	for (uint32_t i = 0; i < b->n; i++) {
		b->tables[i].leaf_first = n + 1 + i * (LEAVES_MAX + ORDER_LEAVES);
		b->tables[i].order_leaf_first = b->tables[i].leaf_first + LEAVES_MAX;
	}
	b->n_pages = n + b->n * (LEAVES_MAX + ORDER_LEAVES);
	b->image = small != NULL ? calloc(b->n_pages, PAGE_BYTES) : NULL;
	if (b->image != NULL) {
		memcpy(b->image, small, (size_t)bytes);
		put32(b->image + HEAD_PAGES, b->n_pages);
		b->changes = weir_be32(b->image + HEAD_COUNTER);
		put32(b->image + HEAD_VALID, b->changes);
	}
	sqlite3_free(small);
	return b->image != NULL ? 0 : no_memory(b, err);
}

static int declare_in_memory(struct weir_db_batch *b, const struct weir_db_batch_table *tables,
			     struct weir_err *err)
{
	struct weir_db empty = { .path = b->db->path };
	int rc = sqlite3_open(":memory:", &empty.sqlite);

	rc = rc == SQLITE_OK ? 0 : weir_db_fail(&empty, rc, err);
	if (rc == 0)
		rc = declare_all(b, &empty, tables, err);
	if (rc == 0)
		rc = make_image(b, &empty, err);
	sqlite3_close(empty.sqlite);
	return rc;
}

static int prepare(struct weir_db_batch *b, sqlite3_stmt **stmt, const char *name,
		   const char *where, struct weir_err *err)
{
	char sql[256];
	int rc;

	snprintf(sql, sizeof(sql), "INSERT INTO main.%s SELECT * FROM batch.%s %s", name, name,
		 where);
	rc = sqlite3_prepare_v3(b->db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	return rc == SQLITE_OK ? 0 : weir_db_fail(b->db, rc, err);
}

static int attach(struct weir_db_batch *b, const struct weir_db_batch_table *tables,
		  struct weir_err *err)
{
	const sqlite3_int64 bytes = (sqlite3_int64)b->n_pages * PAGE_BYTES;
	int rc = weir_db_exec(b->db, "ATTACH ':memory:' AS batch", err);

	if (rc != 0)
		return rc;
	rc = sqlite3_deserialize(b->db->sqlite, "batch", b->image, bytes, bytes,
				 SQLITE_DESERIALIZE_READONLY);
	if (rc != SQLITE_OK)
		return weir_db_fail(b->db, rc, err);
	rc = 0;
	for (uint32_t i = 0; i < b->n && rc == 0; i++) {
		rc = prepare(b, &b->tables[i].insert, tables[i].name, "", err);
		if (rc == 0 && tables[i].order != NULL)
			rc = prepare(b, &b->tables[i].insert_order, tables[i].order, "WHERE 1",
				     err);
	}
	return rc;
}

struct weir_db_batch *weir_db_batch_create(struct weir_db *db,
					   const struct weir_db_batch_table *tables, uint32_t n,
					   struct weir_err *err)
{
	struct weir_db_batch *b = calloc(1, sizeof(*b));
	struct weir_err own = { 0 };
	int rc = 0;

	err = err != NULL ? err : &own;
	assert(n <= TABLES_MAX);
	if (b == NULL) {
		weir_err_set(err, ENOMEM, "%s: no memory for a batch of rows", db->path);
		return NULL;
	}
	b->db = db;
	b->n = n;
	for (uint32_t i = 0; i < n; i++) {
		assert(tables[i].columns <= WEIR_DB_BATCH_COLUMNS_MAX);
		b->tables[i].columns = tables[i].columns;
		b->tables[i].has_key = tables[i].has_key;
		clear(&b->tables[i]);
		if (tables[i].order == NULL)
			continue;
		b->tables[i].entries = calloc(WEIR_DB_BATCH_ROWS, sizeof(struct entry));
		if (b->tables[i].entries == NULL)
			rc = no_memory(b, err);
	}
	if (rc == 0)
		rc = declare_in_memory(b, tables, err);
	if (rc == 0)
		rc = attach(b, tables, err);
	if (rc == 0)
		return b;
	weir_db_batch_destroy(b);
	return NULL;
}

void weir_db_batch_destroy(struct weir_db_batch *b)
{
	if (b == NULL)
		return;
	for (uint32_t i = 0; i < b->n; i++) {
		sqlite3_finalize(b->tables[i].insert);
		sqlite3_finalize(b->tables[i].insert_order);
		free(b->tables[i].entries);
	}
	sqlite3_exec(b->db->sqlite, "DETACH batch", NULL, NULL, NULL); /* of what is freed next */
	free(b->image);
	free(b);
}
