/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <pipe_priv.h>

#define START_NS (UINT64_C(1700000000) * WEIR_NS_PER_S)
#define MS       WEIR_NS_PER_MS

/* Version, length 60, id 0x1234, DF, TTL 64, TCP, checksum, 10.0.0.1 -> 10.0.0.2; then TCP, payload. */
static const uint8_t tcp4[60] = {
	0x45, 0,    0,    60,   0x12, 0x34, 0x40, 0,    64, 6,
	0xab, 0xcd, 10,   0,    0,    1,    10,   0,    0,  2, /* IPv4 */
	0x80, 0,    0,    80,   0,    0,    0,    1,    0,  0,
	0,    9,    0x50, 0x18, 0xff, 0xff, 0x77, 0x88, 0,  0, /* TCP */
	'G',  'E',  'T',  ' ',  '/',
};

/* 40 bytes of payload, UDP, hop limit 64, 2001:db8::1 -> ::2. */
static const uint8_t udp6[80] = {
	0x60, 0, 0, 0, 0, 40, 17, 64, 0x20, 1, 0xd, 0xb8, 0, 0,  0,    0,
	0,    0, 0, 0, 0, 0,  0,  1,  0x20, 1, 0xd, 0xb8, 0, 0,  0,    0,
	0,    0, 0, 0, 0, 0,  0,  2,  0x80, 0, 0,   53,   0, 40, 0x66, 0x77,
};

struct sample {
	uint8_t l3[80];
	struct weir_pkt pkt;
	struct weir_attr attr;
};

static struct weir_dedup *d;
static struct weir_dedup_conf conf;

static struct sample sample_of(const uint8_t *l3, size_t len)
{
	struct sample s = { .attr = { .capture_nic = UINT64_C(4) << 60 | 1, .network_type = 3 } };

	memcpy(s.l3, l3, len);
	s.pkt.flags = WEIR_PKT_IP | WEIR_PKT_L4;
	if (l3[0] >> 4 == 6)
		s.pkt.flags |= WEIR_PKT_IPV6;
	else
		s.pkt.ip_id = weir_be16(l3 + 4);
	memcpy(s.pkt.mac[WEIR_SRC], "\x02\0\0\0\0\x01", 6);
	memcpy(s.pkt.mac[WEIR_DST], "\x02\0\0\0\0\x02", 6);
	s.pkt.payload_cap = (uint32_t)len; /* kept here for seen() */
	return s;
}

/* Is `s` a duplicate at START_NS + `after_ns`? */
static bool seen(struct sample s, uint64_t after_ns)
{
	uint8_t outcome = WEIR_OUTCOME_FLOW;

	s.pkt.l3 = s.l3;
	s.pkt.end = s.l3 + s.pkt.payload_cap;
	s.pkt.ts_ns = START_NS + after_ns;
	weir_dedup_burst(d, &conf, &s.pkt, &s.attr, &outcome, 1);
	return outcome == WEIR_OUTCOME_DUPLICATE;
}

static void fresh(void)
{
	weir_dedup_destroy(d);
	d = weir_dedup_create(4096, 42);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	conf.window_ns = WEIR_DEDUP_WINDOW_NS;
}

static void test_an_exact_repeat_within_10_ms_is_a_duplicate(void)
{
	struct sample s = sample_of(tcp4, sizeof(tcp4));

	fresh();
	CU_ASSERT_FALSE(seen(s, 0));
	CU_ASSERT(seen(s, 1));
	CU_ASSERT(seen(s, 10 * MS));
	CU_ASSERT_EQUAL(weir_dedup_counters(d)->duplicates, 2);
}

static void test_a_repeat_after_the_window_is_not(void)
{
	struct sample s = sample_of(tcp4, sizeof(tcp4));

	fresh();
	CU_ASSERT_FALSE(seen(s, 0));
	CU_ASSERT_FALSE(seen(s, 10 * MS + 1));
	CU_ASSERT(seen(s, 20 * MS)); /* of the second */
}

