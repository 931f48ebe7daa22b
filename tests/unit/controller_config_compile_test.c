/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agents are sent of a group's file. Numbers of the older dialect are those of the specification's table of trident.Config:
 * field, unit in the file, unit on the wire.
 */
#include "controller_config_test.h"

static bool has(const struct config_compiled *c, const char *text)
{
	const bool found = strstr((const char *)c->user_config, text) != NULL;

	if (!found)
		fprintf(stderr, "\nnot sent: %s\nbut:\n%s", text, c->user_config);
	return found;
}

static void user_config_is(const char *text, const struct config_site *site, const char *sent)
{
	struct config_compiled *c = compiled(text, site);

	CU_ASSERT_STRING_EQUAL(c->user_config, sent);
	if (strcmp((const char *)c->user_config, sent) != 0)
		fprintf(stderr, "\n%s", c->user_config);
	CU_ASSERT_EQUAL(c->user_config_len, strlen(sent));
	config_compiled_free(c);
}

/* The file of the mission's procedure for MACVlan. */
static void test_the_file_for_macvlan_changes_two_settings_in_either_dialect(void)
{
	struct config_compiled *c =
		compiled("vtap_group_id: g-1yhIguXABC\n"
			 "## Regular Expression for TAP (Traffic Access Point)\n"
			 "tap_interface_regex: eth0\n"
			 "tap_mode: 1\n",
			 &nowhere);
	Trident__Config *m = unpacked(c);
	struct weir_group_conf conf;

	CU_ASSERT_EQUAL(errs.n, 0);
	CU_ASSERT_EQUAL(c->capture_mode, WEIR_CAPTURE_MIRROR);
	CU_ASSERT_EQUAL(m->tap_mode, 1);
	CU_ASSERT_STRING_EQUAL(m->tap_interface_regex, "eth0");
	CU_ASSERT_EQUAL(m->local_config.len, 0);
	CU_ASSERT_PTR_NULL(strstr((const char *)c->user_config, "vtap_group_id"));
	taken((const char *)c->user_config, &conf);
	CU_ASSERT_EQUAL(conf.inputs.cbpf.common.capture_mode, WEIR_CAPTURE_MIRROR);
	CU_ASSERT_STRING_EQUAL(conf.inputs.cbpf.af_packet.interface_regex, "eth0");
	weir_group_conf_free(&conf);
	trident__config__free_unpacked(m, NULL);
	config_compiled_free(c);
}

