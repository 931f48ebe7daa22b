/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: lines in, lines out, or one stream. A request is looked at when the reply before it
 * is gone, so that no more than one reply waits. libevent stops reading at one request's length.
 *
 * A connection is only closed from the loop, or as the last thing a function does: who calls into a
 * handler touches it no more when the handler may have ended it.
 */
#include "ctl_priv.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static size_t unsent(const struct ctl_conn *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev));
}

/* A clock that runs goes on: who sends a byte now and then gains no time. */
static void set_clock(struct ctl_conn *c, enum ctl_clock clock)
{
	static const struct timeval spans[] = {
		[CTL_CLOCK_IDLE] = { .tv_sec = WEIR_CTL_IDLE_S },
		[CTL_CLOCK_REQUEST] = { .tv_sec = WEIR_CTL_REQUEST_S },
		[CTL_CLOCK_FINISH] = { .tv_sec = WEIR_CTL_FINISH_S },
	};

	if (c->clock == clock)
		return;
	c->clock = clock;
	if (clock == CTL_CLOCK_OFF)
		evtimer_del(c->deadline);
	else
		evtimer_add(c->deadline, &spans[clock]);
}

/* Close when all is sent, at the earliest when the loop runs again. */
static void end(struct ctl_conn *c)
{
	static const struct timeval now;

	c->state = CTL_CLOSES;
	set_clock(c, CTL_CLOCK_OFF);
	bufferevent_disable(c->bev, EV_READ);
	if (unsent(c) == 0)
		evtimer_add(c->deadline, &now);
}

static void send_line(struct ctl_conn *c, char *line)
{
	size_t len = line != NULL ? strlen(line) : 0;

	if (line == NULL || bufferevent_write(c->bev, line, len) != 0)
		end(c);
	free(line);
}

static void send_error(struct ctl_conn *c, const struct weir_err *err)
{
	send_line(c, ctl_reply_error(err));
}

static void send_data(struct ctl_conn *c, const char *command, json_t *data)
{
	char *line = ctl_reply_data(data);
	struct weir_err err;

	if (line == NULL || strlen(line) > WEIR_CTL_UNSENT_MAX) {
		weir_err_set(&err, line == NULL ? ENOMEM : EMSGSIZE,
			     "command %s: its answer is no JSON, or longer than %zu MiB", command,
			     WEIR_CTL_UNSENT_MAX >> 20);
		free(line);
		send_error(c, &err);
		return;
	}
	send_line(c, line);
}

/* A handler that says nothing of why. */
static void fill_error(struct weir_err *err, const char *command)
{
	if (err->code == 0)
		weir_err_set(err, EIO, "command %s: failed", command);
}

static void answer(struct ctl_conn *c, const struct ctl_request *r)
{
	struct weir_err err = { 0 };
	json_t *data = r->command->answer(c->server->ctx, r->args, &err);

	if (data != NULL) {
		send_data(c, r->command->name, data);
		return;
	}
	fill_error(&err, r->command->name);
	send_error(c, &err);
}

static void early_free(struct ctl_conn *c)
{
	if (c->stream.early != NULL)
		evbuffer_free(c->stream.early);
	c->stream.early = NULL;
}

/* The reply, and behind it what begin() has written. */
static void stream_open(struct ctl_conn *c, const bool has_ended)
{
	send_line(c, ctl_reply_data(json_null()));
	bufferevent_write_buffer(c->bev, c->stream.early);
	early_free(c);
	if (has_ended)
		end(c);
}

static void begin(struct ctl_conn *c, const struct ctl_request *r)
{
	struct weir_err err = { 0 };
	int rc = -ENOMEM;

	c->stream = (struct weir_ctl_stream){ .conn = c, .early = evbuffer_new() };
	c->state = CTL_STREAMS;
	if (c->stream.early != NULL)
		rc = r->command->begin(c->server->ctx, r->args, &c->stream, &err);
	if (rc == 0) {
		stream_open(c, c->state == CTL_CLOSES);
		return;
	}
	early_free(c);
	c->state = CTL_REPLIES;
	fill_error(&err, r->command->name);
	send_error(c, &err);
}

