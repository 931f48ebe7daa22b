/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations packet by packet; expectations are worked out by hand from spec 5. Times in us. */
#include "flow_perf_test.h"
#include "weir_test.h"

enum { CLIENT, SERVER };
enum { F = 0x01, S = 0x02, R = 0x04, P = 0x08, A = 0x10, U = 0x20 };

#define ISN_C 1000
#define ISN_S 9000

static void packet(struct one_flow *o, uint64_t us, unsigned int side, uint8_t flags, uint32_t seq,
		   uint32_t ack, uint32_t len)
{
	struct weir_pkt p = { .ts_ns = us * WEIR_NS_PER_US,
			      .flags = WEIR_PKT_IP | WEIR_PKT_L4,
			      .tcp_flags = flags,
			      .seq = seq,
			      .ack = ack,
			      .l4_payload_len = len,
			      .win = 100,
			      .data_offset = 5 };

	one_flow_packet(o, &p, side);
}

/* SYN at 10, SYN-ACK at 40, ACK at 100. */
static void open_at_10(struct one_flow *o)
{
	one_flow_init(o, IPPROTO_TCP);
	packet(o, 10, CLIENT, S, ISN_C, 0, 0);
	packet(o, 40, SERVER, S | A, ISN_S, ISN_C + 1, 0);
	packet(o, 100, CLIENT, A, ISN_C + 1, ISN_S + 1, 0);
}

static void expect_delay(const struct weir_delay *d, uint32_t count, uint64_t sum, uint32_t max)
{
	CU_ASSERT_EQUAL(d->count, count);
	CU_ASSERT_EQUAL(d->sum, sum);
	CU_ASSERT_EQUAL(d->max, max);
}

static void test_a_handshake_gives_three_round_trips(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	open_at_10(&o);
	rec = one_flow_report(&o);
	CU_ASSERT_EQUAL(rec.rtt, 90);
	expect_delay(&rec.rtt_server, 1, 30, 30);
	expect_delay(&rec.rtt_client, 1, 60, 60);
	CU_ASSERT_EQUAL(rec.syn_count, 1);
	CU_ASSERT_EQUAL(rec.synack_count, 1);
	CU_ASSERT_EQUAL(rec.syn_seq, ISN_C);
	CU_ASSERT_EQUAL(rec.syn_ack_seq, ISN_S);
	CU_ASSERT_EQUAL(o.pool.used, 0);
}

/* The repeated ACK counts once more, an ACK with another window is a window update. */
static void test_a_repeated_ack_counts_and_a_window_update_does_not(void)
{
	struct weir_pkt update = { .ts_ns = 300 * WEIR_NS_PER_US,
				   .flags = WEIR_PKT_IP | WEIR_PKT_L4,
				   .tcp_flags = A,
				   .seq = ISN_C + 1,
				   .ack = ISN_S + 1,
				   .win = 200 };
	struct weir_flow_rec rec;
	struct one_flow o;

	open_at_10(&o);
	packet(&o, 200, CLIENT, A, ISN_C + 1, ISN_S + 1, 0);
	one_flow_packet(&o, &update, CLIENT);
	packet(&o, 400, CLIENT, A, ISN_C + 1, ISN_S + 1, 0);
	rec = one_flow_report(&o);
	expect_delay(&rec.rtt_client, 2, 60 + 160, 160);
	CU_ASSERT_EQUAL(rec.rtt, 190);
}

static void test_an_ack_of_the_server_ends_the_handshake(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	open_at_10(&o);
	packet(&o, 110, SERVER, A, ISN_S + 1, ISN_C + 1, 0);
	packet(&o, 120, CLIENT, A, ISN_C + 1, ISN_S + 1, 0);
	rec = one_flow_report(&o);
	expect_delay(&rec.rtt_server, 1, 30, 30);
	expect_delay(&rec.rtt_client, 1, 60, 60);
}

static void test_a_round_trip_of_more_than_30_s_is_none(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	packet(&o, 1, CLIENT, S, ISN_C, 0, 0);
	packet(&o, 30000001, SERVER, S | A, ISN_S, ISN_C + 1, 0);
	packet(&o, 30000002, CLIENT, A, ISN_C + 1, ISN_S + 1, 0);
	rec = one_flow_report(&o);
	expect_delay(&rec.rtt_server, 1, 30000000, 30000000);
	expect_delay(&rec.rtt_client, 1, 1, 1);
	CU_ASSERT_EQUAL(rec.rtt, 0);
}

