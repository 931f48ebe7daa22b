/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a client sends, through a socket and the server's loop: each line gets a reply that is
 * one line of JSON, until one is too long or begins a stream; then the connection is closed.
 */
#include "../../lib/ctl/ctl_priv.h"

#include <event2/event.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAM "raw bytes\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *echo(void *ctx, const json_t *args, struct weir_err *err)
{
	(void)ctx;
	(void)err;
	return json_deep_copy(args);
}

static json_t *fail(void *ctx, const json_t *args, struct weir_err *err)
{
	const char *why = json_string_value(json_object_get(args, "why"));

	(void)ctx;
	weir_err_set(err, (int)json_integer_value(json_object_get(args, "code")), "%.100s",
		     why != NULL ? why : "");
	return NULL;
}

static int begin(void *ctx, const json_t *args, struct weir_ctl_stream *s, struct weir_err *err)
{
	(void)ctx;
	(void)args;
	(void)err;
	weir_ctl_stream_write(s, STREAM, sizeof(STREAM) - 1);
	weir_ctl_stream_end(s);
	return 0;
}

static const struct weir_ctl_command commands[] = {
	{ .name = "echo", .answer = echo },
	{ .name = "fail", .answer = fail },
	{ .name = "watch", .begin = begin },
};

/* What a reply has to be, whatever was asked. */
static void check_reply(const char *line, size_t len)
{
	json_t *reply = json_loadb(line, len, 0, NULL);
	const json_t *error = json_object_get(reply, "error");

	if (reply == NULL || !json_is_boolean(json_object_get(reply, "ok")))
		abort();
	if (json_is_true(json_object_get(reply, "ok")) == json_is_object(error))
		abort();
	if (error != NULL && (!json_is_string(json_object_get(error, "message")) ||
			      json_integer_value(json_object_get(error, "code")) < 1))
		abort();
	json_decref(reply);
}

static void check_replies(const char *p, size_t len)
{
	const char *end = p + len, *eol;

	for (; p < end; p = eol + 1) {
		if ((size_t)(end - p) == sizeof(STREAM) - 1 &&
		    memcmp(p, STREAM, sizeof(STREAM) - 1) == 0)
			return; /* it ends the connection: nothing may follow */
		eol = memchr(p, '\n', (size_t)(end - p));
		if (eol == NULL)
			abort();
		check_reply(p, (size_t)(eol - p));
	}
}

static size_t drain(int fd, char *to, size_t room, bool *closed)
{
	ssize_t n = recv(fd, to, room, MSG_DONTWAIT);

	*closed = n == 0;
	return n > 0 ? (size_t)n : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char heard[1 << 22];
	static struct weir_ctl_server server;
	size_t len = 0;
	bool closed = false;
	int fds[2];

	if (server.base == NULL) {
		signal(SIGPIPE, SIG_IGN);
		server.base = event_base_new();
		server.commands = commands;
		server.n_commands = WEIR_ARRAY_SIZE(commands);
	}
	if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0 ||
	    ctl_conn_open(&server, fds[0]) != 0)
		return 0;
	(void)send(fds[1], data, size, MSG_NOSIGNAL);
	shutdown(fds[1], SHUT_WR);
	for (unsigned int i = 0; !closed; i++) {
		if (i > size + 16 || len == sizeof(heard))
			abort(); /* each turn takes a line, or more */
		event_base_loop(server.base, EVLOOP_NONBLOCK);
		len += drain(fds[1], heard + len, sizeof(heard) - len, &closed);
	}
	check_replies(heard, len);
	if (server.counts.clients != 0)
		abort();
	close(fds[1]);
	return 0;
}
