/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which interfaces two platform data do not share, found on the bytes: a controller sends all of them for one that
 * changed, and to unpack them takes most of the time. A row is the same when its bytes are; only their
 * order is looked at beside it, as the last of two rows of one MAC holds.
 */
#include "codec.h"

#include <weir_wire.h>

#include <errno.h>
#include <stdlib.h>

#define INTERFACES 1 /* field of PlatformData, in both dialects */
#define PRIME      UINT64_C(0x9e3779b97f4a7c15)

/* A field with its key, as it came. */
struct row {
	const uint8_t *v;
	size_t n;
};

/* A message's fields. */
struct fields {
	struct weir_list interfaces; /* struct row */
	struct weir_list others;
};

/* Rows of one message where both differ. */
struct part {
	const struct row *row;
	size_t n;
	uint64_t *hash, *sorted; /* of each row */
};

static void fields_free(struct fields *f)
{
	free(f->interfaces.items);
	free(f->others.items);
}

static bool take_varint(struct weir_rd *rd, uint64_t *v)
{
	*v = 0;
	for (unsigned int shift = 0; shift < 64; shift += 7) {
		const uint8_t *b = weir_rd_take(rd, 1);

		if (b == NULL)
			return false;
		*v |= (uint64_t)(*b & 0x7f) << shift;
		if (*b < 0x80)
			return true;
	}
	return false;
}

/* A field; 0: there is none. */
static uint64_t take_field(struct weir_rd *rd, struct row *row)
{
	static const size_t fixed[8] = { [1] = 8, [5] = 4 };
	uint64_t key, n;

	row->v = rd->p;
	if (!take_varint(rd, &key))
		return 0;
	n = fixed[key & 7];
	if (((key & 7) == 0 || (key & 7) == 2) && !take_varint(rd, &n))
		return 0;
	if ((key & 7) == 0)
		n = 0;
	if ((key & 7) > 5 || (key & 7) == 3 || (key & 7) == 4 || weir_rd_take(rd, n) == NULL)
		return 0;
	row->n = (size_t)(rd->p - row->v);
	return key;
}

static int fields_read(struct fields *f, const struct weir_sync_bytes *bytes)
{
	struct weir_rd rd = { bytes->v, bytes->v + bytes->n };

	while (weir_rd_left(&rd) > 0) {
		struct row row, *to;
		const uint64_t key = take_field(&rd, &row);

		if (key == 0)
			return -EBADMSG;
		to = weir_list_add(key == (INTERFACES << 3 | 2) ? &f->interfaces : &f->others,
				   sizeof(*to));
		if (to == NULL)
			return -ENOMEM;
		*to = row;
	}
	return 0;
}

static bool is_same(const struct row *a, const struct row *b)
{
	return a->n == b->n && memcmp(a->v, b->v, a->n) == 0;
}

static bool are_same(const struct weir_list *a, const struct weir_list *b)
{
	const struct row *p = a->items, *q = b->items;

	for (size_t i = 0; a->count == b->count && i < a->count; i++)
		if (!is_same(&p[i], &q[i]))
			return false;
	return a->count == b->count;
}

