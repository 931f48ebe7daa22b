/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a message for many streams. gRPC holds references, and copies nothing but what is tiny. */
#include "rpc_priv.h"

struct weir_rpc_packed {
	grpc_slice slice;
};

/* Bytes of somebody else's inside of a slice; the last reference may go on a thread of gRPC. */
struct lent {
	struct rpc_tag unused;
	struct weir_rpc *rpc;
	void (*done)(void *user);
	void *user;
};

static void on_unused(struct rpc_tag *tag, bool ok)
{
	struct lent *l = container(tag, struct lent, unused);

	(void)ok;
	l->rpc->live--;
	l->done(l->user);
	gpr_free(l);
}

static void drop(void *lent)
{
	struct lent *l = lent;

	rpc_handover_put(&l->rpc->handover, &l->unused, true);
}

static struct weir_rpc_packed *packed_of(grpc_slice slice)
{
	struct weir_rpc_packed *p = gpr_malloc(sizeof(*p));

	p->slice = slice;
	return p;
}

struct weir_rpc_packed *weir_rpc_packed_create(const ProtobufCMessage *m)
{
	return packed_of(rpc_pack(m));
}

struct weir_rpc_packed *weir_rpc_packed_lend(struct weir_rpc *rpc, const uint8_t *bytes, size_t n,
					     void (*done)(void *user), void *user)
{
	struct lent *l = gpr_zalloc(sizeof(*l));

	*l = (struct lent){ .unused.run = on_unused, .rpc = rpc, .done = done, .user = user };
	rpc->live++;
	return packed_of(grpc_slice_new_with_user_data((void *)(uintptr_t)bytes, n, drop, l));
}

size_t weir_rpc_packed_size(const struct weir_rpc_packed *p)
{
	return GRPC_SLICE_LENGTH(p->slice);
}

void weir_rpc_packed_destroy(struct weir_rpc_packed *p)
{
	if (p == NULL)
		return;
	grpc_slice_unref(p->slice);
	gpr_free(p);
}

grpc_byte_buffer *rpc_buffer_of(const struct weir_rpc_packed *const *parts, unsigned int n)
{
	grpc_slice slices[WEIR_RPC_PARTS];

	assert(n <= WEIR_RPC_PARTS);
	for (unsigned int i = 0; i < n; i++)
		slices[i] = parts[i]->slice;
	return grpc_raw_byte_buffer_create(slices, n);
}
