/* SPDX-License-Identifier: Apache-2.0 */
/* Agent groups, changed alike by either family of routes. */
#include "api_priv.h"

static void say(struct call *c, const struct site_group *g, int rc, const struct weir_err *err)
{
	if (rc < 0)
		api_fail_err(c, rc, err);
	else if (api_family_of(c) == API_DEEPFLOW)
		api_deepflow_group_say(c, g);
	else
		api_own_group_say(c, g);
}

void api_group_get(struct call *c)
{
	const struct site_group *g = api_group(c, c->rq->params[0]);

	if (g != NULL)
		say(c, g, 0, NULL);
}

/* The id is "group_id" in the one, "short_id" in the other. */
void api_group_create(struct call *c)
{
	const json_t *body = api_body(c);
	const struct site_group *g = NULL;
	struct weir_err err = { 0 };
	const char *id;
	int rc;

	if (body == NULL)
		return;
	id = api_body_text(body, api_family_of(c) == API_DEEPFLOW ? "GROUP_ID" : "SHORT_ID");
	rc = site_group_create(c->api->site, &c->by, api_body_text(body, "NAME"),
			       id[0] != '\0' ? id : NULL, &g, &err);
	say(c, g, rc, &err);
}

void api_group_update(struct call *c)
{
	const struct site_group *g = api_group(c, c->rq->params[0]);
	const json_t *body = g != NULL ? api_body(c) : NULL;
	struct weir_err err = { 0 };

	if (body != NULL)
		say(c, g,
		    site_group_rename(c->api->site, &c->by, g, api_body_text(body, "NAME"), &err),
		    &err);
}

void api_group_delete(struct call *c)
{
	const struct site_group *g = api_group(c, c->rq->params[0]);
	struct weir_err err = { 0 };
	char lcuuid[sizeof(g->lcuuid)];
	int rc;

	if (g == NULL)
		return;
	memcpy(lcuuid, g->lcuuid, sizeof(lcuuid));
	rc = site_group_delete(c->api->site, &c->by, g, &err);
	if (rc < 0)
		api_fail_err(c, rc, &err);
	else
		api_gone(c, lcuuid);
}
