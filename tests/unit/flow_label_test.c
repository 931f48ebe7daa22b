/* SPDX-License-Identifier: Apache-2.0 */
/* What others know of a flow: asked of its first packet, once a burst, and kept. */
#include "flow_table_test.h"
#include "weir_test.h"

#define FLOWS 512

/* Who is asked: it knows of a flow the low 16 bits of both addresses. */
struct asked {
	unsigned int calls, flows;
	unsigned int of_call[FLOWS]; /* how many flows each was about */
};

static void label(const void *of, const struct weir_flow_first *firsts,
		  struct weir_flow_label *labels, unsigned int n)
{
	struct asked *a = (struct asked *)(uintptr_t)of;

	CU_ASSERT_FATAL(n > 0 && n <= WEIR_BURST_MAX && a->calls < FLOWS);
	a->of_call[a->calls++] = n;
	a->flows += n;
	for (unsigned int i = 0; i < n; i++)
		labels[i] = (struct weir_flow_label){
			.l3_vpc = { weir_be16(firsts[i].pkt->ip[0].b + 2),
				    weir_be16(firsts[i].pkt->ip[1].b + 2) },
			.point = { 1, 2 },
			.l2_end = { true, false },
			.l3_end = { false, true },
		};
}

/* As label() says, of the flow's first packet. */
static bool is_labelled(const struct weir_flow_rec *r)
{
	const bool turned = r->observation_point == 2;

	return r->observation_point != 0 && r->l3_epc_id[0] == weir_be16(r->ip[0].b + 2) &&
	       r->l3_epc_id[1] == weir_be16(r->ip[1].b + 2) && r->l2_end[turned] == 1 &&
	       r->l2_end[!turned] == 0 && r->l3_end[turned] == 0 && r->l3_end[!turned] == 1;
}

static bool all_labelled(const struct rig *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (!is_labelled(&r->rec[i]))
			return false;
	return true;
}

static void burst(struct rig *r, const struct weir_pkt *pkts, unsigned int n, uint8_t outcome)
{
	struct weir_attr attrs[WEIR_BURST_MAX];
	uint8_t outcomes[WEIR_BURST_MAX];

	for (unsigned int i = 0; i < n; i++) {
		attrs[i] = rig_attr;
		outcomes[i] = WEIR_OUTCOME_FLOW;
	}
	weir_flow_table_burst(r->t, pkts, attrs, outcomes, n);
	for (unsigned int i = 0; i < n; i++)
		CU_ASSERT_EQUAL(outcomes[i], outcome);
}

static void test_all_new_flows_of_a_burst_are_asked_about_once_and_known_ones_never(void)
{
	struct weir_pkt pkts[WEIR_BURST_MAX];
	struct asked a = { 0 };
	struct rig r;

	rig_init(&r, FLOWS, 64);
	weir_flow_table_label(r.t, label, &a, 0);
	for (unsigned int round = 0; round < 4;
	     round++) { /* a quarter is new in each, a quarter answers */
		for (unsigned int i = 0; i < WEIR_BURST_MAX; i++) {
			const uint32_t client = 0x0a000000 + 16 * (i % 4 == 0 ? round : 0) + i / 4;

			pkts[i] = pkt_udp(client, 40000, 0xc0a80001, 53, T0 + round);
			if (i % 4 == 1)
				pkts[i] = pkt_back(pkts[i], T0 + round);
		}
		burst(&r, pkts, WEIR_BURST_MAX, WEIR_OUTCOME_FLOW);
	}
	CU_ASSERT_EQUAL(a.calls, 4);
	for (unsigned int i = 0; i < a.calls; i++)
		CU_ASSERT_EQUAL(a.of_call[i], 16);
	rig_end(&r, T0);
	CU_ASSERT_EQUAL(r.n, 64);
	CU_ASSERT(all_labelled(&r));
	rig_fini(&r);
}

/* Its packets of a later second, of a later minute and after its end come with the first, in one burst. */
static void test_a_flow_that_reports_within_its_first_burst_has_its_label(void)
{
	const uint64_t times[] = { 0, SECOND, 4 * SECOND, 20 * SECOND, 20 * SECOND + 1 };
	struct weir_pkt pkts[WEIR_BURST_MAX];
	struct asked a = { 0 };
	struct rig r;

	rig_init(&r, FLOWS, 64);
	weir_flow_table_label(r.t, label, &a, 0);
	for (unsigned int i = 0; i < WEIR_BURST_MAX; i++) /* 12 flows */
		pkts[i] = pkt_udp(0x0a000000 + i / 5, 40000, 0xc0a80001, 53, T0 + times[i % 5]);
	burst(&r, pkts, 60, WEIR_OUTCOME_FLOW);
	CU_ASSERT_EQUAL(r.n, 12); /* each ended by its first silence, and began anew */
	CU_ASSERT_EQUAL(a.flows, 24);
	for (unsigned int i = 0; i < 30; i++) /* a minute of one flow, in a burst */
		pkts[i] = pkt_udp(0x0a000099, 40000, 0xc0a80001, 53, T0 + i * 3 * SECOND);
	burst(&r, pkts, 30, WEIR_OUTCOME_FLOW);
	CU_ASSERT_EQUAL(r.n, 13);
	CU_ASSERT_EQUAL(a.flows, 25);
	CU_ASSERT(all_labelled(&r));
	rig_end(&r, T0 + 90 * SECOND);
	CU_ASSERT_EQUAL(r.n, 13 + 13);
	CU_ASSERT(all_labelled(&r));
	rig_fini(&r);
}

