/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows get the groups of the rules that store packets of them, by the policies that are there when they start. Spec: data
 * plane 7.3, 8.2; control plane 1.10. Hosts: MAC 02:00:00:00:00:NN, 10.1.0.NN; clients in VPC 7, the server in 8.
 */
#include "pipe_hosts_test.h"
#include "pipe_live_test.h"

#include <weir_policy.h>

enum { PACKETS = 8000, A_BURST = 40, POLICY_BYTES = 1 << 24 };

/* Groups of addresses, by number. */
enum { HALF = 1, SERVERS_OF_8, SERVERS_OF_9, NOBODY };

/* Rules in their order. What a rule leaves out, it does not ask for. */
static const struct rule {
	uint32_t gid;
	uint32_t tunnel; /* enum weir_policy_tunnel */
	uint32_t network_type, protocol;
	const char *ports;
	int32_t src, dst;
} rules[] = {
	{ 11, WEIR_POLICY_PCAP, 0, 17, "53", 0, 0 },
	{ 12, WEIR_POLICY_PCAP, 0, 256, "", HALF, 0 },
	{ 13, WEIR_POLICY_PCAP, 0, 256, "", 0, SERVERS_OF_8 },
	{ 14, WEIR_POLICY_VXLAN, 0, 256, "", 0, 0 }, /* brokers: not of a flow log */
	{ 15, WEIR_POLICY_PCAP, 0, 6, "", 0, 0 },    /* TCP */
	{ 16, WEIR_POLICY_PCAP, 0, 256, "", 0, SERVERS_OF_9 },
	{ 17, WEIR_POLICY_PCAP, 4, 256, "", 0, 0 }, /* of another network */
	{ 18, WEIR_POLICY_PCAP, 0, 256, "54", 0, 0 },
	{ 19, WEIR_POLICY_PCAP, 0, 256, "", NOBODY, 0 },
	{ 11, WEIR_POLICY_PCAP, 3, 256, "50-60", 0, 0 }, /* a group once */
};

static void add_group(struct weir_policy_builder *b, uint32_t id, uint32_t vpc, const char *ip)
{
	const struct weir_policy_group row = { .id = id, .vpc = vpc, .ips = &ip, .ip_count = 1 };

	CU_ASSERT_EQUAL(weir_policy_add_group(b, &row), 0);
}

static void add_rule(struct weir_policy_builder *b, const struct rule *r, uint32_t id)
{
	const struct weir_policy_action action = { .tunnel_type = r->tunnel,
						   .tunnel_ip = "192.0.2.1",
						   .side = WEIR_POLICY_BOTH,
						   .direction = WEIR_POLICY_ALL,
						   .payload_slice = 65535,
						   .gid = r->gid };
	const struct weir_policy_acl row = { .id = id,
					     .network_type = r->network_type,
					     .protocol = r->protocol,
					     .dst_ports = r->ports,
					     .src_groups = &r->src,
					     .src_group_count = r->src != 0,
					     .dst_groups = &r->dst,
					     .dst_group_count = r->dst != 0,
					     .actions = &action,
					     .action_count = 1 };

	CU_ASSERT_EQUAL(weir_policy_add_acl(b, &row), 0);
}

static struct weir_policy *policy(const struct rule *list, size_t n)
{
	struct weir_policy_builder *b = weir_policy_builder_create();
	struct weir_policy *p;

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	add_group(b, HALF, 0, "10.1.0.0/26");
	add_group(b, SERVERS_OF_8, 8, "10.1.0.200");
	add_group(b, SERVERS_OF_9, 9, "10.1.0.200");
	for (size_t i = 0; i < n; i++)
		add_rule(b, &list[i], (uint32_t)i + 1);
	p = weir_policy_compile(b, POLICY_BYTES, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	weir_policy_builder_destroy(b);
	return p;
}

/* One rule, for all. */
static struct weir_policy *policy_for_all(uint32_t gid)
{
	const struct rule all = { gid, WEIR_POLICY_PCAP, 0, 256, "", 0, 0 };

