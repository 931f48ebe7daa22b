/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GenesisSync and KubernetesAPISync: who says it must be who it says it is; what it says is the inventory's matter. Control
 * plane, 1.11 and 4.7.
 */
#include "serve_priv.h"

#include <stdio.h>

static bool no_such_number(struct weir_rpc_stream *st, uint32_t id, const char *ip)
{
	struct serve_peer peer;
	char why[160];

	serve_peer(st, &peer);
	snprintf(why, sizeof(why), "agent number %u is not that of %.64s", id,
		 ip != NULL ? ip : "nobody");
	weir_log(WEIR_LOG_WARN, "report refused: %s (it comes from %s)", why, peer.name);
	serve_refuse(st, why);
	return false;
}

/* Is it `a` that calls, and may it report? */
static bool is_caller(struct weir_rpc_stream *st, const struct site_agent *a)
{
	struct serve_peer peer;

	serve_peer(st, &peer);
	return site_agent_calls(serve_of(st)->o.site, a->ctrl_ip, a->ctrl_mac, peer.name,
				peer.certified) == a;
}

/* The agent that it says it is; NULL: none that is registered. */
static const struct site_agent *named(struct site *site, const struct serve_genesis *g)
{
	const struct site_agent *a;

	if (g->whole || g->agent_id == 0)
		return site_agent_at(site, g->g.ctrl_ip, g->g.ctrl_mac);
	a = site_agent_of(site, g->agent_id);
	return a != NULL && strcmp(a->ctrl_ip, g->g.ctrl_ip) == 0 ? a : NULL;
}

/* Who is not registered yet is heard: it is what is known of it when it registers. */
bool serve_genesis(struct weir_rpc_stream *st, struct serve_genesis *g, uint64_t *version)
{
	struct serve *s = serve_of(st);
	const struct site_agent *a;

	*version = 0; /* not taken: it comes again */
	if (!serve_admits(st))
		return false;
	if (g->g.ctrl_ip == NULL || (g->whole && g->g.ctrl_mac == NULL)) {
		s->n.refused++;
		return true;
	}
	a = named(s->o.site, g);
	if (g->agent_id != 0 && (a == NULL || g->agent_id != a->id))
		return no_such_number(st, g->agent_id, g->g.ctrl_ip);
	if (a != NULL && !is_caller(st, a)) {
		s->n.refused++;
		return true;
	}
	if (a != NULL) {
		g->g.ctrl_ip = a->ctrl_ip;
		g->g.ctrl_mac = a->ctrl_mac;
	}
	*version = inventory_genesis_put(s->o.inventory, &g->g);
	return true;
}

/* A watcher that is no agent has no number, and is heard all the same. */
bool serve_cluster(struct weir_rpc_stream *st, const struct inventory_cluster *c, uint64_t *version)
{
	struct serve *s = serve_of(st);
	const struct site_agent *a;

	if (!serve_admits(st))
		return false;
	if (c->agent_id != 0) {
		a = site_agent_of(s->o.site, c->agent_id);
		if (a == NULL || !is_caller(st, a) ||
		    (c->source_ip != NULL && c->source_ip[0] != '\0' &&
		     strcmp(c->source_ip, a->ctrl_ip) != 0))
			return no_such_number(st, c->agent_id, c->source_ip);
	}
	*version = inventory_cluster_put(s->o.inventory, c);
	return true;
}
