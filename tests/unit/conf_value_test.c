/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

#include <weir_pkt.h>

static struct weir_group_conf c;

/* The group configuration with one setting, in the middle of `fmt`. */
static int with(const char *fmt, const char *value)
{
	char text[512];

	snprintf(text, sizeof(text), fmt, value);
	weir_group_conf_free(&c);
	return group_read(text, &c);
}

static void test_a_duration_is_numbers_with_units(void)
{
	static const struct {
		const char *text;
		uint64_t s; /* 0 = refused */
	} cases[] = {
		{ "1s", 1 },
		{ "90s", 90 },
		{ "1m30s", 90 },
		{ "2h", 7200 },
		{ "1d", 86400 },
		{ "1000ms", 1 },
		{ "1000000us", 1 },
		{ "1000000000ns", 1 },
		{ "1.5s", 0 },
		{ "s", 0 },
		{ "1 s", 0 },
		{ "-1s", 0 },
		{ "1w", 0 },
		{ "999ms", 0 },
		{ "2d", 0 },
		{ "1s ", 1 },
		{ "99999999999999999999s", 0 },
		{ "300000000000d", 0 },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		int rc = with("static_config: {flow: {others-timeout: %s}}", cases[i].text);

		CU_ASSERT_EQUAL(rc, cases[i].s == 0 ? -EINVAL : 0);
		if (rc == 0)
			CU_ASSERT_EQUAL(c.processors.flow_log.conntrack.timeouts.others,
					cases[i].s * WEIR_NS_PER_S);
	}
	weir_group_conf_free(&c);
}

static void test_a_number_is_decimal_hexadecimal_or_binary(void)
{
	static const struct {
		const char *text;
		int64_t v; /* -1 = refused */
	} cases[] = {
		{ "0", 0 },    { "255", 255 }, { "0xff", 255 }, { "0b1000_0001", 129 },
		{ "1_0", 10 }, { "256", -1 },  { "-1", -1 },    { "1e2", -1 },
		{ "0x", -1 },  { "''", -1 },   { "1a", -1 },    { "99999999999999999999", -1 }
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		int rc = with("static_config: {packet-sequence-flag: %s}", cases[i].text);

		CU_ASSERT_EQUAL(rc, cases[i].v < 0 ? -EINVAL : 0);
		if (rc == 0)
			CU_ASSERT_EQUAL(c.processors.packet.tcp_header.header_fields_flag,
					cases[i].v);
	}
	weir_group_conf_free(&c);
}

static void test_booleans_have_many_words(void)
{
	static const char *const yes[] = { "1", "true", "True", "yes", "on", "'true'" };
	static const char *const no[] = { "0", "false", "FALSE", "no", "off" };
	static const char *const neither[] = { "2", "maybe", "[1]", "''" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(yes); i++) {
		CU_ASSERT_EQUAL(with("static_config: {analyzer-dedup-disabled: %s}", yes[i]), 0);
		CU_ASSERT(c.inputs.cbpf.physical_mirror.packet_dedup_disabled);
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(no); i++) {
		CU_ASSERT_EQUAL(with("static_config: {analyzer-dedup-disabled: %s}", no[i]), 0);
		CU_ASSERT_FALSE(c.inputs.cbpf.physical_mirror.packet_dedup_disabled);
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(neither); i++)
		CU_ASSERT_EQUAL(with("static_config: {analyzer-dedup-disabled: %s}", neither[i]),
				-EINVAL);
	weir_group_conf_free(&c);
}

static bool is_server(int port)
{
	const uint8_t *bits = c.processors.flow_log.conntrack.flow_generation.server_ports;

	return bits != NULL && (bits[port / 8] >> port % 8 & 1) != 0;
}

static void test_ports_are_single_or_ranges(void)
{
	CU_ASSERT_EQUAL_FATAL(with("static_config: {server-ports: %s}", "[80, '8000-8002', 65535]"),
			      0);
	CU_ASSERT(is_server(80) && is_server(8000) && is_server(8001) && is_server(8002));
	CU_ASSERT(is_server(65535));
	CU_ASSERT_FALSE(is_server(79) || is_server(81) || is_server(7999) || is_server(8003));
	CU_ASSERT_EQUAL(with("static_config: {server-ports: %s}", "[0]"), -EINVAL);
	CU_ASSERT_EQUAL(with("static_config: {server-ports: %s}", "[65536]"), -EINVAL);
	CU_ASSERT_EQUAL(with("static_config: {server-ports: %s}", "[9-8]"), -EINVAL);
	CU_ASSERT_EQUAL(with("static_config: {server-ports: %s}", "[1-]"), -EINVAL);
	CU_ASSERT_EQUAL(with("static_config: {server-ports: %s}", "[]"), 0);
	CU_ASSERT_PTR_NULL(c.processors.flow_log.conntrack.flow_generation.server_ports);
	weir_group_conf_free(&c);
}

