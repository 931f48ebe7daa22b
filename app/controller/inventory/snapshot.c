/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of a cluster as they came: one zlib stream (RFC 1950) each, put together by type. They are inflated once, to
 * see that they can be, in slices, since a large cluster takes longer than others may wait. Spec: control plane, 4.6.
 */
#include "inventory_priv.h"

#include <zlib.h>

#include <errno.h>
#include <stdlib.h>

#define ENTRIES_MAX  1000000
#define TYPES_MAX    64
#define BYTES_MAX    (128ULL << 20) /* as they came, of one snapshot */
#define OBJECT_MAX   (8ULL << 20)   /* inflated; etcd takes 1.5 MiB of one */
#define INFLATED_MAX (2ULL << 30)   /* of one snapshot */
#define RATIO_FREE   (1ULL << 20)   /* inflated bytes of an object that may be of any ratio */
#define RATIO_MAX    200

static struct snapshot_kind *kind_of(struct snapshot *s, const char *type, struct weir_err *err)
{
	struct snapshot_kind *k = s->kinds.items;
	const size_t n = strnlen(type, sizeof(k->type));

	for (size_t i = 0; i < s->kinds.count; i++)
		if (strcmp(k[i].type, type) == 0)
			return &k[i];
	if (n == 0 || n == sizeof(k->type)) {
		weir_err_set(err, EINVAL, "type \"%.80s\" of an entry: 1 to %zu bytes are allowed",
			     type, sizeof(k->type) - 1);
		return NULL;
	}
	if (s->kinds.count == TYPES_MAX) {
		weir_err_set(err, E2BIG, "more than %d types of objects", TYPES_MAX);
		return NULL;
	}
	k = weir_list_add(&s->kinds, sizeof(*k));
	if (k == NULL)
		weir_err_set(err, ENOMEM, "out of memory");
	else
		memcpy(k->type, type, n);
	return k;
}

/* How much there is of each type. */
static int measure(struct snapshot *s, const struct inventory_cluster *c, struct weir_err *err)
{
	if (c->n_entries > ENTRIES_MAX)
		return weir_err_set(err, E2BIG, "%zu objects: at most %d", c->n_entries,
				    ENTRIES_MAX);
	for (size_t i = 0; i < c->n_entries; i++) {
		const struct inventory_cluster_entry *e = &c->entries[i];
		struct snapshot_kind *k = kind_of(s, e->type != NULL ? e->type : "", err);

		if (k == NULL)
			return -EINVAL;
		if (e->n > BYTES_MAX || s->bytes + e->n + sizeof(uint32_t) > BYTES_MAX)
			return weir_err_set(err, E2BIG, "more than %llu bytes of objects",
					    BYTES_MAX);
		k->room += e->n + sizeof(uint32_t);
		s->bytes += e->n + sizeof(uint32_t);
	}
	return 0;
}

static int copy(struct snapshot *s, const struct inventory_cluster *c, struct weir_err *err)
{
	struct snapshot_kind *k = s->kinds.items;

	for (size_t i = 0; i < s->kinds.count; i++) {
		k[i].v = malloc(k[i].room);
		if (k[i].v == NULL)
			return weir_err_set(err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < c->n_entries; i++) {
		const struct inventory_cluster_entry *e = &c->entries[i];
		const uint32_t n = (uint32_t)e->n;

		k = kind_of(s, e->type, err);
		memcpy(k->v + k->n, &n, sizeof(n));
		if (n > 0)
			memcpy(k->v + k->n + sizeof(n), e->zipped, n);
		k->n += sizeof(n) + n;
		k->objects++;
	}
	k = s->kinds.items;
	for (size_t i = 0; i < s->kinds.count; i++)
		k[i].hash = inventory_hash(k[i].objects, k[i].v, k[i].n);
	return 0;
}

struct snapshot *inventory_snapshot_create(const struct inventory_cluster *c, struct weir_err *err)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		weir_err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	s->version = c->version;
	if (measure(s, c, err) == 0 && copy(s, c, err) == 0 && inflateInit(&s->z) == Z_OK)
		return s;
	inventory_snapshot_destroy(s);
	return NULL;
}

void inventory_snapshot_destroy(struct snapshot *s)
{
	struct snapshot_kind *k;

	if (s == NULL)
		return;
	k = s->kinds.items;
	for (size_t i = 0; i < s->kinds.count; i++)
		free(k[i].v);
	free(s->kinds.items);
	inflateEnd(&s->z);
	free(s);
}

static int bad(const struct snapshot_kind *k, struct weir_err *err, const char *what)
{
	return weir_err_set(err, EBADMSG, "an object of type %s %s: the snapshot is dropped",
			    k->type, what);
}

/* One object, to its end and no further. */
static int inflate_one(struct snapshot *s, const struct snapshot_kind *k, const uint8_t *v,
		       uint32_t n, struct weir_err *err)
{
	uint64_t total = 0;
	int rc = Z_OK;

	inflateReset(&s->z);
	s->z.next_in = (uint8_t *)(uintptr_t)v;
	s->z.avail_in = n;
	while (rc == Z_OK) {
		s->z.next_out = s->out;
		s->z.avail_out = sizeof(s->out);
		rc = inflate(&s->z, Z_NO_FLUSH);
		total += sizeof(s->out) - s->z.avail_out;
		if (total > OBJECT_MAX || (total > RATIO_FREE && total / RATIO_MAX > n))
			return bad(k, err, "is too large when it is inflated");
	}
	s->inflated += total;
	if (rc != Z_STREAM_END || s->z.avail_in != 0)
		return bad(k, err, "is damaged");
	if (s->inflated > INFLATED_MAX)
		return bad(k, err,
			   "is one too many: all of them are too large when they are inflated");
	return 0;
}

int inventory_snapshot_check(struct snapshot *s, uint64_t budget, struct weir_err *err)
{
	const uint64_t until = s->inflated + budget;

	while (s->kind_at < s->kinds.count) {
		const struct snapshot_kind *k = (struct snapshot_kind *)s->kinds.items + s->kind_at;
		uint32_t n;
		int rc;

		if (s->byte_at == k->n || k->is_known) {
			s->kind_at++;
			s->byte_at = 0;
			continue;
		}
		if (s->inflated >= until || s->steps++ % 4096 == 4095)
			return 1;
		memcpy(&n, k->v + s->byte_at, sizeof(n));
		s->byte_at += sizeof(n);
		rc = inflate_one(s, k, k->v + s->byte_at, n, err);
		if (rc != 0)
			return rc;
		s->byte_at += n;
	}
	return 0;
}
