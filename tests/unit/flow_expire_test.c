/* SPDX-License-Identifier: Apache-2.0 */
/* The end of flows: spec, data plane 4.3; eviction by design, section 2. */
#include "flow_table_test.h"
#include "weir_test.h"

#define A 0x0a000001
#define B 0x0a000002

static uint8_t flag_of(char letter)
{
	static const char letters[] = "FSRPAU"; /* from bit 0 on */
	const char *at = strchr(letters, letter);

	return at != NULL ? (uint8_t)(1 << (at - letters)) : 0;
}

/* Packets of one TCP conversation: '>' from A, '<' from B, then flags; a space between. */
static unsigned int tcp_script(const char *script, struct weir_pkt *pkts, uint64_t ts_ns)
{
	unsigned int n = 0;

	for (; *script != 0; script++) {
		const struct weir_pkt p = pkt_tcp(A, 1000, B, 80, 0, ts_ns + n);

		if (*script == '>')
			pkts[n++] = p;
		else if (*script == '<')
			pkts[n++] = pkt_back(p, p.ts_ns);
		else
			pkts[n - 1].tcp_flags |= flag_of(*script);
	}
	return n;
}

/* Settings that tell the classes apart. closed_fin has no setting: 2 s. */
#define CONF                                                     \
	((struct weir_flow_conf){ .established_ns = 50 * SECOND, \
				  .closing_rst_ns = 40 * SECOND, \
				  .opening_rst_ns = 3 * SECOND,  \
				  .others_ns = 7 * SECOND,       \
				  .delay_ns = 1 * SECOND })

/* The flow of these packets ends `timeout` after the last one: by a packet, and by the watermark. */
static void expect_timeout(const struct weir_pkt *pkts, unsigned int n, uint64_t timeout_s)
{
	const uint64_t deadline = pkts[n - 1].ts_ns + timeout_s * SECOND;
	struct rig r;

	for (uint64_t early = 0; early < 2; early++) {
		const struct weir_pkt next = pkt_at(pkts[n - 1], deadline - early);

		rig_init(&r, 4, 4);
		r.conf = CONF;
		rig_reconfigure(&r);
		for (unsigned int i = 0; i < n; i++)
			rig_packet(&r, &pkts[i]);
		rig_packet(&r, &next);
		CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->created, 2 - early);
		CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 1);
		rig_fini(&r);

		rig_init(&r, 4, 4);
		r.conf = CONF;
		rig_reconfigure(&r);
		for (unsigned int i = 0; i < n; i++)
			rig_packet(&r, &pkts[i]);
		for (uint64_t now = T0; now < deadline; now += SECOND)
			rig_expire(&r, now);
		rig_expire(&r, deadline + r.conf.delay_ns - early);
		rig_check_references(&r);
		CU_ASSERT_EQUAL(weir_flow_table_size(r.t), early);
		rig_expire(&r, deadline + r.conf.delay_ns + 9 * SECOND);
		CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 0);
		rig_fini(&r);
	}
}

static void test_each_tcp_state_waits_its_time(void)
{
	static const struct {
		const char *script;
		uint64_t timeout_s;
	} rows[] = {
		{ ">S", 7 },                      /* opening */
		{ ">S <SA", 7 },                  /* opening */
		{ ">S <SA >A", 50 },              /* established */
		{ ">A <A", 50 },                  /* established, met in the middle */
		{ ">S <SA >A >PA <PA", 50 },      /* established */
		{ ">S <SA >A >FA", 7 },           /* closing */
		{ ">S <SA >A >FA <FA", 7 },       /* closing */
		{ ">S <SA >A >FA <FA >A", 2 },    /* closed_fin */
		{ ">S <SA >A <FA >FA <A", 2 },    /* closed_fin */
		{ ">S <SA >A >FA <FA >R", 2 },    /* closed_fin */
		{ ">S <SA >A >R", 40 },           /* established_rst */
		{ ">S <SA >A <R", 40 },           /* established_rst */
		{ ">S <SA >A >R >R", 7 },         /* exception */
		{ ">S <SA >R", 3 },               /* opening_rst */
		{ ">S <SA >R <A", 3 },            /* opening_rst, for good */
		{ ">S <RA", 7 },                  /* closing */
		{ ">S <SA >SF", 7 },              /* exception */
		{ ">S <SA >A >FA <FA >A >PA", 7 } /* exception */
	};

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		struct weir_pkt pkts[16];

		expect_timeout(pkts, tcp_script(rows[i].script, pkts, T0), rows[i].timeout_s);
	}
}

