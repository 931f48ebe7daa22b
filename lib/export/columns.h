/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The raw form of a block of record files: records turned into columns of bytes, constant ones left
 * out. README.md has the layout.
 */
#ifndef EXPORT_COLUMNS_H
#define EXPORT_COLUMNS_H

#include <weir_rec.h>

#define COLUMNS_WORDS (sizeof(struct weir_flow_rec) / 8)
/* Not a power of two: planes that many bytes apart would share a few sets of the cache. */
#define COLUMNS_RECS 1000
#define COLUMNS_RAW_MAX \
	(2 * sizeof(struct weir_flow_rec) + COLUMNS_RECS * sizeof(struct weir_flow_rec))
static_assert(sizeof(struct weir_flow_rec) % 8 == 0 && COLUMNS_RECS % 8 == 0,
	      "rows of 8 x 8 bytes");

struct weir_columns {
	uint32_t n;
	uint64_t varies[COLUMNS_WORDS]; /* a byte of it is 0 where all rows have the same */
	uint64_t rows[COLUMNS_RECS][COLUMNS_WORDS];
};

/* Add a record; n < COLUMNS_RECS. */
void weir_columns_add(struct weir_columns *c, const struct weir_flow_rec *rec);

/* Write all rows to `raw`, of COLUMNS_RAW_MAX bytes, and begin anew. The bytes written; n > 0. */
size_t weir_columns_encode(struct weir_columns *c, uint8_t *raw);

/*
 * The way back, of records that were of `rec_bytes`, a multiple of 8; what they lack is 0. False when `bytes` is not
 * what `n` rows and this mask need.
 */
bool weir_columns_decode(const uint8_t *raw, size_t bytes, size_t rec_bytes, uint32_t n,
			 struct weir_flow_rec *recs);

#endif