static void test_a_syn_after_the_syn_ack_gives_no_round_trip(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	o.f.flags |= FLOW_REVERSED;
	packet(&o, 10, 0, S | A, ISN_S, ISN_C + 1, 0);
	packet(&o, 20, 1, S, ISN_C, 0, 0);
	packet(&o, 30, 1, A, ISN_C + 1, ISN_S + 1, 0);
	rec = one_flow_report(&o);
	CU_ASSERT_EQUAL(rec.rtt, 0);
	CU_ASSERT_EQUAL(rec.rtt_client.count + rec.rtt_server.count, 0);
	CU_ASSERT_EQUAL(rec.retrans_syn, 0);
	CU_ASSERT_EQUAL(rec.syn_seq, ISN_C);
	CU_ASSERT_EQUAL(rec.syn_ack_seq, ISN_S);
}

static void test_repeated_syns_and_syn_acks_are_retransmissions(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	packet(&o, 10, CLIENT, S, ISN_C, 0, 0);
	packet(&o, 20, CLIENT, S, ISN_C, 0, 0);
	packet(&o, 30, SERVER, S | A, ISN_S, ISN_C + 1, 0);
	packet(&o, 40, SERVER, S | A, ISN_S, ISN_C + 1, 0);
	packet(&o, 50, SERVER, S | A, ISN_S, ISN_C + 1, 0);
	rec = one_flow_report(&o);
	CU_ASSERT_EQUAL(rec.syn_count, 2);
	CU_ASSERT_EQUAL(rec.synack_count, 3);
	CU_ASSERT_EQUAL(rec.retrans_syn, 1);
	CU_ASSERT_EQUAL(rec.retrans_synack, 2);
	CU_ASSERT_EQUAL(rec.retrans[0], 1);
	CU_ASSERT_EQUAL(rec.retrans[1], 2);
	expect_delay(&rec.rtt_server, 3, 20 + 30 + 40, 40);
}

/* Request at 150, acknowledged at 160, answered at 400; the next one 1,000 after the answer. */
static void talk(struct one_flow *o)
{
	open_at_10(o);
	packet(o, 150, CLIENT, P | A, ISN_C + 1, ISN_S + 1, 50);
	packet(o, 160, SERVER, A, ISN_S + 1, ISN_C + 51, 0);
	packet(o, 400, SERVER, P | A, ISN_S + 1, ISN_C + 51, 200);
	packet(o, 410, CLIENT, A, ISN_C + 51, ISN_S + 201, 0);
	packet(o, 1400, CLIENT, P | A, ISN_C + 51, ISN_S + 201, 50);
	packet(o, 1500, SERVER, P | A, ISN_S + 201, ISN_C + 101, 200);
}

static void test_a_request_gives_acknowledgement_answer_and_idle_time(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	talk(&o);
	rec = one_flow_report(&o);
	expect_delay(&rec.srt, 1, 10, 10);
	expect_delay(&rec.art, 2, 250 + 100, 250);
	expect_delay(&rec.cit, 2, 50 + 1000, 1000);
	CU_ASSERT_EQUAL(rec.retrans[0] + rec.retrans[1] + rec.ooo[0] + rec.ooo[1], 0);
}

static void test_delays_over_their_limit_are_none(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	open_at_10(&o);
	packet(&o, 200, CLIENT, P | A, ISN_C + 1, ISN_S + 1, 50);
	packet(&o, 10000201, SERVER, A, ISN_S + 1, ISN_C + 51, 0);       /* srt: 10 s */
	packet(&o, 30000201, SERVER, P | A, ISN_S + 1, ISN_C + 51, 200); /* art: 30 s */
	rec = one_flow_report(&o);
	CU_ASSERT_EQUAL(rec.srt.count, 0);
	CU_ASSERT_EQUAL(rec.art.count, 0);
}

static void test_data_without_push_breaks_off_what_was_measured(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	open_at_10(&o);
	packet(&o, 150, CLIENT, P | A, ISN_C + 1, ISN_S + 1, 50);
	packet(&o, 151, CLIENT, A, ISN_C + 51, ISN_S + 1, 50);
	packet(&o, 160, SERVER, A, ISN_S + 1, ISN_C + 101, 0);
	packet(&o, 400, SERVER, P | A, ISN_S + 1, ISN_C + 101, 200);
	rec = one_flow_report(&o);
	CU_ASSERT_EQUAL(rec.srt.count, 0);
	CU_ASSERT_EQUAL(rec.art.count, 0);
}

