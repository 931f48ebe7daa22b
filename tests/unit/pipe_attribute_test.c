/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <pipe_priv.h>

#define TCI(pcp, vid) (uint16_t)((pcp) << 13 | (vid))

static struct weir_attribute_conf conf;

static void configure(uint8_t pcp)
{
	conf = (struct weir_attribute_conf){ .default_type = 3, .pcp = pcp };
	conf.vlan_map[100] = 10;
	conf.vlan_map[200] = 20;
}

static struct weir_attr attribute(struct weir_pkt pkt)
{
	struct weir_attr attr;

	weir_attribute_burst(&conf, 7, &pkt, &attr, 1);
	return attr;
}

static uint16_t type_of(uint8_t tags, uint16_t outer, uint16_t inner)
{
	return attribute((struct weir_pkt){ .tags = tags, .tci = { outer, inner } }).network_type;
}

static void test_pcp_0_to_7_maps_only_frames_of_that_priority(void)
{
	for (uint8_t pcp = 0; pcp <= 7; pcp++) {
		configure(pcp);
		for (unsigned int seen = 0; seen <= 7; seen++) {
			CU_ASSERT_EQUAL(type_of(1, TCI(seen, 100), TCI(seen, 100)),
					seen == pcp ? 10 : 3);
			CU_ASSERT_EQUAL(type_of(2, TCI(seen, 100), TCI(pcp, 200)),
					seen == pcp ? 10 : 3);
		}
	}
}

static void test_pcp_8_maps_the_outer_vlan(void)
{
	configure(8);
	CU_ASSERT_EQUAL(type_of(1, TCI(5, 100), TCI(5, 100)), 10);
	CU_ASSERT_EQUAL(type_of(2, TCI(0, 100), TCI(1, 200)), 10);
}

static void test_pcp_9_maps_the_inner_vlan(void)
{
	configure(9);
	CU_ASSERT_EQUAL(type_of(1, TCI(5, 100), TCI(5, 100)), 10); /* one tag is both */
	CU_ASSERT_EQUAL(type_of(2, TCI(0, 100), TCI(1, 200)), 20);
}

static void test_an_unset_vlan_keeps_the_default(void)
{
	for (uint8_t pcp = 0; pcp <= 9; pcp++) {
		configure(pcp);
		CU_ASSERT_EQUAL(type_of(1, TCI(pcp & 7, 300), TCI(pcp & 7, 300)), 3);
	}
}

static void test_untagged_frames_take_entry_0_if_it_is_set(void)
{
	for (uint8_t pcp = 0; pcp <= 9; pcp++) {
		configure(pcp);
		CU_ASSERT_EQUAL(type_of(0, 0, 0), 3);
		conf.vlan_map[0] = 5;
		CU_ASSERT_EQUAL(type_of(0, 0, 0), 5);
	}
}

/* Spec 1.7: 4 in bits 63..60, low 24 bits of the ERSPAN source in 31..8, the tap in 7..0. */
static void test_the_capture_nic_names_tap_and_erspan_source(void)
{
	configure(0);
	CU_ASSERT_EQUAL(attribute((struct weir_pkt){ .tags = 0 }).capture_nic, 0x4000000000000007);
	CU_ASSERT_EQUAL(attribute((struct weir_pkt){ .erspan_src = 0xc0a80102 }).capture_nic,
			0x40000000a8010207);
	CU_ASSERT_EQUAL(attribute((struct weir_pkt){ .tags = 0 }).tap, 7);
}

static void test_a_tap_with_a_type_of_its_own_gives_it_to_all(void)
{
	configure(8);
	conf.tap_type[7] = 44;
	CU_ASSERT_EQUAL(type_of(0, 0, 0), 44);
	CU_ASSERT_EQUAL(type_of(1, TCI(0, 100), 0), 44);
	conf.tap_type[7] = 0;
	conf.tap_type[6] = 44;
	CU_ASSERT_EQUAL(type_of(1, TCI(0, 100), 0), 10);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "pcp 0 to 7 maps only frames of that priority",
		  test_pcp_0_to_7_maps_only_frames_of_that_priority },
		{ "pcp 8 maps the outer VLAN", test_pcp_8_maps_the_outer_vlan },
		{ "pcp 9 maps the inner VLAN", test_pcp_9_maps_the_inner_vlan },
		{ "an unset VLAN keeps the default", test_an_unset_vlan_keeps_the_default },
		{ "untagged frames take entry 0 if it is set",
		  test_untagged_frames_take_entry_0_if_it_is_set },
		{ "the capture NIC names tap and ERSPAN source",
		  test_the_capture_nic_names_tap_and_erspan_source },
		{ "a tap with a type of its own gives it to all of its packets",
		  test_a_tap_with_a_type_of_its_own_gives_it_to_all },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pipe/attribute", tests);
}
