/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <field.h>
#include <filter.h>
#include <stdlib.h>
#include <time.h>

/* 10.1.2.3:40000 > 192.168.0.1:443, tcp, 100 s to 160 s. */
static const struct weir_flow_rec rec = {
	.flow_id = 77,
	.ip = { { .b = { 10, 1, 2, 3 } }, { .b = { 192, 168, 0, 1 } } },
	.port = { 40000, 443 },
	.protocol = 6,
	.start_ns = 100 * WEIR_NS_PER_S,
	.end_ns = 160 * WEIR_NS_PER_S,
};

static bool matches_ip(const char *text)
{
	struct filter f = { 0 };

	CU_ASSERT_EQUAL(filter_take_ip(&f, text, NULL), 0);
	return filter_matches(&f, &rec);
}

static void test_an_address_is_either_ends(void)
{
	CU_ASSERT(matches_ip("10.1.2.3"));
	CU_ASSERT(matches_ip("192.168.0.1"));
	CU_ASSERT_FALSE(matches_ip("10.1.2.4"));
}

static void test_a_prefix_is_cut_at_its_bit(void)
{
	CU_ASSERT(matches_ip("10.0.0.0/8"));
	CU_ASSERT(matches_ip("10.1.2.2/31"));
	CU_ASSERT_FALSE(matches_ip("10.1.2.0/31"));
	CU_ASSERT(matches_ip("0.0.0.0/0"));
	CU_ASSERT_FALSE(matches_ip("::/0"));
}

static void test_ipv6_prefixes_match_ipv6_flows(void)
{
	struct weir_flow_rec r = { .is_ipv6 = 1, .ip[1] = { .b = { 0x20, 1, 0xd, 0xb8 } } };
	struct filter f = { 0 };

	CU_ASSERT_EQUAL(filter_take_ip(&f, "2001:db8::/32", NULL), 0);
	CU_ASSERT(filter_matches(&f, &r));
	r.ip[1].b[3]++;
	CU_ASSERT_FALSE(filter_matches(&f, &r));
}

static void test_port_protocol_and_id_must_be_equal(void)
{
	struct filter f = { 0 };

	CU_ASSERT_EQUAL(filter_take_port(&f, "443", NULL), 0);
	CU_ASSERT_EQUAL(filter_take_protocol(&f, "TCP", NULL), 0);
	CU_ASSERT_EQUAL(filter_take_flow_id(&f, "77", NULL), 0);
	CU_ASSERT(filter_matches(&f, &rec));
	CU_ASSERT_EQUAL(filter_take_protocol(&f, "17", NULL), 0);
	CU_ASSERT_FALSE(filter_matches(&f, &rec));
}

static void test_any_of_several_addresses_will_do(void)
{
	struct filter f = { 0 };

	CU_ASSERT_EQUAL(filter_take_ip(&f, "172.16.0.0/12,2001:db8::/32", NULL), 0);
	CU_ASSERT_FALSE(filter_matches(&f, &rec));
	CU_ASSERT_EQUAL(filter_take_ip(&f, "192.168.0.1", NULL), 0);
	CU_ASSERT(filter_matches(&f, &rec));
	CU_ASSERT_EQUAL(f.n_nets, 3);
}

static void test_there_are_64_addresses_at_most(void)
{
	struct filter f = { 0 };
	struct weir_err err = { 0 };

	for (int i = 0; i < 64; i++)
		CU_ASSERT_EQUAL(filter_take_ip(&f, "10.0.0.1", NULL), 0);
	CU_ASSERT(filter_take_ip(&f, "10.0.0.1", &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "more than 64"));
}

static void test_tap_and_close_type_and_condition_must_hold(void)
{
	struct weir_flow_rec r = rec;
	struct filter f = { .has_close_type = true, .close_type = 3 };

	r.capture_nic = UINT64_C(4) << 60 | 0x1200 | 7;
	r.close_type = 3;
	CU_ASSERT_EQUAL(filter_take_tap(&f, "7", NULL), 0);
	CU_ASSERT_EQUAL(filter_take_where(&f, "server_port == 443", NULL), 0);
	CU_ASSERT(filter_matches(&f, &r));
	r.close_type = 1;
	CU_ASSERT_FALSE(filter_matches(&f, &r));
	r.close_type = 3;
	r.capture_nic++;
	CU_ASSERT_FALSE(filter_matches(&f, &r));
	r.capture_nic--;
	r.port[1] = 80;
	CU_ASSERT_FALSE(filter_matches(&f, &r));
	filter_fini(&f);
}

static void test_a_close_type_has_a_name_and_a_number(void)
{
	struct weir_err err = { 0 };
	uint8_t type;

	CU_ASSERT_EQUAL(field_close_parse(&type, "timeout", NULL), 0);
	CU_ASSERT_EQUAL(type, 3);
	CU_ASSERT_EQUAL(field_close_parse(&type, "open", NULL), 0);
	CU_ASSERT_EQUAL(type, 5);
	CU_ASSERT_EQUAL(field_close_parse(&type, "20", NULL), 0);
	CU_ASSERT_EQUAL(type, 20);
	CU_ASSERT(field_close_parse(&type, "256", &err) < 0);
	CU_ASSERT(field_close_parse(&type, "tiemout", &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "did you mean timeout"));
}

