/* SPDX-License-Identifier: Apache-2.0 */
#include "pipe_test.h"

#include <weir_source_load.h>

#include <unistd.h>

#define PACKETS 6000
#define TALKS   180

/* Conversations with a few servers over 6 s; some begin with an answer, some packets come late. */
static struct script_item talk_item(unsigned int i)
{
	const unsigned int talk = i * 7919 % TALKS, turn = i / TALKS;
	const bool mid_stream = talk % 5 == 0;

	return (struct script_item){
		.ts_ns = START_NS + i * MS - (i % 97 == 0 ? 300 * MS : 0),
		.client = (uint8_t)(talk % 60),
		.server = (uint8_t)(200 + talk % 3),
		.cport = (uint16_t)(40000 + talk),
		.sport = (uint16_t)(7000 + talk % 3),
		.answer = (turn % 2 == 1) != mid_stream,
		.ip_id = (uint16_t)i,
		.unknown_link = i % 500 == 3,
	};
}

/* A datagram whose later fragment comes first; every fourth one's first fragment never comes. */
static void add_datagram(struct script *s, unsigned int i, uint64_t ts_ns)
{
	struct script_item it = { .ts_ns = ts_ns,
				  .client = 100,
				  .server = 201,
				  .cport = 2000,
				  .sport = 2049,
				  .ip_id = (uint16_t)i,
				  .frag = 2 };

	script_add(s, it);
	if (i % 4 == 0)
		return;
	it.frag = 1;
	script_add(s, it);
}

static void traffic(struct script *s)
{
	script_init(s, PACKETS + PACKETS / 10, true);
	s->burst = 61;
	for (unsigned int i = 0; i < PACKETS; i++) {
		script_add(s, talk_item(i));
		if (i % 50 == 20)
			add_datagram(s, i / 50, s->item[s->n - 1].ts_ns);
	}
}

static void check_accounting(const struct weir_pipe *p, const struct script *s)
{
	struct weir_accounting a;

	weir_pipe_accounting(p, &a);
	CU_ASSERT_EQUAL(a.received, s->n);
	CU_ASSERT_EQUAL(weir_accounting_gap(&a), 0);
	CU_ASSERT_EQUAL(a.outcomes[WEIR_OUTCOME_LINKTYPE], PACKETS / 500);
	CU_ASSERT_EQUAL(a.outcomes[WEIR_OUTCOME_FLOW], s->n - PACKETS / 500);
	CU_ASSERT_EQUAL(script_astray(s), 0);
}

/* The records of one run of the traffic, sorted. */
static struct weir_flow_rec *records_with(unsigned int workers, unsigned int *n)
{
	struct weir_settings settings;
	struct weir_flow_rec *rec;
	struct weir_pipe *p;
	struct script s;

	test_settings(&settings);
	traffic(&s);
	p = test_pipe(&settings, workers, true);
	test_run(p, &s.src);
	check_accounting(p, &s);
	rec = test_records(p, workers, n);
	CU_ASSERT_EQUAL(test_packets(rec, *n), s.n - PACKETS / 500);
	weir_pipe_destroy(p);
	script_fini(&s);
	return rec;
}

static void test_records_do_not_depend_on_the_number_of_workers(void)
{
	unsigned int n1, n;
	struct weir_flow_rec *one = records_with(1, &n1);

	CU_ASSERT(n1 >= TALKS);
	for (unsigned int workers = 2; workers <= 4; workers += 2) {
		struct weir_flow_rec *many = records_with(workers, &n);

		CU_ASSERT_EQUAL_FATAL(n, n1);
		CU_ASSERT_EQUAL(memcmp(one, many, n * sizeof(*one)), 0);
		free(many);
	}
	free(one);
}

static void worker_is_slow(struct script *s)
{
	const pthread_t *reader = s->ctx;

	if (!pthread_equal(pthread_self(), *reader))
		usleep(20);
}

/* Copies of held fragments are used up before a slow worker gives one back. */
static void test_a_slow_worker_costs_no_fragment_its_ports(void)
{
	enum { DATAGRAMS = 5000 };
	pthread_t reader = pthread_self();
	struct weir_settings settings;
	struct weir_flow_rec *rec;
	struct weir_pipe *p;
	struct script s;
	unsigned int n;

	test_settings(&settings);
	script_init(&s, 2 * DATAGRAMS, true);
	s.ctx = &reader;
	s.after_done = worker_is_slow;
	for (unsigned int i = 0; i < DATAGRAMS; i++)
		add_datagram(&s, 4 * i + 1, START_NS + i * MS / 100);
	p = test_pipe(&settings, 2, true);
	test_run(p, &s.src);
	rec = test_records(p, 2, &n);
	CU_ASSERT_EQUAL(test_packets(rec, n), 2 * DATAGRAMS);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(script_astray(&s), 0);
	free(rec);
	weir_pipe_destroy(p);
	script_fini(&s);
}

/* More than 64 fragments before their first one do not wait for it. */
static void test_fragments_that_find_no_room_are_told(void)
{
	enum { EARLY = 70, HELD_MAX = 64 };
	struct weir_pipe_shortages none, some;
	struct weir_settings settings;
	struct weir_pipe *p;
	struct script s;

	test_settings(&settings);
	script_init(&s, EARLY, true);
	for (unsigned int i = 0; i < EARLY; i++)
		add_datagram(&s, 4, START_NS + i);
	p = test_pipe(&settings, 1, true);
	weir_pipe_shortages(p, &none);
	test_run(p, &s.src);
	weir_pipe_shortages(p, &some);
	CU_ASSERT_EQUAL(none.fragments, 0);
	CU_ASSERT_EQUAL(some.fragments, EARLY - HELD_MAX);
	weir_pipe_destroy(p);
	script_fini(&s);
}

