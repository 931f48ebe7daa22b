/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_expr.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* 10.1.2.3:40000 > 192.168.0.1:443, tcp, on tap 2. */
static const struct weir_flow_rec rec = {
	.flow_id = UINT64_C(18446744073709551615),
	.capture_nic = UINT64_C(4) << 60 | 2,
	.start_ns = UINT64_C(1700000000000000999),
	.end_ns = UINT64_C(1700000060000000000),
	.duration_ns = 60 * WEIR_NS_PER_S,
	.ip = { { .b = { 10, 1, 2, 3 } }, { .b = { 192, 168, 0, 1 } } },
	.mac = { { 2, 0, 0, 0, 0xab, 1 }, { 2, 0, 0, 0, 0, 2 } },
	.port = { 40000, 443 },
	.eth_type = 0x0800,
	.protocol = 6,
	.close_type = WEIR_CLOSE_TIMEOUT,
	.observation_point = 10,
	.l3_epc_id = { -2, 7 },
	.tunnel = { { .ip = { 0x0a000001, 0 }, .type = 1, .tier = 1 } },
	.packet = { 10, 20 },
	.byte = { 1500000, UINT64_C(18446744073709551615) },
	.rtt = 1500,
	.flow_count = 1,
	.acl_gids = { 9, 40000 },
};

static const struct weir_flow_rec ipv6 = {
	.is_ipv6 = 1,
	.ip = { { .b = { 0x20, 1, 0xd, 0xb8, [15] = 1 } }, { .b = { [15] = 1 } } },
	.eth_type = 0x86dd,
};

