/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record is 54 words of 8 bytes. Most bytes are the same in all records of a block (families, MACs,
 * zeroes of counters), and the rest compresses best and fastest byte by byte: the high bytes of a
 * column repeat, the low ones are noise that zstd skips when it is in one place.
 *
 * Rows are collected until the block is full; which bytes vary is known by then. They are turned
 * by tiles of 8 rows and one word, in registers: three rounds of interleaving make 8 words into 8
 * planes of 8 bytes.
 */
#include "columns.h"

#define START offsetof(struct weir_flow_rec, start_ns) / 8
#define TILE_ROWS \
	40 /* rows times 432 bytes stay in the first cache while their words are visited */
static_assert(COLUMNS_RECS % TILE_ROWS == 0, "whole tiles in a full block");

typedef uint8_t v16 __attribute__((vector_size(16)));
typedef uint64_t v2 __attribute__((vector_size(16)));

/* Times of a record are kept relative to its start: mostly 0 or small. */
static const uint8_t relative[] = {
	offsetof(struct weir_flow_rec, end_ns) / 8,
	offsetof(struct weir_flow_rec, flow_start_ns) / 8,
};

/* A word of the record and the bytes of it that vary. */
struct planes {
	uint8_t word;
	uint8_t n;
	uint8_t byte[8];
	size_t at; /* of the first plane; the others follow, one stride apart */
};

static size_t stride_of(uint32_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* What varies of `words`, in the order of the block. How many do; *end is where the last plane ends. */
static uint32_t list_planes(const uint64_t *varies, size_t words, uint32_t rows,
			    struct planes list[COLUMNS_WORDS], size_t *end)
{
	size_t at = 2 * words * sizeof(*varies);
	uint32_t n = 0;

	for (size_t word = 0; word < words; word++) {
		struct planes *p = &list[n];

		if (varies[word] == 0)
			continue;
		*p = (struct planes){ .word = (uint8_t)word, .at = at };
		for (uint8_t b = 0; b < 8; b++)
			if ((varies[word] >> (8 * b) & 255) != 0)
				p->byte[p->n++] = b;
		at += p->n * stride_of(rows);
		n++;
	}
	*end = at;
	return n;
}

void weir_columns_add(struct weir_columns *c, const struct weir_flow_rec *rec)
{
	uint64_t *row = c->rows[c->n++];

	memcpy(row, rec, sizeof(*rec));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(relative); i++)
		row[relative[i]] -= row[START];
	for (size_t w = 0; w < COLUMNS_WORDS; w++)
		c->varies[w] |= row[w] ^ c->rows[0][w];
}

#define LOW(a, b) \
	__builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b) \
	__builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

/* Byte b of row i goes to byte i of out[b]. */
static inline void turn(const uint64_t *at, uint64_t out[8])
{
	v16 row[8], pair[4], four[4], eight[4];

	for (int i = 0; i < 8; i++)
		row[i] = (v16)(v2){ at[(size_t)i * COLUMNS_WORDS], 0 };
	for (int i = 0; i < 4; i++)
		pair[i] = LOW(row[i], row[i + 4]);
	four[0] = LOW(pair[0], pair[2]);
	four[1] = LOW(pair[1], pair[3]);
	four[2] = HIGH(pair[0], pair[2]);
	four[3] = HIGH(pair[1], pair[3]);
	eight[0] = LOW(four[0], four[1]);
	eight[1] = HIGH(four[0], four[1]);
	eight[2] = LOW(four[2], four[3]);
	eight[3] = HIGH(four[2], four[3]);
	memcpy(out, eight, sizeof(eight));
}

static void encode_tile(const struct weir_columns *c, const struct planes *p, uint32_t first,
			uint32_t end, size_t stride, uint8_t *raw)
{
	for (uint32_t row = first; row < end; row += 8) {
		uint64_t out[8];

		turn(&c->rows[row][p->word], out);
		for (uint32_t i = 0; i < p->n; i++)
			memcpy(raw + p->at + i * stride + row, &out[p->byte[i]], 8);
	}
}

size_t weir_columns_encode(struct weir_columns *c, uint8_t *raw)
{
	struct planes list[COLUMNS_WORDS];
	size_t end, stride = stride_of(c->n);
	uint32_t n = list_planes(c->varies, COLUMNS_WORDS, c->n, list, &end);

	/* Planes are filled up to a multiple of 8 with zeroes. */
	for (size_t i = c->n; i < stride; i++)
		memset(c->rows[i], 0, sizeof(c->rows[i]));
	memcpy(raw, c->varies, sizeof(c->varies));
	memcpy(raw + sizeof(c->varies), c->rows[0], sizeof(c->rows[0]));
	for (uint32_t row = 0; row < stride; row += TILE_ROWS) {
		uint32_t last = row + TILE_ROWS < stride ? row + TILE_ROWS : (uint32_t)stride;

		for (uint32_t i = 0; i < n; i++)
			encode_tile(c, &list[i], row, last, stride, raw);
	}
	c->n = 0;
	memset(c->varies, 0, sizeof(c->varies));
	return end;
}

/* `first`: the first record, of `bytes`. */
static void decode_row(const uint8_t *raw, const uint8_t *first, size_t bytes,
		       const struct planes *list, uint32_t n, size_t stride, uint32_t i,
		       struct weir_flow_rec *rec)
{
	uint64_t row[COLUMNS_WORDS] = { 0 };

	memcpy(row, first, bytes);
	for (uint32_t w = 0; w < n; w++)
		for (uint32_t b = 0; b < list[w].n; b++)
			((uint8_t *)&row[list[w].word])[list[w].byte[b]] =
				raw[list[w].at + b * stride + i];
	for (size_t r = 0; r < WEIR_ARRAY_SIZE(relative); r++)
		row[relative[r]] += row[START];
	memcpy(rec, row, sizeof(row));
}

bool weir_columns_decode(const uint8_t *raw, size_t bytes, size_t rec_bytes, uint32_t n,
			 struct weir_flow_rec *recs)
{
	uint64_t varies[COLUMNS_WORDS];
	struct planes list[COLUMNS_WORDS];
	uint32_t words;
	size_t end;

	if (bytes < 2 * rec_bytes || n > COLUMNS_RECS)
		return false;
	memcpy(varies, raw, rec_bytes);
	words = list_planes(varies, rec_bytes / sizeof(*varies), n, list, &end);
	if (end != bytes)
		return false;
	for (uint32_t i = 0; i < n; i++)
		decode_row(raw, raw + rec_bytes, rec_bytes, list, words, stride_of(n), i, &recs[i]);
	return true;
}