static void test_units_of_a_file_become_those_of_the_wire(void)
{
	struct config_compiled *c = compiled("max_collect_pps: 2000\n"
					     "max_npb_bps: 5000\n"
					     "max_tx_bandwidth: 20000\n"
					     "max_millicpus: 2500\n"
					     "stats_interval: 30\n"
					     "sync_interval: 90\n"
					     "max_escape_seconds: 7200\n"
					     "platform_sync_interval: 20\n"
					     "bandwidth_probe_interval: 5\n"
					     "log_retention: 60\n"
					     "decap_type: [1, 2, 3]\n"
					     "l4_log_tap_types: [-1]\n"
					     "l7_log_store_tap_types: [3, 4]\n"
					     "l4_log_ignore_tap_sides: [1, 9]\n"
					     "system_load_circuit_breaker_metric: load5\n"
					     "system_load_circuit_breaker_threshold: 2.5\n"
					     "collector_socket_type: UDP\n"
					     "npb_socket_type: UDP\n"
					     "inactive_ip_enabled: 0\n"
					     "log_level: WARNING\n"
					     "http_log_trace_id: traceparent, sw8\n"
					     "wasm_plugins: [one]\n",
					     &nowhere);
	Trident__Config *m = unpacked(c);

	CU_ASSERT_EQUAL(m->global_pps_threshold, 2000000);
	CU_ASSERT_EQUAL(m->npb_bps_threshold, 5000000000);
	CU_ASSERT_EQUAL(m->server_tx_bandwidth_threshold, 20000000000);
	CU_ASSERT_EQUAL(m->max_millicpus, 2500);
	CU_ASSERT(m->max_cpus * 1000 >= m->max_millicpus);
	CU_ASSERT_EQUAL(m->stats_interval, 30);
	CU_ASSERT_EQUAL(m->sync_interval, 90);
	CU_ASSERT_EQUAL(c->sync_interval_s, 90);
	CU_ASSERT_EQUAL(m->max_escape_seconds, 7200);
	CU_ASSERT_EQUAL(m->platform_sync_interval, 20);
	CU_ASSERT_EQUAL(m->bandwidth_probe_interval, 5);
	CU_ASSERT_EQUAL(m->log_retention, 60);
	CU_ASSERT_EQUAL_FATAL(m->n_decap_type, 3);
	CU_ASSERT_EQUAL(m->decap_type[2], 3);
	CU_ASSERT_EQUAL(m->n_l4_log_tap_types, 0);
	CU_ASSERT_EQUAL_FATAL(m->n_l7_log_store_tap_types, 2);
	CU_ASSERT_EQUAL(m->l7_log_store_tap_types[1], 4);
	CU_ASSERT_EQUAL_FATAL(m->n_l4_log_ignore_tap_sides, 2);
	CU_ASSERT_EQUAL(m->l4_log_ignore_tap_sides[1], 9);
	CU_ASSERT_EQUAL(m->system_load_circuit_breaker_metric, TRIDENT__SYSTEM_LOAD_METRIC__LOAD_5);
	CU_ASSERT_EQUAL(m->system_load_circuit_breaker_threshold, 2.5);
	CU_ASSERT_EQUAL(m->collector_socket_type, TRIDENT__SOCKET_TYPE__UDP);
	CU_ASSERT_EQUAL(m->npb_socket_type, TRIDENT__SOCKET_TYPE__UDP);
	CU_ASSERT_FALSE(m->inactive_ip_enabled);
	CU_ASSERT_STRING_EQUAL(m->log_level, "WARNING");
	CU_ASSERT_STRING_EQUAL(m->http_log_trace_id, "traceparent, sw8");
	CU_ASSERT_EQUAL_FATAL(m->plugins->n_wasm_plugins, 1);
	CU_ASSERT(has(c, "inactive_ip_aggregation: true"));
	CU_ASSERT(has(c, "max_capture_pps: 2000000"));
	CU_ASSERT(has(c, "local_log_retention: 60d"));
	CU_ASSERT(has(c, "max_escape_duration: 2h"));
	trident__config__free_unpacked(m, NULL);
	config_compiled_free(c);
}

/* Those of proto2 differ: a collector that is off, no tunnel, logs of 30 days. */
static void test_an_empty_file_says_the_defaults_of_a_file_and_not_those_of_proto2(void)
{
	static const struct weir_conf_names none;
	struct config_compiled *c = compiled(NULL, &nowhere);
	Trident__Config *m = unpacked(c);

	CU_ASSERT(m->has_collector_enabled && m->collector_enabled);
	CU_ASSERT_EQUAL_FATAL(m->n_decap_type, 2);
	CU_ASSERT_EQUAL(m->decap_type[0], 1);
	CU_ASSERT_EQUAL(m->decap_type[1], 2);
	CU_ASSERT_EQUAL(m->log_retention, 300);
	CU_ASSERT_EQUAL_FATAL(m->n_l4_log_tap_types, 1);
	CU_ASSERT_EQUAL(m->l4_log_tap_types[0], 0);
	CU_ASSERT_STRING_EQUAL(m->analyzer_ip, "");
	CU_ASSERT_FALSE(m->has_enabled);
	CU_ASSERT_FALSE(m->has_vtap_id);
	CU_ASSERT_FALSE(m->has_trident_type);
	CU_ASSERT_STRING_EQUAL(m->http_log_trace_id, "traceparent, sw8");
	CU_ASSERT_EQUAL(c->sync_interval_s, 60);
	CU_ASSERT_EQUAL(c->capture_mode, WEIR_CAPTURE_LOCAL);
	CU_ASSERT_FALSE(c->platform_enabled);
	CU_ASSERT_EQUAL(memcmp(&c->domains, &none, sizeof(none)), 0);
	trident__config__free_unpacked(m, NULL);
	config_compiled_free(c);
}

