/* SPDX-License-Identifier: Apache-2.0 */
/* Everything is kept, and passed on in order at the end. For replay: memory grows with the records. */
#include "export_priv.h"

#include <stdlib.h>

#define CHUNK_RECS 4096

struct chunk {
	struct chunk *next;
	uint32_t n;
	struct weir_flow_rec recs[CHUNK_RECS];
};

struct weir_sorter {
	struct chunk *chunks;
	size_t n;
};

/* Sorted in place of the records themselves: 16 bytes to move, and mostly no look at the record. */
struct item {
	uint64_t start_ns;
	const struct weir_flow_rec *rec;
};

struct weir_sorter *weir_sorter_create(void)
{
	return calloc(1, sizeof(struct weir_sorter));
}

static void release(struct weir_sorter *s)
{
	while (s->chunks != NULL) {
		struct chunk *c = s->chunks;

		s->chunks = c->next;
		free(c);
	}
	s->n = 0;
}

void weir_sorter_destroy(struct weir_sorter *s)
{
	if (s != NULL)
		release(s);
	free(s);
}

bool weir_sorter_take(struct weir_sorter *s, const struct weir_flow_rec *recs, uint32_t n)
{
	while (n > 0) {
		struct chunk *c = s->chunks;
		uint32_t part;

		if (c == NULL || c->n == CHUNK_RECS) {
			c = malloc(sizeof(*c));
			if (c == NULL)
				return false;
			c->n = 0;
			c->next = s->chunks;
			s->chunks = c;
		}
		part = n < CHUNK_RECS - c->n ? n : CHUNK_RECS - c->n;
		memcpy(&c->recs[c->n], recs, part * sizeof(*recs));
		c->n += part;
		s->n += part;
		recs += part;
		n -= part;
	}
	return true;
}

static int compare_items(const void *va, const void *vb)
{
	const struct item *a = va, *b = vb;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return weir_flow_rec_compare(a->rec, b->rec);
}

uint64_t weir_sorter_end(struct weir_sorter *s, weir_emit_fn emit, void *ctx)
{
	struct item *items = malloc((s->n + 1) * sizeof(*items));
	size_t n = 0;

	if (items == NULL)
		return s->n;
	for (const struct chunk *c = s->chunks; c != NULL; c = c->next)
		for (uint32_t i = 0; i < c->n; i++, n++)
			items[n] = (struct item){ c->recs[i].start_ns, &c->recs[i] };
	qsort(items, n, sizeof(*items), compare_items);
	for (size_t i = 0; i < n; i++)
		emit(ctx, items[i].rec, 1);
	free(items);
	release(s);
	return 0;
}
