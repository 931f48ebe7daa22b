/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1: networks, credentials, what was done, and the state as a whole. */
#include "api_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define AUDIT_MAX 1000

static void end_or_fail(struct call *c, int rc, const struct weir_err *err)
{
	if (rc < 0)
		api_fail_err(c, rc, err);
	else
		api_done(c);
}

/* ------------------------------------------------------------------ VPCs */

static void put_vpc(struct out *o, const struct site_vpc *v)
{
	api_out_open(o, NULL, '{');
	api_out_number(o, "id", v->id);
	api_out_text(o, "name", v->name);
	api_out_text(o, "lcuuid", v->lcuuid);
	api_out_close(o, '}');
}

void api_own_vpcs(struct call *c)
{
	const struct site_vpc *v = NULL;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((v = site_vpc_next(c->api->site, v)) != NULL)
		put_vpc(&c->out, v);
	api_out_close(&c->out, ']');
	api_end(c);
}

void api_own_vpc_create(struct call *c)
{
	const json_t *body = api_body(c);
	const struct site_vpc *v;
	struct weir_err err = { 0 };
	int rc;

	if (body == NULL)
		return;
	rc = site_vpc_create(c->api->site, &c->by, api_body_text(body, "NAME"), &v, &err);
	if (rc < 0) {
		api_fail_err(c, rc, &err);
		return;
	}
	api_begin(c);
	put_vpc(&c->out, v);
	api_end(c);
}

void api_own_vpc_delete(struct call *c)
{
	const struct site_vpc *v = NULL;
	struct weir_err err = { 0 };

	while ((v = site_vpc_next(c->api->site, v)) != NULL)
		if (strcmp(v->name, c->rq->params[0]) == 0 ||
		    strcmp(v->lcuuid, c->rq->params[0]) == 0)
			break;
	if (v == NULL)
		api_fail(c, ENOENT, "VPC %s: there is none of this name", c->rq->params[0]);
	else
		end_or_fail(c, site_vpc_delete(c->api->site, &c->by, v, &err), &err);
}

/* ------------------------------------------------------------------ network types */

void api_own_network_types(struct call *c)
{
	const struct site_network_type *t = NULL;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((t = site_network_type_next(c->api->site, t)) != NULL) {
		api_out_open(&c->out, NULL, '{');
		api_out_number(&c->out, "type", t->type);
		api_out_number(&c->out, "packet_type", t->packet_type);
		api_out_number(&c->out, "vlan", t->vlan);
		api_out_text(&c->out, "source_ip", t->source_ip);
		api_out_number(&c->out, "port", t->port);
		api_out_close(&c->out, '}');
	}
	api_out_close(&c->out, ']');
	api_end(c);
}

static bool take_number(const json_t *item, const char *key, uint32_t fallback, uint32_t *value)
{
	const json_t *v = json_object_get(item, key);

	*value = fallback;
	if (v == NULL)
		return true;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT16_MAX)
		return false;
	*value = (uint32_t)json_integer_value(v);
	return true;
}

static bool take_type(const json_t *item, struct site_network_type *t)
{
	const char *ip = json_string_value(json_object_get(item, "source_ip"));

	t->source_ip = ip != NULL ? ip : "";
	return json_is_object(item) && take_number(item, "type", 0, &t->type) &&
	       take_number(item, "packet_type", 1, &t->packet_type) &&
	       take_number(item, "vlan", 0, &t->vlan) && take_number(item, "port", 0, &t->port);
}

void api_own_network_types_set(struct call *c)
{
	json_t *list = json_loadb(c->rq->body, c->rq->body_len, JSON_REJECT_DUPLICATES, NULL),
	       *item;
	const size_t n = json_array_size(list);
	struct site_network_type *types = calloc(n + 1, sizeof(*types));
	struct weir_err err = { 0 };
	bool good = json_is_array(list) && types != NULL;
	size_t i;

	json_array_foreach(list, i, item)
		good = good && take_type(item, &types[i]);
	if (good)
		end_or_fail(c, site_network_types_set(c->api->site, &c->by, types, n, &err), &err);
	else
		api_fail(
			c, EBADMSG,
			"the body must be a JSON list of {type, packet_type, vlan, source_ip, port}");
	free(types);
	json_decref(list);
}

/* ------------------------------------------------------------------ tokens, and who is refused */

static const char *const roles[] = { "", "read", "operate", "admin" };