static void test_a_late_packet_is_invalid_and_changes_nothing(void)
{
	struct weir_flow_rec before, after;
	struct one_flow o;

	talk(&o);
	before = one_flow_report(&o);
	packet(&o, 1450, CLIENT, P | A, ISN_C + 1, ISN_S + 1, 50);
	after = one_flow_report(&o);
	CU_ASSERT_EQUAL(memcmp(&before, &after, sizeof(before)), 0);
	CU_ASSERT_EQUAL(o.counters.perf_invalid, 1);
}

static void test_impossible_flags_are_ignored_and_resets_are_no_error(void)
{
	static const uint8_t ignored[] = { S | R, F, P, U, S | P, S | U, S | A | R, 0 };
	struct one_flow o;

	talk(&o);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(ignored); i++)
		packet(&o, 2000 + i, CLIENT, ignored[i], ISN_C + 101, ISN_S + 401, 0);
	CU_ASSERT_EQUAL(o.counters.perf_ignored, WEIR_ARRAY_SIZE(ignored));
	packet(&o, 3000, CLIENT, R, ISN_C + 101, 0, 0);
	packet(&o, 3001, CLIENT, R | A, ISN_C + 101, 0, 0);
	CU_ASSERT_EQUAL(o.counters.perf_ignored, WEIR_ARRAY_SIZE(ignored));
	CU_ASSERT_EQUAL(o.counters.perf_invalid, 0);
}

static void test_a_reset_breaks_off_what_was_measured(void)
{
	struct one_flow o;

	open_at_10(&o);
	packet(&o, 150, CLIENT, P | A, ISN_C + 1, ISN_S + 1, 50);
	packet(&o, 155, CLIENT, R, ISN_C + 51, 0, 0);
	packet(&o, 160, SERVER, A, ISN_S + 1, ISN_C + 51, 0);
	CU_ASSERT_EQUAL(one_flow_report(&o).srt.count, 0);
}

static void test_data_sent_again_is_a_retransmission_and_a_pure_ack_never(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	talk(&o);
	packet(&o, 2000, SERVER, P | A, ISN_S + 201, ISN_C + 101, 200);
	packet(&o, 2001, SERVER, A, ISN_S + 401, ISN_C + 101, 0);
	packet(&o, 2002, SERVER, A, ISN_S + 401, ISN_C + 101, 0);
	packet(&o, 2003, CLIENT, P | A, ISN_C + 300, ISN_S + 401, 10);
	rec = one_flow_report(&o);
	CU_ASSERT_EQUAL(rec.retrans[0], 0);
	CU_ASSERT_EQUAL(rec.retrans[1], 1);
	CU_ASSERT_EQUAL(rec.ooo[0], 1);
	CU_ASSERT_EQUAL(rec.ooo[1], 0);
}

static void test_closed_windows_and_fins_are_counted(void)
{
	struct weir_pkt full = { .ts_ns = 2000 * WEIR_NS_PER_US,
				 .flags = WEIR_PKT_IP | WEIR_PKT_L4,
				 .tcp_flags = A,
				 .seq = ISN_S + 401,
				 .ack = ISN_C + 101 };
	struct weir_flow_rec rec;
	struct one_flow o;

	talk(&o);
	one_flow_packet(&o, &full, SERVER);
	packet(&o, 2001, CLIENT, F | A, ISN_C + 101, ISN_S + 401, 0);
	packet(&o, 2002, SERVER, F | P | A, ISN_S + 401, ISN_C + 102, 10);
	packet(&o, 2003, SERVER, F | P | A, ISN_S + 401, ISN_C + 102, 10);
	rec = one_flow_report(&o);
	CU_ASSERT_EQUAL(rec.zero_win[0], 0);
	CU_ASSERT_EQUAL(rec.zero_win[1], 1);
	CU_ASSERT_EQUAL(rec.fin_count, 3);
	CU_ASSERT_EQUAL(rec.retrans[1], 1);
}

static void test_a_keep_alive_is_noted(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	talk(&o);
	packet(&o, 1510, CLIENT, A, ISN_C + 101, ISN_S + 401, 0);
	CU_ASSERT_EQUAL(one_flow_report(&o).last_keepalive_seq, 0);
	packet(&o, 9000, SERVER, A, ISN_S + 400, ISN_C + 101, 1);
	rec = one_flow_report(&o);
	CU_ASSERT_EQUAL(rec.last_keepalive_seq, ISN_S + 400);
	CU_ASSERT_EQUAL(rec.last_keepalive_ack, ISN_C + 101);
}

