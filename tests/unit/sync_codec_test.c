/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers in both dialects, beside bytes made from the specification's numbers. */
#include "conf_test.h"
#include "sync_wire.h"

#include <codec.h>

static char *ips[] = { (char[]){ "10.1.2.3" }, (char[]){ "fd00::7" } };
static const struct weir_sync_ask ask = {
	.boot_time_s = 1780315200,
	.config_accepted = true,
	.exceptions = 32768,
	.exception_text = "a call failed",
	.version = { [WEIR_SYNC_PLATFORM] = 7, [WEIR_SYNC_ACLS] = 8, [WEIR_SYNC_GROUPS] = 9 },
	.revision = "weir 12-abcdef0",
	.process_name = "deepflow-agent-ce",
	.ctrl_ip = "10.1.2.3",
	.ctrl_mac = "02:00:00:00:00:0a",
	.host = "box7",
	.group = "g-1yhIguXABC",
	.team = "",         /* not sent */
	.cluster_id = NULL, /* sent, it would make a container's agent of this one */
	.cluster_md5 = "d41d8cd98f00b204e9800998ecf8427e",
	.host_ips = ips,
	.host_ips_n = 2,
	.identifier = WEIR_SYNC_IP_AND_MAC,
	.watch_only = true,
	.arch = "x86_64",
	.os = "Debian GNU/Linux 12",
	.kernel = "6.1.0",
	.cpus = 2,
	.memory_bytes = UINT64_C(8589934592),
	.buffer_bytes = 5242880,
};

/* Fields 1 to 12 and 21 to 36 are the same in both. */
static void common(struct wire *w, bool trident)
{
	wire_number(w, 1, 1780315200);
	wire_number(w, 2, 1);
	wire_number(w, 4, 2);
	wire_text(w, 5, "weir 12-abcdef0");
	wire_number(w, 6, 32768);
	wire_text(w, 7, "deepflow-agent-ce");
	if (trident)
		wire_number(w, 8, 0);
	wire_number(w, 9, 7);
	wire_number(w, 10, 8);
	wire_number(w, 11, 9);
	if (!trident)
		wire_text(w, 14, "a call failed");
	wire_text(w, 21, "10.1.2.3");
	wire_text(w, 22, "box7");
	wire_text(w, 23, "10.1.2.3");
	wire_text(w, 23, "fd00::7");
	wire_text(w, 25, "02:00:00:00:00:0a");
	wire_text(w, 26, "g-1yhIguXABC");
	wire_number(w, 27, 1);
	wire_number(w, 28, 1);
	wire_number(w, 32, 2);
	wire_number(w, 33, UINT64_C(8589934592));
	wire_text(w, 34, "x86_64");
	wire_text(w, 35, "Debian GNU/Linux 12");
	wire_text(w, 36, "6.1.0");
	wire_number(w, 41, 1);
}

static void check_request(enum weir_sync_dialect dialect, const struct wire *want)
{
	union weir_sync_request rq;
	size_t n;
	uint8_t *got = weir_sync_pack(weir_sync_request_make(dialect, &ask, &rq), &n);

	CU_ASSERT_PTR_NOT_NULL_FATAL(got);
	CU_ASSERT_EQUAL_FATAL(n, want->n);
	CU_ASSERT_EQUAL(memcmp(got, want->v, n), 0);
	free(got);
}

static void test_a_request_of_the_agent_dialect_is_these_bytes(void)
{
	static struct wire w;

	common(&w, false);
	wire_text(&w, 47, "d41d8cd98f00b204e9800998ecf8427e");
	wire_number(&w, 50, 5242880);
	check_request(WEIR_SYNC_AGENT, &w);
}

static void test_a_request_of_the_trident_dialect_is_these_bytes(void)
{
	static struct wire w;

	common(&w, true);
	check_request(WEIR_SYNC_TRIDENT, &w);
}

static ProtobufCMessage *unpacked(enum weir_sync_dialect dialect, const struct wire *w)
{
	return protobuf_c_message_unpack(dialect == WEIR_SYNC_AGENT
						 ? &agent__sync_response__descriptor
						 : &trident__sync_response__descriptor,
					 NULL, w->n, w->v);
}

