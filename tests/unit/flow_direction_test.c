/* SPDX-License-Identifier: Apache-2.0 */
/* Which side is the server: spec, data plane 4.4, row by row. */
#include "flow_table_test.h"
#include "weir_test.h"

#define LOW  1000  /* without bit 15 */
#define HIGH 40000 /* with it */
#define A    0x0a000001
#define B    0x0a000002

/* What is known before the flow starts. */
struct known {
	uint8_t score_a, score_b; /* of {A, port of A} and {B, port of B}, learned */
	bool proven_a, proven_b;
	const uint8_t *server_ports;
};

static struct weir_hints *hints_of(const struct known *k, const struct weir_pkt *first)
{
	struct weir_hint_log *log = weir_hint_log_create();
	struct weir_hints *h;

	for (unsigned int i = 0; i < k->score_a; i++)
		weir_hint_log_add(log, WEIR_HINT_SERVER, &first->ip[0], first->port[0]);
	for (unsigned int i = 0; i < k->score_b; i++)
		weir_hint_log_add(log, WEIR_HINT_SERVER, &first->ip[1], first->port[1]);
	if (k->proven_a)
		weir_hint_log_add(log, WEIR_HINT_PROVEN, &first->ip[0], first->port[0]);
	if (k->proven_b)
		weir_hint_log_add(log, WEIR_HINT_PROVEN, &first->ip[1], first->port[1]);
	h = weir_hints_merge(NULL, &log, 1);
	weir_hint_log_destroy(log);
	return h;
}

/* The flow's record after `n` packets, the first of which goes from A to B. */
static struct weir_flow_rec play(const struct known *known, const struct weir_pkt *pkts,
				 unsigned int n)
{
	struct weir_hints *hints = known != NULL ? hints_of(known, &pkts[0]) : NULL;
	struct weir_flow_rec rec;
	struct rig r;

	rig_init(&r, 4, 8);
	if (known != NULL) {
		r.conf.server_ports = known->server_ports;
		weir_flow_table_hints(r.t, hints, NULL);
	}
	for (unsigned int i = 0; i < n; i++)
		CU_ASSERT_EQUAL(rig_packet(&r, &pkts[i]), WEIR_OUTCOME_FLOW);
	CU_ASSERT_EQUAL_FATAL(weir_flow_table_size(r.t), 1);
	rig_end(&r, pkts[n - 1].ts_ns);
	rec = r.rec[0];
	rig_fini(&r);
	weir_hints_destroy(hints);
	return rec;
}

static uint32_t client_of(const struct weir_flow_rec *rec)
{
	return ntohl(rec->ip[0].w[rec->is_ipv6 ? 3 : 0]);
}

static void expect(const struct known *known, const struct weir_pkt *pkts, unsigned int n,
		   uint32_t client, uint8_t score)
{
	const struct weir_flow_rec rec = play(known, pkts, n);

	CU_ASSERT_EQUAL(client_of(&rec), client);
	CU_ASSERT_EQUAL(rec.direction_score, score);
	CU_ASSERT_EQUAL((rec.flags & WEIR_REC_ACTIVE_SERVICE) != 0, score == 255);
}

/* The same for one packet, over IPv4 and IPv6. */
static void expect_first(const struct known *known, struct weir_pkt p, uint32_t client,
			 uint8_t score)
{
	expect(known, &p, 1, client, score);
	p = pkt_to_ipv6(p);
	expect(known, &p, 1, client, score);
}

static void test_a_syn_comes_from_the_client(void)
{
	const struct known proven_a = { .proven_a = true }, learned_b = { .score_b = 10 };

	expect_first(NULL, pkt_tcp(A, LOW, B, LOW, SYN, T0), A, 1);
	expect_first(NULL, pkt_tcp(A, LOW, B, HIGH, SYN, T0), A, 1); /* ports say nothing */
	expect_first(&proven_a, pkt_tcp(A, LOW, B, LOW, SYN, T0), A, 1);
	expect_first(&learned_b, pkt_tcp(A, LOW, B, LOW, SYN, T0), A, 11);
}

static void test_a_syn_ack_proves_the_server(void)
{
	const struct weir_pkt syn = pkt_tcp(A, LOW, B, LOW, SYN, T0);
	struct weir_pkt both[2] = { syn, pkt_back(syn, T0 + 1) };
	const struct known proven_b = { .proven_b = true };

	both[1].tcp_flags = SYNACK;
	expect(NULL, both, 2, A, 255);
	expect_first(NULL, pkt_tcp(A, LOW, B, LOW, SYNACK, T0), B, 255);
	expect_first(&proven_b, pkt_tcp(A, LOW, B, LOW, SYNACK, T0), B, 255);
}

