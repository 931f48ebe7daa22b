/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Query: what time it is. Answered by this machine's clock, or by a time server to which the packet is handed on, by UDP,
 * as it is. An empty answer says that there is none. Control plane, 1.12.
 */
#include "serve_priv.h"

#include <event2/event.h>

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST         64 /* under way to the time server; others have no answer */
#define PACKET_BYTES 1024

static const struct timeval patience = { 1, 0 };

struct query {
	LIST_ENTRY(query) entry;
	struct weir_rpc_stream *st;
	serve_time_fn answer;
	struct event *ev;
	int fd;
};

static void destroy(struct serve *s, struct query *q)
{
	LIST_REMOVE(q, entry);
	s->n_queries--;
	if (q->ev != NULL)
		event_free(q->ev);
	if (q->fd >= 0)
		close(q->fd);
	weir_rpc_stream_user_set(q->st, NULL);
	free(q);
}

static void on_reply(evutil_socket_t fd, short what, void *arg)
{
	struct query *q = arg;
	struct weir_rpc_stream *st = q->st;
	serve_time_fn answer = q->answer;
	uint8_t packet[PACKET_BYTES];
	ssize_t n = -1;

	if (what & EV_READ)
		n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
	destroy(serve_of(st), q);
	answer(st, n > 0 ? packet : NULL, n > 0 ? (size_t)n : 0);
}

static int dial(const struct serve *s)
{
	const struct sockaddr *to = (const struct sockaddr *)&s->ntp;
	int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, to, s->ntp_len) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* False: it is not under way. */
static bool relay(struct serve *s, struct weir_rpc_stream *st, const uint8_t *packet, size_t n,
		  serve_time_fn answer)
{
	struct query *q;

	if (s->n_queries == MOST || n < SERVE_NTP_BYTES || n > PACKET_BYTES)
		return false;
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return false;
	q->st = st;
	q->answer = answer;
	LIST_INSERT_HEAD(&s->queries, q, entry);
	s->n_queries++;
	q->fd = dial(s);
	if (q->fd >= 0)
		q->ev = event_new(s->o.base, q->fd, EV_READ, on_reply, q);
	if (q->ev == NULL || send(q->fd, packet, n, 0) < 0 || event_add(q->ev, &patience) < 0) {
		destroy(s, q);
		return false;
	}
	weir_rpc_stream_user_set(st, q);
	return true;
}

void serve_query(struct weir_rpc_stream *st, const uint8_t *packet, size_t n, serve_time_fn answer)
{
	struct serve *s = serve_of(st);
	uint8_t own[SERVE_NTP_BYTES];

	if (s->ntp_len > 0) {
		if (!relay(s, st, packet, n, answer))
			answer(st, NULL, 0);
	} else if (serve_ntp_answer(packet, n, weir_clock_wall_ns(), own)) {
		answer(st, own, sizeof(own));
	} else {
		answer(st, NULL, 0);
	}
}

void serve_query_closed(struct weir_rpc_stream *st, bool cancelled)
{
	struct query *q = weir_rpc_stream_user(st);

	(void)cancelled;
	if (q != NULL)
		destroy(serve_of(st), q);
}

/* "HOST", "HOST:PORT", "[::1]:123", "::1" */
static int split(const char *name, char host[256], const char **port)
{
	const char *colon = strrchr(name, ':');
	size_t n;

	if (colon != NULL && (strchr(name, ':') == colon || (colon > name && colon[-1] == ']')))
		*port = colon + 1;
	else
		colon = name + strlen(name);
	n = (size_t)(colon - name);
	if (n > 2 && name[0] == '[' && name[n - 1] == ']') {
		name++;
		n -= 2;
	}
	if (n == 0 || n > 255)
		return -EINVAL;
	memcpy(host, name, n);
	host[n] = '\0';
	return 0;
}

int serve_query_start(struct serve *s, struct weir_err *err)
{
	const char *name = s->o.ntp_server, *port = "123";
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found = NULL;
	char host[256];
	int rc;

	if (name[0] == '\0')
		return 0;
	if (split(name, host, &port) < 0)
		return weir_err_set(err, EINVAL, "time server \"%s\": say HOST or HOST:PORT", name);
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0)
		return weir_err_set(err, EINVAL, "time server %s: %s", name, gai_strerror(rc));
	memcpy(&s->ntp, found->ai_addr, found->ai_addrlen);
	s->ntp_len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}
