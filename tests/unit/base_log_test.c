/* SPDX-License-Identifier: Apache-2.0 */
#include "log_priv.h"
#include "weir_test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define S WEIR_NS_PER_S

static struct log_message message(const char *kind, const char *name, const char *text)
{
	struct log_message m = { .level = WEIR_LOG_WARN,
				 .kind = kind,
				 .wall_ns = UINT64_C(1709210096007890999) };

	snprintf(m.name, sizeof(m.name), "%s", name);
	snprintf(m.text, sizeof(m.text), "%s", text);
	return m;
}

/* `date -u -d @1709210096` says Thu Feb 29 12:34:56 2024. */
static void check(size_t (*form)(const struct log_message *m, char *out),
		  const struct log_message *m, const char *expected)
{
	char out[LOG_LINE_MAX + 1];

	out[form(m, out)] = '\0';
	CU_ASSERT_STRING_EQUAL(out, expected);
}

static void test_a_plain_message_in_each_form(void)
{
	struct log_message m = message("port", "eth1", "link down");

	check(weir_log_text, &m, "weir: warning: port eth1: link down\n");
	check(weir_log_logfmt, &m,
	      "time=2024-02-29T12:34:56.007890Z level=warning port=eth1 msg=\"link down\"\n");
	check(weir_log_json, &m,
	      "{\"time\":\"2024-02-29T12:34:56.007890Z\",\"level\":\"warning\","
	      "\"port\":\"eth1\",\"msg\":\"link down\"}\n");
	m.kind = NULL;
	check(weir_log_text, &m, "weir: warning: link down\n");
	check(weir_log_logfmt, &m,
	      "time=2024-02-29T12:34:56.007890Z level=warning msg=\"link down\"\n");
	check(weir_log_json, &m,
	      "{\"time\":\"2024-02-29T12:34:56.007890Z\",\"level\":\"warning\","
	      "\"msg\":\"link down\"}\n");
}

static void test_control_characters_quotes_and_bad_utf8_stay_within_the_line(void)
{
	/* newline, escape, quote, backslash, a lone byte of UTF-8, an overlong '/', a surrogate, ä, U+0085 */
	struct log_message m = message(NULL, "",
				       "a\nb\x1b[31m \"\\ \xc3 \xc0\xaf \xed\xa0\x80 "
				       "\xc3\xa4\xc2\x85");

	check(weir_log_text, &m,
	      "weir: warning: a\\nb\\x1b[31m \"\\ \\xc3 \\xc0\\xaf \\xed\\xa0\\x80 "
	      "\xc3\xa4\\xc2\\x85\n");
#define BAD "\xef\xbf\xbd"
	check(weir_log_json, &m,
	      "{\"time\":\"2024-02-29T12:34:56.007890Z\",\"level\":\"warning\","
	      "\"msg\":\"a\\nb\\u001b[31m \\\"\\\\ " BAD " " BAD BAD " " BAD BAD BAD
	      " \xc3\xa4\\u0085\"}\n");
	check(weir_log_logfmt, &m,
	      "time=2024-02-29T12:34:56.007890Z level=warning "
	      "msg=\"a\\nb\\u001b[31m \\\"\\\\ " BAD " " BAD BAD " " BAD BAD BAD
	      " \xc3\xa4\\u0085\"\n");
#undef BAD
}

static void test_a_value_of_logfmt_is_quoted_only_where_it_must_be(void)
{
	static const struct {
		const char *text, *value;
	} rows[] = {
		{ "down", "down" },          { "", "\"\"" },
		{ "a b", "\"a b\"" },        { "a=b", "\"a=b\"" },
		{ "a\"b", "\"a\\\"b\"" },    { "0000:3b:00.0", "0000:3b:00.0" },
		{ "/var/lib", "/var/lib" },  { "\xc3\xa4", "\xc3\xa4" },
		{ "a\tb", "\"a\\u0009b\"" }, { "\xff", "\"\xef\xbf\xbd\"" },
	};
	char expected[256];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		struct log_message m = message(NULL, "", rows[i].text);

		snprintf(expected, sizeof(expected),
			 "time=2024-02-29T12:34:56.007890Z level=warning msg=%s\n", rows[i].value);
		check(weir_log_logfmt, &m, expected);
	}
}

/* Worst cases: every byte becomes six, and the longest there can be. */
static void test_the_longest_message_fits_in_each_form(void)
{
	static size_t (*const forms[])(const struct log_message *m,
				       char *out) = { weir_log_text, weir_log_logfmt, weir_log_json,
						      weir_log_journal };
	static const char bytes[] = { 1, '\n', '"', (char)0xff, 'a' };
	struct log_message m = { .kind = "port" };
	char *out = malloc(LOG_LINE_MAX);

	for (size_t b = 0; b < WEIR_ARRAY_SIZE(bytes); b++) {
		memset(m.name, bytes[b], sizeof(m.name) - 1);
		memset(m.text, bytes[b], sizeof(m.text) - 1);
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(forms); i++)
			CU_ASSERT(forms[i](&m, out) <= LOG_LINE_MAX);
	}
	free(out);
}