static void test_ecn_bits_do_not_hide_a_syn(void)
{
	expect_first(NULL, pkt_tcp(A, LOW, B, LOW, 0xc0 | SYN, T0), A, 1);
	expect_first(NULL, pkt_tcp(A, LOW, B, LOW, 0x40 | SYNACK, T0), B, 255);
}

/* Any other combination is no event: a scan with such flags proves no server. */
static void test_syn_with_other_flags_decides_nothing(void)
{
	expect_first(NULL, pkt_tcp(A, LOW, B, LOW, SYNACK | WEIR_TCP_FIN, T0), A, 1);
	expect_first(NULL, pkt_tcp(A, HIGH, B, LOW, SYNACK | WEIR_TCP_RST, T0), A, 1);
	expect_first(NULL, pkt_tcp(A, LOW, B, HIGH, SYN | WEIR_TCP_FIN, T0), B, 1);
}

static void test_a_later_handshake_turns_a_flow_and_its_record(void)
{
	const struct weir_pkt data = pkt_ipv4(IPPROTO_TCP, A, LOW, B, LOW + 1, T0, 100);
	struct weir_pkt pkts[4] = { data, data, pkt_back(data, T0 + 2), pkt_at(data, T0 + 3) };
	struct weir_flow_rec rec;

	pkts[0].tcp_flags = pkts[1].tcp_flags = PSHACK;
	pkts[2].tcp_flags = SYN;
	pkts[3].tcp_flags = SYNACK;
	pkts[2].l4_payload_len = pkts[3].l4_payload_len = 0;
	rec = play(NULL, pkts, 3);
	CU_ASSERT_EQUAL(client_of(&rec), A); /* both have 0: equal */
	rec = play(NULL, pkts, 4);
	CU_ASSERT_EQUAL(client_of(&rec), B);
	CU_ASSERT_EQUAL(ntohl(rec.ip[1].w[0]), A);
	CU_ASSERT_EQUAL(rec.port[0], LOW + 1);
	CU_ASSERT_EQUAL(rec.port[1], LOW);
	CU_ASSERT_EQUAL(memcmp(rec.mac[0], pkts[2].mac[WEIR_SRC], 6), 0);
	CU_ASSERT_EQUAL(memcmp(rec.mac[1], pkts[2].mac[WEIR_DST], 6), 0);
	CU_ASSERT_EQUAL(rec.packet[0], 1);
	CU_ASSERT_EQUAL(rec.packet[1], 3);
	CU_ASSERT_EQUAL(rec.l4_byte[0], 0);
	CU_ASSERT_EQUAL(rec.l4_byte[1], 200);
	CU_ASSERT_EQUAL(rec.tcp_flags[0], SYN);
	CU_ASSERT_EQUAL(rec.tcp_flags[1], PSHACK | SYNACK);
}

/* "src-1 (removed at 0), dst+1 (cap 252)" */
static void test_a_first_packet_moves_both_scores_by_one(void)
{
	const struct known none = { 0 }, equal = { .score_a = 20, .score_b = 20 };
	const struct known a_is_1 = { .score_a = 1 }, b_is_252 = { .score_b = 252 };
	const struct known a_above = { .score_a = 30, .score_b = 20 };

	expect_first(&none, pkt_udp(A, LOW, B, LOW, T0), A, 1);
	expect_first(&equal, pkt_udp(A, LOW, B, LOW, T0), A, 21);
	expect_first(&a_is_1, pkt_udp(A, LOW, B, LOW, T0), A, 1);
	expect_first(&b_is_252, pkt_udp(A, LOW, B, LOW, T0), A, 252);
	expect_first(&a_above, pkt_udp(A, LOW, B, LOW, T0), B, 29);
	expect_first(&a_above, pkt_tcp(A, LOW, B, LOW, ACK, T0), B, 29);
}

/* Ahead by one already, the sender falls behind; by two it stays level: equal keeps the direction. */
static void test_equal_scores_keep_the_direction(void)
{
	const struct known by_two = { .score_a = 22, .score_b = 20 };

	expect_first(&by_two, pkt_udp(A, LOW, B, LOW, T0), A, 21);
}

static void test_a_proven_server_is_not_moved_by_a_first_packet(void)
{
	const struct known a = { .proven_a = true, .score_b = 200 };
	const struct known b = { .proven_b = true, .score_a = 200 };

	expect_first(&a, pkt_udp(A, LOW, B, LOW, T0), B, 255);
	expect_first(&b, pkt_udp(A, LOW, B, LOW, T0), A, 255);
	expect_first(&a, pkt_udp(A, HIGH, B, LOW, T0), B, 255); /* nor by ports */
}

