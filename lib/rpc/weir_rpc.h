/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls over gRPC, both ends: a client's channel and its calls, a server and the calls made to it.
 * Messages are protobuf-c's; everything happens on the thread of a libevent loop of the caller, and no
 * function blocks but weir_rpc_destroy(). Callbacks come from the loop, never from inside of a
 * function the caller called.
 *
 * It starts threads: create it after fork() or daemon().
 */
#ifndef WEIR_RPC_H
#define WEIR_RPC_H

#include <weir_base.h>
#include <weir_cert.h>

#include <protobuf-c/protobuf-c.h>

/* Those of gRPC, with its numbers. Only UNAVAILABLE and DEADLINE_EXCEEDED may be worth another try. */
enum weir_rpc_status {
	WEIR_RPC_OK = 0,
	WEIR_RPC_CANCELLED = 1,
	WEIR_RPC_UNKNOWN = 2,
	WEIR_RPC_INVALID_ARGUMENT = 3,
	WEIR_RPC_DEADLINE_EXCEEDED = 4,
	WEIR_RPC_NOT_FOUND = 5,
	WEIR_RPC_ALREADY_EXISTS = 6,
	WEIR_RPC_PERMISSION_DENIED = 7,
	WEIR_RPC_RESOURCE_EXHAUSTED = 8,
	WEIR_RPC_FAILED_PRECONDITION = 9,
	WEIR_RPC_ABORTED = 10,
	WEIR_RPC_OUT_OF_RANGE = 11,
	WEIR_RPC_UNIMPLEMENTED = 12,
	WEIR_RPC_INTERNAL = 13,
	WEIR_RPC_UNAVAILABLE = 14,
	WEIR_RPC_DATA_LOSS = 15,
	WEIR_RPC_UNAUTHENTICATED = 16,
};
const char *weir_rpc_status_name(int status); /* "UNAVAILABLE"; "status 99" is "unknown" */

struct event_base;
struct weir_rpc;         /* what channels and servers of one loop share */
struct weir_rpc_channel; /* one peer we call */
struct weir_rpc_call;    /* a call we made */
struct weir_rpc_server;
struct weir_rpc_stream; /* a call made to us */
struct weir_rpc_packed; /* a message, or a part of one, in bytes, for many streams */

/* `base` is borrowed until destroy. NULL with `err` set: ENOMEM, or what the system says. Loop's thread. */
struct weir_rpc *weir_rpc_create(struct event_base *base, struct weir_err *err);

/*
 * Cancel what is left and wait until it is gone: `end` of every call and `closed` of every stream come
 * from in here; they must not use a channel any more. Servers and channels are gone afterwards, whoever
 * forgot them. NULL is fine. Blocks for milliseconds, as a rule. Not from a callback of this module.
 */
void weir_rpc_destroy(struct weir_rpc *rpc);

/* ---- calls we make ---- */

struct weir_rpc_peer {
	const char *target; /* "10.0.0.1:30035", "[::1]:30035", "name:30035", "unix:/path" */
	const struct weir_cert_files
		*files;   /* NULL: cleartext, no TLS. With it, never cleartext. */
	const char *name; /* to be found in the peer's certificate; NULL: that of the target */
	size_t receive_max_bytes; /* of a message; 0 = 5 MiB */
	unsigned int
		keepalive_ms; /* a ping after this long without a byte; 0 = none. Others' servers throw
				      out who pings more often than every 5 min. */
	unsigned int keepalive_wait_ms; /* for its answer; 0 = 20 s */
	unsigned int connect_ms;        /* patience with one attempt to connect; 0 = 5 s */
};

/*
 * Nothing is connected before the first call. All of `peer` is copied. NULL with `err` set: a certificate
 * that weir_cert_check() refuses, EINVAL for a target without a port. Loop's thread, as all below.
 */
struct weir_rpc_channel *weir_rpc_channel_open(struct weir_rpc *rpc,
					       const struct weir_rpc_peer *peer,
					       struct weir_err *err);

/* The calls under way are cancelled: their `end` comes from the loop. NULL is fine; also in a callback. */
void weir_rpc_channel_close(struct weir_rpc_channel *ch);

/* For calls started from now on, over a connection of their own; those under way keep theirs. */
void weir_rpc_channel_receive_max_set(struct weir_rpc_channel *ch, size_t bytes);

