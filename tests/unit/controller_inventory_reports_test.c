/* SPDX-License-Identifier: Apache-2.0 */
/* Whose reports are taken, and how long they are kept. Control plane, 1.11 and 4.10. */
#include "controller_inventory_test.h"

static void test_who_is_not_registered_is_kept_until_it_is(void)
{
	world_begin();
	agent_add(9, BARE_METAL);
	begin();
	interface(0x020000000003, "eth0", "10.1.2.3/24");
	CU_ASSERT_EQUAL(say(3, 7), 7);
	CU_ASSERT_EQUAL(heartbeat(3, 7), 7);
	world_turn();
	same(platform(9, false), "");
	agent_add(3, BARE_METAL);
	world_turn();
	CU_ASSERT_PTR_NOT_NULL(strstr(platform(9, false), "mac=20000000003"));
	world_stop();
	world_start();
	CU_ASSERT_PTR_NOT_NULL(strstr(platform(9, false), "mac=20000000003"));
	world_end();
}

static void test_rows_of_a_deleted_agent_leave_and_it_reports_anew(void)
{
	world_begin();
	reporting(3, BARE_METAL);
	reporting(4, BARE_METAL);
	world_turn();
	agent_remove(3);
	world_turn();
	CU_ASSERT_PTR_NULL(strstr(platform(4, false), "mac=20000000003"));
	CU_ASSERT_EQUAL(heartbeat(3, 7), 0); /* none is held: the next one is whole */
	world_stop();
	world_start();
	CU_ASSERT_PTR_NULL(strstr(platform(4, false), "mac=20000000003"));
	reporting(3, BARE_METAL);
	world_turn();
	CU_ASSERT_PTR_NOT_NULL(strstr(platform(4, false), "mac=20000000003"));
	world_end();
}

/* Control plane, 4.10: what the server does with versions. */
static void test_versions_of_reports_follow_the_rules(void)
{
	world_begin();
	agent_add(3, BARE_METAL);
	begin();
	interface(0x020000000003, "eth0", NULL);
	CU_ASSERT_EQUAL(say(3, 0), 0);       /* version 0 is ignored */
	CU_ASSERT_EQUAL(heartbeat(3, 5), 0); /* nothing is held */
	CU_ASSERT_EQUAL(say(3, 5), 5);
	CU_ASSERT_EQUAL(heartbeat(3, 5), 5);
	CU_ASSERT_EQUAL(heartbeat(3, 6), 5); /* differs: the whole comes next */
	CU_ASSERT_EQUAL(say(3, 6), 6);
	CU_ASSERT_EQUAL(say(3, 4), 4); /* its clock was set back */
	CU_ASSERT_EQUAL(say(3, 0), 4);
	world_stop();
	world_start();
	CU_ASSERT_EQUAL(heartbeat(3, 4), 4);
	world_end();
}

static void test_a_node_that_reports_nothing_keeps_what_it_said(void)
{
	const struct inventory_genesis g = { .ctrl_ip = "10.0.0.3",
					     .ctrl_mac = "02:00:00:00:00:03",
					     .version = 8,
					     .cluster_id = "d-1",
					     .platform = (const uint8_t *)"",
					     .platform_len = 0 };

	world_begin();
	reporting(3, VM_POD);
	CU_ASSERT_EQUAL(inventory_genesis_put(inv, &g), 8);
	world_turn();
	CU_ASSERT_PTR_NOT_NULL(strstr(platform(3, false), "mac=20000000003"));
	world_end();
}

static void test_who_says_not_who_it_is_is_refused_and_counted(void)
{
	static const char *const none[][2] = { { "", "" },
					       { "10.0.0", "" },
					       { "10.0.0.3/24", "" },
					       { "10.0.0.3", "02:00:00:00:00" },
					       { "10.0.0.3", "02-00-00-00-00-03" },
					       { "10.0.0.3", "'; DROP TABLE agent;--" } };

	world_begin();
	reporting(3, BARE_METAL);
	reporting(4, BARE_METAL);
	begin();
	interface(0x0666, "eth0", NULL);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(none); i++) {
		const struct inventory_genesis g = { .ctrl_ip = none[i][0],
						     .ctrl_mac = none[i][1],
						     .version = 8,
						     .platform = report.v,
						     .platform_len = report.n };

		CU_ASSERT_EQUAL(inventory_genesis_put(inv, &g), 0);
	}
	CU_ASSERT_EQUAL(counts().genesis_refused, WEIR_ARRAY_SIZE(none));
	world_turn();
	CU_ASSERT_PTR_NULL(strstr(platform(3, false), "mac=666"));
	world_end();
}

