/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: how they begin, how they end, and what a slow reader costs. */
#include "ctl_server_test.h"

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
		{ "a server that ends closes its streams",
		  test_a_server_that_ends_closes_its_streams },
		CU_TEST_INFO_NULL,
	};

	return server_test_main("ctl/stream", tests);
}
