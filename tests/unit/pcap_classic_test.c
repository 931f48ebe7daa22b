/* SPDX-License-Identifier: Apache-2.0 */
/* draft-ietf-opsawg-pcap: files written field by field. */
#include "pcap_file.h"

static struct made m;
static struct seen seen;
static struct weir_err err;

static void begin(bool be, uint32_t magic, uint32_t linktype)
{
	m.be = be;
	m.n = 0;
	put_header(&m, magic, linktype);
}

static void test_both_byte_orders_and_both_clocks_are_read(void)
{
	for (int i = 0; i < 4; i++) {
		bool be = i & 1, nano = i & 2;

		begin(be, nano ? 0xa1b23c4d : 0xa1b2c3d4, 1);
		put_record(&m, 1700000001, 123456, 60, 1500);
		CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
		CU_ASSERT_EQUAL_FATAL(seen.n, 1);
		CU_ASSERT_EQUAL(seen.fault.code, 0);
		CU_ASSERT_EQUAL(seen.frames[0].ts_ns,
				nano ? 1700000001000123456u : 1700000001123456000u);
		CU_ASSERT_EQUAL(seen.frames[0].caplen, 60);
		CU_ASSERT_EQUAL(seen.frames[0].wirelen, 1500);
		CU_ASSERT_EQUAL(seen.frames[0].link, WEIR_LINK_ETHER);
		CU_ASSERT_EQUAL(seen.byte[0], (uint8_t)1700000001);
	}
}

static void test_records_of_the_modified_format_are_8_bytes_longer(void)
{
	for (int be = 0; be < 2; be++) {
		begin(be, 0xa1b2cd34, 1);
		for (uint32_t s = 1; s <= 2; s++) {
			put(&m, s, 4);
			put(&m, 0, 4);
			put(&m, 20, 4);
			put(&m, 20, 4);
			put(&m, 3, 4);      /* interface index */
			put(&m, 0x0800, 2); /* protocol */
			put(&m, 0, 1);      /* packet type */
			put(&m, 0, 1);      /* padding */
			put_data(&m, (uint8_t)(s + 10), 20);
		}
		CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
		CU_ASSERT_EQUAL_FATAL(seen.n, 2);
		CU_ASSERT_EQUAL(seen.byte[0], 11);
		CU_ASSERT_EQUAL(seen.byte[1], 12);
		CU_ASSERT_EQUAL(seen.fault.code, 0);
	}
}

/* libpcap, sf-pcap.c: before 2.3, and of 2.3 those where the first is the larger. */
static void test_lengths_of_old_versions_are_exchanged(void)
{
	begin(false, 0xa1b2c3d4, 1);
	m.b[6] = 2; /* version 2.2 */
	put(&m, 1, 8);
	put(&m, 100, 4); /* on the wire */
	put(&m, 10, 4);  /* captured */
	put_data(&m, 1, 10);
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, 1);
	CU_ASSERT_EQUAL(seen.frames[0].caplen, 10);
	CU_ASSERT_EQUAL(seen.frames[0].wirelen, 100);

	m.b[6] = 3;
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, 1);
	CU_ASSERT_EQUAL(seen.frames[0].caplen, 10);
}

static void test_check_sums_are_no_part_of_a_frame(void)
{
	begin(false, 0xa1b2c3d4, 2u << 28 | 1u << 26 | 1); /* FCS of 2 x 16 bits */
	put_record(&m, 1, 0, 64, 64);
	put_record(&m, 2, 0, 40, 64); /* cut: the FCS was not captured */
	put_record(&m, 3, 0, 62, 64); /* half of it */
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, 3);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(seen.frames[i].wirelen, 60);
		CU_ASSERT_EQUAL(seen.frames[i].link, WEIR_LINK_ETHER);
	}
	CU_ASSERT_EQUAL(seen.frames[0].caplen, 60);
	CU_ASSERT_EQUAL(seen.frames[1].caplen, 40);
	CU_ASSERT_EQUAL(seen.frames[2].caplen, 60);
}

