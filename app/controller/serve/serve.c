/* SPDX-License-Identifier: Apache-2.0 */
/* Start, stop, who calls. The methods themselves are in the tables of the dialects. */
#include "serve_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* gRPC's name of an address, "ipv4:10.0.0.1:40000" or "ipv6:%5B::1%5D:40000", without what is not the address. */
static void address_of(const char *name, char *to, size_t size)
{
	const char *from = strchr(name, ':'), *port = strrchr(name, ':');
	size_t n;

	from = from != NULL && from != port ? from + 1 : name;
	n = port > from ? (size_t)(port - from) : strlen(from);
	if (n > 6 && strncmp(from, "%5B", 3) == 0) {
		from += 3;
		n -= 6;
	}
	snprintf(to, size, "%.*s", (int)weir_min_u64(n, size), from);
}

void serve_peer(struct weir_rpc_stream *st, struct serve_peer *to)
{
	const char *name = weir_rpc_stream_identity(st, &to->certified);

	if (to->certified)
		snprintf(to->name, sizeof(to->name), "%s", name);
	else
		address_of(name, to->name, sizeof(to->name));
}

void serve_refuse(struct weir_rpc_stream *st, const char *why)
{
	serve_of(st)->n.refused++;
	weir_rpc_stream_finish(st, WEIR_RPC_PERMISSION_DENIED, why);
}

bool serve_admits(struct weir_rpc_stream *st)
{
	struct serve_peer peer;

	serve_peer(st, &peer);
	if (!site_peer_is_revoked(serve_of(st)->o.site, peer.name, peer.certified))
		return true;
	weir_log(WEIR_LOG_WARN, "call refused: the certificate of %s is revoked", peer.name);
	serve_refuse(st, "this certificate is revoked");
	return false;
}

/* A ping is answered behind the table that is on its way to it: on a slow line that takes its time. */
#define KEEPALIVE_MS      60000
#define KEEPALIVE_WAIT_MS 40000

static int listen_at(struct serve *s, struct weir_err *err)
{
	const struct weir_rpc_serve conf = {
		.listens = s->o.listens,
		.n_listens = s->o.n_listens,
		.methods = s->methods,
		.n_methods = WEIR_ARRAY_SIZE(s->methods),
		.user = s,
		.calls_max = s->o.calls_max,
		.peer_calls_max = s->o.peer_calls_max,
		.keepalive_ms = KEEPALIVE_MS,
		.keepalive_wait_ms = KEEPALIVE_WAIT_MS,
	};

	memcpy(s->methods, serve_methods_agent, sizeof(serve_methods_agent));
	memcpy(s->methods + SERVE_METHODS, serve_methods_trident, sizeof(serve_methods_trident));
	s->server = weir_rpc_server_start(s->rpc, &conf, err);
	s->o.listens = NULL;
	return s->server != NULL ? 0 : -EINVAL;
}

struct serve *serve_start(const struct serve_options *o, struct weir_err *err)
{
	struct serve *s;

	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		weir_err_set(err, ENOMEM, "gRPC: no memory");
		return NULL;
	}
	s->o = *o;
	LIST_INIT(&s->queries);
	if (serve_query_start(s, err) < 0)
		goto err_free;
	s->rpc = weir_rpc_create(o->base, err);
	if (s->rpc == NULL)
		goto err_free;
	if (serve_push_start(s) < 0) {
		weir_err_set(err, ENOMEM, "gRPC: no memory");
		goto err_rpc;
	}
	if (listen_at(s, err) < 0)
		goto err_push;
	serve_push_watch(s);
	return s;
err_push:
	serve_push_stop(s);
err_rpc:
	weir_rpc_destroy(s->rpc);
err_free:
	free(s);
	return NULL;
}

void serve_stop(struct serve *s)
{
	if (s == NULL)
		return;
	weir_rpc_destroy(s->rpc);
	serve_push_stop(s);
	free(s);
}

uint16_t serve_port(const struct serve *s, unsigned int listen)
{
	return weir_rpc_server_port(s->server, listen);
}

void serve_counts(const struct serve *s, struct serve_counts *out)
{
	*out = s->n;
	weir_rpc_server_counts(s->server, &out->rpc);
}