/* Both halves of a pair are exchanged, the maximum of the round trip too (spec 12.3). */
static void test_a_reversed_flow_reports_the_other_way_round(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	talk(&o);
	packet(&o, 2000, SERVER, P | A, ISN_S + 201, ISN_C + 101, 200);
	o.f.flags |= FLOW_REVERSED;
	weir_perf_reverse(&o.f, &o.c, &o.pool);
	rec = one_flow_report(&o);
	expect_delay(&rec.rtt_client, 1, 30, 30);
	expect_delay(&rec.rtt_server, 1, 60, 60);
	CU_ASSERT_EQUAL(rec.retrans[0], 1);
	CU_ASSERT_EQUAL(rec.retrans[1], 0);
	CU_ASSERT_EQUAL(rec.srt.count + rec.art.count + rec.cit.count, 0);
}

static void test_a_new_report_starts_at_zero_but_knows_the_connection(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	talk(&o);
	weir_perf_clear(&o.c, &o.pool);
	packet(&o, 1510, CLIENT, A, ISN_C + 101, ISN_S + 401, 0);
	packet(&o, 2400, CLIENT, P | A, ISN_C + 101, ISN_S + 401, 50);
	packet(&o, 2430, SERVER, A, ISN_S + 401, ISN_C + 151, 0);
	packet(&o, 2500, SERVER, P | A, ISN_S + 201, ISN_C + 151, 200);
	rec = one_flow_report(&o);
	CU_ASSERT_EQUAL(rec.rtt, 0);
	CU_ASSERT_EQUAL(rec.syn_count, 0);
	CU_ASSERT_EQUAL(rec.rtt_client.count, 0);
	expect_delay(&rec.srt, 1, 30, 30);
	expect_delay(&rec.cit, 1, 900, 900);
	CU_ASSERT_EQUAL(rec.retrans[1], 1);
	CU_ASSERT_EQUAL(rec.syn_seq, ISN_C);
}

static void test_counters_are_exact_past_their_bytes_and_words(void)
{
	struct one_flow o;
	const uint32_t n = 17000000; /* more than 256 * 65536 */

	one_flow_init(&o, IPPROTO_TCP);
	for (uint32_t i = 0; i < n; i++)
		packet(&o, 10 + i, CLIENT, S, ISN_C, 0, 0);
	CU_ASSERT_EQUAL(one_flow_report(&o).syn_count, n);
	CU_ASSERT_EQUAL(one_flow_report(&o).retrans_syn, n - 1);
	CU_ASSERT_EQUAL(one_flow_report(&o).retrans[0], n - 1);
	CU_ASSERT_EQUAL(o.pool.used, 1);
	weir_perf_clear(&o.c, &o.pool);
	CU_ASSERT_EQUAL(one_flow_report(&o).syn_count, 0);
	CU_ASSERT_EQUAL(o.pool.used, 0);
}

static void test_sums_are_exact_past_their_words(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	packet(&o, 1, CLIENT, S, ISN_C, 0, 0);
	for (uint32_t i = 0; i < 1000; i++)
		packet(&o, 29000001, SERVER, S | A, ISN_S, ISN_C + 1, 0);
	rec = one_flow_report(&o);
	expect_delay(&rec.rtt_server, 1000, UINT64_C(29000000000), 29000000);
	for (uint32_t i = 0; i < 200; i++) {
		packet(&o, 100000000 + i * UINT64_C(29000000) * 2, CLIENT, P | A, ISN_C + 1 + i * 2,
		       ISN_S + 1 + i * 2, 2);
		packet(&o, 129000000 + i * UINT64_C(29000000) * 2, SERVER, P | A, ISN_S + 1 + i * 2,
		       ISN_C + 3 + i * 2, 2);
	}
	rec = one_flow_report(&o);
	expect_delay(&rec.art, 200, UINT64_C(29000000) * 200, 29000000);
}

static void test_an_empty_pool_is_counted_and_counters_stop_at_their_most(void)
{
	struct weir_flow_rec rec;
	struct one_flow o;

	one_flow_init(&o, IPPROTO_TCP);
	o.pool.size = 0;
	for (uint32_t i = 0; i < 300; i++)
		packet(&o, 10 + i, CLIENT, S, ISN_C, 0, 0);
	rec = one_flow_report(&o);
	CU_ASSERT_EQUAL(rec.syn_count, 255);
	CU_ASSERT(o.counters.ext_exhausted > 0);
}

