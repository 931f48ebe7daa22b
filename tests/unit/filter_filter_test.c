/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that are cut, tagged beside, long, or of another link; libpcap and its manual say what matches. */
#include "filter_test.h"

#define LONG 200000u

static const uint8_t plain[] = { MACS, 8, 0, IPV4_TCP };
static const uint8_t tagged[] = { MACS, 0x81, 0, 0x20, 100, 8, 0, IPV4_TCP }; /* VID 100 */
static const uint8_t two_tags[] = { MACS, 0x81, 0, 0x20, 100, 0x81, 0, 0, 7, 8, 0, IPV4_TCP };

static struct weir_frame frame(const uint8_t *bytes, uint32_t caplen)
{
	return (struct weir_frame){ .data = guarded(bytes, caplen),
				    .caplen = caplen,
				    .wirelen = caplen,
				    .link = WEIR_LINK_ETHER };
}

/* The frame with its first tag taken out of it and put beside. */
static struct weir_frame stripped(const uint8_t *bytes, uint32_t caplen)
{
	static uint8_t rest[LONG];
	struct weir_frame f;

	memcpy(rest, bytes, 12);
	memcpy(rest + 12, bytes + 16, caplen - 16);
	f = frame(rest, caplen - 4);
	f.wirelen = caplen;
	f.vlan_tci = weir_be16(bytes + 14);
	f.flags = WEIR_FRAME_VLAN;
	return f;
}

static void test_no_expression_matches_every_frame(void)
{
	struct weir_frame f = frame(plain, sizeof(plain)), none = frame(plain, 0);

	CU_ASSERT_TRUE(matches("", &f));
	CU_ASSERT_TRUE(matches("", &none));
	CU_ASSERT_TRUE(matches(NULL, &f));
}

static void test_len_is_the_length_on_the_wire(void)
{
	struct weir_frame f = frame(plain, sizeof(plain));

	f.wirelen = 1500;
	CU_ASSERT_TRUE(matches("len = 1500", &f));
	CU_ASSERT_TRUE(matches("greater 1500", &f));
	CU_ASSERT_FALSE(matches("greater 1501", &f));
	CU_ASSERT_TRUE(matches("less 1500", &f));
	CU_ASSERT_FALSE(matches("less 1499", &f));
}

/* Whole expression, not the part that reads: so it is in tcpdump. */
static void test_a_load_past_the_captured_bytes_is_no_match(void)
{
	struct weir_frame f = frame(plain, sizeof(plain));

	f.wirelen = 1500;
	CU_ASSERT_FALSE(matches("ether[100] = 0", &f));
	CU_ASSERT_FALSE(matches("not ether[100] = 0", &f));
	CU_ASSERT_FALSE(matches("ether[100] = 0 or ip", &f));
	CU_ASSERT_TRUE(matches("ip or ether[100] = 0", &f));
	CU_ASSERT_FALSE(matches("ether[55:4] = 0 or ip", &f)); /* one byte short */
	CU_ASSERT_TRUE(matches("ether[54:4] = 0x47455420", &f));
	CU_ASSERT_FALSE(matches("ether[ether[14]] = 0 or tcp", &f)); /* offset 69 */
	CU_ASSERT_FALSE(matches("ether[ip[0:4]] = 0 or tcp", &f));   /* offset 0x4500002c */
}

static void test_bytes_that_are_not_captured_are_not_read(void)
{
	static const char *const expressions[] = { "tcp port 80", "ip[ip[2:2]-4:4] = 0x47455420",
						   "ether[70000] = 1", "ether[ip[0:4]:4] = 1",
						   "tcp[(tcp[12]>>4)*4:4] = 0x47455420" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(expressions); i++) {
		struct both b = both_of(expressions[i]);

		for (uint32_t cut = 0; cut <= sizeof(plain); cut++) {
			struct weir_frame f = frame(plain, cut);

			both_match(&b, &f); /* the page behind it is not there */
		}
		both_destroy(&b);
	}
}

