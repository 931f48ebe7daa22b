/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions of a group's configuration, refused without DPDK, with the line and what to write instead. */
#include "conf_test.h"

#include <weir_pattern.h>

#include <errno.h>

static void test_what_nobody_can_run_is_refused_with_what_to_write_instead(void)
{
	static const struct {
		const char *expression, *says;
	} rows[] = {
		{ "tcp prot 80", "man pcap-filter" },
		{ "ip6 protochain 6", "ip6 proto N" },
		{ "ether[0xfffff000] = 1", "no packet has" },
		{ "inbound", "mirror" },
		{ "vxlan", "udp port 4789" },
	};

	CU_ASSERT_EQUAL(weir_pattern_pcap_check("tcp port 80 and host 10.0.0.1", NULL), 0);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		struct weir_err err = { 0 };

		CU_ASSERT_EQUAL(weir_pattern_pcap_check(rows[i].expression, &err), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, rows[i].says));
	}
}

static void test_an_expression_that_is_too_long_is_refused_with_the_number(void)
{
	char text[WEIR_PATTERN_TEXT_MAX + 2];
	struct weir_err err = { 0 };

	memset(text, ' ', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	CU_ASSERT_EQUAL(weir_pattern_pcap_check(text, &err), -E2BIG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "2,047"));
}

/* A malformed expression left agents idle: it must not get as far as to them. */
static void test_a_group_is_refused_for_each_wrong_expression_by_either_name(void)
{
	static const struct weir_conf_rules rules = { .group = weir_pattern_group_rules };
	struct weir_group_conf conf;
	char *all;

	weir_conf_rules_set(&rules);
	CU_ASSERT_EQUAL(group_read("tap_interface_regex: '^(eth'\n"
				   "capture_bpf: tcp prot 80\n"
				   "inputs: {cbpf: {af_packet: {extra_netns_regex: '['}}}\n",
				   &conf),
			-EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 3);
	all = said();
	CU_ASSERT_PTR_NOT_NULL(
		strstr(all, "g.yaml:1: inputs.cbpf.af_packet.interface_regex: \"^(eth\""));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(all,
		       "g.yaml:2: inputs.cbpf.af_packet.extra_bpf_filter: filter \"tcp prot 80\""));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(all, "g.yaml:3: inputs.cbpf.af_packet.extra_netns_regex: \"[\""));
	free(all);
	CU_ASSERT_EQUAL_FATAL(group_read("tap_interface_regex: eth0\ncapture_bpf: port 80\n",
					 &conf),
			      0);
	weir_group_conf_free(&conf);
	weir_conf_rules_set(NULL);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "what nobody can run is refused with what to write instead",
		  test_what_nobody_can_run_is_refused_with_what_to_write_instead },
		{ "an expression that is too long is refused with the number",
		  test_an_expression_that_is_too_long_is_refused_with_the_number },
		{ "a group is refused for each wrong expression by either name",
		  test_a_group_is_refused_for_each_wrong_expression_by_either_name },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pattern/check", tests);
}
