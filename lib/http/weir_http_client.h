/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP client for a command: one request after the other, each waited for, on a connection that is kept. One thread.
 */
#ifndef WEIR_HTTP_CLIENT_H
#define WEIR_HTTP_CLIENT_H

#include <weir_base.h>

#include <stdio.h>

/* Of an answer that is kept in memory: 64,000 agents in JSON are half of it. */
#define WEIR_HTTP_CLIENT_REPLY_MAX ((size_t)256 << 20)

struct weir_http_client;

struct weir_http_client_conf {
	const char *base; /* "http://127.0.0.1:30417", "https://[2001:db8::1]:30417" */
	double timeout_s; /* of a whole request; of one that carries a file: without a byte */
	const char *ca;   /* PEM file of who signed the server's certificate; NULL = the system's */
	const char *token;          /* "Authorization: Bearer TOKEN"; NULL = none */
	const char *const *headers; /* "Name: value", of all requests, ended by NULL; may be NULL */
};

/* NULL with `err` set. All of `conf` is copied. SIGPIPE is to be ignored. */
struct weir_http_client *weir_http_client_create(const struct weir_http_client_conf *conf,
						 struct weir_err *err);
void weir_http_client_destroy(struct weir_http_client *client); /* NULL is fine */

/* A part of multipart/form-data: a value, or the content of a file under its own name. */
struct weir_http_client_part {
	const char *name;
	const char *value; /* NULL: `file` */
	const char *file;
};

struct weir_http_client_request {
	const char *method; /* "GET" */
	const char *target; /* path and query, escaped where needed: "/v1/vtaps/?name=a%20b" */
	const char *type;   /* Content-Type of the body; NULL = there is none */
	const void *body;
	size_t len;
	const struct weir_http_client_part *parts; /* in place of a body; NULL = none */
	size_t n_parts;
	FILE *to; /* where the body of an answer that is 200 goes; NULL = to memory */
};

struct weir_http_client_reply {
	int status; /* of HTTP */
	char *body; /* ended by a NUL besides; free() */
	size_t len;
};

/*
 * Ask, and wait for the whole answer, whatever its status; no redirection is followed, no proxy is used. On success
 * `reply` is filled. -ECONNREFUSED, -EHOSTUNREACH (also a name that is not known), -ETIMEDOUT, -ECONNRESET, -EPROTO
 * (no HTTP, or TLS that does not come about), -EKEYREJECTED (a certificate that is not trusted), -EFBIG: of an answer;
 * -EINVAL, -EIO: `base`, `ca`, a file. `err` then names the base and the cause.
 */
int weir_http_client_ask(struct weir_http_client *client,
			 const struct weir_http_client_request *request,
			 struct weir_http_client_reply *reply, struct weir_err *err);

#endif
