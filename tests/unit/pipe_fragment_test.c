/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <pipe_priv.h>
#include <stdlib.h>

#define START_NS (UINT64_C(1700000000) * WEIR_NS_PER_S)
#define MS       WEIR_NS_PER_MS
#define HOLD_NS  (500 * MS)

static const struct weir_fragment_conf roomy = { .datagrams = 1024, .frames = 512, HOLD_NS };

/* One fragment as decoding would show it. */
struct sample {
	struct weir_frame frame;
	struct weir_pkt pkt;
};

static const uint8_t bytes[1514];

static struct sample fragment(uint64_t ts_ns, uint32_t id, uint16_t offset)
{
	struct sample s = {
		.frame = { .data = bytes, .ts_ns = ts_ns, .caplen = 1514, .wirelen = 1514 },
		.pkt = { .ts_ns = ts_ns, .ip_id = id, .proto = 17, .frag_off = offset },
	};

	s.pkt.ip[WEIR_SRC].b[0] = 10;
	s.pkt.ip[WEIR_DST].b[0] = 11;
	s.pkt.l3 = bytes + 14;
	s.pkt.flags = WEIR_PKT_IP | WEIR_PKT_FRAGMENT;
	if (offset > 0) {
		s.pkt.flags |= WEIR_PKT_LATER_FRAGMENT;
		return s;
	}
	s.pkt.flags |= WEIR_PKT_L4;
	s.pkt.port[WEIR_SRC] = 40000;
	s.pkt.port[WEIR_DST] = 2049;
	return s;
}

static struct sample whole(uint64_t ts_ns)
{
	struct sample s = fragment(ts_ns, 0, 0);

	s.pkt.flags = WEIR_PKT_IP | WEIR_PKT_L4;
	return s;
}

static enum weir_fragment_verdict step(struct weir_fragment *t, struct sample *s)
{
	return weir_fragment_step(t, 1, 9, &s->frame, &s->pkt);
}

static bool has_ports(const struct weir_frame *frame, uint16_t src, uint16_t dst)
{
	return (frame->flags & WEIR_FRAME_PORTS) != 0 && frame->ports[WEIR_SRC] == src &&
	       frame->ports[WEIR_DST] == dst;
}

static struct weir_fragment *create(const struct weir_fragment_conf *conf)
{
	struct weir_fragment *t = weir_fragment_create(conf);

	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	return t;
}

static void test_later_fragments_take_the_ports_of_the_first(void)
{
	struct weir_fragment *t = create(&roomy);
	struct sample first = fragment(START_NS, 7, 0), later = fragment(START_NS + 1, 7, 185);

	CU_ASSERT_EQUAL(step(t, &first), WEIR_FRAGMENT_PASS);
	CU_ASSERT_FALSE(first.frame.flags & WEIR_FRAME_PORTS);
	CU_ASSERT_EQUAL(step(t, &later), WEIR_FRAGMENT_PASS);
	CU_ASSERT(has_ports(&later.frame, 40000, 2049));
	CU_ASSERT_EQUAL(later.pkt.port[WEIR_SRC], 40000);
	CU_ASSERT_EQUAL(later.pkt.port[WEIR_DST], 2049);
	weir_fragment_destroy(t);
}

