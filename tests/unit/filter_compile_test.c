/* SPDX-License-Identifier: Apache-2.0 */
/* Which expressions are refused, and with what advice. */
#include "filter_test.h"

#include <errno.h>
#include <pthread.h>

#define ETHER (1u << WEIR_LINK_ETHER)

static int refusal(const char *expression, uint32_t links, struct weir_err *err)
{
	struct weir_filter_options o = { .expression = expression, .links = links };
	struct weir_filter *f = weir_filter_create(&o, err);

	CU_ASSERT_PTR_NULL(f);
	weir_filter_destroy(f);
	if (strpbrk(err->msg, "\n\r\t") != NULL)
		CU_FAIL("more than one line");
	return err->code;
}

static void test_a_refusal_names_the_expression_and_says_what_to_write(void)
{
	static const struct {
		const char *expression;
		uint32_t links;
		const char *says;
	} rows[] = {
		{ "tcp prot 80", ETHER, "syntax error" },
		{ "tcp prot 80", ETHER, "\"tcp prot 80\"" },
		{ "tcp prot 80", ETHER, "man pcap-filter" },
		{ "tcp port", ETHER, "syntax error" },
		{ "tcp port 80 and", ETHER, "syntax error" },
		{ "(tcp", ETHER, "syntax error" },
		{ "host 10.0.0.256", ETHER, "10.0.0.256" },
		{ "net 10.0.0.1/8", ETHER, "10.0.0.1" },
		{ "port 65536", ETHER, "65536" },
		{ "ip[0:3] = 1", ETHER, "data size" },
		{ "ip proto 6 and ip6 and tcp port 80 and ip", ETHER, "no packet can match" },
		{ "ip[0] / 0 = 1", ETHER, "division by zero" },
		{ "vxlan", ETHER, "udp port 4789" },
		{ "ip.addr == 10.0.0.1", ETHER, "host 10.0.0.1" },
		{ "tcp.port == 80", ETHER, "tcp port 80" },
		{ "inbound", ETHER, "mirror" },
		{ "ip6 protochain 6", ETHER, "loop" },
		{ "ip6 protochain 6", ETHER, "ip6 proto N" },
		{ "ip broadcast", ETHER, "netmask" },
		{ "ether[0xfffff000] = 1", ETHER, "no packet has" },
		{ "vlan 100", ETHER | 1u << WEIR_LINK_RAW, "raw IP" },
		{ "ether host 2:0:0:0:0:1", 1u << WEIR_LINK_PPP, "PPP" },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		struct weir_err err = { 0 };

		CU_ASSERT_EQUAL(refusal(rows[i].expression, rows[i].links, &err), EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, rows[i].says));
		if (strstr(err.msg, rows[i].says) == NULL)
			printf("\"%s\" not in: %s\n", rows[i].says, err.msg);
	}
}

static void test_a_refusal_of_several_lines_has_one(void)
{
	struct weir_err err = { 0 };

	refusal("tcp\n\tprot 80\r\n", ETHER, &err);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "tcp  prot 80"));
}

/* Networks joined by "or" behind `first`, as many as go into so many bytes. */
static char *networks(const char *first, size_t bytes)
{
	char *s = calloc(1, bytes + 1);
	size_t n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	n = (size_t)sprintf(s, "%s", first);
	for (int i = 1; n + 16 <= bytes; i++)
		n += (size_t)sprintf(s + n, " or net %d.%d", i % 200, i / 200);
	return s;
}

static void test_an_expression_over_2047_bytes_is_refused(void)
{
	char *s = networks("ip", 5000);
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL(refusal(s, ETHER, &err), E2BIG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "2,047"));
	CU_ASSERT(strlen(err.msg) < 300);
	free(s);
}

static void test_a_program_over_4093_instructions_is_refused(void)
{
	char *s = networks("geneve", WEIR_PATTERN_TEXT_MAX);
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL(refusal(s, ETHER, &err), E2BIG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "4,093"));
	free(s);
}

static void test_lines_and_tabs_are_spaces(void)
{
	struct both b = both_of("tcp\n\tport 80\n");

	both_destroy(&b);
}

static void test_no_error_to_fill_is_no_error(void)
{
	const struct weir_filter_options o = { .expression = "tcp prot", .links = ETHER };

	CU_ASSERT_PTR_NULL(weir_filter_create(&o, NULL));
}

static void *compile_many(void *ok)
{
	const struct weir_filter_options o = { .expression = "tcp port 80 or udp", .links = ETHER };

	for (int i = 0; i < 50; i++) {
		struct weir_filter *f = weir_filter_create(&o, NULL);

		*(bool *)ok = *(bool *)ok && f != NULL;
		weir_filter_destroy(f);
	}
	return NULL;
}

static void test_several_threads_compile_at_once(void)
{
	pthread_t threads[4];
	bool ok[4];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(threads); i++) {
		ok[i] = true;
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, compile_many, &ok[i]), 0);
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(threads); i++) {
		pthread_join(threads[i], NULL);
		CU_ASSERT_TRUE(ok[i]);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a refusal names the expression and says what to write",
		  test_a_refusal_names_the_expression_and_says_what_to_write },
		{ "a refusal of several lines has one", test_a_refusal_of_several_lines_has_one },
		{ "an expression over 2,047 bytes is refused",
		  test_an_expression_over_2047_bytes_is_refused },
		{ "a program over 4,093 instructions is refused",
		  test_a_program_over_4093_instructions_is_refused },
		{ "lines and tabs are spaces", test_lines_and_tabs_are_spaces },
		{ "no error to fill is no error", test_no_error_to_fill_is_no_error },
		{ "several threads compile at once", test_several_threads_compile_at_once },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("filter/compile", tests);
}
