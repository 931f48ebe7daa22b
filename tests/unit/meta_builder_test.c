/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_meta.h>

#include <errno.h>
#include <stdlib.h>

static struct weir_meta_builder *builder(uint8_t type, uint8_t mode)
{
	const struct weir_meta_agent agent = {
		.type = type, .mode = mode, .region_id = 1, .pod_cluster_id = 7
	};
	struct weir_meta_builder *b = weir_meta_builder_create(&agent);

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	return b;
}

static struct weir_meta *frozen(struct weir_meta_builder *b)
{
	struct weir_meta *m = weir_meta_freeze(b, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	weir_meta_builder_destroy(b);
	return m;
}

static void test_bad_interfaces_are_dropped_and_counted(void)
{
	const struct weir_meta_address bad[] = { { .ip = "10.0.0.1/24" },
						 { .ip = NULL },
						 { .ip = "10.0.0.300" },
						 { .ip = "10.0.0.1" } };
	struct weir_meta_builder *b = builder(WEIR_AGENT_PROCESS, 0);
	struct weir_meta_interface row = { .if_type = 0, .region_id = 1 };
	struct weir_meta_hit hit;
	struct weir_meta *m;

	CU_ASSERT_EQUAL(weir_meta_add_interface(b, &row), -EINVAL);
	row.if_type = 5;
	CU_ASSERT_EQUAL(weir_meta_add_interface(b, &row), -EINVAL);
	row.if_type = WEIR_IF_LAN;
	row.mac = UINT64_C(1) << 48;
	CU_ASSERT_EQUAL(weir_meta_add_interface(b, &row), -EINVAL);
	row.mac = 1;
	row.vpc = 2;
	row.addresses = bad;
	row.address_count = WEIR_ARRAY_SIZE(bad);
	CU_ASSERT_EQUAL(weir_meta_add_interface(b, &row), -EINVAL);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(b)->interface_type, 2);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(b)->interface_mac, 1);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(b)->address, 3);
	m = frozen(b); /* the interface stays, with the address that is one */
	CU_ASSERT(weir_meta_by_mac(m, 1, &hit));
	CU_ASSERT(weir_meta_by_address(m, 2, &(union weir_ip){ { 10, 0, 0, 1 } }, false, &hit));
	weir_meta_destroy(m);
}

static void test_bad_cidrs_and_peers_are_dropped_and_counted(void)
{
	static const char *const prefixes[] = { NULL, "", "10.0.0.0", "10.0.0.0/33", "x/8" };
	struct weir_meta_builder *b = builder(WEIR_AGENT_PROCESS, 0);
	struct weir_meta_cidr row = { .type = WEIR_CIDR_LAN, .vpc = 1 };
	struct weir_meta_peer peer = { .local_vpc = 0, .remote_vpc = 1 };

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(prefixes); i++) {
		row.prefix = prefixes[i];
		CU_ASSERT_EQUAL(weir_meta_add_cidr(b, &row), -EINVAL);
	}
	row.prefix = "10.0.0.0/8";
	row.type = 3;
	CU_ASSERT_EQUAL(weir_meta_add_cidr(b, &row), -EINVAL);
	row.type = WEIR_CIDR_WAN;
	row.vpc = 65536;
	CU_ASSERT_EQUAL(weir_meta_add_cidr(b, &row), -EINVAL);
	row.vpc = INT32_MIN;
	CU_ASSERT_EQUAL(weir_meta_add_cidr(b, &row), -EINVAL);
	CU_ASSERT_EQUAL(weir_meta_add_peer(b, &peer), -EINVAL);
	peer = (struct weir_meta_peer){ .local_vpc = 1, .remote_vpc = UINT32_MAX };
	CU_ASSERT_EQUAL(weir_meta_add_peer(b, &peer), -EINVAL);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(b)->cidr_prefix, 5);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(b)->cidr_type, 1);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(b)->cidr_vpc, 2);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(b)->peer_vpc, 2);
	weir_meta_destroy(frozen(b));
}

