/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

#define S WEIR_NS_PER_S

static struct weir_group_conf c;

/* DeepFlow's documented examples of both forms. */
static const char old_form[] = "vtap_group_id: g-1yhIguXABC\n"
			       "tap_interface_regex: eth0\n"
			       "tap_mode: 1\n"
			       "max_memory: 2048\n"
			       "max_collect_pps: 2000        # Kpps\n"
			       "max_npb_bps: 5000            # Mbps\n"
			       "decap_type: [1, 2, 3]\n"
			       "domains: [\"0\"]\n"
			       "static_config:\n"
			       "  kubernetes-resources:\n"
			       "  - name: ingresses\n"
			       "    disabled: true\n"
			       "  - name: routes\n"
			       "  default-tap-type: 3\n"
			       "  mirror-traffic-pcp: 8\n"
			       "  dpdk-enabled: true\n"
			       "  tap-mac-script: /usr/local/bin/tapmac.sh\n"
			       "  xflow-collector: {sflow-ports: [6343], netflow-ports: []}\n"
			       "  pcap: {queue-size: 65536, flow-buffer-size: 65536, "
			       "buffer-size: 98304, flush-interval: 1m}\n"
			       "  flow: {flow-count-limit: 1048576, established-timeout: 300s, "
			       "ignore-idc-vlan: true}\n";

static const char new_form[] = "global:\n"
			       "  limits: {max_millicpus: 4000, max_memory: 4096}\n"
			       "inputs:\n"
			       "  cbpf:\n"
			       "    common: {capture_mode: 2}\n"
			       "    af_packet:\n"
			       "      interface_regex: ^ens1f[01]$\n"
			       "      vlan_pcp_in_physical_mirror_traffic: 8\n"
			       "    physical_mirror: {default_capture_network_type: 3}\n"
			       "    preprocess: {tunnel_decap_protocols: [1, 2, 3], "
			       "tunnel_trim_protocols: [ERSPAN]}\n"
			       "  resources:\n"
			       "    kubernetes:\n"
			       "      api_resources:\n"
			       "      - name: statefulsets\n"
			       "        group: apps\n"
			       "      - name: statefulsets\n"
			       "        group: apps.kruise.io\n";

static void test_the_documented_old_form_is_read(void)
{
	CU_ASSERT_EQUAL_FATAL(group_read(old_form, &c), 0);
	CU_ASSERT_EQUAL(c.inputs.cbpf.common.capture_mode, WEIR_CAPTURE_MIRROR);
	CU_ASSERT_STRING_EQUAL(c.inputs.cbpf.af_packet.interface_regex, "eth0");
	CU_ASSERT_EQUAL(c.global.limits.max_memory, 2048);
	CU_ASSERT_EQUAL(c.inputs.cbpf.tunning.max_capture_pps, 2000000);
	CU_ASSERT_EQUAL(c.outputs.npb.max_tx_throughput, 5000);
	CU_ASSERT_EQUAL(c.inputs.cbpf.preprocess.tunnel_decap_protocols, 0xe);
	CU_ASSERT_EQUAL(c.inputs.cbpf.af_packet.vlan_pcp_in_physical_mirror_traffic, 8);
	CU_ASSERT_EQUAL(c.processors.packet.pcap_stream.flush_interval, 60 * S);
	CU_ASSERT_EQUAL(c.processors.flow_log.tunning.concurrent_flow_limit, 1048576);
	CU_ASSERT(c.processors.flow_log.conntrack.flow_generation.idc_traffic_ignore_vlan);
	CU_ASSERT_EQUAL(c.inputs.cbpf.special_network.physical_switch.sflow_ports[6343 / 8],
			1 << 6343 % 8);
	weir_group_conf_free(&c);
}

static void test_the_documented_new_form_is_read(void)
{
	CU_ASSERT_EQUAL_FATAL(group_read(new_form, &c), 0);
	CU_ASSERT_EQUAL(c.global.limits.max_millicpus, 4000);
	CU_ASSERT_EQUAL(c.inputs.cbpf.common.capture_mode, WEIR_CAPTURE_ANALYZER);
	CU_ASSERT_STRING_EQUAL(c.inputs.cbpf.af_packet.interface_regex, "^ens1f[01]$");
	CU_ASSERT_EQUAL(c.inputs.cbpf.preprocess.tunnel_trim_protocols, 1 << 6);
	weir_group_conf_free(&c);
}

static void test_both_forms_may_be_mixed(void)
{
	CU_ASSERT_EQUAL_FATAL(
		group_read("tap_mode: 2\n"
			   "processors: {flow_log: {conntrack: {timeouts: {others: 7s}}}}\n"
			   "static_config: {flow: {closing-rst-timeout: 40s}}\n",
			   &c),
		0);
	CU_ASSERT_EQUAL(c.inputs.cbpf.common.capture_mode, WEIR_CAPTURE_ANALYZER);
	CU_ASSERT_EQUAL(c.processors.flow_log.conntrack.timeouts.others, 7 * S);
	CU_ASSERT_EQUAL(c.processors.flow_log.conntrack.timeouts.closing_rst, 40 * S);
	weir_group_conf_free(&c);
}

