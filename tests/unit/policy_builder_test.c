/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_policy.h>

#include <errno.h>
#include <stdio.h>

static struct weir_policy_builder *builder(void)
{
	struct weir_policy_builder *b = weir_policy_builder_create();

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	return b;
}

static int add_group(struct weir_policy_builder *b, uint32_t id, const char *ip, const char *range)
{
	const struct weir_policy_group row = { .id = id,
					       .ips = &ip,
					       .ip_count = ip != NULL,
					       .ip_ranges = &range,
					       .ip_range_count = range != NULL };

	return weir_policy_add_group(b, &row);
}

static void test_bad_groups_are_dropped_whole_and_counted(void)
{
	static const char *const mixed[] = { "10.0.0.1", "10.0.0.256" };
	const struct weir_policy_group row = { .id = 9, .ips = mixed, .ip_count = 2 };
	struct weir_policy_builder *b = builder();

	CU_ASSERT_EQUAL(add_group(b, 1, NULL, NULL), -EINVAL);
	CU_ASSERT_EQUAL(weir_policy_add_group(b, &row), -EINVAL);
	CU_ASSERT_EQUAL(add_group(b, 1, "10.0.0.1", "10.0.0.9-10.0.0.1"), -EINVAL);
	CU_ASSERT_EQUAL(add_group(b, 1, "10.0.0.1", "10.0.0.1"), -EINVAL);
	CU_ASSERT_EQUAL(add_group(b, 1, "10.0.0.1", NULL), 0);
	CU_ASSERT_EQUAL(add_group(b, 1, "10.0.0.2", NULL), -EINVAL);
	CU_ASSERT_EQUAL(add_group(b, 0x10001, "10.0.0.2", NULL), -EINVAL); /* low 16 bits */
	CU_ASSERT_EQUAL(weir_policy_builder_drops(b)->group_empty, 1);
	CU_ASSERT_EQUAL(weir_policy_builder_drops(b)->group_address, 3);
	CU_ASSERT_EQUAL(weir_policy_builder_drops(b)->group_repeated, 2);
	weir_policy_builder_destroy(b);
}

static void test_bad_acls_are_dropped_and_counted(void)
{
	static const char *const ports[] = { "x",       "80,",      ",80",   "80-",   "-80",
					     "65536",   "81-80",    "80 ",   "80;81", "1-2-3",
					     "0080000", "99999999", "80,,81" };
	static const struct weir_policy_action bad[] = {
		{ .tunnel_type = 5, .side = 1, .direction = 1, .tunnel_ip = "192.0.2.1" },
		{ .tunnel_type = 2, .side = 0, .direction = 1 },
		{ .tunnel_type = 2, .side = 4, .direction = 1 },
		{ .tunnel_type = 2, .side = 1, .direction = 0 },
		{ .tunnel_type = 2, .side = 1, .direction = 4 },
		{ .tunnel_type = 0, .side = 1, .direction = 1 },
		{ .tunnel_type = 0, .side = 1, .direction = 1, .tunnel_ip = "192.0.2.0/24" },
		{ .tunnel_type = 2, .side = 1, .direction = 1, .tunnel_ip_id = 64001 },
		{ .tunnel_type = 2, .side = 1, .direction = 1, .gid = 65536 },
	};
	struct weir_policy_builder *b = builder();
	struct weir_policy_acl row = { .id = 1, .protocol = 257 };
	struct weir_policy *p;

	CU_ASSERT_EQUAL(weir_policy_add_acl(b, &row), -EINVAL);
	row.protocol = 6;
	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(ports); i++) {
		row.src_ports = ports[i];
		row.dst_ports = "";
		CU_ASSERT_EQUAL(weir_policy_add_acl(b, &row), -EINVAL);
		row.src_ports = "1,2,3";
		row.dst_ports = ports[i];
		CU_ASSERT_EQUAL(weir_policy_add_acl(b, &row), -EINVAL);
	}
	row.dst_ports = NULL;
	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		row.actions = &bad[i];
		row.action_count = 1;
		CU_ASSERT_EQUAL(weir_policy_add_acl(b, &row), -EINVAL);
	}
	CU_ASSERT_EQUAL(weir_policy_builder_drops(b)->acl_protocol, 1);
	CU_ASSERT_EQUAL(weir_policy_builder_drops(b)->acl_ports, 2 * WEIR_ARRAY_SIZE(ports));
	CU_ASSERT_EQUAL(weir_policy_builder_drops(b)->acl_action, WEIR_ARRAY_SIZE(bad));
	p = weir_policy_compile(b, (size_t)1 << 20, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(weir_policy_acls(p), 0);
	weir_policy_destroy(p);
	weir_policy_builder_destroy(b);
}

