/* SPDX-License-Identifier: Apache-2.0 */
/* From the controller's bytes to an inventory and policies. */
#include "tables_priv.h"

#include <errno.h>
#include <stdlib.h>

#define POLICY_BYTES_MAX ((size_t)256 << 20) /* 100,000 ACLs are a fifth of it */

/*
 * So many rows that went or came are a layer over the inventory in force; more are a new one. A layer of them
 * is made in a millisecond and stays in a core's cache; when there are more, most of the tables is read anyway.
 */
#define CHANGES_MAX 1024

const unsigned int table_parts[TABLES] = {
	[TABLE_INVENTORY] = 1U << WEIR_SYNC_PLATFORM | 1U << WEIR_SYNC_PLACES,
	[TABLE_POLICIES] = 1U << WEIR_SYNC_ACLS | 1U << WEIR_SYNC_GROUPS,
};

void built_free(struct built *b)
{
	weir_meta_destroy(b->meta);
	weir_policy_destroy(b->policy);
	b->meta = NULL;
	b->policy = NULL;
}

static bool has_bytes(const struct weir_sync_tables *from, enum table which)
{
	size_t n = 0;

	for (unsigned int i = 0; i < WEIR_SYNC_TABLES; i++)
		n += table_parts[which] & 1U << i ? from->part[i].bytes.n : 0;
	return n > 0;
}

uint64_t tables_hash(const struct weir_sync_tables *from, enum table which)
{
	uint64_t h = 1, word;

	for (unsigned int i = 0; i < WEIR_SYNC_TABLES; i++) {
		const struct weir_sync_part *p = &from->part[i];

		if (!(table_parts[which] & 1U << i))
			continue;
		h = weir_mix(h ^ p->bytes.n, UINT64_C(0x9e3779b97f4a7c15) + p->dialect) + i;
		for (size_t at = 0; at < p->bytes.n; at += sizeof(word)) {
			word = 0;
			memcpy(&word, p->bytes.v + at, weir_min_u64(sizeof(word), p->bytes.n - at));
			h = weir_mix(h ^ word, UINT64_C(0x9e3779b97f4a7c15)) + at;
		}
	}
	return h | 1;
}

static uint64_t sum_of(const void *counters, size_t bytes)
{
	const uint64_t *v = counters;
	uint64_t sum = 0;

	for (size_t i = 0; i < bytes / sizeof(*v); i++)
		sum += v[i];
	return sum;
}

static uint64_t drops_of(const struct weir_meta_builder *b)
{
	return sum_of(weir_meta_builder_drops(b), sizeof(struct weir_meta_drops));
}

bool is_same_agent(const struct weir_meta_agent *a, const struct weir_meta_agent *b)
{
	return a->type == b->type && a->mode == b->mode &&
	       a->gateway_traffic == b->gateway_traffic && a->vpc == b->vpc &&
	       a->region_id == b->region_id && a->pod_cluster_id == b->pod_cluster_id;
}

static bool is_same_part(const struct weir_sync_part *a, const struct weir_sync_part *b)
{
	return a->bytes.n == b->bytes.n &&
	       (a->bytes.n == 0 ||
		(a->dialect == b->dialect && memcmp(a->bytes.v, b->bytes.v, a->bytes.n) == 0));
}

/* May nothing but interfaces differ? */
static bool is_near(const struct order *o)
{
	const struct weir_sync_part *was, *is;

	if (o->base == NULL || !is_same_agent(&o->from.self, &o->base_from.self))
		return false;
	was = o->base_from.tables->part;
	is = o->from.tables->part;
	return was[WEIR_SYNC_PLATFORM].dialect == is[WEIR_SYNC_PLATFORM].dialect &&
	       was[WEIR_SYNC_PLATFORM].bytes.n > 0 && is[WEIR_SYNC_PLATFORM].bytes.n > 0 &&
	       is_same_part(&was[WEIR_SYNC_PLACES], &is[WEIR_SYNC_PLACES]);
}

