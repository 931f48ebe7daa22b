/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server: a table of routes, and bounds on everything that comes. It lives on a libevent loop of
 * the caller, all of it on that one thread.
 */
#ifndef WEIR_HTTP_H
#define WEIR_HTTP_H

#include <weir_base.h>

#include <sys/types.h>

/* Bounds of a server, where its configuration says none. */
#define WEIR_HTTP_CLIENTS_MAX 64 /* at once; others wait in the kernel's queue */
#define WEIR_HTTP_HEADER_MAX  8192
#define WEIR_HTTP_BODY_MAX    ((size_t)16 << 20) /* of an answer */
#define WEIR_HTTP_WAIT_S      10 /* from a connection, or an answer, to the whole next request */
#define WEIR_HTTP_RATE        65536 /* bytes a second: a longer body, either way, has so much more time */

#define WEIR_HTTP_PARAMS      4  /* of a path */
#define WEIR_HTTP_QUERIES     64 /* of a request */
#define WEIR_HTTP_HEADERS     64 /* the same: lines */

/* Text that grows. What is too much, or finds no memory, is left out, and `failed` set. */
struct weir_http_text {
	char *bytes; /* not ended by a NUL */
	size_t len, room;
	size_t max; /* 0 = WEIR_HTTP_BODY_MAX */
	bool failed;
};

