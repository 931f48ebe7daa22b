/* SPDX-License-Identifier: Apache-2.0 */
/* Agents, changed alike by either family of routes. */
#include "api_priv.h"

static void say(struct call *c, const struct site_agent *a)
{
	if (api_family_of(c) == API_DEEPFLOW)
		api_deepflow_agent_say(c, a);
	else
		api_own_agent_say(c, a);
}

void api_agent_get(struct call *c)
{
	const struct site_agent *a = api_agent(c, c->rq->params[0]);

	if (a != NULL)
		say(c, a);
}

/* What is wanted, in the words of the family; false, and the call has failed. */
static bool take_change(struct call *c, const struct site_agent *a, const json_t *body,
			struct site_agent_change *change)
{
	if (api_family_of(c) == API_DEEPFLOW)
		return api_deepflow_agent_change(c, body, change);
	if (!api_own_agent_change(c, body, change))
		return false;
	if (change->state >= 0 && a->state != SITE_PENDING)
		change->state = -1; /* approved already: asking again changes nothing */
	return true;
}

void api_agent_update(struct call *c)
{
	const struct site_agent *a = api_agent(c, c->rq->params[0]);
	struct site_agent_change change = SITE_AGENT_CHANGE_NONE;
	const json_t *body = a != NULL ? api_body(c) : NULL;
	struct weir_err err = { 0 };
	int rc;

	if (body == NULL || !take_change(c, a, body, &change))
		return;
	rc = site_agent_update(c->api->site, &c->by, a, &change, &err);
	if (rc < 0)
		api_fail_err(c, rc, &err);
	else
		say(c, a);
}

static void gone(struct call *c, int (*go)(struct site *s, const struct site_actor *by,
					   const struct site_agent *a, struct weir_err *err))
{
	const struct site_agent *a = api_agent(c, c->rq->params[0]);
	struct weir_err err = { 0 };
	char lcuuid[sizeof(a->lcuuid)];
	int rc;

	if (a == NULL)
		return;
	memcpy(lcuuid, a->lcuuid, sizeof(lcuuid));
	rc = go(c->api->site, &c->by, a, &err);
	if (rc < 0)
		api_fail_err(c, rc, &err);
	else
		api_gone(c, lcuuid);
}

void api_agent_delete(struct call *c)
{
	gone(c, site_agent_delete);
}

void api_agent_revoke(struct call *c)
{
	gone(c, site_agent_revoke);
}