static void test_the_last_minutes_end_now(void)
{
	struct filter f = { 0 };
	uint64_t now = weir_clock_wall_ns();

	CU_ASSERT_EQUAL(filter_take_last(&f, "10m", NULL), 0);
	CU_ASSERT(f.since_ns > now - 601 * WEIR_NS_PER_S);
	CU_ASSERT(f.since_ns < now - 599 * WEIR_NS_PER_S);
	CU_ASSERT_EQUAL(f.since_ns % WEIR_NS_PER_US, 0);
	CU_ASSERT_EQUAL(filter_take_last(&f, "900000000d", NULL), 0); /* before all time */
	CU_ASSERT(f.since_ns < 2 * WEIR_NS_PER_S);
}

static bool in_time(const char *since, const char *until)
{
	struct filter f = { 0 };

	if (since != NULL)
		CU_ASSERT_EQUAL(filter_parse_time(&f.since_ns, since, NULL), 0);
	if (until != NULL)
		CU_ASSERT_EQUAL(filter_parse_time(&f.until_ns, until, NULL), 0);
	return filter_matches(&f, &rec);
}

static void test_a_record_whose_period_overlaps_is_in_time(void)
{
	CU_ASSERT(in_time("160", NULL));
	CU_ASSERT_FALSE(in_time("160.5", NULL));
	CU_ASSERT(in_time(NULL, "100.5"));
	CU_ASSERT_FALSE(in_time(NULL, "100"));
	CU_ASSERT(in_time("120", "130"));
}

static void test_times_are_written_in_three_ways(void)
{
	uint64_t ns, now = weir_clock_wall_ns();

	CU_ASSERT_EQUAL(filter_parse_time(&ns, "1700000000.25", NULL), 0);
	CU_ASSERT_EQUAL(ns, UINT64_C(1700000000250000000));
	CU_ASSERT_EQUAL(filter_parse_time(&ns, "2023-11-14T22:13:20Z", NULL), 0);
	CU_ASSERT_EQUAL(ns, UINT64_C(1700000000000000000));
	setenv("TZ", "UTC-9", 1); /* nine hours east */
	tzset();
	CU_ASSERT_EQUAL(filter_parse_time(&ns, "2023-11-15 07:13:20", NULL), 0);
	CU_ASSERT_EQUAL(ns, UINT64_C(1700000000000000000));
	CU_ASSERT_EQUAL(filter_parse_time(&ns, "2h", NULL), 0);
	CU_ASSERT(ns >= now - 7200 * WEIR_NS_PER_S && ns < now - 7190 * WEIR_NS_PER_S);
}

static void test_what_makes_no_sense_is_refused(void)
{
	static const char *const ips[] = { "",         "10.0.0",   "10.0.0.0/33",
					   "::/129",   "1.2.3.4/", "x",
					   "1.2.3.4,", ",",        "1.2.3.4,,::1" };
	static const char *const ports[] = { "", "65536", "-1", "80x", " 80" };
	static const char *const times[] = { "",           "yesterday", "2023",
					     "2023-13-01", "15y",       "2023-11-14 25:00" };
	struct filter f = { 0 };
	struct weir_err err;
	uint64_t ns;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(ips); i++)
		CU_ASSERT(filter_take_ip(&f, ips[i], &err) < 0);
	CU_ASSERT(filter_take_tap(&f, "256", &err) < 0);
	CU_ASSERT(filter_take_last(&f, "10", &err) < 0);
	CU_ASSERT(filter_take_last(&f, "ten", &err) < 0);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(ports); i++)
		CU_ASSERT(filter_take_port(&f, ports[i], &err) < 0);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(times); i++)
		CU_ASSERT(filter_parse_time(&ns, times[i], &err) < 0);
	CU_ASSERT(filter_take_protocol(&f, "256", &err) < 0);
	CU_ASSERT(filter_take_flow_id(&f, "18446744073709551616", &err) < 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "an address is either end's", test_an_address_is_either_ends },
		{ "a prefix is cut at its bit", test_a_prefix_is_cut_at_its_bit },
		{ "IPv6 prefixes match IPv6 flows", test_ipv6_prefixes_match_ipv6_flows },
		{ "port, protocol and id must be equal", test_port_protocol_and_id_must_be_equal },
		{ "any of several addresses will do", test_any_of_several_addresses_will_do },
		{ "there are 64 addresses at most", test_there_are_64_addresses_at_most },
		{ "tap, close type and condition must hold",
		  test_tap_and_close_type_and_condition_must_hold },
		{ "a close type has a name and a number",
		  test_a_close_type_has_a_name_and_a_number },
		{ "the last minutes end now", test_the_last_minutes_end_now },
		{ "a record whose period overlaps is in time",
		  test_a_record_whose_period_overlaps_is_in_time },
		{ "times are written in three ways", test_times_are_written_in_three_ways },
		{ "what makes no sense is refused", test_what_makes_no_sense_is_refused },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("ctl/filter", tests);
}
