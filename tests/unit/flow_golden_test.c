/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeepFlow's own results over its test captures, kept beside the tree as facts: what its metrics
 * were after each packet, its closing reasons, its flow figures.
 *
 * Its dumps number the two sides by the first packet (0 sent it), its reports by client and server.
 */
#include "flow_perf_test.h"
#include "weir_test.h"

#include <weir_decode.h>

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>

#define CAPTURES    WEIR_SOURCE_ROOT "/../shared/pcaps/deepflow/"
#define PACKETS_MAX 128
#define FRAME_MAX   65536

struct capture {
	struct weir_pkt pkt[PACKETS_MAX]; /* of a frame that is gone: no pointer in it holds */
	unsigned int n;
};

static uint32_t u32_at(const uint8_t *p)
{
	return weir_le32(p);
}

/* Classic libpcap, little-endian, microseconds: all of these captures are. */
static void capture_read(const char *name, struct capture *cap)
{
	static const struct weir_decode_conf conf = WEIR_DECODE_CONF_APPLIANCE;
	uint8_t head[24], rec[16], data[FRAME_MAX];
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), CAPTURES "%s.pcap", name);
	file = fopen(path, "rb");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL_FATAL(fread(head, sizeof(head), 1, file), 1);
	CU_ASSERT_EQUAL_FATAL(u32_at(head), 0xa1b2c3d4);
	CU_ASSERT_EQUAL_FATAL(u32_at(head + 20), 1);
	cap->n = 0;
	while (fread(rec, sizeof(rec), 1, file) == 1) {
		struct weir_frame frame = { .data = data,
					    .ts_ns = u32_at(rec) * WEIR_NS_PER_S +
						     u32_at(rec + 4) * WEIR_NS_PER_US,
					    .caplen = u32_at(rec + 8),
					    .wirelen = u32_at(rec + 12),
					    .link = WEIR_LINK_ETHER };

		CU_ASSERT_FATAL(cap->n < PACKETS_MAX && frame.caplen <= sizeof(data));
		CU_ASSERT_EQUAL_FATAL(fread(data, frame.caplen, 1, file), 1);
		CU_ASSERT_EQUAL(weir_decode(&frame, &conf, &cap->pkt[cap->n]), WEIR_OUTCOME_FLOW);
		cap->n++;
	}
	fclose(file);
}

static const struct capture *capture_of(const char *name)
{
	static struct capture cap;

	capture_read(name, &cap);
	return &cap;
}

static json_t *facts_of(const char *name, const char *key)
{
	char path[512];
	json_error_t err;
	json_t *all, *facts;

	snprintf(path, sizeof(path), CAPTURES "%s.pcap.facts.json", name);
	all = json_load_file(path, 0, &err);
	facts = json_deep_copy(json_object_get(json_object_get(all, "deepflow"), key));
	CU_ASSERT_PTR_NOT_NULL_FATAL(facts);
	json_decref(all);
	return facts;
}

static unsigned int side_of(const struct capture *cap, unsigned int i)
{
	const struct weir_pkt *first = &cap->pkt[0], *p = &cap->pkt[i];

	return memcmp(&p->ip[WEIR_SRC], &first->ip[WEIR_SRC], sizeof(p->ip[0])) != 0 ||
	       p->port[WEIR_SRC] != first->port[WEIR_SRC];
}

/* "751µs", "816.949ms", "1533089324.835178s", "0ns" in us. */
static uint64_t us_of(const json_t *j)
{
	const char *text = json_string_value(j);
	char *unit;
	double v;

	if (text == NULL)
		return 0;
	v = strtod(text, &unit);
	if (strcmp(unit, "s") == 0)
		v *= 1e6;
	else if (strcmp(unit, "ms") == 0)
		v *= 1e3;
	else if (strcmp(unit, "ns") == 0)
		v /= 1e3;
	return (uint64_t)(v + 0.5);
}

static void expect(const char *where, json_int_t row, const char *what, uint64_t want, uint64_t got)
{
	if (want != got)
		printf("\n    %s, packet %lld: %s is %llu, expected %llu", where, (long long)row,
		       what, (unsigned long long)got, (unsigned long long)want);
	CU_ASSERT_EQUAL(want, got);
}

/* Where a fact is left out, DeepFlow had 0. */
static void expect_delay(const char *where, const json_t *row, const char *key,
			 const struct weir_delay *got)
{
	const json_t *fact = json_object_get(row, key);
	json_int_t i = json_integer_value(json_object_get(row, "after_packet"));

	expect(where, i, key, (uint64_t)json_integer_value(json_object_get(fact, "count")),
	       got->count);
	expect(where, i, key, us_of(json_object_get(fact, "sum")), got->sum);
	expect(where, i, key, us_of(json_object_get(fact, "max")), got->max);
}