static void test_nothing_is_the_defaults(void)
{
	static const char *const texts[] = { "",           "---\n",     "# nothing\n",
					     "~",          "global:\n", "global: {limits: ~}",
					     "tap_mode:\n" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++) {
		CU_ASSERT_EQUAL_FATAL(group_read(texts[i], &c), 0);
		CU_ASSERT_EQUAL(c.inputs.cbpf.common.capture_mode, WEIR_CAPTURE_LOCAL);
		weir_group_conf_free(&c);
	}
}

/* inactive_ip_enabled: 1 is inactive_ip_aggregation: false. */
static void test_a_key_whose_sense_was_turned_around_is_turned(void)
{
	CU_ASSERT_EQUAL_FATAL(group_read("inactive_ip_enabled: 0\n"
					 "inactive_server_port_enabled: 1\n",
					 &c),
			      0);
	CU_ASSERT(c.outputs.flow_metrics.filters.inactive_ip_aggregation);
	CU_ASSERT_FALSE(c.outputs.flow_metrics.filters.inactive_server_port_aggregation);
	weir_group_conf_free(&c);
}

static void test_old_keys_count_seconds_without_a_unit(void)
{
	CU_ASSERT_EQUAL_FATAL(group_read("sync_interval: 30\nlog_retention: 30\n", &c), 0);
	CU_ASSERT_EQUAL(c.global.communication.proactive_request_interval, 30 * S);
	CU_ASSERT_EQUAL(c.global.limits.local_log_retention, 30 * 86400 * S);
	weir_group_conf_free(&c);
	CU_ASSERT_EQUAL(group_read("global: {communication: {proactive_request_interval: 30}}", &c),
			-EINVAL);
	CU_ASSERT(is_said("g.yaml:1:54: global.communication.proactive_request_interval: 30 has no "
			  "unit (ns, us, ms, s, m, h, d); did you mean 30s"));
}

static void test_one_setting_with_two_values_names_both_lines(void)
{
	CU_ASSERT_EQUAL(group_read("tap_mode: 2\n"
				   "inputs:\n"
				   "  cbpf: {common: {capture_mode: 0}}\n",
				   &c),
			-EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 1);
	CU_ASSERT(is_said("g.yaml:3:33: inputs.cbpf.common.capture_mode: is given another value on "
			  "line 1 (inputs.cbpf.common.capture_mode)"));
}

static void test_one_setting_given_twice_alike_is_fine(void)
{
	CU_ASSERT_EQUAL_FATAL(group_read("tap_mode: 2\n"
					 "inputs: {cbpf: {common: {capture_mode: analyzer}}}\n",
					 &c),
			      0);
	CU_ASSERT_EQUAL(errs.mistakes, 0);
	weir_group_conf_free(&c);
}

static void test_all_mistakes_are_found_in_one_run(void)
{
	CU_ASSERT_EQUAL(group_read("inputs:\n"
				   "  cbpf:\n"
				   "    common: {capture_mode: analyser}\n"
				   "    tuning: {}\n"
				   "processors:\n"
				   "  flow_log:\n"
				   "    time_window: {max_tolerable_packet_delay: 30s}\n"
				   "    conntrack:\n"
				   "      timeouts: [1s]\n"
				   "      flow_generation: {server_ports: 80}\n"
				   "capture_mode: 2\n"
				   "outputs: 3\n",
				   &c),
			-EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 7);
	CU_ASSERT(
		is_said("g.yaml:3:28: inputs.cbpf.common.capture_mode: analyser is not known; "
			"allowed are local (0), mirror (1), analyzer (2); did you mean analyzer"));
	CU_ASSERT(
		is_said("g.yaml:4:5: inputs.cbpf.tuning: is not a setting; did you mean tunning"));
	CU_ASSERT(
		is_said("g.yaml:7:47: processors.flow_log.time_window.max_tolerable_packet_delay: "
			"30s is out of range; allowed are 1s to 20s"));
	CU_ASSERT(
		is_said("g.yaml:9:17: processors.flow_log.conntrack.timeouts: is a section, not a "
			"setting"));
	CU_ASSERT(
		is_said("g.yaml:10:39: processors.flow_log.conntrack.flow_generation.server_ports: "
			"80 is not a list; did you mean [80]"));
	CU_ASSERT(is_said("g.yaml:11:1: capture_mode: is not a setting; did you mean "
			  "inputs.cbpf.common.capture_mode"));
	CU_ASSERT(is_said("g.yaml:12:10: outputs: is a section, not a setting"));
	CU_ASSERT_PTR_NULL(c.mem);
}