static void test_the_window_can_be_1_to_1000_ms(void)
{
	struct sample s = sample_of(tcp4, sizeof(tcp4));

	fresh();
	conf.window_ns = MS;
	CU_ASSERT_FALSE(seen(s, 0));
	CU_ASSERT_FALSE(seen(s, 2 * MS));
	conf.window_ns = 1000 * MS;
	CU_ASSERT(seen(s, 1002 * MS));
}

static void test_a_copy_that_is_stamped_earlier_is_a_duplicate(void)
{
	struct sample s = sample_of(tcp4, sizeof(tcp4));

	fresh();
	CU_ASSERT_FALSE(seen(s, 5 * MS));
	CU_ASSERT(seen(s, 0));
}

static void test_a_hop_changes_ttl_and_header_checksum_only(void)
{
	struct sample s = sample_of(tcp4, sizeof(tcp4)), hop = s;

	fresh();
	hop.l3[8]--;
	hop.l3[10] ^= 1;
	hop.l3[11] ^= 1;
	CU_ASSERT_FALSE(seen(s, 0));
	CU_ASSERT(seen(hop, 0));
}

static void test_any_other_byte_makes_another_packet(void)
{
	struct sample s = sample_of(tcp4, sizeof(tcp4));

	fresh();
	CU_ASSERT_FALSE(seen(s, 0));
	for (size_t i = 0; i < sizeof(tcp4); i++) {
		struct sample other = s;

		if (i == 8 || i == 10 || i == 11)
			continue;
		other.l3[i] ^= 0x80;
		CU_ASSERT_FALSE(seen(other, 0));
	}
}

static void test_other_macs_are_another_observation(void)
{
	struct sample s = sample_of(tcp4, sizeof(tcp4)), src = s, dst = s;

	fresh();
	src.pkt.mac[WEIR_SRC][5]++;
	dst.pkt.mac[WEIR_DST][0] ^= 4;
	CU_ASSERT_FALSE(seen(s, 0));
	CU_ASSERT_FALSE(seen(src, 0));
	CU_ASSERT_FALSE(seen(dst, 0));
}

static void test_another_tap_is_another_observation(void)
{
	struct sample s = sample_of(tcp4, sizeof(tcp4)), other = s;

	fresh();
	other.attr.capture_nic++;
	CU_ASSERT_FALSE(seen(s, 0));
	CU_ASSERT_FALSE(seen(other, 0));
}

static void test_a_retransmission_with_a_new_id_is_kept(void)
{
	struct sample s = sample_of(tcp4, sizeof(tcp4)), again = s;

	fresh();
	again.l3[5]++;
	again.pkt.ip_id++;
	CU_ASSERT_FALSE(seen(s, 0));
	CU_ASSERT_FALSE(seen(again, 1));
}

static void test_id_0_with_df_is_a_duplicate_within_1_ms_only(void)
{
	struct sample s = sample_of(tcp4, sizeof(tcp4));

	fresh();
	s.l3[4] = s.l3[5] = 0;
	s.pkt.ip_id = 0;
	CU_ASSERT_FALSE(seen(s, 0));
	CU_ASSERT(seen(s, MS));
	CU_ASSERT_FALSE(seen(s, MS + 1));
	s.l3[6] = 0; /* no DF: 0 is an identification like any other */
	CU_ASSERT_FALSE(seen(s, 20 * MS));
	CU_ASSERT(seen(s, 30 * MS));
}

static void test_ipv6_copies_differ_in_hop_limit_and_have_1_ms(void)
{
	struct sample s = sample_of(udp6, sizeof(udp6)), hop = s;

	fresh();
	hop.l3[7]--;
	CU_ASSERT_FALSE(seen(s, 0));
	CU_ASSERT(seen(hop, MS));
	CU_ASSERT_FALSE(seen(hop, 2 * MS));
	for (size_t i = 0; i < sizeof(udp6); i++) {
		struct sample other = s;

		other.l3[i] ^= 0x80;
		CU_ASSERT_EQUAL(seen(other, 2 * MS), i == 7);
	}
}

