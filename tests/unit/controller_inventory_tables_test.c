/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the tables of an agent, in both dialects; and as the agent's own builder reads it. */
#include "controller_inventory_test.h"

#include <weir_sync.h>

#include <time.h>

static void test_a_report_becomes_interfaces_in_both_dialects(void)
{
	world_begin();
	agent_add(3, BARE_METAL)->vpc = 21;
	agent_add(9, DEDICATED);
	begin();
	interface(0x020000000003, "eth0", "10.1.2.3/24");
	interface(0x0a0000000001, "eth1", "8.8.4.4/29");
	CU_ASSERT_EQUAL(say(3, 7), 7);
	world_turn();
	for (int trident = 0; trident < 2; trident++)
		same(platform(9, trident),
		     trident ? platform(3, true) : platform(3, false)); /* all get the same */
	same(platform(9, false),
	     "3:1 type=1 LAN epc=21 region=1 mac=20000000003 cluster=0 10.1.2.3/24\n"
	     "3:2 type=1 LAN epc=21 region=1 mac=a0000000001 cluster=0\n"
	     "3:3 type=1 WAN epc=21 region=1 mac=0 cluster=0 8.8.4.4/29\n"
	     "10.1.2.0/24 type=2 epc=21 region=1\n");
	world_end();
}

static void test_wan_rows_carry_no_mac_and_types_are_those_of_the_agents(void)
{
	static const struct {
		uint32_t agent, device; /* AgentType, DeviceType: 1.4 */
	} types[] = { { KVM, 6 }, { BARE_METAL, 1 }, { DEDICATED, 6 }, { 3, 1 },
		      { 7, 14 },  { VM_POD, 14 },    { SIDECAR, 10 } };
	char wanted[512];
	size_t n = 0;

	world_begin();
	for (uint32_t i = 0; i < WEIR_ARRAY_SIZE(types); i++) {
		const uint32_t id = i + 1;

		agent_add(id, types[i].agent)->pod_cluster = types[i].agent == VM_POD ? 4 : 0;
		begin();
		interface(0x020000000000 + id, "eth0", NULL);
		say(id, 7);
		n += (size_t)sprintf(
			wanted + n, "%u:1 type=%u LAN epc=1 region=1 mac=2000000000%u cluster=%u\n",
			id, types[i].device, id, types[i].agent == VM_POD ? 4 : 0);
	}
	world_turn();
	same(platform(1, false), wanted);
	same(platform(1, true), wanted);
	world_end();
}

static void test_the_agents_own_builder_finds_what_was_reported(void)
{
	static const uint8_t ip[] = { 10, 1, 3, 1 }, other[] = { 10, 1, 3, 200 };

	world_begin();
	reporting(3, BARE_METAL);
	reporting(4, BARE_METAL);
	world_turn();
	for (int trident = 0; trident < 2; trident++) {
		const struct weir_meta_agent self = { .type = BARE_METAL, .region_id = 1 };
		const struct inventory_view v = view(3, trident);
		const enum weir_sync_dialect d = trident ? WEIR_SYNC_TRIDENT : WEIR_SYNC_AGENT;
		const struct field all = platform_of(3, trident);
		struct weir_sync_tables t = {
			{ [WEIR_SYNC_PLATFORM] = { d, 1, { (uint8_t *)(uintptr_t)all.p, all.n } },
			  [WEIR_SYNC_PLACES] = { d,
						 0,
						 { (uint8_t *)(uintptr_t)v.places.bytes->v,
						   v.places.bytes->n } } }
		};
		struct weir_meta_builder *b = weir_meta_builder_create(&self);
		struct weir_meta_hit hit;
		union weir_ip at = { { 0 } };
		struct weir_err err = { 0 };
		struct weir_meta *m;

		CU_ASSERT_EQUAL_FATAL(weir_sync_tables_build(&t, b, NULL, &err), 0);
		m = weir_meta_freeze(b, &err);
		CU_ASSERT_EQUAL(weir_meta_interfaces(m), 2);
		CU_ASSERT_TRUE(weir_meta_by_mac(m, 0x020000000003, &hit));
		CU_ASSERT_EQUAL(hit.vpc, 1);
		CU_ASSERT_EQUAL(hit.interface_id, 3 << 16 | 1);
		CU_ASSERT_EQUAL(hit.flags, WEIR_META_IS_LOCAL);
		CU_ASSERT_TRUE(weir_meta_by_mac(m, 0x020000000004, &hit));
		CU_ASSERT_EQUAL(hit.flags, 0); /* on the other machine */
		memcpy(at.b, ip, 4);
		CU_ASSERT_TRUE(weir_meta_by_address(m, 1, &at, false, &hit));
		CU_ASSERT_EQUAL(hit.mac, 0x020000000003);
		memcpy(at.b, other, 4);
		CU_ASSERT_TRUE(weir_meta_by_prefix(m, WEIR_META_IN_VPC, 1, &at, false, &hit));
		weir_meta_destroy(m);
		weir_meta_builder_destroy(b);
	}
	world_end();
}

