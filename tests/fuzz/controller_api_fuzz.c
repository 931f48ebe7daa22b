/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any request, with a credential for everything: its first line is a method, a target and a type, what follows the
 * body. What is said is JSON where it says so.
 */
#include "api_priv.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct api api;
static struct event_base *base;
static char dir[] = P_tmpdir "/weir-fuzz-XXXXXX", header[128] = "Bearer ";

static void must(bool good)
{
	if (!good)
		abort();
}

static void clean(void)
{
	char command[64];

	site_close(api.site);
	event_base_free(base);
	free(api.routes);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	must(system(command) == 0);
}

static void open_site(void)
{
	const struct site_actor me = { "me", "127.0.0.1", SITE_ADMIN };

	must(mkdtemp(dir) != NULL);
	base = event_base_new();
	api.site = site_open(&(struct site_options){ .base = base, .dir = dir }, NULL);
	must(api.site != NULL && api_routes_make(&api) == 0);
	must(site_token_create(api.site, &me, "me", SITE_ADMIN, 0, header + 7, NULL) == 0);
	atexit(clean);
	weir_log_level_set(WEIR_LOG_ERR);
}

static void check(const struct weir_http_answer *a)
{
	json_t *json;

	must(a->status >= 200 && a->status < 600 && !a->body->failed);
	if (a->file >= 0)
		close(a->file);
	else if (strstr(a->type, "json") != NULL) {
		json = json_loadb(a->body->bytes, a->body->len, JSON_ALLOW_NUL, NULL);
		must(json != NULL);
		json_decref(json);
	}
}

static void serve(struct weir_http_request *rq)
{
	struct weir_http_text text = { 0 };
	struct weir_http_answer answer = { .status = 200, .type = "", .body = &text, .file = -1 };
	const struct weir_http_route *r = rq->route;

	if (rq->body_len <= r->body_max || r->body_max == 0) {
		must(api_admit(&api, rq, &answer));
		for (size_t at = 0; r->take != NULL && at < rq->body_len; at += 7)
			r->take(&api, rq, rq->body + at, weir_min_u64(7, rq->body_len - at));
		r->serve(&api, rq, &answer);
		check(&answer);
		if (rq->user != NULL)
			r->over(&api, rq);
	}
	weir_http_text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *body, *target, *type, *allow_end, allow[64];
	struct weir_http_request rq;

	if (api.site == NULL)
		open_site();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	memset(&rq, 0, sizeof(rq));
	weir_http_request_clear(&rq);
	rq.peer = "127.0.0.1";
	body = strchr(text, '\n');
	target = strchr(text, ' ');
	if (body != NULL && target != NULL && target < body) {
		const struct weir_http_routes routes = { api.routes, api.n_routes };

		*body++ = '\0';
		*target++ = '\0';
		type = strrchr(target, ' ');
		allow_end = type;
		if (type != NULL)
			*type++ = '\0';
		rq.body = body;
		rq.body_len = size - (size_t)(body - text);
		rq.headers[rq.n_headers++] = (struct weir_http_pair){ "Authorization", header };
		if (allow_end != NULL)
			rq.headers[rq.n_headers++] = (struct weir_http_pair){ "Content-Type",
									      type };
		if (weir_http_request_set(&rq, &routes, text, target, allow) == 0)
			serve(&rq);
	}
	weir_http_request_clear(&rq);
	free(text);
	return 0;
}