/* A table of 16 flows and bursts of 64 SYNs: most flows are evicted within their burst. */
static void test_a_flow_that_is_evicted_within_its_first_burst_has_its_label(void)
{
	struct weir_pkt pkts[WEIR_BURST_MAX];
	struct asked a = { 0 };
	uint64_t flows = 0;
	struct rig r;

	rig_init(&r, 16, 64);
	weir_flow_table_label(r.t, label, &a, 0);
	for (unsigned int round = 0; round < 4; round++) {
		for (unsigned int i = 0; i < WEIR_BURST_MAX; i++)
			pkts[i] = pkt_tcp(0x0a000000 + round * 64 + i, 40000, 0xc0a80001, 443, SYN,
					  T0 + round);
		burst(&r, pkts, WEIR_BURST_MAX, WEIR_OUTCOME_FLOW);
	}
	CU_ASSERT_EQUAL(a.flows, 4 * WEIR_BURST_MAX);
	rig_end(&r, T0 + 4);
	for (uint32_t i = 0; i < r.n; i++) {
		flows += r.rec[i].flow_count;
		CU_ASSERT_EQUAL(r.rec[i].observation_point, 1); /* also what all of a sum share */
		CU_ASSERT_EQUAL(r.rec[i].l3_epc_id[1], 1);
		CU_ASSERT(r.rec[i].l2_end[0] == 1 && r.rec[i].l3_end[1] == 1);
		if (r.rec[i].flow_count > 1)
			CU_ASSERT_EQUAL(r.rec[i].l3_epc_id[0], 0);
	}
	CU_ASSERT_EQUAL(flows, 4 * WEIR_BURST_MAX);
	rig_fini(&r);
}

static void test_a_flow_that_turns_round_is_seen_from_its_other_side(void)
{
	struct weir_pkt p = pkt_tcp(0xc0a80002, 40001, 0x0a000001, 40000, ACK, T0);
	struct asked a = { 0 };
	struct rig r;

	rig_init(&r, FLOWS, 64);
	weir_flow_table_label(r.t, label, &a, 0);
	burst(&r, &p, 1, WEIR_OUTCOME_FLOW);
	p.tcp_flags = SYNACK; /* so it is the server */
	burst(&r, &p, 1, WEIR_OUTCOME_FLOW);
	rig_end(&r, T0 + 2);
	CU_ASSERT_EQUAL_FATAL(r.n, 1);
	CU_ASSERT_EQUAL(r.rec[0].port[0], 40000);
	CU_ASSERT_EQUAL(r.rec[0].observation_point, 2);
	CU_ASSERT(is_labelled(&r.rec[0]));
	CU_ASSERT_EQUAL(a.flows, 1);
	rig_fini(&r);
}

/* All ways in which VPCs can be alike, with and without groups of rules; by the flow's number. */
static struct weir_flow_label label_of(uint32_t i)
{
	static const int32_t vpcs[] = { 0, 5, -2, 65533 };
	struct weir_flow_label l = { .l3_vpc = { vpcs[i & 3], vpcs[i >> 2 & 3] },
				     .l2_vpc = { vpcs[i >> 4 & 3], vpcs[i >> 6 & 3] },
				     .gids_cut = i % 5 == 4 };

	for (uint32_t k = 0; k < i % 5 * 2; k++)
		l.gids[k] = (uint16_t)(1000 * k + 1 + i);
	return l;
}

static void label_by_number(const void *of, const struct weir_flow_first *firsts,
			    struct weir_flow_label *labels, unsigned int n)
{
	(void)of;
	for (unsigned int i = 0; i < n; i++)
		labels[i] = label_of(weir_be16(firsts[i].pkt->ip[0].b + 2));
}