/* A fragment without a TCP header says nothing of sequence numbers. */
static void test_a_later_fragment_is_not_measured(void)
{
	struct weir_pkt fragment = { .ts_ns = 2000 * WEIR_NS_PER_US,
				     .flags = WEIR_PKT_IP | WEIR_PKT_FRAGMENT |
					      WEIR_PKT_LATER_FRAGMENT,
				     .l4_payload_len = 1000 };
	struct one_flow o;

	talk(&o);
	one_flow_packet(&o, &fragment, CLIENT);
	CU_ASSERT_EQUAL(one_flow_report(&o).zero_win[0], 0);
	CU_ASSERT_EQUAL(o.counters.perf_ignored, 0);
	CU_ASSERT_EQUAL(o.f.side[0].seq, ISN_C + 51);
}

/* Whatever comes, also when the pool is too small for it. */
static void test_random_packets_leave_no_block_behind(void)
{
	uint32_t random = 1;

	for (unsigned int round = 0; round < 300; round++) {
		struct one_flow o;

		one_flow_init(&o, IPPROTO_TCP);
		o.pool.size = round % 8;
		for (unsigned int i = 0; i < 500; i++) {
			uint32_t near = 0xfffff000 * (round & 1);

			random = random * 1664525 + 1013904223;
			packet(&o, 1000 + i * 10 - random % 20, random >> 31,
			       (random >> 24) % 4 ? P | A : (random >> 8) & 0x3f,
			       near + (random >> 12) % 8192, near + (random >> 4) % 64,
			       (random >> 20) % 64);
			if (random % 100 == 0)
				weir_perf_clear(&o.c, &o.pool);
		}
		CU_ASSERT(o.pool.used <= o.pool.size);
		weir_ext_release_all(&o.pool, &o.c.ext);
		CU_ASSERT_EQUAL(o.pool.used, 0);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a handshake gives three round trips", test_a_handshake_gives_three_round_trips },
		{ "a repeated ACK counts and a window update does not",
		  test_a_repeated_ack_counts_and_a_window_update_does_not },
		{ "an ACK of the server ends the handshake",
		  test_an_ack_of_the_server_ends_the_handshake },
		{ "a round trip of more than 30 s is none",
		  test_a_round_trip_of_more_than_30_s_is_none },
		{ "a SYN after the SYN-ACK gives no round trip",
		  test_a_syn_after_the_syn_ack_gives_no_round_trip },
		{ "repeated SYNs and SYN-ACKs are retransmissions",
		  test_repeated_syns_and_syn_acks_are_retransmissions },
		{ "a request gives acknowledgement, answer and idle time",
		  test_a_request_gives_acknowledgement_answer_and_idle_time },
		{ "delays over their limit are none", test_delays_over_their_limit_are_none },
		{ "data without push breaks off what was measured",
		  test_data_without_push_breaks_off_what_was_measured },
		{ "a late packet is invalid and changes nothing",
		  test_a_late_packet_is_invalid_and_changes_nothing },
		{ "impossible flags are ignored and resets are no error",
		  test_impossible_flags_are_ignored_and_resets_are_no_error },
		{ "a reset breaks off what was measured",
		  test_a_reset_breaks_off_what_was_measured },
		{ "data sent again is a retransmission and a pure ACK never",
		  test_data_sent_again_is_a_retransmission_and_a_pure_ack_never },
		{ "closed windows and FINs are counted", test_closed_windows_and_fins_are_counted },
		{ "a keep-alive is noted", test_a_keep_alive_is_noted },
		{ "a reversed flow reports the other way round",
		  test_a_reversed_flow_reports_the_other_way_round },
		{ "a new report starts at zero but knows the connection",
		  test_a_new_report_starts_at_zero_but_knows_the_connection },
		{ "counters are exact past their bytes and words",
		  test_counters_are_exact_past_their_bytes_and_words },
		{ "sums are exact past their words", test_sums_are_exact_past_their_words },
		{ "an empty pool is counted and counters stop at their most",
		  test_an_empty_pool_is_counted_and_counters_stop_at_their_most },
		{ "a later fragment is not measured", test_a_later_fragment_is_not_measured },
		{ "random packets leave no block behind",
		  test_random_packets_leave_no_block_behind },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/tcp_perf", tests);
}
