/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1: agent groups. */
#include "api_priv.h"

static void put_version(struct out *o, const char *key, const struct site_config *config)
{
	if (config != NULL)
		api_out_number(o, key, config->version);
	else
		api_out_null(o, key);
}

static void put_group(struct out *o, const struct site_group *g)
{
	api_out_open(o, NULL, '{');
	api_out_number(o, "id", g->id);
	api_out_text(o, "name", g->name);
	api_out_text(o, "short_id", g->short_id);
	api_out_text(o, "lcuuid", g->lcuuid);
	api_out_number(o, "agents", g->agents);
	api_out_number(o, "canaries", g->canaries);
	put_version(o, "config_version", g->config);
	put_version(o, "canary_version", g->canary);
	api_out_number(o, "newest_version", g->versions);
	api_out_number(o, "capture_mode", site_group_config(g)->capture_mode);
	api_out_rfc3339(o, "updated_at", g->updated_s);
	api_out_close(o, '}');
}

void api_own_groups(struct call *c)
{
	const struct site_group *g = NULL;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((g = site_group_next(c->api->site, g)) != NULL)
		put_group(&c->out, g);
	api_out_close(&c->out, ']');
	api_end(c);
}

void api_own_group_say(struct call *c, const struct site_group *g)
{
	api_begin(c);
	put_group(&c->out, g);
	api_end(c);
}
