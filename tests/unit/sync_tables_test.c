/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of both dialects, made from the specification's numbers, as the inventory and the policy then answer. */
#include "sync_wire.h"
#include "weir_test.h"

#include <weir_sync.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MAC UINT64_C(0x020000000001)

/* Where the fields of a dialect are. */
struct numbers {
	enum weir_sync_dialect dialect;
	/* Interface, Cidr */
	unsigned int device_type, if_type, epc, addresses, region, mac, cidr_region, cidr_tunnel;
	/* FlowAcl */
	unsigned int protocol, src_ports, dst_ports, actions, src_groups, dst_groups;
	/* SyncResponse */
	unsigned int local, remote, tap_types;
};

static const struct numbers agent = {
	WEIR_SYNC_AGENT, 2, 3, 4, 5, 6, 7, 4, 5, 3, 4, 5, 6, 7, 8, 9, 10, 14
};
static const struct numbers trident = {
	WEIR_SYNC_TRIDENT, 2, 4, 6, 8, 10, 11, 5, 7, 6, 7, 8, 11, 12, 13, 10, 11, 16
};

static struct wire platform, groups, acls, places;

static void make(const struct numbers *f)
{
	struct wire row = { 0 }, ip = { 0 };

	platform.n = groups.n = acls.n = places.n = 0;
	wire_text(&ip, 1, "10.1.2.3");
	wire_number(&ip, 2, 24);
	wire_number(&row, 1, 5);
	wire_number(&row, f->if_type, 4);
	wire_number(&row, f->epc, 21);
	wire_message(&row, f->addresses, &ip);
	wire_number(&row, f->region, 3);
	wire_number(&row, f->mac, MAC);
	wire_message(&platform, 1, &row);
	row.n = 0;
	wire_number(&row, 1, 1);
	wire_number(&row, 2, 21);
	wire_number(&row, 3, 22);
	wire_message(&platform, 3, &row);
	row.n = 0;
	wire_text(&row, 1, "10.9.0.0/16");
	wire_number(&row, 2, 2);
	wire_number(&row, 3, 21);
	wire_message(&platform, 4, &row);

	row.n = 0;
	wire_number(&row, 1, 7);
	wire_text(&row, 5, "10.1.0.0/16");
	wire_message(&groups, 1, &row);

	row.n = ip.n = 0;
	wire_number(&ip, 1, 2); /* PCAP */
	wire_number(&ip, 4, 3); /* both sides */
	wire_number(&ip, 6, 4711);
	wire_number(&row, 1, 99);
	wire_number(&row, f->protocol, 6);
	wire_text(&row, f->dst_ports, "80,443");
	wire_message(&row, f->actions, &ip);
	wire_number(&row, f->src_groups, 7);
	wire_message(&acls, 1, &row);

	row.n = 0;
	wire_number(&row, 1, 1);
	wire_text(&row, 2, "02:00:00:00:00:01");
	wire_text(&row, 4, "02:00:00:00:00:01");
	wire_message(&places, f->local, &row);
	row.n = 0;
	wire_number(&row, 1, 3);
	wire_number(&row, 2, 1);
	wire_number(&row, 3, 100);
	wire_message(&places, f->tap_types, &row);
}

static struct weir_sync_tables tables(enum weir_sync_dialect d)
{
	return (struct weir_sync_tables){ {
		[WEIR_SYNC_PLATFORM] = { d, 1, { platform.v, platform.n } },
		[WEIR_SYNC_ACLS] = { d, 1, { acls.v, acls.n } },
		[WEIR_SYNC_GROUPS] = { d, 1, { groups.v, groups.n } },
		[WEIR_SYNC_PLACES] = { d, 0, { places.v, places.n } },
	} };
}

static union weir_ip ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (union weir_ip){ .b = { a, b, c, d } };
}

static void check_meta(const struct weir_meta *m)
{
	struct weir_meta_hit hit;
	const union weir_ip ip = ip4(10, 1, 2, 3), other = ip4(10, 9, 1, 1);
	const int32_t *peers;

	CU_ASSERT_TRUE_FATAL(weir_meta_by_mac(m, MAC, &hit));
	CU_ASSERT_EQUAL(hit.vpc, 21);
	CU_ASSERT_EQUAL(hit.interface_id, 5);
	CU_ASSERT_TRUE(hit.flags & WEIR_META_IS_LOCAL);
	CU_ASSERT_TRUE(weir_meta_by_address(m, 21, &ip, false, &hit));
	CU_ASSERT_EQUAL(hit.mac, MAC);
	CU_ASSERT_TRUE(weir_meta_by_prefix(m, WEIR_META_IN_VPC, 21, &other, false, &hit));
	CU_ASSERT_EQUAL(hit.vpc, 21);
	CU_ASSERT_EQUAL(weir_meta_peers(m, 22, &peers), 1);
	CU_ASSERT_EQUAL(weir_meta_vlan_map(m)[100], 3);
}

static void check_policy(const struct weir_policy *p)
{
	struct weir_policy_key key = { .ip = { ip4(10, 1, 2, 3), ip4(192, 0, 2, 1) },
				       .port = { 40000, 443 },
				       .network_type = 3,
				       .protocol = 6 };
	struct weir_policy_result r;

	CU_ASSERT_EQUAL(weir_policy_acls(p), 1);
	CU_ASSERT_TRUE_FATAL(weir_policy_match(p, &key, &r));
	CU_ASSERT_EQUAL(r.acl_id, 99);
	CU_ASSERT_EQUAL_FATAL(r.hit_count, 1);
	CU_ASSERT_EQUAL(weir_policy_action_at(p, r.hit[0].action)->gid, 4711);
	CU_ASSERT_EQUAL(weir_policy_action_at(p, r.hit[0].action)->payload_slice, 65535);
	key.port[1] = 8080;
	CU_ASSERT_FALSE(weir_policy_match(p, &key, &r));
}

