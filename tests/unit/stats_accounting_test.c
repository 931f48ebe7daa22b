/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_stats.h>

static void test_gap_is_what_vanished(void)
{
	struct weir_accounting a = { .received = 5 };

	a.outcomes[WEIR_OUTCOME_FLOW] = 3;
	a.outcomes[WEIR_OUTCOME_SHORT] = 1;
	CU_ASSERT_EQUAL(weir_accounting_gap(&a), 1);
	a.outcomes[WEIR_OUTCOME_TABLE_FULL] = 1;
	CU_ASSERT_EQUAL(weir_accounting_gap(&a), 0);
}

static void test_every_loss_says_what_to_change(void)
{
	for (int i = 0; i < WEIR_OUTCOMES; i++) {
		CU_ASSERT(weir_outcomes[i].name[0] != '\0' && weir_outcomes[i].help[0] != '\0');
		if (weir_outcomes[i].loss)
			CU_ASSERT(weir_outcomes[i].remedy[0] != '\0');
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the gap is what vanished", test_gap_is_what_vanished },
		{ "every loss says what to change", test_every_loss_says_what_to_change },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("stats/accounting", tests);
}
