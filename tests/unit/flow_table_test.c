/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table as a whole: random packets, in bursts and sweeps of any size, give what they give one by
 * one, and what a plain list of flows gives that knows nothing of the table.
 */
#include "flow_table_test.h"

#include "weir_test.h"

#define CONVERSATIONS 60
#define PACKETS       4000
#define RUNS          20

/* What two ends exchange over and over: a flow, and another when that one has ended. */
struct conversation {
	struct weir_pkt pkt; /* from end 0 to end 1 */
	uint8_t tap;
};

struct event {
	struct weir_pkt pkt;
	struct weir_attr attr;
	uint32_t conversation;
	unsigned int end;      /* that sent it */
	uint64_t watermark_ns; /* after it */
};

struct input {
	struct conversation c[CONVERSATIONS];
	struct event e[PACKETS];
};

/* TCP and UDP share addresses and ports; taps see the same ones. */
static void make_conversations(struct input *in, uint64_t *random)
{
	for (uint32_t i = 0; i < CONVERSATIONS; i++) {
		const uint32_t a = 0x0a000000 + i / 6, b = 0x0b000000 + i / 12;
		struct weir_pkt p;

		switch (i % 6) {
		case 0:
			p = pkt_arp(a, b, 0);
			break;
		case 1:
			p = pkt_ipv4(IPPROTO_ICMP, a, 0, b, 0, 0, 56);
			break;
		case 2:
			p = pkt_udp(a, (uint16_t)(1000 + i), b, 53, 0);
			break;
		default:
			p = pkt_tcp(a, (uint16_t)(1000 + i % 2), b, (uint16_t)(80 + i), ACK, 0);
			break;
		}
		if (i % 6 != 0 && rig_below(random, 3) == 0)
			p = pkt_to_ipv6(p);
		if (rig_below(random, 4) == 0)
			p.tunnel = (struct weir_tunnel){ .type = WEIR_TUNNEL_VXLAN, .tier = 1 };
		in->c[i] = (struct conversation){ .pkt = p,
						  .tap = (uint8_t)(1 + rig_below(random, 3)) };
	}
}

/* Mostly milliseconds; sometimes past a timeout, a minute, all of them. */
static uint64_t pause_ns(uint64_t *random)
{
	switch (rig_below(random, 100)) {
	case 0:
		return rig_below(random, 400) * SECOND;
	case 1:
	case 2:
		return rig_below(random, 70) * SECOND;
	case 3:
	case 4:
	case 5:
		return rig_below(random, 6) * SECOND;
	case 6:
	case 7:
	case 8:
	case 9: /* the shortest timeout, or that and the delay, where a late packet still decides */
		return (5 + rig_below(random, 2)) * SECOND -
		       rig_below(random, 400) * WEIR_NS_PER_MS;
	default:
		return rig_below(random, 200) * WEIR_NS_PER_MS;
	}
}

/* One in three, by as much as is tolerated, every other one of them by all of it. */
static uint64_t late_ns(uint64_t *random)
{
	switch (rig_below(random, 6)) {
	case 0:
		return SECOND;
	case 1:
		return rig_below(random, 1000) * WEIR_NS_PER_MS;
	default:
		return 0;
	}
}

static uint8_t any_flags(uint64_t *random)
{
	static const uint8_t flags[] = {
		SYN,    SYNACK, ACK,    ACK, ACK,        ACK,
		PSHACK, PSHACK, FINACK, RST, RST | 0x10, SYN | WEIR_TCP_FIN
	};

	return flags[rig_below(random, WEIR_ARRAY_SIZE(flags))];
}