static bool is_of(const char *text, const struct weir_flow_rec *r)
{
	struct weir_err err = { 0 };
	struct weir_expr *e = weir_expr_create(text, &err);
	bool matches;

	if (e == NULL)
		printf("%s: %s\n", text, err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	matches = weir_expr_matches(e, r);
	weir_expr_destroy(e);
	return matches;
}

struct row {
	const char *text;
	bool expected;
};

static void check(const struct row *rows, size_t n, const struct weir_flow_rec *r)
{
	for (size_t i = 0; i < n; i++) {
		bool is = is_of(rows[i].text, r);

		if (is != rows[i].expected)
			printf("%s is %d\n", rows[i].text, is);
		CU_ASSERT_EQUAL(is, rows[i].expected);
	}
}

static void test_numbers_are_compared_as_numbers(void)
{
	static const struct row rows[] = {
		{ "server_port == 443", true },
		{ "server_port != 443", false },
		{ "server_port < 443", false },
		{ "server_port <= 443", true },
		{ "server_port > 442", true },
		{ "server_port>=444", false },
		{ "client_port > 9999", true }, /* as texts it would not be */
		{ "byte_rx == 18446744073709551615", true },
		{ "byte_rx > 9223372036854775808", true },
		{ "flow_id > 1", true },
		{ "capture_nic == 4611686018427387906", true },
		{ "l3_epc_id_0 == -2", true },
		{ "l3_epc_id_0 < 0", true },
		{ "l3_epc_id_1 > -3", true },
		{ "eth_type == 0x0800", true },
		{ "status == 3", true }, /* of a TCP timeout */
	};

	check(rows, WEIR_ARRAY_SIZE(rows), &rec);
}

static void test_suffixes_multiply(void)
{
	static const struct row rows[] = {
		{ "byte_tx == 1.5M", true },
		{ "byte_tx == 1500k", true },
		{ "byte_tx == 0.0015G", true },
		{ "byte_tx < 2Mi", true },
		{ "byte_tx > 1Mi", true },
		{ "byte_tx > 1464Ki", true },
		{ "byte_tx > 1465Ki", false },
		{ "byte_tx < 1Gi", true },
		{ "byte_tx < 0.000002T", true },
		{ "byte_rx > 1Ti", true },
		{ "rtt == 1.5ms", true },
		{ "rtt == 1500us", true },
		{ "rtt == 1500", true },
		{ "rtt < 1s", true },
		{ "duration == 1min", true },
		{ "duration == 60s", true },
		{ "duration < 1h", true },
		{ "duration == 60000000", true },
		{ "end_time > 1700000060s", false },
		{ "end_time == 1700000060s", true },
	};

	check(rows, WEIR_ARRAY_SIZE(rows), &rec);
}

/* 999 ns are not in JSON either. */
static void test_times_are_whole_microseconds(void)
{
	CU_ASSERT(is_of("start_time == 1700000000000000", &rec));
}

static void test_addresses_are_compared_and_searched_in_prefixes(void)
{
	static const struct row rows[] = {
		{ "ip_0 == 10.1.2.3", true },
		{ "ip_0 != 10.1.2.3", false },
		{ "ip_1 in 192.168.0.0/16", true },
		{ "ip_1 not in 192.168.0.0/16", false },
		{ "ip_0 in 10.1.2.2/31", true },
		{ "ip_0 in 10.1.2.0/31", false },
		{ "ip_0 in (172.16.0.0/12, 10.1.2.3)", true },
		{ "ip_0 in 0.0.0.0/0", true },
		{ "ip_0 in ::/0", false },
		{ "ip_0 == ip_1", false },
		{ "ip_0 != ip_1", true },
		{ "tunnel_tx_ip_0 == 10.0.0.1", true },
		{ "tunnel_tx_ip_0 in (1.2.3.4, 10.0.0.0/30)", true },
		{ "tunnel_tx_ip_0 in 10.0.0.2/31", false },
		{ "tunnel_tx_ip_0 in 0.0.0.0/0", true },
		{ "mac_0 == 02:00:00:00:AB:01", true },
		{ "mac_0 in (02:00:00:00:00:01, 02:00:00:00:00:02)", false },
		{ "mac_1 in (02:00:00:00:00:01, 02:00:00:00:00:02)", true },
		{ "mac_0 == mac_1", false },
	};
	static const struct row rows6[] = {
		{ "ip_0 == 2001:db8::1", true },
		{ "ip_0 in 2001:db8::/32", true },
		{ "ip_0 in (10.0.0.0/8, 2001:db8:1::/48)", false },
		{ "ip_0 in 0.0.0.0/0", false },
		{ "ip_0 != 10.1.2.3", true },
		{ "ip_1 == ::1", true },
	};

	check(rows, WEIR_ARRAY_SIZE(rows), &rec);
	check(rows6, WEIR_ARRAY_SIZE(rows6), &ipv6);
}

static void test_texts_stand_in_quotes_or_alone(void)
{
	static const struct row rows[] = {
		{ "observation_point == s-nd", true },
		{ "observation_point == 's-nd'", true },
		{ "observation_point in (\"c\", \"s-nd\")", true },
		{ "observation_point == s", false },
		{ "server_port == '443'", true },
	};

	check(rows, WEIR_ARRAY_SIZE(rows), &rec);
}

static void test_fields_are_compared_with_fields(void)
{
	static const struct row rows[] = {
		{ "packet_tx < packet_rx", true },   { "byte_tx > byte_rx", false },
		{ "rtt < duration", true },          { "l3_epc_id_0 < packet_tx", true },
		{ "packet_tx > l3_epc_id_0", true }, { "byte_rx > l3_epc_id_0", true },
	};

	check(rows, WEIR_ARRAY_SIZE(rows), &rec);
}

static void test_and_binds_closer_than_or(void)
{
	static const struct row rows[] = {
		{ "rtt == 0 and rtt == 1 or rtt == 1500", true },
		{ "rtt == 1500 or rtt == 1 and rtt == 0", true },
		{ "(rtt == 1500 or rtt == 1) and rtt == 0", false },
		{ "not rtt == 0 and rtt == 1500", true },
		{ "not (rtt == 0 or rtt == 1500)", false },
		{ "not not rtt == 1500", true },
		{ "rtt == 1 or rtt == 2 or rtt == 3 or rtt == 1500", true },
		{ "rtt > 1 and rtt > 2 and rtt > 3 and rtt > 1500", false },
		{ "((((rtt==1500))))AND NOT(rtt==1)OR rtt==2", true },
		{ "server_port in (80, 443) and (rtt == 1 or (rtt == 1500 and not vlan == 1))",
		  true },
	};

	check(rows, WEIR_ARRAY_SIZE(rows), &rec);
}

/* The example of the help, too. */
static void test_every_field_can_be_asked_for(void)
{
	char text[128];

	for (unsigned int f = 0; f < WEIR_FIELDS; f++) {
		snprintf(text, sizeof(text), "%s == %s", weir_fields[f].name, weir_fields[f].name);
		CU_ASSERT(is_of(text, &rec));
	}
	CU_ASSERT_FALSE(
		is_of("byte_tx > 1M and (server_port in (80, 443) or ip_0 in 10.0.0.0/8) and "
		      "not close_type == 3",
		      &rec));
}

/* The help of a delay says so: an independent list. */
static void test_every_delay_takes_units_of_time(void)
{
	char text[128];
	unsigned int n = 0;

	for (unsigned int f = 0; f < WEIR_FIELDS; f++) {
		const char *help = weir_fields[f].help;
		struct weir_expr *e;
		bool is_delay = strcmp(help, "us") == 0 || strstr(help, ", us") != NULL ||
				strncmp(help, "as rtt_", 7) == 0 ||
				strcmp(weir_fields[f].name, "flow_start_time") == 0;

		snprintf(text, sizeof(text), "%s < 1ms", weir_fields[f].name);
		e = weir_expr_create(text, NULL);
		CU_ASSERT_EQUAL(e != NULL, is_delay);
		if ((e != NULL) != is_delay)
			printf("%s\n", text);
		n += is_delay;
		weir_expr_destroy(e);
	}
	CU_ASSERT(n > 10);
}

static unsigned int needs(const char *text, struct weir_expr_need *all)
{
	struct weir_expr *e = weir_expr_create(text, NULL);
	unsigned int n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	while (weir_expr_need(e, n, &all[n]))
		n++;
	weir_expr_destroy(e);
	return n;
}

static void test_what_stands_alone_or_between_ands_is_needed(void)
{
	struct weir_expr_need n[8];

	CU_ASSERT_EQUAL(needs("server_port == 443", n), 1);
	CU_ASSERT_EQUAL(n[0].field, WEIR_FIELD_server_port);
	CU_ASSERT(n[0].low == 443 && n[0].high == 443);
	CU_ASSERT_EQUAL(needs("rtt > 5 and (rtt <= 7 and (vlan in (3, 9, 4)))", n), 3);
	CU_ASSERT(n[0].low == 6 && n[0].high == UINT64_MAX);
	CU_ASSERT(n[1].low == 0 && n[1].high == 7);
	CU_ASSERT(n[2].field == WEIR_FIELD_vlan && n[2].low == 3 && n[2].high == 9);
	CU_ASSERT_EQUAL(needs("ip_0 in (10.0.0.0/8, ::1)", n), 1);
	CU_ASSERT_EQUAL(n[0].n_nets, 2);
	CU_ASSERT_EQUAL(needs("rtt == 1 and (vlan == 1 or vlan == 2)", n), 1);
	CU_ASSERT_EQUAL(n[0].field, WEIR_FIELD_rtt);
	CU_ASSERT_EQUAL(needs("rtt == 1 or rtt == 2 and vlan == 3", n), 0);
	CU_ASSERT_EQUAL(needs("not rtt == 1", n), 0);
	CU_ASSERT_EQUAL(needs("not (rtt == 1 and vlan == 2) and rtt >= 4", n), 1);
	CU_ASSERT_EQUAL(needs("rtt != 1 and rtt not in (1) and rtt < 0 and rtt == vlan", n), 0);
	CU_ASSERT_EQUAL(needs("ip_0 != 10.0.0.1 and ip_0 not in 10.0.0.0/8 and ip_0 == ip_1", n),
			0);
	CU_ASSERT_EQUAL(needs("l3_epc_id_0 > 3 and mac_0 == 02:00:00:00:00:01", n), 0);
}

static void refused(const char *text, const char *msg)
{
	struct weir_err err = { 0 };
	struct weir_expr *e = weir_expr_create(text, &err);

	CU_ASSERT_PTR_NULL(e);
	CU_ASSERT_EQUAL(err.code, EINVAL);
	if (strncmp(err.msg, msg, strlen(msg)) != 0)
		printf("%s: %s\n", text, err.msg);
	CU_ASSERT_EQUAL(strncmp(err.msg, msg, strlen(msg)), 0);
	weir_expr_destroy(e);
}

static void test_what_is_wrong_is_named_with_its_column(void)
{
	refused("", "column 1: the end: expected is a field, an operator and a value");
	refused("rtt == 1 and", "column 13: the end: expected is a field");
	refused("bite_tx > 1", "column 1: \"bite_tx\": no such field; did you mean byte_tx");
	refused("rtt == 1 or server-port == 2",
		"column 13: \"server-port\": no such field; did you mean server_port");
	refused("beauty == 1", "column 1: \"beauty\": no such field; flow show has all of them");
	refused("rtt", "column 4: the end: expected is an operator: ==");
	refused("rtt = 1", "column 5: \"=\": expected is an operator: ==");
	refused("rtt == 1 && rtt == 2", "column 10: \"&&\": expected is and, or, or the end");
	refused("rtt not 1", "column 5: \"not\": expected is an operator");
	refused("server_port == http",
		"column 16: \"http\": server_port: expected is a whole number, 0 to 65535");
	refused("server_port == 65536",
		"column 16: \"65536\": server_port: expected is a whole number, 0");
	refused("vlan == -1", "column 9: \"-1\": vlan: expected is a whole number, 0 to 65535");
	refused("l3_epc_id_0 == 2147483648",
		"column 16: \"2147483648\": l3_epc_id_0: expected is a whole");
	refused("byte_tx > 1.5", "column 11: \"1.5\": byte_tx: expected is a whole number");
	refused("byte_tx > 1ms", "column 11: \"1ms\": byte_tx: expected is a whole number");
	refused("byte_tx > 18446744073709551616", "column 11: \"18446744073709551616\": byte_tx");
	refused("byte_tx > 18446744073709551615k", "column 11: ");
	refused("rtt > 1M", "column 7: \"1M\": rtt: expected are microseconds or a time");
	refused("ip_0 == 10.0.0.0/8", "column 9: \"10.0.0.0/8\": ip_0: expected is an address, as");
	refused("ip_0 in 10.0.0.0/33",
		"column 9: \"10.0.0.0/33\": ip_0: expected is an address, as "
		"10.0.0.1 or 2001:db8::1 or a prefix, as 10.0.0.0/8");
	refused("ip_0 > 10.0.0.1",
		"column 6: \">\": ip_0 has no order; allowed are == != in, not in");
	refused("ip_0 == vlan", "column 9: \"vlan\": ip_0 cannot be compared with vlan");
	refused("tunnel_tx_ip_0 == ::1", "column 19: \"::1\": tunnel_tx_ip_0: expected is an IPv4");
	refused("mac_0 == 02:00", "column 10: \"02:00\": mac_0: expected is a MAC address");
	refused("observation_point == moon",
		"column 22: \"moon\": observation_point: expected is one of rest c s local");
	refused("server_port in (80, 443", "column 24: the end: expected is , or )");
	refused("server_port in ()", "column 17: \")\": server_port: expected is a whole number");
	refused("(rtt == 1", "column 10: the end: expected is and, or, or )");
	refused("rtt == 1)", "column 9: \")\": expected is and, or, or the end");
	refused("rtt == 'x", "column 8: \"'x\": rtt: expected");
	refused("rtt == \x1b[2J", "column 8: \"?\": rtt: expected");
}

static void test_length_and_depth_are_bounded(void)
{
	static char text[WEIR_EXPR_MAX + 2];
	struct weir_err err = { 0 };
	struct weir_expr *e;

	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, "rtt == 1500", 11);
	CU_ASSERT_PTR_NULL(weir_expr_create(text, &err));
	CU_ASSERT_EQUAL(err.code, E2BIG);
	text[WEIR_EXPR_MAX] = '\0';
	CU_ASSERT(is_of(text, &rec));

	for (int deep = WEIR_EXPR_DEPTH_MAX; deep <= WEIR_EXPR_DEPTH_MAX + 1; deep++) {
		char *p = text;

		for (int i = 0; i < deep; i++)
			*p++ = '(';
		p = stpcpy(p, "rtt == 1500");
		for (int i = 0; i < deep; i++)
			*p++ = ')';
		*p = '\0';
		e = weir_expr_create(text, &err);
		CU_ASSERT_EQUAL(e != NULL, deep == WEIR_EXPR_DEPTH_MAX);
		weir_expr_destroy(e);
	}
	CU_ASSERT_EQUAL(err.code, E2BIG);
}