static void read_reply(enum weir_sync_dialect dialect, const struct wire *w, ProtobufCMessage **m,
		       struct weir_sync_reply *r)
{
	*m = unpacked(dialect, w);
	CU_ASSERT_PTR_NOT_NULL_FATAL(*m);
	CU_ASSERT_EQUAL_FATAL(weir_sync_reply_read(dialect, *m, r), 0);
}

static void done(ProtobufCMessage *m, struct weir_sync_reply *r)
{
	weir_sync_reply_free(r);
	protobuf_c_message_free_unpacked(m, NULL);
}

static void test_an_answer_of_the_agent_dialect_is_taken_apart(void)
{
	struct wire w = { 0 }, d = { 0 }, s = { 0 };
	struct weir_sync_reply r;
	ProtobufCMessage *m;

	wire_number(&d, 2, 1);
	wire_number(&d, 10, 3);
	wire_number(&d, 12, 21);
	wire_number(&d, 13, 77);
	wire_number(&d, 16, 6);
	wire_text(&d, 21, "named");
	wire_text(&d, 22, "g-abc");
	wire_number(&s, 1, 5);
	wire_text(&s, 2, "02:00:00:00:00:01");
	wire_number(&w, 1, 0);
	wire_text(&w, 2, "global:\n  limits: {max_memory: 4096}\n");
	wire_text(&w, 3, "13-fedcba");
	wire_text(&w, 4, "grpc");
	wire_number(&w, 5, 100);
	wire_number(&w, 6, 101);
	wire_number(&w, 7, 102);
	wire_message(&w, 10, &s);
	wire_bytes(&w, 11, "\x0a\x00", 2);
	wire_bytes(&w, 13, "", 0);
	wire_message(&w, 20, &d);
	wire_number(&w, 31, 8388608);
	wire_number(&w, 999, 5); /* unknown ones are skipped */
	read_reply(WEIR_SYNC_AGENT, &w, &m, &r);
	CU_ASSERT_EQUAL(r.status, WEIR_SYNC_SUCCESS);
	CU_ASSERT_STRING_EQUAL(r.config, "global:\n  limits: {max_memory: 4096}\n");
	CU_ASSERT_STRING_EQUAL(r.revision, "13-fedcba");
	CU_ASSERT_STRING_EQUAL(r.update_url, "grpc");
	CU_ASSERT_EQUAL(r.version[WEIR_SYNC_PLATFORM], 100);
	CU_ASSERT_EQUAL(r.version[WEIR_SYNC_ACLS], 101);
	CU_ASSERT_EQUAL(r.version[WEIR_SYNC_GROUPS], 102);
	CU_ASSERT_TRUE(r.has_table[WEIR_SYNC_PLATFORM]);
	CU_ASSERT_EQUAL(r.table[WEIR_SYNC_PLATFORM].n, 2);
	CU_ASSERT_FALSE(r.has_table[WEIR_SYNC_ACLS]);
	CU_ASSERT_TRUE(r.has_table[WEIR_SYNC_GROUPS]); /* there, and empty */
	CU_ASSERT_TRUE(r.has_dynamic);
	CU_ASSERT_TRUE(r.dynamic.enabled);
	CU_ASSERT_EQUAL(r.dynamic.region_id, 3);
	CU_ASSERT_EQUAL(r.dynamic.vpc_id, 21);
	CU_ASSERT_EQUAL(r.dynamic.agent_id, 77);
	CU_ASSERT_EQUAL(r.dynamic.agent_type, WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE);
	CU_ASSERT_STRING_EQUAL(r.dynamic.hostname, "named");
	CU_ASSERT_STRING_EQUAL(r.dynamic.group_id, "g-abc");
	CU_ASSERT_EQUAL(r.new_buffer_bytes, 8388608);
	CU_ASSERT_FALSE(r.partial);
	/* the segments by themselves: field 10 and nothing else */
	CU_ASSERT_EQUAL(r.places.n, s.n + 2);
	CU_ASSERT_EQUAL(r.places.v[0], 10 << 3 | 2);
	done(m, &r);
}

