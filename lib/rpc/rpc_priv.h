/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RPC_PRIV_H
#define RPC_PRIV_H

#include "handover.h"

#include <weir_rpc.h>

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>

#include <pthread.h>
#include <sys/queue.h>

#define container(p, type, field) ((type *)(void *)((char *)(p)-offsetof(type, field)))

#define RPC_BUDGET_BYTES          ((size_t)64 << 20)

LIST_HEAD(rpc_channels, weir_rpc_channel);
LIST_HEAD(rpc_calls, weir_rpc_call);
LIST_HEAD(rpc_servers, weir_rpc_server);
LIST_HEAD(rpc_streams, weir_rpc_stream);

struct weir_rpc {
	struct event_base *base;
	grpc_completion_queue *cq;
	struct event *wake;           /* tags are there */
	struct rpc_handover handover; /* waiting thread: puts, loop's thread: runs */
	pthread_t thread;

	/* loop's thread: rw */
	struct rpc_channels channels;
	struct rpc_servers servers;
	unsigned int live; /* calls, servers, lent bytes: tags of theirs may still come */
};

/* NULL for NULL; gpr_free(). */
static inline char *rpc_copy(const char *text)
{
	size_t n = text == NULL ? 0 : strlen(text) + 1;

	return text == NULL ? NULL : memcpy(gpr_malloc(n), text, n);
}

/* message.c: a message <-> what gRPC carries. */
grpc_slice rpc_pack(const ProtobufCMessage *m);
grpc_byte_buffer *rpc_buffer_pack(const ProtobufCMessage *m);

/* NULL with the status and text for the peer: it is none, too large, or compressed. */
struct rpc_refusal {
	int status;
	char why[sizeof(((struct weir_err *)0)->msg)];
};
ProtobufCMessage *rpc_unpack(const ProtobufCMessageDescriptor *type, grpc_byte_buffer *buffer,
			     size_t budget_bytes, struct rpc_refusal *refusal);

/* packed.c: one message of the parts, which it holds references of. */
grpc_byte_buffer *rpc_buffer_of(const struct weir_rpc_packed *const *parts, unsigned int n);

/* outbox.c: messages of one call that wait for the one on its way. */
struct rpc_outbox {
	grpc_byte_buffer *waiting[WEIR_RPC_QUEUE];
	unsigned int n;
	bool busy; /* one is on its way */
};
bool rpc_outbox_full(const struct rpc_outbox *box);
void rpc_outbox_put(struct rpc_outbox *box, grpc_byte_buffer *b); /* takes it */
grpc_byte_buffer *rpc_outbox_take(struct rpc_outbox *box);        /* the oldest; NULL: none */
void rpc_outbox_drop(struct rpc_outbox *box);

/* channel.c: a connection, held by the channel and each call over it. */
struct rpc_link {
	grpc_channel *channel;
	unsigned int users;
};
struct rpc_link *rpc_link_get(struct rpc_link *link);
void rpc_link_put(struct rpc_link *link);

struct weir_rpc_channel {
	struct weir_rpc *rpc;
	LIST_ENTRY(weir_rpc_channel) entry;
	struct rpc_calls calls;
	struct rpc_link *link;
	struct weir_cert_watch *watch; /* NULL: cleartext */
	char *target, *name;           /* name: NULL, that of the target */
	size_t receive_max_bytes;
	unsigned int keepalive_ms, keepalive_wait_ms, connect_ms;
};

/* call.c: cancel them; they belong to no channel any more. */
void rpc_calls_abandon(struct rpc_calls *calls);

/* credentials.c */
grpc_channel_credentials *rpc_channel_credentials(
	const struct weir_cert_pem *pem); /* NULL: cleartext */

struct rpc_identity; /* certificates of one address we listen at, as they are now */
int rpc_identity_open(struct weir_rpc *rpc, const struct weir_rpc_listen *at,
		      struct rpc_identity **out, struct weir_err *err); /* NULL: cleartext */
grpc_server_credentials *rpc_identity_credentials(struct rpc_identity *id);
void rpc_identity_close(struct rpc_identity *id); /* after the server is destroyed; NULL is fine */

/* address.c */
bool rpc_target_is_whole(const char *target);                     /* has a port, or is a path */
int rpc_address_check(const char *address, struct weir_err *err); /* one to listen at? */
int rpc_address_why(const char *address, struct weir_err *err);   /* why it cannot be listened at */

/* peers.c: who has how many calls open */
struct rpc_peer {
	LIST_ENTRY(rpc_peer) entry;
	unsigned int calls;
	char address[]; /* as gRPC writes it, without the port */
};
LIST_HEAD(rpc_peers, rpc_peer);
#define RPC_PEERS 1024 /* lists, by a hash of the address */

/* One more call of `peer` (gRPC's name of the other end), unless it has `most`: NULL. */
struct rpc_peer *rpc_peer_get(struct rpc_peers peers[RPC_PEERS], const char *peer,
			      unsigned int most);
void rpc_peer_put(struct rpc_peer *p); /* one less; NULL is fine */

/* server.c, for stream.c */
struct weir_rpc_server {
	struct weir_rpc *rpc;
	LIST_ENTRY(weir_rpc_server) entry;
	struct rpc_streams streams;
	grpc_server *server;
	struct rpc_tag down;
	struct event *grace;
	unsigned int pending; /* calls asked for and calls made: tags of theirs may still come */
	bool stopping, is_down;
	void (*gone)(void *user);
	void *gone_user;
	void *user;
	unsigned int calls_max, peer_calls_max;
	struct weir_rpc_counts n;
	struct rpc_peers peers[RPC_PEERS];
	unsigned int n_listens;
	struct rpc_identity **ids; /* one a listen; NULL: cleartext */
	uint16_t *ports;
};
void rpc_server_put(struct weir_rpc_server *s); /* one less pending */
void rpc_server_cancel(struct weir_rpc_server *s);

struct weir_rpc_stream {
	struct weir_rpc_server *server;
	LIST_ENTRY(weir_rpc_stream) entry;
	struct rpc_peer *peer;                /* NULL: it was not admitted */
	const struct weir_rpc_method *method; /* NULL: of no method we know */
	grpc_call *call;
	grpc_metadata_array head;
	gpr_timespec deadline;
	grpc_byte_buffer *in;
	struct rpc_tag close, read, send, finish;
	unsigned int flying; /* tags that are to come */
	int cancelled;
	bool opened, head_sent, closed;
	bool paused;        /* not reading: no place for an answer */
	bool ending, ended; /* finish was asked for; was sent */
	int status;
	char *why;
	struct rpc_outbox out;
	char *identity;
	bool certified; /* that is by a certificate */
	void *user;
};
struct weir_rpc_stream *rpc_stream_create(struct weir_rpc_server *s,
					  const struct weir_rpc_method *method);
void rpc_stream_destroy(struct weir_rpc_stream *st); /* no tag is to come */
void rpc_stream_serve(struct weir_rpc_stream *st);   /* a call came: take its message, open it */

#endif
