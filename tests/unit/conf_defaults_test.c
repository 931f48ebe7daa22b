/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_conf.h>

#include <stdlib.h>

#define S WEIR_NS_PER_S

/* Values: DeepFlow's documented defaults. */
static void test_group_defaults_are_deepflows(void)
{
	struct weir_group_conf c;

	CU_ASSERT_EQUAL_FATAL(weir_group_conf_defaults(&c), 0);
	CU_ASSERT_EQUAL(c.inputs.cbpf.common.capture_mode, WEIR_CAPTURE_LOCAL);
	CU_ASSERT_EQUAL(c.inputs.cbpf.preprocess.tunnel_decap_protocols, 1 << 1 | 1 << 2);
	CU_ASSERT_EQUAL(c.inputs.cbpf.preprocess.tunnel_trim_protocols, 0);
	CU_ASSERT_EQUAL(c.inputs.cbpf.physical_mirror.default_capture_network_type, 3);
	CU_ASSERT_EQUAL(c.inputs.cbpf.tunning.max_capture_packet_size, 65535);
	CU_ASSERT_EQUAL(c.processors.flow_log.conntrack.timeouts.established, 300 * S);
	CU_ASSERT_EQUAL(c.processors.flow_log.conntrack.timeouts.closing_rst, 35 * S);
	CU_ASSERT_EQUAL(c.processors.flow_log.conntrack.timeouts.opening_rst, 1 * S);
	CU_ASSERT_EQUAL(c.processors.flow_log.conntrack.timeouts.others, 5 * S);
	CU_ASSERT_EQUAL(c.processors.flow_log.time_window.max_tolerable_packet_delay, 1 * S);
	CU_ASSERT_EQUAL(c.processors.flow_log.tunning.concurrent_flow_limit, 65535);
	CU_ASSERT_PTR_NULL(c.processors.flow_log.conntrack.flow_generation.server_ports);
	CU_ASSERT_STRING_EQUAL(c.inputs.cbpf.af_packet.inner_interface_regex, "^eth\\d+$");
	CU_ASSERT_EQUAL(c.outputs.flow_log.throttles.l4_throttle, 10000);
	CU_ASSERT_EQUAL(c.outputs.flow_log.filters.l4_capture_network_types.n, 1);
	CU_ASSERT(c.outputs.flow_log.aggregators.aggregate_health_check_l4_flow_log);
	CU_ASSERT_EQUAL(c.origin[0].from, WEIR_CONF_DEFAULT);
	weir_group_conf_free(&c);
}

static void test_profile_is_an_unthrottled_analyzer_that_follows_every_tunnel(void)
{
	struct weir_group_conf c;

	CU_ASSERT_EQUAL_FATAL(weir_group_conf_profile(&c), 0);
	CU_ASSERT_EQUAL(c.inputs.cbpf.common.capture_mode, WEIR_CAPTURE_ANALYZER);
	CU_ASSERT_EQUAL(c.inputs.cbpf.preprocess.tunnel_decap_protocols, 0x3ffe);
	CU_ASSERT_EQUAL(c.inputs.cbpf.preprocess.tunnel_trim_protocols, 1 << 6);
	CU_ASSERT_EQUAL(c.outputs.flow_log.throttles.l4_throttle, 0);
	CU_ASSERT_EQUAL(c.processors.flow_log.tunning.concurrent_flow_limit, 0);
	CU_ASSERT_FALSE(c.outputs.flow_log.aggregators.aggregate_health_check_l4_flow_log);
	CU_ASSERT_FALSE(c.inputs.cbpf.physical_mirror.packet_dedup_disabled);
	CU_ASSERT_EQUAL(c.processors.flow_log.conntrack.timeouts.established, 300 * S);
	weir_group_conf_free(&c);
}

static void test_box_defaults_are_one_worker_without_taps(void)
{
	struct weir_box_conf c;

	CU_ASSERT_EQUAL_FATAL(weir_box_conf_defaults(&c), 0);
	CU_ASSERT_EQUAL(c.cores.workers, 1);
	CU_ASSERT_EQUAL(c.cores.worker_cpus.n, 0);
	CU_ASSERT_EQUAL(c.flow.capacity, 1048576);
	CU_ASSERT_EQUAL(c.dedup.window_ms, 10);
	CU_ASSERT_EQUAL(c.log.level, WEIR_LOG_INFO);
	CU_ASSERT_EQUAL(c.taps_n, 0);
	CU_ASSERT_STRING_EQUAL(c.controller.address, "");
	weir_box_conf_free(&c);
}

static void test_a_freed_configuration_can_be_freed_again(void)
{
	struct weir_box_conf box = { 0 };
	struct weir_group_conf group = { 0 };

	weir_box_conf_free(&box);
	weir_group_conf_free(&group);
	CU_ASSERT_PTR_NULL(box.mem);
}

/* What a default is written as is what it is shown as, so each survives both ways. */
static void test_numbers_are_shown_as_written(void)
{
	struct weir_group_conf c;

	CU_ASSERT_EQUAL_FATAL(weir_group_conf_defaults(&c), 0);
	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		const struct weir_conf_row *row = &weir_group_table.rows[i];
		char *text;

		if (row->type != WEIR_CONF_U32 && row->type != WEIR_CONF_BOOL)
			continue;
		text = weir_conf_value_text(row, (const char *)&c + row->offset);
		CU_ASSERT_STRING_EQUAL(text, row->dflt);
		free(text);
	}
	weir_group_conf_free(&c);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "group defaults are DeepFlow's", test_group_defaults_are_deepflows },
		{ "the profile is an unthrottled analyzer that follows every tunnel",
		  test_profile_is_an_unthrottled_analyzer_that_follows_every_tunnel },
		{ "box defaults are one worker without taps",
		  test_box_defaults_are_one_worker_without_taps },
		{ "a freed configuration can be freed again",
		  test_a_freed_configuration_can_be_freed_again },
		{ "numbers are shown as written", test_numbers_are_shown_as_written },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("conf/defaults", tests);
}
