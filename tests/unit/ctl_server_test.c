/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: their answers, their limits, and those of connections. */
#include "ctl_server_test.h"

#include <dirent.h>

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
		{ "(it ends)", agent_stop },
		CU_TEST_INFO_NULL,
	};

	return server_test_main("ctl/server", tests);
}
