/* SPDX-License-Identifier: Apache-2.0 */
/* A server on a loop in a thread of its own, and clients of every kind: weir's own, and raw sockets. */
#ifndef CTL_SERVER_TEST_H
#define CTL_SERVER_TEST_H

#include "weir_test.h"

#include <weir_ctl.h>

#include <event2/event.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = P_tmpdir "/weir-ctl-server-XXXXXX";
static char path[128];

/* The agent: all of it on the loop's thread, but for what is read after it has ended. */
static struct agent {
	struct event_base *base;
	struct weir_ctl_server *server;
	struct event *feed;
	struct weir_ctl_stream *stream;
	uint64_t fed, refused; /* bytes of the stream */
	unsigned int finished, closed;
	struct weir_ctl_counts counts; /* at its end */
	pthread_t thread;
} agent;

static inline json_t *echo(void *ctx, const json_t *args, struct weir_err *err)
{
	(void)ctx;
	(void)err;
	return json_deep_copy(args);
}

static inline json_t *fail(void *ctx, const json_t *args, struct weir_err *err)
{
	(void)ctx;
	(void)args;
	weir_err_set(err, ENOENT, "port eth9: there is no such port");
	return NULL;
}

static inline json_t *big(void *ctx, const json_t *args, struct weir_err *err)
{
	size_t n = (size_t)json_integer_value(json_object_get(args, "bytes"));
	char *text = malloc(n);
	json_t *data;

	(void)ctx;
	(void)err;
	memset(text, 'x', n);
	data = json_stringn(text, n);
	free(text);
	return data;
}

static inline json_t *counts(void *ctx, const json_t *args, struct weir_err *err)
{
	struct agent *a = ctx;
	struct weir_ctl_counts c;

	(void)args;
	(void)err;
	weir_ctl_server_counts(a->server, &c);
	return json_pack("{s:I,s:I,s:I,s:I,s:I}", "clients", (json_int_t)c.clients, "fed",
			 (json_int_t)a->fed, "refused", (json_int_t)a->refused, "closed",
			 (json_int_t)a->closed, "timed_out", (json_int_t)c.timed_out);
}

static inline json_t *stop(void *ctx, const json_t *args, struct weir_err *err)
{
	struct agent *a = ctx;

	(void)args;
	(void)err;
	event_base_loopexit(a->base, NULL);
	return json_null();
}

static inline void on_finish(void *ctx)
{
	struct agent *a = ctx;

	a->finished++;
	weir_ctl_stream_write(a->stream, "END\n", 4);
	weir_ctl_stream_end(a->stream);
	a->stream = NULL;
	evtimer_del(a->feed);
}

static inline void on_close(void *ctx)
{
	struct agent *a = ctx;

	a->closed++;
	a->stream = NULL;
	evtimer_del(a->feed);
}

/* 64 KiB each ms, for as long as there is a stream. */
static inline void on_feed(evutil_socket_t fd, short what, void *ctx)
{
	static char block[65536];
	static const struct timeval ms = { .tv_usec = 1000 };
	struct agent *a = ctx;

	(void)fd;
	(void)what;
	memset(block, '.', sizeof(block));
	if (weir_ctl_stream_write(a->stream, block, sizeof(block)))
		a->fed += sizeof(block);
	else
		a->refused += sizeof(block);
	evtimer_add(a->feed, &ms);
}

static inline int begin(void *ctx, const json_t *args, struct weir_ctl_stream *s,
			struct weir_err *err)
{
	static const struct timeval now;
	struct agent *a = ctx;

	if (a->stream != NULL)
		return weir_err_set(err, EBUSY, "stream: is taken");
	if (!weir_ctl_stream_write(s, "BEGIN\n", 6))
		return weir_err_set(err, EIO, "stream: there is no room");
	if (json_is_true(json_object_get(args, "fail")))
		return weir_err_set(err, EINVAL, "filter: makes no sense");
	if (json_is_true(json_object_get(args, "short"))) {
		weir_ctl_stream_end(s);
		return 0;
	}
	a->stream = s;
	a->fed = a->refused = 0;
	if (!json_is_true(json_object_get(args, "plain")))
		weir_ctl_stream_on_finish(s, on_finish, a);
	weir_ctl_stream_on_close(s, on_close, a);
	if (json_is_true(json_object_get(args, "feed")))
		evtimer_add(a->feed, &now);
	return 0;
}

static const struct weir_ctl_command commands[] = {
	{ .name = "echo", .answer = echo },
	{ .name = "fail", .answer = fail },
	{ .name = "big", .answer = big },
	{ .name = "counts", .answer = counts },
	{ .name = "stop", .answer = stop },
	{ .name = "stream", .begin = begin },
	{ .name = "file", .answer = counts, .is_long = true },
};

static inline struct weir_ctl_server *server_at(struct event_base *base, const char *at,
						struct weir_err *err)
{
	const struct weir_ctl_server_conf conf = {
		.base = base,
		.path = at,
		.commands = commands,
		.n_commands = WEIR_ARRAY_SIZE(commands),
		.ctx = &agent,
	};

	return weir_ctl_server_create(&conf, err);
}

static inline void *agent_main(void *arg)
{
	struct agent *a = arg;

	event_base_dispatch(a->base);
	weir_ctl_server_counts(a->server, &a->counts);
	weir_ctl_server_destroy(a->server);
	event_free(a->feed);
	event_base_free(a->base);
	return NULL;
}

static inline void agent_start(void)
{
	struct weir_err err = { 0 };

	agent = (struct agent){ .base = event_base_new() };
	agent.feed = evtimer_new(agent.base, on_feed, &agent);
	agent.server = server_at(agent.base, path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(agent.server);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&agent.thread, NULL, agent_main, &agent), 0);
}

static inline struct weir_ctl_client *client(void)
{
	struct weir_ctl_client *c = weir_ctl_client_open(path, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

static inline void agent_stop(void)
{
	struct weir_ctl_client *c = client();

	json_decref(weir_ctl_client_call(c, "stop", NULL, NULL));
	weir_ctl_client_close(c);
	pthread_join(agent.thread, NULL);
}

static inline int64_t count(const char *name)
{
	struct weir_ctl_client *c = client();
	json_t *data = weir_ctl_client_call(c, "counts", NULL, NULL);
	int64_t n = json_integer_value(json_object_get(data, name));

	json_decref(data);
	weir_ctl_client_close(c);
	return n;
}

/* For what the agent does in its own time; 5 s at most. */
static inline bool becomes(const char *name, int64_t value)
{
	for (unsigned int i = 0; i < 500; i++) {
		if (count(name) == value)
			return true;
		usleep(10000);
	}
	return false;
}

static inline int raw_connect(void)
{
	const struct timeval limit = { .tv_sec = 20 };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(at.sun_path, path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static char heard[1 << 16];

/* All that comes until the other side closes, into `heard`. False when it does not close. */
static inline bool hear(int fd)
{
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, heard + len, sizeof(heard) - 1 - len, 0)) > 0)
		len += (size_t)n;
	heard[len] = '\0';
	close(fd);
	return n == 0 || errno == ECONNRESET;
}

static inline bool says(int fd, const void *bytes, size_t n)
{
	return send(fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* Tests of one agent, whose socket is in a folder of their own: the first has to start it, the last to end it. */
static inline int server_test_main(const char *suite, CU_TestInfo *tests)
{
	int status;

	if (mkdtemp(dir) == NULL)
		return 2;
	snprintf(path, sizeof(path), "%s/agent.sock", dir);
	status = weir_test_main(suite, tests);
	rmdir(dir);
	return status;
}

#endif
