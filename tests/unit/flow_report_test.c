/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a flow's minutes: design, section 2, "Results do not depend on workers". */
#include "flow_table_test.h"
#include "weir_test.h"

#define A 0x0a000001
#define B 0x0a000002

static struct weir_pkt udp_at(uint64_t ts_ns)
{
	return pkt_udp(A, 1000, B, 53, ts_ns);
}

/* An open connection from T0 on: 300 s may pass without a packet. */
static void open_tcp(struct rig *r)
{
	const struct weir_pkt p = pkt_tcp(A, 1000, B, 80, ACK, T0), back = pkt_back(p, T0);

	rig_packet(r, &p);
	rig_packet(r, &back);
}

static void data_at(struct rig *r, uint64_t ts_ns)
{
	struct weir_pkt p = pkt_ipv4(IPPROTO_TCP, A, 1000, B, 80, ts_ns, 100);

	p.tcp_flags = PSHACK;
	CU_ASSERT_EQUAL(rig_packet(r, &p), WEIR_OUTCOME_FLOW);
}

static void expect_record(const struct rig *r, uint32_t i, uint64_t start_ns, uint64_t end_ns,
			  uint64_t packets)
{
	CU_ASSERT_TRUE_FATAL(i < r->n);
	CU_ASSERT_EQUAL(r->rec[i].start_ns, start_ns);
	CU_ASSERT_EQUAL(r->rec[i].end_ns, end_ns);
	CU_ASSERT_EQUAL(r->rec[i].packet[0] + r->rec[i].packet[1], packets);
	CU_ASSERT_EQUAL(r->rec[i].flow_start_ns, r->rec[0].flow_start_ns);
	CU_ASSERT_EQUAL(r->rec[i].flow_id, r->rec[0].flow_id);
	CU_ASSERT_EQUAL((r->rec[i].flags & WEIR_REC_NEW) != 0, i == 0);
}

static void test_a_minute_holds_its_start_and_not_its_end(void)
{
	struct rig r;

	rig_init(&r, 4, 0);
	open_tcp(&r);
	data_at(&r, T0 + MINUTE - 1);
	CU_ASSERT_EQUAL(r.n, 0);
	data_at(&r, T0 + MINUTE);
	CU_ASSERT_EQUAL(r.n, 1);
	data_at(&r, T0 + MINUTE + 7);
	rig_end(&r, T0 + MINUTE + 7);
	CU_ASSERT_EQUAL(r.n, 2);
	expect_record(&r, 0, T0, T0 + MINUTE, 3);
	expect_record(&r, 1, T0 + MINUTE, T0 + MINUTE + 7, 2);
	CU_ASSERT_EQUAL(r.rec[0].close_type, WEIR_CLOSE_FORCED_REPORT);
	CU_ASSERT_EQUAL(r.rec[1].close_type, WEIR_CLOSE_TIMEOUT);
	CU_ASSERT_EQUAL(r.rec[0].duration_ns, MINUTE - 1);
	CU_ASSERT_EQUAL(r.rec[1].duration_ns, MINUTE + 7);
	rig_fini(&r);
}

static void test_a_minute_without_packets_gives_no_record(void)
{
	struct rig r;

	rig_init(&r, 4, 0);
	open_tcp(&r);
	for (uint64_t now = T0; now < T0 + 4 * MINUTE; now += SECOND)
		rig_expire(&r, now);
	CU_ASSERT_EQUAL(r.n, 1);
	data_at(&r, T0 + 4 * MINUTE + 5);
	CU_ASSERT_EQUAL(r.n, 1);
	rig_end(&r, T0 + 4 * MINUTE + 5);
	CU_ASSERT_EQUAL(r.n, 2);
	expect_record(&r, 0, T0, T0 + MINUTE, 2);
	expect_record(&r, 1, T0 + 4 * MINUTE, T0 + 4 * MINUTE + 5, 1);
	rig_fini(&r);
}

