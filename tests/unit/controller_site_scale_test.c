/* SPDX-License-Identifier: Apache-2.0 */
/* A site of the size that is promised. Times are of the processor, so that a busy machine does not matter. */
#include "controller_site_test.h"

#include <time.h>

#define AGENTS 10000
#define GROUPS 1000

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* With sqlite3, in one transaction: each of ours waits for the disk. */
static void make_groups(void)
{
	site_sql_says(
		"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
		" INSERT INTO agent_group SELECT i + 2, 'group-' || i, printf('g-%010d', i),"
		" printf('%08d-0000-4000-8000-000000000000', i), 0, 1, 1, 0 FROM n;"
		"INSERT INTO config SELECT id, 1, 0, 'tester', '', 'tap_interface_regex: eth' ||"
		" id FROM agent_group WHERE id > 1");
}

static void all_call(bool asks)
{
	char group[32];

	for (unsigned int i = 0; i < AGENTS; i++) {
		struct site_caller *c = site_caller(i);

		snprintf(group, sizeof(group), "group-%u", i % GROUPS);
		c->hello.group_request = asks ? group : NULL;
		CU_ASSERT_EQUAL_FATAL(site_sync(c).verdict, SITE_KNOWN);
	}
}

static void test_ten_thousand_agents_in_a_thousand_groups_are_there_in_two_seconds(void)
{
	struct site_counts counts;
	double start, per_call;

	weir_log_level_set(WEIR_LOG_WARN);
	site_begin();
	make_groups();
	site_again();
	start = cpu_s();
	all_call(true);
	printf("registered in %.1f us each, ", (cpu_s() - start) / AGENTS * 1e6);
	site_close(site);
	start = cpu_s();
	CU_ASSERT_PTR_NOT_NULL_FATAL(site_try());
	start = cpu_s() - start;
	printf("loaded in %.0f ms, ", start * 1e3);
	CU_ASSERT(start < 2);

	site_counts(site, &counts);
	CU_ASSERT_EQUAL(counts.groups, GROUPS + 1);
	CU_ASSERT_EQUAL(counts.agents[SITE_NORMAL], AGENTS);
	CU_ASSERT_EQUAL(site_group_named(site, "group-999")->config->version, 1);
	CU_ASSERT_STRING_EQUAL(site_agent_at(site, "10.0.39.15", NULL)->group->name, "group-999");

	start = cpu_s();
	for (unsigned int i = 0; i < 10; i++)
		all_call(false);
	per_call = (cpu_s() - start) / AGENTS / 10;
	printf("a call costs %.2f us ", per_call * 1e6);
	CU_ASSERT(per_call < 50e-6); /* and no statement: those cost more */
	site_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "ten thousand agents in a thousand groups are there in two seconds",
		  test_ten_thousand_agents_in_a_thousand_groups_are_there_in_two_seconds },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/site/scale", tests);
}