	return policy(&all, 1);
}

/* Whose rules `rules` are said to be for, in their order: UDP to the server's port 53, in the cloud. */
static void check_gids(const struct weir_flow_rec *r, bool with_vpcs)
{
	const bool in_half = r->ip[0].b[3] < 64 || r->ip[1].b[3] < 64; /* either orientation */
	uint16_t want[WEIR_REC_GIDS_MAX] = { 11 };
	unsigned int n = 1;

	if (in_half)
		want[n++] = 12;
	if (with_vpcs)
		want[n++] = 13;
	CU_ASSERT_EQUAL(memcmp(r->acl_gids, want, sizeof(want)), 0);
}

static void add_flows(struct script *s)
{
	for (unsigned int i = 0; i < CLIENTS; i++)
		for (unsigned int k = 0; k < 4; k++)
			script_add(s, (struct script_item){ .ts_ns = START_NS + k * MS,
							    .client = (uint8_t)i,
							    .server = SERVER,
							    .cport = 40000,
							    .sport = 53,
							    .answer = (i + k) % 2 });
}

enum { WITH_POLICY = 1, WITH_INVENTORY = 2 };

static void test_flows_of_a_file_have_the_groups_of_the_rules_for_them_in_either_direction(void)
{
	struct weir_policy *rules_of = policy(rules, WEIR_ARRAY_SIZE(rules));
	struct weir_meta *m = inventory(7);

	for (unsigned int workers = 1; workers <= 3; workers++) {
		struct weir_settings settings;
		struct weir_flow_rec *rec;
		struct weir_pipe *p;
		struct script s;
		unsigned int n;

		test_settings(&settings);
		p = test_pipe(&settings, workers, true);
		script_init(&s, 4 * CLIENTS, true);
		add_flows(&s);
		for (unsigned int with = 0; with < 4; with++) {
			CU_ASSERT_EQUAL(weir_pipe_inventory_set(p,
								with & WITH_INVENTORY ? m : NULL),
					0);
			CU_ASSERT_EQUAL(weir_pipe_policy_set(p,
							     with & WITH_POLICY ? rules_of : NULL),
					0);
			script_rewind(&s);
			test_run(p, &s.src);
			rec = test_records(p, workers, &n);
			CU_ASSERT_EQUAL(n, CLIENTS);
			for (unsigned int i = 0; i < n; i++) {
				if (with & WITH_POLICY)
					check_gids(&rec[i], (with & WITH_INVENTORY) != 0);
				else
					CU_ASSERT_EQUAL(rec[i].acl_gids[0], 0);
				CU_ASSERT_EQUAL(rec[i].port[1], 53);
				CU_ASSERT_EQUAL(rec[i].l3_epc_id[1], with & WITH_INVENTORY ? 8 : 0);
				CU_ASSERT_EQUAL(rec[i].epc_id[0], with & WITH_INVENTORY ? 7 : 0);
			}
			free(rec);
		}
		weir_pipe_destroy(p);
		script_fini(&s);
	}
	weir_policy_destroy(rules_of);
	weir_meta_destroy(m);
}

static void test_of_more_groups_than_a_record_names_the_first_are_kept_and_it_is_counted(void)
{
	struct weir_flow_counters counters;
	struct rule many[20];
	struct weir_settings settings;
	struct weir_policy *all;
	struct weir_flow_rec *rec;
	struct weir_pipe *p;
	struct script s;
	unsigned int n;

	for (uint32_t i = 0; i < WEIR_ARRAY_SIZE(many); i++)
		many[i] = (struct rule){ 500 - i, WEIR_POLICY_PCAP, 0, 256, "", 0, 0 };
	all = policy(many, WEIR_ARRAY_SIZE(many));
	test_settings(&settings);
	p = test_pipe(&settings, 1, true);
	script_init(&s, 4 * CLIENTS, true);
	add_flows(&s);
	CU_ASSERT_EQUAL(weir_pipe_policy_set(p, all), 0);
	test_run(p, &s.src);
	rec = test_records(p, 1, &n);
	CU_ASSERT_EQUAL(n, CLIENTS);
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int k = 0; k < WEIR_REC_GIDS_MAX; k++)
			CU_ASSERT_EQUAL(rec[i].acl_gids[k], 500 - k);
	weir_pipe_flow_counters(p, &counters);
	CU_ASSERT_EQUAL(counters.gids_cut, CLIENTS);
	CU_ASSERT_EQUAL(counters.ext_exhausted, 0);
	free(rec);
	weir_pipe_destroy(p);
	weir_policy_destroy(all);
	script_fini(&s);
}

/* Both tables at any moment, each freed at once when another is there. */
static void test_policies_and_inventory_can_change_every_moment(void)
{
	struct live_script a;
	struct weir_pipe_port port = { .slot = 0 };
	const struct weir_pipe_tap tap = { .number = 1, .ports = &port, .n_ports = 1 };
	unsigned int n, swaps = 0, odd = 0, with = 0;
	struct weir_flow_counters counters;
	struct weir_policy *now = NULL;
	struct weir_meta *here = NULL;
	struct weir_flow_rec *rec;
	struct live l;

	live_start(&l, 2);
	live_script_init(&a, PACKETS);
	live_flows(&a, CLIENTS);
	atomic_store(&a.allowed, 0);
	port.source = &a.s.src;
	live_taps(&l, &tap, 1);
	for (unsigned int let = 0; let < PACKETS; swaps++) {
		struct weir_policy *next = swaps % 3 == 2 ? NULL : policy_for_all(1 + swaps % 3);

		let += A_BURST; /* on their way while it is swapped */
		atomic_store(&a.allowed, let);
		CU_ASSERT_EQUAL_FATAL(weir_pipe_policy_set(l.p, next), 0);
		weir_policy_destroy(now);
		now = next;
		if (swaps % 4 == 0) {
			struct weir_meta *m = swaps % 8 == 0 ? inventory(7) : NULL;

			CU_ASSERT_EQUAL_FATAL(weir_pipe_inventory_set(l.p, m), 0);
			weir_meta_destroy(here);
			here = m;
		}
		live_wait_received(&l, 0, let);
	}
	live_stop(&l);
	rec = test_records(l.p, 2, &n);
	for (unsigned int i = 0; i < n; i++) { /* each of one policy, whole */
		odd += rec[i].acl_gids[0] > 2 || rec[i].acl_gids[1] != 0;
		with += rec[i].acl_gids[0] != 0;
	}
	CU_ASSERT_EQUAL(odd, 0);
	weir_pipe_flow_counters(l.p, &counters);
	CU_ASSERT(with + counters.ext_exhausted > PACKETS / 2); /* two policies of three */
	CU_ASSERT_EQUAL(test_packets(rec, n), PACKETS);
	free(rec);
	live_fini(&l);
	weir_policy_destroy(now);
	weir_meta_destroy(here);
	script_fini(&a.s);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "flows of a file have the groups of the rules for them, in either direction",
		  test_flows_of_a_file_have_the_groups_of_the_rules_for_them_in_either_direction },
		{ "of more groups than a record names the first are kept, and it is counted",
		  test_of_more_groups_than_a_record_names_the_first_are_kept_and_it_is_counted },
		{ "policies and inventory can change every moment",
		  test_policies_and_inventory_can_change_every_moment },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pipe/policy", tests);
}