void api_own_tokens(struct call *c)
{
	const struct site_token *t = NULL;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((t = site_token_next(c->api->site, t)) != NULL) {
		api_out_open(&c->out, NULL, '{');
		api_out_text(&c->out, "name", t->name);
		api_out_text(&c->out, "role", roles[t->role]);
		api_out_rfc3339(&c->out, "created_at", t->created_s);
		api_out_rfc3339(&c->out, "expires_at", t->expires_s);
		api_out_rfc3339(&c->out, "used_at", t->used_s);
		api_out_close(&c->out, '}');
	}
	api_out_close(&c->out, ']');
	api_end(c);
}

/* 0: no such. */
static enum site_role role_named(const char *name)
{
	size_t i = WEIR_ARRAY_SIZE(roles) - 1;

	while (i > 0 && strcmp(roles[i], name) != 0)
		i--;
	return (enum site_role)i;
}

/*
 * As soon as there is a token, nobody is anything without one: tokens none of which may make another would lock
 * everybody out. `without`: one that is about to go; NULL = none.
 */
static bool is_locked_out(const struct call *c, const char *without)
{
	const struct site_token *t = NULL;
	bool others = false;

	while ((t = site_token_next(c->api->site, t)) != NULL) {
		const bool goes = without != NULL && strcmp(t->name, without) == 0;

		if (goes != (t->role == SITE_ADMIN))
			return false;
		others = others || !goes;
	}
	return others || without == NULL;
}

static int token_create(struct call *c, const json_t *body, int64_t seconds, char secret[64],
			struct weir_err *err)
{
	const enum site_role role = role_named(api_body_text(body, "ROLE"));

	if (role != SITE_ADMIN && is_locked_out(c, NULL))
		return weir_err_set(err, EPERM,
				    "token %.64s: the first token must be of role admin, or nobody "
				    "could make another",
				    api_body_text(body, "NAME"));
	return site_token_create(c->api->site, &c->by, api_body_text(body, "NAME"), role,
				 seconds > 0 ? (uint64_t)time(NULL) + (uint64_t)seconds : 0, secret,
				 err);
}

void api_own_token_create(struct call *c)
{
	const json_t *body = api_body(c);
	char secret[64];
	struct weir_err err = { 0 };
	int64_t seconds = 0;
	int rc;

	if (body == NULL || api_body_number(c, body, "EXPIRES_IN_S", &seconds) < 0)
		return;
	rc = token_create(c, body, seconds, secret, &err);
	if (rc < 0) {
		api_fail_err(c, rc, &err);
		return;
	}
	weir_http_answer_header(c->answer, "Cache-Control", "no-store");
	api_begin(c);
	api_out_open(&c->out, NULL, '{');
	api_out_text(&c->out, "name", api_body_text(body, "NAME"));
	api_out_text(&c->out, "role", api_body_text(body, "ROLE"));
	api_out_text(&c->out, "token", secret);
	api_out_close(&c->out, '}');
	api_end(c);
	explicit_bzero(secret, sizeof(secret));
}

void api_own_token_delete(struct call *c)
{
	const char *name = c->rq->params[0];
	struct weir_err err = { 0 };
	int rc;

	if (is_locked_out(c, name))
		rc = weir_err_set(
			&err, EPERM,
			"token %.64s: no other one is of role admin: make one first, or delete "
			"the others before it",
			name);
	else
		rc = site_token_delete(c->api->site, &c->by, name, &err);
	end_or_fail(c, rc, &err);
}

static int put_revoked(void *ctx, const char *who, uint64_t at_s)
{
	struct out *o = ctx;

	api_out_open(o, NULL, '{');
	api_out_text(o, "who", who);
	api_out_rfc3339(o, "at", at_s);
	api_out_close(o, '}');
	return 0;
}

void api_own_revoked(struct call *c)
{
	struct weir_err err = { 0 };
	int rc;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	rc = site_revoked_list(c->api->site, put_revoked, &c->out, &err);
	api_out_close(&c->out, ']');
	api_end(c);
	if (rc < 0)
		api_fail_err(c, rc, &err);
}

void api_own_revoked_remove(struct call *c)
{
	struct weir_err err = { 0 };

	end_or_fail(c, site_revoked_remove(c->api->site, &c->by, c->rq->params[0], &err), &err);
}

/* ------------------------------------------------------------------ what was done */

