/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GenesisSync and KubernetesAPISync: who says it must be who it says it is; what it says is the inventory's matter. Control
 * plane, 1.11 and 4.7.
 */
#include "serve_priv.h"

#include <stdio.h>

static bool no_such_number(struct weir_rpc_stream *st, uint32_t id, const char *ip)
{
	char why[160];

	snprintf(why, sizeof(why), "agent number %u is not that of %s", id,
		 ip != NULL ? ip : "nobody");
	serve_refuse(st, ip, why);
	return false;
}

/* The agent of these, if it may report: NULL. */
static const struct site_agent *reporter(struct weir_rpc_stream *st, const char *ip,
					 const char *mac)
{
	struct site *site = serve_of(st)->o.site;
	const struct site_agent *a = ip != NULL ? site_agent_at(site, ip, mac) : NULL;
	struct serve_peer peer;

	if (a == NULL)
		return NULL;
	serve_peer(st, &peer);
	return site_agent_calls(site, a->ctrl_ip, a->ctrl_mac, peer.name, peer.certified);
}

bool serve_genesis(struct weir_rpc_stream *st, struct serve_genesis *g, uint64_t *version)
{
	struct serve *s = serve_of(st);
	const struct site_agent *a = NULL;

	*version = 0;
	if (!g->whole || g->g.ctrl_mac != NULL)
		a = reporter(st, g->g.ctrl_ip, g->g.ctrl_mac);
	if (a == NULL && (g->agent_id != 0 || (g->whole && g->g.ctrl_mac == NULL) ||
			  (g->g.ctrl_ip != NULL &&
			   site_agent_at(s->o.site, g->g.ctrl_ip, g->g.ctrl_mac) != NULL))) {
		s->n.refused++; /* version 0 has it sent again */
		return true;
	}
	if (a == NULL) { /* not registered yet: it is kept for a while */
		*version = inventory_genesis_put(s->o.inventory, &g->g);
		return true;
	}
	if (g->agent_id != 0 && g->agent_id != a->id)
		return no_such_number(st, g->agent_id, g->g.ctrl_ip);
	g->g.ctrl_ip = a->ctrl_ip;
	g->g.ctrl_mac = a->ctrl_mac;
	*version = inventory_genesis_put(s->o.inventory, &g->g);
	return true;
}

/* A watcher that is no agent has no number, and is heard all the same. */
bool serve_cluster(struct weir_rpc_stream *st, const struct inventory_cluster *c, uint64_t *version)
{
	struct serve *s = serve_of(st);
	const struct site_agent *a;

	if (c->agent_id != 0) {
		a = site_agent_of(s->o.site, c->agent_id);
		if (a != NULL)
			a = reporter(st, a->ctrl_ip, a->ctrl_mac);
		if (a == NULL || (c->source_ip != NULL && c->source_ip[0] != '\0' &&
				  strcmp(c->source_ip, a->ctrl_ip) != 0))
			return no_such_number(st, c->agent_id, c->source_ip);
	}
	*version = inventory_cluster_put(s->o.inventory, c);
	return true;
}
