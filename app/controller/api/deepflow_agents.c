/* SPDX-License-Identifier: Apache-2.0 */
/* Agents, which DeepFlow's API calls vtaps. */
#include "api_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define REGION "ffffffff-ffff-ffff-ffff-ffffffffffff"

static const struct site_vpc *vpc_of(const struct site *s, uint32_t id)
{
	const struct site_vpc *v = NULL;

	while ((v = site_vpc_next(s, v)) != NULL && v->id != id)
		;
	return v;
}

static const char *cluster_name(const struct site *s, uint32_t id)
{
	const struct site_domain *d = NULL;

	if (id == 0)
		return "";
	while ((d = site_domain_next(s, d)) != NULL && d->id != id)
		;
	return d != NULL ? d->name : "";
}

/* "v6.5 10116-abcdef": what stands before the first dash, and behind it. */
static void put_revision(struct out *o, const char *revision)
{
	const size_t n = strcspn(revision, "-");

	api_out_bytes(o, "REVISION", revision, n);
	api_out_text(o, "COMPLETE_REVISION", revision + n + (revision[n] == '-'));
}

static void put_exceptions(struct out *o, uint64_t bits)
{
	api_out_open(o, "EXCEPTIONS", '[');
	for (unsigned int i = 0; i < 64; i++)
		if ((bits >> i & 1) != 0)
			api_out_number(o, NULL, UINT64_C(1) << i);
	api_out_close(o, ']');
}

static void put_features(struct out *o)
{
	static const char *const lists[] = { "LICENSE_FUNCTIONS", "ENABLE_FEATURES",
					     "DISABLE_FEATURES", "FOLLOW_GROUP_FEATURES",
					     "FOLLOW_GROUP_ENABLE_FEATURES" };

	api_out_number(o, "LICENSE_TYPE", 0);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(lists); i++) {
		api_out_open(o, lists[i], '[');
		api_out_close(o, ']');
	}
}

static void put_facts(struct out *o, const struct site_facts *f)
{
	put_revision(o, f->revision);
	api_out_number(o, "BOOT_TIME", f->boot_s);
	api_out_text(o, "RAW_HOSTNAME", f->host);
	api_out_text(o, "EXCEPTION_DESCRIPTION", f->exception_text);
	api_out_number(o, "CPU_NUM", f->cpus);
	api_out_number(o, "MEMORY_SIZE", f->memory_bytes);
	api_out_text(o, "ARCH", f->arch);
	api_out_number(o, "ARCH_TYPE", strcmp(f->arch, "aarch64") == 0 ? 2 : 1);
	api_out_text(o, "OS", f->os);
	api_out_number(o, "OS_TYPE", 0);
	api_out_text(o, "KERNEL_VERSION", f->kernel);
	api_out_text(o, "PROCESS_NAME", f->process_name);
	api_out_text(o, "CURRENT_K8S_IMAGE", f->k8s_image);
}

static void put_place(struct out *o, const struct api *api, const struct site_agent *a)
{
	const struct site_vpc *vpc = vpc_of(api->site, a->vpc);

	api_out_text(o, "AZ", REGION);
	api_out_text(o, "AZ_NAME", api->region);
	api_out_text(o, "REGION", REGION);
	api_out_text(o, "REGION_NAME", api->region);
	api_out_number(o, "EPC_ID", a->vpc);
	api_out_text(o, "EPC_NAME", vpc != NULL ? vpc->name : "");
	api_out_number(o, "POD_CLUSTER_ID", a->pod_cluster);
	api_out_text(o, "POD_CLUSTER_NAME", cluster_name(api->site, a->pod_cluster));
}

static const char *ingester_of(const struct site_agent *a)
{
	return site_agent_config(a)->conf.global.communication.ingester_ip;
}