/* DeepFlow's agent takes the default for such a value without a word. */
static void test_an_old_value_out_of_range_is_refused(void)
{
	CU_ASSERT_EQUAL(group_read("static_config:\n  packet-delay: 30s\n", &c), -EINVAL);
	CU_ASSERT(
		is_said("g.yaml:2:17: static_config.packet-delay: 30s is out of range; allowed are "
			"1s to 20s"));
}

static void test_a_key_without_effect_is_warned_of_once(void)
{
	CU_ASSERT_EQUAL_FATAL(group_read("log_threshold: 1024\n"
					 "global: {limits: {max_log_backhaul_rate: 1024}}\n"
					 "decap_type: [1]\n",
					 &c),
			      0);
	CU_ASSERT_EQUAL(errs.warnings, 1);
	CU_ASSERT(is_said("g.yaml:1:16: warning: log_threshold: has no effect in this version"));
	weir_group_conf_free(&c);
}

static void test_where_a_value_comes_from_is_kept(void)
{
	uint32_t i = 0;

	CU_ASSERT_EQUAL_FATAL(group_read("\ntap_mode: 2\n", &c), 0);
	while (strcmp(weir_group_table.rows[i].path, "inputs.cbpf.common.capture_mode") != 0)
		i++;
	CU_ASSERT_EQUAL(c.origin[i].from, WEIR_CONF_FILE);
	CU_ASSERT_EQUAL(c.origin[i].line, 2);
	CU_ASSERT_EQUAL(c.origin[0].from, WEIR_CONF_DEFAULT);
	CU_ASSERT_EQUAL(weir_group_conf_from(&c, &c.inputs.cbpf.common.capture_mode),
			WEIR_CONF_FILE);
	CU_ASSERT_EQUAL(weir_group_conf_from(&c, &c.global.limits.max_millicpus),
			WEIR_CONF_DEFAULT);
	weir_group_conf_free(&c);
	CU_ASSERT_EQUAL_FATAL(weir_group_conf_profile(&c), 0);
	CU_ASSERT_EQUAL(weir_group_conf_from(&c, &c.inputs.cbpf.common.capture_mode),
			WEIR_CONF_PROFILE);
	weir_group_conf_free(&c);
}

static void test_an_alias_is_refused(void)
{
	CU_ASSERT_EQUAL(group_read("global: &a {limits: {max_memory: 1024}}\ninputs: *a\n", &c),
			-EINVAL);
	CU_ASSERT(is_said("g.yaml:2:9: inputs: an alias is not allowed; write the value itself"));
}

static void test_text_that_is_no_yaml_is_named_by_its_line(void)
{
	CU_ASSERT_EQUAL(group_read("decap_type: [2]\nmax_memory: [1\n", &c), -EINVAL);
	CU_ASSERT_EQUAL(errs.n, 1);
	CU_ASSERT_EQUAL(errs.items[0].line, 3);
	CU_ASSERT_EQUAL(group_read("a: 1\nb: \xff\xfe\n", &c), -EINVAL);
	CU_ASSERT_EQUAL(errs.items[0].line, 2);
	CU_ASSERT_EQUAL(group_read("[1, 2]\n", &c), -EINVAL);
	CU_ASSERT_EQUAL(group_read("tap_mode: 1\n---\ntap_mode: 2\n", &c), -EINVAL);
}

static void test_more_mistakes_than_fit_are_counted_and_push_warnings_out(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fputs("log_threshold: 1024\n", f);
	for (int i = 0; i < 200; i++)
		fprintf(f, "wrong%d: 1\n", i);
	fclose(f);
	CU_ASSERT_EQUAL(group_read(text, &c), -EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 200);
	CU_ASSERT_EQUAL(errs.n, WEIR_ERR_LIST_MAX);
	for (uint32_t i = 0; i < errs.n; i++)
		CU_ASSERT_FALSE(errs.items[i].warning);
	CU_ASSERT(is_said("and 73 more"));
	free(text);
}

static void test_a_tab_is_called_so_and_hides_nothing_before_it(void)
{
	CU_ASSERT_EQUAL(group_read("wrong: 1\n"
				   "global:\n"
				   "  limits:\n"
				   "\tmax_memory: 512\n",
				   &c),
			-EINVAL);
	CU_ASSERT(is_said("g.yaml:1:1: wrong: is not a setting"));
	CU_ASSERT(is_said("g.yaml:4:1: global.limits: a tab: indent with blanks"));
	CU_ASSERT_EQUAL(errs.mistakes, 2);
}