/* The same again on one pipe: nothing of the first run shows, not in dedup nor in fragments. */
static void two_runs(unsigned int workers)
{
	struct weir_settings settings;
	struct weir_flow_rec *rec[2];
	struct weir_accounting a;
	unsigned int n[2];
	struct weir_pipe *p;
	struct script s;

	test_settings(&settings);
	settings.dedup_enabled = true;
	traffic(&s);
	p = test_pipe(&settings, workers, true);
	for (unsigned int run = 0; run < 2; run++) {
		script_rewind(&s);
		test_run(p, &s.src);
		weir_pipe_accounting(p, &a);
		CU_ASSERT_EQUAL(a.received, s.n);
		CU_ASSERT_EQUAL(a.outcomes[WEIR_OUTCOME_DUPLICATE], 0);
		check_accounting(p, &s);
		rec[run] = test_records(p, workers, &n[run]);
	}
	CU_ASSERT_EQUAL(n[0], n[1]);
	CU_ASSERT(n[0] == n[1] && memcmp(rec[0], rec[1], n[0] * sizeof(*rec[0])) == 0);
	free(rec[0]);
	free(rec[1]);
	weir_pipe_destroy(p);
	script_fini(&s);
}

static void test_two_runs_on_one_pipe_are_independent(void)
{
	two_runs(1);
	two_runs(3);
}

/* A run that comes before the first one in time: held fragments do not wait for that one's clock. */
static void test_a_run_may_lie_before_the_one_before(void)
{
	struct weir_settings settings;
	struct weir_ring *records;
	struct weir_pipe *p;
	struct script s;
	void *slot;

	test_settings(&settings);
	p = test_pipe(&settings, 1, true);
	records = weir_pipe_records(p)[0];
	for (unsigned int run = 0; run < 2; run++) {
		const uint64_t start = START_NS - run * 3600 * S;

		script_init(&s, 64, true);
		s.burst = 1;
		add_datagram(&s, 4, start); /* a later fragment alone: held for half a second */
		for (unsigned int i = 1; i < 30; i++)
			script_add(&s, (struct script_item){ .ts_ns = start + i * S,
							     .client = 1,
							     .server = 2,
							     .cport = 5,
							     .sport = 6 });
		test_run(p, &s.src);
		/* Its flow ended in its time, before the one that lasts until the end of input. */
		CU_ASSERT_EQUAL_FATAL(weir_ring_peek(records, &slot, 2), 2);
		CU_ASSERT_EQUAL(((struct weir_flow_rec *)slot)->start_ns, start);
		CU_ASSERT_EQUAL(((struct weir_flow_rec *)slot)->start_ns, start);
		weir_ring_pop(records, 2);
		CU_ASSERT_EQUAL(script_astray(&s), 0);
		script_fini(&s);
	}
	weir_pipe_destroy(p);
}

/* The synthetic source knows how many packets it made. */
static void load_through(unsigned int workers, uint16_t queues)
{
	const struct weir_load_options o = { .traffic = WEIR_LOAD_UDP,
					     .flows = 500,
					     .size = 64,
					     .queues = queues,
					     .seed = 1,
					     .packets = 100000 };
	struct weir_err err = { 0 };
	struct weir_source *src = weir_source_load_create(&o, &err);
	struct weir_settings settings;
	struct weir_load_truth truth;
	struct weir_accounting a;
	struct weir_flow_rec *rec;
	struct weir_pipe *p;
	unsigned int n;

	CU_ASSERT_PTR_NOT_NULL_FATAL(src);
	CU_ASSERT_EQUAL_FATAL(src->ops->open(src, &err), 0);
	CU_ASSERT_EQUAL_FATAL(src->ops->start(src, &err), 0);
	test_settings(&settings);
	p = test_pipe(&settings, workers, true);
	test_run(p, src);
	weir_pipe_accounting(p, &a);
	weir_source_load_truth(src, &truth);
	rec = test_records(p, workers, &n);
	CU_ASSERT_EQUAL(truth.packets, o.packets);
	CU_ASSERT_EQUAL(a.received, truth.packets);
	CU_ASSERT_EQUAL(a.bytes, truth.bytes);
	CU_ASSERT_EQUAL(a.outcomes[WEIR_OUTCOME_FLOW], truth.packets);
	CU_ASSERT_EQUAL(weir_accounting_gap(&a), 0);
	CU_ASSERT_EQUAL(test_packets(rec, n), truth.packets);
	CU_ASSERT_EQUAL(n, truth.flows);
	free(rec);
	weir_pipe_destroy(p);
	src->ops->stop(src);
	src->ops->close(src);
}

static void test_a_worker_for_each_queue_loses_nothing(void)
{
	load_through(2, 2);
}

static void test_the_reader_reads_all_queues_of_a_source(void)
{
	load_through(1, 2);
	load_through(3, 2);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "records do not depend on the number of workers",
		  test_records_do_not_depend_on_the_number_of_workers },
		{ "a slow worker costs no fragment its ports",
		  test_a_slow_worker_costs_no_fragment_its_ports },
		{ "fragments that find no room are told",
		  test_fragments_that_find_no_room_are_told },
		{ "two runs on one pipe are independent",
		  test_two_runs_on_one_pipe_are_independent },
		{ "a run may lie before the one before", test_a_run_may_lie_before_the_one_before },
		{ "a worker for each queue loses nothing",
		  test_a_worker_for_each_queue_loses_nothing },
		{ "the reader reads all queues of a source",
		  test_the_reader_reads_all_queues_of_a_source },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pipe/pipe", tests);
}
