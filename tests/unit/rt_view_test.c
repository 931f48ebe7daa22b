/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_rt.h>
#include <weir_view.h>

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define READERS 3
#define SWAPS   200
#define WORDS   8
#define POISON  UINT64_C(0xdeaddeaddeaddead)

/* All words are alike while it lives. */
struct weir_view {
	uint64_t word[WORDS];
};

static _Atomic uint32_t freed;

static struct weir_view *view_make(uint64_t value)
{
	struct weir_view *view = malloc(sizeof(*view));

	CU_ASSERT_PTR_NOT_NULL_FATAL(view);
	for (unsigned int i = 0; i < WORDS; i++)
		view->word[i] = value;
	return view;
}

/* Poisoned before it is freed: who reads it afterwards is found without a sanitizer, too. */
static void view_poison(struct weir_view *view)
{
	if (view == NULL)
		return;
	for (unsigned int i = 0; i < WORDS; i++)
		((volatile uint64_t *)view->word)[i] = POISON;
	free(view);
	atomic_fetch_add(&freed, 1);
}

struct reader {
	struct weir_views *views;
	atomic_bool *stop;
	atomic_uint *ready;
	unsigned int id;
	uint64_t looks, wrong, backwards;
};

static void look(struct reader *r, uint64_t *last)
{
	const struct weir_view *view = weir_views_get(r->views);
	const uint64_t value = view->word[0];

	for (unsigned int i = 0; i < WORDS; i++)
		r->wrong += ((const volatile uint64_t *)view->word)[i] != value || value == POISON;
	r->backwards += value < *last;
	*last = value;
	r->looks++;
}

static void *read_views(void *arg)
{
	struct reader *r = arg;
	uint64_t last = 0;

	weir_views_online(r->views, r->id);
	atomic_fetch_add(r->ready, 1);
	while (!atomic_load(r->stop)) {
		look(r, &last);
		weir_views_quiescent(r->views, r->id);
		if (r->looks % 8 == 0) { /* as before a sleep */
			weir_views_offline(r->views, r->id);
			sched_yield(); /* else each publish takes a time slice of a busy machine */
			weir_views_online(r->views, r->id);
		}
	}
	weir_views_offline(r->views, r->id);
	return NULL;
}

static void test_no_view_is_read_after_it_was_freed(void)
{
	struct weir_views *views = weir_views_create(READERS, view_make(1), view_poison);
	struct reader reader[READERS];
	pthread_t thread[READERS];
	atomic_bool stop = false;
	atomic_uint ready = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(views);
	atomic_store(&freed, 0);
	for (unsigned int i = 0; i < READERS; i++) {
		reader[i] =
			(struct reader){ .views = views, .stop = &stop, .ready = &ready, .id = i };
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, read_views, &reader[i]), 0);
	}
	while (atomic_load(&ready) < READERS)
		sched_yield();
	for (uint64_t v = 2; v < 2 + SWAPS; v++)
		weir_views_publish(views, view_make(v));
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < READERS; i++) {
		pthread_join(thread[i], NULL);
		CU_ASSERT(reader[i].looks > 0);
		CU_ASSERT_EQUAL(reader[i].wrong, 0);
		CU_ASSERT_EQUAL(reader[i].backwards, 0);
	}
	CU_ASSERT_EQUAL(atomic_load(&freed), SWAPS);
	weir_views_destroy(views);
	CU_ASSERT_EQUAL(atomic_load(&freed), SWAPS + 1);
}

/* Readers never online, gone offline, and beside one that is: none of the first is waited for. */
static void test_publish_does_not_wait_for_readers_that_are_offline(void)
{
	struct weir_views *views = weir_views_create(READERS, view_make(1), view_poison);

	CU_ASSERT_PTR_NOT_NULL_FATAL(views);
	atomic_store(&freed, 0);
	weir_views_publish(views, view_make(2));
	weir_views_online(views, 1);
	weir_views_offline(views, 1);
	weir_views_publish(views, view_make(3));
	CU_ASSERT_EQUAL(atomic_load(&freed), 2);
	CU_ASSERT_EQUAL(weir_views_get(views)->word[0], 3);
	weir_views_destroy(views);
}

struct publisher {
	struct weir_views *views;
	atomic_bool returned;
};

static void *publish(void *arg)
{
	struct publisher *p = arg;

	weir_views_publish(p->views, view_make(2));
	atomic_store(&p->returned, true);
	return NULL;
}

static void test_an_old_view_lives_until_its_reader_is_quiescent(void)
{
	struct publisher p = { .views = weir_views_create(1, view_make(1), view_poison) };
	const struct weir_view *old;
	pthread_t thread;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p.views);
	atomic_store(&freed, 0);
	weir_views_online(p.views, 0);
	old = weir_views_get(p.views);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, publish, &p), 0);
	while (weir_views_get(p.views) == old)
		sched_yield();
	CU_ASSERT_EQUAL(old->word[0], 1);
	CU_ASSERT_EQUAL(atomic_load(&freed), 0);
	CU_ASSERT_FALSE(atomic_load(&p.returned));
	while (!atomic_load(&p.returned)) { /* the first may come before its wait began */
		weir_views_quiescent(p.views, 0);
		sched_yield();
	}
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(atomic_load(&freed), 1);
	weir_views_offline(p.views, 0);
	weir_views_destroy(p.views);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "no view is read after it was freed", test_no_view_is_read_after_it_was_freed },
		{ "publish does not wait for readers that are offline",
		  test_publish_does_not_wait_for_readers_that_are_offline },
		{ "an old view lives until its reader is quiescent",
		  test_an_old_view_lives_until_its_reader_is_quiescent },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("rt/view", tests);
}
