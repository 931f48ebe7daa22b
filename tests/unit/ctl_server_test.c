/* SPDX-License-Identifier: Apache-2.0 */
/* A server on a loop in a thread of its own, and clients of every kind: weir's own, raw sockets, other users. */
#include "weir_test.h"

#include <weir_ctl.h>

#include <event2/event.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

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

static json_t *echo(void *ctx, const json_t *args, struct weir_err *err)
{
	(void)ctx;
	(void)err;
	return json_deep_copy(args);
}

static json_t *fail(void *ctx, const json_t *args, struct weir_err *err)
{
	(void)ctx;
	(void)args;
	weir_err_set(err, ENOENT, "port eth9: there is no such port");
	return NULL;
}

static json_t *big(void *ctx, const json_t *args, struct weir_err *err)
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

static json_t *counts(void *ctx, const json_t *args, struct weir_err *err)
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

static json_t *stop(void *ctx, const json_t *args, struct weir_err *err)
{
	struct agent *a = ctx;

	(void)args;
	(void)err;
	event_base_loopexit(a->base, NULL);
	return json_null();
}

static void on_finish(void *ctx)
{
	struct agent *a = ctx;

	a->finished++;
	weir_ctl_stream_write(a->stream, "END\n", 4);
	weir_ctl_stream_end(a->stream);
	a->stream = NULL;
	evtimer_del(a->feed);
}

static void on_close(void *ctx)
{
	struct agent *a = ctx;

	a->closed++;
	a->stream = NULL;
	evtimer_del(a->feed);
}

/* 64 KiB each ms, for as long as there is a stream. */
static void on_feed(evutil_socket_t fd, short what, void *ctx)
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

static int begin(void *ctx, const json_t *args, struct weir_ctl_stream *s, struct weir_err *err)
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

static struct weir_ctl_server *server_at(struct event_base *base, const char *at,
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

static void *agent_main(void *arg)
{
	struct agent *a = arg;

	event_base_dispatch(a->base);
	weir_ctl_server_counts(a->server, &a->counts);
	weir_ctl_server_destroy(a->server);
	event_free(a->feed);
	event_base_free(a->base);
	return NULL;
}

static void agent_start(void)
{
	struct weir_err err = { 0 };

	agent = (struct agent){ .base = event_base_new() };
	agent.feed = evtimer_new(agent.base, on_feed, &agent);
	agent.server = server_at(agent.base, path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(agent.server);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&agent.thread, NULL, agent_main, &agent), 0);
}

static struct weir_ctl_client *client(void)
{
	struct weir_ctl_client *c = weir_ctl_client_open(path, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

static void agent_stop(void)
{
	struct weir_ctl_client *c = client();

	json_decref(weir_ctl_client_call(c, "stop", NULL, NULL));
	weir_ctl_client_close(c);
	pthread_join(agent.thread, NULL);
}

static int64_t count(const char *name)
{
	struct weir_ctl_client *c = client();
	json_t *data = weir_ctl_client_call(c, "counts", NULL, NULL);
	int64_t n = json_integer_value(json_object_get(data, name));

	json_decref(data);
	weir_ctl_client_close(c);
	return n;
}

/* For what the agent does in its own time; 5 s at most. */
static bool becomes(const char *name, int64_t value)
{
	for (unsigned int i = 0; i < 500; i++) {
		if (count(name) == value)
			return true;
		usleep(10000);
	}
	return false;
}

static int raw_connect(void)
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
static bool hear(int fd)
{
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, heard + len, sizeof(heard) - 1 - len, 0)) > 0)
		len += (size_t)n;
	heard[len] = '\0';
	close(fd);
	return n == 0 || errno == ECONNRESET;
}

static bool says(int fd, const void *bytes, size_t n)
{
	return send(fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void test_a_call_gets_its_answer(void)
{
	struct weir_ctl_client *c = client();
	json_t *data = weir_ctl_client_call(c, "echo", json_pack("{s:s}", "port", "eth0"), NULL);

	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(data, "port")), "eth0");
	json_decref(data);
	data = weir_ctl_client_call(c, "echo", NULL, NULL);
	CU_ASSERT_TRUE(json_is_object(data));
	json_decref(data);
	weir_ctl_client_close(c);
}

