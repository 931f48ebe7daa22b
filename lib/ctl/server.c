/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_priv.h"

#include <event2/event.h>
#include <event2/listener.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* One line, as far as it goes, and good-bye: nothing is kept of who may not ask. */
static void turn_away(int fd, const struct weir_err *err)
{
	char *line = ctl_reply_error(err);

	if (line != NULL)
		(void)send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
	free(line);
	close(fd);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
		      int len, void *arg)
{
	struct weir_ctl_server *s = arg;
	struct weir_err err = { 0 };

	(void)listener;
	(void)from;
	(void)len;
	if (!ctl_peer_may_ask(fd, s->socket.gid, &err)) {
		s->counts.refused_user++;
		turn_away(fd, &err);
	} else if (s->counts.clients == WEIR_CTL_CLIENTS_MAX) {
		s->counts.refused_full++;
		weir_err_set(
			&err, EBUSY,
			"control socket: %u connections: no more are taken at once; close one, "
			"or try again later",
			WEIR_CTL_CLIENTS_MAX);
		turn_away(fd, &err);
	} else if (ctl_conn_open(s, fd) == 0) {
		s->counts.accepted++;
	}
}

/* Without descriptors or memory, accept() would be tried without end. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	static const struct timeval pause = { .tv_sec = 1 };
	struct weir_ctl_server *s = arg;

	evconnlistener_disable(listener);
	evtimer_add(s->retry, &pause);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct weir_ctl_server *s = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(s->listener);
}

static int listen_on_loop(struct weir_ctl_server *s)
{
	s->retry = evtimer_new(s->base, on_retry, s);
	s->listener = evconnlistener_new(s->base, on_accept, s,
					 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0,
					 s->socket.fd);
	if (s->retry == NULL || s->listener == NULL)
		return -ENOMEM;
	evconnlistener_set_error_cb(s->listener, on_accept_error);
	return 0;
}

struct weir_ctl_server *weir_ctl_server_create(const struct weir_ctl_server_conf *conf,
					       struct weir_err *err)
{
	struct weir_ctl_server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		weir_err_set(err, ENOMEM, "control socket: no memory");
		return NULL;
	}
	s->base = conf->base;
	s->commands = conf->commands;
	s->n_commands = conf->n_commands;
	s->ctx = conf->ctx;
	LIST_INIT(&s->conns);
	if (ctl_socket_listen(&s->socket, conf->path, conf->group, err) != 0) {
		free(s);
		return NULL;
	}
	if (listen_on_loop(s) != 0) {
		weir_err_set(err, ENOMEM, "control socket: %s: no memory", conf->path);
		weir_ctl_server_destroy(s);
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN);
	return s;
}

void weir_ctl_server_destroy(struct weir_ctl_server *s)
{
	if (s == NULL)
		return;
	while (!LIST_EMPTY(&s->conns))
		ctl_conn_close(LIST_FIRST(&s->conns));
	ctl_socket_remove(&s->socket);
	if (s->listener != NULL)
		evconnlistener_free(s->listener);
	else
		close(s->socket.fd);
	if (s->retry != NULL)
		event_free(s->retry);
	free(s);
}

void weir_ctl_server_counts(const struct weir_ctl_server *s, struct weir_ctl_counts *out)
{
	*out = s->counts;
}
