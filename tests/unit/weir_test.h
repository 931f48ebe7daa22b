/* SPDX-License-Identifier: Apache-2.0 */
/* One CUnit executable a file: registry, run, exit status. */
#ifndef WEIR_TEST_H
#define WEIR_TEST_H

#include <CUnit/Basic.h>
#include <CUnit/TestDB.h>

/* Run the tests of one suite; the exit status for main(). */
static inline int weir_test_main(const char *suite, CU_TestInfo *tests)
{
	CU_SuiteInfo suites[] = { { suite, NULL, NULL, NULL, NULL, tests }, CU_SUITE_INFO_NULL };
	unsigned int failed;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 2;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures() + CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	return failed > 0;
}

#endif
