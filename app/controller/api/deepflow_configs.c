/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations of groups, by either family of DeepFlow's routes: the newer, where the path names the group, and the
 * older, where the text does. A body is the text itself, whatever Content-Type says: DeepFlow's ctl says form.
 */
#include "api_priv.h"

#include <errno.h>
#include <stdlib.h>

static const struct site_config *newest(const struct site_group *g)
{
	return g->canary != NULL ? g->canary : g->config;
}

/* ------------------------------------------------------------------ shown */

static void put_new(struct out *o, const struct site_group *g)
{
	const struct site_config *config = newest(g);

	api_out_open(o, NULL, '{');
	api_out_text(o, "LCUUID", config->lcuuid);
	api_out_text(o, "AGENT_GROUP_LCUUID", g->lcuuid);
	api_out_bytes(o, "YAML", config->text, config->len);
	api_out_time(o, "CREATED_AT", config->created_s);
	api_out_time(o, "UPDATED_AT", config->created_s);
	api_out_number(o, "VERSION", config->version);
	api_out_close(o, '}');
}

void api_deepflow_configs(struct call *c)
{
	const struct site_group *g = NULL;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((g = site_group_next(c->api->site, g)) != NULL)
		if (newest(g) != NULL)
			put_new(&c->out, g);
	api_out_close(&c->out, ']');
	api_end(c);
}

static const struct site_group *group_with_config(struct call *c, const char *name)
{
	const struct site_group *g = api_group(c, name);

	if (g == NULL || newest(g) != NULL)
		return g;
	api_fail(c, ENOENT, "agent-group %s has no configuration: defaults hold", g->name);
	return NULL;
}

static void say_text(struct call *c, const char *text, size_t n)
{
	api_begin(c);
	api_out_bytes(&c->out, NULL, text, n);
	api_end(c);
}

void api_deepflow_config(struct call *c)
{
	const struct site_group *g = group_with_config(c, c->rq->params[0]);

	if (g != NULL)
		say_text(c, newest(g)->text, newest(g)->len);
}

void api_deepflow_config_json(struct call *c)
{
	const struct site_group *g = group_with_config(c, c->rq->params[0]);
	struct weir_err err = { 0 };
	char *json;

	if (g == NULL)
		return;
	json = config_yaml_to_json(newest(g)->text, newest(g)->len, &err);
	if (json == NULL) {
		api_fail_err(c, err.code, &err);
		return;
	}
	api_begin(c);
	api_out_json(&c->out, NULL, json);
	api_end(c);
	free(json);
}

void api_deepflow_template(struct call *c)
{
	say_text(c, config_template_new(), strlen(config_template_new()));
}

void api_deepflow_old_template(struct call *c)
{
	say_text(c, config_template_old(), strlen(config_template_old()));
}

static bool is_wanted(const struct call *c, const struct site_group *g)
{
	return newest(g) != NULL && (api_wants(c->rq, "vtap_group_id", g->short_id) ||
				     api_wants(c->rq, "vtap_group_id", g->name) ||
				     api_wants(c->rq, "vtap_group_id", g->lcuuid));
}

static void put_old(struct out *o, const struct site_group *g)
{
	const struct site_config *config = newest(g);

	api_out_open(o, NULL, '{');
	api_out_text(o, "LCUUID", config->lcuuid);
	api_out_text(o, "VTAP_GROUP_NAME", g->name);
	api_out_text(o, "VTAP_GROUP_ID", g->short_id);
	api_out_text(o, "VTAP_GROUP_LCUUID", g->lcuuid);
	api_out_time(o, "UPDATED_AT", config->created_s);
	api_out_close(o, '}');
}

void api_deepflow_old_configs(struct call *c)
{
	const struct site_group *g = NULL;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((g = site_group_next(c->api->site, g)) != NULL)
		if (is_wanted(c, g))
			put_old(&c->out, g);
	api_out_close(&c->out, ']');
	api_end(c);
}

void api_deepflow_old_texts(struct call *c)
{
	const struct site_group *g = NULL;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((g = site_group_next(c->api->site, g)) != NULL)
		if (is_wanted(c, g))
			api_out_bytes(&c->out, NULL, newest(g)->text, newest(g)->len);
	api_out_close(&c->out, ']');
	api_end(c);
}

/* By the lcuuid of a configuration, or what names its group. */
static const struct site_group *group_of_config(struct call *c, const char *lcuuid)
{
	const struct site_group *g = NULL;

	while ((g = site_group_next(c->api->site, g)) != NULL)
		if (newest(g) != NULL && strcmp(newest(g)->lcuuid, lcuuid) == 0)
			return g;
	return group_with_config(c, lcuuid);
}

void api_deepflow_old_text(struct call *c)
{
	const struct site_group *g = group_of_config(c, c->rq->params[0]);

	if (g != NULL)
		say_text(c, newest(g)->text, newest(g)->len);
}

/* ------------------------------------------------------------------ changed */

/* Of the query, so that a staged roll-out goes by these routes too. */
static bool take_stage(struct call *c, struct site_config_change *change)
{
	const char *canary = weir_http_query(c->rq, "canary");
	const char *version = weir_http_query(c->rq, "if_version");

	if ((canary != NULL && !api_is_number(canary, 64000, &change->canary)) ||
	    (version != NULL && !api_is_number(version, UINT32_MAX, &change->if_version))) {
		api_fail(c, EINVAL, "canary and if_version are numbers");
		return false;
	}
	change->comment = weir_http_query(c->rq, "comment");
	return true;
}