static void test_a_tag_beside_the_frame_is_a_tag_in_it(void)
{
	static const char *const expressions[] = {
		"vlan",
		"vlan 100",
		"vlan 101",
		"vlan and tcp port 80",
		"vlan 7",
		"tcp port 80",
		"ether[12:2] = 0x8100",
		"ip",
		"vlan and vlan 7 and ip",
		"not vlan",
		"ether proto 0x8100",
		"len = 62",
		"greater 66",
		"ether[58:4] = 0x47455420",
		"vlan && ip[2:2] = 44",
	};
	static const struct {
		const uint8_t *bytes;
		uint32_t len;
	} frames[] = { { tagged, sizeof(tagged) }, { two_tags, sizeof(two_tags) } };
	pcap_t *p = pcap_open_dead(DLT_EN10MB, WEIR_FRAME_MAX);

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(expressions); i++) {
		struct both b = both_of(expressions[i]);
		struct bpf_program program;

		CU_ASSERT_EQUAL_FATAL(pcap_compile(p, &program, expressions[i], 1,
						   PCAP_NETMASK_UNKNOWN),
				      0);
		for (size_t j = 0; j < WEIR_ARRAY_SIZE(frames); j++) {
			for (uint32_t cut = 16; cut <= frames[j].len; cut++) {
				struct weir_frame f = stripped(frames[j].bytes, cut);
				bool want = oracle(&program, frames[j].bytes, cut, cut);

				CU_ASSERT_EQUAL(both_match(&b, &f), want);
			}
		}
		pcap_freecode(&program);
		both_destroy(&b);
	}
	pcap_close(p);
}

static void test_a_tag_without_the_addresses_before_it_is_not_seen(void)
{
	struct weir_frame f = frame(plain, 11);

	f.flags = WEIR_FRAME_VLAN;
	f.wirelen = 15;
	CU_ASSERT_FALSE(matches("vlan", &f));
	CU_ASSERT_TRUE(matches("len = 15 and ether[10] = 0", &f));
	CU_ASSERT_FALSE(matches("ether[11] = 0 or ether[11] = 1", &f));
}

/* libpcap 1.10 puts it before the protocol, pcap-linux.c. */
static void test_a_tag_beside_a_cooked_frame_stands_before_its_protocol(void)
{
	static const uint8_t cooked[16] = { 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0 };
	struct weir_frame f = frame(cooked, sizeof(cooked));
	struct weir_err err = { 0 };
	struct both b;

	f.link = WEIR_LINK_SLL;
	f.flags = WEIR_FRAME_VLAN;
	f.vlan_tci = 100;
	CU_ASSERT_FATAL(both_create(&b, "link[14:4] = 0x81000064 and link[18:2] = 0x0800",
				    1u << WEIR_LINK_SLL, &err));
	CU_ASSERT_TRUE(both_match(&b, &f));
	both_destroy(&b);
}

static uint8_t *long_bytes(void)
{
	static uint8_t bytes[LONG];

	for (uint32_t i = 0; i < LONG; i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	return memcpy(bytes, tagged, sizeof(tagged)) != NULL ? bytes : NULL;
}

static void test_frames_longer_than_a_segment_are_seen_to_their_end(void)
{
	static const uint32_t offsets[] = { 120,    124,    126,    65533,  65534,  65535,  65536,
					    65655,  65659,  65662,  70000,  131069, 131071, 196605,
					    199995, 199996, 199997, 199999, 200000, 262140 };
	uint8_t *bytes = long_bytes();
	pcap_t *p = pcap_open_dead(DLT_EN10MB, WEIR_FRAME_MAX);

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(offsets); i++) {
		uint32_t at = offsets[i];
		struct bpf_program program;
		struct weir_frame f;
		char text[80];
		struct both b;

		snprintf(text, sizeof(text), "ether[%u:4] = 0x%08x", at,
			 at + 4 <= LONG ? weir_be32(bytes + at) : 0);
		CU_ASSERT_EQUAL_FATAL(pcap_compile(p, &program, text, 1, PCAP_NETMASK_UNKNOWN), 0);
		b = both_of(text);
		f = frame(bytes, LONG);
		CU_ASSERT_EQUAL(both_match(&b, &f), at + 4 <= LONG);
		CU_ASSERT_EQUAL(both_match(&b, &f), oracle(&program, bytes, LONG, LONG));
		f = stripped(bytes, LONG);
		CU_ASSERT_EQUAL(both_match(&b, &f), oracle(&program, bytes, LONG, LONG));
		both_destroy(&b);
		pcap_freecode(&program);
	}
	pcap_close(p);
}