static void make_packets(struct input *in, uint64_t *random, bool any_tcp)
{
	/* Few of them meet their deadlines and minutes more often. */
	const uint32_t active = rig_below(random, 2) ? 6 : CONVERSATIONS;
	uint64_t watermark = T0;

	for (uint32_t i = 0; i < PACKETS; i++) {
		struct event *e = &in->e[i];
		const uint32_t payload = rig_below(random, 1000);

		watermark += pause_ns(random);
		e->conversation = rig_below(random, active);
		e->end = rig_below(random, 4) == 0;
		e->watermark_ns = watermark;
		e->pkt = in->c[e->conversation].pkt;
		if (e->end == 1)
			e->pkt = pkt_back(e->pkt, 0);
		e->pkt.ts_ns = watermark - late_ns(random);
		if (e->pkt.proto == IPPROTO_TCP) {
			e->pkt.tcp_flags = any_tcp ? any_flags(random) : ACK;
			e->pkt.seq = (uint32_t)rig_random(random) % 3000;
			e->pkt.ack = (uint32_t)rig_random(random) % 3000;
		}
		e->pkt.packet_len += payload;
		e->pkt.l3_payload_len += payload;
		e->pkt.l4_payload_len += payload;
		e->attr = rig_attr;
		e->attr.tap = in->c[e->conversation].tap;
		e->attr.capture_nic = UINT64_C(4) << 60 | e->attr.tap;
	}
}

static struct input *make_input(uint64_t seed, bool any_tcp)
{
	static struct input in;
	uint64_t random = seed * 7919 + 1;

	make_conversations(&in, &random);
	make_packets(&in, &random, any_tcp);
	return &in;
}

static int compare(const void *a, const void *b)
{
	return weir_flow_rec_compare(a, b);
}

/* One by one, with a whole sweep after each. */
static void play_singly(struct rig *r, const struct input *in)
{
	for (uint32_t i = 0; i < PACKETS; i++) {
		CU_ASSERT_EQUAL(rig_packet_at(r, &in->e[i].pkt, &in->e[i].attr), WEIR_OUTCOME_FLOW);
		rig_expire(r, in->e[i].watermark_ns);
	}
	rig_end(r, in->e[PACKETS - 1].watermark_ns);
	qsort(r->rec, r->n, sizeof(*r->rec), compare);
}

/* In bursts of any size; now and then a sweep of any budget, up to any time that has come. */
static void play_in_bursts(struct rig *r, const struct input *in, uint64_t seed)
{
	struct weir_pkt pkts[WEIR_BURST_MAX];
	struct weir_attr attrs[WEIR_BURST_MAX];
	uint64_t random = seed + 99;

	for (uint32_t i = 0, n; i < PACKETS; i += n) {
		uint8_t outcome[WEIR_BURST_MAX] = { 0 };

		n = 1 + rig_below(&random, WEIR_BURST_MAX);
		if (n > PACKETS - i)
			n = PACKETS - i;
		for (uint32_t k = 0; k < n; k++) {
			pkts[k] = in->e[i + k].pkt;
			attrs[k] = in->e[i + k].attr;
		}
		weir_flow_table_burst(r->t, pkts, attrs, outcome, n);
		for (uint32_t k = 0; k < n; k++)
			CU_ASSERT_EQUAL(outcome[k], WEIR_OUTCOME_FLOW);
		if (rig_below(&random, 3) == 0)
			weir_flow_table_expire(r->t,
					       in->e[i + n - 1].watermark_ns -
						       rig_below(&random, 3) * SECOND,
					       rig_below(&random, 30));
	}
	rig_check_references(r);
	rig_end(r, in->e[PACKETS - 1].watermark_ns);
	qsort(r->rec, r->n, sizeof(*r->rec), compare);
}

static void test_bursts_and_sweeps_do_not_show_in_the_records(void)
{
	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		const struct input *in = make_input(seed, true);
		struct rig singly, bursts;

		rig_init(&singly, 100, 2000);
		rig_init(&bursts, 5000, 9000); /* another table, too */
		play_singly(&singly, in);
		play_in_bursts(&bursts, in, seed);
		CU_ASSERT_EQUAL(weir_flow_table_counters(singly.t)->ext_exhausted, 0);
		CU_ASSERT_EQUAL_FATAL(singly.n, bursts.n);
		CU_ASSERT_EQUAL(memcmp(singly.rec, bursts.rec, singly.n * sizeof(*singly.rec)), 0);
		rig_fini(&singly);
		rig_fini(&bursts);
	}
}

