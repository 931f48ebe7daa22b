/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PRIV_H
#define CTL_PRIV_H

#include <weir_ctl.h>

#include <sys/queue.h>
#include <sys/types.h>

struct bufferevent;
struct evbuffer;
struct evconnlistener;
struct event;

/* listen.c: the socket as a file. */
struct ctl_socket {
	int fd;
	char *path;
	dev_t dev; /* of the file that was made: another one at this path is not ours to remove */
	ino_t ino;
	gid_t gid; /* who may connect; -1 = nobody but root and the own user */
};

int ctl_socket_listen(struct ctl_socket *s, const char *path, const char *group,
		      struct weir_err *err);
void ctl_socket_remove(struct ctl_socket *s); /* the file; `fd` is its listener's */

/* peer.c: may who is at the other end of `fd` ask? Else false, with `err` set. */
bool ctl_peer_may_ask(int fd, gid_t gid, struct weir_err *err);

/* request.c: text to command, and back. Pure functions. */
struct ctl_request {
	json_t *json; /* all of it; given */
	const struct weir_ctl_command *command;
	const json_t *args; /* an object, in `json` */
};

int ctl_request_parse(struct ctl_request *r, const char *line, size_t len,
		      const struct weir_ctl_command *commands, unsigned int n,
		      struct weir_err *err);
void ctl_request_free(struct ctl_request *r);

/* A reply's line, with newline, given; NULL without memory. `data` is given. */
char *ctl_reply_data(json_t *data);
char *ctl_reply_error(const struct weir_err *err);

/* server.c */
LIST_HEAD(ctl_conns, ctl_conn);

struct weir_ctl_server {
	struct event_base *base;
	const struct weir_ctl_command *commands;
	unsigned int n_commands;
	void *ctx;
	struct ctl_socket socket;
	struct evconnlistener *listener;
	struct event *retry; /* accepts again after a time without descriptors */
	struct ctl_conns conns;
	struct ctl_conn
		*lengthy; /* whose request is longer than WEIR_CTL_REQUEST_MAX; NULL = none's */
	struct weir_ctl_counts counts;
};

/* conn.c: one connection. */
struct weir_ctl_stream {
	struct ctl_conn *conn;
	struct evbuffer *early; /* written in begin(), before the reply */
	void (*finish)(void *ctx);
	void *finish_ctx;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

enum ctl_state {
	CTL_ASKED,   /* waits for a request, or for the rest of it */
	CTL_REPLIES, /* a reply is on its way: the next request waits */
	CTL_STREAMS,
	CTL_CLOSES, /* when all is sent */
};

enum ctl_clock { CTL_CLOCK_OFF, CTL_CLOCK_IDLE, CTL_CLOCK_REQUEST, CTL_CLOCK_FINISH };

struct ctl_conn {
	LIST_ENTRY(ctl_conn) link;
	struct weir_ctl_server *server;
	struct bufferevent *bev;
	struct event *deadline;
	enum ctl_state state;
	enum ctl_clock clock; /* what `deadline` is about */
	bool eof;             /* the client sends no more */
	struct weir_ctl_stream stream;
};

/* Takes `fd`, also when it fails. */
int ctl_conn_open(struct weir_ctl_server *server, int fd);
void ctl_conn_close(struct ctl_conn *c);

#endif
