/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_priv.h"
#include "weir_test.h"

#include <stdlib.h>

#define BLOCKS 4

static void test_an_exhausted_pool_gives_nothing_until_something_comes_back(void)
{
	struct ext mem[BLOCKS];
	struct ext_pool pool;
	uint32_t a = FLOW_NONE, b = FLOW_NONE;

	weir_ext_pool_init(&pool, mem, BLOCKS);
	for (int i = 0; i < BLOCKS; i++)
		CU_ASSERT_PTR_NOT_NULL(weir_ext_add(&pool, i & 1 ? &a : &b, EXT_NAT));
	CU_ASSERT_PTR_NULL(weir_ext_add(&pool, &a, EXT_NAT));
	CU_ASSERT_EQUAL(pool.used, BLOCKS);
	weir_ext_release_all(&pool, &a);
	CU_ASSERT_EQUAL(a, FLOW_NONE);
	CU_ASSERT_EQUAL(pool.used, BLOCKS / 2);
	CU_ASSERT_PTR_NOT_NULL(weir_ext_add(&pool, &b, EXT_NAT));
}

static void test_a_block_is_found_by_its_kind_and_comes_zeroed(void)
{
	struct ext mem[BLOCKS];
	struct ext_pool pool;
	uint32_t head = FLOW_NONE;
	struct ext *nat, *v6;

	memset(mem, 0xee, sizeof(mem));
	weir_ext_pool_init(&pool, mem, BLOCKS);
	CU_ASSERT_PTR_NULL(ext_find(&pool, head, EXT_NAT));
	nat = weir_ext_add(&pool, &head, EXT_NAT);
	v6 = weir_ext_add(&pool, &head, EXT_IPV6);
	CU_ASSERT_PTR_EQUAL(ext_find(&pool, head, EXT_NAT), nat);
	CU_ASSERT_PTR_EQUAL(ext_find(&pool, head, EXT_IPV6), v6);
	CU_ASSERT_PTR_NULL(ext_find(&pool, head, EXT_TUNNEL));
	CU_ASSERT_EQUAL(v6->ip[1].q[1], 0);
}

static void test_any_block_of_a_chain_can_be_removed(void)
{
	static const enum ext_kind kinds[] = { EXT_IPV6, EXT_NAT, EXT_TUNNEL };

	for (size_t gone = 0; gone < 3; gone++) {
		struct ext mem[BLOCKS];
		struct ext_pool pool;
		uint32_t head = FLOW_NONE;

		weir_ext_pool_init(&pool, mem, BLOCKS);
		for (size_t i = 0; i < 3; i++)
			weir_ext_add(&pool, &head, kinds[i]);
		weir_ext_remove(&pool, &head, ext_find(&pool, head, kinds[gone]));
		for (size_t i = 0; i < 3; i++)
			CU_ASSERT_EQUAL(ext_find(&pool, head, kinds[i]) != NULL, i != gone);
		CU_ASSERT_EQUAL(pool.used, 2);
	}
}

static void test_memory_is_touched_only_when_it_is_needed(void)
{
	struct ext mem[BLOCKS], before[BLOCKS];
	struct ext_pool pool;
	uint32_t head = FLOW_NONE;

	memset(mem, 0xee, sizeof(mem));
	memcpy(before, mem, sizeof(mem));
	weir_ext_pool_init(&pool, mem, BLOCKS);
	weir_ext_add(&pool, &head, EXT_NAT);
	CU_ASSERT_EQUAL(memcmp(&mem[1], &before[1], 3 * sizeof(mem[0])), 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "an exhausted pool gives nothing until something comes back",
		  test_an_exhausted_pool_gives_nothing_until_something_comes_back },
		{ "a block is found by its kind and comes zeroed",
		  test_a_block_is_found_by_its_kind_and_comes_zeroed },
		{ "any block of a chain can be removed", test_any_block_of_a_chain_can_be_removed },
		{ "memory is touched only when it is needed",
		  test_memory_is_touched_only_when_it_is_needed },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/ext", tests);
}