static void test_a_newer_file_is_sent_as_it_was_given_but_for_the_sites_keys(void)
{
	user_config_is("# all of it\n"
		       "inputs:   # what comes in\n"
		       "  cbpf: {common: {capture_mode: 2}}\n"
		       "global:\n"
		       "    communication:\n"
		       "        # often\n"
		       "        proactive_request_interval: 10s\n",
		       &somewhere,
		       "# all of it\n"
		       "inputs:   # what comes in\n"
		       "  cbpf: {common: {capture_mode: 2}}\n"
		       "global:\n"
		       "    communication:\n"
		       "        # often\n"
		       "        ingester_ip: \"10.9.8.7\"\n"
		       "        ingester_port: 30333\n"
		       "        proxy_controller_ip: \"10.9.8.6\"\n"
		       "        proxy_controller_port: 30335\n"
		       "        proactive_request_interval: 10s\n");
}

static void test_the_sites_keys_find_a_place_wherever_sections_are(void)
{
	static const char keys[] =
		"ingester_ip: \"10.9.8.7\", ingester_port: 30333, "
		"proxy_controller_ip: \"10.9.8.6\", proxy_controller_port: 30335";
	static const struct {
		const char *text, *before, *after;
	} rows[] = {
		{ "plugins: {}\n", "global: {communication: {", "}}\nplugins: {}\n" },
		{ "{plugins: {}}", "{global: {communication: {", "}}, plugins: {}}" },
		{ "{}", "{global: {communication: {", "}}}" },
		{ "  plugins:\n    so_plugins: []\n", "  global: {communication: {",
		  "}}\n  plugins:\n    so_plugins: []\n" },
		{ "global: # c\n", "global: {communication: {", "}} # c\n" },
		{ "global: ~\n", "global: {communication: {", "}}\n" },
		{ "global: {communication: {}}\n", "global: {communication: {", "}}\n" },
		{ "global:\n  communication:\n", "global:\n  communication: {", "}\n" },
		{ "global:\n  limits: {max_memory: 1024}\n", "global:\n  communication: {",
		  "}\n  limits: {max_memory: 1024}\n" },
		{ "\xef\xbb\xbfplugins: {}\n", NULL, NULL },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		struct config_compiled *c;
		struct weir_group_conf conf;
		char sent[512];

		if (rows[i].before != NULL) {
			snprintf(sent, sizeof(sent), "%s%s%s", rows[i].before, keys, rows[i].after);
			user_config_is(rows[i].text, &somewhere, sent);
		}
		c = compiled(rows[i].text, &somewhere);
		taken((const char *)c->user_config, &conf);
		CU_ASSERT_STRING_EQUAL(conf.global.communication.ingester_ip, "10.9.8.7");
		CU_ASSERT_EQUAL(conf.global.communication.proxy_controller_port, 30335);
		weir_group_conf_free(&conf);
		config_compiled_free(c);
	}
}