static uint64_t hash_of(const struct row *row)
{
	uint64_t h = row->n, word;
	size_t at = 0;

	for (; at + sizeof(word) <= row->n; at += sizeof(word)) {
		memcpy(&word, row->v + at, sizeof(word));
		h = weir_mix(h ^ word, PRIME) + at;
	}
	word = 0;
	memcpy(&word, row->v + at, row->n - at);
	return weir_mix(h ^ word, PRIME);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int part_hash(struct part *p)
{
	p->hash = calloc(2 * p->n + 1, sizeof(*p->hash));
	if (p->hash == NULL)
		return -ENOMEM;
	p->sorted = p->hash + p->n;
	for (size_t i = 0; i < p->n; i++)
		p->sorted[i] = p->hash[i] = hash_of(&p->row[i]);
	qsort(p->sorted, p->n, sizeof(*p->sorted), by_value);
	return 0;
}

/* May it be there? That it is not is certain. */
static bool has(const struct part *p, uint64_t hash)
{
	return bsearch(&hash, p->sorted, p->n, sizeof(hash), by_value) != NULL;
}

static int keep(struct weir_list *l, const struct row *row)
{
	struct row *to = weir_list_add(l, sizeof(*to));

	if (to == NULL)
		return -ENOMEM;
	*to = *row;
	return 0;
}

/* Through both at once: a row that is in both, but not here, has changed its place. */
static int walk(const struct part *was, const struct part *is, size_t max, struct weir_list *gone,
		struct weir_list *changed)
{
	size_t i = 0, k = 0;
	int rc = 0;

	while (rc == 0 && (i < was->n || k < is->n)) {
		if (i < was->n && k < is->n && is_same(&was->row[i], &is->row[k])) {
			i++;
			k++;
		} else if (i < was->n && !has(is, was->hash[i])) {
			rc = keep(gone, &was->row[i++]);
		} else if (k < is->n && !has(was, is->hash[k])) {
			rc = keep(changed, &is->row[k++]);
		} else {
			rc = -EXDEV;
		}
		if (gone->count + changed->count > max)
			rc = -EXDEV;
	}
	return rc;
}

/* What both begin with and what both end with is no difference. */
static void cut(struct part *was, struct part *is)
{
	while (was->n > 0 && is->n > 0 && is_same(was->row, is->row)) {
		was->row++;
		was->n--;
		is->row++;
		is->n--;
	}
	while (was->n > 0 && is->n > 0 && is_same(&was->row[was->n - 1], &is->row[is->n - 1])) {
		was->n--;
		is->n--;
	}
}

/* A message of these rows. */
static int join(const struct weir_list *rows, struct weir_sync_bytes *to)
{
	const struct row *row = rows->items;
	size_t n = 0;

	for (size_t i = 0; i < rows->count; i++)
		n += row[i].n;
	to->v = malloc(n + 1);
	if (to->v == NULL)
		return -ENOMEM;
	to->n = 0;
	for (size_t i = 0; i < rows->count; i++) {
		memcpy(to->v + to->n, row[i].v, row[i].n);
		to->n += row[i].n;
	}
	return 0;
}

static int diff(const struct fields *was, const struct fields *is, size_t max,
		struct weir_sync_bytes *gone, struct weir_sync_bytes *changed)
{
	struct part a = { .row = was->interfaces.items, .n = was->interfaces.count };
	struct part b = { .row = is->interfaces.items, .n = is->interfaces.count };
	struct weir_list out = { 0 }, in = { 0 };
	int rc;

	if (!are_same(&was->others, &is->others))
		return -EXDEV;
	cut(&a, &b);
	rc = part_hash(&a);
	if (rc == 0)
		rc = part_hash(&b);
	if (rc == 0)
		rc = walk(&a, &b, max, &out, &in);
	if (rc == 0)
		rc = join(&out, gone);
	if (rc == 0)
		rc = join(&in, changed);
	free(a.hash);
	free(b.hash);
	free(out.items);
	free(in.items);
	return rc;
}

int weir_sync_platform_diff(const struct weir_sync_bytes *was, const struct weir_sync_bytes *is,
			    size_t max, struct weir_sync_bytes *gone,
			    struct weir_sync_bytes *changed)
{
	struct fields a = { 0 }, b = { 0 };
	int rc;

	*gone = *changed = (struct weir_sync_bytes){ 0 };
	rc = fields_read(&a, was);
	if (rc == 0)
		rc = fields_read(&b, is);
	if (rc == 0)
		rc = diff(&a, &b, max, gone, changed);
	if (rc != 0) {
		free(gone->v);
		free(changed->v);
		*gone = *changed = (struct weir_sync_bytes){ 0 };
	}
	fields_free(&a);
	fields_free(&b);
	return rc;
}