static void test_the_agents_error_reaches_the_client(void)
{
	struct weir_ctl_client *c = client();
	struct weir_err err = { 0 };

	CU_ASSERT_PTR_NULL(weir_ctl_client_call(c, "fail", NULL, &err));
	CU_ASSERT_EQUAL(err.code, ENOENT);
	CU_ASSERT_STRING_EQUAL(err.msg, "port eth9: there is no such port");
	CU_ASSERT_PTR_NULL(weir_ctl_client_call(c, "none", NULL, &err));
	CU_ASSERT_EQUAL(err.code, EINVAL);
	weir_ctl_client_close(c);
}

static void test_requests_sent_at_once_are_answered_in_order(void)
{
	static const char lines[] = "{\"command\":\"echo\",\"args\":{\"n\":1}}\n"
				    "{\"command\":\"fail\"}\n"
				    "{\"command\":\"echo\",\"args\":{\"n\":2}}\n";
	int fd = raw_connect();

	CU_ASSERT_TRUE(says(fd, lines, sizeof(lines) - 1));
	shutdown(fd, SHUT_WR);
	CU_ASSERT_TRUE(hear(fd));
	CU_ASSERT_STRING_EQUAL(heard,
			       "{\"ok\":true,\"data\":{\"n\":1}}\n"
			       "{\"ok\":false,\"error\":{\"code\":4,\"message\":\"port eth9: "
			       "there is no such port\"}}\n"
			       "{\"ok\":true,\"data\":{\"n\":2}}\n");
}

static void test_a_reply_can_have_4_mib_and_no_more(void)
{
	struct weir_ctl_client *c = client();
	struct weir_err err = { 0 };
	json_t *data = weir_ctl_client_call(c, "big", json_pack("{s:i}", "bytes", 4000000), &err);

	CU_ASSERT_EQUAL(json_string_length(data), 4000000);
	json_decref(data);
	CU_ASSERT_PTR_NULL(
		weir_ctl_client_call(c, "big", json_pack("{s:i}", "bytes", 5 << 20), &err));
	CU_ASSERT_EQUAL(err.code, EREMOTEIO);
	weir_ctl_client_close(c);
}