/* Decoding takes these bits as they are. */
static void test_names_of_tunnels_are_the_packets_numbers(void)
{
	static const struct {
		const char *name;
		enum weir_tunnel_type type;
	} cases[] = {
		{ "VXLAN", WEIR_TUNNEL_VXLAN },
		{ "IPIP", WEIR_TUNNEL_IPIP },
		{ "TencentGRE", WEIR_TUNNEL_TENCENT_GRE },
		{ "GENEVE", WEIR_TUNNEL_GENEVE },
		{ "VXLAN-NSH", WEIR_TUNNEL_VXLAN_NSH },
		{ "ERSPAN", WEIR_TUNNEL_ERSPAN },
		{ "TEB", WEIR_TUNNEL_TEB },
		{ "GTP-U", WEIR_TUNNEL_GTPU },
		{ "L2TP", WEIR_TUNNEL_L2TP },
		{ "teredo", WEIR_TUNNEL_TEREDO },
		{ "plain-GRE", WEIR_TUNNEL_GRE },
		{ "MPLS", WEIR_TUNNEL_MPLS },
		{ "PPPoE", WEIR_TUNNEL_PPPOE },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		CU_ASSERT_EQUAL_FATAL(with("decap_type: [%s]", cases[i].name), 0);
		CU_ASSERT_EQUAL(c.inputs.cbpf.preprocess.tunnel_decap_protocols,
				UINT64_C(1) << cases[i].type);
	}
	weir_group_conf_free(&c);
}

static void test_a_value_is_shown_as_it_may_be_written(void)
{
	static const struct {
		const char *path, *file, *text;
	} cases[] = {
		{ "processors.flow_log.conntrack.timeouts.others",
		  "static_config: {flow: {others-timeout: 120s}}", "2m" },
		{ "processors.flow_log.conntrack.flow_generation.server_ports",
		  "static_config: {server-ports: [5, 6, 7, 65535]}", "[5-7, 65535]" },
		{ "inputs.cbpf.preprocess.tunnel_decap_protocols", "decap_type: ['2', 1]",
		  "[\"VXLAN\", \"IPIP\"]" },
		{ "inputs.cbpf.af_packet.extra_bpf_filter", "capture_bpf: 'tcp \"x\"'",
		  "\"tcp \\\"x\\\"\"" },
		{ "outputs.flow_log.filters.l4_capture_network_types", "l4_log_tap_types: [-1, 3]",
		  "[-1, 3]" },
		{ "global.circuit_breakers.relative_sys_load.trigger_threshold",
		  "system_load_circuit_breaker_threshold: 1.5", "1.5" },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		uint32_t k = 0;
		char *text;

		CU_ASSERT_EQUAL_FATAL(group_read(cases[i].file, &c), 0);
		while (strcmp(weir_group_table.rows[k].path, cases[i].path) != 0)
			k++;
		text = weir_conf_value_text(&weir_group_table.rows[k],
					    (char *)&c + weir_group_table.rows[k].offset);
		CU_ASSERT_STRING_EQUAL(text, cases[i].text);
		free(text);
		weir_group_conf_free(&c);
	}
}

static void test_a_string_holds_no_control_characters(void)
{
	CU_ASSERT_EQUAL(with("capture_bpf: \"%s\"", "a\\x1b[31m"), -EINVAL);
	CU_ASSERT_EQUAL(with("capture_bpf: \"%s\"", "a\\0b"), -EINVAL);
	CU_ASSERT_EQUAL(with("vm_xml_path: %s",
			     "/123456789012345678901234567890123456789012345678901"
			     "23456789012345678901234567890123456789012345678901"),
			-EINVAL);
	weir_group_conf_free(&c);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a duration is numbers with units", test_a_duration_is_numbers_with_units },
		{ "a number is decimal, hexadecimal or binary",
		  test_a_number_is_decimal_hexadecimal_or_binary },
		{ "booleans have many words", test_booleans_have_many_words },
		{ "ports are single or ranges", test_ports_are_single_or_ranges },
		{ "names of tunnels are the packet's numbers",
		  test_names_of_tunnels_are_the_packets_numbers },
		{ "a value is shown as it may be written",
		  test_a_value_is_shown_as_it_may_be_written },
		{ "a string holds no control characters",
		  test_a_string_holds_no_control_characters },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("conf/value", tests);
}