static bool lay_over(const struct order *o, const struct weir_meta_builder *gone,
		     const struct weir_meta_builder *changed, struct built *to)
{
	to->meta = weir_meta_overlay(o->base, gone, changed, NULL);
	to->dropped = o->base_dropped + drops_of(changed) - drops_of(gone);
	return to->meta != NULL;
}

/* Rows of both as messages: `gone` and `changed` hold platform data only. */
static bool build_layer(const struct order *o, const struct weir_sync_tables *gone,
			const struct weir_sync_tables *changed, struct built *to)
{
	struct weir_meta_builder *g = weir_meta_builder_create(&o->from.self);
	struct weir_meta_builder *c = weir_meta_builder_create(&o->from.self);
	const bool is_done = g != NULL && c != NULL &&
			     weir_sync_tables_build(gone, g, NULL, NULL) == 0 &&
			     weir_sync_tables_build(changed, c, NULL, NULL) == 0 &&
			     lay_over(o, g, c, to);

	weir_meta_builder_destroy(g);
	weir_meta_builder_destroy(c);
	return is_done;
}

/* The inventory in force with what has changed of it. False: it has to be made anew. */
static bool build_changes(const struct order *o, struct built *to)
{
	struct weir_sync_tables gone = { 0 }, changed = { 0 };
	struct weir_sync_part *g = &gone.part[WEIR_SYNC_PLATFORM];
	struct weir_sync_part *c = &changed.part[WEIR_SYNC_PLATFORM];
	bool is_done;

	if (!is_near(o) ||
	    weir_sync_platform_diff(&o->base_from.tables->part[WEIR_SYNC_PLATFORM].bytes,
				    &o->from.tables->part[WEIR_SYNC_PLATFORM].bytes, CHANGES_MAX,
				    &g->bytes, &c->bytes) != 0)
		return false;
	g->dialect = c->dialect = o->from.tables->part[WEIR_SYNC_PLATFORM].dialect;
	to->is_same = g->bytes.n + c->bytes.n == 0;
	is_done = to->is_same || build_layer(o, &gone, &changed, to);
	free(g->bytes.v);
	free(c->bytes.v);
	return is_done;
}

static void build_anew(const struct order *o, struct built *to)
{
	struct weir_meta_builder *b = weir_meta_builder_create(&o->from.self);

	if (b == NULL) {
		weir_err_set(&to->err, ENOMEM, "no memory for an inventory");
		return;
	}
	if (weir_sync_tables_build(o->from.tables, b, NULL, &to->err) == 0)
		to->meta = weir_meta_freeze(b, &to->err);
	to->dropped = drops_of(b);
	weir_meta_builder_destroy(b);
}

static void build_inventory(const struct order *o, struct built *to)
{
	if (!build_changes(o, to))
		build_anew(o, to);
	if (to->meta != NULL) {
		to->rows = weir_meta_interfaces(to->meta);
		to->bytes = weir_meta_bytes(to->meta);
	}
}

static void build_policies(const struct order *o, struct built *to)
{
	struct weir_policy_builder *b = weir_policy_builder_create();

	if (b == NULL) {
		weir_err_set(&to->err, ENOMEM, "no memory for policies");
		return;
	}
	if (weir_sync_tables_build(o->from.tables, NULL, b, &to->err) == 0)
		to->policy = weir_policy_compile(b, POLICY_BYTES_MAX, &to->err);
	if (to->policy != NULL) {
		to->rows = weir_policy_acls(to->policy);
		to->bytes = weir_policy_bytes(to->policy);
		to->dropped = sum_of(weir_policy_builder_drops(b),
				     sizeof(struct weir_policy_drops));
	}
	weir_policy_builder_destroy(b);
}

void tables_build(struct order *o)
{
	static void (*const build[TABLES])(const struct order *, struct built *) = {
		[TABLE_INVENTORY] = build_inventory,
		[TABLE_POLICIES] = build_policies,
	};

	for (enum table i = 0; i < TABLES; i++)
		if (o->wanted & 1U << i && has_bytes(o->from.tables, i))
			build[i](o, &o->built[i]);
}
