/* SPDX-License-Identifier: Apache-2.0 */
/* A server on a loop in a thread of its own; clients are raw sockets, and Python's. */
#include "weir_test.h"

#include <weir_http.h>

#include <event2/event.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct event_base *base;
static struct weir_http_server *server;
static struct weir_http_counts at_end;
static uint16_t port;
static pthread_t thread;

static void metrics(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *a)
{
	(void)ctx;
	a->type = "text/plain; version=0.0.4";
	weir_http_text_printf(a->body, "weir_up %d\n", 1);
	if (rq->query[0] != '\0')
		weir_http_text_printf(a->body, "# %s\n", rq->query);
}

static void not_ready(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *a)
{
	(void)ctx;
	(void)rq;
	a->status = 503;
	weir_http_text_add(a->body, "no\0t", 4);
}

static void big(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *a)
{
	(void)ctx;
	for (long i = strtol(rq->query, NULL, 10); i > 0; i--)
		weir_http_text_printf(a->body, "%1023d\n", 1);
}

static void stop(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *a)
{
	(void)ctx;
	(void)rq;
	(void)a;
	event_base_loopexit(base, NULL);
}

static const struct weir_http_route routes[] = {
	{ .method = "GET", .path = "/metrics", .serve = metrics },
	{ .method = "GET", .path = "/readyz", .serve = not_ready },
	{ .method = "GET", .path = "/big", .serve = big },
	{ .method = "GET", .path = "/stop", .serve = stop },
};

static struct weir_http_server *listen_at(struct event_base *b, const char *at,
					  struct weir_err *err)
{
	const struct weir_http_server_conf conf = { .base = b,
						    .listen = at,
						    .routes = { routes, WEIR_ARRAY_SIZE(routes) } };

	return weir_http_server_create(&conf, err);
}

static void *loop(void *arg)
{
	event_base_dispatch(base);
	weir_http_server_counts(server, &at_end);
	weir_http_server_destroy(server);
	event_base_free(base);
	return arg;
}

static void start(void)
{
	base = event_base_new();
	server = listen_at(base, ":0", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server);
	port = weir_http_server_port(server);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, loop, NULL), 0);
}

