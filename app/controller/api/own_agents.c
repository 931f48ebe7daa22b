/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1: agents. */
#include "api_priv.h"

#include <errno.h>
#include <stdlib.h>

static const char *const states[] = { "lost", "normal", "disabled", "pending" };

static void put_facts(struct out *o, const struct site_facts *f)
{
	api_out_text(o, "host", f->host);
	api_out_text(o, "revision", f->revision);
	api_out_text(o, "process_name", f->process_name);
	api_out_text(o, "k8s_image", f->k8s_image);
	api_out_text(o, "arch", f->arch);
	api_out_text(o, "os", f->os);
	api_out_text(o, "kernel", f->kernel);
	api_out_text(o, "cluster_id", f->cluster_id);
	api_out_number(o, "cpus", f->cpus);
	api_out_number(o, "memory_bytes", f->memory_bytes);
	api_out_rfc3339(o, "boot_time", f->boot_s);
	api_out_number(o, "exceptions", f->exceptions);
	api_out_text(o, "exception_text", f->exception_text);
}

static void put_agent(struct out *o, const struct site_agent *a)
{
	api_out_open(o, NULL, '{');
	api_out_number(o, "id", a->id);
	api_out_text(o, "name", a->name);
	api_out_text(o, "lcuuid", a->lcuuid);
	api_out_text(o, "state", states[a->enabled ? a->state : SITE_DISABLED]);
	api_out_bool(o, "enabled", a->enabled);
	api_out_bool(o, "approved", a->state != SITE_PENDING);
	api_out_bool(o, "canary", a->canary);
	api_out_bool(o, "twin", a->twin);
	api_out_number(o, "type", a->type);
	api_out_text(o, "dialect", a->trident ? "trident" : "agent");
	api_out_text(o, "ctrl_ip", a->ctrl_ip);
	api_out_text(o, "ctrl_mac", a->ctrl_mac);
	api_out_text(o, "identity", a->identity);
	api_out_text(o, "group", a->group->name);
	api_out_text(o, "group_id", a->group->short_id);
	api_out_number(o, "vpc", a->vpc);
	api_out_number(o, "pod_cluster", a->pod_cluster);
	api_out_text(o, "wanted_revision", a->wanted_revision);
	api_out_text(o, "wanted_image", a->wanted_image);
	api_out_rfc3339(o, "created_at", a->created_s);
	api_out_rfc3339(o, "synced_at", a->synced_s);
	put_facts(o, &a->facts);
	api_out_number(o, "server_exceptions", a->server_exceptions);
	api_out_close(o, '}');
}

static bool is_wanted(const struct call *c, const struct site_agent *a)
{
	const char *group = weir_http_query(c->rq, "group");

	if (group != NULL && site_group_named(c->api->site, group) != a->group)
		return false;
	return api_wants(c->rq, "name", a->name) &&
	       api_wants(c->rq, "state", states[a->enabled ? a->state : SITE_DISABLED]);
}

void api_own_agents(struct call *c)
{
	const struct site_agent *a = NULL;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((a = site_agent_next(c->api->site, a)) != NULL)
		if (is_wanted(c, a))
			put_agent(&c->out, a);
	api_out_close(&c->out, ']');
	api_end(c);
}

void api_own_agent_say(struct call *c, const struct site_agent *a)
{
	api_begin(c);
	put_agent(&c->out, a);
	api_end(c);
}

static const char *text_or_null(const json_t *body, const char *key)
{
	return json_string_value(json_object_get(body, key));
}

bool api_own_agent_change(struct call *c, const json_t *body, struct site_agent_change *change)
{
	const char *group = api_body_text(body, "GROUP");
	int64_t enabled = -1, approved = 0, vpc = -1;

	if (api_body_number(c, body, "ENABLED", &enabled) < 0 ||
	    api_body_number(c, body, "APPROVED", &approved) < 0 ||
	    api_body_number(c, body, "VPC", &vpc) < 0)
		return false;
	if (group[0] != '\0' && (change->group = api_group(c, group)) == NULL)
		return false;
	change->enabled = enabled < 0 ? -1 : enabled != 0;
	change->state = approved != 0 ? SITE_NORMAL : -1;
	change->vpc = (int)vpc;
	change->name = text_or_null(body, "NAME");
	change->image = text_or_null(body, "IMAGE");
	return true;
}