/* Of https://systemd.io/JOURNAL_NATIVE_PROTOCOL: the text form, and the one for values with newlines. */
static void test_the_journal_gets_fields(void)
{
	char expected[512], out[LOG_LINE_MAX];
	struct log_message m = message("port", "eth1", "link down");
	size_t n;

	snprintf(expected, sizeof(expected),
		 "PRIORITY=4\nSYSLOG_IDENTIFIER=%s\nPORT=eth1\nMESSAGE=port eth1: link down\n",
		 program_invocation_short_name);
	n = weir_log_journal(&m, out);
	CU_ASSERT_EQUAL(n, strlen(expected));
	CU_ASSERT_EQUAL(memcmp(out, expected, strlen(expected)), 0);

	m = message("port", "a\nPRIORITY=0", "b\nMESSAGE=c");
	n = weir_log_journal(&m, out);
#define TAIL "PORT\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\nMESSAGE=port a\\nPRIORITY=0: b\\nMESSAGE=c\n"
	CU_ASSERT_FATAL(n > sizeof(TAIL) - 1);
	CU_ASSERT_EQUAL(memcmp(out + n - (sizeof(TAIL) - 1), TAIL, sizeof(TAIL) - 1), 0);
#undef TAIL
}

/* -- the limit -- */

static unsigned int said_of(uint64_t place, unsigned int n, uint64_t now, struct log_left *left)
{
	struct log_message m = message(NULL, "", "x");
	unsigned int said = 0;

	for (unsigned int i = 0; i < n; i++)
		said += weir_log_limit_take(place, &m, now, left);
	return said;
}

static void drain(void)
{
	struct log_left left;

	while (weir_log_limit_over(0, true, &left))
		;
}

static void test_a_place_says_so_many_and_then_how_many_more_there_were(void)
{
	struct log_left left;

	weir_log_limit_set(10, 10 * S);
	CU_ASSERT_EQUAL(said_of(1, 25, 100 * S, &left), 10);
	CU_ASSERT_EQUAL(said_of(2, 5, 100 * S, &left), 5);
	CU_ASSERT_FALSE(weir_log_limit_over(109 * S, false, &left));
	CU_ASSERT_EQUAL(said_of(1, 1, 110 * S, &left), 1);
	CU_ASSERT_EQUAL(left.n, 15);
	CU_ASSERT_EQUAL(left.ns, 10 * S);
	CU_ASSERT_STRING_EQUAL(left.last.text, "x");
	CU_ASSERT_EQUAL(said_of(1, 9, 111 * S, &left), 9);
	CU_ASSERT_EQUAL(said_of(1, 3, 112 * S, &left), 0);
	CU_ASSERT(weir_log_limit_over(120 * S, false, &left));
	CU_ASSERT_EQUAL(left.n, 3);
	CU_ASSERT_FALSE(weir_log_limit_over(120 * S, false, &left));
	CU_ASSERT_EQUAL(said_of(2, 11, 121 * S, &left), 10);
	CU_ASSERT(weir_log_limit_over(121 * S, true, &left));
	CU_ASSERT_EQUAL(left.n, 1);
}

/* More places than there is room for: nothing is kept quiet without being counted. */
static void test_many_places_lose_no_count(void)
{
	struct log_left left;
	uint64_t said = 0, left_out = 0;

	drain();
	weir_log_limit_set(2, 10 * S);
	for (uint64_t place = 1000; place < 1500; place++)
		for (int i = 0; i < 5; i++) {
			said += said_of(place, 1, 1000 * S + place, &left);
			left_out += left.n;
		}
	while (weir_log_limit_over(2000 * S, false, &left))
		left_out += left.n;
	CU_ASSERT_EQUAL(said, 500 * 2);
	CU_ASSERT_EQUAL(left_out, 500 * 3);
}

static void test_no_limit_says_all(void)
{
	struct log_left left;

	weir_log_limit_set(0, 0);
	CU_ASSERT_EQUAL(said_of(1, 1000, 5000 * S, &left), 1000);
	weir_log_limit_set(10, 10 * S);
}

/* -- what comes out -- */

static int saved = -1;
static char folder[] = P_tmpdir "/weir-log-XXXXXX";
static char path[64];

/* Standard error goes to a file until read_back(). */
static void catch_stderr(void)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	fflush(stderr);
	saved = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static const char *read_back(void)
{
	static char text[1 << 20];
	ssize_t n = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);

	dup2(saved, STDERR_FILENO);
	close(saved);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_errno_is_kept_and_a_long_message_is_marked(void)
{
	char text[3000] = "";
	const char *out;

	memset(text, 'x', sizeof(text) - 1);
	errno = ENOENT;
	catch_stderr();
	close(STDERR_FILENO);
	errno = ENOENT;
	weir_log(WEIR_LOG_ERR, "to nowhere");
	CU_ASSERT_EQUAL(errno, ENOENT);
	dup2(saved, STDERR_FILENO);
	close(saved);
	catch_stderr();
	weir_log(WEIR_LOG_DEBUG, "not wanted");
	weir_log(WEIR_LOG_INFO, "%s", text);
	out = read_back();
	CU_ASSERT_EQUAL(strlen(out), strlen("weir: info: ") + LOG_TEXT_MAX - 1 + 1);
	CU_ASSERT_STRING_EQUAL(out + strlen(out) - 5, "x...\n");
}