static int dial(void)
{
	const struct timeval limit = { .tv_sec = 30 };
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static char heard[1 << 16];

/* What comes until the other side closes, the beginning of it in `heard`; how much. */
static size_t hear(int fd)
{
	static char rest[1 << 16];
	size_t len = 0, all;
	ssize_t n;

	while (len < sizeof(heard) - 1 &&
	       (n = recv(fd, heard + len, sizeof(heard) - 1 - len, 0)) > 0)
		len += (size_t)n;
	heard[len] = '\0';
	all = len;
	while ((n = recv(fd, rest, sizeof(rest), 0)) > 0)
		all += (size_t)n;
	close(fd);
	return all;
}

static void ask(const char *request)
{
	int fd = dial();

	(void)send(fd, request, strlen(request), MSG_NOSIGNAL);
	hear(fd);
}

static const char *body(void)
{
	const char *p = strstr(heard, "\r\n\r\n");

	return p != NULL ? p + 4 : "";
}

static void test_a_page_is_got(void)
{
	ask("GET /metrics HTTP/1.0\r\n\r\n");
	CU_ASSERT_EQUAL(strncmp(heard, "HTTP/1.0 200 OK\r\n", 17), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(heard, "Content-Type: text/plain; version=0.0.4\r\n"));
	CU_ASSERT_STRING_EQUAL(body(), "weir_up 1\n");
	ask("GET /metrics?name=a%20b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	CU_ASSERT_STRING_EQUAL(body(), "weir_up 1\n# name=a%20b\n");
}

static void test_pythons_client_gets_status_type_and_body(void)
{
	char command[512];
	int status;

	snprintf(command, sizeof(command),
		 "python3 -c 'import http.client as h\n"
		 "c = h.HTTPConnection(\"127.0.0.1\", %u)\n"
		 "def get(m, p):\n"
		 "  c.request(m, p); r = c.getresponse()\n"
		 "  return r.status, r.getheader(\"Content-Length\"), r.read()\n"
		 "assert get(\"GET\", \"/metrics\") == (200, \"10\", b\"weir_up 1\\n\")\n"
		 "assert get(\"HEAD\", \"/metrics\") == (200, \"10\", b\"\")\n"
		 "assert get(\"GET\", \"/readyz\") == (503, \"4\", b\"no\\0t\")\n"
		 "assert get(\"GET\", \"/big?2000\")[2].count(b\"1\\n\") == 2000'",
		 port);
	status = system(command);
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

static void test_other_pages_and_methods_are_refused(void)
{
	ask("GET /etc/passwd HTTP/1.0\r\n\r\n");
	CU_ASSERT_EQUAL(strncmp(heard, "HTTP/1.0 404 ", 13), 0);
	CU_ASSERT_STRING_EQUAL(body(), "there is no such page\n");
	ask("GET /metrics/../metrics HTTP/1.0\r\n\r\n");
	CU_ASSERT_EQUAL(strncmp(heard, "HTTP/1.0 404 ", 13), 0);
	ask("POST /metrics HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
	CU_ASSERT_EQUAL(strncmp(heard, "HTTP/1.0 405 ", 13), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(heard, "Allow: GET, HEAD\r\n"));
	ask("DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	CU_ASSERT_EQUAL(strncmp(heard, "HTTP/1.1 405 ", 13), 0);
}

static void test_garbage_is_refused_and_closed(void)
{
	char *head = malloc(1 << 20);
	int fd;

	ask("\xff\xfe\r\n\r\n");
	CU_ASSERT_EQUAL(strstr(heard, " 200 "), NULL);
	ask("GET /metrics HTTP/1.1\r\nno colon here\r\n\r\n");
	CU_ASSERT_EQUAL(strstr(heard, " 200 "), NULL);
	memset(head, 'x', 1 << 20);
	memcpy(head, "GET /metrics HTTP/1.0\r\nX: ", 26);
	fd = dial();
	(void)send(fd, head, 1 << 20, MSG_NOSIGNAL);
	hear(fd);
	CU_ASSERT_EQUAL(strstr(heard, " 200 "), NULL);
	fd = dial();
	memcpy(head, "POST /metrics HTTP/1.0\r\nContent-Length: 1000000\r\n\r\n", 51);
	(void)send(fd, head, 1 << 20, MSG_NOSIGNAL);
	hear(fd);
	CU_ASSERT_EQUAL(strstr(heard, " 200 "), NULL);
	free(head);
	test_a_page_is_got();
}

static void test_an_answer_that_is_too_large_is_an_error(void)
{
	int fd = dial();

	(void)send(fd, "GET /big?16000 HTTP/1.0\r\n\r\n", 27, MSG_NOSIGNAL);
	CU_ASSERT(hear(fd) > 16000 * 1024);
	ask("GET /big?17000 HTTP/1.0\r\n\r\n");
	CU_ASSERT_EQUAL(strncmp(heard, "HTTP/1.0 500 ", 13), 0);
	test_a_page_is_got();
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

/* The server looks each second which connections are over. */
static bool open_files_fall_to(unsigned int most)
{
	for (unsigned int tenth = 0; tenth < 50 && open_files() > most; tenth++)
		usleep(100000);
	return open_files() <= most;
}

/* 64 that say nothing: the next is served when they are given up, and none of them leaves a trace. */
static void test_silent_and_slow_connections_are_given_up(void)
{
	unsigned int files = open_files();
	uint64_t begin = weir_clock_mono_ns();
	int fds[WEIR_HTTP_CLIENTS_MAX];

	for (unsigned int i = 0; i < WEIR_HTTP_CLIENTS_MAX; i++) {
		fds[i] = dial();
		(void)send(fds[i], "GET /metr", i % 10, MSG_NOSIGNAL);
	}
	for (unsigned int s = 0; s < 4; s++) { /* a byte now and then gains no time */
		usleep(1000000);
		(void)send(fds[0], "G", 1, MSG_NOSIGNAL);
	}
	test_a_page_is_got();
	CU_ASSERT(weir_clock_mono_ns() - begin > (WEIR_HTTP_WAIT_S - 1) * WEIR_NS_PER_S);
	CU_ASSERT(weir_clock_mono_ns() - begin < (WEIR_HTTP_WAIT_S + 9) * WEIR_NS_PER_S);
	for (unsigned int i = 0; i < WEIR_HTTP_CLIENTS_MAX; i++)
		hear(fds[i]);
	CU_ASSERT(open_files_fall_to(files + 1));
}

static void test_2000_connections_leave_no_descriptor(void)
{
	unsigned int files = open_files();

	for (unsigned int i = 0; i < 2000; i++) {
		int fd = dial();

		if (i % 2 == 0)
			(void)send(fd, "GET /metrics HTTP/1.1\r\n\r\n", 25, MSG_NOSIGNAL);
		close(fd);
	}
	test_a_page_is_got();
	CU_ASSERT(open_files_fall_to(files + 1));
}

static void test_a_port_that_is_taken_says_who_to_ask(void)
{
	struct event_base *other = event_base_new();
	struct weir_err err = { 0 };
	char at[32], advice[64];

	snprintf(at, sizeof(at), "127.0.0.1:%u", port);
	snprintf(advice, sizeof(advice), "ss -ltnp 'sport = :%u'", port);
	CU_ASSERT_PTR_NULL(listen_at(other, at, &err));
	CU_ASSERT_EQUAL(err.code, EADDRINUSE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, advice));
	event_base_free(other);
}

static void test_addresses_are_numbers(void)
{
	static const char *const bad[] = { "",         "9740",    "example.org:80",
					   "1.2.3:80", "[::1:80", "127.0.0.1:",
					   ":-1",      ":65536",  "127.0.0.1:80x",
					   "::1:80",   "[]:80",   "[127.0.0.1]:80" };
	struct event_base *other = event_base_new();
	struct weir_err err = { 0 };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		CU_ASSERT_PTR_NULL(listen_at(other, bad[i], &err));
		CU_ASSERT_EQUAL(err.code, EINVAL);
	}
	CU_ASSERT_PTR_NULL(listen_at(other, "192.0.2.1:0", &err));
	CU_ASSERT_EQUAL(err.code, EADDRNOTAVAIL);
	weir_http_server_destroy(listen_at(other, "localhost:0", &err));
	weir_http_server_destroy(listen_at(other, "0.0.0.0:0", &err));
	CU_ASSERT_EQUAL(err.code, EADDRNOTAVAIL); /* of before */
	event_base_free(other);
}

/* RFC 4291: the loopback address of IPv6. */
static void test_without_an_address_it_is_loopback(void)
{
	char command[128];
	int status;

	snprintf(command, sizeof(command),
		 "ss -Hltn 'sport = :%u' | grep -q '^LISTEN.* 127.0.0.1:%u '", port, port);
	status = system(command);
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

static void test_it_ends_with_connections_open(void)
{
	int fd = dial();

	ask("GET /stop HTTP/1.0\r\n\r\n");
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(hear(fd), 0);
	CU_ASSERT(at_end.requests > 1000);
	CU_ASSERT_EQUAL(at_end.timed_out, WEIR_HTTP_CLIENTS_MAX);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "(a server is started)", start },
		{ "a page is got", test_a_page_is_got },
		{ "Python's client gets status, type and body",
		  test_pythons_client_gets_status_type_and_body },
		{ "other pages and methods are refused", test_other_pages_and_methods_are_refused },
		{ "garbage is refused and closed", test_garbage_is_refused_and_closed },
		{ "an answer that is too large is an error",
		  test_an_answer_that_is_too_large_is_an_error },
		{ "silent and slow connections are given up",
		  test_silent_and_slow_connections_are_given_up },
		{ "2,000 connections leave no descriptor",
		  test_2000_connections_leave_no_descriptor },
		{ "a port that is taken says who to ask",
		  test_a_port_that_is_taken_says_who_to_ask },
		{ "addresses are numbers", test_addresses_are_numbers },
		{ "without an address it is loopback", test_without_an_address_it_is_loopback },
		{ "it ends with connections open", test_it_ends_with_connections_open },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("http/server", tests);
}
