/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1: domains, and what their clusters reported last. */
#include "api_priv.h"

#include <stdlib.h>

static const char *state_text(uint32_t state)
{
	return state == 1 ? "normal" : state == 3 ? "exception" : "warn";
}

static void put_type(void *ctx, const char *type, uint32_t objects)
{
	api_out_number(ctx, type, objects);
}

static void put_reported(struct out *o, const struct api *api, const struct site_domain *d)
{
	uint64_t version = 0, at_s = 0;
	const char *error = "";

	api_out_open(o, "objects", '{');
	if (api->inventory != NULL && d->cluster_id[0] != '\0')
		(void)inventory_cluster_look(api->inventory, d->cluster_id, &version, &at_s, &error,
					     put_type, o);
	api_out_close(o, '}');
	api_out_number(o, "version", version);
	api_out_rfc3339(o, "reported_at", at_s);
}

static void put_domain(struct out *o, const struct api *api, const struct site_domain *d)
{
	api_out_open(o, NULL, '{');
	api_out_number(o, "id", d->id);
	api_out_text(o, "name", d->name);
	api_out_text(o, "lcuuid", d->lcuuid);
	api_out_text(o, "cluster_id", d->cluster_id);
	api_out_number(o, "type", d->type);
	api_out_bool(o, "enabled", d->enabled);
	api_out_text(o, "state", state_text(d->state));
	api_out_text(o, "error", d->error);
	api_out_text(o, "watcher", d->watcher);
	api_out_number(o, "vpc", d->vpc);
	api_out_json(o, "config", d->config);
	api_out_rfc3339(o, "created_at", d->created_s);
	api_out_rfc3339(o, "synced_at", d->synced_s);
	put_reported(o, api, d);
	api_out_close(o, '}');
}

void api_own_domains(struct call *c)
{
	const struct site_domain *d = NULL;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((d = site_domain_next(c->api->site, d)) != NULL)
		put_domain(&c->out, c->api, d);
	api_out_close(&c->out, ']');
	api_end(c);
}

void api_own_domain_say(struct call *c, const struct site_domain *d)
{
	api_begin(c);
	put_domain(&c->out, c->api, d);
	api_end(c);
}
