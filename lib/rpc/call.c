/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call we make. Each batch that can be under way has a tag; the call is over when all of them have come
 * back, in whatever order, and that is where its one `end` is.
 */
#include "rpc_priv.h"

#include <grpc/support/time.h>

#include <stdio.h>

struct weir_rpc_call {
	struct weir_rpc *rpc;
	LIST_ENTRY(weir_rpc_call) entry; /* of its channel; while `listed` */
	struct rpc_link *link;
	grpc_call *call;
	struct rpc_tag start, head, status, read, send, close;
	unsigned int flying; /* tags that are to come */
	grpc_metadata_array first, last;
	grpc_byte_buffer *in;
	grpc_status_code code;
	grpc_slice details;
	struct rpc_outbox out;
	bool listed, over, answered;
	bool paused;          /* not reading: no place to answer */
	bool closing, closed; /* our half: asked for; was sent */
	bool refused;         /* ours, not the peer's, is how it ended */
	struct rpc_refusal refusal;
	struct weir_rpc_request rq; /* `path` and `message` are of start's caller */
	void *user;
};

static void batch(struct weir_rpc_call *c, const grpc_op *ops, size_t n, struct rpc_tag *tag)
{
	grpc_call_error rc = grpc_call_start_batch(c->call, ops, n, tag, NULL);

	assert(rc == GRPC_CALL_OK); /* else the order of batches here is wrong */
	c->flying += rc == GRPC_CALL_OK;
}

static void finish(struct weir_rpc_call *c)
{
	char *details = grpc_slice_to_c_string(c->details);
	int status = (int)c->code;
	const char *why = details;

	if (c->refused) {
		status = c->refusal.status;
		why = c->refusal.why;
	} else if (status == WEIR_RPC_OK && !c->rq.streams && !c->answered) {
		status = WEIR_RPC_INTERNAL;
		why = "it ended well, but without an answer";
	}
	if (c->listed)
		LIST_REMOVE(c, entry);
	c->listed = false;
	c->over = true;
	c->rq.end(c, status, why, c->user);
	gpr_free(details);
	grpc_slice_unref(c->details);
	grpc_metadata_array_destroy(&c->first);
	grpc_metadata_array_destroy(&c->last);
	rpc_outbox_drop(&c->out);
	grpc_call_unref(c->call);
	rpc_link_put(c->link);
	c->rpc->live--;
	gpr_free(c);
}

static void put(struct weir_rpc_call *c)
{
	if (--c->flying == 0)
		finish(c);
}

/* What counts from now on is not the peer's status: that may be here already, and be OK. */
static void refuse(struct weir_rpc_call *c, int status, const char *why)
{
	if (c->refused)
		return;
	c->refused = true;
	c->refusal.status = status;
	snprintf(c->refusal.why, sizeof(c->refusal.why), "%s", why);
	grpc_call_cancel(c->call, NULL);
}

/* While we may have to answer (`sends`), only with a place for it. */
static void read_next(struct weir_rpc_call *c)
{
	grpc_op recv = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &c->in };

	c->paused = rpc_outbox_full(&c->out);
	if (c->paused || c->refused)
		return;
	batch(c, &recv, 1, &c->read);
}

static void take_message(struct weir_rpc_call *c)
{
	struct rpc_refusal refusal;
	ProtobufCMessage *m = rpc_unpack(c->rq.answer, c->in, c->rq.budget_bytes, &refusal);

	if (m == NULL) {
		if (refusal.status == WEIR_RPC_INVALID_ARGUMENT)
			refusal.status = WEIR_RPC_INTERNAL; /* the fault is the peer's */
		refuse(c, refusal.status, refusal.why);
		return;
	}
	c->answered = true;
	if (c->rq.message_in != NULL)
		c->rq.message_in(c, m, c->user);
	weir_rpc_message_free(m);
}

static void on_read(struct rpc_tag *tag, bool ok)
{
	struct weir_rpc_call *c = container(tag, struct weir_rpc_call, read);
	bool came = ok && c->in != NULL; /* else there is no more */

	if (came && !c->refused)
		take_message(c);
	if (c->in != NULL)
		grpc_byte_buffer_destroy(c->in);
	c->in = NULL;
	if (came && c->rq.streams)
		read_next(c);
	put(c);
}

static void send_half_close(struct weir_rpc_call *c)
{
	grpc_op half = { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT };

	c->closed = true;
	batch(c, &half, 1, &c->close);
}

/* The next that waits is on its way; false: none does. */
static bool send_next(struct weir_rpc_call *c)
{
	grpc_byte_buffer *next = rpc_outbox_take(&c->out);
	grpc_op send = { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = next };

	if (next == NULL)
		return false;
	c->out.busy = true;
	batch(c, &send, 1, &c->send);
	grpc_byte_buffer_destroy(next);
	return true;
}

static void on_empty(struct weir_rpc_call *c)
{
	if (c->closing)
		send_half_close(c);
	else if (c->rq.room != NULL)
		c->rq.room(c, c->user);
}

