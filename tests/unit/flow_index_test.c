/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_table_test.h"
#include "weir_test.h"

static struct flow_index *index_make(uint32_t flows)
{
	static struct flow_index ix;

	index_init(&ix,
		   aligned_alloc(WEIR_CACHE_LINE,
				 index_bucket_count(flows) * sizeof(struct bucket)),
		   flows);
	memset(ix.buckets, 0, ix.total * sizeof(struct bucket));
	return &ix;
}

static bool holds(const struct flow_index *ix, uint64_t hash, uint32_t flow)
{
	uint32_t i = index_home(ix, hash);

	for (;;) {
		const struct bucket *b = &ix->buckets[i];

		for (uint32_t m = bucket_match(b, index_tag(hash)); m != 0; m &= m - 1)
			if (b->flow[__builtin_ctz(m)] == flow)
				return true;
		if (b->next == 0)
			return false;
		i = b->next;
	}
}

static uint32_t overflow_in_use(const struct flow_index *ix)
{
	uint32_t n = ix->fresh - ix->home;

	for (uint32_t i = ix->free_overflow; i != 0; i = ix->buckets[i].next)
		n--;
	return n;
}

static void test_a_flow_is_found_until_it_is_removed(void)
{
	struct flow_index *ix = index_make(100);

	CU_ASSERT_FALSE(holds(ix, 77, 5));
	CU_ASSERT_TRUE(index_insert(ix, 77, 5));
	CU_ASSERT_TRUE(holds(ix, 77, 5));
	index_remove(ix, 77, 5);
	CU_ASSERT_FALSE(holds(ix, 77, 5));
	free(ix->buckets);
}

/* A tag of 0 would look like a free slot. */
static void test_a_hash_with_a_zero_top_byte_has_a_tag(void)
{
	CU_ASSERT_NOT_EQUAL(index_tag(UINT64_C(0x00ffffffffffffff)), 0);
}

static void test_a_full_bucket_goes_on_in_overflow_and_gives_it_back(void)
{
	struct flow_index *ix = index_make(1000);
	const uint32_t n = 5 * BUCKET_SLOTS + 3;

	for (uint32_t flow = 0; flow < n; flow++)
		CU_ASSERT_TRUE(index_insert(ix, 9, flow));
	CU_ASSERT_EQUAL(overflow_in_use(ix), 5);
	for (uint32_t flow = 0; flow < n; flow++)
		CU_ASSERT_TRUE(holds(ix, 9, flow));
	for (uint32_t flow = n; flow-- > BUCKET_SLOTS;)
		index_remove(ix, 9, flow);
	CU_ASSERT_EQUAL(overflow_in_use(ix), 0);
	for (uint32_t flow = 0; flow < BUCKET_SLOTS; flow++)
		CU_ASSERT_TRUE(holds(ix, 9, flow));
	free(ix->buckets);
}

static void test_a_middle_overflow_bucket_can_go(void)
{
	struct flow_index *ix = index_make(1000);

	for (uint32_t flow = 0; flow < 4 * BUCKET_SLOTS; flow++)
		index_insert(ix, 9, flow);
	for (uint32_t flow = 2 * BUCKET_SLOTS; flow < 3 * BUCKET_SLOTS; flow++)
		index_remove(ix, 9, flow);
	CU_ASSERT_EQUAL(overflow_in_use(ix), 2);
	for (uint32_t flow = 3 * BUCKET_SLOTS; flow < 4 * BUCKET_SLOTS; flow++)
		CU_ASSERT_TRUE(holds(ix, 9, flow));
	free(ix->buckets);
}

static void test_without_overflow_buckets_an_insert_is_refused(void)
{
	struct flow_index *ix = index_make(1);
	const uint32_t room = (ix->total - ix->home + 1) * BUCKET_SLOTS;

	for (uint32_t flow = 0; flow < room; flow++)
		CU_ASSERT_TRUE(index_insert(ix, 9, flow));
	CU_ASSERT_FALSE(index_insert(ix, 9, room));
	index_remove(ix, 9, 7);
	CU_ASSERT_TRUE(index_insert(ix, 9, room));
	CU_ASSERT_TRUE(holds(ix, 9, room));
	free(ix->buckets);
}

/* Few hashes, so that buckets overflow all the time; the model is a plain array. */
static void test_random_inserts_and_removes_are_those_of_a_model(void)
{
	enum { FLOWS = 400, STEPS = 200000 };
	struct flow_index *ix = index_make(FLOWS);
	static uint64_t hash_of[FLOWS];
	static bool present[FLOWS];
	uint64_t random = 1;

	for (unsigned int step = 0; step < STEPS; step++) {
		const uint32_t flow = rig_below(&random, FLOWS);

		CU_ASSERT_EQUAL(holds(ix, hash_of[flow], flow), present[flow]);
		if (present[flow]) {
			index_remove(ix, hash_of[flow], flow);
			present[flow] = false;
			continue;
		}
		hash_of[flow] = weir_mix(rig_below(&random, 40) + 1, UINT64_C(0x9e3779b97f4a7c15));
		present[flow] = index_insert(ix, hash_of[flow], flow);
	}
	for (uint32_t flow = 0; flow < FLOWS; flow++)
		if (present[flow])
			index_remove(ix, hash_of[flow], flow);
	CU_ASSERT_EQUAL(overflow_in_use(ix), 0);
	free(ix->buckets);
}

/* Poisson with mean 7: the spare buckets are more than twice what a random table needs. */
static void test_a_full_table_of_random_flows_fits(void)
{
	enum { FLOWS = 200000 };
	struct flow_index *ix = index_make(FLOWS);
	uint64_t random = 2;

	for (uint32_t flow = 0; flow < FLOWS; flow++)
		CU_ASSERT_TRUE(index_insert(ix, rig_random(&random), flow));
	CU_ASSERT_TRUE(overflow_in_use(ix) < (ix->total - ix->home) * 3 / 4);
	free(ix->buckets);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a flow is found until it is removed", test_a_flow_is_found_until_it_is_removed },
		{ "a hash with a zero top byte has a tag",
		  test_a_hash_with_a_zero_top_byte_has_a_tag },
		{ "a full bucket goes on in overflow and gives it back",
		  test_a_full_bucket_goes_on_in_overflow_and_gives_it_back },
		{ "a middle overflow bucket can go", test_a_middle_overflow_bucket_can_go },
		{ "without overflow buckets an insert is refused",
		  test_without_overflow_buckets_an_insert_is_refused },
		{ "random inserts and removes are those of a model",
		  test_random_inserts_and_removes_are_those_of_a_model },
		{ "a full table of random flows fits", test_a_full_table_of_random_flows_fits },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/index", tests);
}
