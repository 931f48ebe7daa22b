/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call made to us. gRPC says once when it is over (`close`), for whatever reason; the memory goes when every tag has
 * come back.
 */
#include "rpc_priv.h"

#include <stdio.h>

static void batch(struct weir_rpc_stream *st, const grpc_op *ops, size_t n, struct rpc_tag *tag)
{
	grpc_call_error rc = grpc_call_start_batch(st->call, ops, n, tag, NULL);

	assert(rc == GRPC_CALL_OK); /* else the order of batches here is wrong */
	st->flying += rc == GRPC_CALL_OK;
}

void rpc_stream_destroy(struct weir_rpc_stream *st)
{
	grpc_metadata_array_destroy(&st->head);
	if (st->in != NULL)
		grpc_byte_buffer_destroy(st->in);
	rpc_outbox_drop(&st->out);
	if (st->call != NULL)
		grpc_call_unref(st->call);
	gpr_free(st->identity);
	gpr_free(st->why);
	gpr_free(st);
}

static void put(struct weir_rpc_stream *st)
{
	struct weir_rpc_server *s = st->server;

	if (--st->flying > 0)
		return;
	LIST_REMOVE(st, entry);
	s->n.calls -= st->peer != NULL;
	rpc_peer_put(st->peer);
	rpc_stream_destroy(st);
	rpc_server_put(s);
}

static size_t head_op(struct weir_rpc_stream *st, grpc_op *op)
{
	if (st->head_sent)
		return 0;
	st->head_sent = true;
	op->op = GRPC_OP_SEND_INITIAL_METADATA;
	return 1;
}

/* The next that waits goes on its way, the last one together with the status; or the status alone. */
static void send_next(struct weir_rpc_stream *st)
{
	grpc_byte_buffer *next = rpc_outbox_take(&st->out);
	bool last = st->ending && st->out.n == 0;
	grpc_slice why = grpc_empty_slice();
	grpc_op ops[3] = { 0 };
	size_t n = head_op(st, ops);

	if (next != NULL) {
		ops[n].op = GRPC_OP_SEND_MESSAGE;
		ops[n++].data.send_message.send_message = next;
	}
	if (last) {
		if (st->why != NULL)
			why = grpc_slice_from_copied_string(st->why);
		ops[n].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
		ops[n].data.send_status_from_server.status = (grpc_status_code)st->status;
		ops[n++].data.send_status_from_server.status_details = &why;
	}
	st->ended = last;
	st->out.busy = !last;
	batch(st, ops, n, last ? &st->finish : &st->send);
	if (next != NULL)
		grpc_byte_buffer_destroy(next);
	grpc_slice_unref(why);
}

static void pump(struct weir_rpc_stream *st)
{
	if (!st->out.busy && !st->ended && (st->out.n > 0 || st->ending))
		send_next(st);
}

/*
 * The client is heard on while there is a place for an answer; else it waits, at last because its own
 * messages do not leave.
 */
static void read_next(struct weir_rpc_stream *st)
{
	grpc_op recv = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &st->in };

	st->paused = rpc_outbox_full(&st->out);
	if (st->paused || st->closed || st->ending)
		return;
	batch(st, &recv, 1, &st->read);
}

static void on_send(struct rpc_tag *tag, bool ok)
{
	struct weir_rpc_stream *st = container(tag, struct weir_rpc_stream, send);

	st->out.busy = false;
	if (st->closed || !ok)
		rpc_outbox_drop(&st->out);
	else if (st->out.n == 0 && !st->ending && st->opened && st->method->room != NULL)
		st->method->room(st);
	pump(st);
	if (st->paused)
		read_next(st);
	put(st);
}

static void on_finish(struct rpc_tag *tag, bool ok)
{
	(void)ok;
	put(container(tag, struct weir_rpc_stream, finish));
}

/* Of a call that is over nobody reads the status; gRPC wants it all the same. */
static void on_close(struct rpc_tag *tag, bool ok)
{
	struct weir_rpc_stream *st = container(tag, struct weir_rpc_stream, close);

	(void)ok;
	st->closed = true;
	rpc_outbox_drop(&st->out);
	if (st->opened && st->method->closed != NULL)
		st->method->closed(st, st->cancelled);
	weir_rpc_stream_finish(st, WEIR_RPC_CANCELLED, NULL);
	put(st);
}

static void refuse(struct weir_rpc_stream *st, uint64_t *count, int status, const char *why)
{
	++*count;
	weir_rpc_stream_finish(st, status, why);
}

static ProtobufCMessage *unpack(struct weir_rpc_stream *st)
{
	struct rpc_refusal refusal;
	ProtobufCMessage *m = rpc_unpack(st->method->request, st->in, st->method->budget_bytes,
					 &refusal);

	grpc_byte_buffer_destroy(st->in);
	st->in = NULL;
	if (m == NULL)
		refuse(st, &st->server->n.refused_message, refusal.status, refusal.why);
	return m;
}

static void on_read(struct rpc_tag *tag, bool ok)
{
	struct weir_rpc_stream *st = container(tag, struct weir_rpc_stream, read);
	bool came = ok && st->in != NULL;
	ProtobufCMessage *m = NULL;

	if (st->closed || st->ending) {
		put(st); /* what else comes, gRPC throws away */
		return;
	}
	if (came)
		m = unpack(st);
	if (m != NULL || !came)
		st->method->message_in(st, m);
	weir_rpc_message_free(m);
	if (came)
		read_next(st);
	put(st);
}