static void request(struct ctl_conn *c, const char *line, size_t len)
{
	struct ctl_request r;
	struct weir_err err = { 0 };

	c->server->counts.requests++;
	c->state = CTL_REPLIES;
	set_clock(c, CTL_CLOCK_OFF);
	if (ctl_request_parse(&r, line, len, c->server->commands, c->server->n_commands, &err) !=
	    0) {
		send_error(c, &err);
		return;
	}
	if (len > WEIR_CTL_REQUEST_MAX && !r.command->is_long) {
		weir_err_set(&err, EINVAL,
			     "request: longer than 65536 bytes, which command %s may "
			     "not be",
			     r.command->name);
		send_error(c, &err);
	} else if (r.command->begin != NULL) {
		begin(c, &r);
	} else {
		answer(c, &r);
	}
	ctl_request_free(&r);
}

static void refuse(struct ctl_conn *c, int code, const char *why)
{
	struct weir_err err;

	c->server->counts.requests++;
	weir_err_set(&err, code, "request: %s", why);
	send_error(c, &err);
	end(c);
}

/* One connection at a time may, so that 64 of them do not hold 64 times as much. */
static bool lengthen(struct ctl_conn *c)
{
	if (c->server->lengthy != NULL)
		return false;
	c->server->lengthy = c;
	bufferevent_setwatermark(c->bev, EV_READ, 0, WEIR_CTL_LONG_MAX + 1);
	return true;
}

static void shorten(struct ctl_conn *c)
{
	if (c->server->lengthy != c)
		return;
	c->server->lengthy = NULL;
	bufferevent_setwatermark(c->bev, EV_READ, 0, WEIR_CTL_REQUEST_MAX + 1);
}

/* No whole line: wait for the rest, if it can come and has room. */
static void wait_for_more(struct ctl_conn *c, size_t len)
{
	if (len > WEIR_CTL_LONG_MAX)
		refuse(c, EINVAL, "longer than 4 MiB; one line of JSON is needed");
	else if (len > WEIR_CTL_REQUEST_MAX && c->server->lengthy != c && !lengthen(c))
		refuse(c, EBUSY,
		       "longer than 65536 bytes, as another one that is being read: ask "
		       "again");
	else if (c->eof && len > 0)
		refuse(c, EINVAL, "ends without a newline");
	else if (c->eof)
		end(c);
	else
		set_clock(c, len > 0 ? CTL_CLOCK_REQUEST : CTL_CLOCK_IDLE);
}
static_assert(WEIR_CTL_REQUEST_MAX == 65536, "the number in messages above");
static_assert(WEIR_CTL_LONG_MAX == 4 << 20, "the number in a message above");

/* Look at what has come. */
static void look(struct ctl_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_ptr eol;
	size_t len;

	if (c->state == CTL_STREAMS) /* nothing more is asked for */
		evbuffer_drain(in, evbuffer_get_length(in));
	if (c->state != CTL_ASKED)
		return;
	eol = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF);
	len = eol.pos >= 0 ? (size_t)eol.pos : evbuffer_get_length(in);
	if (eol.pos < 0 || len > WEIR_CTL_LONG_MAX) {
		wait_for_more(c, len);
		return;
	}
	request(c, (const char *)evbuffer_pullup(in, (ev_ssize_t)len + 1), len);
	evbuffer_drain(in, len + 1);
	shorten(c);
}

