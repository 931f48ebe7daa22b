/* SPDX-License-Identifier: Apache-2.0 */
/* A server: who may connect, and for how long. */
#include "http_priv.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define BODIES_MAX  ((size_t)16 << 20)
#define ANSWERS_MAX ((size_t)64 << 20)

/* Those that are late: as if the client had gone. */
static void sweep(struct weir_http_server *s)
{
	uint64_t now = weir_clock_mono_ns();
	struct conn *c, *next;

	for (c = LIST_FIRST(&s->conns); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (now > c->deadline_ns) {
			s->counts.timed_out += c->state != CONN_LINGER;
			http_conn_close(c);
		}
	}
}

void http_server_has_room(struct weir_http_server *s)
{
	if (s->listener == NULL) /* it is destroyed */
		return;
	if (s->counts.clients < s->conf.clients_max && !s->no_descriptors)
		evconnlistener_enable(s->listener);
	else
		evconnlistener_disable(s->listener);
}

static void start_tick(struct weir_http_server *s)
{
	static const struct timeval second = { .tv_sec = 1 };

	if (!evtimer_pending(s->tick, NULL))
		evtimer_add(s->tick, &second);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct weir_http_server *s = arg;

	(void)fd;
	(void)what;
	s->no_descriptors = false;
	sweep(s);
	http_server_has_room(s);
	if (s->counts.clients > 0)
		start_tick(s);
}

static void on_connect(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		       int len, void *arg)
{
	struct weir_http_server *s = arg;

	(void)listener;
	(void)len;
	http_conn_open(s, fd, peer);
	http_server_has_room(s);
	start_tick(s);
}

/* Without descriptors, accept() would be tried without end. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct weir_http_server *s = arg;

	(void)listener;
	s->no_descriptors = true;
	http_server_has_room(s);
	start_tick(s);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 at = { 0 }; /* the port is at the same place in both families */
	socklen_t len = sizeof(at);

	getsockname(fd, (struct sockaddr *)&at, &len);
	return ntohs(at.sin6_port);
}

/* `fd` is given. */
static int start(struct weir_http_server *s, int fd)
{
	s->port = port_of(fd);
	s->listener = evconnlistener_new(s->conf.base, on_connect, s,
					 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (s->listener == NULL) {
		close(fd);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(s->listener, on_accept_error);
	s->tick = evtimer_new(s->conf.base, on_tick, s);
	return s->tick != NULL ? 0 : -ENOMEM;
}

static void fill_in(struct weir_http_server_conf *c)
{
	if (c->clients_max == 0)
		c->clients_max = WEIR_HTTP_CLIENTS_MAX;
	if (c->header_max == 0)
		c->header_max = WEIR_HTTP_HEADER_MAX;
	if (c->answer_max == 0)
		c->answer_max = WEIR_HTTP_BODY_MAX;
	if (c->bodies_max == 0)
		c->bodies_max = BODIES_MAX;
	if (c->answers_max == 0)
		c->answers_max = ANSWERS_MAX;
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
	s->conf = *conf;
	fill_in(&s->conf);
	s->body.max = s->conf.answer_max;
	if (conf->cert != NULL && conf->cert[0] != '\0') {
		s->tls = http_tls_open(conf->base, conf->cert, conf->key, err);
		if (s->tls == NULL)
			goto err_destroy;
	}
	fd = http_listen(conf->listen, err);
	if (fd < 0)
		goto err_destroy;
	if (start(s, fd) != 0) {
		weir_err_set(err, ENOMEM, "http.listen %s: no memory", conf->listen);
		goto err_destroy;
	}
	signal(SIGPIPE, SIG_IGN);
	return s;
err_destroy:
	weir_http_server_destroy(s);
	return NULL;
}

void weir_http_server_destroy(struct weir_http_server *s)
{
	struct conn *c;

	if (s == NULL)
		return;
	if (s->listener != NULL)
		evconnlistener_free(s->listener);
	s->listener = NULL;
	while ((c = LIST_FIRST(&s->conns)) != NULL)
		http_conn_close(c);
	if (s->tick != NULL)
		event_free(s->tick);
	http_tls_close(s->tls);
	weir_http_text_free(&s->body);
	weir_http_text_free(&s->headers);
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