static void test_what_the_text_says_of_places_itself_wins(void)
{
	static const char *const texts[] = {
		"global: {communication: {ingester_ip: 1.2.3.4, proxy_controller_ip: 1.2.3.5,\n"
		"  proxy_controller_port: 9}}\n",
		"analyzer_ip: 1.2.3.4\nproxy_controller_ip: 1.2.3.5\nproxy_controller_port: 9\n",
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++) {
		struct config_compiled *c = compiled(texts[i], &somewhere);
		Trident__Config *m = unpacked(c);
		struct weir_group_conf conf;

		taken((const char *)c->user_config, &conf);
		CU_ASSERT_STRING_EQUAL(conf.global.communication.ingester_ip, "1.2.3.4");
		CU_ASSERT_EQUAL(conf.global.communication.ingester_port, 30033);
		CU_ASSERT_STRING_EQUAL(conf.global.communication.proxy_controller_ip, "1.2.3.5");
		CU_ASSERT_EQUAL(conf.global.communication.proxy_controller_port, 9);
		CU_ASSERT_STRING_EQUAL(m->analyzer_ip, "1.2.3.4");
		CU_ASSERT_EQUAL(m->analyzer_port, 30033);
		CU_ASSERT_STRING_EQUAL(m->proxy_controller_ip, "1.2.3.5");
		CU_ASSERT_EQUAL(m->proxy_controller_port, 9);
		weir_group_conf_free(&conf);
		trident__config__free_unpacked(m, NULL);
		config_compiled_free(c);
	}
}

/* DeepFlow's agents refuse the whole text for one of them. */
static void test_values_that_only_weir_reads_are_written_as_deepflow_does(void)
{
	user_config_is("global:\n"
		       "  communication: {proxy_controller_ip: '', proxy_controller_port: '9'}\n"
		       "  ntp: {enabled: yes, max_drift: 0}\n"
		       "  limits: {max_memory: 0x400} # 1 GiB\n"
		       "inputs:\n"
		       "  cbpf:\n"
		       "    common: {capture_mode: analyzer}\n"
		       "    af_packet: {interface_regex: }\n"
		       "    preprocess: {tunnel_decap_protocols: [VXLAN, IPIP], "
		       "tunnel_trim_protocols: [6]}\n"
		       "  resources: ~\n",
		       &nowhere,
		       "global:\n"
		       "  communication: {proxy_controller_ip: '', proxy_controller_port: 9}\n"
		       "  ntp: {enabled: true, max_drift: 0s}\n"
		       "  limits: {max_memory: 1024} # 1 GiB\n"
		       "inputs:\n"
		       "  cbpf:\n"
		       "    common: {capture_mode: 2}\n"
		       "    af_packet: {interface_regex: "
		       "\"^(tap.*|cali.*|veth.*|eth.*|en[osipx].*|lxc.*|lo|[0-9a-f]+_h)$\"}\n"
		       "    preprocess: {tunnel_decap_protocols: [1, 2], "
		       "tunnel_trim_protocols: [ERSPAN]}\n"
		       "  resources: {}\n");
}

static void test_names_of_both_styles_make_one_text_of_the_newer(void)
{
	struct config_compiled *c = compiled("tap_mode: 2\n"
					     "inputs:\n"
					     "  cbpf:\n"
					     "    physical_mirror:\n"
					     "      default_capture_network_type: 7\n"
					     "static_config:\n"
					     "  cpu-affinity: \"0,2\"\n"
					     "  kubernetes-resources:\n"
					     "  - name: statefulsets\n"
					     "    group: apps.kruise.io\n"
					     "    field-selector: a=b\n"
					     "  memory-trim-disabled: true\n"
					     "  os-proc-socket-min-lifetime: 7\n"
					     "  collector-sender-queue-count: 1\n",
					     &nowhere);
	Trident__Config *m = unpacked(c);

	CU_ASSERT(has(c, "capture_mode: 2"));
	CU_ASSERT(has(c, "default_capture_network_type: 7"));
	CU_ASSERT(has(c, "cpu_affinity: [0, 2]"));
	CU_ASSERT(has(c, "idle_memory_trimming: false"));
	CU_ASSERT(has(c, "min_lifetime: 7s"));
	CU_ASSERT(has(c, "api_resources: [{name: statefulsets, group: apps.kruise.io, "
			 "field_selector: a=b}]"));
	CU_ASSERT_PTR_NULL(strstr((const char *)c->user_config, "queue-count"));
	CU_ASSERT_STRING_EQUAL_FATAL(
		"cpu-affinity: \"0,2\"\n"
		"memory-trim-disabled: true\n"
		"default-tap-type: 7\n"
		"kubernetes-resources: [{name: statefulsets, group: apps.kruise.io, "
		"field-selector: a=b}]\n"
		"os-proc-socket-min-lifetime: 7\n"
		"collector-sender-queue-count: 1\n",
		strndupa((const char *)m->local_config.data, m->local_config.len));
	trident__config__free_unpacked(m, NULL);
	config_compiled_free(c);
}

