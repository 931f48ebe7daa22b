/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_rec.h>

static void test_every_byte_of_a_record_is_one_field_or_padding(void)
{
	uint8_t uses[sizeof(struct weir_flow_rec)] = { 0 };

	for (int f = 0; f < WEIR_FIELDS; f++)
		for (int b = 0; b < weir_fields[f].bytes; b++)
			uses[weir_fields[f].offset + b]++;
	uses[offsetof(struct weir_flow_rec, pad)]++;
	uses[offsetof(struct weir_flow_rec, tunnel[0].pad)]++;
	uses[offsetof(struct weir_flow_rec, tunnel[1].pad)]++;
	for (size_t b = 0; b < sizeof(uint32_t); b++)
		uses[offsetof(struct weir_flow_rec, pad2) + b]++;
	for (size_t b = 0; b < sizeof(uses); b++)
		CU_ASSERT_EQUAL(uses[b], 1);
}

/* The list of the design, 4.4: other programs rely on these names. */
static void test_promised_names_are_always_shown(void)
{
	static const char *const names[] = {
		"flow_id",
		"start_time",
		"end_time",
		"ip_0",
		"ip_1",
		"client_port",
		"server_port",
		"protocol",
		"eth_type",
		"vlan",
		"capture_nic",
		"capture_network_type_id",
		"observation_point",
		"close_type",
		"status",
		"packet_tx",
		"packet_rx",
		"byte_tx",
		"byte_rx",
		"l3_byte_tx",
		"l3_byte_rx",
		"l4_byte_tx",
		"l4_byte_rx",
		"tcp_flags_bit_0",
		"tcp_flags_bit_1",
		"syn_count",
		"synack_count",
		"rtt",
		"rtt_client_max",
		"rtt_server_max",
		"srt_max",
		"art_max",
		"cit_max",
		"retrans_tx",
		"retrans_rx",
		"zero_win_tx",
		"zero_win_rx",
		"direction_score",
		"l7_protocol",
		"tunnel_type",
		"tunnel_tier",
		"tunnel_tx_id",
		"tunnel_rx_id",
		"tunnel_tx_ip_0",
		"tunnel_tx_ip_1",
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++) {
		int f = 0;

		while (f < WEIR_FIELDS && strcmp(weir_fields[f].name, names[i]) != 0)
			f++;
		CU_ASSERT_NOT_EQUAL_FATAL(f, WEIR_FIELDS);
		CU_ASSERT_EQUAL(weir_fields[f].show, WEIR_SHOW_ALWAYS);
	}
}

/* Ingest format, 2.1, flow close type: status shown. */
static void test_status_follows_the_close_type(void)
{
	static const uint8_t tcp[22] = { 2, 0, 3, 3, 2, 0, 2, 3, 0, 4, 4,
					 0, 2, 4, 2, 3, 2, 3, 4, 3, 0, 2 };
	struct weir_flow_rec r = { .protocol = 6 };

	for (uint8_t type = 0; type < WEIR_ARRAY_SIZE(tcp); type++) {
		r.close_type = type;
		CU_ASSERT_EQUAL(weir_flow_rec_status(&r), tcp[type]);
	}
	r.protocol = 17;
	r.close_type = WEIR_CLOSE_TIMEOUT;
	CU_ASSERT_EQUAL(weir_flow_rec_status(&r), 0);
}

static void test_observation_points_have_their_short_text(void)
{
	CU_ASSERT_STRING_EQUAL(weir_observation_point_text(0), "rest");
	CU_ASSERT_STRING_EQUAL(weir_observation_point_text(25), "c-gw-hv");
	CU_ASSERT_STRING_EQUAL(weir_observation_point_text(50), "s-app");
	CU_ASSERT_STRING_EQUAL(weir_observation_point_text(3), "");
	CU_ASSERT_STRING_EQUAL(weir_observation_point_text(51), "");
	CU_ASSERT_STRING_EQUAL(weir_observation_point_text(255), "");
}

static void test_tier_is_at_most_two(void)
{
	struct weir_flow_rec r = { .tunnel = { { .tier = 1 }, { .tier = 0 } } };

	CU_ASSERT_EQUAL(weir_flow_rec_tier(&r), 1);
	r.tunnel[1].tier = 6;
	CU_ASSERT_EQUAL(weir_flow_rec_tier(&r), 2);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every byte of a record is one field or padding",
		  test_every_byte_of_a_record_is_one_field_or_padding },
		{ "promised names are always shown", test_promised_names_are_always_shown },
		{ "status follows the close type", test_status_follows_the_close_type },
		{ "observation points have their short text",
		  test_observation_points_have_their_short_text },
		{ "tier is at most two", test_tier_is_at_most_two },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("rec/fields", tests);
}
