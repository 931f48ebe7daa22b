/* SPDX-License-Identifier: Apache-2.0 */
/* Domains: clusters, and places whose agents bring what they see. */
#include "api_priv.h"

#include <errno.h>
#include <stdlib.h>

#define KUBERNETES 11

/* The agent that watches the cluster: "ip-mac". */
static const struct site_agent *watcher_of(const struct site *s, const struct site_domain *d)
{
	const char *dash = strchr(d->watcher, '-');
	char ip[46];

	if (dash == NULL || (size_t)(dash - d->watcher) >= sizeof(ip))
		return NULL;
	memcpy(ip, d->watcher, (size_t)(dash - d->watcher));
	ip[dash - d->watcher] = '\0';
	return site_agent_at(s, ip, dash + 1);
}

static void put_watcher(struct out *o, const struct site *s, const struct site_domain *d)
{
	const struct site_agent *a = watcher_of(s, d);

	api_out_text(o, "VTAP_NAME", a != NULL ? a->name : "");
	api_out_text(o, "VTAP_CTRL_IP", a != NULL ? a->ctrl_ip : "");
	api_out_text(o, "VTAP_CTRL_MAC", a != NULL ? a->ctrl_mac : "");
}

struct pods {
	uint32_t n;
};

static void count_pods(void *ctx, const char *type, uint32_t objects)
{
	struct pods *pods = ctx;

	if (strcmp(type, "*v1.Pod") == 0)
		pods->n += objects;
}

static uint32_t pods_of(const struct api *api, const struct site_domain *d)
{
	struct pods pods = { 0 };
	const char *error;
	uint64_t version, at_s;

	if (api->inventory != NULL && d->cluster_id[0] != '\0')
		(void)inventory_cluster_look(api->inventory, d->cluster_id, &version, &at_s, &error,
					     count_pods, &pods);
	return pods.n;
}

static void put_clusters(struct out *o, const struct site_domain *d)
{
	api_out_open(o, "POD_CLUSTERS", '[');
	if (d->cluster_id[0] != '\0') {
		api_out_open(o, NULL, '{');
		api_out_text(o, "NAME", d->name);
		api_out_text(o, "CLUSTER_ID", d->cluster_id);
		api_out_close(o, '}');
	}
	api_out_close(o, ']');
}

static void put_domain(struct out *o, const struct api *api, const struct site_domain *d)
{
	api_out_open(o, NULL, '{');
	api_out_number(o, "ID", d->id);
	api_out_text(o, "NAME", d->name);
	api_out_text(o, "DISPLAY_NAME", d->display_name);
	api_out_text(o, "CLUSTER_ID", d->cluster_id);
	api_out_number(o, "TYPE", d->type);
	api_out_number(o, "ENABLED", d->enabled);
	api_out_number(o, "STATE", d->state);
	api_out_open(o, "EXCEPTIONS", '[');
	api_out_close(o, ']');
	api_out_text(o, "ERROR_MSG", d->error);
	api_out_text(o, "CONTROLLER_IP",
		     d->controller_ip[0] != '\0' ? d->controller_ip : api->own_ip);
	api_out_text(o, "CONTROLLER_NAME", "weir-controller");
	put_watcher(o, api->site, d);
	api_out_number(o, "ICON_ID", strtoul(d->icon_id, NULL, 10));
	api_out_number(o, "TEAM_ID", d->team_id[0] != '\0' ? strtoul(d->team_id, NULL, 10) : 1);
	api_out_number(o, "USER_ID", 1);
	api_out_number(o, "K8S_ENABLED", d->type == KUBERNETES);
	api_out_json(o, "CONFIG", d->config);
	api_out_number(o, "AZ_COUNT", 1);
	api_out_number(o, "REGION_COUNT", 1);
	api_out_number(o, "VM_COUNT", 0);
	api_out_number(o, "POD_COUNT", pods_of(api, d));
	put_clusters(o, d);
	api_out_time(o, "CREATED_AT", d->created_s);
	api_out_time(o, "SYNCED_AT", d->synced_s);
	api_out_text(o, "LCUUID", d->lcuuid);
	api_out_number(o, "DOMAIN_ID", d->id);
	api_out_close(o, '}');
}

void api_deepflow_domains(struct call *c)
{
	const struct site_domain *d = NULL;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((d = site_domain_next(c->api->site, d)) != NULL)
		if (api_wants(c->rq, "name", d->name) && api_wants(c->rq, "lcuuid", d->lcuuid))
			put_domain(&c->out, c->api, d);
	api_out_close(&c->out, ']');
	api_end(c);
}

void api_deepflow_domain_say(struct call *c, const struct site_domain *d)
{
	api_begin(c);
	put_domain(&c->out, c->api, d);
	api_end(c);
}

static void put_type(void *ctx, const char *type, uint32_t objects)
{
	api_out_number(ctx, type, objects);
}

void api_deepflow_cluster(struct call *c)
{
	const char *id = c->rq->params[0], *error = "";
	uint64_t version, at_s;

	/* Looked up first: whether there is one decides how the answer begins. */
	if (c->api->inventory == NULL || inventory_cluster_look(c->api->inventory, id, &version,
								&at_s, &error, NULL, NULL) < 0) {
		api_fail(c, ENOENT, "cluster %s has reported nothing yet", id);
		return;
	}
	api_begin(c);
	api_out_open(&c->out, NULL, '{');
	api_out_text(&c->out, "CLUSTER_ID", id);
	api_out_number(&c->out, "VERSION", version);
	api_out_time(&c->out, "SYNCED_AT", at_s);
	api_out_text(&c->out, "ERROR_MSG", error);
	api_out_open(&c->out, "OBJECTS", '{');
	(void)inventory_cluster_look(c->api->inventory, id, &version, &at_s, &error, put_type,
				     &c->out);
	api_out_close(&c->out, '}');
	api_out_close(&c->out, '}');
	api_end(c);
}