static void test_a_partial_answer_says_so(void)
{
	struct wire w = { 0 };
	struct weir_sync_reply r;
	ProtobufCMessage *m;

	wire_number(&w, 1, 2);
	wire_number(&w, 30, 1);
	read_reply(WEIR_SYNC_AGENT, &w, &m, &r);
	CU_ASSERT_EQUAL(r.status, WEIR_SYNC_HEARTBEAT);
	CU_ASSERT_TRUE(r.partial);
	CU_ASSERT_PTR_NULL(r.config);
	CU_ASSERT_FALSE(r.has_dynamic);
	done(m, &r);
}

/* A Config of DeepFlow v6.5: numbers, units and defaults of the specification's table. */
static void test_an_answer_of_the_trident_dialect_is_taken_apart(void)
{
	static struct weir_group_conf g;
	struct wire w = { 0 }, c = { 0 };
	struct weir_sync_reply r;
	ProtobufCMessage *m;

	wire_number(&c, 2, 4);              /* max_cpus */
	wire_number(&c, 3, 2048);           /* max_memory */
	wire_number(&c, 4, 30);             /* sync_interval */
	wire_number(&c, 6, 2000000);        /* global_pps_threshold, packets/s */
	wire_text(&c, 8, "^eth\\d \"x\"$"); /* tap_interface_regex */
	wire_number(&c, 13, 5000000001);    /* npb_bps_threshold, bit/s */
	wire_number(&c, 14, 1);             /* collector_enabled */
	wire_number(&c, 15, 3500);          /* max_millicpus */
	wire_number(&c, 18, 200000000);     /* server_tx_bandwidth_threshold */
	wire_number(&c, 23, 3);             /* l4_log_tap_types */
	wire_number(&c, 23, 5);
	wire_text(&c, 31, "10.0.0.9");
	wire_number(&c, 32, 900);
	wire_text(&c, 34, "10.0.0.8");
	wire_number(&c, 36, 11);
	wire_number(&c, 37, 21);
	wire_number(&c, 40, 77);
	wire_number(&c, 41, 6);
	wire_number(&c, 45, 2); /* collector_socket_type UDP */
	wire_number(&c, 53, 0);
	wire_text(&c, 102, "DEBUG");
	wire_number(&c, 204, 1);
	wire_number(&c, 204, 3);
	wire_number(&c, 401, 10);
	wire_number(&c, 503, 2);
	wire_float(&c, 504, 2.5F);
	wire_text(&c, 510, "---\ndefault-tap-type: 4\nflow:\n  established-timeout: 250s\n");
	wire_message(&w, 2, &c);
	wire_text(&w, 4, "12-abc");
	wire_number(&w, 6, 200);
	wire_number(&w, 7, 201);
	wire_number(&w, 8, 202);
	wire_bytes(&w, 12, "", 0);
	wire_bytes(&w, 13, "", 0);
	wire_bytes(&w, 15, "", 0);
	read_reply(WEIR_SYNC_TRIDENT, &w, &m, &r);
	CU_ASSERT_EQUAL(r.version[WEIR_SYNC_PLATFORM], 200);
	CU_ASSERT_EQUAL(r.version[WEIR_SYNC_ACLS], 201);
	CU_ASSERT_EQUAL(r.version[WEIR_SYNC_GROUPS], 202);
	CU_ASSERT_TRUE(r.has_table[0] && r.has_table[1] && r.has_table[2]);
	CU_ASSERT_TRUE(r.has_dynamic);
	CU_ASSERT_TRUE(r.dynamic.enabled); /* absent: true */
	CU_ASSERT_EQUAL(r.dynamic.pod_cluster_id, 11);
	CU_ASSERT_EQUAL(r.dynamic.vpc_id, 21);
	CU_ASSERT_EQUAL(r.dynamic.agent_id, 77);
	CU_ASSERT_EQUAL(r.dynamic.agent_type, 6);
	CU_ASSERT_STRING_EQUAL(r.revision, "12-abc");
	if (group_read(r.config, &g) != 0) {
		char *all = said();

		CU_FAIL("the configuration is refused");
		puts(all);
		puts(r.config);
		free(all);
		done(m, &r);
		return;
	}
	CU_ASSERT_EQUAL(g.global.limits.max_millicpus, 3500);
	CU_ASSERT_EQUAL(g.global.limits.max_memory, 2048);
	CU_ASSERT_EQUAL(g.global.communication.proactive_request_interval, 30 * WEIR_NS_PER_S);
	CU_ASSERT_EQUAL(g.inputs.cbpf.tunning.max_capture_pps, 2000000);
	CU_ASSERT_STRING_EQUAL(g.inputs.cbpf.af_packet.interface_regex, "^eth\\d \"x\"$");
	CU_ASSERT_EQUAL(g.outputs.npb.max_tx_throughput, 5001);
	CU_ASSERT_TRUE(g.outputs.flow_metrics.enabled);
	CU_ASSERT_EQUAL(g.global.circuit_breakers.tx_throughput.trigger_threshold, 200);
	CU_ASSERT_EQUAL_FATAL(g.outputs.flow_log.filters.l4_capture_network_types.n, 2);
	CU_ASSERT_EQUAL(g.outputs.flow_log.filters.l4_capture_network_types.v[1], 5);
	CU_ASSERT_STRING_EQUAL(g.global.communication.ingester_ip, "10.0.0.9");
	CU_ASSERT_EQUAL(g.global.communication.max_escape_duration, 900 * WEIR_NS_PER_S);
	CU_ASSERT_STRING_EQUAL(g.global.communication.proxy_controller_ip, "10.0.0.8");
	CU_ASSERT_EQUAL(g.outputs.socket.data_socket_type, 1);
	CU_ASSERT_TRUE(g.outputs.flow_metrics.filters.inactive_server_port_aggregation);
	CU_ASSERT_EQUAL(g.global.self_monitoring.log.log_level, 3);
	CU_ASSERT_EQUAL(g.inputs.cbpf.preprocess.tunnel_decap_protocols, 1 << 1 | 1 << 3);
	CU_ASSERT_EQUAL(g.outputs.flow_log.filters.l4_ignored_observation_points, 1 << 10);
	CU_ASSERT_EQUAL(g.inputs.cbpf.common.capture_mode, WEIR_CAPTURE_ANALYZER);
	CU_ASSERT_DOUBLE_EQUAL(g.global.circuit_breakers.relative_sys_load.trigger_threshold, 2.5,
			       1e-6);
	CU_ASSERT_EQUAL(g.inputs.cbpf.physical_mirror.default_capture_network_type, 4);
	CU_ASSERT_EQUAL(g.processors.flow_log.conntrack.timeouts.established, 250 * WEIR_NS_PER_S);
	/* absent: the message's defaults, where a file's are others */
	CU_ASSERT_EQUAL(g.global.limits.max_local_log_file_size, 1000);
	CU_ASSERT_EQUAL(g.global.limits.max_log_backhaul_rate, 300);
	CU_ASSERT_EQUAL(g.global.limits.local_log_retention, 30 * UINT64_C(86400) * WEIR_NS_PER_S);
	CU_ASSERT_EQUAL(g.global.self_monitoring.interval, 60 * WEIR_NS_PER_S);
	CU_ASSERT_FALSE(g.outputs.flow_metrics.filters.inactive_ip_aggregation);
	CU_ASSERT_EQUAL_FATAL(g.outputs.flow_log.filters.l7_capture_network_types.n, 1);
	CU_ASSERT_EQUAL(g.outputs.flow_log.filters.l7_capture_network_types.v[0], -1); /* off */
	weir_group_conf_free(&g);
	done(m, &r);
}