static void expect_count(const char *where, const json_t *row, const char *key, uint64_t got)
{
	expect(where, json_integer_value(json_object_get(row, "after_packet")), key,
	       (uint64_t)json_integer_value(json_object_get(row, key)), got);
}

static void expect_row(const char *where, const json_t *row, const struct weir_flow_rec *rec)
{
	expect_delay(where, row, "rtt_0", &rec->rtt_client);
	expect_delay(where, row, "rtt_1", &rec->rtt_server);
	expect_delay(where, row, "srt_1", &rec->srt);
	expect_delay(where, row, "art_1", &rec->art);
	expect_delay(where, row, "cit", &rec->cit);
	expect(where, json_integer_value(json_object_get(row, "after_packet")), "rtt_full",
	       us_of(json_object_get(row, "rtt_full")), rec->rtt);
	expect_count(where, row, "retrans_0", rec->retrans[0]);
	expect_count(where, row, "retrans_1", rec->retrans[1]);
	expect_count(where, row, "retrans_sum", (uint64_t)rec->retrans[0] + rec->retrans[1]);
	expect_count(where, row, "syn", rec->syn_count);
	expect_count(where, row, "synack", rec->synack_count);
	expect_count(where, row, "fin_count", rec->fin_count);
	expect_count(where, row, "retrans_syn", rec->retrans_syn);
	expect_count(where, row, "retrans_synack", rec->retrans_synack);
}

static void test_tcp_metrics_after_each_packet_are_deepflows(void)
{
	static const char *const names[] = {
		"client-keep-alive", "handshake-error",
		"out-of-order",      "syn-ack-ack-retrans-and-client-payload",
		"syn-retrans",       "syn-syn-ack-retrans",
		"xiangdao-retrans",
	};

	for (unsigned int n = 0; n < WEIR_ARRAY_SIZE(names); n++) {
		const struct capture *cap = capture_of(names[n]);
		json_t *rows = facts_of(names[n], "tcp_perf_after_packet");
		struct one_flow o;

		one_flow_init(&o, IPPROTO_TCP);
		CU_ASSERT_EQUAL_FATAL(json_array_size(rows), cap->n);
		for (unsigned int i = 0; i < cap->n; i++) {
			struct weir_flow_rec rec;

			one_flow_packet(&o, &cap->pkt[i], side_of(cap, i));
			rec = one_flow_report(&o);
			expect_row(names[n], json_array_get(rows, i), &rec);
		}
		json_decref(rows);
	}
}

/*
 * DeepFlow measures srt and art of both sides and reports the server's. Measured here are only the
 * server's, so the client's figures of its dump are those of the flow with its roles exchanged.
 */
static void test_srt_and_art_of_the_other_side_are_deepflows(void)
{
	static const char *const name = "syn-ack-ack-retrans-and-client-payload";
	const struct capture *cap = capture_of(name);
	json_t *rows = facts_of(name, "tcp_perf_after_packet");
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	o.f.flags |= FLOW_REVERSED;
	for (unsigned int i = 0; i < cap->n; i++) {
		struct weir_flow_rec rec;

		one_flow_packet(&o, &cap->pkt[i], side_of(cap, i));
		rec = one_flow_report(&o);
		expect_delay(name, json_array_get(rows, i), "srt_0", &rec.srt);
		expect_delay(name, json_array_get(rows, i), "art_0", &rec.art);
	}
	json_decref(rows);
}

/* A capture as one flow; a first packet that is a SYN-ACK comes from the server (spec 4.4). */
static struct one_flow *play(const char *name)
{
	static struct one_flow o;
	const struct capture *cap = capture_of(name);

	one_flow_init(&o, cap->pkt[0].proto);
	if ((cap->pkt[0].tcp_flags & 0x3f) == (WEIR_TCP_SYN | WEIR_TCP_ACK))
		o.f.flags |= FLOW_REVERSED;
	for (unsigned int i = 0; i < cap->n; i++)
		one_flow_packet(&o, &cap->pkt[i], side_of(cap, i));
	return &o;
}

static uint64_t fact(const json_t *facts, const char *key)
{
	CU_ASSERT_PTR_NOT_NULL(json_object_get(facts, key));
	return (uint64_t)json_integer_value(json_object_get(facts, key));
}

static void test_a_repeated_handshake_is_measured_as_deepflow_does(void)
{
	json_t *facts = facts_of("handshake-retrans", "flow_perf");
	struct weir_flow_rec rec = one_flow_report(play("handshake-retrans"));

	CU_ASSERT_EQUAL(rec.rtt_client.max, fact(facts, "rtt_client_max_us"));
	CU_ASSERT_EQUAL(rec.rtt_client.sum, fact(facts, "rtt_client_sum_us"));
	CU_ASSERT_EQUAL(rec.rtt_client.count, fact(facts, "rtt_client_count"));
	CU_ASSERT_EQUAL(rec.rtt_server.max, fact(facts, "rtt_server_max_us"));
	CU_ASSERT_EQUAL(rec.rtt_server.sum, fact(facts, "rtt_server_sum_us"));
	CU_ASSERT_EQUAL(rec.rtt_server.count, fact(facts, "rtt_server_count"));
	CU_ASSERT_EQUAL(rec.rtt, fact(facts, "rtt_us"));
	json_decref(facts);
}