/* The other end is closed, not only its sending side. */
static bool is_gone(const struct ctl_conn *c)
{
	struct pollfd p = { .fd = bufferevent_getfd(c->bev) };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static void on_eof(struct ctl_conn *c)
{
	c->eof = true;
	if (is_gone(c)) {
		ctl_conn_close(c);
	} else if (c->state != CTL_STREAMS) {
		look(c);
	} else if (c->stream.finish != NULL) {
		set_clock(c, CTL_CLOCK_FINISH);
		c->stream.finish(c->stream.finish_ctx);
	} else {
		if (c->stream.closed != NULL)
			c->stream.closed(c->stream.closed_ctx);
		end(c);
	}
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	look(arg);
}

static void on_sent(struct bufferevent *bev, void *arg)
{
	struct ctl_conn *c = arg;

	(void)bev;
	if (c->state == CTL_CLOSES) {
		ctl_conn_close(c);
	} else if (c->state == CTL_REPLIES) {
		c->state = CTL_ASKED;
		look(c);
	}
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct ctl_conn *c = arg;

	(void)bev;
	if (what & BEV_EVENT_EOF) {
		on_eof(c);
		return;
	}
	c->server->counts.timed_out += (what & BEV_EVENT_TIMEOUT) != 0;
	ctl_conn_close(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_conn *c = arg;

	(void)fd;
	(void)what;
	c->server->counts.timed_out += c->clock == CTL_CLOCK_REQUEST ||
				       c->clock == CTL_CLOCK_FINISH;
	if (c->clock == CTL_CLOCK_REQUEST)
		refuse(c, ETIMEDOUT, "not sent within 5 s");
	else
		ctl_conn_close(c);
}
static_assert(WEIR_CTL_REQUEST_S == 5, "the number in a message above");

int ctl_conn_open(struct weir_ctl_server *server, int fd)
{
	static const struct timeval stuck = { .tv_sec = WEIR_CTL_IDLE_S };
	struct ctl_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		goto err_fd;
	c->server = server;
	c->deadline = evtimer_new(server->base, on_deadline, c);
	c->bev = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->deadline == NULL || c->bev == NULL)
		goto err_free;
	bufferevent_setcb(c->bev, on_read, on_sent, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, WEIR_CTL_REQUEST_MAX + 1);
	bufferevent_set_timeouts(c->bev, NULL, &stuck);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	LIST_INSERT_HEAD(&server->conns, c, link);
	server->counts.clients++;
	set_clock(c, CTL_CLOCK_IDLE);
	return 0;

err_free:
	if (c->deadline != NULL)
		event_free(c->deadline);
	free(c);
err_fd:
	close(fd);
	return -ENOMEM;
}

void ctl_conn_close(struct ctl_conn *c)
{
	if (c->state == CTL_STREAMS && c->stream.closed != NULL)
		c->stream.closed(c->stream.closed_ctx);
	shorten(c);
	LIST_REMOVE(c, link);
	c->server->counts.clients--;
	early_free(c);
	event_free(c->deadline);
	bufferevent_free(c->bev);
	free(c);
}

size_t weir_ctl_stream_room(const struct weir_ctl_stream *s)
{
	size_t waits = s->early != NULL ? evbuffer_get_length(s->early) : unsent(s->conn);

	return waits < WEIR_CTL_UNSENT_MAX ? WEIR_CTL_UNSENT_MAX - waits : 0;
}

bool weir_ctl_stream_write(struct weir_ctl_stream *s, const void *bytes, size_t n)
{
	if (n > weir_ctl_stream_room(s))
		return false;
	if (s->early != NULL)
		return evbuffer_add(s->early, bytes, n) == 0;
	return bufferevent_write(s->conn->bev, bytes, n) == 0;
}

void weir_ctl_stream_on_finish(struct weir_ctl_stream *s, void (*fn)(void *ctx), void *ctx)
{
	s->finish = fn;
	s->finish_ctx = ctx;
}

void weir_ctl_stream_on_close(struct weir_ctl_stream *s, void (*fn)(void *ctx), void *ctx)
{
	s->closed = fn;
	s->closed_ctx = ctx;
}

void weir_ctl_stream_end(struct weir_ctl_stream *s)
{
	if (s->early != NULL)
		s->conn->state = CTL_CLOSES; /* in begin(): closed behind the reply */
	else
		end(s->conn);
}