/* Packets, and bytes of the frame, behind the IP header, behind the transport header; by end. */
struct sums {
	uint64_t of[4][2];
};

static void sums_add(struct sums *s, unsigned int end, const struct weir_pkt *p)
{
	s->of[0][end]++;
	s->of[1][end] += p->packet_len;
	s->of[2][end] += p->l3_payload_len;
	s->of[3][end] += p->l4_payload_len;
}

/* What a record should say, and what it says. */
struct row {
	uint32_t conversation;
	bool is_last;
	uint64_t flow_start_ns, start_ns, end_ns;
	struct sums sums;
};

/* Rows are filled over zeroes. */
static int compare_rows(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct row));
}

struct rows {
	struct row row[2 * PACKETS];
	uint32_t n;
};

static struct row *rows_add(struct rows *rows)
{
	struct row *row = &rows->row[rows->n++];

	memset(row, 0, sizeof(*row));
	return row;
}

/* End 0 of a conversation is the record's client: 0, or its server: 1. */
static int role_of_end_0(const struct conversation *c, const struct weir_flow_rec *rec)
{
	if (rec->protocol != c->pkt.proto || (rec->capture_nic & 0xff) != c->tap ||
	    rec->is_ipv6 != ((c->pkt.flags & WEIR_PKT_IPV6) != 0) ||
	    rec->eth_type != c->pkt.eth_type)
		return -1;
	for (int role = 0; role < 2; role++)
		if (memcmp(&rec->ip[role], &c->pkt.ip[0], 16) == 0 &&
		    memcmp(&rec->ip[!role], &c->pkt.ip[1], 16) == 0 &&
		    rec->port[role] == c->pkt.port[0] && rec->port[!role] == c->pkt.port[1])
			return role;
	return -1;
}

static void row_of_record(struct row *row, const struct input *in, const struct weir_flow_rec *rec)
{
	const uint64_t *const counters[] = { rec->packet, rec->byte, rec->l3_byte, rec->l4_byte };
	int role = -1;

	for (uint32_t i = 0; role < 0 && i < CONVERSATIONS; i++) {
		role = role_of_end_0(&in->c[i], rec);
		row->conversation = i;
	}
	CU_ASSERT_NOT_EQUAL_FATAL(role, -1);
	row->is_last = rec->close_type != WEIR_CLOSE_FORCED_REPORT;
	row->flow_start_ns = rec->flow_start_ns;
	row->start_ns = rec->start_ns;
	row->end_ns = rec->end_ns;
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int end = 0; end < 2; end++)
			row->sums.of[i][end] = counters[i][end ^ (unsigned int)role];
}

static void test_every_packet_is_in_one_record_of_its_conversation(void)
{
	for (uint64_t seed = 100; seed < 100 + RUNS; seed++) {
		const struct input *in = make_input(seed, true);
		struct sums want[CONVERSATIONS], have[CONVERSATIONS];
		struct rig r;

		memset(want, 0, sizeof(want));
		memset(have, 0, sizeof(have));
		rig_init(&r, 100, 200); /* details are left out now and then */
		play_in_bursts(&r, in, seed);
		for (uint32_t i = 0; i < PACKETS; i++)
			sums_add(&want[in->e[i].conversation], in->e[i].end, &in->e[i].pkt);
		for (uint32_t i = 0; i < r.n; i++) {
			struct row row;

			row_of_record(&row, in, &r.rec[i]);
			for (unsigned int k = 0; k < 8; k++)
				have[row.conversation].of[k / 2][k % 2] +=
					row.sums.of[k / 2][k % 2];
		}
		CU_ASSERT_EQUAL(memcmp(want, have, sizeof(want)), 0);
		rig_fini(&r);
	}
}

/* The model: each conversation's open flow. TCP is only ever ACK in it: one-way or established. */
struct model_flow {
	bool open;
	uint64_t start_ns, last_ns;
	uint64_t minute; /* the one being counted */
	bool seen[2];
	struct sums sums;
};