/* Its last minute was reported, its deadline lies in the next one: the close says so, at its time. */
static void test_a_flow_that_ends_after_its_minute_closes_without_packets(void)
{
	const struct weir_pkt p = udp_at(T0), q = udp_at(T0 + 4 * SECOND);
	struct rig r;

	rig_init(&r, 4, 0);
	rig_packet(&r, &p);
	for (unsigned int i = 1; i <= 14; i++) {
		const struct weir_pkt more = pkt_at(q, T0 + i * 4 * SECOND);

		rig_packet(&r, &more);
	}
	rig_expire(&r, T0 + 2 * MINUTE);
	CU_ASSERT_EQUAL(r.n, 2);
	expect_record(&r, 0, T0, T0 + MINUTE, 15);
	expect_record(&r, 1, T0 + 56 * SECOND, T0 + 56 * SECOND, 0);
	CU_ASSERT_EQUAL(r.rec[1].close_type, WEIR_CLOSE_FINISH);
	rig_fini(&r);
}

static int compare(const void *a, const void *b)
{
	return weir_flow_rec_compare(a, b);
}

static void expect_same(struct rig *a, struct rig *b)
{
	CU_ASSERT_EQUAL(a->n, b->n);
	if (a->n != b->n)
		return;
	qsort(a->rec, a->n, sizeof(*a->rec), compare);
	qsort(b->rec, b->n, sizeof(*b->rec), compare);
	CU_ASSERT_EQUAL(memcmp(a->rec, b->rec, a->n * sizeof(*a->rec)), 0);
}

/* Times of the same packets through two tables, one of which hears the watermark all the time. */
static void expect_cut_alike(const uint64_t *at, unsigned int n)
{
	struct rig swept, unswept;
	uint64_t watermark = T0;

	rig_init(&swept, 4, 16);
	rig_init(&unswept, 4, 16);
	open_tcp(&swept);
	open_tcp(&unswept);
	for (unsigned int i = 0; i < n; i++) {
		for (; watermark < at[i]; watermark += SECOND / 3)
			rig_expire(&swept, watermark);
		watermark = weir_max_u64(watermark, at[i]);
		data_at(&swept, at[i]);
		data_at(&unswept, at[i]);
	}
	rig_end(&swept, watermark);
	rig_end(&unswept, watermark);
	expect_same(&swept, &unswept);
	rig_fini(&swept);
	rig_fini(&unswept);
}

static void test_a_cut_by_a_packet_is_a_cut_by_the_watermark(void)
{
	static const uint64_t minutes[] = { T0 + 10 * SECOND, T0 + 59 * SECOND, T0 + 65 * SECOND,
					    T0 + 119 * SECOND, T0 + 4 * MINUTE };
	static const uint64_t late[] = { T0 + 59 * SECOND, T0 + 60 * SECOND + 1,
					 T0 + 60 * SECOND - 1, T0 + 62 * SECOND };
	static const uint64_t hours[] = { T0 + 290 * SECOND, T0 + 580 * SECOND, T0 + 870 * SECOND,
					  T0 + 1200 * SECOND, T0 + 1201 * SECOND };

	expect_cut_alike(minutes, WEIR_ARRAY_SIZE(minutes));
	expect_cut_alike(late, WEIR_ARRAY_SIZE(late));
	expect_cut_alike(hours, WEIR_ARRAY_SIZE(hours));
}

/* Stamped before the minute's end, come after its cut: it counts into the next record. */
static void test_a_late_packet_counts_into_the_next_record(void)
{
	struct rig r;

	rig_init(&r, 4, 0);
	open_tcp(&r);
	data_at(&r, T0 + MINUTE + 1);
	data_at(&r, T0 + MINUTE - 1);
	data_at(&r, T0 + MINUTE + 2);
	rig_end(&r, T0 + MINUTE + 2);
	CU_ASSERT_EQUAL(r.n, 2);
	expect_record(&r, 0, T0, T0 + MINUTE, 2);
	expect_record(&r, 1, T0 + MINUTE, T0 + MINUTE + 2, 3);
	rig_fini(&r);
}

