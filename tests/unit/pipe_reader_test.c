/* SPDX-License-Identifier: Apache-2.0 */
#include "pipe_live_test.h"

#include <unistd.h>

struct wall {
	struct script s;
	struct weir_settings settings;
	struct weir_pipe *p;
	struct weir_accounting a;
	unsigned int workers;
	pthread_t reader;
	atomic_bool open;   /* workers may give frames back */
	uint64_t until_ns;  /* wall clock: input goes on */
	bool quiet_in_time; /* every packet had its outcome before the input ended */
};

static void wall_init(struct wall *l, unsigned int room, unsigned int workers)
{
	memset(l, 0, sizeof(*l));
	script_init(&l->s, room, false);
	l->s.ctx = l;
	l->workers = workers;
	test_settings(&l->settings);
	l->p = test_pipe(&l->settings, workers, false);
}

static void wall_run(struct wall *l)
{
	test_run(l->p, &l->s.src);
	weir_pipe_accounting(l->p, &l->a);
	CU_ASSERT_EQUAL(l->a.received, l->s.n);
	CU_ASSERT_EQUAL(weir_accounting_gap(&l->a), 0);
	CU_ASSERT_EQUAL(script_astray(&l->s), 0);
}

static void wall_fini(struct wall *l)
{
	weir_pipe_destroy(l->p);
	script_fini(&l->s);
}

static void open_at_the_end(struct script *s)
{
	struct wall *l = s->ctx;

	if (s->next == s->n)
		atomic_store(&l->open, true);
}

/* Workers stand still with their first burst until all was handed out. */
static void wait_for_the_end(struct script *s)
{
	struct wall *l = s->ctx;

	while (!atomic_load(&l->open) && !pthread_equal(pthread_self(), l->reader))
		usleep(100);
}

static void test_a_full_worker_ring_of_a_live_tap_is_counted_and_nothing_else_lost(void)
{
	const unsigned int packets = 20000;
	const uint64_t now = weir_clock_wall_ns();
	struct wall l;
	struct weir_flow_rec *rec;
	unsigned int n;

	wall_init(&l, packets, 2);
	for (unsigned int i = 0; i < packets; i++)
		script_add(&l.s, live_item(now + i, i));
	l.reader = pthread_self();
	l.s.before = open_at_the_end;
	l.s.after_done = wait_for_the_end;
	wall_run(&l);
	rec = test_records(l.p, 2, &n);
	CU_ASSERT(l.a.outcomes[WEIR_OUTCOME_RING_FULL] > 0);
	CU_ASSERT(l.a.outcomes[WEIR_OUTCOME_FLOW] > 0);
	CU_ASSERT_EQUAL(l.a.outcomes[WEIR_OUTCOME_RING_FULL] + l.a.outcomes[WEIR_OUTCOME_FLOW],
			packets);
	CU_ASSERT_EQUAL(test_packets(rec, n), l.a.outcomes[WEIR_OUTCOME_FLOW]);
	free(rec);
	wall_fini(&l);
}

static void too_old_with(unsigned int workers)
{
	const uint64_t now = weir_clock_wall_ns();
	struct wall l;

	wall_init(&l, 300, workers);
	script_add(&l.s, live_item(now, 0));
	for (unsigned int i = 0; i < 100; i++) {
		script_add(&l.s, live_item(now - DELAY_NS - 1, i));
		script_add(&l.s, live_item(now - DELAY_NS, i));
	}
	wall_run(&l);
	CU_ASSERT_EQUAL(l.a.outcomes[WEIR_OUTCOME_TOO_OLD], 100);
	CU_ASSERT_EQUAL(l.a.outcomes[WEIR_OUTCOME_FLOW], 101);
	CU_ASSERT_EQUAL(l.a.late, 100);
	wall_fini(&l);
}

static void test_packets_too_old_have_an_outcome_of_their_own(void)
{
	too_old_with(1);
	too_old_with(2);
}

/* One worker: this is the reader's and worker's thread, so what it sees is not behind. */
static bool until_quiet(struct script *s)
{
	struct wall *l = s->ctx;

	weir_pipe_accounting(l->p, &l->a);
	l->quiet_in_time = weir_accounting_gap(&l->a) == 0;
	usleep(1000);
	return !l->quiet_in_time && weir_clock_wall_ns() < l->until_ns;
}

static void test_a_held_fragment_goes_on_when_a_live_tap_falls_silent(void)
{
	const uint64_t now = weir_clock_wall_ns();
	struct script_item later = live_item(now, 1);
	struct wall l;

	wall_init(&l, 1, 1);
	later.frag = 2;
	script_add(&l.s, later);
	l.s.goes_on = until_quiet;
	l.until_ns = now + 3 * S;
	wall_run(&l);
	CU_ASSERT(l.quiet_in_time);
	CU_ASSERT_EQUAL(l.a.outcomes[WEIR_OUTCOME_FLOW], 1);
	wall_fini(&l);
}

static bool for_ever(struct script *s)
{
	(void)s;
	usleep(100);
	return true;
}

/* The same packet again, later. */
static void one_more(struct script *s)
{
	s->next = 0;
	s->item[0].ts_ns += MS;
}

struct stopper {
	struct script *s;
	atomic_bool stop;
	uint64_t set_ns;
};

static void *stop_soon(void *arg)
{
	struct stopper *st = arg;

	for (int i = 0; i < 10000 && atomic_load(&st->s->given_back[0].n) == 0; i++)
		usleep(1000);
	usleep(20000);
	st->set_ns = weir_clock_mono_ns();
	atomic_store(&st->stop, true);
	return NULL;
}

static void stop_with(unsigned int workers, bool lossless, bool busy)
{
	struct script s;
	struct stopper st = { .s = &s };
	struct weir_settings settings;
	struct weir_accounting a;
	struct weir_pipe *p;
	pthread_t thread;

	test_settings(&settings);
	script_init(&s, 1, lossless);
	script_add(&s, live_item(START_NS, 1));
	s.before = busy ? one_more : NULL;
	s.goes_on = for_ever;
	p = test_pipe(&settings, workers, lossless);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, stop_soon, &st), 0);
	CU_ASSERT_EQUAL(test_run_until(p, &s.src, &st.stop), 0);
	pthread_join(thread, NULL);
	CU_ASSERT(weir_clock_mono_ns() - st.set_ns < 500 * MS);
	weir_pipe_accounting(p, &a);
	CU_ASSERT(a.received > 0);
	CU_ASSERT_EQUAL(weir_accounting_gap(&a), 0);
	weir_pipe_destroy(p);
	script_fini(&s);
}

static void test_the_stop_flag_ends_a_run_promptly(void)
{
	stop_with(1, true, true);
	stop_with(1, false, true);
	stop_with(1, false, false);
	stop_with(2, false, false);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a full worker ring of a live tap is counted, and nothing else lost",
		  test_a_full_worker_ring_of_a_live_tap_is_counted_and_nothing_else_lost },
		{ "packets too old have an outcome of their own",
		  test_packets_too_old_have_an_outcome_of_their_own },
		{ "a held fragment goes on when a live tap falls silent",
		  test_a_held_fragment_goes_on_when_a_live_tap_falls_silent },
		{ "the stop flag ends a run promptly", test_the_stop_flag_ends_a_run_promptly },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pipe/reader", tests);
}