/* https://www.tcpdump.org/linktypes.html */
static void test_link_types_are_known_by_number(void)
{
	static const struct {
		uint32_t linktype;
		enum weir_link link;
	} known[] = {
		{ 0, WEIR_LINK_NULL },      { 1, WEIR_LINK_ETHER },
		{ 9, WEIR_LINK_PPP },       { 12, WEIR_LINK_RAW },
		{ 14, WEIR_LINK_RAW },      { 50, WEIR_LINK_PPP },
		{ 101, WEIR_LINK_RAW },     { 104, WEIR_LINK_CHDLC },
		{ 105, WEIR_LINK_80211 },   { 108, WEIR_LINK_NULL },
		{ 113, WEIR_LINK_SLL },     { 127, WEIR_LINK_RADIOTAP },
		{ 228, WEIR_LINK_RAW },     { 229, WEIR_LINK_RAW },
		{ 276, WEIR_LINK_SLL2 },    { 6, WEIR_LINK_UNKNOWN }, /* token ring */
		{ 147, WEIR_LINK_UNKNOWN }, { 65535, WEIR_LINK_UNKNOWN },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(known); i++) {
		begin(i & 1, 0xa1b2c3d4, known[i].linktype);
		put_record(&m, 1, 0, 14, 14);
		CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
		CU_ASSERT_EQUAL_FATAL(seen.n, 1);
		CU_ASSERT_EQUAL(seen.frames[0].link, known[i].link);
	}
}

static void test_a_frame_is_never_longer_than_its_packet(void)
{
	begin(false, 0xa1b2c3d4, 1);
	put_record(&m, 1, 0, 100, 60);
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, 1);
	CU_ASSERT_EQUAL(seen.frames[0].caplen, 100);
	CU_ASSERT_EQUAL(seen.frames[0].wirelen, 100);
}

static void test_every_cut_gives_the_packets_before_it(void)
{
	size_t ends[4], whole, packets;
	uint8_t all[256];

	begin(false, 0xa1b2c3d4, 1);
	ends[0] = m.n;
	for (uint32_t i = 1; i < 4; i++) {
		put_record(&m, i, 0, 10 * i, 60);
		ends[i] = m.n;
	}
	whole = m.n;
	memcpy(all, m.b, whole);
	for (m.n = 0; m.n <= whole; m.n++) {
		bool clean = false;

		packets = 0;
		for (size_t i = 0; i < 4; i++) {
			packets += i > 0 && ends[i] <= m.n;
			clean = clean || ends[i] == m.n;
		}
		if (m.n < 4) { /* not even the magic number */
			CU_ASSERT_EQUAL(see_made(&seen, &m, &err), m.n == 0 ? -ENODATA : -EINVAL);
			continue;
		}
		CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
		CU_ASSERT_EQUAL(seen.n, packets);
		CU_ASSERT_EQUAL(seen.fault.code == 0, clean);
		CU_ASSERT_EQUAL(seen.bytes_done, m.n);
		CU_ASSERT_EQUAL(seen.bytes_total, m.n);
	}
}

static void test_a_record_longer_than_possible_ends_the_file_at_its_offset(void)
{
	begin(false, 0xa1b2c3d4, 1);
	put_record(&m, 1, 0, 60, 60);
	put(&m, 2, 4);
	put(&m, 0, 4);
	put(&m, WEIR_FRAME_MAX + 1, 4);
	put(&m, WEIR_FRAME_MAX + 1, 4);
	put_data(&m, 2, WEIR_FRAME_MAX + 1);
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL(seen.n, 1);
	CU_ASSERT_NOT_EQUAL(seen.fault.code, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.fault.msg, "byte 100:")); /* 24 + 16 + 60 */
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.fault.msg, "262145"));
}

static void test_the_longest_record_and_an_empty_one_are_read(void)
{
	begin(false, 0xa1b2c3d4, 1);
	put_record(&m, 1, 0, WEIR_FRAME_MAX, WEIR_FRAME_MAX);
	put_record(&m, 2, 0, 0, 0);
	put_record(&m, 3, 0, WEIR_FRAME_MAX, WEIR_FRAME_MAX);
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, 3);
	CU_ASSERT_EQUAL(seen.fault.code, 0);
	CU_ASSERT_EQUAL(seen.frames[2].caplen, WEIR_FRAME_MAX);
	CU_ASSERT_EQUAL(seen.byte[2], 3);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "both byte orders and both clocks are read",
		  test_both_byte_orders_and_both_clocks_are_read },
		{ "records of the modified format are 8 bytes longer",
		  test_records_of_the_modified_format_are_8_bytes_longer },
		{ "lengths of old versions are exchanged",
		  test_lengths_of_old_versions_are_exchanged },
		{ "check sums are no part of a frame", test_check_sums_are_no_part_of_a_frame },
		{ "link types are known by number", test_link_types_are_known_by_number },
		{ "a frame is never longer than its packet",
		  test_a_frame_is_never_longer_than_its_packet },
		{ "every cut gives the packets before it",
		  test_every_cut_gives_the_packets_before_it },
		{ "a record longer than possible ends the file at its offset",
		  test_a_record_longer_than_possible_ends_the_file_at_its_offset },
		{ "the longest record and an empty one are read",
		  test_the_longest_record_and_an_empty_one_are_read },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pcap/classic", tests);
}
