/* SPDX-License-Identifier: Apache-2.0 */
#include "../../lib/ctl/ctl_priv.h"
#include "weir_test.h"

#include <errno.h>
#include <stdlib.h>

static json_t *nothing(void *ctx, const json_t *args, struct weir_err *err)
{
	(void)ctx;
	(void)args;
	(void)err;
	return json_null();
}

static const struct weir_ctl_command commands[] = {
	{ .name = "status", .answer = nothing },
	{ .name = "ports", .answer = nothing },
};

static struct weir_err err;

static int parse_bytes(struct ctl_request *r, const char *line, size_t len)
{
	err = (struct weir_err){ 0 };
	return ctl_request_parse(r, line, len, commands, WEIR_ARRAY_SIZE(commands), &err);
}

static int parse(struct ctl_request *r, const char *line)
{
	return parse_bytes(r, line, strlen(line));
}

static void test_a_request_names_its_command_and_arguments(void)
{
	struct ctl_request r;

	CU_ASSERT_EQUAL_FATAL(parse(&r, "{\"command\":\"ports\",\"args\":{\"port\":\"eth0\"}}\r"),
			      0);
	CU_ASSERT_PTR_EQUAL(r.command, &commands[1]);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(r.args, "port")), "eth0");
	ctl_request_free(&r);
}

static void test_arguments_may_be_missing(void)
{
	struct ctl_request r;

	CU_ASSERT_EQUAL_FATAL(parse(&r, " {\"command\" : \"status\"}"), 0);
	CU_ASSERT_TRUE(json_is_object(r.args));
	CU_ASSERT_EQUAL(json_object_size(r.args), 0);
	ctl_request_free(&r);
}

static void test_what_is_no_request_is_refused_with_a_reason(void)
{
	static const char *const bad[] = {
		"",
		"status",
		"{",
		"[]",
		"\"status\"",
		"{}",
		"{\"command\":7}",
		"{\"command\":\"\"}",
		"{\"command\":\"halt\"}",
		"{\"command\":\"status\",\"args\":[]}",
		"{\"command\":\"status\",\"args\":null}",
		"{\"command\":\"status\",\"command\":\"ports\"}",
		"{\"command\":\"status\"} {\"command\":\"status\"}",
		"{\"command\":\"status\\u0000\"}",
		"{\"command\":\"\xff\xfe\"}",
	};
	struct ctl_request r;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		CU_ASSERT_EQUAL(parse(&r, bad[i]), -EINVAL);
		CU_ASSERT_EQUAL(strncmp(err.msg, "request: ", 9), 0);
	}
}

static void test_a_nul_does_not_end_a_request(void)
{
	static const char line[] = "{\"command\":\"status\"}\0{\"command\":\"ports\"}";
	struct ctl_request r;

	CU_ASSERT_EQUAL(parse_bytes(&r, line, sizeof(line) - 1), -EINVAL);
}

static void test_deep_nesting_is_refused(void)
{
	char *line = malloc(WEIR_CTL_REQUEST_MAX);
	struct ctl_request r;

	memset(line, '[', WEIR_CTL_REQUEST_MAX);
	CU_ASSERT_EQUAL(parse_bytes(&r, line, WEIR_CTL_REQUEST_MAX), -EINVAL);
	free(line);
}

static void test_every_cut_of_a_request_is_refused(void)
{
	static const char line[] = "{\"command\":\"ports\",\"args\":{\"port\":\"eth0\"}}";
	struct ctl_request r;

	for (size_t len = 0; len < sizeof(line) - 1; len++)
		CU_ASSERT_EQUAL(parse_bytes(&r, line, len), -EINVAL);
}

static void check_code(int code, int expected)
{
	const struct weir_err e = { .code = code, .msg = "port \"eth9\": no such port" };
	char *line = ctl_reply_error(&e);
	char want[128];

	snprintf(want, sizeof(want),
		 "{\"ok\":false,\"error\":{\"code\":%d,\"message\":\"port \\\"eth9\\\": no such "
		 "port\"}}\n",
		 expected);
	CU_ASSERT_STRING_EQUAL(line, want);
	free(line);
}

static void test_errors_carry_the_exit_code(void)
{
	check_code(ENOENT, 4);
	check_code(EINVAL, 2);
	check_code(EPERM, 5);
	check_code(EACCES, 5);
	check_code(EBUSY, 5);
	check_code(EIO, 1);
}

/* The first half of a character of two bytes. */
static void test_a_message_that_is_no_utf8_is_made_one(void)
{
	const struct weir_err e = { .code = EIO, .msg = "port \xc3" };
	char *line = ctl_reply_error(&e);

	CU_ASSERT_STRING_EQUAL(line,
			       "{\"ok\":false,\"error\":{\"code\":1,\"message\":\"port ?\"}}\n");
	free(line);
}

static void test_data_is_one_line(void)
{
	char *line = ctl_reply_data(json_pack("{s:[i,n],s:s}", "a", 1, "b", "x\ny"));

	CU_ASSERT_STRING_EQUAL(line, "{\"ok\":true,\"data\":{\"a\":[1,null],\"b\":\"x\\ny\"}}\n");
	free(line);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a request names its command and arguments",
		  test_a_request_names_its_command_and_arguments },
		{ "arguments may be missing", test_arguments_may_be_missing },
		{ "what is no request is refused with a reason",
		  test_what_is_no_request_is_refused_with_a_reason },
		{ "a NUL does not end a request", test_a_nul_does_not_end_a_request },
		{ "deep nesting is refused", test_deep_nesting_is_refused },
		{ "every cut of a request is refused", test_every_cut_of_a_request_is_refused },
		{ "errors carry the exit code", test_errors_carry_the_exit_code },
		{ "a message that is no UTF-8 is made one",
		  test_a_message_that_is_no_utf8_is_made_one },
		{ "data is one line", test_data_is_one_line },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("ctl/request", tests);
}