void weir_http_text_add(struct weir_http_text *t, const char *bytes, size_t n);
void weir_http_text_printf(struct weir_http_text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void weir_http_text_free(struct weir_http_text *t); /* its memory, not itself */

/* ------------------------------------------------------------------ a request, and its answer */

struct weir_http_route;
struct weir_http_pair {
	const char *name, *value;
};

/* Borrowed until its answer is made. */
struct weir_http_request {
	const struct weir_http_route *route;  /* NULL: there is none */
	const char *method;                   /* "GET"; "" = not one we know */
	const char *path;                     /* as it came: not decoded, without the query */
	const char *query;                    /* behind "?", not decoded, "" = none */
	const char *params[WEIR_HTTP_PARAMS]; /* what stood for {...} of the route, decoded once */
	struct weir_http_pair queries[WEIR_HTTP_QUERIES]; /* decoded; a name may come again */
	unsigned int n_queries;
	const char *body; /* ended by a NUL too; "" = none, or taken by the route's `take` */
	size_t body_len;
	const char *peer; /* address */
	uint16_t peer_port;
	bool local; /* the peer is on this machine's loopback */
	bool tls;
	void *user; /* of the route's `take` */

	struct weir_http_pair headers[WEIR_HTTP_HEADERS]; /* as they came; weir_http_header() */
	unsigned int n_headers;
	char *store; /* what was decoded */
	int fd;      /* of the connection; -1 = none */
};

const char *weir_http_header(const struct weir_http_request *rq,
			     const char *name); /* the first; NULL = none */
const char *weir_http_query(const struct weir_http_request *rq, const char *name); /* the same */

/*
 * Who has the other end of a loopback connection, as the kernel tells it (sock_diag). -ENOENT: it has gone
 * (closed, which would look like root), or is not on this machine; or what the system says.
 */
int weir_http_peer_uid(const struct weir_http_request *rq, uid_t *uid);

struct weir_http_answer {
	int status;       /* 200 */
	const char *type; /* "text/plain; charset=utf-8"; borrowed until the server is destroyed */
	struct weir_http_text *body;    /* empty; the server's: one is used again and again */
	int file;                       /* instead of `body`: sent whole, and closed; -1 */
	struct weir_http_text *headers; /* further lines; NULL = none are wanted */
};
/* What is no printable ASCII of the value becomes "?". */
void weir_http_answer_header(struct weir_http_answer *a, const char *name, const char *value);

/* ------------------------------------------------------------------ routes */

/*
 * A row of the table of routes. A segment of the path in braces stands for any one. A slash at the end
 * does not matter. Who serves GET serves HEAD.
 */
struct weir_http_route {
	const char *method;
	const char *path; /* "/v1/vtaps/{lcuuid}" */
	void (*serve)(void *ctx, const struct weir_http_request *rq,
		      struct weir_http_answer *answer); /* must not block */
	size_t body_max; /* bytes; 0 = none is taken: at most 4096 are read and thrown away */
	/*
	 * Takes the body as it comes, instead of gathering it; then `serve`, if all of it came; then
	 * `over`, whatever happened, where `user` was set. Not for bodies without a length (411).
	 */
	void (*take)(void *ctx, struct weir_http_request *rq, const char *bytes, size_t n);
	void (*over)(void *ctx, struct weir_http_request *rq);
	const void *row; /* of who made the table */
};

struct weir_http_routes {
	const struct weir_http_route *v; /* borrowed, until the server is destroyed */
	unsigned int n;
};

/*
 * Set what a request asks for, without a connection: `target` is a path, with its query. 0; -EINVAL: it
 * cannot be decoded; -ENOENT: no such route; -EPERM: not with this method, and `allow` has those it may
 * come with ("GET, HEAD, POST"). `rq` was cleared before, once at least, and is to be given back the same
 * way, whatever is returned. Any thread.
 */
int weir_http_request_set(struct weir_http_request *rq, const struct weir_http_routes *routes,
			  const char *method, const char *target, char allow[64]);
void weir_http_request_clear(struct weir_http_request *rq);

/* ------------------------------------------------------------------ a server */

struct event_base;
struct weir_http_server;

struct weir_http_server_conf {
	struct event_base *base; /* borrowed, until destroy */
	const char *listen;      /* "127.0.0.1:9740", "[::1]:9740", ":9740" (loopback) */
	struct weir_http_routes routes;
	void *ctx; /* handed to routes, `admit` and `refuse` */
	const char *cert,
		*key; /* PEM files, looked at again: TLS, and nothing else. NULL or "" = none */

	/* Bounds; 0 = those above. */
	unsigned int clients_max;
	unsigned int requests_max; /* of one connection; 0 = no bound */
	size_t header_max, answer_max;
	size_t bodies_max;  /* of all requests that are read now, in sum; 0 = 16 MiB. More: 503 */
	size_t answers_max; /* of all answers that wait to be read; 0 = 64 MiB. More: 503 */

	/*
	 * May this request be served? Asked when its header is there, before its body is read. False:
	 * `answer` says why not. May be NULL.
	 */
	bool (*admit)(void *ctx, const struct weir_http_request *rq,
		      struct weir_http_answer *answer);
	/* Says what the server itself refuses: `answer->status` is set. NULL: a line of text. */
	void (*refuse)(void *ctx, const struct weir_http_request *rq, const char *why,
		       struct weir_http_answer *answer);
};

/*
 * Listen. EINVAL for an address that is none, EADDRINUSE, EACCES, EADDRNOTAVAIL as the system says them,
 * what weir_cert_read() says. SIGPIPE is ignored from here on. NULL with `err` set. Loop's thread.
 */
struct weir_http_server *weir_http_server_create(const struct weir_http_server_conf *conf,
						 struct weir_err *err);
void weir_http_server_destroy(struct weir_http_server *server); /* NULL is fine. Loop's thread. */

/* The port it listens on: of use when port 0 was asked for. */
uint16_t weir_http_server_port(const struct weir_http_server *server);

/* Is `listen`, as of a server's configuration, an address that only this machine can reach? */
bool weir_http_is_loopback(const char *listen);

/* Only ever rising, but for `clients`. */
struct weir_http_counts {
	uint64_t clients;  /* now */
	uint64_t requests; /* whole ones, good or bad */
	uint64_t
		timed_out; /* connections: no whole request within its time, or an answer not read */
	uint64_t refused;  /* requests: by the server itself, or `admit` */
	uint64_t bytes_in, bytes_out; /* of bodies */
};

void weir_http_server_counts(const struct weir_http_server *server, struct weir_http_counts *out);

#endif
