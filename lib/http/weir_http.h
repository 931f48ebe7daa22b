/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP server for what is read by machines: /metrics, /livez, /readyz. It lives on a libevent
 * loop of the caller, all of it on that one thread. GET and HEAD only, no TLS, no body is taken.
 */
#ifndef WEIR_HTTP_H
#define WEIR_HTTP_H

#include <weir_base.h>

/* Bounds of a server. */
#define WEIR_HTTP_CLIENTS_MAX 64 /* at once; others wait in the kernel's queue */
#define WEIR_HTTP_HEADER_MAX  8192
#define WEIR_HTTP_BODY_MAX    ((size_t)16 << 20) /* of an answer */
#define WEIR_HTTP_WAIT_S      10 /* from a connection, or an answer, to the whole next request */

/* Text that grows. What is too much, or finds no memory, is left out, and `failed` set. */
struct weir_http_text {
	char *bytes; /* not ended by a NUL */
	size_t len, room;
	bool failed;
};

void weir_http_text_add(struct weir_http_text *t, const char *bytes, size_t n);
void weir_http_text_printf(struct weir_http_text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void weir_http_text_free(struct weir_http_text *t); /* its memory, not itself */

struct weir_http_answer {
	int status;       /* 200 */
	const char *type; /* "text/plain; charset=utf-8"; borrowed until the server is destroyed */
	struct weir_http_text *body; /* empty; the server's: one is used again and again */
};

/* A row of the table of pages. `query` is what stands behind "?", not decoded, "" = none. */
struct weir_http_page {
	const char *path;
	void (*get)(void *ctx, const char *query,
		    struct weir_http_answer *answer); /* must not block */
};

struct event_base;
struct weir_http_server;

struct weir_http_server_conf {
	struct event_base *base;            /* borrowed, until destroy */
	const char *listen;                 /* "127.0.0.1:9740", "[::1]:9740", ":9740" (loopback) */
	const struct weir_http_page *pages; /* borrowed, until destroy */
	unsigned int n_pages;
	void *ctx; /* handed to pages */
};

/*
 * Listen. EINVAL for an address that is none, EADDRINUSE, EACCES, EADDRNOTAVAIL as the system says them.
 * SIGPIPE is ignored from here on. NULL with `err` set. Loop's thread.
 */
struct weir_http_server *weir_http_server_create(const struct weir_http_server_conf *conf,
						 struct weir_err *err);
void weir_http_server_destroy(struct weir_http_server *server); /* NULL is fine. Loop's thread. */

/* The port it listens on: of use when port 0 was asked for. */
uint16_t weir_http_server_port(const struct weir_http_server *server);

/* Only ever rising, but for `clients`. */
struct weir_http_counts {
	uint64_t clients;   /* now */
	uint64_t requests;  /* whole ones, good or bad */
	uint64_t timed_out; /* connections: no whole request within WEIR_HTTP_WAIT_S */
};

void weir_http_server_counts(const struct weir_http_server *server, struct weir_http_counts *out);

#endif
