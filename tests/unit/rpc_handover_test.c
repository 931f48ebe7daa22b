/* SPDX-License-Identifier: Apache-2.0 */
/* The hand-over between the waiting thread and the loop, with threads of our own: for ThreadSanitizer. */
#include "weir_test.h"

#include <weir_base.h>

#include <handover.h>
#include <poll.h>
#include <stdlib.h>

#define THREADS 4
#define TAGS    20000

struct item {
	struct rpc_tag tag; /* first: a tag is its item */
	unsigned int thread, number;
};

static struct rpc_handover handover;
static unsigned int seen[THREADS], runs, bad;

static void run(struct rpc_tag *tag, bool ok)
{
	struct item *item = (struct item *)(void *)tag;

	runs++;
	bad += item->number != seen[item->thread]++ || ok != (item->number % 2 == 0);
	free(item);
}

static void *put_many(void *arg)
{
	unsigned int thread = (unsigned int)(uintptr_t)arg;

	for (unsigned int i = 0; i < TAGS; i++) {
		struct item *item = calloc(1, sizeof(*item));

		*item = (struct item){ .tag.run = run, .thread = thread, .number = i };
		rpc_handover_put(&handover, &item->tag, i % 2 == 0);
	}
	return NULL;
}

static bool readable(int wait_ms)
{
	return poll(&(struct pollfd){ .fd = handover.wake_fd, .events = POLLIN }, 1, wait_ms) == 1;
}

static void test_every_tag_runs_once_and_in_its_threads_order(void)
{
	pthread_t threads[THREADS];

	CU_ASSERT_EQUAL_FATAL(rpc_handover_init(&handover), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, put_many, (void *)(uintptr_t)i);
	while (runs < THREADS * TAGS && readable(20000))
		rpc_handover_run(&handover);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT_EQUAL(runs, THREADS * TAGS);
	CU_ASSERT_EQUAL(bad, 0);
	rpc_handover_fini(&handover);
}

static void again(struct rpc_tag *tag, bool ok)
{
	(void)ok;
	if (++runs < 100)
		rpc_handover_put(&handover, tag, true);
}

static void test_a_tag_put_by_its_own_run_waits_for_the_next_turn(void)
{
	struct rpc_tag tag = { .run = again };
	unsigned int turns = 0;

	CU_ASSERT_EQUAL_FATAL(rpc_handover_init(&handover), 0);
	runs = 0;
	CU_ASSERT_FALSE(readable(0));
	rpc_handover_put(&handover, &tag, true);
	while (readable(0)) {
		rpc_handover_run(&handover);
		turns++;
	}
	CU_ASSERT_EQUAL(runs, 100);
	CU_ASSERT_EQUAL(turns, 100);
	rpc_handover_fini(&handover);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every tag runs once, and in its thread's order",
		  test_every_tag_runs_once_and_in_its_threads_order },
		{ "a tag put by its own run waits for the next turn",
		  test_a_tag_put_by_its_own_run_waits_for_the_next_turn },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("rpc/handover", tests);
}