/* A side that names groups, none of which is there, is not "any". */
static void test_an_acl_of_unknown_groups_matches_nothing(void)
{
	static const int32_t unknown[] = { 5 }, half[] = { 5, 1 };
	const struct weir_policy_key key = { .ip = { { { 10, 0, 0, 1 } }, { { 10, 0, 0, 2 } } },
					     .protocol = 6 };
	struct weir_policy_builder *b = builder();
	struct weir_policy_acl row = {
		.id = 1, .protocol = 6, .src_groups = unknown, .src_group_count = 1
	};
	struct weir_policy_result r;
	struct weir_policy *p;

	CU_ASSERT_EQUAL(add_group(b, 1, "10.0.0.1", NULL), 0);
	CU_ASSERT_EQUAL(weir_policy_add_acl(b, &row), 0);
	row.id = 2;
	row.src_groups = half;
	row.src_group_count = 2;
	CU_ASSERT_EQUAL(weir_policy_add_acl(b, &row), 0);
	for (unsigned int i = 0; i < 2; i++) { /* a builder can be compiled again */
		p = weir_policy_compile(b, (size_t)1 << 20, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(p);
		CU_ASSERT_EQUAL(weir_policy_builder_drops(b)->acl_groups, 1);
		CU_ASSERT(weir_policy_match(p, &key, &r));
		CU_ASSERT_EQUAL(r.acl_id, 2);
		CU_ASSERT_EQUAL(r.acls, 1);
		weir_policy_destroy(p);
	}
	weir_policy_builder_destroy(b);
}

static void test_a_policy_beyond_its_memory_is_refused_with_the_numbers(void)
{
	struct weir_policy_builder *b = builder();
	struct weir_err err = { 0 };
	struct weir_policy *p;

	for (uint32_t i = 0; i < 5000; i++) {
		char ports[32];

		snprintf(ports, sizeof(ports), "%u-65535", 10 * i);
		CU_ASSERT_EQUAL(weir_policy_add_acl(b, &(struct weir_policy_acl){ .id = i + 1,
										  .protocol = 6,
										  .dst_ports =
											  ports }),
				0);
	}
	for (size_t bytes = 0; bytes <= (size_t)1 << 20; bytes += 300000) {
		CU_ASSERT_PTR_NULL(weir_policy_compile(b, bytes, &err));
		CU_ASSERT_EQUAL(err.code, E2BIG);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "5000 ACLs"));
	}
	p = weir_policy_compile(b, (size_t)64 << 20, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT(weir_policy_bytes(p) > (size_t)1 << 20);
	CU_ASSERT(weir_policy_bytes(p) <= (size_t)64 << 20);
	weir_policy_destroy(p);
	weir_policy_builder_destroy(b);
}

static void test_an_empty_policy_matches_nothing(void)
{
	struct weir_policy_builder *b = builder();
	struct weir_policy *p = weir_policy_compile(b, (size_t)1 << 20, NULL);
	const struct weir_policy_key key = { .protocol = 6 };
	struct weir_policy_result r;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_FALSE(weir_policy_match(p, &key, &r));
	CU_ASSERT_EQUAL(r.acls + r.acl_id + r.hit_count + r.flags, 0);
	weir_policy_destroy(p);
	weir_policy_destroy(NULL);
	weir_policy_builder_destroy(b);
	weir_policy_builder_destroy(NULL);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "bad groups are dropped whole and counted",
		  test_bad_groups_are_dropped_whole_and_counted },
		{ "bad ACLs are dropped and counted", test_bad_acls_are_dropped_and_counted },
		{ "an ACL of unknown groups matches nothing",
		  test_an_acl_of_unknown_groups_matches_nothing },
		{ "a policy beyond its memory is refused with the numbers",
		  test_a_policy_beyond_its_memory_is_refused_with_the_numbers },
		{ "an empty policy matches nothing", test_an_empty_policy_matches_nothing },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("policy/builder", tests);
}
