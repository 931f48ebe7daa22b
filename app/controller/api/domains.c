/* SPDX-License-Identifier: Apache-2.0 */
/* Domains, changed alike by either family of routes. */
#include "api_priv.h"

#include <stdio.h>
#include <stdlib.h>

static void say(struct call *c, const struct site_domain *d, int rc, const struct weir_err *err)
{
	if (rc < 0)
		api_fail_err(c, rc, err);
	else if (api_family_of(c) == API_DEEPFLOW)
		api_deepflow_domain_say(c, d);
	else
		api_own_domain_say(c, d);
}

void api_domain_get(struct call *c)
{
	const struct site_domain *d = api_domain(c, c->rq->params[0]);

	if (d != NULL)
		say(c, d, 0, NULL);
}

/* Text of its object; NULL: there is none. free(). */
static char *config_of(const json_t *body)
{
	const json_t *config = json_object_get(body, "CONFIG");

	return json_is_object(config) ? json_dumps(config, JSON_COMPACT) : NULL;
}

static const char *or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

/* DeepFlow's numbers, which are kept as text. */
struct ids {
	char icon[12], team[12]; /* "" = none is given */
};

/* False: the call has failed. */
static bool take_id(struct call *c, const json_t *body, const char *key, char text[12])
{
	int64_t n = 0;
	const int rc = api_body_number(c, body, key, &n);

	if (rc > 0)
		snprintf(text, 12, "%u", (unsigned int)n);
	return rc >= 0;
}

static bool take_ids(struct call *c, const json_t *body, struct ids *ids)
{
	*ids = (struct ids){ "", "" };
	return take_id(c, body, "ICON_ID", ids->icon) && take_id(c, body, "TEAM_ID", ids->team);
}

void api_domain_create(struct call *c)
{
	const json_t *body = api_body(c);
	const struct site_domain *d = NULL;
	struct weir_err err = { 0 };
	int64_t type = 11; /* a Kubernetes cluster */
	struct ids ids;
	char *config;
	int rc;

	if (body == NULL || api_body_number(c, body, "TYPE", &type) < 0 || !take_ids(c, body, &ids))
		return;
	config = config_of(body);
	rc = site_domain_create(c->api->site, &c->by,
				&(struct site_domain_new){
					.name = api_body_text(body, "NAME"),
					.cluster_id = or_null(api_body_text(body, "CLUSTER_ID")),
					.controller_ip = or_null(
						api_body_text(body, "CONTROLLER_IP")),
					.config = config,
					.icon_id = ids.icon,
					.team_id = ids.team,
					.type = (uint32_t)type,
				},
				&d, &err);
	free(config);
	say(c, d, rc, &err);
}

void api_domain_update(struct call *c)
{
	const struct site_domain *d = api_domain(c, c->rq->params[0]);
	const json_t *body = d != NULL ? api_body(c) : NULL;
	struct weir_err err = { 0 };
	int64_t enabled = -1;
	struct ids ids;
	char *config;
	int rc;

	if (body == NULL || api_body_number(c, body, "ENABLED", &enabled) < 0 ||
	    !take_ids(c, body, &ids))
		return;
	config = config_of(body);
	rc = site_domain_update(c->api->site, &c->by, d,
				&(struct site_domain_change){
					.name = json_string_value(json_object_get(body, "NAME")),
					.controller_ip = json_string_value(
						json_object_get(body, "CONTROLLER_IP")),
					.config = config,
					.icon_id = or_null(ids.icon),
					.team_id = or_null(ids.team),
					.enabled = enabled < 0 ? -1 : enabled != 0,
				},
				&err);
	free(config);
	say(c, d, rc, &err);
}

void api_domain_delete(struct call *c)
{
	const struct site_domain *d = api_domain(c, c->rq->params[0]);
	struct weir_err err = { 0 };
	char lcuuid[sizeof(d->lcuuid)];
	int rc;

	if (d == NULL)
		return;
	memcpy(lcuuid, d->lcuuid, sizeof(lcuuid));
	rc = site_domain_delete(c->api->site, &c->by, d, &err);
	if (rc < 0)
		api_fail_err(c, rc, &err);
	else
		api_gone(c, lcuuid);
}