static void test_a_packet_older_than_its_flow_counts_in_it(void)
{
	const struct weir_pkt p = udp_at(T0), older = udp_at(T0 - SECOND / 2);
	struct rig r;

	rig_init(&r, 4, 0);
	rig_packet(&r, &p);
	rig_packet(&r, &older);
	rig_end(&r, T0);
	CU_ASSERT_EQUAL(r.n, 1);
	expect_record(&r, 0, T0, T0, 2);
	CU_ASSERT_EQUAL(r.rec[0].duration_ns, 0);
	rig_fini(&r);
}

/* The entry keeps 16 bits of the minute's number. */
static void test_a_flow_of_two_months_has_every_minute(void)
{
	enum { MINUTES = 90000 };
	struct rig r;

	rig_init(&r, 4, 0);
	open_tcp(&r);
	for (uint64_t i = 1; i <= MINUTES; i++) {
		data_at(&r, T0 + i * MINUTE + i % 3);
		if (i % 2)
			rig_expire(&r, T0 + i * MINUTE + i % 3);
	}
	rig_end(&r, T0 + MINUTES * MINUTE);
	CU_ASSERT_EQUAL_FATAL(r.n, MINUTES + 1);
	for (uint32_t i = 0; i <= MINUTES; i++) {
		CU_ASSERT_EQUAL(r.rec[i].start_ns, T0 + i * MINUTE);
		CU_ASSERT_EQUAL(r.rec[i].packet[0] + r.rec[i].packet[1], i == 0 ? 2 : 1);
	}
	rig_fini(&r);
}

static struct weir_pkt big_at(uint64_t ts_ns)
{
	struct weir_pkt p = udp_at(ts_ns);

	p.packet_len = 200000; /* BIG TCP's kind: 4 GiB are 21,475 of them */
	p.l3_payload_len = 199900;
	p.l4_payload_len = 199800;
	return p;
}

static void expect_bytes(const struct rig *r, uint64_t packets)
{
	uint64_t byte = 0, l3 = 0, l4 = 0, n = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		n += r->rec[i].packet[0];
		byte += r->rec[i].byte[0];
		l3 += r->rec[i].l3_byte[0];
		l4 += r->rec[i].l4_byte[0];
		CU_ASSERT_EQUAL(r->rec[i].byte[0], r->rec[i].packet[0] * 200000);
	}
	CU_ASSERT_EQUAL(n, packets);
	CU_ASSERT_EQUAL(byte, packets * 200000);
	CU_ASSERT_EQUAL(l3, packets * 199900);
	CU_ASSERT_EQUAL(l4, packets * 199800);
}

static void test_more_than_4_gib_in_a_second_are_exact(void)
{
	enum { PACKETS = 100000 }; /* 18.6 GiB */
	const struct weir_pkt p = big_at(T0);
	struct rig r;

	rig_init(&r, 4, 4);
	for (unsigned int i = 0; i < PACKETS; i++)
		rig_packet(&r, &p);
	rig_end(&r, T0);
	CU_ASSERT_EQUAL(r.n, 1);
	expect_bytes(&r, PACKETS);
	rig_fini(&r);
}

/* As in a file whose packets all have one time: the flow is put where so many would have brought it. */
static void test_more_than_4_gi_packets_in_a_minute_are_exact(void)
{
	enum {
		BEFORE = 30000,
		BEHIND = 10
	}; /* the first ones need wide counters for their bytes */
	const struct weir_pkt p = big_at(T0);
	uint64_t n = 0, skipped;
	struct rig r;

	rig_init(&r, 4, 4);
	for (unsigned int i = 0; i < BEFORE; i++)
		rig_packet(&r, &p);
	skipped = UINT32_MAX - 1 - cold_at(r.t, 0)->sum.packet[0];
	cold_at(r.t, 0)->sum.packet[0] = UINT32_MAX - 1;
	for (unsigned int i = 0; i < BEHIND; i++)
		rig_packet(&r, &p);
	rig_end(&r, T0);
	for (uint32_t i = 0; i < r.n; i++)
		n += r.rec[i].packet[0];
	CU_ASSERT_EQUAL(n, BEFORE + skipped + BEHIND);
	rig_fini(&r);
}

