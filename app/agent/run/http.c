/* SPDX-License-Identifier: Apache-2.0 */
/* What HTTP shows: the table of routes at the end. */
#include "run.h"

#include <weir_http.h>

#define STUCK_S     10 /* a worker that does nothing for so long, with work before it */
#define UNAVAILABLE 503

static void metrics(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *a)
{
	(void)rq;
	a->type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_text(ctx, a->body);
}

static void say(struct weir_http_answer *a, bool good, const char *why)
{
	if (!good)
		a->status = UNAVAILABLE;
	weir_http_text_printf(a->body, "%s\n", good ? "ok" : why);
}

/* Does every thread move? Who asks may start the agent anew where not. */
static void livez(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *a)
{
	char why[128];
	const char *who;
	const bool moves = health_moves(ctx, STUCK_S, &who);

	(void)rq;
	snprintf(why, sizeof(why), "%s has work and does nothing", who);
	say(a, moves, why);
}

static void readyz(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *a)
{
	char why[560] = "";
	const bool ready = status_is_ready(ctx, why, sizeof(why));

	(void)rq;
	say(a, ready, why);
}

static const struct weir_http_route routes[] = {
	{ .method = "GET", .path = "/metrics", .serve = metrics },
	{ .method = "GET", .path = "/livez", .serve = livez },
	{ .method = "GET", .path = "/readyz", .serve = readyz },
};

struct weir_http_server *http_open(struct run *r, struct weir_err *err)
{
	const struct weir_http_server_conf conf = {
		.base = r->base,
		.listen = r->conf->box.http.listen,
		.routes = { routes, WEIR_ARRAY_SIZE(routes) },
		.ctx = r,
	};

	return weir_http_server_create(&conf, err);
}
