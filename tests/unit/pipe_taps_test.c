/* SPDX-License-Identifier: Apache-2.0 */
/* A live pipe whose taps, filters and settings change while it runs. */
#include "pipe_live_test.h"

#include <weir_source_load.h>

static void taps_come_and_go(unsigned int workers)
{
	enum { A_SLOT = 3, B_SLOT = 60 };
	struct live_script a, b;
	struct weir_pipe_port port[2] = { { .slot = A_SLOT }, { .slot = B_SLOT } };
	const struct weir_pipe_tap tap[2] = { { .number = 1, .ports = &port[0], .n_ports = 1 },
					      { .number = 200, .ports = &port[1], .n_ports = 1 } };
	struct weir_accounting acc;
	struct live l;

	live_start(&l, workers);
	live_script_init(&a, 5000);
	live_script_init(&b, 7000);
	port[0].source = &a.s.src;
	port[1].source = &b.s.src;
	live_taps(&l, &tap[0], 1);
	live_wait_received(&l, A_SLOT, 5000);
	live_taps(&l, tap, 2);
	live_wait_received(&l, B_SLOT, 100);
	live_taps(&l, &tap[1], 1);
	CU_ASSERT_EQUAL(script_astray(&a.s), 0); /* all is given back, and nobody asks again: */
	script_fini(&a.s);
	live_wait_received(&l, B_SLOT, 7000);
	live_taps(&l, NULL, 0);
	CU_ASSERT_EQUAL(script_astray(&b.s), 0);
	script_fini(&b.s);
	live_stop(&l);
	weir_pipe_port_accounting(l.p, A_SLOT, &acc);
	CU_ASSERT_EQUAL(acc.received, 5000);
	CU_ASSERT_EQUAL(weir_accounting_gap(&acc), 0);
	weir_pipe_port_accounting(l.p, B_SLOT, &acc);
	CU_ASSERT_EQUAL(acc.received, 7000);
	CU_ASSERT_EQUAL(weir_accounting_gap(&acc), 0);
	live_fini(&l);
}

static void test_taps_come_and_go_and_each_port_is_counted_by_itself(void)
{
	taps_come_and_go(1);
	taps_come_and_go(2);
}

