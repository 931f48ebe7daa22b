/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_rt.h>

#include <pthread.h>
#include <time.h>

struct stream {
	struct weir_ring *ring;
	uint64_t items;
	uint32_t burst;      /* most slots taken at once */
	uint32_t rest_every; /* the producer rests after so many items, 0 = never */
	uint32_t lazy_every; /* the consumer rests after so many items, 0 = never */
	uint64_t in_order;   /* items received with the value expected */
};

static void rest(void)
{
	const struct timespec t = { .tv_nsec = 20000 };

	nanosleep(&t, NULL);
}

static void *produce(void *arg)
{
	struct stream *s = arg;

	for (uint64_t i = 0; i < s->items; i++) {
		uint64_t *slot = weir_ring_reserve_wait(s->ring);

		*slot = i;
		weir_ring_push(s->ring);
		if (s->rest_every > 0 && i % s->rest_every == 0)
			rest();
	}
	weir_ring_close(s->ring);
	return NULL;
}

static void consume(struct stream *s)
{
	uint64_t expected = 0, rested = 0;
	void *first;
	uint32_t n;

	while (weir_ring_wait(s->ring)) {
		while ((n = weir_ring_peek(s->ring, &first, s->burst)) > 0) {
			const uint64_t *slot = first;

			for (uint32_t i = 0; i < n; i++)
				s->in_order += slot[i] == expected++;
			weir_ring_pop(s->ring, n);
			if (s->lazy_every > 0 && expected / s->lazy_every != rested) {
				rested = expected / s->lazy_every;
				rest();
			}
		}
	}
}

static void run(uint32_t slots, struct stream s)
{
	pthread_t thread;

	s.ring = weir_ring_create(slots, sizeof(uint64_t));
	CU_ASSERT_PTR_NOT_NULL_FATAL(s.ring);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, produce, &s), 0);
	consume(&s);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(s.in_order, s.items);
	CU_ASSERT(weir_ring_is_empty(s.ring));
	weir_ring_destroy(s.ring);
}

static void test_millions_of_items_arrive_in_order(void)
{
	run(1024, (struct stream){ .items = 4000000, .burst = 64 });
}

static void test_a_ring_of_one_slot_loses_nothing(void)
{
	run(1, (struct stream){ .items = 10000, .burst = 64 });
}

static void test_tiny_rings_never_stall(void)
{
	for (uint32_t slots = 2; slots <= 16; slots *= 2)
		run(slots, (struct stream){ .items = 30000, .burst = 3 });
}

static void test_a_slow_producer_finds_its_consumer_asleep(void)
{
	run(64, (struct stream){ .items = 20000, .burst = 64, .rest_every = 40 });
}

static void test_a_slow_consumer_finds_its_producer_asleep(void)
{
	run(64, (struct stream){ .items = 20000, .burst = 8, .lazy_every = 40 });
}

static void test_a_full_ring_refuses_and_an_empty_one_gives_nothing(void)
{
	struct weir_ring *r = weir_ring_create(4, sizeof(uint64_t));
	void *first;

	CU_ASSERT_EQUAL(weir_ring_peek(r, &first, 4), 0);
	for (int i = 0; i < 4; i++) {
		CU_ASSERT_PTR_NOT_NULL(weir_ring_reserve(r));
		weir_ring_push(r);
	}
	CU_ASSERT_PTR_NULL(weir_ring_reserve(r));
	CU_ASSERT_EQUAL(weir_ring_peek(r, &first, 64), 4);
	CU_ASSERT_FALSE(weir_ring_is_empty(r));
	weir_ring_pop(r, 4);
	CU_ASSERT(weir_ring_is_empty(r));
	CU_ASSERT_PTR_NOT_NULL(weir_ring_reserve(r));
	weir_ring_destroy(r);
}

