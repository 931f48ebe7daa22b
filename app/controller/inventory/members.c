/* SPDX-License-Identifier: Apache-2.0 */
/* Agents that are registered, as far as tables go. */
#include "inventory_priv.h"

#include <errno.h>
#include <stdlib.h>

struct member *inventory_member_of(const struct inventory *inv, const struct site_agent *a)
{
	return a->id >= 1 && a->id <= AGENTS_MAX ? inv->member[a->id] : NULL;
}

void inventory_member_forget(struct member *m)
{
	for (int i = 0; i < 2; i++) {
		free(m->rows[i].v);
		m->rows[i] = (struct packed){ 0 };
		inventory_put(m->places[i]);
		m->places[i] = NULL;
	}
	m->rows_hash = m->local_hash = 0;
}

int inventory_member_add(struct inventory *inv, const struct site_agent *a)
{
	struct member *m = inventory_member_of(inv, a);

	if (a->id < 1 || a->id > AGENTS_MAX)
		return -ERANGE;
	if (m == NULL) {
		m = calloc(1, sizeof(*m));
		if (m == NULL)
			return -ENOMEM;
		m->id = a->id;
		inv->member[a->id] = m;
		inv->members++;
		inv->id_last = (uint32_t)weir_max_u64(inv->id_last, a->id);
	}
	inventory_reports_link(inv, m, a);
	return 0;
}

void inventory_member_remove(struct inventory *inv, const struct site_agent *a)
{
	struct member *m = inventory_member_of(inv, a);

	if (m == NULL)
		return;
	inventory_reports_unlink(inv, m);
	inv->member[m->id] = NULL;
	inv->members--;
	inventory_member_forget(m);
	free(m);
}

void inventory_members_fini(struct inventory *inv)
{
	for (uint32_t id = 1; id <= inv->id_last; id++) {
		if (inv->member[id] == NULL)
			continue;
		inventory_member_forget(inv->member[id]);
		free(inv->member[id]);
	}
}

/* An agent without a cluster is of the domain that hosts are in (agent_sync), where there is one. */
uint32_t inventory_domain_of(const struct inventory *inv, const struct site_agent *a)
{
	return a->pod_cluster != 0 ? a->pod_cluster : inv->hosts_domain;
}

static void refresh(const struct inventory *inv, struct member *m, const struct site_agent *a)
{
	struct weir_prefix ip;

	m->type = a->type;
	m->vpc = a->vpc;
	m->cluster = a->pod_cluster;
	m->domain = inventory_domain_of(inv, a);
	m->captures = a->state == SITE_NORMAL && a->enabled && !inventory_is_dedicated(a->type);
	if (!inventory_mac_parse(a->ctrl_mac, &m->mac))
		m->mac = 0;
	m->has_ip = weir_prefix_parse(a->ctrl_ip, &ip);
	if (m->has_ip)
		m->ip = (struct address){ .ip = ip.ip, .is_ipv6 = ip.is_ipv6 };
}

void inventory_members_refresh(struct inventory *inv)
{
	const struct site_domain *d = NULL;

	inv->hosts_domain = 0;
	while (inv->hosts_domain == 0 && (d = site_domain_next(inv->site, d)) != NULL)
		if (d->type == DOMAIN_AGENT_SYNC)
			inv->hosts_domain = d->id;
	for (uint32_t id = 1; id <= inv->id_last; id++) {
		const struct site_agent *a = inv->member[id] != NULL ? site_agent_of(inv->site, id)
								     : NULL;

		if (a != NULL)
			refresh(inv, inv->member[id], a);
	}
}
