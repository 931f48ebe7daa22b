/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: how a running agent is asked. A UNIX stream socket; a request is one line of
 * JSON, {"command":"NAME","args":{...}}; so is its reply, {"ok":true,"data":...} or
 * {"ok":false,"error":{"code":N,"message":"..."}}. Requests of a connection are answered one after the
 * other. A command that is a stream answers {"ok":true} and then raw bytes until the agent closes.
 *
 * The server lives on a libevent loop of the caller, all of it on that one thread, and never blocks it.
 * The client blocks; weirctl uses it.
 */
#ifndef WEIR_CTL_H
#define WEIR_CTL_H

#include <weir_base.h>

#include <jansson.h>

#define WEIR_CTL_PATH  "/run/weir/agent.sock"
#define WEIR_CTL_GROUP "weir" /* may ask, too, where there is such a group */

/* Bounds of a server. */
#define WEIR_CTL_CLIENTS_MAX 64                /* at once; the next is told and closed */
#define WEIR_CTL_REQUEST_MAX 65536             /* bytes of a request, without its newline */
#define WEIR_CTL_LONG_MAX    ((size_t)4 << 20) /* of one that may be long; one is read at a time */
#define WEIR_CTL_UNSENT_MAX  ((size_t)4 << 20) /* bytes of a reply, and of a stream that wait */
#define WEIR_CTL_REQUEST_S   5                 /* from a request's first byte to its newline */
#define WEIR_CTL_IDLE_S      60                /* between requests; and for bytes nobody takes */
#define WEIR_CTL_FINISH_S    5                 /* for a stream to end that was asked to */

/* What a reply's error code says: exit codes of weirctl. */
enum weir_ctl_code {
	WEIR_CTL_FAILED = 1,
	WEIR_CTL_USAGE = 2,     /* err->code EINVAL */
	WEIR_CTL_NOT_FOUND = 4, /* ENOENT */
	WEIR_CTL_REFUSED = 5,   /* EPERM, EACCES, EBUSY */
};

struct event_base;
struct weir_ctl_server;
struct weir_ctl_stream;

/* A row of the table of commands: it has an `answer`, or it is a stream and has a `begin`. */
struct weir_ctl_command {
	const char *name;
	/*
	 * The reply's data, given; NULL with `err` set. `args` is an object, borrowed. The loop's
	 * thread: must not block.
	 */
	json_t *(*answer)(void *ctx, const json_t *args, struct weir_err *err);
	/* 0 and the stream has begun, `s` is the handler's as said below; or negative with `err` set. */
	int (*begin)(void *ctx, const json_t *args, struct weir_ctl_stream *s,
		     struct weir_err *err);
	bool is_long; /* a request may have WEIR_CTL_LONG_MAX bytes: it brings a file */
};

/*
 * A text of an answer: messages quote any bytes and may be cut within a character, interfaces may be called anything,
 * and without this all of an answer would be lost for one that is no UTF-8. NULL without memory. Any thread.
 */
json_t *weir_ctl_text(const char *text);

struct weir_ctl_server_conf {
	struct event_base *base; /* borrowed, until destroy */
	const char *path;        /* of the socket; its folder is made where it is missing */
	const char *group;       /* who may ask, beside root and the own user; NULL = nobody else */
	const struct weir_ctl_command *commands; /* borrowed, until destroy */
	unsigned int n_commands;
	void *ctx; /* handed to commands */
};

/*
 * Listen. A socket file that nobody listens on is replaced, one of a living agent is not: EADDRINUSE,
 * with its pid; EEXIST where the path is something else; other errors as the system gives them. A group
 * that does not exist is left out. SIGPIPE is ignored from here on. NULL with `err` set. Loop's thread.
 */
struct weir_ctl_server *weir_ctl_server_create(const struct weir_ctl_server_conf *conf,
					       struct weir_err *err);

/* Close every connection (streams are told by on_close), remove the socket. NULL is fine. Loop's thread. */
void weir_ctl_server_destroy(struct weir_ctl_server *server);

/* Only ever rising, but for `clients`. */
struct weir_ctl_counts {
	uint64_t clients;      /* now */
	uint64_t accepted;     /* connections that could ask */
	uint64_t refused_user; /* of somebody who may not */
	uint64_t refused_full; /* beyond WEIR_CTL_CLIENTS_MAX */
	uint64_t requests;     /* read, good or bad */
	uint64_t timed_out;    /* too slow to ask or to take the answer */
};

void weir_ctl_server_counts(const struct weir_ctl_server *server, struct weir_ctl_counts *out);

/*
 * A stream is the handler's from begin() on, until weir_ctl_stream_end() or its on_close is called,
 * whichever comes first. Everything on the loop's thread.
 */

/*
 * Send bytes. False, and nothing is taken, when there is no room: the client does not read fast
 * enough. The caller counts what it leaves out. May be called in begin(), too: the reply goes first.
 */
bool weir_ctl_stream_write(struct weir_ctl_stream *s, const void *bytes, size_t n);

/* Bytes that weir_ctl_stream_write() would take now. */
size_t weir_ctl_stream_room(const struct weir_ctl_stream *s);

/*
 * The client wants no more (it closed its sending side): write what belongs at the end, then call
 * weir_ctl_stream_end(), from `fn` or within WEIR_CTL_FINISH_S. Without such a function the stream is
 * ended, and closed.
 */
void weir_ctl_stream_on_finish(struct weir_ctl_stream *s, void (*fn)(void *ctx), void *ctx);

/* The client is gone, or the server is: `s` is no more when `fn` returns. */
void weir_ctl_stream_on_close(struct weir_ctl_stream *s, void (*fn)(void *ctx), void *ctx);

/* No more is written: close when the client has read all. `s` is no more, on_close is not called. */
void weir_ctl_stream_end(struct weir_ctl_stream *s);

/*
 * Client. One thread, blocks. Errors carry the agent's own line, with err->code
 *   ENOENT, EINVAL, EPERM   as the reply's code 4, 2, 5; EREMOTEIO for all other failures it reports
 *   ECONNREFUSED            nobody listens at this path
 *   EACCES                  this user may not connect
 *   EPROTO, ECONNRESET, ETIMEDOUT, ENOMEM   the connection itself
 */
struct weir_ctl_client;

struct weir_ctl_client *weir_ctl_client_open(const char *path, struct weir_err *err);
void weir_ctl_client_close(struct weir_ctl_client *client); /* NULL is fine */

/* Ask. `args` is given, NULL = none. The reply's data (JSON null where it has none), given. */
json_t *weir_ctl_client_call(struct weir_ctl_client *client, const char *command, json_t *args,
			     struct weir_err *err);

/* Ask for a stream: 0 when it has begun; from then on only the functions below. */
int weir_ctl_client_begin(struct weir_ctl_client *client, const char *command, json_t *args,
			  struct weir_err *err);

/*
 * The next bytes of a stream: their number; 0 when it has ended; -EAGAIN when `timeout_ms` passed
 * without any (-1 = no limit); -EINTR after a signal; another error with `err` set.
 */
int64_t weir_ctl_client_read(struct weir_ctl_client *client, void *to, size_t room, int timeout_ms,
			     struct weir_err *err);

/* Ask a stream to end; what it still sends is read as before. */
void weir_ctl_client_finish(struct weir_ctl_client *client);

#endif
