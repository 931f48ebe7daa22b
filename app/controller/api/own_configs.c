/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /api/v1: configurations of groups. A version is an ETag: who changes what it has read sends it as If-Match, and is
 * refused where another came between; a request that is sent again is refused the same way.
 */
#include "api_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void put_config(struct out *o, const struct site_group *g, const struct site_config *config,
		       bool text)
{
	api_out_open(o, NULL, '{');
	api_out_number(o, "version", config->version);
	api_out_bool(o, "in_force", g->config != NULL && g->config->version == config->version);
	api_out_bool(o, "canary", g->canary != NULL && g->canary->version == config->version);
	api_out_text(o, "who", config->who);
	api_out_text(o, "comment", config->comment);
	api_out_rfc3339(o, "created_at", config->created_s);
	api_out_number(o, "bytes", config->len);
	if (text)
		api_out_bytes(o, "text", config->text, config->len);
	api_out_close(o, '}');
}

static void say_version(struct call *c, uint32_t version)
{
	char tag[16];

	snprintf(tag, sizeof(tag), "\"%u\"", version);
	weir_http_answer_header(c->answer, "ETag", tag);
}

static void say_config(struct call *c, const struct site_group *g)
{
	const struct site_config *config = g->canary != NULL ? g->canary : g->config;

	say_version(c, g->versions);
	api_begin(c);
	if (config != NULL)
		put_config(&c->out, g, config, true);
	else
		api_out_null(&c->out, NULL);
	api_end(c);
}

void api_own_config(struct call *c)
{
	const struct site_group *g = api_group(c, c->rq->params[0]);

	if (g == NULL)
		return;
	if (g->config == NULL && g->canary == NULL)
		api_fail(c, ENOENT, "agent-group %s has no configuration: defaults hold", g->name);
	else
		say_config(c, g);
}

/* If-Match: "3", or ?if_version=3. */
static bool take_version(struct call *c, uint32_t *version)
{
	const char *tag = weir_http_header(c->rq, "If-Match");
	const char *query = weir_http_query(c->rq, "if_version");
	char number[12] = "";
	size_t n;

	if (tag != NULL && strcmp(tag, "*") != 0) {
		n = strspn(tag, "\"");
		snprintf(number, sizeof(number), "%.*s", (int)strcspn(tag + n, "\""), tag + n);
		query = number;
	}
	if (query == NULL || api_is_number(query, UINT32_MAX, version))
		return true;
	api_fail(c, EINVAL, "If-Match and if_version: a version's number");
	return false;
}

/* For changes that site_config_set() does not make: the same promise. */
static bool is_version(struct call *c, const struct site_group *g)
{
	uint32_t version = 0;

	if (!take_version(c, &version))
		return false;
	if (version == 0 || version == g->versions)
		return true;
	api_fail(c, EAGAIN, "agent-group %s: the newest version is %u, not %u: look at it first",
		 g->name, g->versions, version);
	return false;
}

void api_own_config_set(struct call *c)
{
	const struct site_group *g = api_group(c, c->rq->params[0]);
	const char *canary = weir_http_query(c->rq, "canary");
	struct site_config_change change = { .text = c->rq->body,
					     .len = c->rq->body_len,
					     .comment = weir_http_query(c->rq, "comment") };
	struct weir_err_list *errs;
	struct weir_err err = { 0 };
	int rc;

	if (g == NULL || !take_version(c, &change.if_version))
		return;
	if (canary != NULL && !api_is_number(canary, 64000, &change.canary)) {
		api_fail(c, EINVAL, "canary: how many agents go first");
		return;
	}
	errs = calloc(1, sizeof(*errs));
	rc = errs != NULL ? site_config_set(c->api->site, &c->by, g, &change, errs, &err)
			  : weir_err_set(&err, ENOMEM, "no memory");
	if (rc < 0 && errs != NULL)
		api_fail_list(c, errs, &err);
	else if (rc < 0)
		api_fail_err(c, rc, &err);
	else
		say_config(c, g);
	free(errs);
}

static void change(struct call *c, int (*make)(struct site *s, const struct site_actor *by,
					       const struct site_group *g, struct weir_err *err))
{
	const struct site_group *g = api_group(c, c->rq->params[0]);
	struct weir_err err = { 0 };
	int rc;

	if (g == NULL || !is_version(c, g))
		return;
	rc = make(c->api->site, &c->by, g, &err);
	if (rc < 0)
		api_fail_err(c, rc, &err);
	else
		say_config(c, g);
}

void api_own_config_delete(struct call *c)
{
	change(c, site_config_delete);
}

void api_own_config_promote(struct call *c)
{
	change(c, site_config_promote);
}

void api_own_config_abort(struct call *c)
{
	change(c, site_config_abort);
}

void api_own_config_rollback(struct call *c)
{
	const struct site_group *g = api_group(c, c->rq->params[0]);
	const char *version = weir_http_query(c->rq, "version");
	struct weir_err err = { 0 };
	uint32_t n;
	int rc;

	if (g == NULL || !is_version(c, g))
		return;
	if (version == NULL || !api_is_number(version, UINT32_MAX, &n) || n == 0) {
		api_fail(c, EINVAL, "version: to which?");
		return;
	}
	rc = site_config_rollback(c->api->site, &c->by, g, n, &err);
	if (rc < 0)
		api_fail_err(c, rc, &err);
	else
		say_config(c, g);
}

/* ------------------------------------------------------------------ versions */