struct weir_rpc_request {
	const char *path; /* "/agent.Synchronizer/Sync" */
	const ProtobufCMessage
		*message; /* packed before start returns; NULL: none yet (`sends` only) */
	const ProtobufCMessageDescriptor *answer;
	size_t budget_bytes; /* memory for unpacking an answer: weir_rpc_message_unpack(); 0 = 64 MiB */
	int timeout_ms;      /* of the whole call; negative: no end (a Push) */
	bool streams;        /* any number of answers come; else it is one, and OK means it came */
	bool sends;          /* we go on sending: weir_rpc_call_send() */

	/* An answer, borrowed until return; with `sends` only while there is a place to send. May be NULL. */
	void (*message_in)(struct weir_rpc_call *call, const ProtobufCMessage *m, void *user);
	/* `sends`: what was sent has left, weir_rpc_call_send() takes more. May be NULL. */
	void (*room)(struct weir_rpc_call *call, void *user);
	/*
	 * The last callback, exactly once, whatever happens; the call is gone afterwards. `why` is for a
	 * log, borrowed, never NULL. An answer that is none of its kind ends with INTERNAL, one
	 * over the budget or the limit with RESOURCE_EXHAUSTED.
	 */
	void (*end)(struct weir_rpc_call *call, int status, const char *why, void *user);
};

/* Start a call. Never NULL: what fails comes to `end`. `rq` need not outlive this. */
struct weir_rpc_call *weir_rpc_call_start(struct weir_rpc_channel *ch,
					  const struct weir_rpc_request *rq, void *user);

/* One more message of ours, NULL: that was all. False, nothing taken: wait for `room`, or it is over. */
bool weir_rpc_call_send(struct weir_rpc_call *call, const ProtobufCMessage *m);

/* No message comes any more, and `end` comes from the loop, with CANCELLED. In any callback but `end`. */
void weir_rpc_call_cancel(struct weir_rpc_call *call);

/* ---- calls made to us ---- */

/* Messages that wait to leave, of one stream or call, beside the one on its way. */
#define WEIR_RPC_QUEUE 4

struct weir_rpc_method {
	const char *path; /* "/agent.Synchronizer/Sync" */
	const ProtobufCMessageDescriptor *request;
	size_t budget_bytes; /* memory for unpacking a request: weir_rpc_message_unpack(); 0 = 64 MiB */
	bool sends;          /* the client sends any number of messages: `message_in` has them */
	bool endless; /* has no end of its own (a Push): a server that stops ends it at once */

	/*
	 * A call has come. `m` is its message, borrowed until return; NULL with `sends`. Answer here, or
	 * later: the stream is valid until `closed` has returned.
	 */
	void (*open)(struct weir_rpc_stream *st, const ProtobufCMessage *m);
	/*
	 * `sends`: one more message, borrowed, and there is a place for an answer; NULL: the client has no
	 * more, finish.
	 */
	void (*message_in)(struct weir_rpc_stream *st, const ProtobufCMessage *m);
	/* All that was sent has left: weir_rpc_stream_send() takes more. May be NULL. */
	void (*room)(struct weir_rpc_stream *st);
	/* It is over, once for each `open`. `cancelled`: our status did not reach the client. May be NULL. */
	void (*closed)(struct weir_rpc_stream *st, bool cancelled);
};

struct weir_rpc_listen {
	const char *address; /* "0.0.0.0:30035", "[::]:30035", port 0: any */
	const struct weir_cert_files
		*files; /* NULL: cleartext. With it `ca`, `cert` and `key`, all three. */
	bool mutual;    /* clients without a certificate of `ca` are refused */
};

struct weir_rpc_serve {
	const struct weir_rpc_listen *listens; /* all serve the same methods */
	unsigned int n_listens;
	const struct weir_rpc_method *methods; /* borrowed until `gone`; others are UNIMPLEMENTED */
	unsigned int n_methods;
	void *user;                     /* weir_rpc_stream_server_user() */
	size_t receive_max_bytes;       /* of a message; 0 = 100 MiB */
	size_t quota_bytes;             /* memory of all connections together, about; 0 = 512 MiB */
	unsigned int streams_max;       /* calls at once on one connection, others wait; 0 = 200 */
	unsigned int calls_max;         /* calls at once, of all; 0 = 20000 */
	unsigned int peer_calls_max;    /* of them, of one address, whatever its port; 0 = 5000 */
	unsigned int keepalive_ms;      /* a ping after this long without a byte; 0 = 30 s */
	unsigned int keepalive_wait_ms; /* for its answer; 0 = 10 s */
};

/*
 * Listen and serve. A call over `calls_max` or `peer_calls_max` never comes to `open`: it is ended with
 * RESOURCE_EXHAUSTED, which names the number, and counted; those that are open go on.
 *
 * NULL with `err` set: EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL for an address that is none,
 * or a certificate that is refused; then nothing was started.
 */