static void test_domains_that_a_group_names_restrict_its_agents(void)
{
	static const char *const names[] = { "lcuuid-two", "not there" };
	struct config_compiled two = { .domains = { 2, names } };

	world_begin();
	for (uint32_t i = 0; i < 3; i++)
		site->domain[i] =
			(struct site_domain){ .id = 11 + i, .name = "d", .cluster_id = "c" };
	memcpy(site->domain[1].lcuuid, "lcuuid-two", 11);
	site->domains = 3;
	for (uint32_t i = 1; i <= 4; i++) /* the last one is in no cluster */
		agent_add(i, i < 4 ? VM_POD : BARE_METAL)->pod_cluster = i < 4 ? 10 + i : 0;
	for (uint32_t i = 1; i <= 4; i++)
		reporting(i, VM_POD);
	world_config_of[1] = world_config_of[2] = world_config_of[4] = &two;
	agent_add(5, DEDICATED);
	world_config_of[5] = &two;
	world_turn();
	CU_ASSERT_TRUE(HAS(1, 1) && HAS(1, 2) && !HAS(1, 3) && !HAS(1, 4)); /* its own always */
	CU_ASSERT_TRUE(!HAS(2, 1) && HAS(2, 2) && !HAS(2, 3) && !HAS(2, 4));
	CU_ASSERT_TRUE(HAS(3, 1) && HAS(3, 2) && HAS(3, 3) && HAS(3, 4)); /* no domains named */
	CU_ASSERT_TRUE(!HAS(4, 1) && HAS(4, 2) && !HAS(4, 3) && HAS(4, 4));
	CU_ASSERT_TRUE(HAS(5, 1) && HAS(5, 2) && HAS(5, 3) &&
		       HAS(5, 4)); /* dedicated: everything */
	world_end();
}

static void test_pods_of_other_clusters_are_left_out_where_they_are_not_wanted(void)
{
	struct config_compiled internal = { .pod_cluster_internal = true };

	world_begin();
	for (uint32_t i = 1; i <= 4; i++) {
		agent_add(i, i < 4 ? SIDECAR : VM_POD)->pod_cluster = i < 3 ? 1 : 2;
		reporting(i, SIDECAR);
	}
	world_config_of[1] = &internal;
	world_turn();
	CU_ASSERT_TRUE(HAS(1, 1) && HAS(1, 2) && !HAS(1, 3) && HAS(1, 4)); /* a node is no pod */
	CU_ASSERT_TRUE(HAS(2, 1) && HAS(2, 2) && HAS(2, 3) && HAS(2, 4));
	world_end();
}