/* "If either side has sent nothing the single_direction timeout overrides the state's." */
static void test_one_direction_alone_waits_as_an_opening_flow(void)
{
	static const char *const scripts[] = { ">A", ">A >PA >A", ">S >A", ">R", ">FA", "<SA" };

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(scripts); i++) {
		struct weir_pkt pkts[16];

		expect_timeout(pkts, tcp_script(scripts[i], pkts, T0), 7);
	}
}

static void test_udp_and_others_wait_their_time(void)
{
	const struct weir_pkt udp = pkt_udp(A, 1000, B, 53, T0), arp = pkt_arp(A, B, T0);
	const struct weir_pkt icmp = pkt_ipv4(IPPROTO_ICMP, A, 0, B, 0, T0, 56);
	const struct weir_pkt udps[] = { udp, pkt_back(udp, T0 + 1) };
	const struct weir_pkt arps[] = { arp, pkt_back(arp, T0 + 1) };
	const struct weir_pkt icmps[] = { icmp, pkt_back(icmp, T0 + 1) };

	expect_timeout(udps, 1, 7);
	expect_timeout(udps, 2, 7);
	expect_timeout(arps, 1, 7);
	expect_timeout(arps, 2, 40);
	expect_timeout(icmps, 1, 7);
	expect_timeout(icmps, 2, 40);
}

/* A day and more is looked at every few seconds, 1 ms sooner than that. */
static void test_timeouts_far_above_and_below_the_sweep_hold(void)
{
	static const uint64_t timeouts[] = { WEIR_NS_PER_MS, SECOND, 9 * SECOND, 86400 * SECOND };

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(timeouts); i++) {
		struct weir_pkt pkts[16];
		const unsigned int n = tcp_script(">S <SA >A", pkts, T0);
		const uint64_t deadline = pkts[n - 1].ts_ns + timeouts[i];
		struct rig r;

		rig_init(&r, 4, 4);
		r.conf.established_ns = timeouts[i];
		rig_reconfigure(&r);
		for (unsigned int k = 0; k < n; k++)
			rig_packet(&r, &pkts[k]);
		for (uint64_t now = T0 + SECOND; now < deadline + SECOND;
		     now += timeouts[i] / 7 + 1)
			rig_expire(&r, now);
		CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 1);
		/* 5 s: that of the queue it began in */
		rig_expire(&r, weir_max_u64(deadline + SECOND, T0 + 7 * SECOND));
		CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 0);
		rig_fini(&r);
	}
}

/* The view was built anew where the old one had been. */
static void test_new_settings_at_the_same_address_are_heeded(void)
{
	const struct weir_pkt p = pkt_udp(A, 1000, B, 53, T0), late = pkt_at(p, T0 + 2 * SECOND);
	struct rig r;

	rig_init(&r, 4, 4);
	r.conf.others_ns = SECOND;
	rig_reconfigure(&r);
	rig_packet(&r, &p);
	rig_packet(&r, &late);
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->created, 2);
	rig_fini(&r);
}

static void test_a_budget_ends_a_sweep_and_the_next_goes_on(void)
{
	struct rig r;
	unsigned int sweeps = 1;

	rig_init(&r, 1000, 0);
	for (uint16_t i = 0; i < 1000; i++) {
		const struct weir_pkt p = pkt_udp(A, i + 1, B, 53, T0);

		rig_packet(&r, &p);
	}
	while (weir_flow_table_expire(r.t, T0 + 6 * SECOND, 100)) {
		CU_ASSERT_TRUE(weir_flow_table_size(r.t) + sweeps * (100 + CHUNK_REFS) >= 1000);
		sweeps++;
	}
	CU_ASSERT_TRUE(sweeps >= 9);
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 0);
	rig_fini(&r);
}