static void test_configured_ports_are_servers_unless_another_is_proven(void)
{
	static uint8_t ports[8192], both[8192];
	const struct known k = { .server_ports = ports }, k_both = { .server_ports = both };
	const struct known k_proven = { .server_ports = ports, .proven_b = true };
	const struct known k_learned = { .server_ports = ports, .score_b = 252 };

	ports[HIGH >> 3] = both[HIGH >> 3] |= 1 << (HIGH & 7);
	both[LOW >> 3] |= 1 << (LOW & 7);
	expect_first(&k, pkt_udp(A, HIGH, B, LOW, T0), B, 253);
	expect_first(&k, pkt_udp(A, LOW, B, HIGH, T0), A, 253);
	expect_first(&k, pkt_tcp(A, HIGH, B, LOW, ACK, T0), B, 253);
	expect_first(&k_learned, pkt_udp(A, HIGH, B, LOW, T0), B, 253);
	expect_first(&k_proven, pkt_udp(A, HIGH, B, LOW, T0), A, 255);
	expect_first(&k_both, pkt_udp(A, HIGH, B, LOW, T0), A, 253);
	expect_first(&k, pkt_tcp(A, HIGH, B, LOW, SYN, T0), A, 1); /* a SYN says more */
}

/* "If |diff| < 8 and exactly one port has bit 15 set, the side with the high port is the client." */
static void test_a_high_port_is_the_clients_where_scores_are_close(void)
{
	/* After the first packet A has one less, B one more. */
	const struct known close = { .score_a = 29, .score_b = 20 }; /* 28, 21 */
	const struct known apart = { .score_a = 30, .score_b = 20 }; /* 29, 21 */
	const struct known other = { .score_a = 20, .score_b = 25 }; /* 19, 26 */
	const struct known far = { .score_a = 20, .score_b = 26 };   /* 19, 27 */
	struct weir_flow_rec rec;
	struct weir_pkt p = pkt_udp(A, HIGH, B, LOW, T0);

	expect_first(NULL, p, A, 1);
	rec = play(&close, &p, 1);
	CU_ASSERT_EQUAL(client_of(&rec), A);
	expect_first(&apart, p, B, 29);
	p = pkt_udp(A, LOW, B, HIGH, T0);
	rec = play(NULL, &p, 1);
	CU_ASSERT_EQUAL(client_of(&rec), B);
	p = pkt_to_ipv6(p);
	rec = play(&other, &p, 1);
	CU_ASSERT_EQUAL(client_of(&rec), B);
	expect_first(&far, pkt_udp(A, LOW, B, HIGH, T0), A, 27);
	expect_first(&close, pkt_udp(A, HIGH, B, HIGH, T0), B, 28);
	expect_first(&close, pkt_udp(A, LOW, B, LOW, T0), B, 28);
}

static struct weir_pkt with_toa(struct weir_pkt p)
{
	p.flags |= WEIR_PKT_TOA;
	p.nat_ip = 0x01020304;
	p.nat_port = 5;
	return p;
}

static void test_who_sends_the_address_option_is_the_client(void)
{
	const struct known proven_a = { .proven_a = true };
	const struct weir_pkt p = pkt_tcp(A, LOW, B, LOW, ACK, T0);
	const struct weir_pkt toa = with_toa(p), toa_back = with_toa(pkt_back(p, T0));
	const struct weir_pkt first[] = { toa }, later[] = { p, toa_back };

	expect(&proven_a, first, 1, A, 1);
	expect(&proven_a, later, 2, B, 255);
}

/* "TOA sent by dst": who answers the one who sent it is proven. */
static void test_who_answers_the_address_option_is_a_proven_server(void)
{
	const struct weir_pkt p = pkt_tcp(A, LOW, B, LOW, ACK, T0);
	const struct weir_pkt back = pkt_back(p, T0 + 1);
	const struct weir_pkt answered[] = { with_toa(p), back, p };
	const struct weir_pkt both[] = { with_toa(p), with_toa(back), with_toa(p), back };
	struct weir_flow_rec rec;

	expect(NULL, answered, 3, A, 255);
	rec = play(NULL, answered, 3);
	CU_ASSERT_EQUAL(rec.nat_source, 6);
	CU_ASSERT_EQUAL(rec.nat_real_ip[0], 0x01020304);
	CU_ASSERT_EQUAL(rec.nat_real_port[0], 5);
	CU_ASSERT_EQUAL(rec.nat_real_ip[1], 0);
	expect(NULL, both, 4, A, 1); /* both sent it: it says nothing more */
}

