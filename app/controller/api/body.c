/* SPDX-License-Identifier: Apache-2.0 */
/* What a request brings, read. Keys of a body are the same in any case: control plane, 6.1. */
#include "api_priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *upper(const json_t *given)
{
	json_t *all = json_object(), *value;
	const char *key;
	char name[64];

	json_object_foreach((json_t *)(uintptr_t)given, key, value) {
		size_t i = 0;

		for (; i < sizeof(name) - 1 && key[i] != '\0'; i++)
			name[i] = (char)toupper((unsigned char)key[i]);
		name[i] = '\0';
		if (key[i] == '\0')
			json_object_set(all, name, value);
	}
	return all;
}

json_t *api_body(struct call *c)
{
	json_error_t error;
	json_t *given;

	if (c->body != NULL)
		return c->body;
	if (c->rq->body_len == 0)
		return c->body = json_object();
	given = json_loadb(c->rq->body, c->rq->body_len, JSON_REJECT_DUPLICATES, &error);
	if (given == NULL) {
		api_fail(c, EBADMSG, "the body is no JSON: %d:%d: %s", error.line, error.column,
			 error.text);
		return NULL;
	}
	if (!json_is_object(given)) {
		json_decref(given);
		api_fail(c, EBADMSG, "the body must be a JSON object");
		return NULL;
	}
	c->body = upper(given);
	json_decref(given);
	return c->body;
}

const char *api_body_text(const json_t *body, const char *key)
{
	const char *text = json_string_value(json_object_get(body, key));

	return text != NULL ? text : "";
}

int api_body_number(struct call *c, const json_t *body, const char *key, int64_t *value)
{
	const json_t *v = json_object_get(body, key);

	if (v == NULL || json_is_null(v))
		return 0;
	if (json_is_boolean(v)) {
		*value = json_is_true(v);
		return 1;
	}
	if (json_is_integer(v) && json_integer_value(v) >= 0 &&
	    json_integer_value(v) <= INT32_MAX) {
		*value = json_integer_value(v);
		return 1;
	}
	api_fail(c, EINVAL, "%s: must be a number from 0 on", key);
	return -1;
}

bool api_is_number(const char *text, uint32_t max, uint32_t *value)
{
	unsigned long long n = strtoull(text, NULL, 10);

	if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text) || strlen(text) > 10 ||
	    n > max)
		return false;
	*value = (uint32_t)n;
	return true;
}

bool api_wants(const struct weir_http_request *rq, const char *name, const char *value)
{
	bool asked = false;

	for (unsigned int i = 0; i < rq->n_queries; i++) {
		if (strcmp(rq->queries[i].name, name) != 0)
			continue;
		if (strcmp(rq->queries[i].value, value) == 0)
			return true;
		asked = true;
	}
	return !asked;
}

const struct site_agent *api_agent(struct call *c, const char *name)
{
	const struct site_agent *a = site_agent_named(c->api->site, name);

	if (a == NULL)
		api_fail(c, ENOENT, "agent %s: there is none of this name or lcuuid", name);
	return a;
}

const struct site_group *api_group(struct call *c, const char *name)
{
	const struct site_group *g = site_group_named(c->api->site, name);

	if (g == NULL)
		api_fail(c, ENOENT, "agent-group %s: there is none of this name, id or lcuuid",
			 name);
	return g;
}

const struct site_domain *api_domain(struct call *c, const char *name)
{
	const struct site_domain *d = site_domain_named(c->api->site, name);

	if (d == NULL)
		api_fail(c, ENOENT, "domain %s: there is none of this name, lcuuid or cluster id",
			 name);
	return d;
}