static void test_only_ip_of_the_cloud_network_is_looked_at(void)
{
	struct sample s = sample_of(tcp4, sizeof(tcp4));

	fresh();
	s.attr.network_type = 10;
	CU_ASSERT_FALSE(seen(s, 0));
	CU_ASSERT_FALSE(seen(s, 0));
	s.attr.network_type = 3;
	s.pkt.flags = WEIR_PKT_ARP;
	CU_ASSERT_FALSE(seen(s, 0));
	CU_ASSERT_FALSE(seen(s, 0));
}

static void test_a_packet_cut_anywhere_is_read_to_its_end_only(void)
{
	fresh();
	for (size_t len = 20; len <= sizeof(tcp4); len++) {
		struct sample s = sample_of(tcp4, sizeof(tcp4));

		s.pkt.payload_cap = (uint32_t)len;
		CU_ASSERT_FALSE(seen(s, 0)); /* what was captured is part of the name */
		memset(s.l3 + len, 0xff, sizeof(s.l3) - len);
		CU_ASSERT(seen(s, 0));
	}
}

static void test_a_full_set_forgets_the_oldest_and_counts_it(void)
{
	struct sample s = sample_of(tcp4, sizeof(tcp4));

	weir_dedup_destroy(d);
	d = weir_dedup_create(4, 42); /* one set */
	conf.window_ns = WEIR_DEDUP_WINDOW_NS;
	for (uint8_t i = 0; i < 5; i++) {
		s.l3[59] = i;
		CU_ASSERT_FALSE(seen(s, i));
	}
	CU_ASSERT_EQUAL(weir_dedup_counters(d)->evicted, 1);
	s.l3[59] = 4;
	CU_ASSERT(seen(s, 5));
	s.l3[59] = 0;
	CU_ASSERT_FALSE(seen(s, 6));
	s.l3[59] = 9; /* what is past the window makes room without a word */
	CU_ASSERT_FALSE(seen(s, 100 * MS));
	CU_ASSERT_EQUAL(weir_dedup_counters(d)->evicted, 2);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "an exact repeat within 10 ms is a duplicate",
		  test_an_exact_repeat_within_10_ms_is_a_duplicate },
		{ "a repeat after the window is not", test_a_repeat_after_the_window_is_not },
		{ "the window can be 1 to 1000 ms", test_the_window_can_be_1_to_1000_ms },
		{ "a copy that is stamped earlier is a duplicate",
		  test_a_copy_that_is_stamped_earlier_is_a_duplicate },
		{ "a hop changes TTL and header checksum only",
		  test_a_hop_changes_ttl_and_header_checksum_only },
		{ "any other byte makes another packet", test_any_other_byte_makes_another_packet },
		{ "other MACs are another observation", test_other_macs_are_another_observation },
		{ "another tap is another observation", test_another_tap_is_another_observation },
		{ "a retransmission with a new id is kept",
		  test_a_retransmission_with_a_new_id_is_kept },
		{ "id 0 with DF is a duplicate within 1 ms only",
		  test_id_0_with_df_is_a_duplicate_within_1_ms_only },
		{ "IPv6 copies differ in hop limit and have 1 ms",
		  test_ipv6_copies_differ_in_hop_limit_and_have_1_ms },
		{ "only IP of the cloud network is looked at",
		  test_only_ip_of_the_cloud_network_is_looked_at },
		{ "a packet cut anywhere is read to its end only",
		  test_a_packet_cut_anywhere_is_read_to_its_end_only },
		{ "a full set forgets the oldest and counts it",
		  test_a_full_set_forgets_the_oldest_and_counts_it },
		CU_TEST_INFO_NULL,
	};
	int status = weir_test_main("pipe/dedup", tests);

	weir_dedup_destroy(d);
	return status;
}