static void test_a_later_tcp_fragment_leaves_the_state_alone(void)
{
	struct weir_pkt pkts[16], fragment;
	unsigned int n = tcp_script(">S <SA >A >FA", pkts, T0);

	fragment = pkt_at(pkts[0], T0 + n);
	fragment.tcp_flags = 0;
	fragment.flags = WEIR_PKT_IP | WEIR_PKT_FRAGMENT | WEIR_PKT_LATER_FRAGMENT;
	pkts[n++] = fragment;
	expect_timeout(pkts, n, 7); /* still closing */
}

/* Close types of a flow's last record: the state's, or those of what ended it. */
static struct weir_flow_rec last_of(const struct rig *r)
{
	CU_ASSERT_TRUE_FATAL(r->n > 0);
	return r->rec[r->n - 1];
}

static void play(struct rig *r, const char *script, uint16_t port, uint64_t ts_ns)
{
	struct weir_pkt pkts[16];
	const unsigned int n = tcp_script(script, pkts, ts_ns);

	for (unsigned int i = 0; i < n; i++) {
		pkts[i].port[pkts[i].port[0] == 80] = port;
		CU_ASSERT_EQUAL(rig_packet(r, &pkts[i]), WEIR_OUTCOME_FLOW);
	}
}

static bool holds(const struct rig *r, uint16_t port)
{
	const struct weir_pkt p = pkt_tcp(A, port, B, 80, ACK, T0);
	struct probe probe;

	probe_init(r->t, &p, &rig_attr, &probe);
	for (uint32_t i = 0; i < r->t->fresh; i++)
		if (flow_at(r->t, i)->queue != QUEUE_NONE && flow_match(r->t, i, &probe) >= 0)
			return true;
	return false;
}

/* Half-open, one-way, then longest idle; the oldest first. */
static void test_eviction_goes_by_the_policy(void)
{
	static const uint16_t order[] = { 1, 5, 3, 6, 2, 4 };
	static const enum flow_queue why[] = { QUEUE_HALF_OPEN, QUEUE_HALF_OPEN, QUEUE_ONE_WAY,
					       QUEUE_ONE_WAY,   QUEUE_LONG,      QUEUE_LONG };
	struct rig r;

	rig_init(&r, 6, 0);
	play(&r, ">S", 1, T0);
	play(&r, ">S <SA >A", 2, T0 + 10);
	play(&r, ">A", 3, T0 + 20);
	play(&r, ">S <SA >A", 4, T0 + 30);
	play(&r, ">S <SA", 5, T0 + 40);
	play(&r, ">FA", 6, T0 + 50); /* one-way, though closing */
	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(order); i++) {
		const struct weir_flow_counters *n = weir_flow_table_counters(r.t);

		/* Two-way at once, so that it is not the next victim. */
		play(&r, ">A <A", 100 + i, T0 + 100 + i);
		for (unsigned int k = 0; k < WEIR_ARRAY_SIZE(order); k++)
			CU_ASSERT_EQUAL(holds(&r, order[k]), k > i);
		folds_end(r.t);
		CU_ASSERT_EQUAL_FATAL(r.n, i + 1);
		CU_ASSERT_EQUAL(r.rec[i].port[0], i == 0 ? 0 : order[i]); /* folded: no client */
		CU_ASSERT_EQUAL((r.rec[i].flags & WEIR_REC_FOLD) != 0, why[i] == QUEUE_HALF_OPEN);
		CU_ASSERT_EQUAL(n->evicted_half_open + n->evicted_one_way + n->evicted_idle, i + 1);
		rig_check_references(&r);
	}
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->evicted_half_open, 2);
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->evicted_one_way, 2);
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->evicted_idle, 2);
	rig_fini(&r);
}

