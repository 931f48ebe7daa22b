/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a MAC and an address is. What an agent is known by (its ctrl_ip and ctrl_mac) nobody else may report: else one
 * agent that lies could draw another's traffic to itself. Where several agents are known by one, all may.
 */
#include "inventory_priv.h"

#include <weir_table.h>

#define SHARED UINT64_MAX /* several agents' */

struct owners {
	struct weir_table macs;      /* MAC -> agent id */
	struct weir_table addresses; /* hash of VPC and address -> agent id */
};

static uint64_t address_key(uint32_t vpc, const struct address *a)
{
	return inventory_hash((uint64_t)vpc << 1 | a->is_ipv6, a->ip.b, a->is_ipv6 ? 16 : 4);
}

static void own(struct weir_table *t, uint64_t key, uint32_t id)
{
	const uint64_t before = weir_table_put16(t, key, id);

	if (before != 0 && before != id)
		weir_table_put16(t, key, SHARED);
}

static bool is_others(const struct weir_table *t, uint64_t key, uint32_t id)
{
	const uint64_t owner = weir_table_get16(t, key);

	return owner != 0 && owner != SHARED && owner != id;
}

static void fill(struct owners *o, const struct inventory *inv)
{
	for (uint32_t id = 1; id <= inv->id_last; id++) {
		const struct member *m = inv->member[id];

		if (m == NULL)
			continue;
		if (m->mac != 0)
			own(&o->macs, m->mac, id);
		if (m->has_ip)
			own(&o->addresses, address_key(m->vpc, &m->ip), id);
	}
}

/* Mark what is not to be taken; a sum of all that bytes are made of. */
static void judge(const struct owners *o, struct member *m, uint64_t *rows, uint64_t *local)
{
	struct report *r = &m->reporter->report;
	uint64_t h = m->reporter->hash ^ (uint64_t)m->vpc << 32 ^ m->cluster;

	h = weir_mix(h ^ (uint64_t)m->type << 32, UINT64_C(0x9e3779b97f4a7c15));
	*local = 0;
	for (uint32_t i = 0; i < r->rows; i++) {
		struct row *row = &r->row[i];
		const uint64_t place[] = { row->mac, row->slot };

		row->is_others = row->mac != 0 && is_others(&o->macs, row->mac, m->id);
		h = weir_mix(h ^ row->slot << 1 ^ row->is_others, UINT64_C(0x9e3779b97f4a7c15));
		if (row->mac != 0 && !row->is_others)
			*local = inventory_hash(*local, place, sizeof(place));
	}
	for (uint32_t i = 0; i < r->addresses; i++) {
		struct address *a = &r->address[i];

		a->is_others = is_others(&o->addresses, address_key(m->vpc, a), m->id);
		if (a->is_others)
			h = weir_mix(h ^ i, UINT64_C(0x94d049bb133111eb));
	}
	*rows = h;
}

static uint32_t taken(const struct report *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->rows; i++)
		n += !r->row[i].is_others;
	return n;
}

static void apply(const struct owners *o, struct inventory *inv)
{
	for (uint32_t id = 1; id <= inv->id_last; id++) {
		struct member *m = inv->member[id];
		uint64_t rows, local;

		if (m == NULL || m->reporter == NULL)
			continue;
		judge(o, m, &rows, &local);
		inv->counts.interfaces += taken(&m->reporter->report);
		if (rows != m->rows_hash)
			inventory_member_forget(m);
		m->rows_hash = rows;
		m->local_hash = local;
	}
}

bool inventory_owners_apply(struct inventory *inv)
{
	struct owners o = { 0 };
	bool ok = weir_table_init(&o.macs, inv->members, sizeof(struct weir_row16)) == 0 &&
		  weir_table_init(&o.addresses, inv->members, sizeof(struct weir_row16)) == 0;

	if (ok) {
		inv->counts.interfaces = 0;
		fill(&o, inv);
		apply(&o, inv);
	}
	weir_table_fini(&o.macs);
	weir_table_fini(&o.addresses);
	return ok;
}