static void test_early_ones_are_held_and_come_after_the_first(void)
{
	struct weir_fragment *t = create(&roomy);
	struct sample a = fragment(START_NS, 7, 185), b = fragment(START_NS + 1, 7, 370);
	struct sample first = fragment(START_NS + 2, 7, 0);
	struct weir_frame out[4];

	CU_ASSERT_EQUAL(step(t, &a), WEIR_FRAGMENT_HELD);
	CU_ASSERT_EQUAL(step(t, &b), WEIR_FRAGMENT_HELD);
	CU_ASSERT_EQUAL(weir_fragment_take_released(t, out, 4), 0);
	CU_ASSERT_EQUAL(step(t, &first), WEIR_FRAGMENT_PASS);
	CU_ASSERT_EQUAL_FATAL(weir_fragment_take_released(t, out, 4), 2);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(out[i].ts_ns, START_NS + (unsigned int)i);
		CU_ASSERT_EQUAL(out[i].wirelen, 1514);
		CU_ASSERT_EQUAL(out[i].caplen, WEIR_HELD_BYTES);
		CU_ASSERT(out[i].flags & WEIR_FRAME_HELD);
		CU_ASSERT(has_ports(&out[i], 40000, 2049));
		CU_ASSERT_EQUAL(memcmp(out[i].data, bytes, out[i].caplen), 0);
		weir_fragment_return(&out[i]);
	}
	CU_ASSERT_EQUAL(weir_fragment_held(&out[0])->tap, 1);
	CU_ASSERT_EQUAL(weir_fragment_held(&out[0])->slot, 9);
	CU_ASSERT_EQUAL(t->counters.held, 2);
	CU_ASSERT_EQUAL(t->counters.matched, 2);
	weir_fragment_destroy(t);
}

static void test_without_a_first_one_they_go_on_by_packet_time(void)
{
	struct weir_fragment *t = create(&roomy);
	struct sample a = fragment(START_NS, 7, 185), b = fragment(START_NS + MS, 7, 370);
	struct sample before = whole(START_NS + HOLD_NS - 1), at = whole(START_NS + HOLD_NS);
	struct weir_frame out[4];

	CU_ASSERT_EQUAL(step(t, &a), WEIR_FRAGMENT_HELD);
	CU_ASSERT_EQUAL(step(t, &b), WEIR_FRAGMENT_HELD);
	CU_ASSERT_FALSE(weir_fragment_is_needed(t, &before.pkt));
	CU_ASSERT(weir_fragment_is_needed(t, &at.pkt));
	CU_ASSERT_EQUAL(step(t, &at), WEIR_FRAGMENT_PASS);
	CU_ASSERT_EQUAL(weir_fragment_take_released(t, out, 4), 1);
	CU_ASSERT(has_ports(&out[0], 0, 0));
	weir_fragment_expire(t, START_NS + HOLD_NS + MS);
	CU_ASSERT_EQUAL(weir_fragment_take_released(t, out, 4), 1);
	CU_ASSERT_EQUAL(t->counters.expired, 2);
	CU_ASSERT_EQUAL(t->due_ns, UINT64_MAX);
	weir_fragment_destroy(t);
}