static void all_labels(struct rig *r, uint32_t ext_blocks)
{
	rig_init(r, FLOWS, ext_blocks);
	weir_flow_table_label(r->t, label_by_number, NULL, 0);
	for (uint32_t i = 0; i < 256; i++) {
		const struct weir_pkt p = pkt_udp(0x0a000000 + i, 40000, 0xc0a80001, 53, T0);

		CU_ASSERT_EQUAL(rig_packet(r, &p), WEIR_OUTCOME_FLOW);
	}
	rig_end(r, T0);
	CU_ASSERT_EQUAL(r->n, 256);
}

static void test_vpcs_and_groups_of_rules_are_kept_as_they_were_said(void)
{
	uint64_t cut = 0;
	struct rig r;

	all_labels(&r, 512); /* labels leave half of them to others */
	for (uint32_t i = 0; i < r.n; i++) {
		const struct weir_flow_label l = label_of(weir_be16(r.rec[i].ip[0].b + 2));

		CU_ASSERT_EQUAL(memcmp(r.rec[i].l3_epc_id, l.l3_vpc, sizeof(l.l3_vpc)), 0);
		CU_ASSERT_EQUAL(memcmp(r.rec[i].epc_id, l.l2_vpc, sizeof(l.l2_vpc)), 0);
		CU_ASSERT_EQUAL(memcmp(r.rec[i].acl_gids, l.gids, sizeof(l.gids)), 0);
		cut += l.gids_cut;
	}
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->gids_cut, cut);
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->ext_exhausted, 0);
	CU_ASSERT_EQUAL(r.t->ext.used, 0); /* all were given back */
	rig_fini(&r);
}

/* A MAC's VPC that is neither end's, and groups: in an extension. */
static bool needs_ext(const struct weir_flow_label *l)
{
	bool needs = l->gids[0] != 0;

	for (unsigned int i = 0; i < 2; i++)
		needs |= l->l2_vpc[i] != 0 && l->l2_vpc[i] != l->l3_vpc[0] &&
			 l->l2_vpc[i] != l->l3_vpc[1];
	return needs;
}

static void test_what_finds_no_room_is_left_out_and_counted(void)
{
	uint64_t left_out = 0;
	struct rig r;

	all_labels(&r, 1);
	for (uint32_t i = 0; i < r.n; i++) {
		const struct weir_flow_label l = label_of(weir_be16(r.rec[i].ip[0].b + 2));
		bool is_same = memcmp(r.rec[i].epc_id, l.l2_vpc, sizeof(l.l2_vpc)) == 0;

		CU_ASSERT_EQUAL(memcmp(r.rec[i].l3_epc_id, l.l3_vpc, sizeof(l.l3_vpc)), 0);
		CU_ASSERT_EQUAL(r.rec[i].acl_gids[0], 0);
		CU_ASSERT(is_same || needs_ext(&l));
		left_out += needs_ext(&l);
	}
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->ext_exhausted, left_out);
	rig_fini(&r);
}

/* One packet each 10 s, by turns from both sides, from `minute` on; flows stay for half a minute of silence. */
static void a_minute(struct rig *r, struct weir_pkt p, unsigned int minute)
{
	for (unsigned int i = 0; i < 6; i++) {
		const uint64_t at = T0 + minute * MINUTE + i * 10 * SECOND;
		const struct weir_pkt now = i % 2 == 0 ? pkt_back(p, at) : pkt_at(p, at);

		burst(r, &now, 1, WEIR_OUTCOME_FLOW);
		weir_flow_table_expire(r->t, at, 1000);
	}
}

static void test_what_changes_is_asked_again_with_the_next_report_and_not_before(void)
{
	const struct weir_pkt p = pkt_tcp(0x0a000001, 40000, 0xc0a80002, 443, ACK, T0 + 1);
	struct asked a = { 0 };
	struct rig r;

	rig_init(&r, FLOWS, 64);
	burst(&r, &p, 1, WEIR_OUTCOME_FLOW); /* nobody is there to be asked */
	weir_flow_table_expire(r.t, T0 + 1, 1000);
	weir_flow_table_label(r.t, label, &a, 1);
	a_minute(&r, pkt_at(p, T0), 0);
	CU_ASSERT_EQUAL(a.flows, 0);
	a_minute(&r, p, 1); /* its first packet is 1 ns before the next report */
	CU_ASSERT_EQUAL(a.flows, 1);
	a_minute(&r, p, 2);
	weir_flow_table_label(r.t, label, &a, 2);
	a_minute(&r, p, 3);
	CU_ASSERT_EQUAL(a.flows, 2);
	for (unsigned int minute = 4; minute < 10; minute++) /* nothing has changed */
		a_minute(&r, p, minute);
	CU_ASSERT_EQUAL(a.flows, 2);
	weir_flow_table_label(r.t, NULL, NULL, 3);
	a_minute(&r, p, 10);
	a_minute(&r, p, 11);
	rig_end(&r, T0 + 12 * MINUTE);
	CU_ASSERT_EQUAL_FATAL(r.n, 12);
	CU_ASSERT_EQUAL(r.rec[0].observation_point, 0);
	for (unsigned int i = 1; i < 10; i++)
		CU_ASSERT(is_labelled(&r.rec[i]));
	CU_ASSERT_EQUAL(r.rec[11].observation_point, 0);
	CU_ASSERT_EQUAL(r.rec[11].l3_epc_id[1], 0);
	rig_fini(&r);
}