static int put_audit(void *ctx, const struct site_audit *a)
{
	struct out *o = ctx;

	api_out_open(o, NULL, '{');
	api_out_number(o, "id", a->id);
	api_out_rfc3339(o, "at", a->at_s);
	api_out_text(o, "who", a->who);
	api_out_text(o, "from", a->from);
	api_out_text(o, "what", a->what);
	api_out_text(o, "object", a->object);
	api_out_json(o, "detail", a->detail);
	api_out_close(o, '}');
	return 0;
}

void api_own_audit(struct call *c)
{
	const char *before = weir_http_query(c->rq, "before"),
		   *limit = weir_http_query(c->rq, "limit");
	uint32_t id = 0, n = 100;
	struct weir_err err = { 0 };
	int rc;

	if ((before != NULL && !api_is_number(before, UINT32_MAX, &id)) ||
	    (limit != NULL && !api_is_number(limit, AUDIT_MAX, &n))) {
		api_fail(c, EINVAL, "before is an id, limit a number up to %d", AUDIT_MAX);
		return;
	}
	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	rc = site_audit_list(c->api->site, id, n, put_audit, &c->out, &err);
	api_out_close(&c->out, ']');
	api_end(c);
	if (rc < 0)
		api_fail_err(c, rc, &err);
}

/* ------------------------------------------------------------------ the state */

/* A whole copy, sent as a file; nothing of it stays here. */
void api_own_backup(struct call *c)
{
	struct weir_err err = { 0 };
	char path[512];
	int rc;

	snprintf(path, sizeof(path), "%s/" SITE_UPLOAD_PREFIX "backup-%016llx",
		 site_image_dir(c->api->site), (unsigned long long)weir_random_u64());
	rc = site_backup(c->api->site, &c->by, path, &err);
	if (rc < 0) {
		api_fail_err(c, rc, &err);
		return;
	}
	c->answer->file = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	if (c->answer->file < 0)
		api_fail(c, EIO, "the copy cannot be read: %s", strerror(errno));
	else
		c->answer->type = "application/vnd.sqlite3";
}

static void put_agents(struct out *o, const struct site_counts *n)
{
	static const char *const states[] = { "lost", "normal", "disabled", "pending" };

	api_out_open(o, "agents", '{');
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(states); i++)
		api_out_number(o, states[i], n->agents[i]);
	api_out_close(o, '}');
}

static void put_inventory(struct call *c)
{
	struct inventory_counts n = { 0 };

	if (c->api->inventory != NULL)
		inventory_counts(c->api->inventory, &n);
	api_out_open(&c->out, "inventory", '{');
	api_out_number(&c->out, "interfaces", n.interfaces);
	api_out_number(&c->out, "cidrs", n.cidrs);
	api_out_number(&c->out, "clusters", n.clusters);
	api_out_number(&c->out, "reporters", n.reporters);
	api_out_number(&c->out, "build_us_last", n.build_ns_last / 1000);
	api_out_number(&c->out, "encoded_bytes", n.encoded_bytes);
	api_out_close(&c->out, '}');
}

static void put_serve(struct call *c)
{
	struct serve_counts n = { 0 };

	if (c->api->serve != NULL)
		serve_counts(c->api->serve, &n);
	api_out_open(&c->out, "grpc", '{');
	api_out_number(&c->out, "pushes_open", n.pushes_open);
	api_out_number(&c->out, "syncs", n.syncs);
	api_out_number(&c->out, "pushes_sent", n.pushes_sent);
	api_out_number(&c->out, "refused", n.refused);
	api_out_close(&c->out, '}');
}

void api_own_status(struct call *c)
{
	struct site_counts n;

	site_counts(c->api->site, &n);
	api_begin(c);
	api_out_open(&c->out, NULL, '{');
	api_out_rfc3339(&c->out, "started_at", c->api->started_s);
	api_out_text(&c->out, "address", c->api->own_ip);
	api_out_bool(&c->out, "tokens", site_token_next(c->api->site, NULL) != NULL);
	api_out_bool(&c->out, "tls", c->rq->tls);
	put_agents(&c->out, &n);
	api_out_number(&c->out, "groups", n.groups);
	api_out_number(&c->out, "domains", n.domains);
	api_out_number(&c->out, "database_errors", n.database_errors);
	put_inventory(c);
	put_serve(c);
	api_out_close(&c->out, '}');
	api_end(c);
}