static void test_deep_nesting_is_only_one_mistake(void)
{
	char text[4096] = "global: ";

	memset(text + 8, '[', 500);
	memset(text + 508, ']', 500);
	CU_ASSERT_EQUAL(group_read(text, &c), -EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 1);
}

/* A megabyte of them would keep libyaml busy for an hour. */
static void test_brackets_without_an_end_are_refused_soon(void)
{
	static char text[1000000] = "global: ";

	memset(text + 8, '[', sizeof(text) - 9);
	CU_ASSERT_EQUAL(group_read(text, &c), -EINVAL);
	CU_ASSERT(
		is_said("g.yaml:1:1008: lists and groups within each other: more than 1000 levels, "
			"no setting needs them"));
}

/* Each is looked for in all the table; one that is given again takes memory again. */
static void test_more_names_than_a_table_can_have_are_refused(void)
{
	static const char *const lines[] = { "tap_mode: 2\n", "unknown: 2\n",
					     "static_config: {server-ports: [443]}\n" };
	static char text[1000000];

	for (size_t k = 0; k < WEIR_ARRAY_SIZE(lines); k++) {
		size_t n = 0;

		for (; n < sizeof(text) - 100; n += strlen(lines[k]))
			memcpy(text + n, lines[k], strlen(lines[k]));
		memset(&errs, 0, sizeof(errs));
		CU_ASSERT_EQUAL(weir_group_conf_take(text, n, "server", &c, &errs), -EINVAL);
		CU_ASSERT_EQUAL(errs.mistakes, 1);
		CU_ASSERT(errs.n <= WEIR_ERR_LIST_MAX);
	}
}

static void test_what_a_newer_controller_sends_is_taken_without_what_is_unknown(void)
{
	static const char text[] = "global:\n"
				   "  limits: {max_memory: 900, max_dreams: 3}\n"
				   "  moods:\n"
				   "    colour: [blue, {deep: true}]\n"
				   "inputs: {cbpf: {common: {capture_mode: 1}}}\n";
	struct weir_group_conf conf;

	memset(&errs, 0, sizeof(errs));
	CU_ASSERT_EQUAL_FATAL(weir_group_conf_take(text, strlen(text), "server", &conf, &errs), 0);
	CU_ASSERT_EQUAL(errs.mistakes, 0);
	CU_ASSERT_EQUAL(conf.global.limits.max_memory, 900);
	CU_ASSERT_EQUAL(conf.inputs.cbpf.common.capture_mode, 1);
	weir_group_conf_free(&conf);
	memset(&errs, 0, sizeof(errs));
	CU_ASSERT_EQUAL(weir_group_conf_parse(text, strlen(text), "file", &conf, &errs), -EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 2);
	/* A value that is wrong stays a mistake. */
	memset(&errs, 0, sizeof(errs));
	CU_ASSERT_EQUAL(weir_group_conf_take("max_memory: lots", 16, "server", &conf, &errs),
			-EINVAL);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the documented old form is read", test_the_documented_old_form_is_read },
		{ "the documented new form is read", test_the_documented_new_form_is_read },
		{ "both forms may be mixed", test_both_forms_may_be_mixed },
		{ "nothing is the defaults", test_nothing_is_the_defaults },
		{ "a key whose sense was turned around is turned",
		  test_a_key_whose_sense_was_turned_around_is_turned },
		{ "old keys count seconds without a unit",
		  test_old_keys_count_seconds_without_a_unit },
		{ "one setting with two values names both lines",
		  test_one_setting_with_two_values_names_both_lines },
		{ "one setting given twice alike is fine",
		  test_one_setting_given_twice_alike_is_fine },
		{ "all mistakes are found in one run", test_all_mistakes_are_found_in_one_run },
		{ "an old value out of range is refused",
		  test_an_old_value_out_of_range_is_refused },
		{ "a key without effect is warned of once",
		  test_a_key_without_effect_is_warned_of_once },
		{ "where a value comes from is kept", test_where_a_value_comes_from_is_kept },
		{ "an alias is refused", test_an_alias_is_refused },
		{ "text that is no YAML is named by its line",
		  test_text_that_is_no_yaml_is_named_by_its_line },
		{ "more mistakes than fit are counted and push warnings out",
		  test_more_mistakes_than_fit_are_counted_and_push_warnings_out },
		{ "a tab is called so, and hides nothing before it",
		  test_a_tab_is_called_so_and_hides_nothing_before_it },
		{ "brackets without an end are refused soon",
		  test_brackets_without_an_end_are_refused_soon },
		{ "more names than a table can have are refused",
		  test_more_names_than_a_table_can_have_are_refused },
		{ "deep nesting is only one mistake", test_deep_nesting_is_only_one_mistake },
		{ "what a newer controller sends is taken without what is unknown",
		  test_what_a_newer_controller_sends_is_taken_without_what_is_unknown },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("conf/group", tests);
}
