/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segments a side has sent, to tell what is sent again and what comes out of order.
 *
 * At most 15 are kept, falling; the 16th makes the lowest two one, as if the gap between them had
 * been received. The highest lies in the flow, the others in two extensions a side. A segment that
 * wraps round 2^32 is not looked at, and the first one after it starts the list anew. Spec 5.
 */
#include "perf.h"

#define LIST_MAX     16
#define LOW_QUARTER  UINT32_C(0x40000000)
#define HIGH_QUARTER UINT32_C(0xc0000000)
#define PARTS        ((LIST_MAX - 2) / EXT_SEGMENTS_MAX)
static_assert(PARTS * EXT_SEGMENTS_MAX == LIST_MAX - 2, "15 segments, one of them in the flow");

struct list {
	struct segment a[LIST_MAX];
	unsigned int n;
};

static uint32_t end_of(const struct segment *s)
{
	return s->seq + s->len;
}

static struct ext *part_of(struct perf m, unsigned int side, unsigned int part)
{
	struct ext *e = ext_at(m.pool, m.c->ext);

	while (e != NULL && !(e->kind == EXT_SEGMENTS && e->side == side && e->part == part))
		e = ext_at(m.pool, e->next);
	return e;
}

static void load(struct perf m, unsigned int side, struct list *l)
{
	l->a[0] = m.c->seg[side];
	l->n = 1;
	for (unsigned int part = 0; part < PARTS; part++) {
		const struct ext *e = part_of(m, side, part);

		if (e == NULL)
			return;
		memcpy(&l->a[l->n], e->seg, e->n * sizeof(e->seg[0]));
		l->n += e->n;
	}
}

/* a[i] swallows a[i + 1] and the gap between them. */
static void merge(struct list *l, unsigned int i)
{
	l->a[i].len = end_of(&l->a[i]) - l->a[i + 1].seq;
	l->a[i].seq = l->a[i + 1].seq;
	l->n--;
	memmove(&l->a[i + 1], &l->a[i + 2], (l->n - i - 1) * sizeof(l->a[0]));
}

static struct ext *part_add(struct perf m, unsigned int side, unsigned int part)
{
	struct ext *e = weir_ext_add(m.pool, &m.c->ext, EXT_SEGMENTS);

	if (e == NULL) {
		m.counters->ext_exhausted++;
		return NULL;
	}
	e->side = (uint8_t)side;
	e->part = (uint8_t)part;
	return e;
}

/* What finds no room is merged into the lowest that does. */
static void store(struct perf m, unsigned int side, struct list *l)
{
	for (unsigned int part = 0; part < PARTS; part++) {
		unsigned int first = 1 + part * EXT_SEGMENTS_MAX;
		struct ext *e = part_of(m, side, part);

		if (e == NULL && l->n > first)
			e = part_add(m, side, part);
		if (e == NULL) {
			while (l->n > first)
				merge(l, l->n - 2);
			continue;
		}
		if (l->n <= first) {
			weir_ext_remove(m.pool, &m.c->ext, e);
			continue;
		}
		e->n = (uint8_t)weir_min_u64(l->n - first, EXT_SEGMENTS_MAX);
		memcpy(e->seg, &l->a[first], e->n * sizeof(e->seg[0]));
	}
	m.c->seg[side] = l->a[0];
}

static void insert(struct list *l, unsigned int i, const struct segment *s)
{
	memmove(&l->a[i + 1], &l->a[i], (l->n - i) * sizeof(l->a[0]));
	l->a[i] = *s;
	l->n++;
	if (l->n == LIST_MAX)
		merge(l, LIST_MAX - 2);
}

static enum segment_place add(struct list *l, const struct segment *s)
{
	struct segment *above, *below;
	bool meets_above, meets_below;
	unsigned int i = 0;

	while (i < l->n && l->a[i].seq >= s->seq)
		i++;
	above = i > 0 ? &l->a[i - 1] : NULL;
	below = i < l->n ? &l->a[i] : NULL;
	if ((above != NULL && above->seq == s->seq) || (below != NULL && end_of(below) > s->seq))
		return SEG_AGAIN;
	if (above != NULL && end_of(s) > above->seq)
		return SEG_OVERLAP;

	meets_above = above != NULL && end_of(s) == above->seq;
	meets_below = below != NULL && end_of(below) == s->seq;
	if (meets_above && meets_below) {
		merge(l, i - 1);
	} else if (meets_above) {
		above->seq = s->seq;
		above->len += s->len;
	} else if (meets_below) {
		below->len += s->len;
		if (above == NULL)
			return SEG_NEXT;
	} else {
		insert(l, i, s);
	}
	return SEG_OUT_OF_ORDER;
}

static void forget_lower(struct perf m, unsigned int side)
{
	for (unsigned int part = 0; part < PARTS; part++) {
		const struct ext *e = part_of(m, side, part);

		if (e != NULL)
			weir_ext_remove(m.pool, &m.c->ext, e);
	}
}

void weir_segments_forget(struct perf m)
{
	const struct ext *e;

	while ((e = ext_find(m.pool, m.c->ext, EXT_SEGMENTS)) != NULL)
		weir_ext_remove(m.pool, &m.c->ext, e);
	memset(m.c->seg, 0, sizeof(m.c->seg));
}

enum segment_place weir_segment_place(struct perf m, unsigned int side, uint32_t seq, uint32_t len)
{
	const struct segment s = { seq, len };
	struct segment *top = &m.c->seg[side];
	enum segment_place place;
	struct list l;

	if (end_of(&s) < seq)
		return SEG_UNKNOWN;
	if (top->len == 0) {
		*top = s;
		return SEG_NEXT;
	}
	if (seq < LOW_QUARTER && end_of(top) > HIGH_QUARTER) {
		forget_lower(m, side);
		*top = s;
		return SEG_UNKNOWN;
	}
	if (seq > HIGH_QUARTER && end_of(top) < LOW_QUARTER)
		return SEG_UNKNOWN;
	if (seq >= top->seq && seq < end_of(top))
		return SEG_AGAIN;
	load(m, side, &l);
	place = add(&l, &s);
	store(m, side, &l);
	return place;
}
