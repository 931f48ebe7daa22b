/* SPDX-License-Identifier: Apache-2.0 */
#include "pipe_live_test.h"

#include <weir_capture.h>

#include <errno.h>

enum { PACKETS = 3000, SLOT = 5 };

struct rig {
	struct live l;
	struct live_script a;
	struct weir_pipe_port port;
	struct weir_pipe_tap tap;
};

static void rig_init(struct rig *r)
{
	live_start(&r->l, 1);
	live_script_init(&r->a, PACKETS);
	atomic_store(&r->a.allowed, 0);
	r->port = (struct weir_pipe_port){ .source = &r->a.s.src, .slot = SLOT };
	r->tap = (struct weir_pipe_tap){ .number = 1, .ports = &r->port, .n_ports = 1 };
	live_taps(&r->l, &r->tap, 1);
}

static void rig_let(struct rig *r, unsigned int packets)
{
	atomic_store(&r->a.allowed, packets);
	live_wait_received(&r->l, SLOT, packets);
}

static void rig_fini(struct rig *r)
{
	live_stop(&r->l);
	live_fini(&r->l);
	script_fini(&r->a.s);
}

static struct weir_capture *start(struct rig *r, const struct weir_capture_options *o)
{
	struct weir_capture *c = weir_capture_start(r->l.p, o, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

/* Is it packet `i` of the script, cut to `kept` bytes? */
static bool is_packet(const struct rig *r, const struct weir_captured *c, unsigned int i,
		      uint32_t kept)
{
	uint8_t bytes[FRAME_BYTES];
	const uint32_t len = script_frame(bytes, &r->a.s.item[i]);

	return c->slot == SLOT && c->link == WEIR_LINK_ETHER && c->ts_ns == r->a.s.item[i].ts_ns &&
	       c->wirelen == len && c->caplen == kept && memcmp(c->data, bytes, kept) == 0;
}

static void test_packets_between_start_and_stop_are_there_whole(void)
{
	const struct weir_capture_options o = { .slots = UINT64_C(1) << SLOT, .snaplen = 65535 };
	struct weir_captured packet;
	struct weir_capture *c;
	uint64_t matched, dropped;
	unsigned int n = 0;
	struct rig r;

	rig_init(&r);
	rig_let(&r, 100);
	c = start(&r, &o);
	rig_let(&r, 1100);
	weir_capture_stop(c);
	rig_let(&r, PACKETS);
	while (weir_capture_next(c, &packet))
		CU_ASSERT(is_packet(&r, &packet, 100 + n++, 74));
	CU_ASSERT_EQUAL(n, 1000);
	weir_capture_counts(c, SLOT, &matched, &dropped);
	CU_ASSERT_EQUAL(matched, 1000);
	CU_ASSERT_EQUAL(dropped, 0);
	weir_capture_destroy(c);
	rig_fini(&r);
}

static void test_what_finds_no_room_is_counted_and_the_rest_is_there(void)
{
	const struct weir_capture_options o = { .slots = UINT64_C(1) << SLOT,
						.snaplen = 30,
						.memory_bytes = 10000 };
	struct weir_captured packet;
	uint64_t matched, dropped;
	struct weir_capture *c;
	unsigned int n = 0;
	struct rig r;

	rig_init(&r);
	c = start(&r, &o);
	rig_let(&r, 1000);
	while (weir_capture_next(c, &packet))
		CU_ASSERT(is_packet(&r, &packet, n++, 30));
	weir_capture_counts(c, SLOT, &matched, &dropped);
	CU_ASSERT_EQUAL(matched, 1000);
	CU_ASSERT(n > 0 && dropped > 0);
	CU_ASSERT_EQUAL(n + dropped, matched);
	/* Taken away: there is room again, and memory is used round and round. */
	for (unsigned int at = 1000; at < PACKETS; at += 20) {
		rig_let(&r, at + 20);
		for (unsigned int i = 0; i < 20; i++)
			CU_ASSERT(weir_capture_next(c, &packet) &&
				  is_packet(&r, &packet, at + i, 30));
		CU_ASSERT_FALSE(weir_capture_next(c, &packet));
	}
	weir_capture_stop(c);
	weir_capture_destroy(c);
	rig_fini(&r);
}

static void test_only_packets_of_its_ports_that_match_its_filter(void)
{
	const struct weir_filter_options f = { .expression = "udp dst port 7001",
					       .links = 1u << WEIR_LINK_ETHER };
	struct weir_filter *filter = weir_filter_create(&f, NULL);
	const struct weir_capture_options o = { .slots = UINT64_C(1) << SLOT,
						.filter = filter,
						.snaplen = 65535 };
	const struct weir_capture_options other = { .slots = ~(UINT64_C(1) << SLOT),
						    .snaplen = 65535 };
	struct weir_capture *c, *none;
	struct weir_captured packet;
	unsigned int n = 0;
	struct rig r;

	CU_ASSERT_PTR_NOT_NULL_FATAL(filter);
	rig_init(&r);
	c = start(&r, &o);
	none = start(&r, &other);
	rig_let(&r, 1000);
	weir_capture_stop(c);
	weir_capture_stop(none);
	while (weir_capture_next(c, &packet))
		CU_ASSERT(is_packet(&r, &packet, 2 * n++ + 1, 74));
	CU_ASSERT_EQUAL(n, 500);
	CU_ASSERT_FALSE(weir_capture_next(none, &packet));
	weir_capture_destroy(c);
	weir_capture_destroy(none);
	weir_filter_destroy(filter);
	rig_fini(&r);
}

static void test_one_too_many_is_refused_until_another_ends(void)
{
	const struct weir_capture_options o = { .slots = 1, .snaplen = 64, .memory_bytes = 4096 };
	struct weir_capture *c[WEIR_CAPTURES_MAX];
	struct weir_err err = { 0 };
	struct rig r;

	rig_init(&r);
	for (unsigned int i = 0; i < WEIR_CAPTURES_MAX; i++)
		c[i] = start(&r, &o);
	CU_ASSERT_PTR_NULL(weir_capture_start(r.l.p, &o, &err));
	CU_ASSERT_EQUAL(err.code, EBUSY);
	for (unsigned int i = 0; i < WEIR_CAPTURES_MAX; i++) {
		weir_capture_stop(c[i]);
		weir_capture_destroy(c[i]);
		c[i] = start(&r, &o);
	}
	for (unsigned int i = 0; i < WEIR_CAPTURES_MAX; i++) {
		weir_capture_stop(c[i]);
		weir_capture_destroy(c[i]);
	}
	rig_fini(&r);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "packets between start and stop are there, whole",
		  test_packets_between_start_and_stop_are_there_whole },
		{ "what finds no room is counted, and the rest is there",
		  test_what_finds_no_room_is_counted_and_the_rest_is_there },
		{ "only packets of its ports that match its filter",
		  test_only_packets_of_its_ports_that_match_its_filter },
		{ "one too many is refused until another ends",
		  test_one_too_many_is_refused_until_another_ends },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pipe/capture", tests);
}