static void test_a_syn_evicts_no_established_flow(void)
{
	const struct weir_pkt syn = pkt_tcp(A, 9, B, 80, SYN, T0 + 100);
	struct rig r;

	rig_init(&r, 4, 0);
	for (uint16_t i = 1; i <= 4; i++)
		play(&r, ">S <SA >A", i, T0 + i);
	CU_ASSERT_EQUAL(rig_packet(&r, &syn), WEIR_OUTCOME_TABLE_FULL);
	CU_ASSERT_EQUAL(r.n, 0);
	for (uint16_t i = 1; i <= 4; i++)
		CU_ASSERT_TRUE(holds(&r, i));
	play(&r, ">A", 9, T0 + 101); /* what is no SYN may */
	CU_ASSERT_FALSE(holds(&r, 1));
	rig_fini(&r);
}

/* Each leaves a stale reference at the front of its queue. */
static void test_idle_flows_can_be_evicted_again_and_again(void)
{
	struct rig r;

	rig_init(&r, 64, 0);
	for (uint16_t i = 1; i <= 2000; i++)
		play(&r, ">A <A", i, T0 + 10 * i);
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->evicted_idle, 2000 - 64);
	for (uint16_t i = 2000 - 63; i <= 2000; i++)
		CU_ASSERT_TRUE(holds(&r, i));
	rig_check_references(&r);
	rig_fini(&r);
}

static void test_what_is_due_ends_before_any_is_evicted(void)
{
	struct rig r;
	struct weir_flow_rec rec;

	rig_init(&r, 4, 0);
	play(&r, ">A", 1, T0);
	for (uint16_t i = 2; i <= 4; i++)
		play(&r, ">S", i, T0 + 3 * SECOND);
	weir_flow_table_expire(r.t, T0 + 6 * SECOND, 0); /* the time is known, nothing was done */
	play(&r, ">S", 5, T0 + 6 * SECOND);
	rec = last_of(&r);
	CU_ASSERT_EQUAL(r.n, 1);
	CU_ASSERT_EQUAL(rec.port[0], 1);
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->evicted_one_way, 0);
	rig_fini(&r);
}

/* 60 packets of one flow need one entry, not 60. */
static void test_nothing_is_evicted_while_there_is_room(void)
{
	struct weir_pkt pkts[60];
	struct weir_attr attrs[60];
	uint8_t outcome[60] = { 0 };
	struct rig r;

	rig_init(&r, 12, 0);
	for (uint16_t i = 1; i <= 11; i++)
		play(&r, ">S", i, T0);
	for (unsigned int i = 0; i < 60; i++) {
		pkts[i] = pkt_tcp(A, 99, B, 80, SYN, T0 + 1);
		attrs[i] = rig_attr;
	}
	weir_flow_table_burst(r.t, pkts, attrs, outcome, 60);
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 12);
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->evicted_half_open, 0);
	rig_fini(&r);
}

/* Extensions are gone: IPv4 flows do not pay for it, half-open IPv6 flows do. */
static void test_ipv6_without_an_extension_takes_that_of_a_half_open_flow(void)
{
	struct weir_pkt ack = pkt_to_ipv6(pkt_tcp(A, 1, B, 80, ACK, T0)), back = pkt_back(ack, T0);
	struct weir_pkt syn = pkt_to_ipv6(pkt_tcp(A, 2, B, 80, SYN, T0));
	struct rig r;

	rig_init(&r, 100, 2);
	for (uint16_t i = 1; i <= 50; i++)
		play(&r, ">S", i, T0);
	rig_packet(&r, &ack);
	rig_packet(&r, &back);
	rig_packet(&r, &syn);
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 52);
	/* The half-open one of IPv6 is behind 50 others: found by every second packet. */
	for (uint16_t i = 3; i < 7; i++) {
		syn.port[0] = i;
		rig_packet(&r, &syn);
		CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 52);
	}
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->evicted_half_open, 2);
	CU_ASSERT_EQUAL(r.n, 2);
	CU_ASSERT_TRUE(r.rec[0].is_ipv6 && r.rec[1].is_ipv6);
	for (uint16_t i = 1; i <= 50; i++)
		CU_ASSERT_TRUE(holds(&r, i));
	rig_check_references(&r);
	rig_fini(&r);
}

