/* SPDX-License-Identifier: Apache-2.0 */
/* What a time server says: RFC 5905, figure 8 and section 7.3. */
#include "weir_test.h"

#include <serve_priv.h>

/* 2026-11-23 15:00:00.5 UTC is 4,004,434,800.5 s since 1900: `date` puts 1900 at -2208988800. */
#define NOW_NS (UINT64_C(1795446000) * WEIR_NS_PER_S + WEIR_NS_PER_S / 2)

static const uint8_t asked[SERVE_NTP_BYTES] = {
	0x23, /* no leap second, version 4, client */
	0,    0, 0, [40] = 0xde, 0xad, 0xbe, 0xef, 0x01, 0x02, 0x03, 0x04,
};

static void test_an_answer_is_a_server_s_and_to_this_request(void)
{
	uint8_t a[SERVE_NTP_BYTES];

	CU_ASSERT_TRUE_FATAL(serve_ntp_answer(asked, sizeof(asked), NOW_NS, a));
	CU_ASSERT_EQUAL(a[0], 0x24); /* no leap second, version 4, server */
	CU_ASSERT_EQUAL(a[1], 10);
	CU_ASSERT_EQUAL(memcmp(a + 24, asked + 40, 8), 0); /* originate: their transmit */
}

static void test_the_time_is_in_seconds_since_1900_and_halves_are_the_highest_bit(void)
{
	uint8_t a[SERVE_NTP_BYTES];

	CU_ASSERT_TRUE_FATAL(serve_ntp_answer(asked, sizeof(asked), NOW_NS, a));
	CU_ASSERT_EQUAL(weir_be32(a + 32), 1795446000U + 2208988800U);
	CU_ASSERT_EQUAL(weir_be32(a + 36), 0x80000000U);
	CU_ASSERT_EQUAL(memcmp(a + 32, a + 40, 8), 0); /* received as it is sent: not after */
}

/* The first era ends on 2036-02-07 06:28:16 UTC (RFC 5905, figure 4). */
static void test_the_second_era_begins_with_zero(void)
{
	uint8_t a[SERVE_NTP_BYTES];

	CU_ASSERT_TRUE_FATAL(
		serve_ntp_answer(asked, sizeof(asked), UINT64_C(2085978496) * WEIR_NS_PER_S, a));
	CU_ASSERT_EQUAL(weir_be64(a + 40), 0);
}

static void test_a_version_is_answered_in_its_own(void)
{
	uint8_t q[SERVE_NTP_BYTES], a[SERVE_NTP_BYTES];

	for (unsigned int version = 1; version <= 4; version++) {
		memcpy(q, asked, sizeof(q));
		q[0] = (uint8_t)(version << 3 | 3);
		CU_ASSERT_TRUE_FATAL(serve_ntp_answer(q, sizeof(q), NOW_NS, a));
		CU_ASSERT_EQUAL(a[0], version << 3 | 4);
	}
}

static void test_what_no_client_sends_has_no_answer(void)
{
	static const uint8_t first[] = { 0x24, 0x21, 0x26, 0x03,
					 0x2b }; /* modes 4, 1, 6; versions 0, 5 */
	uint8_t q[SERVE_NTP_BYTES], a[SERVE_NTP_BYTES];

	for (size_t n = 0; n < SERVE_NTP_BYTES; n++)
		CU_ASSERT_FALSE(serve_ntp_answer(asked, n, NOW_NS, a));
	CU_ASSERT_FALSE(serve_ntp_answer(NULL, 0, NOW_NS, a));
	for (size_t i = 0; i < sizeof(first); i++) {
		memcpy(q, asked, sizeof(q));
		q[0] = first[i];
		CU_ASSERT_FALSE(serve_ntp_answer(q, sizeof(q), NOW_NS, a));
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "an answer is a server's, and to this request",
		  test_an_answer_is_a_server_s_and_to_this_request },
		{ "the time is in seconds since 1900, and halves are the highest bit",
		  test_the_time_is_in_seconds_since_1900_and_halves_are_the_highest_bit },
		{ "the second era begins with zero", test_the_second_era_begins_with_zero },
		{ "a version is answered in its own", test_a_version_is_answered_in_its_own },
		{ "what no client sends has no answer", test_what_no_client_sends_has_no_answer },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/serve/ntp", tests);
}
