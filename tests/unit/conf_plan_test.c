/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

static struct weir_group_conf from, to;
static struct weir_conf_plan plan;

static void make(const char *before, const char *after)
{
	CU_ASSERT_EQUAL_FATAL(group_read(before, &from), 0);
	CU_ASSERT_EQUAL_FATAL(group_read(after, &to), 0);
	CU_ASSERT_EQUAL_FATAL(weir_group_conf_plan(&plan, &from, &to), 0);
}

static void done(void)
{
	weir_conf_plan_free(&plan);
	weir_group_conf_free(&from);
	weir_group_conf_free(&to);
}

static void check(uint32_t i, const char *path, const char *before, const char *after,
		  const char *effect)
{
	CU_ASSERT_FATAL(i < plan.n);
	CU_ASSERT_STRING_EQUAL(plan.changes[i].row->path, path);
	CU_ASSERT_STRING_EQUAL(plan.changes[i].from, before);
	CU_ASSERT_STRING_EQUAL(plan.changes[i].to, after);
	CU_ASSERT_STRING_EQUAL(weir_conf_effect_text(plan.changes[i].row), effect);
}

static void test_what_means_the_same_is_no_change_however_it_is_written(void)
{
	make("tap_mode: 2\nstatic_config: {flow: {others-timeout: 60}}",
	     "inputs: {cbpf: {common: {capture_mode: analyzer}}}\n"
	     "processors: {flow_log: {conntrack: {timeouts: {others: 1m}}}}");
	CU_ASSERT_EQUAL(plan.n, 0);
	CU_ASSERT_EQUAL(plan.classes, 0);
	done();
}

static void test_each_change_has_both_values_and_what_it_does(void)
{
	make("", "processors:\n"
		 "  flow_log:\n"
		 "    conntrack: {timeouts: {others: 7s}, flow_generation: {ignore_l2_end: true}}\n"
		 "    tunning: {concurrent_flow_limit: 2000}\n"
		 "outputs: {npb: {max_mtu: 600}}");
	CU_ASSERT_EQUAL(plan.n, 4);
	check(0, "processors.flow_log.conntrack.flow_generation.ignore_l2_end", "false", "true",
	      "live, ends flows");
	check(1, "processors.flow_log.conntrack.timeouts.others", "5s", "7s", "live");
	check(2, "processors.flow_log.tunning.concurrent_flow_limit", "65535", "2000", "rebuild");
	check(3, "outputs.npb.max_mtu", "1500", "600", "no effect yet");
	CU_ASSERT_EQUAL(plan.classes,
			1U << WEIR_CONF_LIVE | 1U << WEIR_CONF_EPOCH | 1U << WEIR_CONF_REBUILD);
	done();
}

static void test_a_key_that_is_not_read_is_kept_as_it_was_written(void)
{
	make("", "static_config:\n"
		 "  kubernetes-resources:\n"
		 "  - name: \xc3\xbc\n"
		 "    disabled: true\n"
		 "  - name: routes # of OpenShift\n"
		 "vtap_group_id: g-1\n"
		 "dev: {feature: {x: [1]}}");
	CU_ASSERT_EQUAL(plan.n, 2); /* vtap_group_id is no setting */
	CU_ASSERT_EQUAL(plan.classes, 0);
	check(0, "inputs.resources.kubernetes.api_resources", "",
	      "- name: \xc3\xbc disabled: true - name: routes # of OpenShift", "no effect yet");
	CU_ASSERT_STRING_EQUAL(plan.changes[1].to, "{feature: {x: [1]}}");
	done();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "what means the same is no change, however it is written",
		  test_what_means_the_same_is_no_change_however_it_is_written },
		{ "each change has both values and what it does",
		  test_each_change_has_both_values_and_what_it_does },
		{ "a key that is not read is kept as it was written",
		  test_a_key_that_is_not_read_is_kept_as_it_was_written },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("conf/plan", tests);
}