static void test_ipv6_finds_no_room_where_established_flows_hold_every_extension(void)
{
	struct weir_pkt p = pkt_to_ipv6(pkt_tcp(A, 1, B, 80, ACK, T0)), back = pkt_back(p, T0);
	struct rig r;

	rig_init(&r, 100, 1);
	rig_packet(&r, &p);
	rig_packet(&r, &back);
	p.port[0] = 2;
	for (unsigned int i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(rig_packet(&r, &p), WEIR_OUTCOME_TABLE_FULL);
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 1);
	CU_ASSERT_EQUAL(r.n, 0);
	rig_fini(&r);
}

static void test_unanswered_flows_may_be_folded_and_evicted_half_open_ones_must(void)
{
	static const struct {
		const char *script;
		uint16_t flags;
	} rows[] = {
		{ ">S", WEIR_REC_UNANSWERED },
		{ ">S >S", WEIR_REC_UNANSWERED },
		{ ">S <SA", 0 },
		{ ">S <RA", 0 },
		{ ">A", 0 },
	};
	struct rig r;

	rig_init(&r, 4, 0);
	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		play(&r, rows[i].script, 1, T0 + i * MINUTE);
		rig_expire(&r, T0 + i * MINUTE + 30 * SECOND);
		CU_ASSERT_EQUAL(r.n, i + 1);
		CU_ASSERT_EQUAL(last_of(&r).flags & (WEIR_REC_UNANSWERED | WEIR_REC_FOLD),
				rows[i].flags);
	}
	rig_fini(&r);
}

static void test_a_flush_for_an_epoch_closes_one_tap_with_a_forced_report(void)
{
	const struct weir_pkt p = pkt_udp(A, 1000, B, 53, T0);
	struct weir_attr other = rig_attr;
	struct rig r;

	other.tap = 2;
	other.capture_nic = UINT64_C(4) << 60 | 2;
	rig_init(&r, 4, 0);
	rig_packet(&r, &p);
	rig_packet_at(&r, &p, &other);
	weir_flow_table_flush(r.t, 2, WEIR_FLUSH_EPOCH, T0 + 1);
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 1);
	CU_ASSERT_EQUAL(r.n, 1);
	CU_ASSERT_EQUAL(r.rec[0].capture_nic, other.capture_nic);
	CU_ASSERT_EQUAL(r.rec[0].close_type, WEIR_CLOSE_FORCED_REPORT);
	CU_ASSERT_TRUE(r.rec[0].flags & WEIR_REC_EPOCH);
	CU_ASSERT_TRUE(r.rec[0].flags & WEIR_REC_NEW);
	/* What was due ends as ever, epoch or not. */
	weir_flow_table_flush(r.t, 1, WEIR_FLUSH_EPOCH, T0 + 6 * SECOND);
	CU_ASSERT_EQUAL(r.n, 2);
	CU_ASSERT_NOT_EQUAL(r.rec[1].close_type, WEIR_CLOSE_FORCED_REPORT);
	CU_ASSERT_FALSE(r.rec[1].flags & WEIR_REC_EPOCH);
	rig_fini(&r);
}

static void test_the_end_of_input_ends_flows_by_their_state(void)
{
	struct rig r;

	rig_init(&r, 4, 0);
	play(&r, ">S", 1, T0);
	play(&r, ">S <SA >A", 2, T0);
	rig_end(&r, T0 + 1);
	CU_ASSERT_EQUAL(r.n, 2);
	CU_ASSERT_EQUAL(r.rec[0].close_type, WEIR_CLOSE_CLIENT_SYN_REPEAT);
	CU_ASSERT_EQUAL(r.rec[1].close_type, WEIR_CLOSE_TIMEOUT);
	rig_fini(&r);
}