static void test_the_longest_frame_with_a_tag_beside_it_is_seen_to_its_end(void)
{
	static uint8_t bytes[WEIR_FRAME_MAX];
	struct weir_frame f;

	bytes[WEIR_FRAME_MAX - 1] = 42;
	f = frame(bytes, WEIR_FRAME_MAX);
	CU_ASSERT_TRUE(matches("ether[262143] = 42", &f));
	CU_ASSERT_FALSE(matches("ether[262144] = 0 or ether[0] = 0", &f));
	f.flags = WEIR_FRAME_VLAN;
	f.wirelen += 4;
	CU_ASSERT_TRUE(matches("ether[262147] = 42", &f));
	CU_ASSERT_FALSE(matches("ether[262148] = 0 or ether[0] = 0", &f));
}

static void test_only_frames_that_go_on_are_filtered(void)
{
	static const uint8_t before[] = { WEIR_OUTCOME_FLOW,      WEIR_OUTCOME_FLOW,
					  WEIR_OUTCOME_MALFORMED, WEIR_OUTCOME_SHORT,
					  WEIR_OUTCOME_LINKTYPE,  WEIR_OUTCOME_FLOW };
	static const uint8_t after[] = { WEIR_OUTCOME_FLOW,      WEIR_OUTCOME_FILTERED,
					 WEIR_OUTCOME_MALFORMED, WEIR_OUTCOME_SHORT,
					 WEIR_OUTCOME_LINKTYPE,  WEIR_OUTCOME_FLOW };
	struct weir_frame frames[6];
	struct both b = both_of("tcp port 80");
	uint8_t outcomes[6];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(frames); i++)
		frames[i] = (struct weir_frame){ .data = i % 5 ? tagged : plain,
						 .caplen = sizeof(plain),
						 .link = WEIR_LINK_ETHER };
	memcpy(outcomes, before, sizeof(before));
	weir_filter_burst(b.native, frames, 6, outcomes);
	CU_ASSERT_EQUAL(memcmp(outcomes, after, sizeof(after)), 0);
	memcpy(outcomes, before, sizeof(before));
	weir_filter_burst(b.interpreted, frames, 6, outcomes);
	CU_ASSERT_EQUAL(memcmp(outcomes, after, sizeof(after)), 0);
	both_destroy(&b);
}

static void test_a_frame_of_a_link_that_was_not_announced_does_not_match(void)
{
	for (unsigned int link = 0; link <= 255; link++) {
		struct weir_frame f = frame(plain, sizeof(plain));

		f.link = (uint8_t)link;
		CU_ASSERT_EQUAL(matches("", &f), link == WEIR_LINK_ETHER);
	}
}