static void test_an_http_request_is_measured_as_deepflow_does(void)
{
	json_t *facts = facts_of("http", "flow_perf");
	struct weir_flow_rec rec = one_flow_report(play("http"));

	CU_ASSERT_EQUAL(rec.rtt_client.max, fact(facts, "rtt_client_max_us"));
	CU_ASSERT_EQUAL(rec.rtt_server.max, fact(facts, "rtt_server_max_us"));
	CU_ASSERT_EQUAL(rec.srt.max, fact(facts, "srt_max_us"));
	json_decref(facts);
}

static void test_a_server_that_opens_with_window_0_is_counted(void)
{
	json_t *facts = facts_of("tcp-syn-ack-zerowin", "flow_perf");
	struct weir_flow_rec rec = one_flow_report(play("tcp-syn-ack-zerowin"));

	CU_ASSERT_EQUAL(rec.zero_win[0], fact(facts, "zero_window_client"));
	CU_ASSERT_EQUAL(rec.zero_win[1], fact(facts, "zero_window_server"));
	json_decref(facts);
}

static void test_close_types_are_deepflows(void)
{
	static const struct {
		const char *capture, *name;
		uint8_t number; /* spec 4.6 */
	} cases[] = {
		{ "l4-source-port-reuse", "client_source_port_reuse", 13 },
		{ "server-no-response", "client_established_reset", 18 },
		{ "server-queue-lack", "server_queue_lack", 17 },
		{ "syn-1", "client_source_port_reuse", 13 },
		{ "tcp-n-syn-ack", "server_synack_repeat", 10 },
		{ "tcp-one-syn", "client_syn_repeat", 7 },
	};

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		json_t *fact = facts_of(cases[i].capture, "close_type");

		CU_ASSERT_STRING_EQUAL(json_string_value(fact), cases[i].name);
		CU_ASSERT_EQUAL(weir_flow_close_type(&play(cases[i].capture)->f), cases[i].number);
		json_decref(fact);
	}
}

/* "ServerToClient" of the first packet is how DeepFlow's test was told to turn the flow. */
static void play_udp(const char *name, bool reversed)
{
	const struct capture *cap = capture_of(name);
	json_t *rows = facts_of(name, "udp_perf");
	struct one_flow o;

	one_flow_init(&o, IPPROTO_UDP);
	o.f.flags |= reversed ? FLOW_REVERSED : 0;
	CU_ASSERT_EQUAL_FATAL(json_array_size(rows), cap->n);
	for (unsigned int i = 0; i < cap->n; i++) {
		const json_t *row = json_array_get(rows, i);
		struct weir_flow_rec rec;

		one_flow_packet(&o, &cap->pkt[i], side_of(cap, i));
		rec = one_flow_report(&o);
		CU_ASSERT_EQUAL(fact(row, "after_packet"), i);
		CU_ASSERT_EQUAL(rec.art.max, us_of(json_object_get(row, "art_max")));
		CU_ASSERT_EQUAL(rec.art.sum, us_of(json_object_get(row, "art_sum")));
		CU_ASSERT_EQUAL(rec.art.count, fact(row, "art_count"));
	}
	json_decref(rows);
}

static void test_udp_answers_are_measured_as_deepflow_does(void)
{
	play_udp("udp_1_packet", true);
	play_udp("udp_continuous_packet", false);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "TCP metrics after each packet are DeepFlow's",
		  test_tcp_metrics_after_each_packet_are_deepflows },
		{ "srt and art of the other side are DeepFlow's",
		  test_srt_and_art_of_the_other_side_are_deepflows },
		{ "a repeated handshake is measured as DeepFlow does",
		  test_a_repeated_handshake_is_measured_as_deepflow_does },
		{ "an HTTP request is measured as DeepFlow does",
		  test_an_http_request_is_measured_as_deepflow_does },
		{ "a server that opens with window 0 is counted",
		  test_a_server_that_opens_with_window_0_is_counted },
		{ "close types are DeepFlow's", test_close_types_are_deepflows },
		{ "UDP answers are measured as DeepFlow does",
		  test_udp_answers_are_measured_as_deepflow_does },
		CU_TEST_INFO_NULL,
	};
	FILE *probe = fopen(CAPTURES "http.pcap", "rb");

	if (probe == NULL) {
		printf("skipped: no captures in " CAPTURES "\n");
		return 77;
	}
	fclose(probe);
	return weir_test_main("flow/golden", tests);
}