static void *chatter(void *arg)
{
	for (int i = 0; i < 500; i++)
		weir_log_about(WEIR_LOG_INFO, "port", arg, "message");
	return NULL;
}

/* Each thread about its own object: 10 lines, then one that counts the other 490. */
static void test_threads_have_whole_lines_and_objects_their_own_limit(void)
{
	static char names[][2] = { "a", "b", "c", "d" };
	pthread_t threads[4];
	const char *out, *p;
	unsigned int plain = 0, counts = 0;

	drain();
	catch_stderr();
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, chatter, names[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	weir_log_flush(true);
	out = read_back();
	for (p = out; *p != '\0'; p = strchr(p, '\n') + 1) {
		char line[128];

		snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
		if (strlen(line) == strlen("weir: info: port a: message") &&
		    strncmp(line, "weir: info: port ", 17) == 0 &&
		    strcmp(line + 18, ": message") == 0)
			plain++;
		else if (strstr(line, ": 490 more in ") != NULL &&
			 strstr(line, " s, the last: message") != NULL)
			counts++;
		else
			CU_FAIL("a line that is neither");
	}
	CU_ASSERT_EQUAL(plain, 40);
	CU_ASSERT_EQUAL(counts, 4);
}

/* A journald of the test's own; when it is gone, messages are on standard error again. */
static void test_a_message_goes_to_the_journal_or_else_to_standard_error(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char got[4096];
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	ssize_t n;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/socket", folder);
	CU_ASSERT_EQUAL(weir_log_journal_open(addr.sun_path), -ENOENT);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CU_ASSERT_EQUAL(weir_log_journal_open(addr.sun_path), 0);
	CU_ASSERT(weir_log_journal_send("MESSAGE=a\n", 10));
	n = recv(fd, got, sizeof(got), MSG_DONTWAIT);
	CU_ASSERT_EQUAL(n, 10);
	CU_ASSERT_EQUAL(memcmp(got, "MESSAGE=a\n", 10), 0);
	n = 0;
	while (n < 100000 &&
	       weir_log_journal_send("MESSAGE=b\n", 10)) /* nobody reads: it is full */
		n++;
	CU_ASSERT(n > 0 && n < 100000);
	close(fd);
	unlink(addr.sun_path);
	CU_ASSERT_FALSE(weir_log_journal_send("MESSAGE=c\n", 10));
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CU_ASSERT(weir_log_journal_send("MESSAGE=d\n", 10));
	close(fd);
	unlink(addr.sun_path);
}

static void test_the_journals_stream_is_known_by_device_and_inode(void)
{
	struct stat st;
	char stream[64];

	CU_ASSERT_EQUAL_FATAL(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	CU_ASSERT(weir_log_is_journal(stream));
	strcat(stream, "x");
	CU_ASSERT_FALSE(weir_log_is_journal(stream));
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino + 1);
	CU_ASSERT_FALSE(weir_log_is_journal(stream));
	CU_ASSERT_FALSE(weir_log_is_journal(NULL));
	CU_ASSERT_FALSE(weir_log_is_journal(""));
	CU_ASSERT_FALSE(weir_log_is_journal("8"));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a plain message in each form", test_a_plain_message_in_each_form },
		{ "control characters, quotes and bad UTF-8 stay within the line",
		  test_control_characters_quotes_and_bad_utf8_stay_within_the_line },
		{ "a value of logfmt is quoted only where it must be",
		  test_a_value_of_logfmt_is_quoted_only_where_it_must_be },
		{ "the longest message fits in each form",
		  test_the_longest_message_fits_in_each_form },
		{ "the journal gets fields", test_the_journal_gets_fields },
		{ "a place says so many, and then how many more there were",
		  test_a_place_says_so_many_and_then_how_many_more_there_were },
		{ "many places lose no count", test_many_places_lose_no_count },
		{ "no limit says all", test_no_limit_says_all },
		{ "errno is kept, and a long message is marked",
		  test_errno_is_kept_and_a_long_message_is_marked },
		{ "threads have whole lines, and objects their own limit",
		  test_threads_have_whole_lines_and_objects_their_own_limit },
		{ "a message goes to the journal, or else to standard error",
		  test_a_message_goes_to_the_journal_or_else_to_standard_error },
		{ "the journal's stream is known by device and inode",
		  test_the_journals_stream_is_known_by_device_and_inode },
		CU_TEST_INFO_NULL,
	};
	int rc;

	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/stderr", folder);
	rc = weir_test_main("base/log", tests);
	unlink(path);
	rmdir(folder);
	return rc;
}