static void check_dialect(const struct numbers *f)
{
	const struct weir_meta_agent self = { .type = WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE,
					      .mode = 2 /* analyzer */ };
	struct weir_meta_builder *mb = weir_meta_builder_create(&self);
	struct weir_policy_builder *pb = weir_policy_builder_create();
	struct weir_err err = { 0 };
	struct weir_sync_tables t;
	struct weir_meta *m;
	struct weir_policy *p;

	make(f);
	t = tables(f->dialect);
	CU_ASSERT_EQUAL_FATAL(weir_sync_tables_build(&t, mb, pb, &err), 0);
	m = weir_meta_freeze(mb, &err);
	p = weir_policy_compile(pb, 1 << 26, &err);
	CU_ASSERT_FATAL(m != NULL && p != NULL);
	check_meta(m);
	check_policy(p);
	weir_meta_destroy(m);
	weir_policy_destroy(p);
	weir_meta_builder_destroy(mb);
	weir_policy_builder_destroy(pb);
}

static void test_tables_of_the_agent_dialect_answer(void)
{
	check_dialect(&agent);
}

static void test_tables_of_the_trident_dialect_answer(void)
{
	check_dialect(&trident);
}

static int build(const struct weir_sync_tables *t, struct weir_err *err)
{
	const struct weir_meta_agent self = { 0 };
	struct weir_meta_builder *mb = weir_meta_builder_create(&self);
	struct weir_policy_builder *pb = weir_policy_builder_create();
	int rc = weir_sync_tables_build(t, mb, pb, err);

	weir_meta_builder_destroy(mb);
	weir_policy_builder_destroy(pb);
	return rc;
}

static void test_what_is_no_table_is_refused_by_name(void)
{
	static const char *const names[WEIR_SYNC_TABLES] = { "platform data", "flow ACLs", "groups",
							     "segments" };
	static uint8_t bad[] = { 0xff, 0xff, 0xff };

	for (int i = 0; i < WEIR_SYNC_TABLES; i++) {
		struct weir_err err = { 0 };
		struct weir_sync_tables t;

		make(&agent);
		t = tables(WEIR_SYNC_AGENT);
		t.part[i].bytes = (struct weir_sync_bytes){ bad, sizeof(bad) };
		CU_ASSERT_EQUAL(build(&t, &err), -EBADMSG);
		CU_ASSERT_EQUAL(strncmp(err.msg, names[i], strlen(names[i])), 0);
	}
}

static void test_a_table_of_the_other_dialect_does_no_harm(void)
{
	struct weir_err err = { 0 };
	struct weir_sync_tables t;

	make(&agent);
	t = tables(WEIR_SYNC_TRIDENT);
	(void)build(&t, &err); /* refused, or other rows */
	make(&trident);
	t = tables(WEIR_SYNC_AGENT);
	(void)build(&t, &err);
}

/* How long it takes is for who reads the test's output. */
static void test_a_hundred_thousand_interfaces_are_taken(void)
{
	enum { N = 100000 };
	const struct weir_meta_agent self = { .type = WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE,
					      .mode = 2 /* analyzer */ };
	struct weir_sync_tables t = { 0 };
	struct weir_sync_bytes *to = &t.part[WEIR_SYNC_PLATFORM].bytes;
	struct weir_meta_builder *mb = weir_meta_builder_create(&self);
	uint64_t began, unpacked;
	struct weir_err err = { 0 };
	struct weir_meta *m;

	to->v = malloc((size_t)N * 64);
	for (uint32_t i = 0; i < N; i++) {
		struct wire ip = { .n = 0 }, row = { .n = 0 }, all = { .n = 0 };
		char text[32];

		snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		wire_text(&ip, 1, text);
		wire_number(&row, 1, i + 1);
		wire_number(&row, 3, 4);
		wire_number(&row, 4, 1 + i % 50);
		wire_message(&row, 5, &ip);
		wire_number(&row, 7, MAC + i);
		wire_message(&all, 1, &row);
		memcpy(to->v + to->n, all.v, all.n);
		to->n += all.n;
	}
	began = weir_clock_mono_ns();
	CU_ASSERT_EQUAL_FATAL(weir_sync_tables_build(&t, mb, NULL, &err), 0);
	unpacked = weir_clock_mono_ns();
	m = weir_meta_freeze(mb, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	fprintf(stderr, "\n%d interfaces, %zu bytes: %.0f ms unpacked and added, %.0f ms frozen\n",
		N, to->n, (double)(unpacked - began) / 1e6,
		(double)(weir_clock_mono_ns() - unpacked) / 1e6);
	CU_ASSERT_EQUAL(weir_meta_builder_drops(mb)->address, 0);
	weir_meta_destroy(m);
	weir_meta_builder_destroy(mb);
	free(to->v);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "tables of the agent dialect answer", test_tables_of_the_agent_dialect_answer },
		{ "tables of the trident dialect answer",
		  test_tables_of_the_trident_dialect_answer },
		{ "what is no table is refused by name", test_what_is_no_table_is_refused_by_name },
		{ "a table of the other dialect does no harm",
		  test_a_table_of_the_other_dialect_does_no_harm },
		{ "a hundred thousand interfaces are taken",
		  test_a_hundred_thousand_interfaces_are_taken },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("sync/tables", tests);
}
