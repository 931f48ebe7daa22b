/* SPDX-License-Identifier: Apache-2.0 */
/* Two workers with a queue each, of a port that keeps directions together and of one that only says so. */
#include "pipe_test.h"

#include <weir_export.h>
#include <weir_source_load.h>

enum { FLOWS = 500 };

static struct weir_source *load_source(bool split)
{
	const struct weir_load_options o = { .traffic = WEIR_LOAD_TCP,
					     .flows = FLOWS,
					     .size = 64,
					     .queues = 2,
					     .split = split,
					     .seed = 1,
					     .packets = 100000 };
	struct weir_err err = { 0 };
	struct weir_source *src = weir_source_load_create(&o, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(src);
	CU_ASSERT_EQUAL_FATAL(src->ops->open(src, &err), 0);
	CU_ASSERT_EQUAL_FATAL(src->ops->start(src, &err), 0);
	src->symmetric = true;
	return src;
}

static struct weir_collector *collector(struct weir_pipe *p)
{
	struct weir_err err = { 0 };
	struct weir_outlet_conf outlet = { .sink = weir_sink_open(WEIR_SINK_NULL, NULL, &err),
					   .name = "nothing" };
	const struct weir_collector_conf conf = { .rings = weir_pipe_records(p),
						  .n_rings = 2,
						  .outlets = &outlet,
						  .n_outlets = 1,
						  .lossless = true,
						  .cpu = -1 };
	struct weir_collector *c = weir_collector_start(&conf, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

/* *flows: made by the source. */
static uint64_t split_flows(bool split, uint64_t *flows)
{
	struct weir_source *src = load_source(split);
	struct weir_settings settings;
	struct weir_load_truth truth;
	struct weir_collector *c;
	struct weir_pipe *p;
	uint64_t found;

	test_settings(&settings);
	p = test_pipe(&settings, 2, true);
	c = collector(p);
	test_run(p, src);
	weir_pipe_close_records(p);
	CU_ASSERT_EQUAL(weir_collector_join(c, NULL), 0);
	found = weir_collector_split_flows(c);
	weir_source_load_truth(src, &truth);
	*flows = truth.flows;
	weir_collector_destroy(c);
	weir_pipe_destroy(p);
	src->ops->stop(src);
	src->ops->close(src);
	return found;
}

static void test_no_flow_of_an_honest_port_is_split(void)
{
	uint64_t flows;

	CU_ASSERT_EQUAL(split_flows(false, &flows), 0);
	CU_ASSERT(flows >= FLOWS);
}

/* Some halves may be of flows that have just begun: their first packet alone was seen. */
static void test_nearly_all_flows_are_found_where_directions_come_by_different_queues(void)
{
	uint64_t flows, found = split_flows(true, &flows);

	CU_ASSERT(found <= flows);
	CU_ASSERT(found > flows * 8 / 10);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "no flow of an honest port is split", test_no_flow_of_an_honest_port_is_split },
		{ "nearly all flows are found where directions come by different queues",
		  test_nearly_all_flows_are_found_where_directions_come_by_different_queues },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("export/split", tests);
}