static int trident_config(const struct wire *c, struct weir_group_conf *g)
{
	struct wire w = { 0 };
	struct weir_sync_reply r;
	ProtobufCMessage *m;
	int rc;

	wire_message(&w, 2, c);
	read_reply(WEIR_SYNC_TRIDENT, &w, &m, &r);
	rc = group_read(r.config, g);
	done(m, &r);
	return rc;
}

static void test_a_config_with_nothing_in_it_is_valid(void)
{
	static struct weir_group_conf g;
	struct wire c = { 0 };

	CU_ASSERT_EQUAL(trident_config(&c, &g), 0);
	CU_ASSERT_FALSE(g.outputs.flow_metrics.enabled); /* the message's default */
	CU_ASSERT_EQUAL(g.global.limits.max_millicpus, 1000);
	weir_group_conf_free(&g);
}

static void test_texts_of_a_config_stay_texts(void)
{
	static struct weir_group_conf g;
	struct wire c = { 0 };

	wire_text(&c, 31, "a: {b\"\\\n# *x");
	CU_ASSERT_EQUAL(trident_config(&c, &g), -EINVAL); /* a line break in an address */
	c.n = 0;
	wire_text(&c, 54, "tcp port 80 # \"x\": \\y");
	CU_ASSERT_EQUAL_FATAL(trident_config(&c, &g), 0);
	CU_ASSERT_STRING_EQUAL(g.inputs.cbpf.af_packet.extra_bpf_filter,
			       "tcp port 80 # \"x\": \\y");
	weir_group_conf_free(&g);
	c.n = 0;
	wire_text(&c, 54, "\xff\xfe");
	CU_ASSERT_EQUAL(trident_config(&c, &g), -EINVAL);
	c.n = 0;
	wire_text(&c, 510, "a: &a [*a]\n\" {");
	CU_ASSERT_EQUAL(trident_config(&c, &g), -EINVAL);
	c.n = 0;
	wire_number(&c, 503, 3); /* decap: no mode of a group */
	CU_ASSERT_EQUAL(trident_config(&c, &g), -EINVAL);
	c.n = 0;
	wire_number(&c, 45, 0); /* RAW_UDP is refused for data */
	CU_ASSERT_EQUAL(trident_config(&c, &g), -EINVAL);
}