static void on_send(struct rpc_tag *tag, bool ok)
{
	struct weir_rpc_call *c = container(tag, struct weir_rpc_call, send);

	c->out.busy = false;
	if (!ok || c->over || c->refused)
		rpc_outbox_drop(&c->out);
	else if (!send_next(c))
		on_empty(c);
	if (c->paused)
		read_next(c);
	put(c);
}

static void on_start(struct rpc_tag *tag, bool ok)
{
	(void)ok;
	put(container(tag, struct weir_rpc_call, start));
}

static void on_head(struct rpc_tag *tag, bool ok)
{
	(void)ok;
	put(container(tag, struct weir_rpc_call, head));
}

static void on_close(struct rpc_tag *tag, bool ok)
{
	(void)ok;
	put(container(tag, struct weir_rpc_call, close));
}

static void on_status(struct rpc_tag *tag, bool ok)
{
	struct weir_rpc_call *c = container(tag, struct weir_rpc_call, status);

	(void)ok;
	c->over = true;
	rpc_outbox_drop(&c->out);
	put(c);
}

static gpr_timespec deadline(int timeout_ms)
{
	if (timeout_ms < 0)
		return gpr_inf_future(GPR_CLOCK_MONOTONIC);
	return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
			    gpr_time_from_millis(timeout_ms, GPR_TIMESPAN));
}

static struct weir_rpc_call *create(struct weir_rpc_channel *ch, const struct weir_rpc_request *rq,
				    void *user)
{
	struct weir_rpc_call *c = gpr_zalloc(sizeof(*c));
	grpc_slice path = grpc_slice_from_copied_string(rq->path);

	c->rpc = ch->rpc;
	c->rq = *rq;
	c->user = user;
	c->link = rpc_link_get(ch->link);
	c->start.run = on_start;
	c->head.run = on_head;
	c->status.run = on_status;
	c->read.run = on_read;
	c->send.run = on_send;
	c->close.run = on_close;
	c->details = grpc_empty_slice();
	grpc_metadata_array_init(&c->first);
	grpc_metadata_array_init(&c->last);
	c->call = grpc_channel_create_call(c->link->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
					   c->rpc->cq, path, NULL, deadline(rq->timeout_ms), NULL);
	grpc_slice_unref(path);
	c->listed = true;
	LIST_INSERT_HEAD(&ch->calls, c, entry);
	c->rpc->live++;
	return c;
}

/* A first message that goes on goes by itself: with the headers it would wait for the peer's. */
static void send_start(struct weir_rpc_call *c, const ProtobufCMessage *message)
{
	grpc_op ops[3] = { { .op = GRPC_OP_SEND_INITIAL_METADATA },
			   { .op = GRPC_OP_SEND_MESSAGE },
			   { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT } };
	grpc_byte_buffer *first;

	if (c->rq.sends) {
		batch(c, ops, 1, &c->start);
		if (message != NULL)
			weir_rpc_call_send(c, message);
		return;
	}
	first = rpc_buffer_pack(message);
	ops[1].data.send_message.send_message = first;
	c->closed = true;
	batch(c, ops, 3, &c->start);
	grpc_byte_buffer_destroy(first);
}

struct weir_rpc_call *weir_rpc_call_start(struct weir_rpc_channel *ch,
					  const struct weir_rpc_request *rq, void *user)
{
	struct weir_rpc_call *c = create(ch, rq, user);
	grpc_op status = { .op = GRPC_OP_RECV_STATUS_ON_CLIENT },
		head = { .op = GRPC_OP_RECV_INITIAL_METADATA };

	status.data.recv_status_on_client.trailing_metadata = &c->last;
	status.data.recv_status_on_client.status = &c->code;
	status.data.recv_status_on_client.status_details = &c->details;
	batch(c, &status, 1, &c->status);
	head.data.recv_initial_metadata.recv_initial_metadata = &c->first;
	batch(c, &head, 1, &c->head);
	read_next(c);
	send_start(c, rq->message);
	return c;
}

bool weir_rpc_call_send(struct weir_rpc_call *c, const ProtobufCMessage *m)
{
	if (c->over || c->refused || c->closing || c->closed)
		return false;
	if (m == NULL) {
		c->closing = true;
		if (!c->out.busy)
			send_half_close(c);
		return true;
	}
	if (rpc_outbox_full(&c->out))
		return false;
	rpc_outbox_put(&c->out, rpc_buffer_pack(m));
	if (!c->out.busy)
		send_next(c);
	return true;
}

void weir_rpc_call_cancel(struct weir_rpc_call *c)
{
	refuse(c, WEIR_RPC_CANCELLED, "cancelled by us");
}

void rpc_calls_abandon(struct rpc_calls *calls)
{
	struct weir_rpc_call *c;

	while ((c = LIST_FIRST(calls)) != NULL) {
		LIST_REMOVE(c, entry);
		c->listed = false;
		weir_rpc_call_cancel(c);
	}
}
