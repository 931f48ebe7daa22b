/* SPDX-License-Identifier: Apache-2.0 */
#include "api_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CLIENTS_MAX  1024
#define REQUESTS_MAX 10000
#define HEADER_MAX   16384
#define ANSWER_MAX   ((size_t)128 << 20) /* 64,000 agents */
#define BODIES_MAX   ((size_t)32 << 20)
#define ANSWERS_MAX  ((size_t)256 << 20)

static int check_listen(const struct api_options *o, struct weir_err *err)
{
	const bool tls = o->cert != NULL && o->cert[0] != '\0';

	if (tls || weir_http_is_loopback(o->listen) || site_token_next(o->site, NULL) != NULL)
		return 0;
	return weir_err_set(err, EPERM,
			    "http.listen %s: others than this machine may ask only once there is a "
			    "token or TLS: listen at 127.0.0.1:30417, make a token (weirctl token "
			    "create NAME --role admin), then listen here; or set http.cert and "
			    "http.key",
			    o->listen);
}

static struct weir_http_server *listen_at(struct api *a, const struct api_options *o,
					  struct weir_err *err)
{
	const struct weir_http_server_conf conf = {
		.base = o->base,
		.listen = o->listen,
		.routes = { a->routes, a->n_routes },
		.ctx = a,
		.cert = o->cert,
		.key = o->key,
		.clients_max = CLIENTS_MAX,
		.requests_max = REQUESTS_MAX,
		.header_max = HEADER_MAX,
		.answer_max = ANSWER_MAX,
		.bodies_max = BODIES_MAX,
		.answers_max = ANSWERS_MAX,
		.admit = api_admit,
		.refuse = api_refuse,
	};

	return weir_http_server_create(&conf, err);
}

struct api *api_start(const struct api_options *o, struct weir_err *err)
{
	struct api *a;

	if (check_listen(o, err) < 0)
		return NULL;
	a = calloc(1, sizeof(*a));
	if (a == NULL || api_routes_make(a) < 0) {
		weir_err_set(err, ENOMEM, "http.listen %s: no memory", o->listen);
		api_stop(a);
		return NULL;
	}
	a->site = o->site;
	a->inventory = o->inventory;
	a->serve = o->serve;
	a->local_root = o->local_root;
	a->started_s = (uint64_t)time(NULL);
	snprintf(a->own_ip, sizeof(a->own_ip), "%s",
		 o->own_ip != NULL && o->own_ip[0] != '\0' ? o->own_ip : "127.0.0.1");
	snprintf(a->region, sizeof(a->region), "%s", o->region != NULL ? o->region : "default");
	a->http = listen_at(a, o, err);
	if (a->http != NULL)
		return a;
	api_stop(a);
	return NULL;
}

void api_stop(struct api *a)
{
	if (a == NULL)
		return;
	weir_http_server_destroy(a->http);
	free(a->routes);
	free(a);
}

uint16_t api_port(const struct api *a)
{
	return weir_http_server_port(a->http);
}