static void test_garbage_gets_an_error_a_line(void)
{
	static const char garbage[] = "\0\0\0\n\xff\xfe\n{{{{\nGET / HTTP/1.1\n";
	int fd = raw_connect();
	unsigned int lines = 0;

	CU_ASSERT_TRUE(says(fd, garbage, sizeof(garbage) - 1));
	shutdown(fd, SHUT_WR);
	CU_ASSERT_TRUE(hear(fd));
	for (const char *p = heard; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	CU_ASSERT_EQUAL(lines, 4);
	CU_ASSERT_EQUAL(strncmp(heard, "{\"ok\":false,\"error\":{\"code\":2,", 30), 0);
}

static void test_a_line_of_5_mib_is_refused(void)
{
	char *line = malloc(5 << 20);
	int fd = raw_connect();

	memset(line, '[', 5 << 20);
	(void)send(fd, line, 5 << 20, MSG_NOSIGNAL); /* it is cut off in between */
	CU_ASSERT_TRUE(hear(fd));
	CU_ASSERT_PTR_NOT_NULL(strstr(heard, "request: longer than 4 MiB"));
	free(line);
}

/* {"command":"NAME","args":{"x":"xx..."}} of `len` bytes and a newline; free(). */
static char *line_of(const char *command, size_t len)
{
	static const char tail[] = "\"}}\n";
	char *line = malloc(len + 1);
	const size_t head = (size_t)sprintf(line, "{\"command\":\"%s\",\"args\":{\"x\":\"",
					    command);

	memset(line + head, 'x', len + 1 - head);
	memcpy(line + len + 1 - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
	return line;
}

static void ask_long(const char *command, size_t len, const char *answer)
{
	char *line = line_of(command, len);
	int fd = raw_connect();

	CU_ASSERT_TRUE(says(fd, line, len + 1));
	shutdown(fd, SHUT_WR);
	CU_ASSERT_TRUE(hear(fd));
	CU_ASSERT_PTR_NOT_NULL(strstr(heard, answer));
	free(line);
}

static void test_only_a_command_that_brings_a_file_may_be_long(void)
{
	ask_long("echo", 2 << 20, "longer than 65536 bytes, which command echo may not be");
	ask_long("file", WEIR_CTL_LONG_MAX, "{\"ok\":true,");
	ask_long("file", WEIR_CTL_LONG_MAX, "{\"ok\":true,"); /* there was room again */
}

static void test_one_long_request_is_read_at_a_time(void)
{
	char *line = line_of("file", 1 << 20);
	const int first = raw_connect(), other = raw_connect();

	CU_ASSERT_TRUE(says(first, line, 1 << 19)); /* all but what the sockets hold is read */
	(void)send(other, line, 1 << 20, MSG_NOSIGNAL);
	CU_ASSERT_TRUE(hear(other));
	CU_ASSERT_PTR_NOT_NULL(strstr(heard, "as another one that is being read"));
	CU_ASSERT_TRUE(says(first, line + (1 << 19), (1 << 19) + 1));
	shutdown(first, SHUT_WR);
	CU_ASSERT_TRUE(hear(first));
	CU_ASSERT_PTR_NOT_NULL(strstr(heard, "{\"ok\":true,"));
	free(line);
}

static void test_a_line_of_64_kib_is_none_too_long(void)
{
	static const char head[] = "{\"command\":\"echo\",\"args\":{\"x\":\"", tail[] = "\"}}";
	size_t len = WEIR_CTL_REQUEST_MAX;
	char *line = malloc(len + 1);
	int fd = raw_connect();

	memset(line, 'x', len);
	memcpy(line, head, sizeof(head) - 1);
	memcpy(line + len - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
	line[len] = '\n';
	CU_ASSERT_TRUE(says(fd, line, len + 1));
	shutdown(fd, SHUT_WR);
	CU_ASSERT_TRUE(hear(fd));
	CU_ASSERT_EQUAL(strncmp(heard, "{\"ok\":true,", 11), 0);
	free(line);
}

/* A byte now and then gains no time. */
static void test_half_a_request_is_given_up_after_5_s(void)
{
	uint64_t start = weir_clock_mono_ns();
	int64_t before = count("timed_out");
	int fd = raw_connect();

	for (unsigned int i = 0; i < 4; i++) {
		CU_ASSERT_TRUE(says(fd, "{", 1));
		sleep(1);
	}
	CU_ASSERT_TRUE(hear(fd));
	CU_ASSERT_PTR_NOT_NULL(strstr(heard, "request: not sent within 5 s"));
	CU_ASSERT(weir_clock_mono_ns() - start > 4900 * WEIR_NS_PER_MS);
	CU_ASSERT(weir_clock_mono_ns() - start < 30000 * WEIR_NS_PER_MS);
	CU_ASSERT_EQUAL(count("timed_out"), before + 1);
}

static unsigned int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void test_of_10000_connections_64_are_taken_and_the_others_told(void)
{
	unsigned int files = open_files(), taken = 0, told = 0;
	int fds[WEIR_CTL_CLIENTS_MAX];
	struct weir_err err = { 0 };

	CU_ASSERT_TRUE(becomes("clients", 1)); /* who asks */
	for (unsigned int i = 0; i < WEIR_CTL_CLIENTS_MAX; i++) {
		fds[taken++] = raw_connect();
		CU_ASSERT_TRUE(says(fds[i], "{\"command\":\"echo\"}\n", 19));
		CU_ASSERT(recv(fds[i], heard, sizeof(heard), 0) > 0);
	}
	for (unsigned int i = taken; i < 10000; i++)
		told += hear(raw_connect()) && strstr(heard, "64 connections: no more") != NULL;
	CU_ASSERT_EQUAL(told, 10000 - WEIR_CTL_CLIENTS_MAX);
	struct weir_ctl_client *c = client();
	CU_ASSERT_PTR_NULL(weir_ctl_client_call(c, "echo", NULL, &err));
	CU_ASSERT_EQUAL(err.code, EPERM);
	weir_ctl_client_close(c);
	for (unsigned int i = 0; i < taken; i++)
		close(fds[i]);
	CU_ASSERT_TRUE(becomes("clients", 1));
	CU_ASSERT(open_files() <= files + 2);
}

/* A child as another user; its exit code says what it saw. */
static int as_nobody(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct weir_err err = { 0 };
		struct weir_ctl_client *c;

		if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
			_exit(99);
		c = weir_ctl_client_open(path, &err);
		if (c == NULL)
			_exit(err.code == EACCES ? 10 : 98);
		if (weir_ctl_client_call(c, "echo", NULL, &err) != NULL)
			_exit(0);
		_exit(err.code == EPERM && strstr(err.msg, "user 65534: may not ask") != NULL ? 11
											      : 97);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_another_user_is_refused_by_the_file_and_by_the_agent(void)
{
	if (getuid() != 0) {
		printf("(skipped: needs root) ");
		return;
	}
	CU_ASSERT_EQUAL(as_nobody(), 10);
	chmod(dir, 0755);
	chmod(path, 0666);
	CU_ASSERT_EQUAL(as_nobody(), 11);
	chmod(path, 0600);
}

static void test_a_member_of_the_sockets_group_may_ask(void)
{
	struct weir_ctl_server_conf conf = { .path = path,
					     .group = "nogroup",
					     .commands = commands,
					     .n_commands = WEIR_ARRAY_SIZE(commands),
					     .ctx = &agent };
	struct stat st;

	if (getuid() != 0) {
		printf("(skipped: needs root) ");
		return;
	}
	agent_stop();
	agent = (struct agent){ .base = event_base_new() };
	agent.feed = evtimer_new(agent.base, on_feed, &agent);
	conf.base = agent.base;
	agent.server = weir_ctl_server_create(&conf, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(agent.server);
	pthread_create(&agent.thread, NULL, agent_main, &agent);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode, S_IFSOCK | 0660);
	CU_ASSERT_EQUAL(st.st_gid, NOBODY);
	CU_ASSERT_EQUAL(as_nobody(), 0);
	agent_stop();
	agent_start();
}

static void test_a_stream_begins_behind_its_reply(void)
{
	static const char line[] = "{\"command\":\"stream\",\"args\":{\"short\":true}}\n";
	int fd = raw_connect();

	CU_ASSERT_TRUE(says(fd, line, sizeof(line) - 1));
	CU_ASSERT_TRUE(hear(fd));
	CU_ASSERT_STRING_EQUAL(heard, "{\"ok\":true,\"data\":null}\nBEGIN\n");
}

static void test_a_stream_that_fails_to_begin_is_an_error_and_nothing_else(void)
{
	static const char lines[] = "{\"command\":\"stream\",\"args\":{\"fail\":true}}\n"
				    "{\"command\":\"echo\"}\n";
	int fd = raw_connect();

	CU_ASSERT_TRUE(says(fd, lines, sizeof(lines) - 1));
	shutdown(fd, SHUT_WR);
	CU_ASSERT_TRUE(hear(fd));
	CU_ASSERT_STRING_EQUAL(heard, "{\"ok\":false,\"error\":{\"code\":2,\"message\":\"filter: "
				      "makes no sense\"}}\n{\"ok\":true,\"data\":{}}\n");
}

/* Reads a stream to its end; how many bytes, the last of them in `heard`. */
static uint64_t read_stream(struct weir_ctl_client *c)
{
	static char block[65536];
	struct weir_err err = { 0 };
	uint64_t all = 0;
	int64_t n;

	while ((n = weir_ctl_client_read(c, block, sizeof(block), 10000, &err)) > 0) {
		all += (uint64_t)n;
		heard[0] = '\0';
		if (n >= 4)
			snprintf(heard, sizeof(heard), "%.4s", block + n - 4);
	}
	CU_ASSERT_EQUAL(n, 0);
	return all;
}

static void test_a_client_that_asks_for_the_end_gets_all_of_it(void)
{
	struct weir_ctl_client *c = client();
	char first[6];

	CU_ASSERT_EQUAL(weir_ctl_client_begin(c, "stream", json_pack("{s:b}", "feed", 1), NULL), 0);
	CU_ASSERT_EQUAL(weir_ctl_client_read(c, first, 6, 1000, NULL), 6);
	CU_ASSERT_EQUAL(memcmp(first, "BEGIN\n", 6), 0);
	weir_ctl_client_finish(c);
	read_stream(c);
	CU_ASSERT_STRING_EQUAL(heard, "END\n");
	weir_ctl_client_close(c);
}

static void test_a_silent_stream_times_out_for_its_reader_only(void)
{
	struct weir_ctl_client *c = client();
	char bytes[64];

	CU_ASSERT_EQUAL(weir_ctl_client_begin(c, "stream", NULL, NULL), 0);
	CU_ASSERT_EQUAL(weir_ctl_client_read(c, bytes, sizeof(bytes), 1000, NULL), 6);
	CU_ASSERT_EQUAL(weir_ctl_client_read(c, bytes, sizeof(bytes), 20, NULL), -EAGAIN);
	weir_ctl_client_finish(c);
	CU_ASSERT_EQUAL(read_stream(c), 4);
	weir_ctl_client_close(c);
}

static void test_a_stream_without_a_word_for_the_end_is_closed(void)
{
	int64_t before = count("closed");
	struct weir_ctl_client *c = client();

	CU_ASSERT_EQUAL(weir_ctl_client_begin(c, "stream", json_pack("{s:b}", "plain", 1), NULL),
			0);
	weir_ctl_client_finish(c);
	CU_ASSERT_EQUAL(read_stream(c), 6);
	weir_ctl_client_close(c);
	CU_ASSERT_EQUAL(count("closed"), before + 1);
}

static void test_who_does_not_read_a_stream_costs_4_mib_and_hurts_nobody(void)
{
	struct weir_ctl_client *c = client();
	int64_t fed = 0;

	CU_ASSERT_EQUAL(weir_ctl_client_begin(c, "stream", json_pack("{s:b}", "feed", 1), NULL), 0);
	for (unsigned int i = 0; i < 500 && count("refused") == 0; i++)
		usleep(10000);
	CU_ASSERT(count("refused") > 0);
	fed = count("fed");
	CU_ASSERT(fed < (int64_t)WEIR_CTL_UNSENT_MAX + (2 << 20)); /* the kernel holds some, too */
	CU_ASSERT_EQUAL(count("fed"), fed);
	weir_ctl_client_finish(c);
	CU_ASSERT((int64_t)read_stream(c) >= fed);
	weir_ctl_client_close(c);
}

static void test_a_client_that_dies_is_told_to_the_stream(void)
{
	int64_t before = count("closed");
	struct weir_ctl_client *c = client();

	CU_ASSERT_EQUAL(weir_ctl_client_begin(c, "stream", NULL, NULL), 0);
	weir_ctl_client_close(c);
	CU_ASSERT_TRUE(becomes("closed", before + 1));
	c = client();
	CU_ASSERT_EQUAL(weir_ctl_client_begin(c, "stream", json_pack("{s:b}", "feed", 1), NULL), 0);
	usleep(50000);
	weir_ctl_client_close(c);
	CU_ASSERT_TRUE(becomes("closed", before + 2));
	CU_ASSERT_TRUE(becomes("clients", 1));
}

static void test_the_socket_of_a_living_agent_is_not_taken(void)
{
	struct event_base *base = event_base_new();
	struct weir_err err = { 0 };
	char pid[32];

	CU_ASSERT_PTR_NULL(server_at(base, path, &err));
	CU_ASSERT_EQUAL(err.code, EADDRINUSE);
	snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, pid));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
	event_base_free(base);
	test_a_call_gets_its_answer();
}

static void test_the_socket_of_a_killed_agent_is_replaced(void)
{
	char other[160];
	struct event_base *base = event_base_new();
	struct weir_ctl_server *server;
	struct weir_err err = { 0 };
	struct stat before, after;
	pid_t pid;

	snprintf(other, sizeof(other), "%s/deep/killed.sock", dir);
	pid = fork();
	if (pid == 0) {
		if (server_at(base, other, NULL) == NULL)
			_exit(1);
		raise(SIGKILL);
	}
	waitpid(pid, NULL, 0);
	CU_ASSERT_EQUAL(stat(other, &before), 0);
	CU_ASSERT_PTR_NULL(weir_ctl_client_open(other, &err));
	CU_ASSERT_EQUAL(err.code, ECONNREFUSED);
	server = server_at(base, other, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server);
	CU_ASSERT_EQUAL(stat(other, &after), 0);
	CU_ASSERT_EQUAL(after.st_mode, S_IFSOCK | 0600);
	weir_ctl_server_destroy(server);
	CU_ASSERT_EQUAL(stat(other, &after), -1);
	event_base_free(base);
}

static void test_a_file_that_is_no_socket_stays(void)
{
	char other[160];
	struct event_base *base = event_base_new();
	struct weir_err err = { 0 };
	FILE *f;

	snprintf(other, sizeof(other), "%s/deep/precious", dir);
	f = fopen(other, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fclose(f);
	CU_ASSERT_PTR_NULL(server_at(base, other, &err));
	CU_ASSERT_EQUAL(err.code, EEXIST);
	CU_ASSERT_EQUAL(access(other, F_OK), 0);
	unlink(other);
	event_base_free(base);
}

/* Somebody removed ours and made another. */
static void test_only_the_own_socket_is_removed(void)
{
	char other[160];
	struct event_base *base = event_base_new();
	struct weir_ctl_server *first, *second;

	snprintf(other, sizeof(other), "%s/deep/twice.sock", dir);
	first = server_at(base, other, NULL);
	unlink(other);
	second = server_at(base, other, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	CU_ASSERT_PTR_NOT_NULL_FATAL(second);
	weir_ctl_server_destroy(first);
	CU_ASSERT_EQUAL(access(other, F_OK), 0);
	weir_ctl_server_destroy(second);
	CU_ASSERT_EQUAL(access(other, F_OK), -1);
	event_base_free(base);
}

static void test_no_agent_is_said_with_what_to_do(void)
{
	struct weir_err err = { 0 };

	CU_ASSERT_PTR_NULL(weir_ctl_client_open("/nonexistent/agent.sock", &err));
	CU_ASSERT_EQUAL(err.code, ECONNREFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "systemctl start weir-agent"));
}

/* Whoever still reads sees the end. */
static void test_a_server_that_ends_closes_its_streams(void)
{
	int64_t before = count("closed");
	struct weir_ctl_client *c = client();
	char bytes[64];

	CU_ASSERT_EQUAL(weir_ctl_client_begin(c, "stream", NULL, NULL), 0);
	agent_stop();
	CU_ASSERT_EQUAL(weir_ctl_client_read(c, bytes, sizeof(bytes), 1000, NULL), 6);
	CU_ASSERT_EQUAL(weir_ctl_client_read(c, bytes, sizeof(bytes), 1000, NULL), 0);
	weir_ctl_client_close(c);
	CU_ASSERT_EQUAL(agent.closed, before + 1);
	CU_ASSERT_EQUAL(agent.counts.refused_full, 0);
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "(an agent is started)", agent_start },
		{ "a call gets its answer", test_a_call_gets_its_answer },
		{ "the agent's error reaches the client",
		  test_the_agents_error_reaches_the_client },
		{ "requests sent at once are answered in order",
		  test_requests_sent_at_once_are_answered_in_order },
		{ "a reply can have 4 MiB and no more", test_a_reply_can_have_4_mib_and_no_more },
		{ "garbage gets an error a line", test_garbage_gets_an_error_a_line },
		{ "a line of 5 MiB is refused", test_a_line_of_5_mib_is_refused },
		{ "only a command that brings a file may be long",
		  test_only_a_command_that_brings_a_file_may_be_long },
		{ "one long request is read at a time", test_one_long_request_is_read_at_a_time },
		{ "a line of 64 KiB is none too long", test_a_line_of_64_kib_is_none_too_long },
		{ "half a request is given up after 5 s",
		  test_half_a_request_is_given_up_after_5_s },
		{ "of 10,000 connections 64 are taken and the others told",
		  test_of_10000_connections_64_are_taken_and_the_others_told },
		{ "another user is refused by the file and by the agent",
		  test_another_user_is_refused_by_the_file_and_by_the_agent },
		{ "a member of the socket's group may ask",
		  test_a_member_of_the_sockets_group_may_ask },
		{ "a stream begins behind its reply", test_a_stream_begins_behind_its_reply },
		{ "a stream that fails to begin is an error and nothing else",
		  test_a_stream_that_fails_to_begin_is_an_error_and_nothing_else },
		{ "a client that asks for the end gets all of it",
		  test_a_client_that_asks_for_the_end_gets_all_of_it },
		{ "a silent stream times out for its reader only",
		  test_a_silent_stream_times_out_for_its_reader_only },
		{ "a stream without a word for the end is closed",
		  test_a_stream_without_a_word_for_the_end_is_closed },
		{ "who does not read a stream costs 4 MiB and hurts nobody",
		  test_who_does_not_read_a_stream_costs_4_mib_and_hurts_nobody },
		{ "a client that dies is told to the stream",
		  test_a_client_that_dies_is_told_to_the_stream },
		{ "the socket of a living agent is not taken",
		  test_the_socket_of_a_living_agent_is_not_taken },
		{ "the socket of a killed agent is replaced",
		  test_the_socket_of_a_killed_agent_is_replaced },
		{ "a file that is no socket stays", test_a_file_that_is_no_socket_stays },
		{ "only the own socket is removed", test_only_the_own_socket_is_removed },
		{ "no agent is said with what to do", test_no_agent_is_said_with_what_to_do },
		{ "a server that ends closes its streams",
		  test_a_server_that_ends_closes_its_streams },
		CU_TEST_INFO_NULL,
	};
	char deep[160];
	int status;

	if (mkdtemp(dir) == NULL)
		return 2;
	snprintf(path, sizeof(path), "%s/agent.sock", dir);
	status = weir_test_main("ctl/server", tests);
	snprintf(deep, sizeof(deep), "%s/deep", dir);
	rmdir(deep);
	rmdir(dir);
	return status;
}
