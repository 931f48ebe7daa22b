/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_PRIV_H
#define HTTP_PRIV_H

#include <weir_http.h>

#include <arpa/inet.h>
#include <sys/queue.h>
#include <sys/socket.h>

struct bufferevent;
struct event_base;

/* listen.c: a descriptor that listens at "ADDRESS:PORT", or negative with `err` set. */
int http_listen(const char *at, struct weir_err *err);

/* tls.c: what is needed to speak TLS with who connects. */
struct http_tls;
struct http_tls *http_tls_open(struct event_base *base, const char *cert, const char *key,
			       struct weir_err *err);
void http_tls_close(struct http_tls *tls); /* NULL is fine */
struct bufferevent *http_tls_accept(struct http_tls *tls, struct event_base *base, int fd);

/* head.c: the head of a request, taken apart in place. */
struct http_head {
	const char *method, *target;
	unsigned int minor; /* HTTP/1.x */
	struct weir_http_pair headers[WEIR_HTTP_HEADERS];
	unsigned int n_headers;
	bool chunked, has_length, expects, close;
	uint64_t length; /* of the body, where it is not chunked */
};
/* `text`: up to and without the empty line, ended by a NUL. 0, or the status to refuse it with, and `why`. */
int http_head_parse(char *text, size_t len, struct http_head *out, const char **why);

/* chunked.c: a body in chunks (RFC 9112, 7.1). All zero at first. */
struct http_chunked {
	enum {
		CHUNK_SIZE,
		CHUNK_EXTENSION,
		CHUNK_DATA,
		CHUNK_END,
		CHUNK_TRAILER,
		CHUNK_OVER
	} state;
	uint64_t left; /* of the chunk */
	unsigned int digits, line;
	bool cr; /* the byte before, of a line */
};
/*
 * How many of `n` bytes were used; from `data` on, `*n_data` of them are of the body. Negative: no chunks. Over
 * when `state` is CHUNK_OVER. To be called until all is used, or over.
 */
ssize_t http_chunked_take(struct http_chunked *c, const char *bytes, size_t n, const char **data,
			  size_t *n_data);

/* server.c and conn.c */
struct conn;
LIST_HEAD(conns, conn);

struct weir_http_server {
	struct weir_http_server_conf conf; /* bounds filled in */
	struct evconnlistener *listener;
	struct http_tls *tls;
	struct event *tick; /* each second while there are connections, or no descriptors */
	bool no_descriptors;
	uint16_t port;
	struct conns conns;
	struct weir_http_text body, headers; /* of the answer that is made */
	size_t held, answering;              /* bytes, of all connections */
	struct weir_http_counts counts;
};

enum conn_state {
	CONN_HEAD,
	CONN_BODY,
	CONN_ANSWER, /* it is written */
	CONN_LINGER, /* that was the last; what still comes is thrown away, so that the answer is not */
};

struct conn {
	LIST_ENTRY(conn) link;
	struct weir_http_server *server;
	struct bufferevent *bev;
	enum conn_state state;
	uint64_t deadline_ns;
	unsigned int requests;
	char peer[INET6_ADDRSTRLEN];
	uint16_t peer_port;

	/* The request that is read, or whose answer is written. */
	char *head; /* its text, in which `rq` points */
	struct http_head parsed;
	struct weir_http_request rq;
	struct http_chunked chunked;
	uint64_t left;              /* of the body */
	struct weir_http_text body; /* so far */
	size_t held, answering;     /* of the sums of the server */
	bool last;                  /* the connection ends with this answer */
	int status;                 /* it is refused so; 0 = it is not */
	const char *type;           /* of the refusal */
	struct weir_http_text refusal, refusal_headers;
};

/* `fd` is given. */
void http_conn_open(struct weir_http_server *s, int fd, const struct sockaddr *peer);
void http_conn_close(struct conn *c);

/* There may be room for others now. */
void http_server_has_room(struct weir_http_server *s);

#endif