struct history {
	struct call *c;
	const struct site_group *g;
	uint32_t version; /* this one, with its text; 0 = all */
	bool found;
};

static int put_one(void *ctx, const struct site_config *config)
{
	struct history *h = ctx;

	if (h->version != 0 && h->version != config->version)
		return 0;
	h->found = true;
	put_config(&h->c->out, h->g, config, h->version != 0);
	return 0;
}

void api_own_config_history(struct call *c)
{
	struct history h = { .c = c, .g = api_group(c, c->rq->params[0]) };
	struct weir_err err = { 0 };
	int rc;

	if (h.g == NULL)
		return;
	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	rc = site_config_history(c->api->site, h.g, put_one, &h, &err);
	api_out_close(&c->out, ']');
	api_end(c);
	if (rc < 0)
		api_fail_err(c, rc, &err);
}

void api_own_config_version(struct call *c)
{
	struct history h = { .c = c, .g = api_group(c, c->rq->params[0]) };
	struct weir_err err = { 0 };
	int rc;

	if (h.g == NULL)
		return;
	if (!api_is_number(c->rq->params[1], UINT32_MAX, &h.version) || h.version == 0) {
		api_fail(c, EINVAL, "%s: no number of a version", c->rq->params[1]);
		return;
	}
	api_begin(c);
	rc = site_config_history(c->api->site, h.g, put_one, &h, &err);
	api_end(c);
	if (rc < 0)
		api_fail_err(c, rc, &err);
	else if (!h.found)
		api_fail(c, ENOENT, "agent-group %s has no version %u", h.g->name, h.version);
}

/* ------------------------------------------------------------------ what would change */

static void put_changes(struct out *o, const struct weir_conf_plan *plan)
{
	api_out_open(o, "changes", '[');
	for (uint32_t i = 0; i < plan->n; i++) {
		api_out_open(o, NULL, '{');
		api_out_text(o, "key", plan->changes[i].row->path);
		api_out_text(o, "from", plan->changes[i].from);
		api_out_text(o, "to", plan->changes[i].to);
		api_out_text(o, "effect", weir_conf_effect_text(plan->changes[i].row));
		api_out_close(o, '}');
	}
	api_out_close(o, ']');
}

static void put_agents_of(struct call *c, const struct site_group *g, bool canary)
{
	const struct site_agent *a = NULL;

	api_out_open(&c->out, "agents", '[');
	while ((a = site_agent_next(c->api->site, a)) != NULL)
		if (a->group == g && a->canary == canary)
			api_out_text(&c->out, NULL, a->name);
	api_out_close(&c->out, ']');
}

static bool put_target(struct call *c, const struct site_group *g, const struct site_config *from,
		       const struct config_compiled *old, const struct config_compiled *next)
{
	struct weir_conf_plan plan;

	if (weir_group_conf_plan(&plan, &old->conf, &next->conf) < 0)
		return false;
	api_out_open(&c->out, NULL, '{');
	if (from != NULL)
		api_out_number(&c->out, "from_version", from->version);
	else
		api_out_null(&c->out, "from_version");
	api_out_bool(&c->out, "canary", from != NULL && from == g->canary);
	put_agents_of(c, g, from != NULL && from == g->canary);
	put_changes(&c->out, &plan);
	api_out_close(&c->out, '}');
	weir_conf_plan_free(&plan);
	return true;
}

static void put_warnings(struct out *o, const struct weir_err_list *errs)
{
	api_out_open(o, "warnings", '[');
	for (uint32_t i = 0; i < errs->n; i++) {
		api_out_open(o, NULL, '{');
		api_out_number(o, "line", errs->items[i].line);
		api_out_number(o, "column", errs->items[i].column);
		api_out_text(o, "message", errs->items[i].msg);
		api_out_close(o, '}');
	}
	api_out_close(o, ']');
}

/* Those with the canary come from another configuration than the rest. */
static void say_plan(struct call *c, const struct site_group *g, const struct config_compiled *next,
		     const struct weir_err_list *errs)
{
	bool good;

	api_begin(c);
	api_out_open(&c->out, NULL, '{');
	api_out_text(&c->out, "group", g->name);
	api_out_number(&c->out, "newest_version", g->versions);
	api_out_number(&c->out, "agents", g->agents);
	api_out_open(&c->out, "targets", '[');
	good = put_target(c, g, g->config, site_group_config(g), next);
	if (g->canary != NULL && g->canary->compiled != NULL)
		good = good && put_target(c, g, g->canary, g->canary->compiled, next);
	api_out_close(&c->out, ']');
	put_warnings(&c->out, errs);
	api_out_close(&c->out, '}');
	api_end(c);
	if (!good)
		api_fail(c, ENOMEM, "no memory");
}

void api_own_config_plan(struct call *c)
{
	static const struct config_site nothing = { .ingester_ip = "", .controller_ip = "" };
	const struct site_group *g = api_group(c, c->rq->params[0]);
	const struct weir_err none = { .code = ENOMEM, .msg = "no memory" };
	struct weir_err_list *errs = calloc(1, sizeof(*errs));
	struct config_compiled *next = NULL;

	if (errs != NULL && g != NULL)
		next = config_compile(c->rq->body, c->rq->body_len, "config", &nothing, errs);
	if (errs == NULL)
		api_fail_err(c, ENOMEM, &none);
	else if (g != NULL && next == NULL)
		api_fail_list(c, errs, &none);
	else if (g != NULL)
		say_plan(c, g, next, errs);
	config_compiled_free(next);
	free(errs);
}