static void test_facts_of_the_controller_come_from_either_style(void)
{
	static const char *const texts[] = {
		"domains: [\"a-b\"]\npod_cluster_internal_ip: 1\nplatform_enabled: 1\n",
		"inputs: {resources: {workload_resource_sync_enabled: true,\n"
		"  pull_resource_from_controller: {domain_filter: [a-b],\n"
		"    only_kubernetes_pod_ip_in_local_cluster: true}}}\n",
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++) {
		struct config_compiled *c = compiled(texts[i], &nowhere);

		CU_ASSERT(c->platform_enabled);
		CU_ASSERT(c->pod_cluster_internal);
		CU_ASSERT_EQUAL_FATAL(c->domains.n, 1);
		CU_ASSERT_STRING_EQUAL(c->domains.v[0], "a-b");
		config_compiled_free(c);
	}
}

static void test_what_is_sent_is_equal_where_the_hashes_are(void)
{
	struct config_compiled *a = compiled("mtu: 1400\n", &nowhere);
	struct config_compiled *b = compiled("mtu:   1400 # as it is\n", &nowhere);
	struct config_compiled *c = compiled("mtu: 1401\n", &nowhere);
	struct config_compiled *d = compiled("mtu: 1400\n", &somewhere);

	CU_ASSERT_EQUAL(a->hash, b->hash);
	CU_ASSERT_NOT_EQUAL(a->hash, c->hash);
	CU_ASSERT_NOT_EQUAL(a->hash, d->hash);
	config_compiled_free(a);
	config_compiled_free(b);
	config_compiled_free(c);
	config_compiled_free(d);
}

static void refused(const char *text, const char *why)
{
	char *all;

	memset(&errs, 0, sizeof(errs));
	CU_ASSERT_PTR_NULL(config_compile(text, strlen(text), "g.yaml", &nowhere, &errs));
	all = said();
	CU_ASSERT_PTR_NOT_NULL(strstr(all, why));
	if (strstr(all, why) == NULL)
		fprintf(stderr, "\nnot said: %s\nbut:\n%s", why, all);
	free(all);
}

static void test_mistakes_are_said_where_they_stand(void)
{
	refused("tap_mode: 1\ntap_interface_regexp: eth0\n",
		"g.yaml:2:1: tap_interface_regexp: is not a setting; did you mean "
		"tap_interface_regex");
	refused("tap_interface_regex: '^(eth'\n",
		"g.yaml:1: inputs.cbpf.af_packet.interface_regex: \"^(eth\" is not a regular "
		"expression");
	refused("capture_bpf: tcp prot 80\n", "g.yaml:1: inputs.cbpf.af_packet.extra_bpf_filter: ");
	refused("max_memory: 1\n", "g.yaml:1:13: max_memory: 1 is out of range");
	refused("a: &a [x, x]\nb: [*a, *a]\n", "an alias is not allowed");
}

static bool warned(const char *text, const char *of)
{
	struct config_compiled *c = compiled(text, &nowhere);
	bool found = false;

	for (uint32_t i = 0; i < errs.n; i++)
		found |= errs.items[i].warning && strstr(errs.items[i].msg, of) != NULL;
	config_compiled_free(c);
	return found;
}