/* The wide counters of a minute begin again with the next one. */
static void test_more_than_4_gib_in_a_minute_are_exact(void)
{
	enum { PACKETS = 120000 };
	struct rig r;

	rig_init(&r, 4, 4);
	for (uint64_t i = 0; i < PACKETS; i++) {
		const struct weir_pkt p = big_at(T0 + i * WEIR_NS_PER_MS);

		rig_packet(&r, &p);
	}
	rig_end(&r, T0 + PACKETS * WEIR_NS_PER_MS);
	CU_ASSERT_EQUAL(r.n, 2);
	expect_bytes(&r, PACKETS);
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->ext_exhausted, 0);
	rig_fini(&r);
}

static void test_without_an_extension_a_minute_makes_two_records_and_stays_exact(void)
{
	enum { PACKETS = 30000 };
	const struct weir_pkt p = big_at(T0);
	struct rig r;

	rig_init(&r, 4, 0);
	for (unsigned int i = 0; i < PACKETS; i++)
		rig_packet(&r, &p);
	rig_end(&r, T0);
	CU_ASSERT_EQUAL(r.n, 2);
	CU_ASSERT_EQUAL(r.rec[0].close_type, WEIR_CLOSE_FORCED_REPORT);
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->ext_exhausted, 1);
	expect_bytes(&r, PACKETS);
	rig_fini(&r);
}

/* Late packets make a second end more than once; the sum is what counts. */
static void test_deltas_of_seconds_add_up_to_the_records(void)
{
	uint64_t random = 5, packet[2] = { 0 }, byte[2] = { 0 }, l3[2] = { 0 }, l4[2] = { 0 };
	uint64_t now = T0;
	struct rig r;

	rig_init(&r, 4, 4);
	open_tcp(&r);
	for (unsigned int i = 0; i < 5000; i++) {
		struct weir_pkt p = pkt_ipv4(IPPROTO_TCP, A, 1000, B, 80, 0,
					     rig_below(&random, 900));

		p.tcp_flags = ACK;
		now += rig_below(&random, 300) * WEIR_NS_PER_MS;
		p.ts_ns = now - rig_below(&random, 900) * WEIR_NS_PER_MS;
		if (rig_below(&random, 2))
			p = pkt_back(p, p.ts_ns);
		rig_packet(&r, &p);
		rig_expire(&r, now);
	}
	rig_end(&r, now);
	for (uint32_t i = 0; i < r.n; i++)
		for (unsigned int role = 0; role < 2; role++) {
			packet[role] += r.rec[i].packet[role];
			byte[role] += r.rec[i].byte[role];
			l3[role] += r.rec[i].l3_byte[role];
			l4[role] += r.rec[i].l4_byte[role];
		}
	CU_ASSERT_EQUAL(packet[0] + packet[1], 5002);
	for (unsigned int role = 0; role < 2; role++) {
		CU_ASSERT_EQUAL(r.total.packet[role], packet[role]);
		CU_ASSERT_EQUAL(r.total.byte[role], byte[role]);
		CU_ASSERT_EQUAL(r.total.l3_byte[role], l3[role]);
		CU_ASSERT_EQUAL(r.total.l4_byte[role], l4[role]);
	}
	rig_fini(&r);
}

static void test_a_full_ring_of_a_live_source_is_counted(void)
{
	struct rig r;

	rig_init(&r, 4, 0);
	open_tcp(&r);
	r.full = true;
	data_at(&r, T0 + MINUTE);
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->records_lost, 1);
	r.full = false;
	rig_end(&r, T0 + MINUTE);
	CU_ASSERT_EQUAL(r.n, 1);
	CU_ASSERT_EQUAL(r.rec[0].packet[0], 1); /* what was lost does not come again */
	CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->reports, 1);
	rig_fini(&r);
}

