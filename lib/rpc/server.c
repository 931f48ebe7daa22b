/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server asks gRPC for one call of one method at a time; when it comes, it asks again, and then serves
 * it. What finds nobody asking waits inside of gRPC. Methods that are not in the table come by a request of their own
 * kind: without one they would wait for ever.
 */
#include "rpc_priv.h"

#include <event2/event.h>

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define SLOTS             4 /* of a method: enough for bursts of thousands */
#define RECEIVE_MAX_BYTES ((size_t)100 << 20)
#define QUOTA_BYTES       ((size_t)512 << 20)
#define STREAMS_MAX       200
#define CALLS_MAX         20000
#define PEER_CALLS_MAX    5000
#define KEEPALIVE_MS      30000
#define KEEPALIVE_WAIT_MS 10000
#define PING_MIN_MS       500 /* of clients: ours may be told to ping every second */
#define HANDSHAKE_MS      10000

/* One call asked for. */
struct slot {
	struct rpc_tag tag;
	struct weir_rpc_server *server;
	const struct weir_rpc_method *method; /* NULL: of whatever is not in the table */
	void *handle;
	grpc_call_details details; /* without a method */
	struct weir_rpc_stream *stream;
};

static void destroy(struct weir_rpc_server *s)
{
	if (s->grace != NULL)
		event_free(s->grace);
	for (unsigned int i = 0; i < s->n_listens; i++)
		rpc_identity_close(s->ids[i]);
	free(s->ids);
	free(s->ports);
	free(s);
}

void rpc_server_put(struct weir_rpc_server *s)
{
	void (*gone)(void *user) = s->gone;
	void *user = s->gone_user;
	struct weir_rpc *rpc = s->rpc;

	if (--s->pending > 0)
		return;
	grpc_server_destroy(s->server);
	LIST_REMOVE(s, entry);
	destroy(s);
	rpc->live--;
	if (gone != NULL)
		gone(user);
}

static void slot_arm(struct slot *sl);

static void on_request(struct rpc_tag *tag, bool ok)
{
	struct slot *sl = container(tag, struct slot, tag);
	struct weir_rpc_stream *st = sl->stream;

	if (!ok) { /* the server is going down */
		struct weir_rpc_server *s = sl->server;

		rpc_stream_destroy(st);
		free(sl);
		rpc_server_put(s);
		return;
	}
	if (sl->method == NULL) {
		grpc_slice_unref(sl->details.method);
		grpc_slice_unref(sl->details.host);
	}
	slot_arm(sl);
	rpc_stream_serve(st);
}

/* Its tag stands for one pending of the server; a call that comes, for one more. */
static void slot_arm(struct slot *sl)
{
	struct weir_rpc_server *s = sl->server;
	struct weir_rpc_stream *st = rpc_stream_create(s, sl->method);
	grpc_completion_queue *cq = s->rpc->cq;

	sl->tag.run = on_request;
	sl->stream = st;
	if (sl->method == NULL) {
		grpc_call_details_init(&sl->details);
		grpc_server_request_call(s->server, &st->call, &sl->details, &st->head, cq, cq,
					 &sl->tag);
		return;
	}
	grpc_server_request_registered_call(s->server, sl->handle, &st->call, &st->deadline,
					    &st->head, sl->method->sends ? NULL : &st->in, cq, cq,
					    &sl->tag);
}

static void ask(struct weir_rpc_server *s, const struct weir_rpc_method *method, void *handle)
{
	for (int i = 0; i < SLOTS; i++) {
		struct slot *sl = gpr_zalloc(sizeof(*sl));

		sl->server = s;
		sl->method = method;
		sl->handle = handle;
		s->pending++;
		slot_arm(sl);
	}
}

static grpc_arg int_arg(const char *key, size_t value, size_t usual)
{
	return (grpc_arg){ .type = GRPC_ARG_INTEGER,
			   .key = (char *)(uintptr_t)key,
			   .value.integer = (int)weir_min_u64(value != 0 ? value : usual,
							      INT_MAX) };
}

static grpc_server *create(const struct weir_rpc_serve *serve)
{
	grpc_resource_quota *quota = grpc_resource_quota_create("weir");
	grpc_server *server;
	const grpc_arg args[] = {
		int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, serve->receive_max_bytes,
			RECEIVE_MAX_BYTES),
		int_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, serve->streams_max, STREAMS_MAX),
		int_arg(GRPC_ARG_KEEPALIVE_TIME_MS, serve->keepalive_ms, KEEPALIVE_MS),
		int_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, serve->keepalive_wait_ms, KEEPALIVE_WAIT_MS),
		int_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0, 0),
		int_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 0, PING_MIN_MS),
		int_arg(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 0, HANDSHAKE_MS),
		int_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1, 1),
		int_arg(GRPC_ARG_ALLOW_REUSEPORT, 0, 0),
		{ .type = GRPC_ARG_POINTER,
		  .key = (char *)(uintptr_t)GRPC_ARG_RESOURCE_QUOTA,
		  .value.pointer = { quota, grpc_resource_quota_arg_vtable() } },
	};

	grpc_resource_quota_resize(quota,
				   serve->quota_bytes != 0 ? serve->quota_bytes : QUOTA_BYTES);
	server = grpc_server_create(&(grpc_channel_args){ WEIR_ARRAY_SIZE(args),
							  (grpc_arg *)(uintptr_t)args },
				    NULL);
	grpc_resource_quota_unref(quota);
	return server;
}

