/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to bytes and back. protobuf-c itself bounds nothing: 4 bytes received may take 200 of memory.
 * So memory comes from a budget, and what is over it is as if the message had not come.
 */
#include "rpc_priv.h"

#include <grpc/byte_buffer_reader.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct budget {
	ProtobufCAllocator allocator;
	size_t left;
	bool spent; /* something was refused */
	unsigned int blocks;
};

/* Before each block: whose it is, so that a message alone is enough to free it. */
struct block {
	struct budget *budget;
	size_t size;
};
static_assert(sizeof(struct block) % 16 == 0, "what follows is aligned as malloc's memory is");

static void *take(void *data, size_t n)
{
	struct budget *b = data;
	struct block *p = NULL;

	if (n <= b->left && b->left - n >= sizeof(*p))
		p = malloc(sizeof(*p) + n);
	if (p == NULL) {
		b->spent = true;
		return NULL;
	}
	p->budget = b;
	p->size = sizeof(*p) + n;
	b->left -= p->size;
	b->blocks++;
	return p + 1;
}

static void give(void *data, void *q)
{
	struct budget *b = data;
	struct block *p = q;

	if (p == NULL)
		return;
	p--;
	b->left += p->size;
	b->blocks--;
	free(p);
}

ProtobufCMessage *weir_rpc_message_unpack(const ProtobufCMessageDescriptor *type,
					  const uint8_t *bytes, size_t n, size_t budget_bytes,
					  struct weir_err *err)
{
	struct budget *b = malloc(sizeof(*b));
	ProtobufCMessage *m = NULL;
	bool spent = true;

	if (budget_bytes == 0)
		budget_bytes = RPC_BUDGET_BYTES;
	if (b != NULL) {
		*b = (struct budget){ .allocator = { take, give, b }, .left = budget_bytes };
		m = protobuf_c_message_unpack(type, &b->allocator, n, bytes);
		spent = b->spent;
	}
	if (m != NULL)
		return m;
	free(b);
	if (spent)
		weir_err_set(err, ENOMEM, "%s of %zu bytes: it takes more than %zu bytes of memory",
			     type->name, n, budget_bytes);
	else
		weir_err_set(err, EBADMSG, "%s of %zu bytes: it cannot be decoded", type->name, n);
	return NULL;
}

void weir_rpc_message_free(ProtobufCMessage *m)
{
	struct budget *b;

	if (m == NULL)
		return;
	b = ((struct block *)(void *)m - 1)->budget;
	protobuf_c_message_free_unpacked(m, &b->allocator);
	assert(b->blocks == 0);
	free(b);
}

grpc_slice rpc_pack(const ProtobufCMessage *m)
{
	grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(m));

	protobuf_c_message_pack(m, GRPC_SLICE_START_PTR(slice));
	return slice;
}

grpc_byte_buffer *rpc_buffer_pack(const ProtobufCMessage *m)
{
	grpc_slice slice = rpc_pack(m);
	grpc_byte_buffer *b = grpc_raw_byte_buffer_create(&slice, 1);

	grpc_slice_unref(slice);
	return b;
}

ProtobufCMessage *rpc_unpack(const ProtobufCMessageDescriptor *type, grpc_byte_buffer *buffer,
			     size_t budget_bytes, struct rpc_refusal *refusal)
{
	grpc_byte_buffer_reader reader;
	struct weir_err err = { 0 };
	ProtobufCMessage *m;
	grpc_slice bytes;

	if (buffer->data.raw.compression != GRPC_COMPRESS_NONE ||
	    !grpc_byte_buffer_reader_init(&reader, buffer)) {
		refusal->status = WEIR_RPC_UNIMPLEMENTED;
		snprintf(refusal->why, sizeof(refusal->why), "%s: it is compressed", type->name);
		return NULL;
	}
	bytes = grpc_byte_buffer_reader_readall(&reader);
	grpc_byte_buffer_reader_destroy(&reader);
	m = weir_rpc_message_unpack(type, GRPC_SLICE_START_PTR(bytes), GRPC_SLICE_LENGTH(bytes),
				    budget_bytes, &err);
	grpc_slice_unref(bytes);
	if (m == NULL) {
		refusal->status = err.code == ENOMEM ? WEIR_RPC_RESOURCE_EXHAUSTED
						     : WEIR_RPC_INVALID_ARGUMENT;
		snprintf(refusal->why, sizeof(refusal->why), "%s", err.msg);
	}
	return m;
}
