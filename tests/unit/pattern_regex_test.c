/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_pattern.h>

static bool matches(const char *pattern, const char *text)
{
	struct weir_err err = { 0 };
	struct weir_regex *re = weir_regex_create(pattern, &err);
	bool yes;

	CU_ASSERT_PTR_NOT_NULL_FATAL(re);
	yes = weir_regex_matches(re, text);
	weir_regex_destroy(re);
	return yes;
}

/* DeepFlow's default, over names that its documentation gives for each alternative. */
static void test_the_default_of_a_group_matches_the_interfaces_it_is_made_for(void)
{
	static const char all[] = "^(tap.*|cali.*|veth.*|eth.*|en[osipx].*|lxc.*|lo|[0-9a-f]+_h)$";
	static const char *const in[] = { "tap0",   "cali12ab", "veth9", "eth0",
					  "ens1f0", "lxcdead",  "lo",    "0a1b_h" };
	static const char *const out[] = { "docker0", "br-1", "wlan0", "lo0", "xeth0", "enq1", "" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(in); i++)
		CU_ASSERT(matches(all, in[i]));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(out); i++)
		CU_ASSERT(!matches(all, out[i]));
}

static void test_it_matches_anywhere_unless_it_is_anchored(void)
{
	CU_ASSERT(matches("eth", "xeth0"));
	CU_ASSERT(!matches("^eth", "xeth0"));
	CU_ASSERT(matches("(?!)|^$", ""));
}

static void test_what_takes_for_ever_ends_and_does_not_match(void)
{
	CU_ASSERT(!matches("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
}

static void test_a_wrong_one_is_none(void)
{
	struct weir_err err = { 0 };

	CU_ASSERT_PTR_NULL(weir_regex_create("^(eth", &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "parenthes"));
	weir_regex_destroy(NULL);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the default of a group matches the interfaces it is made for",
		  test_the_default_of_a_group_matches_the_interfaces_it_is_made_for },
		{ "it matches anywhere unless it is anchored",
		  test_it_matches_anywhere_unless_it_is_anchored },
		{ "what takes for ever ends, and does not match",
		  test_what_takes_for_ever_ends_and_does_not_match },
		{ "a wrong one is none", test_a_wrong_one_is_none },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pattern/regex", tests);
}
