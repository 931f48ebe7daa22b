/* SPDX-License-Identifier: Apache-2.0 */
#include "pipe_test.h"

#define TALKS   50
#define PACKETS 4000

struct change {
	struct weir_pipe *p;
	unsigned int at; /* packets handed out before it */
};

static void raise_epoch(struct script *s)
{
	const struct change *c = s->ctx;

	if (s->next == c->at)
		weir_pipe_epoch_raise(c->p);
}

static void talk(struct script *s)
{
	script_init(s, PACKETS, true);
	for (unsigned int i = 0; i < PACKETS; i++)
		script_add(s, (struct script_item){ .ts_ns = START_NS + i * MS,
						    .client = (uint8_t)(i % TALKS),
						    .server = 200,
						    .cport = (uint16_t)(40000 + i % TALKS),
						    .sport = 7000,
						    .answer = i / TALKS % 2 == 1 });
}

/* Packets of records marked as ended by the epoch, `*n` of them. */
static uint64_t packets_of_old_epoch(const struct weir_flow_rec *rec, unsigned int records,
				     unsigned int *n)
{
	uint64_t packets = 0;

	*n = 0;
	for (unsigned int i = 0; i < records; i++) {
		if ((rec[i].flags & WEIR_REC_EPOCH) == 0)
			continue;
		CU_ASSERT_EQUAL(rec[i].close_type, WEIR_CLOSE_FORCED_REPORT);
		packets += rec[i].packet[0] + rec[i].packet[1];
		++*n;
	}
	return packets;
}

static void change_with(unsigned int workers)
{
	struct weir_settings settings;
	struct weir_flow_rec *rec;
	struct change c;
	struct script s;
	unsigned int n, old;

	test_settings(&settings);
	talk(&s);
	c.p = test_pipe(&settings, workers, true);
	c.at = WEIR_BURST_MAX * 30; /* between two bursts */
	s.ctx = &c;
	s.before = raise_epoch;
	test_run(c.p, &s.src);
	rec = test_records(c.p, workers, &n);
	CU_ASSERT_EQUAL(packets_of_old_epoch(rec, n, &old), c.at);
	CU_ASSERT_EQUAL(old, TALKS);
	CU_ASSERT_EQUAL(n, 2 * TALKS);
	CU_ASSERT_EQUAL(test_packets(rec, n), PACKETS);
	CU_ASSERT_EQUAL(script_astray(&s), 0);
	free(rec);
	weir_pipe_destroy(c.p);
	script_fini(&s);
}

static void test_no_flow_spans_two_epochs(void)
{
	change_with(1);
	change_with(2);
	change_with(4);
}

static void test_without_a_new_epoch_no_record_is_marked(void)
{
	struct weir_settings settings;
	struct weir_flow_rec *rec;
	struct weir_pipe *p;
	struct script s;
	unsigned int n, old;

	test_settings(&settings);
	talk(&s);
	p = test_pipe(&settings, 2, true);
	weir_pipe_epoch_raise(p); /* before the run: it all lies in one */
	test_run(p, &s.src);
	rec = test_records(p, 2, &n);
	CU_ASSERT_EQUAL(packets_of_old_epoch(rec, n, &old), 0);
	CU_ASSERT_EQUAL(n, TALKS);
	free(rec);
	weir_pipe_destroy(p);
	script_fini(&s);
}

static void test_a_duplicate_is_counted_and_in_no_flow(void)
{
	struct weir_settings settings;
	struct weir_accounting a;
	struct weir_flow_rec *rec;
	struct weir_pipe *p;
	struct script s;
	unsigned int n;

	test_settings(&settings);
	settings.dedup_enabled = true;
	script_init(&s, 200, true);
	for (unsigned int i = 0; i < 200; i++)
		script_add(&s, (struct script_item){ .ts_ns = START_NS + i / 2 * MS,
						     .client = 1,
						     .server = 2,
						     .cport = 40000,
						     .sport = 7000,
						     .ip_id = (uint16_t)(1 + i / 2) });
	p = test_pipe(&settings, 1, true);
	test_run(p, &s.src);
	weir_pipe_accounting(p, &a);
	rec = test_records(p, 1, &n);
	CU_ASSERT_EQUAL(a.outcomes[WEIR_OUTCOME_DUPLICATE], 100);
	CU_ASSERT_EQUAL(a.outcomes[WEIR_OUTCOME_FLOW], 100);
	CU_ASSERT_EQUAL(test_packets(rec, n), 100);
	CU_ASSERT_EQUAL(script_astray(&s), 0);
	free(rec);
	weir_pipe_destroy(p);
	script_fini(&s);
}

static void limit_to(unsigned int flows, unsigned int workers, uint64_t *evicted)
{
	struct weir_settings settings;
	struct weir_flow_counters c;
	struct weir_flow_rec *rec;
	struct weir_pipe *p;
	struct script s;
	unsigned int n;

	test_settings(&settings);
	settings.flows = flows;
	talk(&s);
	p = test_pipe(&settings, workers, true);
	test_run(p, &s.src);
	rec = test_records(p, workers, &n);
	CU_ASSERT_EQUAL(test_packets(rec, n), PACKETS);
	weir_pipe_flow_counters(p, &c);
	*evicted = c.evicted_half_open + c.evicted_one_way + c.evicted_idle;
	free(rec);
	weir_pipe_destroy(p);
	script_fini(&s);
}

static void test_no_more_flows_are_held_than_the_settings_allow(void)
{
	uint64_t evicted;

	limit_to(TALKS, 1, &evicted);
	CU_ASSERT_EQUAL(evicted, 0);
	limit_to(TALKS - 1, 1, &evicted);
	CU_ASSERT(evicted > 0);
	limit_to(20, 2, &evicted);
	CU_ASSERT(evicted > 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "no flow spans two epochs", test_no_flow_spans_two_epochs },
		{ "without a new epoch no record is marked",
		  test_without_a_new_epoch_no_record_is_marked },
		{ "a duplicate is counted, and in no flow",
		  test_a_duplicate_is_counted_and_in_no_flow },
		{ "no more flows are held than the settings allow",
		  test_no_more_flows_are_held_than_the_settings_allow },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pipe/worker", tests);
}
