/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libevent's evhttp speaks HTTP. What it lacks is added here: a bound on connections, and one on the
 * time of a whole request (its own is from byte to byte). It does not say when a connection ends: so we
 * hold a reference to each one's bufferevent, and see that evhttp has freed it when its callbacks are gone.
 */
#include "http_priv.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#define REQUEST_BODY_MAX 4096 /* is read and thrown away, for a proper answer */

struct conn {
	LIST_ENTRY(conn) link;
	struct bufferevent *bev; /* ours and evhttp's */
	uint64_t deadline_ns;
};

LIST_HEAD(conns, conn);

struct weir_http_server {
	const struct weir_http_page *pages;
	unsigned int n_pages;
	void *ctx;
	struct evhttp *http;
	struct evconnlistener *listener; /* evhttp's, once it is bound */
	struct event *tick; /* each second while there are connections, or no descriptors */
	bool no_descriptors;
	uint16_t port;
	struct conns conns;
	struct weir_http_text body; /* of the answer that is made */
	struct weir_http_counts counts;
};

static uint64_t deadline(void)
{
	return weir_clock_mono_ns() + WEIR_HTTP_WAIT_S * WEIR_NS_PER_S;
}

static bool is_over(const struct conn *c)
{
	bufferevent_data_cb read, write;
	bufferevent_event_cb event;
	void *owner;

	bufferevent_getcb(c->bev, &read, &write, &event, &owner);
	return owner == NULL;
}

static void forget(struct weir_http_server *s, struct conn *c)
{
	LIST_REMOVE(c, link);
	bufferevent_decref(c->bev);
	free(c);
	s->counts.clients--;
}

/* Forget connections that are over. As for those that are late: as if the client had gone. */
static void sweep(struct weir_http_server *s)
{
	uint64_t now = weir_clock_mono_ns();
	struct conn *c, *next;

	for (c = LIST_FIRST(&s->conns); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (is_over(c)) {
			forget(s, c);
		} else if (now > c->deadline_ns) {
			s->counts.timed_out++;
			c->deadline_ns = UINT64_MAX;
			shutdown(bufferevent_getfd(c->bev), SHUT_RDWR);
		}
	}
}

static void listen_while_there_is_room(struct weir_http_server *s)
{
	if (s->counts.clients < WEIR_HTTP_CLIENTS_MAX && !s->no_descriptors)
		evconnlistener_enable(s->listener);
	else
		evconnlistener_disable(s->listener);
}

/* A full house looks soon again whether somebody has gone. */
static void start_tick(struct weir_http_server *s)
{
	static const struct timeval second = { .tv_sec = 1 }, soon = { .tv_usec = 10000 };

	if (s->counts.clients == WEIR_HTTP_CLIENTS_MAX)
		evtimer_add(s->tick, &soon);
	else if (!evtimer_pending(s->tick, NULL))
		evtimer_add(s->tick, &second);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct weir_http_server *s = arg;

	(void)fd;
	(void)what;
	s->no_descriptors = false;
	sweep(s);
	listen_while_there_is_room(s);
	if (s->counts.clients > 0)
		start_tick(s);
}

/* evhttp asks for a bufferevent for each connection; without one it makes its own, uncounted. */
static struct bufferevent *on_connect(struct event_base *base, void *arg)
{
	struct weir_http_server *s = arg;
	struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL || bev == NULL) {
		free(c);
		return bev;
	}
	sweep(s);
	bufferevent_incref(bev);
	c->bev = bev;
	c->deadline_ns = deadline();
	LIST_INSERT_HEAD(&s->conns, c, link);
	s->counts.clients++;
	start_tick(s);
	listen_while_there_is_room(s);
	return bev;
}

/* Without descriptors, accept() would be tried without end. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct weir_http_server *s = arg;

	(void)listener;
	s->no_descriptors = true;
	listen_while_there_is_room(s);
	start_tick(s);
}

/* The next request has its time from now on. */
static void restart_clock(const struct weir_http_server *s, struct evhttp_request *req)
{
	const struct bufferevent *bev = evhttp_connection_get_bufferevent(
		evhttp_request_get_connection(req));
	struct conn *c;

	LIST_FOREACH(c, &s->conns, link)
		if (c->bev == bev)
			c->deadline_ns = deadline();
}

static const struct weir_http_page *page_find(const struct weir_http_server *s, const char *path)
{
	for (unsigned int i = 0; path != NULL && i < s->n_pages; i++)
		if (strcmp(s->pages[i].path, path) == 0)
			return &s->pages[i];
	return NULL;
}

static void not_found(const struct weir_http_server *s, struct weir_http_answer *answer)
{
	answer->status = HTTP_NOTFOUND;
	weir_http_text_printf(answer->body, "no such page; there are:");
	for (unsigned int i = 0; i < s->n_pages; i++)
		weir_http_text_printf(answer->body, " %s", s->pages[i].path);
	weir_http_text_printf(answer->body, "\n");
}