struct weir_rpc_server *weir_rpc_server_start(struct weir_rpc *rpc,
					      const struct weir_rpc_serve *serve,
					      struct weir_err *err);

/* The port of `listens[i]`: of use when port 0 was asked for. */
uint16_t weir_rpc_server_port(const struct weir_rpc_server *server, unsigned int i);

/* How a server does. */
struct weir_rpc_counts {
	unsigned int calls;       /* now */
	uint64_t served;          /* came to `open` */
	uint64_t refused_full;    /* for `calls_max` */
	uint64_t refused_peer;    /* for `peer_calls_max` */
	uint64_t refused_message; /* none, not decodable, over its budget, compressed */
	uint64_t unknown;         /* of no method in the table */
};
void weir_rpc_server_counts(const struct weir_rpc_server *server, struct weir_rpc_counts *to);

/*
 * Take no more calls, end `endless` ones with UNAVAILABLE, give the others `grace_ms`, cancel what is left.
 * `gone` (may be NULL) comes once, from the loop, after the last `closed`; the server is no more then. A
 * second stop does nothing.
 */
void weir_rpc_server_stop(struct weir_rpc_server *server, unsigned int grace_ms,
			  void (*gone)(void *user), void *user);

/* False, nothing taken: WEIR_RPC_QUEUE messages wait already (go on at `room`), or the call is over. */
bool weir_rpc_stream_send(struct weir_rpc_stream *st, const ProtobufCMessage *m);

/* End the call once all that was sent has left. Of a second one nothing comes. `why` may be NULL. */
void weir_rpc_stream_finish(struct weir_rpc_stream *st, int status, const char *why);

/* One answer and OK: send and finish at once. */
void weir_rpc_stream_answer(struct weir_rpc_stream *st, const ProtobufCMessage *m);

/*
 * Pack once, send to many. NULL: no memory. Destroy it after the last send, and before weir_rpc_destroy(): streams
 * hold what they need.
 */
struct weir_rpc_packed *weir_rpc_packed_create(const ProtobufCMessage *m);
/*
 * Bytes that are packed already, and stay where they are: not copied. `done` comes from the loop, once, when neither this nor
 * a message on its way needs them; at last in weir_rpc_destroy().
 */
struct weir_rpc_packed *weir_rpc_packed_lend(struct weir_rpc *rpc, const uint8_t *bytes, size_t n,
					     void (*done)(void *user), void *user);
size_t weir_rpc_packed_size(const struct weir_rpc_packed *p); /* bytes */
void weir_rpc_packed_destroy(struct weir_rpc_packed *p);      /* NULL is fine */

/* As weir_rpc_stream_send() and _answer(), of one message that is made of these, one behind the other. */
#define WEIR_RPC_PARTS 8
bool weir_rpc_stream_send_parts(struct weir_rpc_stream *st,
				const struct weir_rpc_packed *const *parts, unsigned int n);
void weir_rpc_stream_answer_parts(struct weir_rpc_stream *st,
				  const struct weir_rpc_packed *const *parts, unsigned int n);

/* A pointer of the method's; NULL at first. And that of the server. */
void weir_rpc_stream_user_set(struct weir_rpc_stream *st, void *user);
void *weir_rpc_stream_user(const struct weir_rpc_stream *st);
void *weir_rpc_stream_server_user(const struct weir_rpc_stream *st);

/*
 * Who calls: the common name of its certificate where one was checked (`certified`, may be NULL), else its address, as gRPC
 * writes it ("ipv4:10.0.0.1:40000"); until `closed`.
 */
const char *weir_rpc_stream_identity(struct weir_rpc_stream *st, bool *certified);

/* ---- messages in bytes ---- */

/*
 * Unpack `n` bytes, taking `budget_bytes` of memory at most. That is all that is held at any time: the message, 16
 * bytes for each of its parts, and lists of fields that are needed only meanwhile, so that one which would just fit
 * afterwards is refused; none that takes more is ever taken. Free it with weir_rpc_message_free(). NULL with
 * `err` set: EBADMSG, it is no such message; ENOMEM, it is over the budget. Any thread.
 */
ProtobufCMessage *weir_rpc_message_unpack(const ProtobufCMessageDescriptor *type,
					  const uint8_t *bytes, size_t n, size_t budget_bytes,
					  struct weir_err *err);
void weir_rpc_message_free(ProtobufCMessage *m); /* NULL is fine */

#endif