/* Stale references of a flushed table meet the flows that follow. */
static void test_epochs_in_quick_succession_lose_no_flow(void)
{
	struct rig r;

	rig_init(&r, 8, 0);
	for (uint16_t epoch = 0; epoch < 500; epoch++) {
		for (uint16_t i = 1; i <= 8; i++)
			play(&r, ">S <SA >A", i, T0 + epoch * 1000 + i * 10);
		rig_check_references(&r);
		weir_flow_table_flush(r.t, 1, WEIR_FLUSH_EPOCH, T0 + epoch * 1000);
		CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 0);
	}
	CU_ASSERT_EQUAL(r.n, 500 * 8);
	rig_fini(&r);
}

/* The next file of --each: what was due in the one before is not due in it. */
static void test_after_a_flush_time_may_begin_anew(void)
{
	struct rig r;

	rig_init(&r, 2, 0);
	play(&r, ">A <A", 1, T0);
	rig_expire(&r, T0 + MINUTE);
	rig_end(&r, T0 + MINUTE);
	for (uint16_t i = 1; i <= 3; i++)
		play(&r, ">A <A", i, T0 - 3600 * SECOND + i * 10);
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->evicted_idle, 1);
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 2);
	rig_expire(&r, T0 - 3600 * SECOND + 302 * SECOND);
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 0);
	rig_fini(&r);
}

#define ESTABLISHED 1000
#define SYNS        1000000

static void flood_burst(struct rig *r, uint64_t *random, uint64_t ts_ns, unsigned int victim)
{
	static struct weir_pkt pkts[WEIR_BURST_MAX];
	static struct weir_attr attrs[WEIR_BURST_MAX];
	uint8_t outcome[WEIR_BURST_MAX] = { 0 };

	for (unsigned int i = 0; i < WEIR_BURST_MAX; i++) {
		pkts[i] = pkt_tcp((uint32_t)rig_random(random) | 1u << 31,
				  (uint16_t)rig_random(random), B, 80, SYN, ts_ns);
		attrs[i] = rig_attr;
	}
	/* In each burst one of the established flows goes on, both ways. */
	pkts[10] = pkt_tcp(A, (uint16_t)(1000 + victim), B, 443, PSHACK, ts_ns);
	pkts[40] = pkt_back(pkts[10], ts_ns);
	weir_flow_table_burst(r->t, pkts, attrs, outcome, WEIR_BURST_MAX);
	for (unsigned int i = 0; i < WEIR_BURST_MAX; i++)
		CU_ASSERT_EQUAL(outcome[i], WEIR_OUTCOME_FLOW);
}

/* Packets of the established flows' records; records of the flood. */
static void count_flood(const struct rig *r, uint64_t *packets, uint64_t *flood, uint64_t *folded)
{
	*packets = *flood = *folded = 0;
	for (uint32_t i = 0; i < r->n; i++) {
		if (r->rec[i].port[1] == 443) {
			*packets += r->rec[i].packet[0] + r->rec[i].packet[1];
			continue;
		}
		*flood += r->rec[i].packet[0];
		if ((r->rec[i].flags & WEIR_REC_FOLD) != 0)
			*folded += r->rec[i].flow_count;
	}
}

static void test_a_million_syns_leave_a_thousand_established_flows_exact(void)
{
	const unsigned int bursts = SYNS / (WEIR_BURST_MAX - 2);
	uint64_t random = 3, packets, flood, folded;
	const struct weir_flow_counters *n;
	struct rig r;

	rig_init(&r, 20000, 0);
	n = weir_flow_table_counters(r.t);
	for (unsigned int i = 0; i < ESTABLISHED; i++) {
		const struct weir_pkt syn = pkt_tcp(A, (uint16_t)(1000 + i), B, 443, SYN,
						    T0 - SECOND);
		struct weir_pkt synack = pkt_back(syn, T0 - SECOND), ack = syn;

		synack.tcp_flags = SYNACK;
		ack.tcp_flags = ACK;
		rig_packet(&r, &syn);
		rig_packet(&r, &synack);
		rig_packet(&r, &ack);
	}
	for (unsigned int i = 0; i < bursts; i++) { /* 20 s of it */
		const uint64_t now = T0 + i * (20 * SECOND / bursts);

		flood_burst(&r, &random, now, i % ESTABLISHED);
		weir_flow_table_expire(r.t, now, 512);
	}
	CU_ASSERT_EQUAL(n->evicted_one_way + n->evicted_idle, 0);
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 20000);
	rig_check_references(&r);
	rig_end(&r, T0 + 20 * SECOND);
	count_flood(&r, &packets, &flood, &folded);
	CU_ASSERT_EQUAL(packets, 3 * ESTABLISHED + 2 * bursts);
	CU_ASSERT_EQUAL(flood, (WEIR_BURST_MAX - 2) * bursts);
	CU_ASSERT_EQUAL(folded, n->evicted_half_open);
	CU_ASSERT_TRUE(folded > SYNS * 9 / 10);
	rig_fini(&r);
}

