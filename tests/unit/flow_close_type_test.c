/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations as text, "c" and "s" saying who sends; the numbers are those of spec 4.6 and 11. */
#include "flow_perf_test.h"
#include "weir_test.h"

#include <stdio.h>

static uint8_t flags_of(const char *word)
{
	static const struct {
		char letter;
		uint8_t flag;
	} letters[] = { { 'F', 0x01 }, { 'S', 0x02 }, { 'R', 0x04 },
			{ 'P', 0x08 }, { 'A', 0x10 }, { 'U', 0x20 } };
	uint8_t flags = 0;

	for (; *word != ' ' && *word != '\0'; word++) {
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(letters); i++)
			flags |= *word == letters[i].letter ? letters[i].flag : 0;
	}
	return flags;
}

/* "c:S s:SA c:A" */
static uint8_t close_type_of(const char *talk)
{
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	for (uint64_t t = 1; *talk != '\0'; t++) {
		struct weir_pkt p = { .flags = WEIR_PKT_IP | WEIR_PKT_L4, .ts_ns = t };

		p.tcp_flags = flags_of(talk + 2);
		one_flow_packet(&o, &p, *talk == 's');
		while (*talk != ' ' && *talk != '\0')
			talk++;
		talk += *talk == ' ';
	}
	return weir_flow_close_type(&o.f);
}

static void expect(const char *talk, uint8_t close_type)
{
	uint8_t got = close_type_of(talk);

	if (got != close_type)
		printf("\n    %s: %u, expected %u", talk, got, close_type);
	CU_ASSERT_EQUAL(got, close_type);
}

static void test_openings_that_fail_are_told_apart(void)
{
	expect("c:S", 7);
	expect("c:S c:S c:S", 7);
	expect("c:S s:RA", 15);
	expect("c:S s:SA", 10);
	expect("c:S s:SA s:SA", 10);
	expect("c:S s:PA", 13);
	expect("c:S s:PA c:R", 13);
	expect("c:S c:R", 18);
	expect("c:S s:SA s:R", 19);
	expect("c:S s:PA s:R", 19);
}

static void test_endings_are_told_apart(void)
{
	expect("c:S s:SA c:A c:PA s:A", 3);
	expect("c:S s:SA c:A c:FA", 8);
	expect("c:S s:SA c:A s:FA", 11);
	expect("c:S s:SA c:A c:FA s:FA", 1);
	expect("c:S s:SA c:A c:FA s:FA c:A", 1);
	expect("c:S s:SA c:A s:FA c:FA s:A", 1);
	expect("c:S s:SA c:A c:PA s:R", 2);
	expect("c:S s:SA c:A c:PA c:R", 9);
}

static void test_a_fin_of_the_server_alone_is_a_half_close(void)
{
	expect("c:S s:FA", 11);
	expect("c:S s:SA c:A s:FA s:FA", 11);
}

static void test_a_server_that_repeats_its_syn_ack_lacks_a_queue(void)
{
	expect("c:S s:SA c:A c:PA s:SA", 17);
	expect("c:S s:SA c:A c:PA s:SA c:A s:SA s:R", 17);
	expect("c:S s:SA c:A c:PA s:SA s:R", 9); /* three packets of the server's are too few */
}

static void test_a_probe_without_data_is_a_heartbeat(void)
{
	expect("c:S s:SA c:A c:R", 20);
	expect("c:S s:SA c:RA", 20);
	expect("c:S s:SA c:A c:PA c:R", 9);
}

static void test_nonsense_is_unknown(void)
{
	expect("c:SF", 0);
	expect("c:S s:SA c:A c:", 0);
}

static void test_roles_are_those_after_a_reversal(void)
{
	struct one_flow o;
	struct weir_pkt synack = { .flags = WEIR_PKT_IP | WEIR_PKT_L4, .tcp_flags = 0x12 };
	struct weir_pkt rst = { .flags = WEIR_PKT_IP | WEIR_PKT_L4, .tcp_flags = 0x04, .ts_ns = 1 };

	one_flow_init(&o, IPPROTO_TCP);
	o.f.flags |= FLOW_REVERSED;
	one_flow_packet(&o, &synack, 0);
	CU_ASSERT_EQUAL(weir_flow_close_type(&o.f), 10);
	one_flow_packet(&o, &rst, 0);
	CU_ASSERT_EQUAL(weir_flow_close_type(&o.f), 19);
}

static void test_other_protocols_finish(void)
{
	struct one_flow o;
	struct weir_pkt p = { .flags = WEIR_PKT_IP, .ts_ns = 1 };

	one_flow_init(&o, IPPROTO_UDP);
	one_flow_packet(&o, &p, 0);
	CU_ASSERT_EQUAL(weir_flow_close_type(&o.f), 1);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "openings that fail are told apart", test_openings_that_fail_are_told_apart },
		{ "endings are told apart", test_endings_are_told_apart },
		{ "a FIN of the server alone is a half close",
		  test_a_fin_of_the_server_alone_is_a_half_close },
		{ "a server that repeats its SYN-ACK lacks a queue",
		  test_a_server_that_repeats_its_syn_ack_lacks_a_queue },
		{ "a probe without data is a heartbeat", test_a_probe_without_data_is_a_heartbeat },
		{ "nonsense is unknown", test_nonsense_is_unknown },
		{ "roles are those after a reversal", test_roles_are_those_after_a_reversal },
		{ "other protocols finish", test_other_protocols_finish },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/close_type", tests);
}
