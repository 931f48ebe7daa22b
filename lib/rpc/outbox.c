/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message of a call can be on its way at a time, and the peer's reply to it may come before gRPC says
 * it has left: a few wait here.
 */
#include "rpc_priv.h"

bool rpc_outbox_full(const struct rpc_outbox *box)
{
	return box->n == WEIR_RPC_QUEUE;
}

void rpc_outbox_put(struct rpc_outbox *box, grpc_byte_buffer *b)
{
	box->waiting[box->n++] = b;
}

grpc_byte_buffer *rpc_outbox_take(struct rpc_outbox *box)
{
	grpc_byte_buffer *first = box->waiting[0];

	if (box->n == 0)
		return NULL;
	box->n--;
	for (unsigned int i = 0; i < box->n; i++)
		box->waiting[i] = box->waiting[i + 1];
	return first;
}

void rpc_outbox_drop(struct rpc_outbox *box)
{
	grpc_byte_buffer *b;

	while ((b = rpc_outbox_take(box)) != NULL)
		grpc_byte_buffer_destroy(b);
}