static void test_what_differs_in_any_part_of_the_key_is_another_datagram(void)
{
	struct weir_fragment *t = create(&roomy);
	struct sample first = fragment(START_NS, 7, 0), other[6];

	step(t, &first);
	for (int i = 0; i < 6; i++)
		other[i] = fragment(START_NS, 7, 185);
	other[0].pkt.ip_id = 8;
	other[1].pkt.proto = 6;
	other[2].pkt.ip[WEIR_SRC].b[3] = 1;
	other[3].pkt.ip[WEIR_DST].b[15] = 1;
	other[4].pkt.tunnel.id = 42;
	for (int i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(step(t, &other[i]), WEIR_FRAGMENT_HELD);
	CU_ASSERT_EQUAL(weir_fragment_step(t, 2, 9, &other[5].frame, &other[5].pkt),
			WEIR_FRAGMENT_HELD);
	weir_fragment_destroy(t);
}

static void test_an_id_used_again_takes_the_new_ports(void)
{
	struct weir_fragment *t = create(&roomy);
	struct sample first = fragment(START_NS, 7, 0), again = fragment(START_NS + MS, 7, 0);
	struct sample later = fragment(START_NS + 2 * MS, 7, 185);
	struct sample much_later = fragment(START_NS + 10 * WEIR_NS_PER_S, 7, 185);

	step(t, &first);
	again.pkt.port[WEIR_SRC] = 40001;
	step(t, &again);
	CU_ASSERT_EQUAL(step(t, &later), WEIR_FRAGMENT_PASS);
	CU_ASSERT(has_ports(&later.frame, 40001, 2049));
	/* After seconds it is a datagram whose first fragment has not come. */
	CU_ASSERT_EQUAL(step(t, &much_later), WEIR_FRAGMENT_HELD);
	weir_fragment_destroy(t);
}

static void test_protocols_without_ports_never_wait(void)
{
	struct weir_fragment *t = create(&roomy);
	struct sample icmp = fragment(START_NS, 7, 185);

	icmp.pkt.proto = 1;
	CU_ASSERT_EQUAL(step(t, &icmp), WEIR_FRAGMENT_PASS);
	CU_ASSERT_EQUAL(icmp.pkt.port[WEIR_SRC], 0);
	weir_fragment_destroy(t);
}

static void test_ipv6_fragments_match_by_id_whatever_follows(void)
{
	struct weir_fragment *t = create(&roomy);
	struct sample first = fragment(START_NS, 0x12345678, 0);
	struct sample later = fragment(START_NS, 0x12345678, 185);

	first.pkt.flags |= WEIR_PKT_IPV6;
	later.pkt.flags |= WEIR_PKT_IPV6;
	later.pkt.proto = 60; /* destination options come first in the part that is fragmented */
	step(t, &first);
	CU_ASSERT_EQUAL(step(t, &later), WEIR_FRAGMENT_PASS);
	CU_ASSERT(has_ports(&later.frame, 40000, 2049));
	weir_fragment_destroy(t);
}

static void test_what_is_full_passes_and_counts(void)
{
	const struct weir_fragment_conf tight = { .datagrams = 1024, .frames = 8, HOLD_NS };
	struct weir_fragment *t = create(&tight);

	for (uint32_t id = 0; id < 10; id++) {
		struct sample s = fragment(START_NS, id, 185);

		CU_ASSERT_EQUAL(step(t, &s), id < 4 ? WEIR_FRAGMENT_HELD : WEIR_FRAGMENT_PASS);
		if (id >= 4)
			CU_ASSERT(has_ports(&s.frame, 0, 0));
	}
	CU_ASSERT_EQUAL(t->counters.exhausted, 6);
	weir_fragment_destroy(t);
}

static void test_one_datagram_holds_at_most_64(void)
{
	struct weir_fragment *t = create(&roomy);

	for (uint16_t i = 1; i <= 65; i++) {
		struct sample s = fragment(START_NS, 7, i);

		CU_ASSERT_EQUAL(step(t, &s), i <= 64 ? WEIR_FRAGMENT_HELD : WEIR_FRAGMENT_PASS);
	}
	weir_fragment_destroy(t);
}

static void test_a_frame_whose_headers_do_not_fit_a_copy_is_not_held(void)
{
	struct weir_fragment *t = create(&roomy);
	struct sample deep = fragment(START_NS, 7, 185), shallow = deep;

	deep.pkt.l3 = bytes + 257;
	shallow.pkt.l3 = bytes + 256;
	CU_ASSERT_EQUAL(step(t, &deep), WEIR_FRAGMENT_PASS);
	CU_ASSERT_EQUAL(step(t, &shallow), WEIR_FRAGMENT_HELD);
	weir_fragment_destroy(t);
}

static void test_a_copy_is_used_again_only_when_it_was_returned(void)
{
	const struct weir_fragment_conf tight = { .datagrams = 1024, .frames = 2, HOLD_NS };
	struct weir_fragment *t = create(&tight);
	struct weir_frame out[3];

	for (uint32_t id = 0; id < 2; id++) {
		struct sample later = fragment(START_NS, id, 185),
			      first = fragment(START_NS, id, 0);

		CU_ASSERT_EQUAL(step(t, &later), WEIR_FRAGMENT_HELD);
		step(t, &first);
		CU_ASSERT_EQUAL(weir_fragment_take_released(t, &out[id], 1), 1);
	}
	struct sample later = fragment(START_NS, 9, 185);

	CU_ASSERT_EQUAL(step(t, &later), WEIR_FRAGMENT_PASS); /* both copies are out */
	weir_fragment_return(&out[0]);
	later = fragment(START_NS, 10, 185);
	CU_ASSERT_EQUAL(step(t, &later), WEIR_FRAGMENT_HELD);
	weir_fragment_destroy(t);
}

/* What comes out of a table, in order, as text to compare. */
struct sequence {
	uint64_t ts_ns[8192];
	uint16_t port[8192];
	unsigned int n;
};

static void append(struct sequence *seq, const struct weir_frame *frame)
{
	seq->ts_ns[seq->n] = frame->ts_ns;
	seq->port[seq->n++] = frame->flags & WEIR_FRAME_PORTS ? frame->ports[WEIR_SRC] : 1;
}

static void drain(struct weir_fragment *t, struct sequence *seq)
{
	struct weir_frame out[3];
	uint16_t n;

	while ((n = weir_fragment_take_released(t, out, 3)) > 0) {
		for (uint16_t i = 0; i < n; i++) {
			append(seq, &out[i]);
			weir_fragment_return(&out[i]);
		}
	}
}

/* 4000 packets, many of them fragments in any order, some without a first one; small tables. */
static void random_run(struct sequence *seq, bool only_needed)
{
	const struct weir_fragment_conf small = { .datagrams = 64, .frames = 64, HOLD_NS };
	struct weir_fragment *t = create(&small);

	srand(11);
	for (unsigned int i = 0; i < 4000; i++) {
		uint64_t ts_ns = START_NS + i * MS + (uint64_t)(rand() % 3) * MS;
		uint32_t id = i / 20 * 4 + (uint32_t)(rand() % 8);
		struct sample s = fragment(ts_ns, id, (uint16_t)(rand() % 4));

		if (rand() % 2 == 0)
			s = whole(ts_ns);
		if (only_needed && !weir_fragment_is_needed(t, &s.pkt)) {
			append(seq, &s.frame);
			continue;
		}
		if (step(t, &s) == WEIR_FRAGMENT_PASS)
			append(seq, &s.frame);
		drain(t, seq);
	}
	weir_fragment_flush(t);
	drain(t, seq);
	CU_ASSERT(t->counters.matched > 0 && t->counters.expired > 0 && t->counters.evicted > 0);
	CU_ASSERT_EQUAL(t->counters.held,
			t->counters.matched + t->counters.expired + t->counters.evicted);
	weir_fragment_destroy(t);
}

static void test_no_frame_vanishes_and_leaving_out_steps_changes_nothing(void)
{
	static struct sequence all, needed;

	random_run(&all, false);
	random_run(&needed, true);
	CU_ASSERT_EQUAL(all.n, 4000);
	CU_ASSERT_EQUAL(needed.n, 4000);
	CU_ASSERT_EQUAL(memcmp(all.ts_ns, needed.ts_ns, sizeof(all.ts_ns)), 0);
	CU_ASSERT_EQUAL(memcmp(all.port, needed.port, sizeof(all.port)), 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "later fragments take the ports of the first",
		  test_later_fragments_take_the_ports_of_the_first },
		{ "early ones are held and come after the first",
		  test_early_ones_are_held_and_come_after_the_first },
		{ "without a first one they go on by packet time",
		  test_without_a_first_one_they_go_on_by_packet_time },
		{ "what differs in any part of the key is another datagram",
		  test_what_differs_in_any_part_of_the_key_is_another_datagram },
		{ "an id used again takes the new ports",
		  test_an_id_used_again_takes_the_new_ports },
		{ "protocols without ports never wait", test_protocols_without_ports_never_wait },
		{ "IPv6 fragments match by id, whatever follows",
		  test_ipv6_fragments_match_by_id_whatever_follows },
		{ "what is full passes and counts", test_what_is_full_passes_and_counts },
		{ "one datagram holds at most 64", test_one_datagram_holds_at_most_64 },
		{ "a frame whose headers do not fit a copy is not held",
		  test_a_frame_whose_headers_do_not_fit_a_copy_is_not_held },
		{ "a copy is used again only when it was returned",
		  test_a_copy_is_used_again_only_when_it_was_returned },
		{ "no frame vanishes, and leaving out steps changes nothing",
		  test_no_frame_vanishes_and_leaving_out_steps_changes_nothing },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pipe/fragment", tests);
}