static void put_vtap(struct out *o, const struct api *api, const struct site_agent *a)
{
	api_out_open(o, NULL, '{');
	api_out_number(o, "ID", a->id);
	api_out_text(o, "NAME", a->name);
	api_out_number(o, "STATE", a->enabled ? a->state : SITE_DISABLED);
	api_out_number(o, "ENABLE", a->enabled);
	api_out_text(o, "LAUNCH_SERVER", a->ctrl_ip);
	api_out_number(o, "LAUNCH_SERVER_ID", 0);
	api_out_number(o, "TYPE", a->type);
	api_out_text(o, "CTRL_IP", a->ctrl_ip);
	api_out_text(o, "CTRL_MAC", a->ctrl_mac);
	api_out_text(o, "CONTROLLER_IP", api->own_ip);
	api_out_text(o, "ANALYZER_IP", ingester_of(a));
	api_out_text(o, "CUR_CONTROLLER_IP", api->own_ip);
	api_out_text(o, "CUR_ANALYZER_IP", ingester_of(a));
	api_out_time(o, "SYNCED_CONTROLLER_AT", a->synced_s);
	api_out_time(o, "SYNCED_ANALYZER_AT", 0);
	api_out_time(o, "CREATED_AT", a->created_s);
	put_facts(o, &a->facts);
	put_exceptions(o, a->facts.exceptions | a->server_exceptions);
	api_out_text(o, "UPGRADE_REVISION", a->wanted_revision);
	api_out_text(o, "EXPECTED_REVISION", a->wanted_revision);
	api_out_text(o, "UPGRADE_PACKAGE", a->wanted_image);
	api_out_text(o, "VTAP_GROUP_LCUUID", a->group->lcuuid);
	api_out_text(o, "VTAP_GROUP_NAME", a->group->name);
	put_place(o, api, a);
	put_features(o);
	api_out_number(o, "TAP_MODE", site_agent_config(a)->capture_mode);
	api_out_number(o, "TEAM_ID", 1);
	api_out_text(o, "LCUUID", a->lcuuid);
	api_out_close(o, '}');
}

static bool is_wanted(const struct call *c, const struct site_agent *a)
{
	char type[12];

	snprintf(type, sizeof(type), "%u", a->type);
	return api_wants(c->rq, "name", a->name) && api_wants(c->rq, "type", type) &&
	       api_wants(c->rq, "vtap_group_lcuuid", a->group->lcuuid) &&
	       api_wants(c->rq, "controller_ip", c->api->own_ip) &&
	       api_wants(c->rq, "analyzer_ip", ingester_of(a)) && api_wants(c->rq, "team_id", "1");
}

void api_deepflow_vtaps(struct call *c)
{
	const struct site_agent *a = NULL;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((a = site_agent_next(c->api->site, a)) != NULL)
		if (is_wanted(c, a))
			put_vtap(&c->out, c->api, a);
	api_out_close(&c->out, ']');
	api_end(c);
}

void api_deepflow_agent_say(struct call *c, const struct site_agent *a)
{
	api_begin(c);
	put_vtap(&c->out, c->api, a);
	api_end(c);
}

/* By any of its names; DeepFlow's ctl of old gives the lcuuid of its configuration. */
static const struct site_group *group_of(struct call *c, const char *name)
{
	const struct site_group *g = NULL;

	while ((g = site_group_next(c->api->site, g)) != NULL)
		if ((g->config != NULL && strcmp(g->config->lcuuid, name) == 0) ||
		    (g->canary != NULL && strcmp(g->canary->lcuuid, name) == 0))
			return g;
	return api_group(c, name);
}

bool api_deepflow_agent_change(struct call *c, const json_t *body, struct site_agent_change *change)
{
	const char *group = api_body_text(body, "VTAP_GROUP_LCUUID");
	int64_t enable = -1, state = -1;

	if (api_body_number(c, body, "ENABLE", &enable) < 0 ||
	    api_body_number(c, body, "STATE", &state) < 0)
		return false;
	if (group[0] != '\0' && (change->group = group_of(c, group)) == NULL)
		return false;
	change->enabled = enable < 0 ? -1 : enable != 0;
	change->state = (int)state;
	return true;
}

static bool has_mode(struct call *c, const char *lcuuid, int64_t mode)
{
	const struct site_agent *a = api_agent(c, lcuuid);

	if (a == NULL)
		return false;
	if (site_agent_config(a)->capture_mode == mode)
		return true;
	api_fail(c, EINVAL,
		 "agent %s: its capture mode is that of its group, %s: set "
		 "inputs.cbpf.common.capture_mode there, or move the agent",
		 a->name, a->group->name);
	return false;
}

/* A mode of its own is nothing an agent has here: what is not so already is refused. */
void api_deepflow_tap_mode(struct call *c)
{
	const json_t *body = api_body(c), *lcuuids, *one;
	int64_t mode = -1;
	size_t i;

	if (body == NULL || api_body_number(c, body, "TAP_MODE", &mode) < 0)
		return;
	lcuuids = json_object_get(body, "VTAP_LCUUIDS");
	json_array_foreach((json_t *)(uintptr_t)lcuuids, i, one)
		if (!has_mode(c, json_is_string(one) ? json_string_value(one) : "", mode))
			return;
	api_done(c);
}

/* There is one controller, and records go where a configuration says. */
void api_deepflow_rebalance(struct call *c)
{
	api_begin(c);
	api_out_open(&c->out, NULL, '{');
	api_out_number(&c->out, "TOTAL_SWITCH_VTAP_NUM", 0);
	api_out_open(&c->out, "DETAILS", '[');
	api_out_close(&c->out, ']');
	api_out_close(&c->out, '}');
	api_end(c);
}
