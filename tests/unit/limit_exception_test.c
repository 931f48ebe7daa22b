/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_exception.h>

/* Specification of the control plane, 1.4. */
static const struct {
	const char *name;
	uint64_t value;
	bool once;
} spec[] = {
	{ "DISK_NOT_ENOUGH", 1, false },
	{ "MEM_NOT_ENOUGH", 2, false },
	{ "COREFILE_TOO_MANY", 4, false },
	{ "NPB_FUSE", 8, false },
	{ "NPB_BPS_THRESHOLD_EXCEEDED", 16, true },
	{ "NPB_NO_GW_ARP", 32, true },
	{ "RX_PPS_THRESHOLD_EXCEEDED", 64, true },
	{ "ANALYZER_NO_GW_ARP", 128, true },
	{ "INVALID_CONFIGURATION", 256, false },
	{ "THREAD_THRESHOLD_EXCEEDED", 512, true },
	{ "PROCESS_THRESHOLD_EXCEEDED", 1024, true },
	{ "TOO_MANY_POLICIES", 4096, false },
	{ "FREE_MEM_EXCEEDED", 8192, false },
	{ "LOG_FILE_EXCEEDED", 16384, true },
	{ "CONTROLLER_SOCKET_ERROR", 32768, true },
	{ "ANALYZER_SOCKET_ERROR", 65536, true },
	{ "NPB_SOCKET_ERROR", 131072, true },
	{ "INTEGRATION_SOCKET_ERROR", 262144, true },
	{ "CGROUPS_CONFIG_ERROR", 524288, false },
	{ "SYSTEM_LOAD_CIRCUIT_BREAKER", 1048576, false },
	{ "DATA_BPS_THRESHOLD_EXCEEDED", 2097152, true },
	{ "FREE_DISK_CIRCUIT_BREAKER", 4194304, false },
	{ "KERNEL_VERSION_CIRCUIT_BREAKER", 8388608, false },
	{ "MEM_EXCEEDED", 16777216, false },
};

static void test_bits_are_those_of_the_protocol(void)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(spec); i++) {
		const struct weir_exception_info *x = weir_exception_find(spec[i].value);

		CU_ASSERT_PTR_NOT_NULL_FATAL(x);
		CU_ASSERT_STRING_EQUAL(x->name, spec[i].name);
		CU_ASSERT_EQUAL(x->once, spec[i].once);
		CU_ASSERT_FALSE(x->of_controller);
		CU_ASSERT(x->words[0] != '\0');
	}
	CU_ASSERT_EQUAL(weir_exception_table_n, WEIR_ARRAY_SIZE(spec) + 5);
	CU_ASSERT_STRING_EQUAL(weir_exception_find(0x400000000)->name, "NOT_ALLOWED_CE");
	CU_ASSERT_TRUE(weir_exception_find(0x80000000)->of_controller);
	CU_ASSERT_PTR_NULL(weir_exception_find(2048));
	CU_ASSERT_PTR_NULL(weir_exception_find(3));
}

static void test_a_bit_is_new_only_once(void)
{
	struct weir_exceptions e = { 0 };

	CU_ASSERT_EQUAL(weir_exceptions_set(&e, 8192 | 64), 8192 | 64);
	CU_ASSERT_EQUAL(weir_exceptions_set(&e, 8192 | 1), 1);
	CU_ASSERT_EQUAL(weir_exceptions_clear(&e, 8192 | 4), 8192);
	CU_ASSERT_EQUAL(weir_exceptions_get(&e), 64 | 1);
}

static void test_a_report_clears_what_happened_and_keeps_what_lasts(void)
{
	struct weir_exceptions e = { 0 };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(spec); i++) {
		weir_exceptions_set(&e, spec[i].value);
		CU_ASSERT_EQUAL(weir_exceptions_take(&e), spec[i].value);
		CU_ASSERT_EQUAL(weir_exceptions_get(&e), spec[i].once ? 0 : spec[i].value);
		weir_exceptions_clear(&e, spec[i].value);
	}
}

static void test_what_is_given_back_is_what_happened(void)
{
	struct weir_exceptions e = { 0 };
	uint64_t once = 0, lasts = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(spec); i++)
		*(spec[i].once ? &once : &lasts) |= spec[i].value;
	weir_exceptions_set(&e, once | lasts);
	CU_ASSERT_EQUAL(weir_exceptions_take(&e), once | lasts);
	weir_exceptions_clear(&e, lasts); /* it is over before the report failed */
	weir_exceptions_give_back(&e, once | lasts);
	CU_ASSERT_EQUAL(weir_exceptions_get(&e), once);
}

static void test_words_are_joined_and_cut(void)
{
	char text[200], few[12];

	CU_ASSERT_STRING_EQUAL(weir_exceptions_text(0, text, sizeof(text)), "");
	CU_ASSERT_STRING_EQUAL(weir_exceptions_text(32768 | 64, text, sizeof(text)),
			       "packets beyond max_capture_pps were refused; "
			       "a call to the controller failed");
	CU_ASSERT_STRING_EQUAL(weir_exceptions_text(64 | 32768, few, sizeof(few)), "packets bey");
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "bits are those of the protocol", test_bits_are_those_of_the_protocol },
		{ "a bit is new only once", test_a_bit_is_new_only_once },
		{ "a report clears what happened and keeps what lasts",
		  test_a_report_clears_what_happened_and_keeps_what_lasts },
		{ "what is given back is what happened", test_what_is_given_back_is_what_happened },
		{ "words are joined and cut", test_words_are_joined_and_cut },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("limit/exception", tests);
}