static void test_segments_pair_up_or_are_dropped(void)
{
	static const char *const macs[] = { "02:00:00:00:00:01", "02:00:00:00:00:02" };
	static const char *const vmacs[] = { "0a:00:00:00:00:01", "0A:00:00:00:00:fF" };
	static const char *const bad[] = { "02:00:00:00:00:0", "02:00:00:00:00:033",
					   "02-00-00-00-00-03", "02:00:00:00:00:0g", NULL };
	struct weir_meta_builder *b = builder(WEIR_AGENT_PROCESS, 0);
	struct weir_meta_segment row = {
		.macs = macs, .vmacs = vmacs, .mac_count = 2, .vmac_count = 1
	};
	struct weir_meta *m;
	uint64_t vmac;

	CU_ASSERT_EQUAL(weir_meta_add_segment(b, WEIR_META_LOCAL, &row), -EINVAL);
	row.vmac_count = 2;
	CU_ASSERT_EQUAL(weir_meta_add_segment(b, WEIR_META_LOCAL, &row), 0);
	row = (struct weir_meta_segment){ .macs = bad, .mac_count = WEIR_ARRAY_SIZE(bad) };
	CU_ASSERT_EQUAL(weir_meta_add_segment(b, WEIR_META_LOCAL, &row), -EINVAL);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(b)->segment_pairs, 1);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(b)->segment_mac, 5);
	m = frozen(b);
	CU_ASSERT_EQUAL(weir_meta_segment_size(m), 2);
	CU_ASSERT(weir_meta_in_segment(m, 2, &vmac));
	CU_ASSERT_EQUAL(vmac, UINT64_C(0x0a00000000ff));
	CU_ASSERT_FALSE(weir_meta_in_segment(m, 3, NULL));
	weir_meta_destroy(m);
}

static void test_an_analyzer_goes_by_the_remote_segments(void)
{
	static const char *const local[] = { "02:00:00:00:00:01" }, *const remote[] = {
		"02:00:00:00:00:02"
	};
	struct weir_meta_segment row = { .macs = local, .mac_count = 1 };

	for (uint8_t mode = 0; mode < 3; mode++) {
		struct weir_meta_builder *b = builder(WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE, mode);
		struct weir_meta *m;

		row.macs = local;
		CU_ASSERT_EQUAL(weir_meta_add_segment(b, WEIR_META_LOCAL, &row), 0);
		row.macs = remote;
		CU_ASSERT_EQUAL(weir_meta_add_segment(b, WEIR_META_REMOTE, &row), 0);
		m = frozen(b);
		CU_ASSERT_EQUAL(weir_meta_in_segment(m, 1, NULL), mode < 2);
		CU_ASSERT_EQUAL(weir_meta_in_segment(m, 2, NULL), mode == 2);
		weir_meta_destroy(m);
	}
}

/* Control plane, 1.9: post-processing. */
static void test_macs_of_elsewhere_are_skipped(void)
{
	static const struct {
		uint8_t type, mode;
		uint32_t region, cluster, device;
		bool skipped;
	} cases[] = {
		{ WEIR_AGENT_PROCESS, 0, 1, 0, 1, false },
		{ WEIR_AGENT_PROCESS, 0, 2, 7, 1, true },
		{ WEIR_AGENT_PROCESS, 1, 2, 7, 1, true },
		{ WEIR_AGENT_PROCESS, 2, 2, 7, 1, false },
		{ WEIR_AGENT_VM_POD, 0, 1, 7, 10, false },
		{ WEIR_AGENT_VM_POD, 0, 2, 7, 10, false },
		{ WEIR_AGENT_VM_POD, 0, 1, 8, 10, true },
		{ WEIR_AGENT_HOST_POD, 0, 1, 8, 1, false },
		{ WEIR_AGENT_K8S_SIDECAR, 0, 2, 8, 1, true },
		{ WEIR_AGENT_VM_POD, 2, 2, 8, 10, false },
	};

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_meta_builder *b = builder(cases[i].type, cases[i].mode);
		const struct weir_meta_interface row = { .if_type = WEIR_IF_LAN,
							 .mac = 5,
							 .vpc = 1,
							 .region_id = cases[i].region,
							 .pod_cluster_id = cases[i].cluster,
							 .device_type = cases[i].device };
		struct weir_meta_hit hit;
		struct weir_meta *m;

		CU_ASSERT_EQUAL(weir_meta_add_interface(b, &row), 0);
		m = frozen(b);
		CU_ASSERT_EQUAL(weir_meta_by_mac(m, 5, &hit), !cases[i].skipped);
		weir_meta_destroy(m);
	}
}

