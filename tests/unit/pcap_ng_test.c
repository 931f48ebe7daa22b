/* SPDX-License-Identifier: Apache-2.0 */
/* draft-ietf-opsawg-pcapng: files written block by block. */
#include "pcap_file.h"

static struct made m;
static struct seen seen;
static struct weir_err err;

static size_t block_at; /* where the block being put begins */

static void block_begin(uint32_t type)
{
	block_at = m.n;
	put(&m, type, 4);
	put(&m, 0, 4); /* the length, see block_end() */
}

static void block_end(void)
{
	size_t end;

	while (m.n % 4 != 0)
		put(&m, 0, 1);
	end = m.n + 4;
	m.n = block_at + 4;
	put(&m, end - block_at, 4);
	m.n = end - 4;
	put(&m, end - block_at, 4);
}

static void section(bool be, uint16_t major)
{
	m.be = be;
	block_begin(0x0a0d0d0a);
	put(&m, 0x1a2b3c4d, 4);
	put(&m, major, 2);
	put(&m, 0, 2);
	put(&m, UINT64_MAX, 8); /* length of the section: not said */
	block_end();
}

static void interface_begin(uint16_t linktype, uint32_t snaplen)
{
	block_begin(1);
	put(&m, linktype, 2);
	put(&m, 0, 2);
	put(&m, snaplen, 4);
}

static void option(uint16_t code, uint64_t value, uint16_t len)
{
	put(&m, code, 2);
	put(&m, len, 2);
	put(&m, value, len);
	while (m.n % 4 != 0)
		put(&m, 0, 1);
}

static void interface(uint16_t linktype)
{
	interface_begin(linktype, 0);
	block_end();
}

/* With a time resolution and an offset of seconds. */
static void interface_clock(uint16_t linktype, uint8_t resolution, int64_t offset)
{
	interface_begin(linktype, 0);
	option(9, resolution, 1);
	option(14, (uint64_t)offset, 8);
	option(0, 0, 0);
	block_end();
}

static void enhanced(uint32_t id, uint64_t ts, uint32_t caplen, uint32_t wirelen, uint8_t byte)
{
	block_begin(6);
	put(&m, id, 4);
	put(&m, ts >> 32, 4);
	put(&m, ts & 0xffffffff, 4);
	put(&m, caplen, 4);
	put(&m, wirelen, 4);
	put_data(&m, byte, caplen);
	block_end();
}

static void begin(bool be)
{
	m.n = 0;
	section(be, 1);
}

static void test_packets_of_all_three_blocks_are_read_in_both_byte_orders(void)
{
	for (int be = 0; be < 2; be++) {
		begin(be);
		interface_begin(1, 50);
		block_end();
		enhanced(0, 1700000000123456, 61, 1500, 1);
		block_begin(3); /* simple packet */
		put(&m, 1500, 4);
		put_data(&m, 2, 50);
		block_end();
		block_begin(2); /* the old packet block */
		put(&m, 0, 2);  /* interface */
		put(&m, 9, 2);  /* drops */
		put(&m, 1700000000123457 >> 32, 4);
		put(&m, 1700000000123457 & 0xffffffff, 4);
		put(&m, 33, 4);
		put(&m, 34, 4);
		put_data(&m, 3, 33);
		block_end();
		CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
		CU_ASSERT_EQUAL(seen.fault.code, 0);
		CU_ASSERT_EQUAL_FATAL(seen.n, 3);
		CU_ASSERT_EQUAL(seen.frames[0].ts_ns, 1700000000123456000);
		CU_ASSERT_EQUAL(seen.frames[0].caplen, 61);
		CU_ASSERT_EQUAL(seen.frames[0].wirelen, 1500);
		CU_ASSERT_EQUAL(seen.frames[1].ts_ns, seen.frames[0].ts_ns);
		CU_ASSERT_EQUAL(seen.frames[1].caplen, 50); /* 52 with its padding */
		CU_ASSERT_EQUAL(seen.frames[1].wirelen, 1500);
		CU_ASSERT_EQUAL(seen.frames[2].ts_ns, 1700000000123457000);
		CU_ASSERT_EQUAL(seen.frames[2].caplen, 33);
		for (int i = 0; i < 3; i++)
			CU_ASSERT_EQUAL(seen.byte[i], i + 1);
	}
}

