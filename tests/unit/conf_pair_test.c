/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

static struct weir_box_conf c;

static void test_a_group_may_not_ask_for_more_flows_than_the_box_has(void)
{
	struct weir_group_conf group;

	CU_ASSERT_EQUAL_FATAL(box_read("flow = { capacity = 100000; };", &c), 0);
	CU_ASSERT_EQUAL_FATAL(group_read("static_config: {flow: {flow-count-limit: 100001}}",
					 &group),
			      0);
	CU_ASSERT_EQUAL(weir_conf_pair_check(&c, &group, "g.yaml", &errs), -EINVAL);
	CU_ASSERT(is_said(
		"g.yaml: processors.flow_log.tunning.concurrent_flow_limit: 100001 flows are "
		"more than this machine's flow.capacity; allowed are 100000"));
	group.processors.flow_log.tunning.concurrent_flow_limit = 100000;
	CU_ASSERT_EQUAL(weir_conf_pair_check(&c, &group, "g.yaml", &errs), 0);
	weir_group_conf_free(&group);
	weir_box_conf_free(&c);
}

/* Upstream: with 65535 or less an analyzer's table is unlimited, whether the key is given or not. */
static void test_an_analyzer_has_no_flow_limit_until_it_is_raised(void)
{
	static const struct {
		const char *file;
		uint32_t mode, flows;
	} cases[] = {
		{ "", WEIR_CAPTURE_ANALYZER, 100000 },
		{ "", WEIR_CAPTURE_LOCAL, 65535 },
		{ "static_config: {flow: {flow-count-limit: 2000}}", WEIR_CAPTURE_ANALYZER,
		  100000 },
		{ "static_config: {flow: {flow-count-limit: 2000}}", WEIR_CAPTURE_LOCAL, 2000 },
		{ "static_config: {flow: {flow-count-limit: 65536}}", WEIR_CAPTURE_ANALYZER,
		  65536 },
		{ "static_config: {flow: {flow-count-limit: 0}}", WEIR_CAPTURE_LOCAL, 100000 },
	};
	struct weir_group_conf group;

	CU_ASSERT_EQUAL_FATAL(box_read("flow = { capacity = 100000; };", &c), 0);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		CU_ASSERT_EQUAL_FATAL(group_read(cases[i].file, &group), 0);
		CU_ASSERT_EQUAL(weir_conf_flows(&c, &group, cases[i].mode), cases[i].flows);
		weir_group_conf_free(&group);
	}
	weir_box_conf_free(&c);
}

/* 65535 is the default of every group: it asks for nothing. */
static void test_a_small_box_takes_a_group_that_asks_for_nothing(void)
{
	struct weir_group_conf group;

	CU_ASSERT_EQUAL_FATAL(box_read("flow = { capacity = 2000; };", &c), 0);
	CU_ASSERT_EQUAL_FATAL(group_read("", &group), 0);
	CU_ASSERT_EQUAL(weir_conf_pair_check(&c, &group, "g.yaml", &errs), 0);
	CU_ASSERT_EQUAL(errs.mistakes, 0);
	CU_ASSERT_EQUAL(weir_conf_flows(&c, &group, WEIR_CAPTURE_LOCAL), 2000);
	CU_ASSERT_EQUAL(weir_conf_flows(&c, &group, WEIR_CAPTURE_ANALYZER), 2000);
	group.processors.flow_log.tunning.concurrent_flow_limit = 65536;
	CU_ASSERT_EQUAL(weir_conf_pair_check(&c, &group, "g.yaml", &errs), -EINVAL);
	weir_group_conf_free(&group);
	weir_box_conf_free(&c);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a group may not ask for more flows than the box has",
		  test_a_group_may_not_ask_for_more_flows_than_the_box_has },
		{ "a small box takes a group that asks for nothing",
		  test_a_small_box_takes_a_group_that_asks_for_nothing },
		{ "an analyzer has no flow limit until it is raised",
		  test_an_analyzer_has_no_flow_limit_until_it_is_raised },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("conf/pair", tests);
}