/* As many values, tests and steps as a text can make. */
static void test_the_fullest_text_has_room(void)
{
	static char text[WEIR_EXPR_MAX + 1];
	size_t n = (size_t)sprintf(text, "rtt in(1500");

	for (; n + 3 <= WEIR_EXPR_MAX; n += 2)
		memcpy(text + n, ",1", 2);
	memcpy(text + n, ")", 2);
	CU_ASSERT(is_of(text, &rec));

	n = (size_t)sprintf(text, "rtt==1");
	for (; n + 9 <= WEIR_EXPR_MAX; n += 9)
		memcpy(text + n, " or rtt>1", 10);
	CU_ASSERT(is_of(text, &rec));

	n = 0;
	for (; n + 9 <= WEIR_EXPR_MAX; n += 4)
		memcpy(text + n, "not ", 5);
	memcpy(text + n, "rtt<9", 6);
	CU_ASSERT_EQUAL(is_of(text, &rec), n / 4 % 2 == 1);
}

static void test_a_list_is_asked_what_is_in_it(void)
{
	static const struct row rows[] = {
		{ "acl_gids == 9", true },          { "acl_gids == 40000", true },
		{ "acl_gids == 10", false },        { "acl_gids != 10", true },
		{ "acl_gids != 9", false },         { "acl_gids in (1, 2, 9)", true },
		{ "acl_gids in (1, 2)", false },    { "acl_gids not in (1, 2)", true },
		{ "acl_gids not in (9)", false },   { "acl_gids == 0", false },
		{ "acl_gids != 0", true },          { "acl_gids == acl_gids", true },
		{ "not acl_gids in 40000", false },
	};
	static const struct row none[] = {
		{ "acl_gids == 0", true },
		{ "acl_gids != 0", false },
		{ "acl_gids == 9", false },
		{ "acl_gids != 9", true },
	};
	struct weir_flow_rec full = rec;

	check(rows, WEIR_ARRAY_SIZE(rows), &rec);
	check(none, WEIR_ARRAY_SIZE(none), &ipv6);
	for (uint16_t i = 0; i < WEIR_REC_GIDS_MAX; i++)
		full.acl_gids[i] = (uint16_t)(100 + i);
	CU_ASSERT(is_of("acl_gids == 107 and acl_gids != 0 and not acl_gids == 0", &full));
	refused("acl_gids > 3", "column 10: \">\": acl_gids has no order; allowed are == != in");
	refused("acl_gids == 65536", "column 13: \"65536\": acl_gids: expected is a whole number");
	refused("acl_gids == byte_tx", "column 13: \"byte_tx\": acl_gids cannot be compared");
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "numbers are compared as numbers", test_numbers_are_compared_as_numbers },
		{ "suffixes multiply", test_suffixes_multiply },
		{ "times are whole microseconds", test_times_are_whole_microseconds },
		{ "addresses are compared, and searched in prefixes",
		  test_addresses_are_compared_and_searched_in_prefixes },
		{ "texts stand in quotes or alone", test_texts_stand_in_quotes_or_alone },
		{ "fields are compared with fields", test_fields_are_compared_with_fields },
		{ "and binds closer than or", test_and_binds_closer_than_or },
		{ "a list is asked what is in it", test_a_list_is_asked_what_is_in_it },
		{ "every field can be asked for", test_every_field_can_be_asked_for },
		{ "every delay takes units of time", test_every_delay_takes_units_of_time },
		{ "what stands alone or between ands is needed",
		  test_what_stands_alone_or_between_ands_is_needed },
		{ "what is wrong is named with its column",
		  test_what_is_wrong_is_named_with_its_column },
		{ "length and depth are bounded", test_length_and_depth_are_bounded },
		{ "the fullest text has room", test_the_fullest_text_has_room },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("rec/expr", tests);
}