static void test_each_link_has_its_own_program(void)
{
	static const struct {
		uint8_t link;
		uint8_t len;
		uint8_t bytes[32];
	} rows[] = {
		{ WEIR_LINK_RAW, 0, { 0 } },
		{ WEIR_LINK_NULL, 4, { 2, 0, 0, 0 } }, /* little-endian */
		{ WEIR_LINK_NULL, 4, { 0, 0, 0, 2 } }, /* big-endian, and LOOP */
		{ WEIR_LINK_SLL, 16, { 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0 } },
		{ WEIR_LINK_SLL2, 20, { 8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2 } },
		{ WEIR_LINK_PPP, 4, { 0xff, 3, 0, 0x21 } },
		{ WEIR_LINK_CHDLC, 4, { 0x0f, 0, 8, 0 } },
		{ WEIR_LINK_80211, 32, { 8, 0, 0,    0,    MACS, 2, 0, 0, 0, 0, 3,
					 0, 0, 0xaa, 0xaa, 3,    0, 0, 0, 8, 0 } },
		{ WEIR_LINK_ETHER, 14, { MACS, 8, 0 } },
	};
	uint32_t links = 0;
	struct weir_err err;
	struct both b;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++)
		links |= 1u << rows[i].link;
	CU_ASSERT_FATAL(both_create(&b, "dst host 10.2.0.2 and tcp dst port 80", links, &err));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		uint8_t bytes[32 + sizeof(plain) - 14];
		struct weir_frame f;

		memcpy(bytes, rows[i].bytes, rows[i].len);
		memcpy(bytes + rows[i].len, plain + 14, sizeof(plain) - 14);
		f = frame(bytes, rows[i].len + (uint32_t)sizeof(plain) - 14);
		f.link = rows[i].link;
		CU_ASSERT_TRUE(both_match(&b, &f));
		if (!weir_filter_match(b.native, &f))
			printf("link %u\n", rows[i].link);
	}
	both_destroy(&b);
}

/* What the verifier of earlier DPDK 22.11 took minutes for. */
static void test_many_addresses_are_loaded_within_a_second(void)
{
	char text[WEIR_PATTERN_TEXT_MAX + 1] = "";
	uint64_t start = weir_clock_mono_ns();
	size_t n = 0;
	struct both b;

	for (int i = 0; n + 40 < sizeof(text); i++)
		n += (size_t)sprintf(text + n, "%shost 2001:db8:%x::%x", i > 0 ? " or " : "", i,
				     i * 77 & 0xffff);
	b = both_of(text);
	CU_ASSERT(weir_clock_mono_ns() - start < 2 * WEIR_NS_PER_S);
	both_destroy(&b);
}

static void test_native_code_is_made_on_x86_64(void)
{
	struct both b = both_of("tcp port 80");

#ifdef __x86_64__
	CU_ASSERT_TRUE(weir_filter_is_native(b.native));
#endif
	CU_ASSERT_FALSE(weir_filter_is_native(b.interpreted));
	both_destroy(&b);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "no expression matches every frame", test_no_expression_matches_every_frame },
		{ "len is the length on the wire", test_len_is_the_length_on_the_wire },
		{ "a load past the captured bytes is no match",
		  test_a_load_past_the_captured_bytes_is_no_match },
		{ "bytes that are not captured are not read",
		  test_bytes_that_are_not_captured_are_not_read },
		{ "a tag beside the frame is a tag in it",
		  test_a_tag_beside_the_frame_is_a_tag_in_it },
		{ "a tag without the addresses before it is not seen",
		  test_a_tag_without_the_addresses_before_it_is_not_seen },
		{ "a tag beside a cooked frame stands before its protocol",
		  test_a_tag_beside_a_cooked_frame_stands_before_its_protocol },
		{ "frames longer than a segment are seen to their end",
		  test_frames_longer_than_a_segment_are_seen_to_their_end },
		{ "the longest frame with a tag beside it is seen to its end",
		  test_the_longest_frame_with_a_tag_beside_it_is_seen_to_its_end },
		{ "only frames that go on are filtered", test_only_frames_that_go_on_are_filtered },
		{ "a frame of a link that was not announced does not match",
		  test_a_frame_of_a_link_that_was_not_announced_does_not_match },
		{ "each link has its own program", test_each_link_has_its_own_program },
		{ "many addresses are loaded within a second",
		  test_many_addresses_are_loaded_within_a_second },
		{ "native code is made on x86-64", test_native_code_is_made_on_x86_64 },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("filter/filter", tests);
}