static void test_an_agents_own_mac_and_address_are_nobody_elses(void)
{
	world_begin();
	reporting(3, BARE_METAL);
	agent_add(4, BARE_METAL);
	begin();
	interface(0x020000000004, "eth0", "10.0.0.4/24");
	interface(0x020000000003, "liar0", "10.7.0.1/24"); /* agent 3's ctrl_mac */
	interface(0x0a0000000001, "liar1", "10.0.0.3/24"); /* agent 3's ctrl_ip */
	CU_ASSERT_EQUAL(say(4, 7), 7);
	world_turn();
	same(platform(3, false),
	     "3:1 type=1 LAN epc=1 region=1 mac=20000000003 cluster=0 10.1.3.1/24\n"
	     "4:1 type=1 LAN epc=1 region=1 mac=20000000004 cluster=0 10.0.0.4/24\n"
	     "4:3 type=1 LAN epc=1 region=1 mac=a0000000001 cluster=0\n"
	     "10.0.0.0/24 type=2 epc=1 region=1\n"
	     "10.1.3.0/24 type=2 epc=1 region=1\n");
	same(places(4, false), "local 02:00:00:00:00:04 0a:00:00:00:00:01\n");
	agent_remove(3); /* then they may be its own */
	world_turn();
	CU_ASSERT_PTR_NOT_NULL(strstr(platform(4, false), "mac=20000000003"));
	world_end();
}

static void test_a_report_that_is_refused_leaves_what_was_said_before(void)
{
	static const uint8_t garbage[] = { 0xff, 0xff, 0xff };

	world_begin();
	reporting(3, BARE_METAL);
	CU_ASSERT_EQUAL(say_as(3, 8, garbage, sizeof(garbage)), 0);
	CU_ASSERT_EQUAL(heartbeat(3, 8), 7);
	CU_ASSERT_EQUAL(counts().genesis_refused, 1);
	world_turn();
	CU_ASSERT_PTR_NOT_NULL(strstr(platform(3, false), "mac=20000000003"));
	world_end();
}

static void test_who_is_not_registered_is_kept_in_a_bounded_number(void)
{
	world_begin();
	reporting(9, BARE_METAL);
	begin();
	interface(0x020000000003, "eth0", NULL);
	for (uint32_t i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(say(10000 + i, 7), 7);
	CU_ASSERT_EQUAL(say(20000, 7), 0);
	CU_ASSERT_EQUAL(counts().genesis_refused, 1);
	CU_ASSERT_EQUAL(counts().reporters, 1001);
	begin();
	interface(0x020000000009, "eth0", NULL);
	CU_ASSERT_EQUAL(say(9, 8), 8); /* agents are not hurt by it */
	agent_new(20000, BARE_METAL);
	agent_told(20000);
	CU_ASSERT_EQUAL(say(20000, 7), 7);
	world_end();
}

static void test_trident_does_not_say_its_mac(void)
{
	const struct inventory_genesis by_ip = {
		.ctrl_ip = "10.0.0.3", .version = 7, .platform = report.v, .platform_len = 0
	};
	struct inventory_genesis g = by_ip;

	world_begin();
	begin();
	interface(0x020000000003, "eth0", NULL);
	g.platform_len = report.n;
	CU_ASSERT_EQUAL(inventory_genesis_put(inv, &g), 7); /* before it is registered */
	agent_add(3, BARE_METAL);
	world_turn();
	CU_ASSERT_TRUE(HAS(3, 3));
	begin();
	interface(0x020000000004, "eth1", NULL);
	g.platform_len = report.n;
	g.version = 8;
	CU_ASSERT_EQUAL(inventory_genesis_put(inv, &g), 8);
	world_turn();
	CU_ASSERT_TRUE(HAS(3, 4) && !HAS(3, 3));
	CU_ASSERT_EQUAL(counts().reporters, 1);
	CU_ASSERT_EQUAL(heartbeat(3, 8), 8); /* it is one with what says its MAC */
	world_stop();
	world_start();
	CU_ASSERT_TRUE(HAS(3, 4));
	world_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "who is not registered is kept until it is",
		  test_who_is_not_registered_is_kept_until_it_is },
		{ "rows of a deleted agent leave and it reports anew",
		  test_rows_of_a_deleted_agent_leave_and_it_reports_anew },
		{ "versions of reports follow the rules",
		  test_versions_of_reports_follow_the_rules },
		{ "a node that reports nothing keeps what it said",
		  test_a_node_that_reports_nothing_keeps_what_it_said },
		{ "who says not who it is is refused and counted",
		  test_who_says_not_who_it_is_is_refused_and_counted },
		{ "an agents own mac and address are nobody elses",
		  test_an_agents_own_mac_and_address_are_nobody_elses },
		{ "a report that is refused leaves what was said before",
		  test_a_report_that_is_refused_leaves_what_was_said_before },
		{ "who is not registered is kept in a bounded number",
		  test_who_is_not_registered_is_kept_in_a_bounded_number },
		{ "trident does not say its mac", test_trident_does_not_say_its_mac },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/inventory/reports", tests);
}