/* Spec 4.3, its defaults. */
static uint64_t model_deadline(const struct model_flow *f, uint8_t proto)
{
	if (!f->seen[0] || !f->seen[1] || proto == IPPROTO_UDP)
		return f->last_ns + 5 * SECOND;
	return f->last_ns + (proto == IPPROTO_TCP ? 300 : 35) * SECOND;
}

static void model_emit(struct rows *rows, uint32_t conversation, struct model_flow *f, bool is_last)
{
	struct row *row = rows_add(rows);

	row->conversation = conversation;
	row->is_last = is_last;
	row->flow_start_ns = f->start_ns;
	row->start_ns = f->start_ns + f->minute * MINUTE;
	row->end_ns = row->start_ns + MINUTE;
	row->sums = f->sums;
	if (is_last && f->sums.of[0][0] + f->sums.of[0][1] == 0)
		row->start_ns = f->last_ns;
	if (is_last)
		row->end_ns = weir_max_u64(f->last_ns, row->start_ns);
	memset(&f->sums, 0, sizeof(f->sums));
}

/* It is `now_ns`: a minute with packets that is over is reported. */
static void model_turn(struct rows *rows, uint32_t conversation, struct model_flow *f,
		       uint64_t now_ns)
{
	const uint64_t minute = now_ns > f->start_ns ? (now_ns - f->start_ns) / MINUTE : 0;

	if (minute <= f->minute)
		return;
	if (f->sums.of[0][0] + f->sums.of[0][1] > 0)
		model_emit(rows, conversation, f, false);
	f->minute = minute;
}

static void model_close(struct rows *rows, uint32_t conversation, struct model_flow *f,
			uint64_t now_ns)
{
	model_turn(rows, conversation, f, now_ns);
	model_emit(rows, conversation, f, true);
	f->open = false;
}

static void model_packet(struct rows *rows, const struct event *e, struct model_flow *f)
{
	const uint64_t ts_ns = e->pkt.ts_ns;

	if (f->open && ts_ns >= model_deadline(f, e->pkt.proto))
		model_close(rows, e->conversation, f, model_deadline(f, e->pkt.proto));
	if (!f->open) {
		memset(f, 0, sizeof(*f));
		f->open = true;
		f->start_ns = f->last_ns = ts_ns;
	}
	model_turn(rows, e->conversation, f, ts_ns);
	f->last_ns = weir_max_u64(f->last_ns, ts_ns);
	f->seen[e->end] = true;
	sums_add(&f->sums, e->end, &e->pkt);
}

static void model_play(struct rows *rows, const struct input *in)
{
	const uint64_t safe_ns = in->e[PACKETS - 1].watermark_ns - SECOND; /* less the delay */
	struct model_flow flows[CONVERSATIONS];

	memset(flows, 0, sizeof(flows));
	rows->n = 0;
	for (uint32_t i = 0; i < PACKETS; i++)
		model_packet(rows, &in->e[i], &flows[in->e[i].conversation]);
	for (uint32_t i = 0; i < CONVERSATIONS; i++)
		if (flows[i].open)
			model_close(rows, i, &flows[i],
				    weir_min_u64(safe_ns,
						 model_deadline(&flows[i], in->c[i].pkt.proto)));
}

static void test_records_are_those_of_a_plain_list_of_flows(void)
{
	static struct rows want, have;

	for (uint64_t seed = 200; seed < 200 + RUNS; seed++) {
		const struct input *in = make_input(seed, false);
		struct rig r;

		rig_init(&r, 100, 500);
		play_in_bursts(&r, in, seed);
		model_play(&want, in);
		have.n = 0;
		for (uint32_t i = 0; i < r.n; i++)
			row_of_record(rows_add(&have), in, &r.rec[i]);
		qsort(want.row, want.n, sizeof(want.row[0]), compare_rows);
		qsort(have.row, have.n, sizeof(have.row[0]), compare_rows);
		CU_ASSERT_EQUAL_FATAL(want.n, have.n);
		for (uint32_t i = 0; i < want.n; i++)
			CU_ASSERT_EQUAL(compare_rows(&want.row[i], &have.row[i]), 0);
		rig_fini(&r);
	}
}

