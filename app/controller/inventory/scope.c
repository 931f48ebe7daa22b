/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows an agent gets, and what an agent's type makes of it. Spec: control plane, 5.3, 1.4 and 2.11. */
#include "inventory_priv.h"

#include <agent.pb-c.h>
#include <stdlib.h>

bool inventory_is_hypervisor(uint32_t agent_type)
{
	return agent_type == AGENT__AGENT_TYPE__TT_PROCESS ||
	       agent_type == AGENT__AGENT_TYPE__TT_VM ||
	       agent_type == AGENT__AGENT_TYPE__TT_HYPER_V_COMPUTE ||
	       agent_type == AGENT__AGENT_TYPE__TT_HYPER_V_NETWORK;
}

bool inventory_is_dedicated(uint32_t agent_type)
{
	return agent_type == AGENT__AGENT_TYPE__TT_DEDICATED_PHYSICAL_MACHINE;
}

uint32_t inventory_device_type(uint32_t agent_type)
{
	switch (agent_type) {
	case AGENT__AGENT_TYPE__TT_PUBLIC_CLOUD:
	case AGENT__AGENT_TYPE__TT_PHYSICAL_MACHINE: /* a workload, whatever it runs on */
		return AGENT__DEVICE_TYPE__DEVICE_VM;
	case AGENT__AGENT_TYPE__TT_HOST_POD:
	case AGENT__AGENT_TYPE__TT_VM_POD:
		return AGENT__DEVICE_TYPE__DEVICE_POD_NODE;
	case AGENT__AGENT_TYPE__TT_K8S_SIDECAR:
		return AGENT__DEVICE_TYPE__DEVICE_POD;
	case AGENT__AGENT_TYPE__TT_UNKNOWN:
		return AGENT__DEVICE_TYPE__DEVICE_UNKNOWN;
	default:
		return AGENT__DEVICE_TYPE__DEVICE_HOST;
	}
}

static int by_id(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x != y ? (x < y ? -1 : 1) : 0;
}

/* Ids of the domains that a configuration names; of those that are not there, none. */
static bool domains_of(struct scope *to, const struct site *site,
		       const struct weir_conf_names *names)
{
	to->domains = calloc(names->n + 1, sizeof(*to->domains));
	if (to->domains == NULL)
		return false;
	for (uint32_t i = 0; i < names->n; i++) {
		const struct site_domain *d = site_domain_named(site, names->v[i]);

		if (d != NULL)
			to->domains[to->n++] = d->id;
	}
	qsort(to->domains, to->n, sizeof(*to->domains), by_id);
	return true;
}

bool inventory_scope_of(struct scope *to, const struct inventory *inv, const struct site_agent *a,
			bool trident)
{
	const struct config_compiled *c = site_agent_config(a);
	const bool is_dedicated = inventory_is_dedicated(a->type);

	*to = (struct scope){ .trident = trident, .is_all = is_dedicated || c->domains.n == 0 };
	to->pods_own_only = c->pod_cluster_internal && !is_dedicated;
	if (!to->is_all) {
		to->own_domain = inventory_domain_of(inv, a);
		if (!domains_of(to, inv->site, &c->domains))
			return false;
	}
	if (to->pods_own_only)
		to->own_cluster = a->pod_cluster;
	to->hash = inventory_hash(to->own_domain, to->domains, to->n * sizeof(*to->domains)) ^
		   (uint64_t)to->own_cluster << 32;
	return true;
}

bool inventory_scope_equal(const struct scope *a, const struct scope *b)
{
	return a->hash == b->hash && a->trident == b->trident && a->is_all == b->is_all &&
	       a->pods_own_only == b->pods_own_only && a->own_domain == b->own_domain &&
	       a->own_cluster == b->own_cluster && a->n == b->n &&
	       (a->n == 0 || memcmp(a->domains, b->domains, a->n * sizeof(*a->domains)) == 0);
}

bool inventory_scope_has(const struct scope *s, const struct member *m)
{
	if (s->pods_own_only && m->cluster != s->own_cluster &&
	    inventory_device_type(m->type) == AGENT__DEVICE_TYPE__DEVICE_POD)
		return false;
	return s->is_all || m->domain == s->own_domain ||
	       (s->n > 0 &&
		bsearch(&m->domain, s->domains, s->n, sizeof(m->domain), by_id) != NULL);
}