static struct weir_source *load_source(uint64_t packets, uint16_t queues)
{
	const struct weir_load_options o = { .traffic = WEIR_LOAD_UDP,
					     .flows = 100,
					     .size = 64,
					     .queues = queues,
					     .seed = 1,
					     .packets = packets };
	struct weir_err err = { 0 };
	struct weir_source *src = weir_source_load_create(&o, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(src);
	CU_ASSERT_EQUAL_FATAL(src->ops->open(src, &err), 0);
	CU_ASSERT_EQUAL_FATAL(src->ops->start(src, &err), 0);
	return src;
}

/* One port after the other: from steering to a queue for each worker, and back. */
static void test_packets_find_another_way_to_workers_while_it_runs(void)
{
	struct live_script a;
	struct weir_pipe_port port[2] = { { .slot = 0 }, { .slot = 1 } };
	const struct weir_pipe_tap tap[2] = { { .number = 1, .ports = &port[0], .n_ports = 1 },
					      { .number = 2, .ports = &port[1], .n_ports = 1 } };
	struct weir_source *load = load_source(300000, 2);
	struct weir_accounting acc;
	struct live l;

	live_start(&l, 2);
	live_script_init(&a, 1000);
	port[0].source = &a.s.src;
	port[1].source = load;
	live_taps(&l, &tap[0], 1);
	CU_ASSERT_EQUAL(weir_pipe_way(l.p), WEIR_PIPE_STEERED);
	live_wait_received(&l, 0, 500);
	live_taps(&l, &tap[1], 1);
	CU_ASSERT_EQUAL(script_astray(&a.s), 0);
	CU_ASSERT_EQUAL(weir_pipe_way(l.p), WEIR_PIPE_DIRECT);
	live_wait_received(&l, 1, 300000 - 1000); /* it ends by itself: ended sources end a run */
	live_taps(&l, &tap[0], 1);
	CU_ASSERT_EQUAL(weir_pipe_way(l.p), WEIR_PIPE_STEERED);
	live_stop_emptied(&l, 2);
	weir_pipe_accounting(l.p, &acc);
	CU_ASSERT_EQUAL(weir_accounting_gap(&acc), 0);
	CU_ASSERT(acc.received >= 300000 - 1000 + 500);
	load->ops->stop(load);
	load->ops->close(load);
	script_fini(&a.s);
	live_fini(&l);
}

static void test_a_queue_that_parts_directions_is_not_read_by_workers(void)
{
	struct weir_pipe_port port = { .slot = 0 };
	const struct weir_pipe_tap tap = { .number = 1, .ports = &port, .n_ports = 1 };
	struct weir_source *load = load_source(10, 2);
	struct live l;

	load->symmetric = false;
	port.source = load;
	live_start(&l, 2);
	live_taps(&l, &tap, 1);
	CU_ASSERT_EQUAL(weir_pipe_way(l.p), WEIR_PIPE_STEERED);
	live_stop(&l);
	load->ops->stop(load);
	load->ops->close(load);
	live_fini(&l);
}

/* Even packets go to port 7000, odd ones to 7001: see live_script_init(). */
static void test_a_filter_leaves_out_what_does_not_match_of_its_tap_alone(void)
{
	const struct weir_filter_options o = { .expression = "udp port 7001",
					       .links = 1u << WEIR_LINK_ETHER };
	struct weir_filter *filter = weir_filter_create(&o, NULL);
	struct live_script a, b;
	struct weir_pipe_port port[2] = { { .slot = 0 }, { .slot = 1 } };
	const struct weir_pipe_tap tap[2] = {
		{ .number = 1, .filter = filter, .ports = &port[0], .n_ports = 1 },
		{ .number = 2, .ports = &port[1], .n_ports = 1 }
	};
	struct weir_accounting acc;
	struct live l;

	CU_ASSERT_PTR_NOT_NULL_FATAL(filter);
	live_start(&l, 1);
	live_script_init(&a, 1000);
	live_script_init(&b, 1000);
	port[0].source = &a.s.src;
	port[1].source = &b.s.src;
	live_taps(&l, tap, 2);
	live_wait_received(&l, 0, 1000);
	live_wait_received(&l, 1, 1000);
	live_taps(&l, NULL, 0);
	weir_filter_destroy(filter);
	live_stop(&l);
	weir_pipe_port_accounting(l.p, 0, &acc);
	CU_ASSERT_EQUAL(acc.outcomes[WEIR_OUTCOME_FILTERED], 500);
	CU_ASSERT_EQUAL(acc.outcomes[WEIR_OUTCOME_FLOW], 500);
	weir_pipe_port_accounting(l.p, 1, &acc);
	CU_ASSERT_EQUAL(acc.outcomes[WEIR_OUTCOME_FLOW], 1000);
	script_fini(&a.s);
	script_fini(&b.s);
	live_fini(&l);
}

/* Packets of one flow at 0 and 1 s; the other tap is 30 s ahead, the time-out 5 s. */
static void test_a_tap_whose_clock_is_ahead_ends_no_flow_of_another(void)
{
	struct weir_settings settings;
	struct script s[2];
	struct weir_pipe_port port[2];
	struct weir_pipe_tap tap[2];
	const struct weir_pipe_taps taps = { tap, 2 };
	atomic_bool stop = false;
	struct weir_flow_rec *rec;
	struct weir_pipe *p;
	unsigned int n;

	test_settings(&settings);
	for (unsigned int i = 0; i < 2; i++) {
		script_init(&s[i], 100, true);
		s[i].burst = 1;
		for (unsigned int k = 0; k < 100; k++)
			script_add(&s[i], (struct script_item){ .ts_ns = START_NS + i * 30 * S +
									 k * 10 * MS,
								.client = 1,
								.server = 2,
								.cport = 40000,
								.sport = 7000 });
		port[i] = (struct weir_pipe_port){ .source = &s[i].src, .slot = (uint8_t)i };
		tap[i] = (struct weir_pipe_tap){ .number = (uint8_t)(1 + i),
						 .ports = &port[i],
						 .n_ports = 1 };
	}
	p = test_pipe(&settings, 1, true);
	CU_ASSERT_EQUAL(weir_pipe_run(p, &taps, &stop, NULL), 0);
	rec = test_records(p, 1, &n);
	CU_ASSERT_EQUAL_FATAL(n, 2);
	CU_ASSERT_EQUAL(rec[0].packet[0] + rec[0].packet[1], 100);
	CU_ASSERT_EQUAL(rec[1].packet[0] + rec[1].packet[1], 100);
	free(rec);
	weir_pipe_destroy(p);
	script_fini(&s[0]);
	script_fini(&s[1]);
}

static void test_new_settings_hold_for_packets_that_come_after(void)
{
	struct weir_settings dedup;
	struct live_script a;
	struct weir_pipe_port port = { .slot = 0 };
	const struct weir_pipe_tap tap = { .number = 1, .ports = &port, .n_ports = 1 };
	struct weir_accounting acc;
	struct live l;

	live_start(&l, 1);
	live_script_init(&a, 400);
	for (unsigned int i = 0; i < 400; i++)
		a.s.item[i] = live_item(a.s.item[0].ts_ns, i / 2); /* each twice */
	port.source = &a.s.src;
	atomic_store(&a.allowed, 200);
	live_taps(&l, &tap, 1);
	live_wait_received(&l, 0, 200);
	test_settings(&dedup);
	dedup.dedup_enabled = true;
	CU_ASSERT_EQUAL(weir_pipe_settings_set(l.p, &dedup, false), 0);
	atomic_store(&a.allowed, 400);
	live_wait_received(&l, 0, 400);
	live_stop(&l);
	weir_pipe_accounting(l.p, &acc);
	CU_ASSERT_EQUAL(acc.outcomes[WEIR_OUTCOME_DUPLICATE], 100);
	CU_ASSERT_EQUAL(acc.outcomes[WEIR_OUTCOME_FLOW], 300);
	script_fini(&a.s);
	live_fini(&l);
}

static void test_packets_beyond_the_rate_are_refused_and_counted(void)
{
	struct weir_settings settings;
	struct live_script a;
	struct weir_pipe_port port = { .slot = 0 };
	const struct weir_pipe_tap tap = { .number = 1, .ports = &port, .n_ports = 1 };
	struct weir_accounting acc;
	struct live l;

	for (unsigned int workers = 1; workers <= 2; workers++) {
		live_start(&l, workers);
		test_settings(&settings);
		settings.max_pps = 100;
		CU_ASSERT_EQUAL(weir_pipe_settings_set(l.p, &settings, false), 0);
		live_script_init(&a, 3000);
		port.source = &a.s.src;
		live_taps(&l, &tap, 1);
		live_wait_received(&l, 0, 3000);
		live_stop(&l);
		weir_pipe_accounting(l.p, &acc);
		CU_ASSERT_EQUAL(acc.received, 3000);
		CU_ASSERT_EQUAL(acc.bytes, 3000 * 74);
		CU_ASSERT_EQUAL(weir_accounting_gap(&acc), 0);
		/* A second's worth, and what the bucket got while they were read: 10 s would be too slow. */
		CU_ASSERT(acc.outcomes[WEIR_OUTCOME_FLOW] >= 100);
		CU_ASSERT(acc.outcomes[WEIR_OUTCOME_FLOW] <= 1100);
		CU_ASSERT_EQUAL(acc.outcomes[WEIR_OUTCOME_RATE_LIMIT],
				3000 - acc.outcomes[WEIR_OUTCOME_FLOW]);
		CU_ASSERT_EQUAL(script_astray(&a.s), 0);
		script_fini(&a.s);
		live_fini(&l);
	}
}

static uint64_t open_flows(const struct live *l, unsigned int workers)
{
	struct weir_pipe_worker_stats w;
	uint64_t n = 0;

	for (unsigned int i = 0; i < workers; i++) {
		weir_pipe_worker_stats(l->p, i, &w);
		n += w.flows;
	}
	return n;
}

static void test_flows_end_in_their_time_when_the_last_tap_is_gone(void)
{
	struct weir_settings settings;
	struct live_script a;
	struct weir_pipe_port port = { .slot = 0 };
	const struct weir_pipe_tap tap = { .number = 1, .ports = &port, .n_ports = 1 };
	struct live l;

	for (unsigned int workers = 1; workers <= 2; workers++) {
		live_start(&l, workers);
		test_settings(&settings);
		settings.flow.established_ns = settings.flow.others_ns = S;
		CU_ASSERT_EQUAL(weir_pipe_settings_set(l.p, &settings, false), 0);
		live_script_init(&a, 10);
		port.source = &a.s.src;
		live_taps(&l, &tap, 1);
		live_wait_received(&l, 0, 10);
		live_taps(&l, NULL, 0);
		CU_ASSERT_EQUAL(open_flows(&l, workers), 10);
		for (unsigned int i = 0; i < 2000 && open_flows(&l, workers) > 0; i++)
			usleep(5000);
		CU_ASSERT_EQUAL(open_flows(&l, workers), 0);
		live_stop(&l);
		script_fini(&a.s);
		live_fini(&l);
	}
}

static void test_a_worker_tells_how_busy_it_is(void)
{
	struct weir_pipe_worker_stats w;
	struct live_script a;
	struct weir_pipe_port port = { .slot = 0 };
	const struct weir_pipe_tap tap = { .number = 1, .ports = &port, .n_ports = 1 };
	struct live l;

	live_start(&l, 1);
	live_script_init(&a, 2000);
	port.source = &a.s.src;
	live_taps(&l, &tap, 1);
	live_wait_received(&l, 0, 2000);
	live_stop(&l);
	weir_pipe_worker_stats(l.p, 0, &w);
	CU_ASSERT_EQUAL(w.packets, 2000);
	CU_ASSERT(w.busy_cycles > 0 && w.busy_cycles < w.cycles);
	CU_ASSERT_EQUAL(w.records_slots, RECORDS);
	CU_ASSERT(w.records_used > 0);
	CU_ASSERT_EQUAL(w.flow_capacity, 8192);
	script_fini(&a.s);
	live_fini(&l);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "taps come and go, and each port is counted by itself",
		  test_taps_come_and_go_and_each_port_is_counted_by_itself },
		{ "packets find another way to workers while it runs",
		  test_packets_find_another_way_to_workers_while_it_runs },
		{ "a queue that parts directions is not read by workers",
		  test_a_queue_that_parts_directions_is_not_read_by_workers },
		{ "a filter leaves out what does not match, of its tap alone",
		  test_a_filter_leaves_out_what_does_not_match_of_its_tap_alone },
		{ "a tap whose clock is ahead ends no flow of another",
		  test_a_tap_whose_clock_is_ahead_ends_no_flow_of_another },
		{ "new settings hold for packets that come after",
		  test_new_settings_hold_for_packets_that_come_after },
		{ "packets beyond the rate are refused and counted",
		  test_packets_beyond_the_rate_are_refused_and_counted },
		{ "flows end in their time when the last tap is gone",
		  test_flows_end_in_their_time_when_the_last_tap_is_gone },
		{ "a worker tells how busy it is", test_a_worker_tells_how_busy_it_is },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pipe/taps", tests);
}
