/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes, and the way from one of its rows to who serves it. */
#include "api_priv.h"

#include <errno.h>
#include <stdlib.h>

const struct api_row api_rows[] = {
#define API_ROUTE(method, path, family, role, fn, body_max, upload, help) \
	{ method, path, family, role, fn, body_max, upload, help },
#include "routes.def"
};
const unsigned int api_n_rows = WEIR_ARRAY_SIZE(api_rows);

int api_routes_make(struct api *a)
{
	a->routes = calloc(api_n_rows, sizeof(*a->routes));
	if (a->routes == NULL)
		return -ENOMEM;
	a->n_routes = api_n_rows;
	for (unsigned int i = 0; i < api_n_rows; i++) {
		const struct api_row *row = &api_rows[i];

		a->routes[i] = (struct weir_http_route){
			.method = row->method,
			.path = row->path,
			.serve = api_serve,
			.body_max = row->body_max,
			.take = row->upload ? api_upload_take : NULL,
			.over = row->upload ? api_upload_over : NULL,
			.row = row,
		};
	}
	return 0;
}

static bool is_text(const struct weir_http_request *rq)
{
	for (unsigned int i = 0; i < WEIR_HTTP_PARAMS && rq->params[i] != NULL; i++)
		if (!api_is_utf8(rq->params[i]))
			return false;
	for (unsigned int i = 0; i < rq->n_queries; i++)
		if (!api_is_utf8(rq->queries[i].value))
			return false;
	return true;
}

/* Asked again: a token may have gone while the body came. */
static bool may(struct call *c, const struct api_row *row)
{
	const char *why = "";

	if (row->role == 0)
		return true;
	if (api_role_of(c->api, c->rq, row->role > SITE_READ, c->who, sizeof(c->who),
			&c->answer->status, &why) >= row->role)
		return true;
	if (c->answer->status == 200) {
		c->answer->status = 403;
		why = "the role of this token is not enough for that";
	}
	api_refuse(c->api, c->rq, why, c->answer);
	return false;
}

void api_serve(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *answer)
{
	struct api *a = ctx;
	const struct api_row *row = rq->route->row;
	struct call c = { .api = a,
			  .rq = (struct weir_http_request *)(uintptr_t)rq,
			  .answer = answer,
			  .out = { .to = answer->body } };

	if (!may(&c, row))
		return;
	c.by = (struct site_actor){ .name = c.who,
				    .from = rq->peer,
				    .role = (enum site_role)row->role };
	if (!is_text(rq)) {
		api_fail(&c, EINVAL, "the address is no UTF-8");
		return;
	}
	row->serve(&c);
	a->changes += row->role > SITE_READ && answer->status == 200;
	json_decref(c.body);
}