static void test_a_record_says_what_the_first_packet_and_the_port_said(void)
{
	struct weir_pkt p = pkt_to_ipv6(udp_at(T0)), arp = pkt_arp(A, B, T0);
	struct weir_attr a = rig_attr;
	const struct weir_flow_rec *rec;
	struct rig r;

	p.vlan = 7;
	p.ip_id = 99;
	p.tunnel = (struct weir_tunnel){ .type = WEIR_TUNNEL_VXLAN, .id = 42, .tier = 1 };
	a.capture_nic |= 0x0a0b0c << 8;
	a.network_type = 9;
	a.l2_end[WEIR_SRC] = a.l3_end[WEIR_DST] = 1;
	rig_init(&r, 4, 4);
	rig_packet_at(&r, &p, &a);
	rig_end(&r, T0);
	rec = &r.rec[0];
	CU_ASSERT_EQUAL(rec->capture_nic, a.capture_nic);
	CU_ASSERT_EQUAL(rec->capture_network_type, 9);
	CU_ASSERT_EQUAL(rec->vlan, 7);
	CU_ASSERT_EQUAL(rec->init_ipid, 99);
	CU_ASSERT_EQUAL(rec->eth_type, 0x86dd);
	CU_ASSERT_EQUAL(rec->is_ipv6, 1);
	CU_ASSERT_EQUAL(memcmp(rec->ip, p.ip, sizeof(rec->ip)), 0);
	CU_ASSERT_EQUAL(rec->l2_end[0] * 8 + rec->l2_end[1] * 4 + rec->l3_end[0] * 2 +
				rec->l3_end[1],
			9);
	CU_ASSERT_EQUAL(rec->tunnel[0].id, 42);
	CU_ASSERT_EQUAL(rec->tunnel[1].type, WEIR_TUNNEL_NONE);
	rig_packet(&r, &arp);
	rig_end(&r, T0);
	rec = &r.rec[1];
	CU_ASSERT_EQUAL(rec->eth_type, 0x0806);
	CU_ASSERT_EQUAL(rec->protocol, 0);
	CU_ASSERT_EQUAL(rec->port[0] + rec->port[1], 0);
	CU_ASSERT_EQUAL(ntohl(rec->ip[0].w[0]), A);
	rig_fini(&r);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a minute holds its start, and not its end",
		  test_a_minute_holds_its_start_and_not_its_end },
		{ "a minute without packets gives no record",
		  test_a_minute_without_packets_gives_no_record },
		{ "a flow that ends after its minute closes without packets",
		  test_a_flow_that_ends_after_its_minute_closes_without_packets },
		{ "a cut by a packet is a cut by the watermark",
		  test_a_cut_by_a_packet_is_a_cut_by_the_watermark },
		{ "a late packet counts into the next record",
		  test_a_late_packet_counts_into_the_next_record },
		{ "a packet older than its flow counts in it",
		  test_a_packet_older_than_its_flow_counts_in_it },
		{ "a flow of two months has every minute",
		  test_a_flow_of_two_months_has_every_minute },
		{ "more than 4 GiB in a second are exact",
		  test_more_than_4_gib_in_a_second_are_exact },
		{ "more than 2^32 packets in a minute are exact",
		  test_more_than_4_gi_packets_in_a_minute_are_exact },
		{ "more than 4 GiB in a minute are exact",
		  test_more_than_4_gib_in_a_minute_are_exact },
		{ "without an extension a minute makes two records and stays exact",
		  test_without_an_extension_a_minute_makes_two_records_and_stays_exact },
		{ "deltas of seconds add up to the records",
		  test_deltas_of_seconds_add_up_to_the_records },
		{ "a full ring of a live source is counted",
		  test_a_full_ring_of_a_live_source_is_counted },
		{ "a record says what the first packet and the port said",
		  test_a_record_says_what_the_first_packet_and_the_port_said },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/report", tests);
}