static int add_listen(struct weir_rpc_server *s, unsigned int i, const struct weir_rpc_listen *at,
		      struct weir_err *err)
{
	grpc_server_credentials *credentials;
	int rc = rpc_address_check(at->address, err), port;

	if (rc == 0)
		rc = rpc_identity_open(s->rpc, at, &s->ids[i], err);
	if (rc < 0)
		return rc;
	credentials = rpc_identity_credentials(s->ids[i]);
	port = grpc_server_add_http2_port(s->server, at->address, credentials);
	grpc_server_credentials_release(credentials);
	if (port == 0)
		return rpc_address_why(at->address, err);
	s->ports[i] = (uint16_t)port;
	return 0;
}

static struct weir_rpc_server *allocate(struct weir_rpc *rpc, unsigned int n_listens)
{
	struct weir_rpc_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->rpc = rpc;
	s->ids = calloc(n_listens, sizeof(struct rpc_identity *));
	s->ports = calloc(n_listens, sizeof(*s->ports));
	if (s->ids == NULL || s->ports == NULL) {
		destroy(s);
		return NULL;
	}
	s->n_listens = n_listens;
	return s;
}

static void on_down(struct rpc_tag *tag, bool ok)
{
	(void)ok;
	/* Tags of calls may come after this one: what is pending counts. */
	rpc_server_put(container(tag, struct weir_rpc_server, down));
}

struct weir_rpc_server *weir_rpc_server_start(struct weir_rpc *rpc,
					      const struct weir_rpc_serve *serve,
					      struct weir_err *err)
{
	struct weir_rpc_server *s = allocate(rpc, serve->n_listens);
	void **handles = calloc(serve->n_methods, sizeof(void *));
	int rc = 0;

	if (s == NULL || handles == NULL) {
		weir_err_set(err, ENOMEM, "server: no memory");
		if (s != NULL)
			destroy(s);
		free(handles);
		return NULL;
	}
	s->user = serve->user;
	s->calls_max = serve->calls_max != 0 ? serve->calls_max : CALLS_MAX;
	s->peer_calls_max = serve->peer_calls_max != 0 ? serve->peer_calls_max : PEER_CALLS_MAX;
	s->down.run = on_down;
	s->pending = 1; /* `down` */
	s->server = create(serve);
	grpc_server_register_completion_queue(s->server, rpc->cq, NULL);
	for (unsigned int i = 0; i < serve->n_methods; i++)
		handles[i] = grpc_server_register_method(
			s->server, serve->methods[i].path, NULL,
			serve->methods[i].sends ? GRPC_SRM_PAYLOAD_NONE
						: GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER,
			0);
	for (unsigned int i = 0; i < serve->n_listens && rc == 0; i++)
		rc = add_listen(s, i, &serve->listens[i], err);
	LIST_INSERT_HEAD(&rpc->servers, s, entry);
	rpc->live++;
	grpc_server_start(s->server);
	if (rc < 0) {
		weir_rpc_server_stop(s, 0, NULL, NULL);
		s = NULL;
	}
	for (unsigned int i = 0; s != NULL && i < serve->n_methods; i++)
		ask(s, &serve->methods[i], handles[i]);
	if (s != NULL)
		ask(s, NULL, NULL);
	free(handles);
	return s;
}

uint16_t weir_rpc_server_port(const struct weir_rpc_server *s, unsigned int i)
{
	return s->ports[i];
}

void weir_rpc_server_counts(const struct weir_rpc_server *s, struct weir_rpc_counts *to)
{
	*to = s->n;
}

void rpc_server_cancel(struct weir_rpc_server *s)
{
	grpc_server_cancel_all_calls(s->server);
}

static void on_grace(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	rpc_server_cancel(arg);
}

static void end_endless(struct weir_rpc_server *s)
{
	struct weir_rpc_stream *st;

	LIST_FOREACH(st, &s->streams, entry)
		if (st->method != NULL && st->method->endless)
			weir_rpc_stream_finish(st, WEIR_RPC_UNAVAILABLE, "the server stops");
}

void weir_rpc_server_stop(struct weir_rpc_server *s, unsigned int grace_ms,
			  void (*gone)(void *user), void *user)
{
	struct timeval grace = { grace_ms / 1000, (suseconds_t)(grace_ms % 1000) * 1000 };

	if (s->stopping)
		return;
	s->stopping = true;
	s->gone = gone;
	s->gone_user = user;
	grpc_server_shutdown_and_notify(s->server, s->rpc->cq, &s->down);
	end_endless(s);
	if (grace_ms > 0)
		s->grace = event_new(s->rpc->base, -1, 0, on_grace, s);
	if (s->grace == NULL || event_add(s->grace, &grace) < 0)
		rpc_server_cancel(s);
}