/* Control plane, 1.6. */
static void test_versions_rule_what_becomes_of_a_table(void)
{
	CU_ASSERT_EQUAL(weir_sync_version_rule(5, 0, true, false), WEIR_SYNC_LEAVE);
	CU_ASSERT_EQUAL(weir_sync_version_rule(5, 5, true, false), WEIR_SYNC_LEAVE);
	CU_ASSERT_EQUAL(weir_sync_version_rule(5, 6, true, false), WEIR_SYNC_REPLACE);
	CU_ASSERT_EQUAL(weir_sync_version_rule(5, 4, true, false), WEIR_SYNC_REPLACE);
	CU_ASSERT_EQUAL(weir_sync_version_rule(5, 6, false, false), WEIR_SYNC_EMPTY);
	CU_ASSERT_EQUAL(weir_sync_version_rule(0, 6, false, false), WEIR_SYNC_EMPTY);
	CU_ASSERT_EQUAL(weir_sync_version_rule(5, 6, false, true), WEIR_SYNC_LEAVE);
}

static void test_long_texts_are_cut_between_characters(void)
{
	char to[6];

	weir_sync_copy(to, sizeof(to), "abcd\xc3\xa4");
	CU_ASSERT_STRING_EQUAL(to, "abcd");
	weir_sync_copy(to, sizeof(to), "abc\xc3\xa4");
	CU_ASSERT_STRING_EQUAL(to, "abc\xc3\xa4");
	weir_sync_copy(to, sizeof(to), NULL);
	CU_ASSERT_STRING_EQUAL(to, "");
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a request of the agent dialect is these bytes",
		  test_a_request_of_the_agent_dialect_is_these_bytes },
		{ "a request of the trident dialect is these bytes",
		  test_a_request_of_the_trident_dialect_is_these_bytes },
		{ "an answer of the agent dialect is taken apart",
		  test_an_answer_of_the_agent_dialect_is_taken_apart },
		{ "a partial answer says so", test_a_partial_answer_says_so },
		{ "an answer of the trident dialect is taken apart",
		  test_an_answer_of_the_trident_dialect_is_taken_apart },
		{ "a Config with nothing in it is valid",
		  test_a_config_with_nothing_in_it_is_valid },
		{ "texts of a Config stay texts", test_texts_of_a_config_stay_texts },
		{ "versions rule what becomes of a table",
		  test_versions_rule_what_becomes_of_a_table },
		{ "long texts are cut between characters",
		  test_long_texts_are_cut_between_characters },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("sync/codec", tests);
}
