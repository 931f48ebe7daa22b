/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_table_test.h"
#include "weir_test.h"

static struct queues *queues_make(uint32_t flows)
{
	static struct queues qs;

	queues_init(&qs,
		    aligned_alloc(WEIR_CACHE_LINE, queue_chunk_count(flows) * sizeof(struct chunk)),
		    flows);
	memset(qs.chunks, 0, qs.total * sizeof(struct chunk));
	return &qs;
}

/* The next reference of a queue, as sweep and eviction take them; 0 = empty. */
static uint32_t pop(struct queues *qs, enum flow_queue q)
{
	return queue_front(qs, q) != NULL ? queue_pop(qs, q) : 0;
}

static void test_references_come_out_as_they_went_in(void)
{
	struct queues *qs = queues_make(100);

	for (uint32_t i = 1; i <= 100; i++)
		CU_ASSERT_TRUE(queue_push(qs, QUEUE_LONG, i, i));
	for (uint32_t i = 1; i <= 100; i++)
		CU_ASSERT_EQUAL(pop(qs, QUEUE_LONG), i);
	CU_ASSERT_EQUAL(pop(qs, QUEUE_LONG), 0);
	CU_ASSERT_PTR_NULL(queue_front(qs, QUEUE_LONG));
	free(qs->chunks);
}

static void test_queues_do_not_mix(void)
{
	struct queues *qs = queues_make(100);

	for (uint32_t i = 0; i < 90; i++)
		queue_push(qs, QUEUE_NONE + 1 + i % (QUEUES - 1), i + 1, 0);
	for (enum flow_queue q = QUEUES - 1; q > QUEUE_NONE; q--)
		for (uint32_t i = q - 1; i < 90; i += QUEUES - 1)
			CU_ASSERT_EQUAL(pop(qs, q), i + 1);
	free(qs->chunks);
}

/* What comes later lies behind the rest of a chunk that is begun. */
static void test_a_queue_goes_on_behind_a_chunk_that_is_begun(void)
{
	struct queues *qs = queues_make(100);

	for (uint32_t i = 1; i <= 5; i++)
		queue_push(qs, QUEUE_FAST, i, 0);
	CU_ASSERT_EQUAL(pop(qs, QUEUE_FAST), 1);
	CU_ASSERT_EQUAL(pop(qs, QUEUE_FAST), 2);
	for (uint32_t i = 6; i <= 30; i++)
		queue_push(qs, QUEUE_FAST, i, 0);
	for (uint32_t i = 3; i <= 30; i++)
		CU_ASSERT_EQUAL(pop(qs, QUEUE_FAST), i);
	free(qs->chunks);
}

static void test_a_chunk_is_due_when_its_last_reference_is(void)
{
	struct queues *qs = queues_make(100);

	queue_push(qs, QUEUE_FAST, 1, 50);
	queue_push(qs, QUEUE_FAST, 2, 90);
	queue_push(qs, QUEUE_FAST, 3, 70);
	CU_ASSERT_EQUAL(queue_front(qs, QUEUE_FAST)->due_ns, 90);
	free(qs->chunks);
}

static void test_chunks_serve_again_and_a_push_without_one_is_refused(void)
{
	struct queues *qs = queues_make(12);
	const uint32_t room = (qs->total - 1) * CHUNK_REFS;

	for (unsigned int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < room; i++)
			CU_ASSERT_TRUE(queue_push(qs, QUEUE_LONG, i + 1, 0));
		CU_ASSERT_FALSE(queue_push(qs, QUEUE_LONG, room, 0));
		CU_ASSERT_FALSE(queue_push(qs, QUEUE_FAST, room, 0));
		for (uint32_t i = 0; i < room; i++)
			CU_ASSERT_EQUAL(pop(qs, QUEUE_LONG), i + 1);
	}
	free(qs->chunks);
}

static void test_a_reference_holds_flow_and_generation(void)
{
	const uint32_t flow = (1u << REF_FLOW_BITS) - 1;

	for (unsigned int gen = 0; gen < 256; gen++) {
		CU_ASSERT_EQUAL(ref_flow(ref_make(flow, (uint8_t)gen)), flow);
		CU_ASSERT_EQUAL(ref_gen(ref_make(flow, (uint8_t)gen)), gen & REF_GEN_MASK);
		CU_ASSERT_EQUAL(ref_flow(ref_make(0, (uint8_t)gen)), 0);
	}
}

/*
 * Stale references pile up until no chunk is free: each flow is queued again and again, in turns, as
 * if its deadline came nearer for ever. The others' references must outlive that.
 */
static void requeue_for_ever(uint32_t flows)
{
	struct rig r;
	uint64_t random = flows;

	rig_init(&r, flows, 0);
	for (uint32_t i = 0; i < flows; i++) {
		const struct weir_pkt p = pkt_udp(1, 1000, 2, (uint16_t)(i + 1), T0);

		CU_ASSERT_EQUAL(rig_packet(&r, &p), WEIR_OUTCOME_FLOW);
	}
	for (unsigned int step = 0; step < 20000; step++) {
		const uint32_t flow = rig_below(&random, flows);

		flow_at(r.t, flow)->timeout = (uint8_t)rig_below(&random, TO_COUNT);
		flow_requeue(r.t, flow, T0);
		if (step % 1000 == 0)
			rig_check_references(&r);
	}
	rig_check_references(&r);
	rig_expire(&r, T0 + 3600 * SECOND);
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 0);
	CU_ASSERT_EQUAL(r.n, flows);
	rig_fini(&r);
}

static void test_reclaiming_ends_and_keeps_every_valid_reference(void)
{
	for (uint32_t flows = 1; flows <= 64; flows++)
		requeue_for_ever(flows);
	requeue_for_ever(1000);
}

/* 64 generations: one that comes round meets a flow that is looked at once too often, no more. */
static void test_a_generation_that_wraps_loses_no_flow(void)
{
	struct rig r;
	const struct weir_pkt p = pkt_udp(1, 1000, 2, 53, T0);

	rig_init(&r, 4, 0);
	rig_packet(&r, &p);
	for (unsigned int i = 0; i < 2 * (REF_GEN_MASK + 1); i++)
		flow_requeue(r.t, 0, T0);
	rig_expire(&r, T0 + 4 * SECOND);
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 1);
	rig_expire(&r, T0 + 60 * SECOND);
	CU_ASSERT_EQUAL(weir_flow_table_size(r.t), 0);
	CU_ASSERT_EQUAL(r.n, 1);
	rig_fini(&r);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "references come out as they went in", test_references_come_out_as_they_went_in },
		{ "queues do not mix", test_queues_do_not_mix },
		{ "a queue goes on behind a chunk that is begun",
		  test_a_queue_goes_on_behind_a_chunk_that_is_begun },
		{ "a chunk is due when its last reference is",
		  test_a_chunk_is_due_when_its_last_reference_is },
		{ "chunks serve again, and a push without one is refused",
		  test_chunks_serve_again_and_a_push_without_one_is_refused },
		{ "a reference holds flow and generation",
		  test_a_reference_holds_flow_and_generation },
		{ "reclaiming ends and keeps every valid reference",
		  test_reclaiming_ends_and_keeps_every_valid_reference },
		{ "a generation that wraps loses no flow",
		  test_a_generation_that_wraps_loses_no_flow },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/queue", tests);
}
