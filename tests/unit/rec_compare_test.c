/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_rec.h>

#include <stdlib.h>

static void test_start_comes_before_key_and_key_before_flow_id(void)
{
	struct weir_flow_rec a = { .start_ns = 2, .flow_id = 1 }, b = a;

	b.start_ns = 3;
	b.flow_id = 0;
	CU_ASSERT(weir_flow_rec_compare(&a, &b) < 0);
	CU_ASSERT(weir_flow_rec_compare(&b, &a) > 0);
	b = a;
	b.port[1] = 80;
	b.flow_id = 0;
	CU_ASSERT(weir_flow_rec_compare(&a, &b) < 0);
	b = a;
	b.flow_id = 5;
	b.end_ns = 0;
	a.end_ns = 9;
	CU_ASSERT(weir_flow_rec_compare(&a, &b) < 0);
}

static void test_only_identical_records_are_equal(void)
{
	struct weir_flow_rec a = { .start_ns = 1 };

	CU_ASSERT_EQUAL(weir_flow_rec_compare(&a, &a), 0);
	for (int f = 0; f < WEIR_FIELDS; f++) {
		struct weir_flow_rec b = a;

		if (weir_fields[f].bytes == 0)
			continue;
		((uint8_t *)&b)[weir_fields[f].offset] ^= 1;
		CU_ASSERT_NOT_EQUAL(weir_flow_rec_compare(&a, &b), 0);
	}
}

static void test_sorting_gives_the_same_from_any_order(void)
{
	enum { N = 64 };
	struct weir_flow_rec up[N] = { 0 }, down[N];
	unsigned int seed = 3;

	for (int i = 0; i < N; i++) {
		up[i].start_ns = (uint64_t)(rand_r(&seed) % 4);
		up[i].ip[0].b[0] = (uint8_t)(rand_r(&seed) % 4);
		up[i].flow_id = (uint64_t)(rand_r(&seed) % 2);
		up[i].syn_seq = (uint32_t)(rand_r(&seed) % 2);
	}
	for (int i = 0; i < N; i++)
		down[i] = up[N - 1 - i];
	qsort(up, N, sizeof(up[0]), weir_flow_rec_compare);
	qsort(down, N, sizeof(down[0]), weir_flow_rec_compare);
	CU_ASSERT_EQUAL(memcmp(up, down, sizeof(up)), 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "start comes before key and key before flow_id",
		  test_start_comes_before_key_and_key_before_flow_id },
		{ "only identical records are equal", test_only_identical_records_are_equal },
		{ "sorting gives the same from any order",
		  test_sorting_gives_the_same_from_any_order },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("rec/compare", tests);
}