/* Whatever its size, a table counts each packet in a record, or says that it was full. */
static void test_tiny_tables_account_for_every_packet(void)
{
	for (uint32_t flows = 1; flows <= 64; flows++) {
		const struct input *in = make_input(flows, true);
		uint64_t counted = 0, full = 0;
		struct rig r;

		rig_init(&r, flows, flows % 5 * 3);
		for (uint32_t i = 0; i < PACKETS; i++) {
			full += rig_packet_at(&r, &in->e[i].pkt, &in->e[i].attr) ==
				WEIR_OUTCOME_TABLE_FULL;
			CU_ASSERT_TRUE(weir_flow_table_size(r.t) <= flows);
			weir_flow_table_expire(r.t, in->e[i].watermark_ns, i % 3);
		}
		rig_check_references(&r);
		rig_end(&r, in->e[PACKETS - 1].watermark_ns);
		for (uint32_t i = 0; i < r.n; i++)
			counted += r.rec[i].packet[0] + r.rec[i].packet[1];
		CU_ASSERT_EQUAL(counted + full, PACKETS);
		CU_ASSERT_EQUAL(r.t->ext.used, 0);
		CU_ASSERT_EQUAL(weir_flow_table_counters(r.t)->created,
				weir_flow_table_counters(r.t)->closed);
		rig_fini(&r);
	}
}

static void test_packets_with_another_outcome_are_left_alone(void)
{
	const struct weir_pkt pkts[] = { pkt_udp(1, 1, 2, 2, T0), pkt_udp(1, 1, 2, 2, T0) };
	const struct weir_attr attrs[] = { rig_attr, rig_attr };
	uint8_t outcome[] = { WEIR_OUTCOME_DUPLICATE, WEIR_OUTCOME_FLOW };
	struct rig r;

	rig_init(&r, 4, 0);
	weir_flow_table_burst(r.t, pkts, attrs, outcome, 2);
	CU_ASSERT_EQUAL(outcome[0], WEIR_OUTCOME_DUPLICATE);
	CU_ASSERT_EQUAL(outcome[1], WEIR_OUTCOME_FLOW);
	rig_end(&r, T0);
	CU_ASSERT_EQUAL(r.rec[0].packet[0], 1);
	rig_fini(&r);
}

static void test_a_table_that_cannot_be_is_refused(void)
{
	const struct weir_flow_hooks hooks = { .rec_reserve = rig_reserve };

	CU_ASSERT_PTR_NULL(
		weir_flow_table_create(&(struct weir_flow_budget){ .flows = 0 }, &hooks, 1));
	CU_ASSERT_PTR_NULL(
		weir_flow_table_create(&(struct weir_flow_budget){ .flows = 1u << REF_FLOW_BITS },
				       &hooks, 1));
	weir_flow_table_destroy(NULL);
}

/* Issue's bound: at most 320 B a tracked IPv4 TCP flow, with index, queues and half an extension. */
static void test_a_flow_takes_less_than_320_bytes(void)
{
	const struct weir_flow_budget small = { .flows = 1000, .ext_blocks = 500 };
	const struct weir_flow_budget large = { .flows = 1000000, .ext_blocks = 500000 };
	const size_t bytes = weir_flow_table_bytes(&large) - weir_flow_table_bytes(&small);

	CU_ASSERT_TRUE(bytes / 999000 < 320);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "bursts and sweeps do not show in the records",
		  test_bursts_and_sweeps_do_not_show_in_the_records },
		{ "every packet is in one record of its conversation",
		  test_every_packet_is_in_one_record_of_its_conversation },
		{ "records are those of a plain list of flows",
		  test_records_are_those_of_a_plain_list_of_flows },
		{ "tiny tables account for every packet",
		  test_tiny_tables_account_for_every_packet },
		{ "packets with another outcome are left alone",
		  test_packets_with_another_outcome_are_left_alone },
		{ "a table that cannot be is refused", test_a_table_that_cannot_be_is_refused },
		{ "a flow takes less than 320 bytes", test_a_flow_takes_less_than_320_bytes },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/table", tests);
}
