/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many rows into tables of a database, cheaply. Rows are put together in memory in the form in which
 * SQLite keeps them, as tables of a database that is attached; one INSERT ... SELECT a table then copies
 * them as they are. Binding and stepping each row costs five times as much.
 *
 * https://www.sqlite.org/fileformat2.html is the form, https://www.sqlite.org/c3ref/deserialize.html the way in.
 */
#ifndef WEIR_DB_BATCH_H
#define WEIR_DB_BATCH_H

#include <weir_db.h>

#define WEIR_DB_BATCH_ROWS        32768 /* most rows of one table */
#define WEIR_DB_BATCH_COLUMNS_MAX 120   /* so that the length of a row's header is one byte */
#define WEIR_DB_BATCH_VALUE_MAX   16    /* bytes of a value */

/*
 * A table of the database without an index. When it has an INTEGER PRIMARY KEY, its first column, rows keep
 * their ids; else they get the next ones, which is cheaper. What is found by a number while the table is written stands in a second table of two INTEGER columns,
 * the number and the key of the row, both its PRIMARY KEY, WITHOUT ROWID.
 */
struct weir_db_batch_table {
	const char *name;
	const char *order; /* that second table; NULL = none */
	bool has_key;
	uint32_t columns; /* with the key */
};

struct weir_db_batch;

/*
 * A batch for `n` tables of `db`, whose thread it belongs to. NULL with `err` set: ENOMEM, EPROTO, or as
 * weir_db_exec(). `tables` are borrowed for the call. No transaction may be open.
 */
struct weir_db_batch *weir_db_batch_create(struct weir_db *db,
					   const struct weir_db_batch_table *tables, uint32_t n,
					   struct weir_err *err);
/* Before the database is closed. What was not moved is gone. NULL is fine. */
void weir_db_batch_destroy(struct weir_db_batch *b);

/* There is room for one more row in each table. */
bool weir_db_batch_has_room(const struct weir_db_batch *b);

/* A row being put together: all values in the order of the columns, between begin and end. */
struct weir_db_row {
	uint8_t *record; /* header, then values */
	uint8_t *type, *value;
};

/* `id` is larger than those before, and below 2^47. There has to be room. */
struct weir_db_row weir_db_row_begin(struct weir_db_batch *b, uint32_t table, int64_t id);
/* `key` is the number in the second table. */
void weir_db_row_end(struct weir_db_batch *b, uint32_t table, const struct weir_db_row *row,
		     int64_t key);

/*
 * Move all rows into the database, in one transaction. 0, and the batch is empty; or a negative errno as
 * weir_db_commit(), also EEXIST for a key that is there, and the rows are still in the batch.
 */
int weir_db_batch_move(struct weir_db_batch *b, struct weir_err *err);

/* A number in as few bytes as it needs: serial types 1 to 6, 8 and 9. */
static inline void weir_db_row_i64(struct weir_db_row *row, int64_t v)
{
	/* By leading zeroes but for the sign. */
	static const uint8_t bytes[65] = { 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
					   6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 4,
					   4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2,
					   2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1 };
	static const uint8_t types[9] = { 0, 1, 2, 3, 4, 0, 5, 0, 6 };
	uint64_t be;
	uint8_t n;

	if ((uint64_t)v <= 1) {
		*row->type++ = (uint8_t)(8 + v);
		return;
	}
	n = bytes[__builtin_clzll((v < 0 ? ~(uint64_t)v : (uint64_t)v) | 1)];
	*row->type++ = types[n];
	be = __builtin_bswap64((uint64_t)v << (64 - 8 * n));
	memcpy(row->value, &be, 8);
	row->value += n;
}

/* 1 to WEIR_DB_BATCH_VALUE_MAX bytes. */
static inline void weir_db_row_blob(struct weir_db_row *row, const void *p, size_t bytes)
{
	*row->type++ = (uint8_t)(2 * bytes + 12);
	memcpy(row->value, p, bytes);
	row->value += bytes;
}

#endif