static struct weir_pkt echo(uint16_t kind)
{
	struct weir_pkt p = pkt_ipv4(IPPROTO_ICMP, A, 0, B, 0, T0, 56);

	p.flags |= kind;
	return p;
}

static void test_an_echo_reply_first_comes_from_the_server(void)
{
	expect_first(NULL, echo(WEIR_PKT_ECHO_REPLY), B, 0);
	expect_first(NULL, echo(WEIR_PKT_ECHO_REQUEST), A, 0);
	expect_first(NULL, echo(0), A, 0);
}

/* A later fragment, or a snapped packet: what is known are the ports, if anything. */
static void test_a_first_packet_without_a_header_is_judged_by_its_ports(void)
{
	struct weir_pkt p = pkt_udp(A, LOW, B, HIGH, T0), q = pkt_tcp(A, LOW, B, HIGH, 0, T0);
	struct weir_pkt none = pkt_udp(A, 0, B, 0, T0);

	p.flags = q.flags = none.flags = WEIR_PKT_IP | WEIR_PKT_FRAGMENT | WEIR_PKT_LATER_FRAGMENT;
	expect_first(NULL, p, B, 1);
	expect_first(NULL, q, B, 1);
	expect_first(NULL, none, A, 0);
}

static void test_what_a_flow_shows_serves_flows_that_start_later(void)
{
	const struct weir_pkt syn = pkt_tcp(A, LOW, B, LOW, SYN, T0);
	struct weir_pkt synack = pkt_back(syn, T0 + 1);
	const struct weir_pkt udp = pkt_tcp(B, LOW, 3, LOW, ACK, T0 + 2);
	const struct weir_pkt udp_again = pkt_at(udp, T0 + 3);
	struct weir_hint_log *log = weir_hint_log_create();
	struct weir_hints *hints;
	struct rig r;

	synack.tcp_flags = SYNACK;
	rig_init(&r, 4, 4);
	weir_flow_table_hints(r.t, NULL, log);
	rig_packet(&r, &syn);
	rig_packet(&r, &synack);
	rig_packet(&r, &udp); /* starts before the exchange */
	hints = weir_hints_merge(NULL, &log, 1);
	CU_ASSERT_EQUAL(weir_hints_score(hints, &syn.ip[WEIR_DST], LOW), 255);
	CU_ASSERT_EQUAL(weir_hints_score(hints, &syn.ip[WEIR_SRC], LOW), 0);
	weir_flow_table_hints(r.t, hints, log);
	rig_packet(&r, &udp_again);
	CU_ASSERT_FALSE(flow_at(r.t, 1)->flags & FLOW_REVERSED);
	rig_end(&r, T0 + 3);
	rig_packet(&r, &udp_again); /* a new flow */
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 1);
	rig_end(&r, T0 + 4);
	CU_ASSERT_EQUAL(r.n, 3);
	CU_ASSERT_EQUAL(ntohl(r.rec[2].ip[1].w[0]), B);
	CU_ASSERT_EQUAL(r.rec[2].direction_score, 255);
	rig_fini(&r);
	weir_hints_destroy(hints);
	weir_hint_log_destroy(log);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a SYN comes from the client", test_a_syn_comes_from_the_client },
		{ "a SYN-ACK proves the server", test_a_syn_ack_proves_the_server },
		{ "ECN bits do not hide a SYN", test_ecn_bits_do_not_hide_a_syn },
		{ "SYN with other flags decides nothing",
		  test_syn_with_other_flags_decides_nothing },
		{ "a later handshake turns a flow and its record",
		  test_a_later_handshake_turns_a_flow_and_its_record },
		{ "a first packet moves both scores by one",
		  test_a_first_packet_moves_both_scores_by_one },
		{ "equal scores keep the direction", test_equal_scores_keep_the_direction },
		{ "a proven server is not moved by a first packet",
		  test_a_proven_server_is_not_moved_by_a_first_packet },
		{ "configured ports are servers unless another is proven",
		  test_configured_ports_are_servers_unless_another_is_proven },
		{ "a high port is the client's where scores are close",
		  test_a_high_port_is_the_clients_where_scores_are_close },
		{ "who sends the address option is the client",
		  test_who_sends_the_address_option_is_the_client },
		{ "who answers the address option is a proven server",
		  test_who_answers_the_address_option_is_a_proven_server },
		{ "an echo reply first comes from the server",
		  test_an_echo_reply_first_comes_from_the_server },
		{ "a first packet without a header is judged by its ports",
		  test_a_first_packet_without_a_header_is_judged_by_its_ports },
		{ "what a flow shows serves flows that start later",
		  test_what_a_flow_shows_serves_flows_that_start_later },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/direction", tests);
}