static void test_each_interface_has_its_own_link_type_and_clock(void)
{
	static const struct {
		uint8_t resolution;
		int64_t offset;
		uint64_t ts, ns;
	} clocks[] = {
		{ 0, 0, 1700000000, 1700000000000000000 },
		{ 3, 0, 1700000000123, 1700000000123000000 },
		{ 6, 0, 1700000000123456, 1700000000123456000 },
		{ 9, 0, 1700000000123456789, 1700000000123456789 },
		{ 12, 0, 1700000000123456, 1700000000123 }, /* picoseconds, in 1970 */
		{ 6, 3600, 1700000000123456, 1700003600123456000 },
		{ 6, -1700000000, 1700000000123456, 123456000 },
		{ 6, -1800000000, 1700000000123456, 0 }, /* before the epoch */
		{ 0x80 | 10, 0, (1700000000u * 1024ull) + 512, 1700000000500000000 },
		{ 0x80 | 32, 0, 1700000000ull << 32 | 1u << 31, 1700000000500000000 },
		{ 0x80 | 63, 0, 1ull << 62, 500000000 },
		{ 19, 0, 10000000000000000000u, 1000000000 },
	};

	begin(false);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(clocks); i++) {
		interface_clock(i & 1 ? 113 : 1, clocks[i].resolution, clocks[i].offset);
		enhanced((uint32_t)i, clocks[i].ts, 20, 20, 0);
	}
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL(seen.fault.code, 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, WEIR_ARRAY_SIZE(clocks));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(clocks); i++) {
		CU_ASSERT_EQUAL(seen.frames[i].ts_ns, clocks[i].ns);
		CU_ASSERT_EQUAL(seen.frames[i].link, i & 1 ? WEIR_LINK_SLL : WEIR_LINK_ETHER);
	}
}

static void test_a_section_begins_byte_order_and_interfaces_anew(void)
{
	begin(false);
	interface(1);
	interface(101);
	enhanced(1, 1000000, 20, 20, 1);
	section(true, 1);
	interface(113);
	enhanced(0, 2000000, 20, 20, 2);
	enhanced(1, 3000000, 20, 20, 3); /* of the first section: there is none any more */
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, 2);
	CU_ASSERT_EQUAL(seen.frames[0].link, WEIR_LINK_RAW);
	CU_ASSERT_EQUAL(seen.frames[1].link, WEIR_LINK_SLL);
	CU_ASSERT_EQUAL(seen.frames[1].ts_ns, 2000000000);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.fault.msg, "interface 1"));
}

/* draft-ietf-opsawg-pcapng, section 4.1: a section of an unknown version is skipped. */
static void test_a_section_of_another_version_is_left_out_and_said(void)
{
	begin(false);
	interface(1);
	enhanced(0, 1000000, 20, 20, 1);
	section(false, 2);
	interface(1);
	enhanced(0, 2000000, 20, 20, 2);
	section(false, 1);
	interface(1);
	enhanced(0, 3000000, 20, 20, 3);
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, 2);
	CU_ASSERT_EQUAL(seen.byte[1], 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.fault.msg, "version 2"));
}

static void test_other_blocks_are_stepped_over_however_long(void)
{
	begin(false);
	interface(1);
	enhanced(0, 1000000, 20, 20, 1);
	block_begin(0x0bad); /* nobody's */
	put_data(&m, 0xee, 700001);
	block_end();
	block_begin(5); /* statistics */
	put(&m, 0, 4);
	put(&m, 0, 8);
	block_end();
	enhanced(0, 2000000, 20, 20, 2);
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL(seen.fault.code, 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, 2);
	CU_ASSERT_EQUAL(seen.byte[1], 2);
}

