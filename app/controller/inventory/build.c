/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables, made anew after a change. Rows of an agent are packed once, when they change, and again only where they do;
 * a table is what its agents' rows are one after the other, since messages are joined so. It is made once for all
 * agents that get the same rows in the same dialect (a flavour).
 *
 * A version belongs to a content: what is the same has the same, also after a restart, and no two contents ever have
 * one version. Spec: control plane, 1.6 and 5.3.
 *
 * Rows have sources. Today there is one, reports; another (objects of Kubernetes) adds its packed rows in rows_join(),
 * and its subnets in inventory_subnets_of(). Ids of its rows are above those of agents: AGENTS_MAX << 16 and more.
 */
#include "inventory_priv.h"

#include <stdlib.h>
#include <time.h>

static const struct dialect *dialect_of(const struct scope *s)
{
	return s->trident ? &inventory_trident : &inventory_agent;
}

/* ------------------------------------------------------------------ a flavour's rows */

static struct packed *rows_of(struct member *m, bool trident)
{
	if (m->rows[trident].v == NULL)
		m->rows[trident] = (trident ? &inventory_trident : &inventory_agent)->rows(m);
	return m->rows[trident].v != NULL ? &m->rows[trident] : NULL;
}

/* All rows, then the subnets: PlatformData. v NULL: no memory. */
static struct packed rows_join(struct inventory *inv, const struct scope *s)
{
	struct packed all = inventory_subnets_of(inv, s);
	size_t tail = all.n, at = 0;
	uint8_t *subnets = all.v;
	bool ok = subnets != NULL;

	for (uint32_t id = 1; ok && id <= inv->id_last; id++) {
		struct member *m = inv->member[id];

		if (m == NULL || m->reporter == NULL || !inventory_scope_has(s, m))
			continue;
		ok = rows_of(m, s->trident) != NULL;
		all.n += m->rows[s->trident].n;
	}
	all.v = ok ? malloc(all.n + 1) : NULL;
	for (uint32_t id = 1; all.v != NULL && id <= inv->id_last; id++) {
		const struct member *m = inv->member[id];

		if (m == NULL || m->reporter == NULL || !inventory_scope_has(s, m))
			continue;
		memcpy(all.v + at, m->rows[s->trident].v, m->rows[s->trident].n);
		at += m->rows[s->trident].n;
	}
	if (all.v != NULL)
		memcpy(all.v + at, subnets, tail);
	free(subnets);
	return all;
}

/* ------------------------------------------------------------------ versions */

static uint64_t version_of(struct inventory *inv, uint64_t hash)
{
	const struct known *known = inv->known.items;
	struct known *k;

	for (size_t i = 0; i < inv->known.count; i++)
		if (known[i].hash == hash)
			return known[i].version;
	k = weir_list_add(&inv->known, sizeof(*k));
	if (k == NULL)
		return 0;
	inv->version_last = weir_max_u64((uint64_t)time(NULL), inv->version_last + 1);
	*k = (struct known){ hash, inv->version_last };
	inv->versions_unsaved = true;
	return k->version;
}

static bool is_in_force(const struct inventory *inv, uint64_t hash)
{
	const struct flavour *f = inv->flavours.items;

	for (size_t i = 0; i < inv->flavours.count; i++)
		if (f[i].hash == hash)
			return true;
	return false;
}

/* Of contents that nobody has any more; but the last one's is kept, as the next has to be another. */
static void versions_prune(struct inventory *inv)
{
	struct known *k = inv->known.items;
	size_t kept = 0;

	for (size_t i = 0; i < inv->known.count; i++)
		if (is_in_force(inv, k[i].hash) || k[i].version == inv->version_last)
			k[kept++] = k[i];
	if (kept != inv->known.count)
		inv->versions_unsaved = true;
	inv->known.count = kept;
}

/* ------------------------------------------------------------------ flavours */

static void flavour_clear(struct flavour *f)
{
	inventory_put(f->bytes);
	free(f->scope.domains);
}

/* Another flavour's bytes, where they are the same. */
static struct inventory_bytes *twin(const struct inventory *inv, const struct flavour *f)
{
	const struct flavour *v = inv->flavours.items;

	for (size_t i = 0; i < inv->flavours.count; i++)
		if (&v[i] != f && v[i].hash == f->hash && v[i].bytes != NULL)
			return v[i].bytes;
	return NULL;
}