static void not_allowed(struct evhttp_request *req, struct weir_http_answer *answer)
{
	evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", "GET, HEAD");
	answer->status = HTTP_BADMETHOD;
	weir_http_text_printf(answer->body, "only GET and HEAD are allowed\n");
}

static void make_answer(struct weir_http_server *s, struct evhttp_request *req,
			struct weir_http_answer *answer)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const struct weir_http_page *page = page_find(s, evhttp_uri_get_path(uri));
	const char *query = evhttp_uri_get_query(uri);
	enum evhttp_cmd_type method = evhttp_request_get_command(req);

	if (page == NULL)
		not_found(s, answer);
	else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD)
		not_allowed(req, answer);
	else
		page->get(s->ctx, query != NULL ? query : "", answer);
}

static void send_answer(struct evhttp_request *req, const struct weir_http_answer *answer)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct evbuffer *out = evhttp_request_get_output_buffer(req);
	char length[24];

	evutil_snprintf(length, sizeof(length), "%zu", answer->body->len);
	evhttp_add_header(headers, "Content-Type", answer->type);
	evhttp_add_header(headers, "Content-Length", length);
	if (evhttp_request_get_command(req) != EVHTTP_REQ_HEAD)
		evbuffer_add(out, answer->body->bytes, answer->body->len);
	evhttp_send_reply(req, answer->status, NULL, NULL);
}

static void on_request(struct evhttp_request *req, void *arg)
{
	struct weir_http_server *s = arg;
	struct weir_http_answer answer = { .status = HTTP_OK,
					   .type = "text/plain; charset=utf-8",
					   .body = &s->body };

	s->counts.requests++;
	s->body.len = 0;
	s->body.failed = false;
	restart_clock(s, req);
	make_answer(s, req, &answer);
	if (s->body.failed) {
		s->body.len = 0;
		answer.status = HTTP_INTERNAL;
	}
	send_answer(req, &answer);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 at = { 0 }; /* the port is at the same place in both families */
	socklen_t len = sizeof(at);

	getsockname(fd, (struct sockaddr *)&at, &len);
	return ntohs(at.sin6_port);
}

/* `fd` is given. */
static int serve(struct weir_http_server *s, struct event_base *base, int fd)
{
	s->port = port_of(fd);
	s->listener = evconnlistener_new(base, NULL, NULL,
					 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (s->listener == NULL) {
		close(fd);
		return -ENOMEM;
	}
	s->http = evhttp_new(base);
	s->tick = evtimer_new(base, on_tick, s);
	if (s->http == NULL || s->tick == NULL ||
	    evhttp_bind_listener(s->http, s->listener) == NULL)
		return -ENOMEM;
	evconnlistener_set_error_cb(s->listener, on_accept_error);
	evhttp_set_bevcb(s->http, on_connect, s);
	evhttp_set_gencb(s->http, on_request, s);
	evhttp_set_timeout(s->http, WEIR_HTTP_WAIT_S * 2); /* ours is the shorter one */
	evhttp_set_max_headers_size(s->http, WEIR_HTTP_HEADER_MAX);
	evhttp_set_max_body_size(s->http, REQUEST_BODY_MAX);
	evhttp_set_allowed_methods(s->http, UINT16_MAX);
	return 0;
}

struct weir_http_server *weir_http_server_create(const struct weir_http_server_conf *conf,
						 struct weir_err *err)
{
	struct weir_http_server *s = calloc(1, sizeof(*s));
	int fd;

	if (s == NULL) {
		weir_err_set(err, ENOMEM, "http.listen %s: no memory", conf->listen);
		return NULL;
	}
	LIST_INIT(&s->conns);
	s->pages = conf->pages;
	s->n_pages = conf->n_pages;
	s->ctx = conf->ctx;
	fd = http_listen(conf->listen, err);
	if (fd < 0) {
		free(s);
		return NULL;
	}
	if (serve(s, conf->base, fd) != 0) {
		weir_err_set(err, ENOMEM, "http.listen %s: no memory", conf->listen);
		weir_http_server_destroy(s);
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN);
	return s;
}

void weir_http_server_destroy(struct weir_http_server *s)
{
	if (s == NULL)
		return;
	if (s->http != NULL)
		evhttp_free(s->http); /* its listener and connections, too */
	else if (s->listener != NULL)
		evconnlistener_free(s->listener);
	sweep(s);
	if (s->tick != NULL)
		event_free(s->tick);
	weir_http_text_free(&s->body);
	free(s);
}

uint16_t weir_http_server_port(const struct weir_http_server *s)
{
	return s->port;
}

void weir_http_server_counts(const struct weir_http_server *s, struct weir_http_counts *out)
{
	*out = s->counts;
}