static void test_what_is_peeked_lies_in_one_piece(void)
{
	struct weir_ring *r = weir_ring_create(4, sizeof(uint64_t));
	void *first;

	for (uint64_t i = 0; i < 6; i++) {
		*(uint64_t *)weir_ring_reserve(r) = i;
		weir_ring_push(r);
		if (i == 2) {
			CU_ASSERT_EQUAL(weir_ring_peek(r, &first, 64), 3);
			weir_ring_pop(r, 3);
		}
	}
	CU_ASSERT_EQUAL(weir_ring_peek(r, &first, 64), 1); /* slot 3, then the memory wraps */
	CU_ASSERT_EQUAL(*(uint64_t *)first, 3);
	weir_ring_pop(r, 1);
	CU_ASSERT_EQUAL(weir_ring_peek(r, &first, 64), 2);
	CU_ASSERT_EQUAL(*(uint64_t *)first, 4);
	weir_ring_destroy(r);
}

static void *close_later(void *ring)
{
	rest();
	weir_ring_close(ring);
	return NULL;
}

static void test_closing_ends_a_wait(void)
{
	for (int i = 0; i < 100; i++) {
		struct weir_ring *r = weir_ring_create(4, sizeof(uint64_t));
		pthread_t thread;

		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, close_later, r), 0);
		CU_ASSERT_FALSE(weir_ring_wait(r));
		pthread_join(thread, NULL);
		weir_ring_destroy(r);
	}
}

static void test_what_was_pushed_before_closing_is_still_there(void)
{
	struct weir_ring *r = weir_ring_create(4, sizeof(uint64_t));
	void *first;

	CU_ASSERT_PTR_NOT_NULL(weir_ring_reserve(r));
	weir_ring_push(r);
	weir_ring_close(r);
	CU_ASSERT(weir_ring_wait(r));
	CU_ASSERT_EQUAL(weir_ring_peek(r, &first, 4), 1);
	weir_ring_pop(r, 1);
	CU_ASSERT_FALSE(weir_ring_wait(r));
	weir_ring_destroy(r);
}

/* Two rings, one each way: an answer is needed before the next question, so every flush must wake. */
struct echo {
	struct weir_ring *there, *back;
};

static void *answer(void *arg)
{
	struct echo *e = arg;
	void *first;

	while (weir_ring_wait(e->there)) {
		weir_ring_peek(e->there, &first, 1);
		weir_ring_pop(e->there, 1);
		weir_ring_reserve_wait(e->back);
		weir_ring_push(e->back);
		weir_ring_flush(e->back);
	}
	return NULL;
}

static void test_a_flush_wakes_for_one_slot(void)
{
	struct echo e = { weir_ring_create(1024, 8), weir_ring_create(1024, 8) };
	uint64_t start = weir_clock_mono_ns();
	const int rounds = 5000;
	pthread_t thread;
	void *first;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, answer, &e), 0);
	for (int i = 0; i < rounds; i++) {
		weir_ring_reserve_wait(e.there);
		weir_ring_push(e.there);
		weir_ring_flush(e.there);
		CU_ASSERT(weir_ring_wait(e.back));
		CU_ASSERT_EQUAL(weir_ring_peek(e.back, &first, 1), 1);
		weir_ring_pop(e.back, 1);
	}
	weir_ring_close(e.there);
	pthread_join(thread, NULL);
	/* Left to their own looking, each round would take two naps of a millisecond. */
	CU_ASSERT(weir_clock_mono_ns() - start < (uint64_t)rounds * WEIR_NS_PER_MS);
	weir_ring_destroy(e.there);
	weir_ring_destroy(e.back);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a full ring refuses and an empty one gives nothing",
		  test_a_full_ring_refuses_and_an_empty_one_gives_nothing },
		{ "what is peeked lies in one piece", test_what_is_peeked_lies_in_one_piece },
		{ "millions of items arrive in order", test_millions_of_items_arrive_in_order },
		{ "a ring of one slot loses nothing", test_a_ring_of_one_slot_loses_nothing },
		{ "tiny rings never stall", test_tiny_rings_never_stall },
		{ "a slow producer finds its consumer asleep",
		  test_a_slow_producer_finds_its_consumer_asleep },
		{ "a slow consumer finds its producer asleep",
		  test_a_slow_consumer_finds_its_producer_asleep },
		{ "closing ends a wait", test_closing_ends_a_wait },
		{ "what was pushed before closing is still there",
		  test_what_was_pushed_before_closing_is_still_there },
		{ "a flush wakes for one slot", test_a_flush_wakes_for_one_slot },
		CU_TEST_INFO_NULL,
	};

	weir_thread_setup("test", -1);
	return weir_test_main("rt/ring", tests);
}
