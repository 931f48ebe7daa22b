/* SPDX-License-Identifier: Apache-2.0 */
#include "decode_test.h"
#include "weir_test.h"

#define NET       1
#define VNTAG_END (14 + 6)

/* VLAN, VN-Tag, VLAN: as in the capture zeek/vntag_vlan_sandwich_clean.pcap. */
static void sandwich(struct build *b)
{
	before_all(b, NET);
	BEFORE(b, 0x00, 0x0b, 0x08, 0x00);             /* VID 11, IPv4 */
	BEFORE(b, 0x80, 0x01, 0x00, 0x02, 0x81, 0x00); /* to interface 1, from interface 2; VLAN */
	BEFORE(b, 0x00, 0x0a, 0x89, 0x26);             /* VID 10, VN-Tag */
	before_ether(b, NET, 0x8100);
}

static void test_a_frame_behind_vntag_is_followed(void)
{
	struct build b;
	struct decoded r;

	sandwich(&b);
	r = decode_built(&b, &appliance);
	CU_ASSERT(is_inner(&r.pkt, NET));
	CU_ASSERT_EQUAL(r.pkt.vlan, 11);
	CU_ASSERT_EQUAL(r.pkt.tags, 2);
	CU_ASSERT_EQUAL(r.pkt.tci[0], 10);
	CU_ASSERT_EQUAL(r.pkt.tci[1], 11);
	CU_ASSERT_EQUAL(r.pkt.packet_len, b.len);
}

static void test_a_cut_vntag_is_short(void)
{
	struct build b;

	before_all(&b, NET);
	BEFORE(&b, 0x80, 0x01, 0x00, 0x02, 0x08, 0x00);
	before_ether(&b, NET, 0x8926);
	for (size_t len = 0; len <= b.len; len++) {
		struct decoded r = decode_cut(WEIR_LINK_ETHER, built(&b), len, b.len, &appliance);

		CU_ASSERT_EQUAL(r.outcome,
				len < VNTAG_END ? WEIR_OUTCOME_SHORT : WEIR_OUTCOME_FLOW);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a frame behind VN-Tag is followed", test_a_frame_behind_vntag_is_followed },
		{ "a cut VN-Tag is short", test_a_cut_vntag_is_short },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("decode/vntag", tests);
}
