/* SPDX-License-Identifier: Apache-2.0 */
/* Which row has which slot, the low half of its id: while its key is reported, it keeps it. */
#include "inventory_priv.h"

#include <errno.h>
#include <stdlib.h>

static int by_place(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->at != y->at ? (x->at < y->at ? -1 : 1) : 0;
}

static int by_key(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->key != y->key ? (x->key < y->key ? -1 : 1) : by_place(a, b);
}

static int by_slot(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->slot - y->slot;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x != y ? (x < y ? -1 : 1) : 0;
}

/* What was said twice counts once. */
static uint32_t unique(struct row *row, uint32_t n)
{
	uint32_t kept = 0;

	qsort(row, n, sizeof(*row), by_key);
	for (uint32_t i = 0; i < n; i++)
		if (kept == 0 || row[kept - 1].key != row[i].key)
			row[kept++] = row[i];
	return kept;
}

/* Both are sorted by key. */
static void slots_keep(struct row *row, size_t n, const uint64_t *slots, size_t n_slots,
		       bool *taken)
{
	for (size_t i = 0, k = 0; i < n && k < n_slots;) {
		const uint64_t key = slots[k] >> 16;
		const uint16_t slot = (uint16_t)slots[k];

		if (key < row[i].key) {
			k++;
			continue;
		}
		if (key == row[i].key && slot != 0 && !taken[slot]) {
			row[i].slot = slot;
			taken[slot] = true;
		}
		i++;
	}
}

/* Those that have none take free ones, in the order of the report. */
static void slots_fill(struct row *row, size_t n, bool *taken)
{
	uint16_t next = 1;

	static_assert(2 * REPORT_INTERFACES_MAX < UINT16_MAX, "there is always a free one");
	qsort(row, n, sizeof(*row), by_place);
	for (size_t i = 0; i < n; i++) {
		if (row[i].slot != 0)
			continue;
		while (taken[next])
			next++;
		row[i].slot = next;
		taken[next] = true;
	}
}

int inventory_slots_give(struct report *r, const uint64_t *slots, size_t n_slots)
{
	bool *taken = calloc(UINT16_MAX + 1, sizeof(*taken));

	if (taken == NULL)
		return -ENOMEM;
	if (r->rows > 0) {
		r->rows = unique(r->row, r->rows);
		slots_keep(r->row, r->rows, slots, n_slots, taken);
		slots_fill(r->row, r->rows, taken);
		qsort(r->row, r->rows, sizeof(*r->row), by_slot);
	}
	free(taken);
	return 0;
}

uint64_t *inventory_report_slots(const struct report *r)
{
	uint64_t *slots = calloc(r->rows + 1, sizeof(*slots));

	for (uint32_t i = 0; slots != NULL && i < r->rows; i++)
		slots[i] = r->row[i].key << 16 | r->row[i].slot;
	if (slots != NULL)
		qsort(slots, r->rows, sizeof(*slots), by_value);
	return slots;
}