struct weir_rpc_stream *rpc_stream_create(struct weir_rpc_server *s,
					  const struct weir_rpc_method *method)
{
	struct weir_rpc_stream *st = gpr_zalloc(sizeof(*st));

	st->server = s;
	st->method = method;
	st->close.run = on_close;
	st->read.run = on_read;
	st->send.run = on_send;
	st->finish.run = on_finish;
	grpc_metadata_array_init(&st->head);
	return st;
}

static void open(struct weir_rpc_stream *st)
{
	ProtobufCMessage *m = NULL;

	if (!st->method->sends) {
		m = unpack(st);
		if (m == NULL)
			return;
	}
	st->opened = true;
	st->server->n.served++;
	st->method->open(st, m);
	weir_rpc_message_free(m);
	if (st->method->sends)
		read_next(st);
}

/* Is there a place for one more call, and one of this peer? */
static bool admit(struct weir_rpc_stream *st)
{
	struct weir_rpc_server *s = st->server;
	char why[128], *peer;

	if (s->n.calls == s->calls_max) {
		snprintf(why, sizeof(why), "%u calls are open here, no more are taken", s->n.calls);
		refuse(st, &s->n.refused_full, WEIR_RPC_RESOURCE_EXHAUSTED, why);
		return false;
	}
	peer = grpc_call_get_peer(st->call);
	st->peer = rpc_peer_get(s->peers, peer, s->peer_calls_max);
	gpr_free(peer);
	if (st->peer == NULL) {
		snprintf(why, sizeof(why),
			 "%u calls of your address are open here, no more are taken",
			 s->peer_calls_max);
		refuse(st, &s->n.refused_peer, WEIR_RPC_RESOURCE_EXHAUSTED, why);
		return false;
	}
	s->n.calls++;
	return true;
}

/* A call came. */
static void begin(struct weir_rpc_stream *st)
{
	struct weir_rpc_counts *n = &st->server->n;

	if (st->method == NULL)
		refuse(st, &n->unknown, WEIR_RPC_UNIMPLEMENTED, "no such method");
	else if (st->server->stopping)
		weir_rpc_stream_finish(st, WEIR_RPC_UNAVAILABLE, "the server stops");
	else if (!st->method->sends && st->in == NULL) /* none, cut short, or over the limit */
		refuse(st, &n->refused_message, WEIR_RPC_INVALID_ARGUMENT, "no request");
	else if (admit(st))
		open(st);
}

void rpc_stream_serve(struct weir_rpc_stream *st)
{
	grpc_op over = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
			 .data.recv_close_on_server.cancelled = &st->cancelled };

	st->server->pending++;
	LIST_INSERT_HEAD(&st->server->streams, st, entry);
	st->flying++; /* this function's */
	batch(st, &over, 1, &st->close);
	begin(st);
	put(st);
}

/* Takes `b`. */
static bool send_buffer(struct weir_rpc_stream *st, grpc_byte_buffer *b)
{
	if (st->closed || st->ending || rpc_outbox_full(&st->out)) {
		grpc_byte_buffer_destroy(b);
		return false;
	}
	rpc_outbox_put(&st->out, b);
	pump(st);
	return true;
}

bool weir_rpc_stream_send(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	return send_buffer(st, rpc_buffer_pack(m));
}

bool weir_rpc_stream_send_parts(struct weir_rpc_stream *st,
				const struct weir_rpc_packed *const *parts, unsigned int n)
{
	return send_buffer(st, rpc_buffer_of(parts, n));
}

void weir_rpc_stream_finish(struct weir_rpc_stream *st, int status, const char *why)
{
	if (st->ending)
		return;
	st->ending = true;
	st->status = status;
	st->why = rpc_copy(why);
	pump(st);
}

/* Takes `b`. The message and the status leave together. */
static void answer(struct weir_rpc_stream *st, grpc_byte_buffer *b)
{
	if (st->closed || st->ending) {
		grpc_byte_buffer_destroy(b);
		return;
	}
	if (rpc_outbox_full(&st->out)) {
		grpc_byte_buffer_destroy(b);
		weir_rpc_stream_finish(st, WEIR_RPC_INTERNAL, "the answer found no place");
		return;
	}
	rpc_outbox_put(&st->out, b);
	weir_rpc_stream_finish(st, WEIR_RPC_OK, NULL);
}

void weir_rpc_stream_answer(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	answer(st, rpc_buffer_pack(m));
}

void weir_rpc_stream_answer_parts(struct weir_rpc_stream *st,
				  const struct weir_rpc_packed *const *parts, unsigned int n)
{
	answer(st, rpc_buffer_of(parts, n));
}

void weir_rpc_stream_user_set(struct weir_rpc_stream *st, void *user)
{
	st->user = user;
}

void *weir_rpc_stream_user(const struct weir_rpc_stream *st)
{
	return st->user;
}

void *weir_rpc_stream_server_user(const struct weir_rpc_stream *st)
{
	return st->server->user;
}

static char *common_name(grpc_call *call)
{
	grpc_auth_context *context = grpc_call_auth_context(call);
	grpc_auth_property_iterator it;
	const grpc_auth_property *p;
	char *name = NULL;

	if (grpc_auth_context_peer_is_authenticated(context)) {
		it = grpc_auth_context_find_properties_by_name(context, GRPC_X509_CN_PROPERTY_NAME);
		p = grpc_auth_property_iterator_next(&it);
		if (p != NULL)
			name = rpc_copy(p->value);
	}
	grpc_auth_context_release(context);
	return name;
}

const char *weir_rpc_stream_identity(struct weir_rpc_stream *st, bool *certified)
{
	if (st->identity == NULL) {
		st->identity = common_name(st->call);
		st->certified = st->identity != NULL;
	}
	if (st->identity == NULL)
		st->identity = grpc_call_get_peer(st->call);
	if (certified != NULL)
		*certified = st->certified;
	return st->identity;
}
