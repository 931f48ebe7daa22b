/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash tables that are filled once and then only read: rows of 16 and of 32 bytes, a cache line of
 * them a bucket, at most half full. A bucket fills from its front and overflows into the next, so a
 * look-up ends at the first empty row, nearly always in the line that was fetched first.
 *
 * A value is never 0: that is an empty row.
 */
#ifndef META_TABLE_H
#define META_TABLE_H

#include <weir_base.h>

struct row16 {
	uint64_t key, value;
};

struct row32 {
	uint64_t key[3], value;
};

#define LINE16 (WEIR_CACHE_LINE / sizeof(struct row16))
#define LINE32 (WEIR_CACHE_LINE / sizeof(struct row32))

struct table {
	void *lines;
	uint64_t mask; /* lines - 1 */
	uint64_t seed;
	size_t bytes;
	size_t count;
};

/* Room for `rows` of `row_bytes`. -ENOMEM; a table of 0 rows takes one line. */
int weir_meta_table_init(struct table *t, size_t rows, size_t row_bytes);
void weir_meta_table_fini(struct table *t);

/* Put a row in, or another value into the one that is there. The room is the caller's care. */
void weir_meta_table_put16(struct table *t, uint64_t key, uint64_t value);
void weir_meta_table_put32(struct table *t, const uint64_t key[3], uint64_t value);

#define TABLE_PRIME UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t table_line16(const struct table *t, uint64_t key)
{
	return weir_mix(key ^ t->seed, TABLE_PRIME) & t->mask;
}

static inline uint64_t table_line32(const struct table *t, const uint64_t key[3])
{
	const uint64_t h = weir_mix(key[0] ^ t->seed, key[1] ^ TABLE_PRIME);

	return weir_mix(h ^ key[2], TABLE_PRIME) & t->mask;
}

/* Where a look-up begins: to be fetched before. */
static inline const void *table_at16(const struct table *t, uint64_t key)
{
	return (const struct row16 *)t->lines + table_line16(t, key) * LINE16;
}

static inline const void *table_at32(const struct table *t, const uint64_t key[3])
{
	return (const struct row32 *)t->lines + table_line32(t, key) * LINE32;
}

/*
 * The value, looked for from its line on; 0 = not there. All rows of a line are compared, and no branch asks which of them it is:
 * that could not be foreseen.
 */
static inline uint64_t table_get16_from(const struct table *t, uint64_t line, uint64_t key)
{
	const struct row16 *rows = t->lines;

	for (;; line = (line + 1) & t->mask) {
		const struct row16 *row = &rows[line * LINE16];
		uint64_t value = 0;

		for (unsigned int i = 0; i < LINE16; i++)
			value |= row[i].value & -(uint64_t)(row[i].key == key);
		if (weir_likely(value != 0) || row[LINE16 - 1].value == 0)
			return value;
	}
}

static inline uint64_t table_get16(const struct table *t, uint64_t key)
{
	return table_get16_from(t, table_line16(t, key), key);
}

static inline uint64_t table_get32_from(const struct table *t, uint64_t line, const uint64_t key[3])
{
	const struct row32 *rows = t->lines;

	for (;; line = (line + 1) & t->mask) {
		const struct row32 *row = &rows[line * LINE32];
		uint64_t value = 0;

		for (unsigned int i = 0; i < LINE32; i++) {
			const uint64_t other = (row[i].key[0] ^ key[0]) | (row[i].key[1] ^ key[1]) |
					       (row[i].key[2] ^ key[2]);

			value |= row[i].value & -(uint64_t)(other == 0);
		}
		if (weir_likely(value != 0) || row[LINE32 - 1].value == 0)
			return value;
	}
}

static inline uint64_t table_get32(const struct table *t, const uint64_t key[3])
{
	return table_get32_from(t, table_line32(t, key), key);
}

#endif