/* Every other flow is stored by a rule: a burst of SYNs, most of which are evicted within it. */
static void label_every_other(const void *of, const struct weir_flow_first *firsts,
			      struct weir_flow_label *labels, unsigned int n)
{
	(void)of;
	for (unsigned int i = 0; i < n; i++)
		labels[i] =
			(struct weir_flow_label){ .gids = { firsts[i].pkt->ip[0].b[3] % 2 * 7 } };
}

static void test_a_sum_has_no_group_of_rules_that_not_all_its_flows_share(void)
{
	struct weir_pkt pkts[WEIR_BURST_MAX];
	uint64_t with = 0, without = 0;
	struct rig r;

	rig_init(&r, 16, 64);
	weir_flow_table_label(r.t, label_every_other, NULL, 0);
	for (unsigned int i = 0; i < WEIR_BURST_MAX; i++) /* the first has one */
		pkts[i] = pkt_tcp(0x0a000001 + i, 40000, 0xc0a80001, 443, SYN, T0);
	burst(&r, pkts, WEIR_BURST_MAX, WEIR_OUTCOME_FLOW);
	rig_end(&r, T0);
	for (uint32_t i = 0; i < r.n; i++) {
		if (r.rec[i].acl_gids[0] == 7)
			with += r.rec[i].flow_count;
		else
			without += r.rec[i].flow_count;
	}
	CU_ASSERT_EQUAL(with, WEIR_BURST_MAX / 2);
	CU_ASSERT_EQUAL(without, WEIR_BURST_MAX / 2);
	rig_fini(&r);
}

/* All flows end by the clock of the slowest tap, which is 2 s behind the one this flow is on. */
static void test_a_flow_on_a_tap_that_is_ahead_is_asked_about_again(void)
{
	const uint64_t behind = 2 * SECOND, begin = T0 + behind - SECOND / 2;
	const struct weir_pkt p = pkt_tcp(0x0a000001, 40000, 0xc0a80002, 443, ACK, begin);
	struct asked a = { 0 };
	struct rig r;

	rig_init(&r, FLOWS, 64);
	weir_flow_table_expire(r.t, T0, 1000);
	burst(&r, &p, 1, WEIR_OUTCOME_FLOW);
	weir_flow_table_label(r.t, label, &a, 1);
	for (uint64_t at = SECOND; at <= 2 * MINUTE; at += SECOND) {
		const struct weir_pkt now = at / SECOND % 2 == 0 ? pkt_back(p, begin + at)
								 : pkt_at(p, begin + at);

		burst(&r, &now, 1, WEIR_OUTCOME_FLOW);
		weir_flow_table_expire(r.t, begin + at - behind, 1000);
	}
	CU_ASSERT_EQUAL(a.flows, 1);
	rig_end(&r, begin + 2 * MINUTE);
	CU_ASSERT_EQUAL_FATAL(r.n, 3);
	CU_ASSERT_EQUAL(r.rec[0].observation_point, 0);
	CU_ASSERT(is_labelled(&r.rec[1]) && is_labelled(&r.rec[2]));
	rig_fini(&r);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "all new flows of a burst are asked about once and known ones never",
		  test_all_new_flows_of_a_burst_are_asked_about_once_and_known_ones_never },
		{ "a flow that reports within its first burst has its label",
		  test_a_flow_that_reports_within_its_first_burst_has_its_label },
		{ "a flow that is evicted within its first burst has its label",
		  test_a_flow_that_is_evicted_within_its_first_burst_has_its_label },
		{ "a flow that turns round is seen from its other side",
		  test_a_flow_that_turns_round_is_seen_from_its_other_side },
		{ "VPCs and groups of rules are kept as they were said",
		  test_vpcs_and_groups_of_rules_are_kept_as_they_were_said },
		{ "what finds no room is left out and counted",
		  test_what_finds_no_room_is_left_out_and_counted },
		{ "what changes is asked again with the next report, and not before",
		  test_what_changes_is_asked_again_with_the_next_report_and_not_before },
		{ "a sum has no group of rules that not all its flows share",
		  test_a_sum_has_no_group_of_rules_that_not_all_its_flows_share },
		{ "a flow on a tap that is ahead is asked about again",
		  test_a_flow_on_a_tap_that_is_ahead_is_asked_about_again },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/label", tests);
}