static void set(struct call *c, const struct site_group *g, const char *text, size_t len)
{
	struct site_config_change change = { .text = text, .len = len };
	struct weir_err_list *errs = calloc(1, sizeof(*errs));
	struct weir_err err = { 0 };
	int rc;

	if (errs == NULL)
		api_fail(c, ENOMEM, "no memory");
	else if (take_stage(c, &change)) {
		rc = site_config_set(c->api->site, &c->by, g, &change, errs, &err);
		if (rc < 0 && err.code == 0)
			err.code = -rc;
		if (rc < 0)
			api_fail_list(c, errs, &err);
		else
			say_text(c, newest(g)->text, newest(g)->len);
	}
	free(errs);
}

/* An empty one gives way: `agent-group-config create NAME` makes it, before there is a file. */
static void create(struct call *c, const struct site_group *g, const char *text, size_t len)
{
	const struct site_config *config = newest(g);

	if (config != NULL && config->len > 0)
		api_fail(
			c, EEXIST,
			"agent-group %s has a configuration already: update it, or delete it first",
			g->name);
	else
		set(c, g, text, len);
}

/* Of an empty file DeepFlow's ctl sends "null". */
static void with_text(struct call *c, void (*then)(struct call *c, const struct site_group *g,
						   const char *text, size_t len))
{
	const struct site_group *g = api_group(c, c->rq->params[0]);
	const bool none = strcmp(c->rq->body, "null") == 0;

	if (g != NULL)
		then(c, g, none ? "" : c->rq->body, none ? 0 : c->rq->body_len);
}

void api_deepflow_config_create(struct call *c)
{
	with_text(c, create);
}

void api_deepflow_config_update(struct call *c)
{
	with_text(c, set);
}

static void with_yaml(struct call *c, void (*then)(struct call *c, const struct site_group *g,
						   const char *text, size_t len))
{
	const struct site_group *g = api_group(c, c->rq->params[0]);
	struct weir_err err = { 0 };
	char *yaml;

	if (g == NULL)
		return;
	yaml = config_json_to_yaml(c->rq->body, c->rq->body_len, &err);
	if (yaml == NULL)
		api_fail_err(c, EBADMSG, &err);
	else
		then(c, g, yaml, strlen(yaml));
	free(yaml);
}

void api_deepflow_config_json_create(struct call *c)
{
	with_yaml(c, create);
}

void api_deepflow_config_json_update(struct call *c)
{
	with_yaml(c, set);
}

/* The group that the text names: 1, 0 none, negative: the call has failed. */
static int named_by_text(struct call *c, const struct site_group **g)
{
	struct weir_err err = { 0 };
	char name[256];
	int rc = config_names_group(c->rq->body, c->rq->body_len, name, sizeof(name), &err);

	*g = NULL;
	if (rc < 0)
		api_fail_err(c, EBADMSG, &err);
	else if (rc > 0 && (*g = api_group(c, name)) == NULL)
		rc = -ENOENT;
	return rc;
}

void api_deepflow_old_create(struct call *c)
{
	const struct site_group *g;
	const int rc = named_by_text(c, &g);

	if (rc == 0)
		api_fail(c, EBADMSG,
			 "the configuration does not say whose it is: vtap_group_id: ID");
	else if (rc > 0)
		create(c, g, c->rq->body, c->rq->body_len);
}

void api_deepflow_old_update(struct call *c)
{
	const struct site_group *g = group_of_config(c, c->rq->params[0]), *named;
	const int rc = g != NULL ? named_by_text(c, &named) : -ENOENT;

	if (rc > 0 && named != g)
		api_fail(c, EINVAL, "the configuration is of agent-group %s, and says it is of %s",
			 g->name, named->name);
	else if (rc >= 0)
		set(c, g, c->rq->body, c->rq->body_len);
}

static void delete_config(struct call *c, const struct site_group *g)
{
	struct weir_err err = { 0 };
	char lcuuid[37];
	int rc;

	memcpy(lcuuid, newest(g)->lcuuid, sizeof(lcuuid));
	rc = site_config_delete(c->api->site, &c->by, g, &err);
	if (rc < 0) {
		api_fail_err(c, rc, &err);
		return;
	}
	api_begin(c);
	api_out_open(&c->out, NULL, '{');
	api_out_text(&c->out, "LCUUID", lcuuid);
	api_out_close(&c->out, '}');
	api_end(c);
}

void api_deepflow_config_delete(struct call *c)
{
	const struct site_group *g = group_with_config(c, c->rq->params[0]);

	if (g != NULL)
		delete_config(c, g);
}

void api_deepflow_old_delete_one(struct call *c)
{
	const struct site_group *g = group_of_config(c, c->rq->params[0]);

	if (g != NULL)
		delete_config(c, g);
}

void api_deepflow_old_delete(struct call *c)
{
	const char *id = weir_http_query(c->rq, "vtap_group_id");
	const struct site_group *g;

	if (id == NULL) {
		api_fail(c, EINVAL, "vtap_group_id: of which group?");
		return;
	}
	g = group_with_config(c, id);
	if (g != NULL)
		delete_config(c, g);
}