static void test_a_pods_node_is_a_tap_to_skip(void)
{
	for (uint8_t mode = 0; mode < 3; mode++) {
		struct weir_meta_builder *b = builder(WEIR_AGENT_HOST_POD, mode);
		const struct weir_meta_interface row = { .if_type = WEIR_IF_LAN,
							 .mac = 5,
							 .region_id = 1,
							 .pod_cluster_id = 7,
							 .pod_node_id = 3 };
		struct weir_meta_hit hit = { 0 };
		struct weir_meta *m;

		CU_ASSERT_EQUAL(weir_meta_add_interface(b, &row), 0);
		m = frozen(b);
		CU_ASSERT(weir_meta_by_mac(m, 5, &hit));
		CU_ASSERT_EQUAL((hit.flags & WEIR_META_SKIP_TAP) != 0, mode != 2);
		weir_meta_destroy(m);
	}
}

/* Control plane, 1.9: low 16 bits, and 0 is -3, not -2. */
static void test_a_vpc_of_0_is_deepflows(void)
{
	static const struct {
		uint32_t given;
		int32_t vpc;
	} cases[] = { { 0, -3 }, { 1, 1 }, { 65533, 65533 }, { 0x10000, -3 }, { 0x10007, 7 } };

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_meta_builder *b = builder(WEIR_AGENT_PROCESS, 0);
		const struct weir_meta_interface row = {
			.if_type = WEIR_IF_LAN, .mac = 5, .region_id = 1, .vpc = cases[i].given
		};
		struct weir_meta_hit hit = { 0 };
		struct weir_meta *m;

		CU_ASSERT_EQUAL(weir_meta_add_interface(b, &row), 0);
		m = frozen(b);
		CU_ASSERT(weir_meta_by_mac(m, 5, &hit));
		CU_ASSERT_EQUAL(hit.vpc, cases[i].vpc);
		weir_meta_destroy(m);
	}
}

static void test_tap_types_by_vlan_and_by_exporter(void)
{
	static const struct weir_meta_tap_type bad[] = {
		{ .tap_type = 0, .packet_type = 1, .vlan = 1 },
		{ .tap_type = 256, .packet_type = 1, .vlan = 1 },
		{ .tap_type = 4, .packet_type = 1, .vlan = 4097 },
		{ .tap_type = 4, .packet_type = 2, .source_ip = "fd00::1" },
		{ .tap_type = 4, .packet_type = 2 },
	};
	struct weir_meta_builder *b = builder(WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE, 2);
	struct weir_meta_tap_type row = { .tap_type = 4, .packet_type = 1, .vlan = 4096 };
	struct weir_meta *m;

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(bad); i++)
		CU_ASSERT_EQUAL(weir_meta_add_tap_type(b, &bad[i]), -EINVAL);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(b)->tap_type, 2);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(b)->tap_type_vlan, 1);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(b)->tap_type_source, 2);
	CU_ASSERT_EQUAL(weir_meta_add_tap_type(b, &row), 0);
	row = (struct weir_meta_tap_type){
		.tap_type = 9, .packet_type = 2, .source_ip = "10.0.0.1", .tap_port = 3
	};
	CU_ASSERT_EQUAL(weir_meta_add_tap_type(b, &row), 0);
	m = frozen(b);
	CU_ASSERT_EQUAL(weir_meta_vlan_map(m)[4096], 4);
	CU_ASSERT_EQUAL(weir_meta_vlan_map(m)[1], 0);
	CU_ASSERT_EQUAL(weir_meta_flow_tap_type(m, 0x0a000001, 3), 9);
	CU_ASSERT_EQUAL(weir_meta_flow_tap_type(m, 0x0a000001, 4), 0);
	weir_meta_destroy(m);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "bad interfaces are dropped and counted",
		  test_bad_interfaces_are_dropped_and_counted },
		{ "bad CIDRs and peers are dropped and counted",
		  test_bad_cidrs_and_peers_are_dropped_and_counted },
		{ "segments pair up or are dropped", test_segments_pair_up_or_are_dropped },
		{ "an analyzer goes by the remote segments",
		  test_an_analyzer_goes_by_the_remote_segments },
		{ "MACs of elsewhere are skipped", test_macs_of_elsewhere_are_skipped },
		{ "a pod's node is a tap to skip", test_a_pods_node_is_a_tap_to_skip },
		{ "a VPC of 0 is DeepFlow's", test_a_vpc_of_0_is_deepflows },
		{ "tap types by VLAN and by exporter", test_tap_types_by_vlan_and_by_exporter },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("meta/builder", tests);
}