/* One-way whatever its flags: a flood of FINs does not lock out new connections. */
static void test_a_flood_of_other_flags_gives_way_to_a_syn(void)
{
	static const uint8_t flags[] = { FINACK, RST, ACK, WEIR_TCP_FIN | WEIR_TCP_URG };
	struct rig r;

	for (unsigned int k = 0; k < WEIR_ARRAY_SIZE(flags); k++) {
		rig_init(&r, 16, 0);
		for (uint16_t i = 1; i <= 100; i++) {
			const struct weir_pkt p = pkt_tcp(A, i, B, 80, flags[k], T0 + i);

			CU_ASSERT_EQUAL(rig_packet(&r, &p), WEIR_OUTCOME_FLOW);
		}
		play(&r, ">S <SA >A", 200, T0 + 200);
		CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->evicted_one_way, 100 + 1 - 16);
		rig_fini(&r);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "each TCP state waits its time", test_each_tcp_state_waits_its_time },
		{ "one direction alone waits as an opening flow",
		  test_one_direction_alone_waits_as_an_opening_flow },
		{ "UDP and others wait their time", test_udp_and_others_wait_their_time },
		{ "timeouts far above and below the sweep hold",
		  test_timeouts_far_above_and_below_the_sweep_hold },
		{ "new settings at the same address are heeded",
		  test_new_settings_at_the_same_address_are_heeded },
		{ "a budget ends a sweep, and the next goes on",
		  test_a_budget_ends_a_sweep_and_the_next_goes_on },
		{ "a later TCP fragment leaves the state alone",
		  test_a_later_tcp_fragment_leaves_the_state_alone },
		{ "eviction goes by the policy", test_eviction_goes_by_the_policy },
		{ "a SYN evicts no established flow", test_a_syn_evicts_no_established_flow },
		{ "idle flows can be evicted again and again",
		  test_idle_flows_can_be_evicted_again_and_again },
		{ "what is due ends before any is evicted",
		  test_what_is_due_ends_before_any_is_evicted },
		{ "nothing is evicted while there is room",
		  test_nothing_is_evicted_while_there_is_room },
		{ "IPv6 without an extension takes that of a half-open flow",
		  test_ipv6_without_an_extension_takes_that_of_a_half_open_flow },
		{ "IPv6 finds no room where established flows hold every extension",
		  test_ipv6_finds_no_room_where_established_flows_hold_every_extension },
		{ "unanswered flows may be folded, and evicted half-open ones must",
		  test_unanswered_flows_may_be_folded_and_evicted_half_open_ones_must },
		{ "a flush for an epoch closes one tap with a forced report",
		  test_a_flush_for_an_epoch_closes_one_tap_with_a_forced_report },
		{ "the end of input ends flows by their state",
		  test_the_end_of_input_ends_flows_by_their_state },
		{ "epochs in quick succession lose no flow",
		  test_epochs_in_quick_succession_lose_no_flow },
		{ "after a flush time may begin anew", test_after_a_flush_time_may_begin_anew },
		{ "a million SYNs leave a thousand established flows exact",
		  test_a_million_syns_leave_a_thousand_established_flows_exact },
		{ "a flood of other flags gives way to a SYN",
		  test_a_flood_of_other_flags_gives_way_to_a_syn },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/expire", tests);
}
