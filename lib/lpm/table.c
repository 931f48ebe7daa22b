/* SPDX-License-Identifier: Apache-2.0 */
#include <weir_table.h>

#include <errno.h>

int weir_table_init(struct weir_table *t, size_t rows, size_t row_bytes)
{
	const size_t in_line = WEIR_CACHE_LINE / row_bytes;
	uint64_t lines = 1;

	while (lines * in_line < 2 * rows + 1) /* one row at least stays empty */
		lines *= 2;
	*t = (struct weir_table){ .mask = lines - 1,
				  .seed = weir_random_u64(),
				  .bytes = lines * WEIR_CACHE_LINE };
	t->lines = weir_mem_map(t->bytes);
	if (t->lines == NULL)
		return -ENOMEM;
	weir_mem_back(t->lines, t->bytes); /* in huge pages: a look-up is one miss, not two */
	return 0;
}

void weir_table_fini(struct weir_table *t)
{
	if (t->lines != NULL)
		weir_mem_unmap(t->lines, t->bytes);
	*t = (struct weir_table){ 0 };
}

uint64_t weir_table_put16(struct weir_table *t, uint64_t key, uint64_t value)
{
	struct weir_row16 *rows = t->lines;
	uint64_t at = weir_table_line16(t, key) * WEIR_TABLE_LINE16, before;

	while (rows[at].value != 0 && rows[at].key != key)
		at = (at + 1) & (t->mask * WEIR_TABLE_LINE16 + WEIR_TABLE_LINE16 - 1);
	before = rows[at].value;
	t->count += before == 0;
	rows[at] = (struct weir_row16){ key, value };
	return before;
}

uint64_t weir_table_put32(struct weir_table *t, const uint64_t key[3], uint64_t value)
{
	struct weir_row32 *rows = t->lines;
	uint64_t at = weir_table_line32(t, key) * WEIR_TABLE_LINE32, before;

	while (rows[at].value != 0 && memcmp(rows[at].key, key, sizeof(rows[at].key)) != 0)
		at = (at + 1) & (t->mask * WEIR_TABLE_LINE32 + WEIR_TABLE_LINE32 - 1);
	before = rows[at].value;
	t->count += before == 0;
	memcpy(rows[at].key, key, sizeof(rows[at].key));
	rows[at].value = value;
	return before;
}