static void test_options_do_not_belong_to_the_packet(void)
{
	begin(false);
	interface(1);
	block_begin(6);
	put(&m, 0, 4);
	put(&m, 0, 4);
	put(&m, 7, 4);
	put(&m, 21, 4);
	put(&m, 21, 4);
	put_data(&m, 1, 21);
	put_data(&m, 0, 3);
	option(2, 0, 4); /* epb_flags */
	option(0, 0, 0);
	block_end();
	enhanced(0, 8, 20, 20, 2);
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL(seen.fault.code, 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, 2);
	CU_ASSERT_EQUAL(seen.frames[0].caplen, 21);
	CU_ASSERT_EQUAL(seen.byte[0], 1);
}

static void test_every_cut_gives_the_packets_before_it(void)
{
	size_t ends[6], whole, packets;

	begin(false);
	ends[0] = m.n;
	interface(1);
	ends[1] = m.n;
	for (uint32_t i = 2; i < 5; i++) {
		enhanced(0, i, 10 * i + 1, 60, (uint8_t)i);
		ends[i] = m.n;
	}
	block_begin(5);
	put_data(&m, 0, 12);
	block_end();
	ends[5] = m.n;
	whole = m.n;
	for (m.n = 4; m.n <= whole; m.n++) {
		bool clean = false;

		packets = 0;
		for (size_t i = 0; i < 6; i++) {
			packets += i >= 2 && i < 5 && ends[i] <= m.n;
			clean = clean || ends[i] == m.n;
		}
		CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
		CU_ASSERT_EQUAL(seen.n, packets);
		CU_ASSERT_EQUAL(seen.fault.code == 0, clean);
	}
}

/* One packet, then damage that is described like this. */
static void expect_damage(const char *what)
{
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL(seen.n, 1);
	CU_ASSERT_NOT_EQUAL(seen.fault.code, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.fault.msg, what));
}

static void begin_one_packet(void)
{
	begin(false);
	interface(1);
	enhanced(0, 1000000, 20, 20, 1);
}

static void test_damage_ends_the_file_and_is_named(void)
{
	begin_one_packet();
	enhanced(0, 2, 20, 20, 2);
	m.b[m.n - 4]++;
	expect_damage("bad block: its length is 52 at the start, 53 at the end");

	begin_one_packet();
	put(&m, 6, 4);
	put(&m, 8, 4); /* less than any block has */
	put(&m, 0, 8);
	expect_damage("a length of 8");

	begin_one_packet();
	put(&m, 6, 4);
	put(&m, 33, 4);
	put_data(&m, 0, 40);
	expect_damage("a length of 33");

	begin_one_packet();
	put(&m, 6, 4);
	put(&m, 0xfffffff0, 4);
	put_data(&m, 0, 40);
	expect_damage("a length of 4294967280");

	begin_one_packet();
	enhanced(0, 2, 20, 20, 2);
	m.b[m.n - 52 + 20] = 21; /* more captured than the block holds, but for its padding */
	m.b[m.n - 52 + 21] = 1;
	expect_damage("record of 277 bytes");

	begin_one_packet();
	interface_clock(1, 20, 0); /* 10^-20 s */
	expect_damage("time resolution");

	begin_one_packet();
	section(false, 1);
	m.b[m.n - 20] = 0;
	expect_damage("byte order");
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "packets of all three blocks are read in both byte orders",
		  test_packets_of_all_three_blocks_are_read_in_both_byte_orders },
		{ "each interface has its own link type and clock",
		  test_each_interface_has_its_own_link_type_and_clock },
		{ "a section begins byte order and interfaces anew",
		  test_a_section_begins_byte_order_and_interfaces_anew },
		{ "a section of another version is left out, and said",
		  test_a_section_of_another_version_is_left_out_and_said },
		{ "other blocks are stepped over, however long",
		  test_other_blocks_are_stepped_over_however_long },
		{ "options do not belong to the packet", test_options_do_not_belong_to_the_packet },
		{ "every cut gives the packets before it",
		  test_every_cut_gives_the_packets_before_it },
		{ "damage ends the file and is named", test_damage_ends_the_file_and_is_named },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pcap/ng", tests);
}
