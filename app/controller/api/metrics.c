/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of all rooms as Prometheus reads them (its text format, 0.0.4). */
#include "api_priv.h"

#include <inttypes.h>

static void head(struct call *c, const char *name, const char *type, const char *help)
{
	weir_http_text_printf(c->answer->body, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
			      type);
}

static void one(struct call *c, const char *name, const char *type, const char *help,
		uint64_t value)
{
	head(c, name, type, help);
	weir_http_text_printf(c->answer->body, "%s %" PRIu64 "\n", name, value);
}

static void site_metrics(struct call *c)
{
	static const char *const states[] = { "lost", "normal", "disabled", "pending" };
	struct site_counts n;

	site_counts(c->api->site, &n);
	head(c, "weir_controller_agents", "gauge", "Agents by state.");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(states); i++)
		weir_http_text_printf(c->answer->body, "weir_controller_agents{state=\"%s\"} %u\n",
				      states[i], n.agents[i]);
	one(c, "weir_controller_groups", "gauge", "Agent groups.", n.groups);
	one(c, "weir_controller_domains", "gauge", "Domains.", n.domains);
	one(c, "weir_controller_registered_total", "counter", "Agents registered.", n.registered);
	one(c, "weir_controller_agents_refused_total", "counter", "Calls of agents refused.",
	    n.refused);
	one(c, "weir_controller_twins_total", "counter", "Agents found to be two machines.",
	    n.twins);
	one(c, "weir_controller_rows_written_total", "counter", "Agents written back.", n.written);
	one(c, "weir_controller_database_errors_total", "counter", "Errors of the database.",
	    n.database_errors);
}

static void inventory_metrics(struct call *c)
{
	struct inventory_counts n;

	if (c->api->inventory == NULL)
		return;
	inventory_counts(c->api->inventory, &n);
	one(c, "weir_controller_interfaces", "gauge", "Interfaces in the tables.", n.interfaces);
	one(c, "weir_controller_cidrs", "gauge", "Networks in the widest table.", n.cidrs);
	one(c, "weir_controller_clusters", "gauge", "Clusters that reported.", n.clusters);
	one(c, "weir_controller_reporters", "gauge", "Agents that reported.", n.reporters);
	one(c, "weir_controller_builds_total", "counter", "Tables built.", n.builds);
	one(c, "weir_controller_encoded_bytes", "gauge", "All tables, encoded.", n.encoded_bytes);
	one(c, "weir_controller_genesis_total", "counter", "Reports of agents.", n.genesis);
	one(c, "weir_controller_genesis_refused_total", "counter", "Those refused.",
	    n.genesis_refused);
	one(c, "weir_controller_snapshots_total", "counter", "Snapshots of clusters.", n.snapshots);
	one(c, "weir_controller_snapshots_refused_total", "counter", "Those refused.",
	    n.snapshots_refused);
}

static void serve_metrics(struct call *c)
{
	struct serve_counts n;

	if (c->api->serve == NULL)
		return;
	serve_counts(c->api->serve, &n);
	one(c, "weir_controller_pushes_open", "gauge", "Open Push streams.", n.pushes_open);
	one(c, "weir_controller_syncs_total", "counter", "Syncs answered.", n.syncs);
	one(c, "weir_controller_pushes_sent_total", "counter", "Pushes sent.", n.pushes_sent);
	one(c, "weir_controller_pushes_skipped_total", "counter",
	    "Pushes not sent to a slow reader, which gets the newest later.", n.pushes_skipped);
	one(c, "weir_controller_calls_refused_total", "counter", "Calls refused.", n.refused);
}

static void http_metrics(struct call *c)
{
	struct weir_http_counts n = { 0 };

	if (c->api->http != NULL)
		weir_http_server_counts(c->api->http, &n);
	one(c, "weir_controller_http_connections", "gauge", "Connections of the API.", n.clients);
	one(c, "weir_controller_http_requests_total", "counter", "Requests, good or bad.",
	    n.requests);
	one(c, "weir_controller_http_refused_total", "counter",
	    "Requests refused before their body was read.", n.refused);
	one(c, "weir_controller_http_timed_out_total", "counter", "Connections that took too long.",
	    n.timed_out);
	one(c, "weir_controller_http_bad_credentials_total", "counter",
	    "Requests without a credential that counts.", c->api->refused_credentials);
	one(c, "weir_controller_http_low_roles_total", "counter",
	    "Requests whose role was not enough.", c->api->refused_roles);
	one(c, "weir_controller_http_changes_total", "counter", "Changes made.", c->api->changes);
}

void api_plain_metrics(struct call *c)
{
	c->answer->type = "text/plain; version=0.0.4; charset=utf-8";
	site_metrics(c);
	inventory_metrics(c);
	serve_metrics(c);
	http_metrics(c);
}
