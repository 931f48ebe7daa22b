/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash tables that are filled once and then only read: rows of 16 and of 32 bytes, a cache line of
 * them a bucket, at most half full. A bucket fills from its front and overflows into the next, so a
 * look-up ends at the first empty row, nearly always in the line that was fetched first.
 *
 * A value is never 0: that is an empty row.
 */
#ifndef WEIR_TABLE_H
#define WEIR_TABLE_H

#include <weir_base.h>

struct weir_row16 {
	uint64_t key, value;
};

struct weir_row32 {
	uint64_t key[3], value;
};

#define WEIR_TABLE_LINE16 (WEIR_CACHE_LINE / sizeof(struct weir_row16))
#define WEIR_TABLE_LINE32 (WEIR_CACHE_LINE / sizeof(struct weir_row32))

struct weir_table {
	void *lines;
	uint64_t mask; /* lines - 1 */
	uint64_t seed;
	size_t bytes;
	size_t count;
};

/* Room for `rows` of `row_bytes`. -ENOMEM; a table of 0 rows takes one line. */
int weir_table_init(struct weir_table *t, size_t rows, size_t row_bytes);
void weir_table_fini(struct weir_table *t);

/*
 * Put a row in, or another value into the one that is there. Returns the value that was there; 0: the row
 * is new. The room is the caller's care.
 */
uint64_t weir_table_put16(struct weir_table *t, uint64_t key, uint64_t value);
uint64_t weir_table_put32(struct weir_table *t, const uint64_t key[3], uint64_t value);

#define WEIR_TABLE_PRIME UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t weir_table_line16(const struct weir_table *t, uint64_t key)
{
	return weir_mix(key ^ t->seed, WEIR_TABLE_PRIME) & t->mask;
}

static inline uint64_t weir_table_line32(const struct weir_table *t, const uint64_t key[3])
{
	const uint64_t h = weir_mix(key[0] ^ t->seed, key[1] ^ WEIR_TABLE_PRIME);

	return weir_mix(h ^ key[2], WEIR_TABLE_PRIME) & t->mask;
}

/* Where a look-up begins: to be fetched before. */
static inline const void *weir_table_at16(const struct weir_table *t, uint64_t key)
{
	return (const struct weir_row16 *)t->lines + weir_table_line16(t, key) * WEIR_TABLE_LINE16;
}

static inline const void *weir_table_at32(const struct weir_table *t, const uint64_t key[3])
{
	return (const struct weir_row32 *)t->lines + weir_table_line32(t, key) * WEIR_TABLE_LINE32;
}

/*
 * The value, looked for from its line on; 0 = not there. All rows of a line are compared, and no branch asks which of them it is:
 * that could not be foreseen.
 */
static inline uint64_t weir_table_get16_from(const struct weir_table *t, uint64_t line,
					     uint64_t key)
{
	const struct weir_row16 *rows = t->lines;

	for (;; line = (line + 1) & t->mask) {
		const struct weir_row16 *row = &rows[line * WEIR_TABLE_LINE16];
		uint64_t value = 0;

		for (unsigned int i = 0; i < WEIR_TABLE_LINE16; i++)
			value |= row[i].value & -(uint64_t)((row[i].key ^ key) == 0);
		if (weir_likely(value != 0) || row[WEIR_TABLE_LINE16 - 1].value == 0)
			return value;
	}
}

static inline uint64_t weir_table_get16(const struct weir_table *t, uint64_t key)
{
	return weir_table_get16_from(t, weir_table_line16(t, key), key);
}

static inline uint64_t weir_table_get32_from(const struct weir_table *t, uint64_t line,
					     const uint64_t key[3])
{
	const struct weir_row32 *rows = t->lines;

	for (;; line = (line + 1) & t->mask) {
		const struct weir_row32 *row = &rows[line * WEIR_TABLE_LINE32];
		uint64_t value = 0;

		for (unsigned int i = 0; i < WEIR_TABLE_LINE32; i++) {
			const uint64_t other = (row[i].key[0] ^ key[0]) | (row[i].key[1] ^ key[1]) |
					       (row[i].key[2] ^ key[2]);

			value |= row[i].value & -(uint64_t)(other == 0);
		}
		if (weir_likely(value != 0) || row[WEIR_TABLE_LINE32 - 1].value == 0)
			return value;
	}
}

static inline uint64_t weir_table_get32(const struct weir_table *t, const uint64_t key[3])
{
	return weir_table_get32_from(t, weir_table_line32(t, key), key);
}

#endif