static void test_what_only_weirs_agents_take_is_warned_of(void)
{
	static const char *const none[] = { "^eth\\d+$", "(?i:eth|ens)[(?=]", "\\(?=a", "a(?:b)+" };
	static const char *const odd[] = { "^(?!lo)", "(e)th\\1", "(?<=a)b", "(?>a)" };
	char text[100];

	for (size_t i = 0; i < 2 * WEIR_ARRAY_SIZE(none); i++) {
		const bool is_odd = i >= WEIR_ARRAY_SIZE(none);

		snprintf(text, sizeof(text), "tap_interface_regex: '%s'\n",
			 is_odd ? odd[i - WEIR_ARRAY_SIZE(none)] : none[i]);
		CU_ASSERT_EQUAL(warned(text, "DeepFlow's agents know no"), is_odd);
	}
	CU_ASSERT(warned("static_config: {server-ports: [1-5000]}\n",
			 "DeepFlow's agents know no ranges"));
	CU_ASSERT_FALSE(warned("static_config: {server-ports: [1-4000]}\n", "DeepFlow's"));
	CU_ASSERT(warned("max_collect_pps: 0\n", "max_capture_pps: 0 is no limit to weir's"));
	CU_ASSERT(warned("decap_type: [1, GTP-U]\n", "DeepFlow's agents know 1 to 5 only"));
	CU_ASSERT(warned("static_config: {trim-tunnel-types: [GTP-U]}\n",
			 "DeepFlow's agents know VXLAN, ERSPAN and TEB only"));
	CU_ASSERT_FALSE(warned("decap_type: [1, 2, 3, 4, 5]\n"
			       "static_config: {trim-tunnel-types: [ERSPAN, VXLAN, TEB]}\n",
			       "DeepFlow's"));
	CU_ASSERT_FALSE(warned("", "DeepFlow's"));
}

static void test_items_without_a_value_are_read_by_agents_too(void)
{
	struct config_compiled *c = compiled("static_config:\n"
					     "  kubernetes-resources:\n"
					     "  - name: pods\n"
					     "  -\n"
					     "  -\n",
					     &nowhere);
	Trident__Config *m = unpacked(c);
	static const char wanted[] = "kubernetes-resources: [{name: pods}, ~, ~]\n";
	struct weir_group_conf conf;

	taken((const char *)c->user_config, &conf);
	weir_group_conf_free(&conf);
	CU_ASSERT_EQUAL_FATAL(m->local_config.len, strlen(wanted));
	CU_ASSERT_EQUAL(memcmp(m->local_config.data, wanted, strlen(wanted)), 0);
	trident__config__free_unpacked(m, NULL);
	config_compiled_free(c);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the file for macvlan changes two settings in either dialect",
		  test_the_file_for_macvlan_changes_two_settings_in_either_dialect },
		{ "units of a file become those of the wire",
		  test_units_of_a_file_become_those_of_the_wire },
		{ "an empty file says the defaults of a file and not those of proto2",
		  test_an_empty_file_says_the_defaults_of_a_file_and_not_those_of_proto2 },
		{ "a newer file is sent as it was given but for the site's keys",
		  test_a_newer_file_is_sent_as_it_was_given_but_for_the_sites_keys },
		{ "the site's keys find a place wherever sections are",
		  test_the_sites_keys_find_a_place_wherever_sections_are },
		{ "what the text says of places itself wins",
		  test_what_the_text_says_of_places_itself_wins },
		{ "values that only weir reads are written as DeepFlow does",
		  test_values_that_only_weir_reads_are_written_as_deepflow_does },
		{ "names of both styles make one text of the newer",
		  test_names_of_both_styles_make_one_text_of_the_newer },
		{ "facts of the controller come from either style",
		  test_facts_of_the_controller_come_from_either_style },
		{ "what is sent is equal where the hashes are",
		  test_what_is_sent_is_equal_where_the_hashes_are },
		{ "mistakes are said where they stand", test_mistakes_are_said_where_they_stand },
		{ "items without a value are read by agents, too",
		  test_items_without_a_value_are_read_by_agents_too },
		{ "what only weir's agents take is warned of",
		  test_what_only_weirs_agents_take_is_warned_of },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/config/compile", tests);
}
