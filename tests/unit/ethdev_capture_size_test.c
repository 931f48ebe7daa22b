/* SPDX-License-Identifier: Apache-2.0 */
#include "ethdev_priv.h"
#include "weir_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static void write_words(const uint32_t *words, size_t n, bool swapped)
{
	FILE *f;

	snprintf(path, sizeof(path), "capture_size_test_%d", getpid());
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (size_t i = 0; i < n; i++) {
		uint32_t w = swapped ? __builtin_bswap32(words[i]) : words[i];

		fwrite(&w, sizeof(w), 1, f);
	}
	fclose(f);
}

static void check(uint64_t packets, uint32_t longest)
{
	struct capture_size size = { 0 };

	CU_ASSERT_TRUE(capture_size_add(path, &size));
	CU_ASSERT_EQUAL(size.packets, packets);
	CU_ASSERT_EQUAL(size.longest, longest);
	unlink(path);
}

/* draft-ietf-opsawg-pcap, 4 and 5: two packets, of 4 and 8 bytes. */
static void test_pcap_in_both_byte_orders(void)
{
	static uint32_t words[] = {
		0xa1b2c3d4, 0x00020004, 0, 0, 65535, 1,   0,          0,          4,
		100,        0xdddddddd, 0, 0, 8,     100, 0xdddddddd, 0xdddddddd,
	};

	write_words(words, WEIR_ARRAY_SIZE(words), false);
	check(2, 8);
	write_words(words, WEIR_ARRAY_SIZE(words), true);
	check(2, 8);
	words[0] = 0xa1b23c4d;
	write_words(words, WEIR_ARRAY_SIZE(words), true);
	check(2, 8);
}

static void test_a_record_cut_short_does_not_count(void)
{
	static const uint32_t words[] = { 0xa1b2c3d4, 0x00020004, 0, 0, 65535, 1, 0, 0, 8, 8, 1 };

	write_words(words, WEIR_ARRAY_SIZE(words), false);
	check(0, 0);
}

/* draft-ietf-opsawg-pcapng, 4: section, interface, enhanced packet of 6 bytes, simple packet of 4. */
static const uint32_t pcapng[] = {
	0x0a0d0d0a, 28,         0x1a2b3c4d, 1,  0xffffffff, 0xffffffff, 28, 1,          20,
	1,          0,          20,         6,  40,         0,          0,  0,          6,
	6,          0xdddddddd, 0xdddd,     40, 3,          20,         4,  0xdddddddd, 20,
};

static void test_pcapng_in_both_byte_orders(void)
{
	write_words(pcapng, WEIR_ARRAY_SIZE(pcapng), false);
	check(2, 6);
	write_words(pcapng, WEIR_ARRAY_SIZE(pcapng), true);
	check(2, 6);
}

static void test_what_is_no_capture_is_refused(void)
{
	static const uint32_t words[] = { 0x01020304, 5 };
	struct capture_size size = { 0 };

	write_words(words, WEIR_ARRAY_SIZE(words), false);
	CU_ASSERT_FALSE(capture_size_add(path, &size));
	unlink(path);
	CU_ASSERT_FALSE(capture_size_add(path, &size));
}

static void test_only_an_endless_file_is_kept(void)
{
	char args[200];

	write_words(pcapng, WEIR_ARRAY_SIZE(pcapng), false);
	snprintf(args, sizeof(args), "rx_pcap=%s,rx_pcap=%s", path, path);
	CU_ASSERT_EQUAL(pcap_args_size(args).packets, 0);
	snprintf(args, sizeof(args), "rx_pcap=%s,infinite_rx=1,rx_pcap=%s", path, path);
	CU_ASSERT_EQUAL(pcap_args_size(args).packets, 4);
	unlink(path);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "pcap in both byte orders", test_pcap_in_both_byte_orders },
		{ "a record cut short does not count", test_a_record_cut_short_does_not_count },
		{ "pcapng in both byte orders", test_pcapng_in_both_byte_orders },
		{ "what is no capture is refused", test_what_is_no_capture_is_refused },
		{ "only an endless file is kept", test_only_an_endless_file_is_kept },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("ethdev/capture_size", tests);
}