/* Without memory it stays as it was. */
void inventory_flavour_fill(struct inventory *inv, struct flavour *f)
{
	struct packed all = rows_join(inv, &f->scope);
	struct inventory_bytes *bytes;
	uint64_t hash;

	if (all.v == NULL)
		return;
	hash = inventory_hash(f->scope.trident, all.v, all.n);
	if (f->bytes == NULL || hash != f->hash) {
		f->hash = hash;
		bytes = twin(inv, f);
		if (bytes != NULL)
			bytes->refs++;
		else
			bytes = dialect_of(&f->scope)->platform(all);
		inventory_put(f->bytes);
		f->bytes = bytes;
		f->version = bytes != NULL ? version_of(inv, hash) : 0;
	}
	free(all.v);
}

struct flavour *inventory_flavour(struct inventory *inv, const struct site_agent *a, bool trident)
{
	struct flavour *f = inv->flavours.items;
	struct scope scope;

	if (!inventory_scope_of(&scope, inv, a, trident))
		return NULL;
	for (size_t i = 0; i < inv->flavours.count; i++) {
		if (!inventory_scope_equal(&f[i].scope, &scope))
			continue;
		free(scope.domains);
		return &f[i];
	}
	f = weir_list_add(&inv->flavours, sizeof(*f));
	if (f == NULL) {
		free(scope.domains);
		return NULL;
	}
	f->scope = scope;
	return f;
}

/* What flavours share counts once. */
static uint64_t bytes_held(const struct inventory *inv)
{
	const struct flavour *f = inv->flavours.items;
	uint64_t n = 0;

	for (size_t i = 0; i < inv->flavours.count; i++) {
		size_t k = 0;

		while (k < i && f[k].bytes != f[i].bytes)
			k++;
		n += k == i && f[i].bytes != NULL ? f[i].bytes->n : 0;
	}
	return n;
}

/* Those that agents have now, and no others. */
static void flavours_mark(struct inventory *inv)
{
	const struct site_agent *a = NULL;
	struct flavour *f = inv->flavours.items;
	size_t kept = 0;

	for (size_t i = 0; i < inv->flavours.count; i++)
		f[i].is_used = false;
	while ((a = site_agent_next(inv->site, a)) != NULL) {
		f = inventory_flavour(inv, a, a->trident);
		if (f != NULL)
			f->is_used = true;
	}
	f = inv->flavours.items;
	for (size_t i = 0; i < inv->flavours.count; i++) {
		if (f[i].is_used)
			f[kept++] = f[i];
		else
			flavour_clear(&f[i]);
	}
	inv->flavours.count = kept;
}

static void flavours_make(struct inventory *inv)
{
	struct flavour *f;

	flavours_mark(inv);
	inv->counts.cidrs = 0;
	f = inv->flavours.items;
	for (size_t i = 0; i < inv->flavours.count; i++)
		inventory_flavour_fill(inv, &f[i]);
	versions_prune(inv);
	inv->counts.encoded_bytes = bytes_held(inv);
}

void inventory_flavours_fini(struct inventory *inv)
{
	struct flavour *f = inv->flavours.items;

	for (size_t i = 0; i < inv->flavours.count; i++)
		flavour_clear(&f[i]);
	free(inv->flavours.items);
	free(inv->known.items);
}

/* ------------------------------------------------------------------ all of it */

/* Who gets other bytes than before. */
static void tell(struct inventory *inv)
{
	const struct site_agent *a = NULL;

	while ((a = site_agent_next(inv->site, a)) != NULL) {
		struct member *m = inventory_member_of(inv, a);
		const struct flavour *f = inventory_flavour(inv, a, a->trident);
		const uint64_t platform = f != NULL ? f->version : 0;
		uint64_t places;

		if (m == NULL)
			continue;
		places = inventory_places_version(inv, m);
		if (platform == m->told_platform && places == m->told_places)
			continue;
		m->told_platform = platform;
		m->told_places = places;
		if (inv->changed != NULL)
			inv->changed(inv->changed_ctx, a);
	}
}

void inventory_build(struct inventory *inv)
{
	const uint64_t began = weir_clock_mono_ns();

	inventory_members_refresh(inv);
	if (!inventory_owners_apply(inv)) {
		weir_log(WEIR_LOG_ERR, "inventory: out of memory; agents keep the one they have");
		inventory_dirty(inv);
		return;
	}
	flavours_make(inv);
	inventory_places_collect(inv);
	inventory_store_flush(inv);
	inv->counts.builds++;
	inv->counts.build_ns_last = weir_clock_mono_ns() - began;
	tell(inv);
}