static void test_dedicated_agents_get_what_nobody_captures_and_the_types_of_networks(void)
{
	world_begin();
	site->type[0] = (struct site_network_type){ 3, 1, 100, "", 0 };
	site->types = 1;
	reporting(1, BARE_METAL);
	reporting(2, BARE_METAL);
	reporting(6, DEDICATED);
	world_turn();
	same(places(6, false), "local 02:00:00:00:00:06\nremote 02:00:00:00:00:06\n"
			       "type 3 packet 1 vlan 100\n");
	same(places(1, false), "local 02:00:00:00:00:01\n");
	site->agent[2]->state = SITE_LOST;
	agent_told(2);
	memset(told, 0, sizeof(told));
	world_turn();
	same(places(6, true),
	     "local 02:00:00:00:00:06\nremote 02:00:00:00:00:02 02:00:00:00:00:06\n"
	     "type 3 packet 1 vlan 100\n");
	CU_ASSERT_EQUAL(told[6], 1);
	CU_ASSERT_EQUAL(told[1], 0);
	world_end();
}

static void test_hypervisors_skip_machines_that_capture_for_themselves(void)
{
	world_begin();
	reporting(1, KVM);
	reporting(2, BARE_METAL);
	reporting(6, DEDICATED);
	world_turn();
	same(places(1, false), "local 02:00:00:00:00:01\nskip 20000000002\n");
	same(places(1, true), "local 02:00:00:00:00:01\nskip 20000000002\n");
	same(places(2, false), "local 02:00:00:00:00:02\n");
	world_end();
}

/* Until there was a build more; how long it took is for who reads the test's output. */
static void build_and_say(const char *what)
{
	const uint64_t builds = counts().builds;
	const clock_t began = clock();

	while (counts().builds == builds)
		event_base_loop(base, EVLOOP_ONCE);
	fprintf(stderr, "\n%s: %.1f ms, of which %.1f ms were waited for a processor or the disk",
		what, (double)counts().build_ns_last / 1e6,
		(double)counts().build_ns_last / 1e6 -
			(double)(clock() - began) * 1e3 / CLOCKS_PER_SEC);
}

static void test_fifty_thousand_interfaces_are_built(void)
{
	uint64_t version, began;

	world_begin();
	for (uint32_t id = 1; id <= 1000; id++) {
		agent_add(id, BARE_METAL)->trident = id % 2;
		begin();
		for (uint32_t i = 0; i < 50; i++) {
			char name[16], ip[32];

			sprintf(name, "veth%u", i);
			sprintf(ip, "10.%u.%u.%u/24", id >> 6, (id & 63) * 4 + i / 16, 1 + i % 16);
			interface(0x0a0000000000 + id * 256 + i, name, ip);
		}
		CU_ASSERT_EQUAL(say(id, 7), 7);
	}
	build_and_say("50,000 interfaces of 1,000 agents, both dialects");
	CU_ASSERT_EQUAL(counts().interfaces, 50000);
	begin();
	interface(0x020000000001, "eth0", "10.9.9.9/24");
	say(1, 8);
	build_and_say("one agent's of them changed");
	CU_ASSERT_EQUAL(counts().interfaces, 49951);
	CU_ASSERT_EQUAL(told[1000], 2);
	version = view(1, false).platform.version;
	world_stop();
	began = weir_clock_mono_ns();
	world_start();
	fprintf(stderr, "\nread and built at a start: %.1f ms\n",
		(double)(weir_clock_mono_ns() - began) / 1e6);
	CU_ASSERT_EQUAL(view(1, false).platform.version, version);
	world_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a report becomes interfaces in both dialects",
		  test_a_report_becomes_interfaces_in_both_dialects },
		{ "wan rows carry no mac and types are those of the agents",
		  test_wan_rows_carry_no_mac_and_types_are_those_of_the_agents },
		{ "the agents own builder finds what was reported",
		  test_the_agents_own_builder_finds_what_was_reported },
		{ "domains that a group names restrict its agents",
		  test_domains_that_a_group_names_restrict_its_agents },
		{ "pods of other clusters are left out where they are not wanted",
		  test_pods_of_other_clusters_are_left_out_where_they_are_not_wanted },
		{ "dedicated agents get what nobody captures and the types of networks",
		  test_dedicated_agents_get_what_nobody_captures_and_the_types_of_networks },
		{ "hypervisors skip machines that capture for themselves",
		  test_hypervisors_skip_machines_that_capture_for_themselves },
		{ "fifty thousand interfaces are built", test_fifty_thousand_interfaces_are_built },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/inventory/tables", tests);
}
