/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places: which MACs are an agent's own, and which are nobody's. Spec: control plane, 1.9.
 *
 * local_segments: the MACs that the agent itself reported. remote_segments, of dedicated agents: MACs that no agent
 * captures, which is those of agents that are LOST, disabled or wait, and of dedicated agents themselves.
 * skip_interface, of hypervisors: MACs of workloads that capture for themselves.
 */
#include "inventory_priv.h"

#include <stdlib.h>

static int by_mac(const void *a, const void *b)
{
	const struct place_mac *x = a, *y = b;

	if (x->mac != y->mac)
		return x->mac < y->mac ? -1 : 1;
	return x->interface_id != y->interface_id ? (x->interface_id < y->interface_id ? -1 : 1)
						  : 0;
}

/* Each MAC once, with the least id. */
static void sort(struct weir_list *l)
{
	struct place_mac *v = l->items;
	size_t kept = 0;

	if (l->count > 0)
		qsort(v, l->count, sizeof(*v), by_mac);
	for (size_t i = 0; i < l->count; i++)
		if (kept == 0 || v[kept - 1].mac != v[i].mac)
			v[kept++] = v[i];
	l->count = kept;
}

static bool add(struct weir_list *l, const struct member *m)
{
	const struct report *r = &m->reporter->report;

	for (uint32_t i = 0; i < r->rows; i++) {
		struct place_mac *to;

		if (r->row[i].mac == 0 || r->row[i].is_others)
			continue;
		to = weir_list_add(l, sizeof(*to));
		if (to == NULL)
			return false;
		*to = (struct place_mac){ r->row[i].mac, inventory_row_id(m, &r->row[i]) };
	}
	return true;
}

static uint64_t hash_of(const struct weir_list *l)
{
	const struct place_mac *v = l->items;
	uint64_t h = l->count;

	for (size_t i = 0; i < l->count; i++)
		h = inventory_hash(h ^ v[i].interface_id, &v[i].mac, sizeof(v[i].mac));
	return h;
}

/* MACs that somebody captures are no remote ones, whoever else reports them. Both are sorted. */
static void subtract(struct weir_list *from, const struct weir_list *captured)
{
	const struct place_mac *c = captured->items;
	struct place_mac *v = from->items;
	size_t kept = 0, k = 0;

	for (size_t i = 0; i < from->count; i++) {
		while (k < captured->count && c[k].mac < v[i].mac)
			k++;
		if (k == captured->count || c[k].mac != v[i].mac)
			v[kept++] = v[i];
	}
	from->count = kept;
}

static uint64_t types_hash(const struct site *site)
{
	const struct site_network_type *t = NULL;
	uint64_t h = 1;

	while ((t = site_network_type_next(site, t)) != NULL) {
		const uint32_t v[] = { t->type, t->packet_type, t->vlan, t->port };

		h = inventory_hash(h, v, sizeof(v));
		h = inventory_hash(h, t->source_ip, strlen(t->source_ip));
	}
	return h;
}

/* Who asks for which of the lists. */
static void wanted(const struct inventory *inv, bool *dedicated, bool *hypervisors)
{
	*dedicated = *hypervisors = false;
	for (uint32_t id = 1; id <= inv->id_last; id++) {
		const struct member *m = inv->member[id];

		if (m == NULL)
			continue;
		*dedicated = *dedicated || inventory_is_dedicated(m->type);
		*hypervisors = *hypervisors || inventory_is_hypervisor(m->type);
	}
}

void inventory_places_collect(struct inventory *inv)
{
	struct shared_places *p = &inv->places;
	struct weir_list captured = { 0 };
	bool dedicated, hypervisors, ok = true;

	p->remote.count = p->skip.count = 0;
	wanted(inv, &dedicated, &hypervisors);
	for (uint32_t id = 1; (dedicated || hypervisors) && ok && id <= inv->id_last; id++) {
		const struct member *m = inv->member[id];

		if (m == NULL || m->reporter == NULL)
			continue;
		ok = add(m->captures ? &captured : &p->remote, m);
		if (ok && m->captures && !inventory_is_hypervisor(m->type))
			ok = add(&p->skip, m);
	}
	sort(&captured);
	sort(&p->remote);
	sort(&p->skip);
	subtract(&p->remote, &captured);
	free(captured.items);
	p->remote_hash = hash_of(&p->remote);
	p->skip_hash = hash_of(&p->skip);
	p->types_hash = types_hash(inv->site);
}

uint64_t inventory_places_version(const struct inventory *inv, const struct member *m)
{
	uint64_t h = m->local_hash;

	if (inventory_is_dedicated(m->type))
		h = weir_mix(h ^ inv->places.remote_hash, inv->places.types_hash | 1);
	if (inventory_is_hypervisor(m->type))
		h = weir_mix(h ^ inv->places.skip_hash, m->id);
	return h | 1;
}

static struct inventory_bytes *make(const struct inventory *inv, const struct member *m,
				    bool trident)
{
	const struct dialect *d = trident ? &inventory_trident : &inventory_agent;
	struct places p = { .agent_id = m->id };
	struct inventory_bytes *b = NULL;
	struct weir_list local = { 0 };

	if (m->reporter == NULL || add(&local, m)) {
		sort(&local);
		p.local = local.items;
		p.n_local = local.count;
		if (inventory_is_dedicated(m->type)) {
			p.remote = inv->places.remote.items;
			p.n_remote = inv->places.remote.count;
			p.types_of = inv->site;
		}
		if (inventory_is_hypervisor(m->type)) {
			p.skip = inv->places.skip.items;
			p.n_skip = inv->places.skip.count;
		}
		b = d->places(p);
	}
	free(local.items);
	return b;
}

const struct inventory_bytes *inventory_places(struct inventory *inv, struct member *m,
					       bool trident)
{
	const uint64_t version = inventory_places_version(inv, m);

	if (m->places[trident] == NULL || m->places_version[trident] != version) {
		inventory_put(m->places[trident]);
		m->places[trident] = make(inv, m, trident);
		m->places_version[trident] = version;
	}
	return m->places[trident];
}
