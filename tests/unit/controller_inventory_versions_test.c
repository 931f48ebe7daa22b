/* SPDX-License-Identifier: Apache-2.0 */
/* When tables change: their versions and ids, over restarts too, and who is told. */
#include "controller_inventory_test.h"

static void test_versions_stay_while_the_content_does_also_over_a_restart(void)
{
	uint64_t first, second;

	world_begin();
	reporting(3, BARE_METAL);
	world_turn();
	first = view(3, false).platform.version;
	CU_ASSERT_TRUE(first >= (uint64_t)time(NULL) - 60);
	CU_ASSERT_EQUAL(view(3, false).platform.version, first);
	agent_told(3);
	world_turn();
	CU_ASSERT_EQUAL(view(3, false).platform.version, first);
	world_stop();
	world_start();
	CU_ASSERT_EQUAL(view(3, false).platform.version, first);
	reporting(4, BARE_METAL);
	world_turn();
	second = view(3, false).platform.version;
	CU_ASSERT_TRUE(second > first);
	world_stop();
	world_start();
	CU_ASSERT_EQUAL(view(3, false).platform.version, second);
	same(platform(3, false),
	     "3:1 type=1 LAN epc=1 region=1 mac=20000000003 cluster=0 10.1.3.1/24\n"
	     "4:1 type=1 LAN epc=1 region=1 mac=20000000004 cluster=0 10.1.4.1/24\n"
	     "10.1.3.0/24 type=2 epc=1 region=1\n"
	     "10.1.4.0/24 type=2 epc=1 region=1\n");
	world_end();
}

static void test_changes_in_one_second_have_versions_of_their_own(void)
{
	uint64_t before = 0;

	world_begin();
	agent_add(3, BARE_METAL);
	for (uint64_t i = 1; i < 5; i++) {
		begin();
		interface(0x020000000000 + i, "eth0", NULL);
		say(3, i);
		world_turn();
		CU_ASSERT_TRUE(view(3, false).platform.version > before);
		before = view(3, false).platform.version;
	}
	world_end();
}

static void test_a_version_does_not_come_back_with_another_content(void)
{
	uint64_t last;

	world_begin();
	reporting(3, BARE_METAL);
	reporting(4, BARE_METAL);
	for (uint64_t i = 0; i < 3; i++) { /* ahead of the clock */
		begin();
		interface(0x0a0000000000 + i, "eth0", NULL);
		say(3, 8 + i);
		world_turn();
	}
	last = view(3, false).platform.version;
	agent_remove(3);
	agent_remove(4); /* nobody has a table any more */
	world_turn();
	world_stop();
	world_start();
	reporting(5, BARE_METAL);
	world_turn();
	CU_ASSERT_TRUE(view(5, false).platform.version > last);
	world_end();
}

static void test_what_the_database_does_not_take_is_written_later(void)
{
	struct weir_err err = { 0 };
	struct weir_db *other;
	char path[sizeof(dir) + 16];
	uint64_t version;

	world_begin();
	snprintf(path, sizeof(path), "%s/state", dir);
	other = weir_db_open(&(struct weir_db_conf){ .path = path,
						     .schema = &site_schema,
						     .flags = WEIR_DB_WAL },
			     &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(other);
	CU_ASSERT_EQUAL_FATAL(weir_db_begin(other, &err), 0); /* somebody else writes */
	reporting(3, BARE_METAL);
	world_turn();
	CU_ASSERT_TRUE(HAS(3, 3)); /* agents do not wait for it */
	version = view(3, false).platform.version;
	weir_db_rollback(other);
	weir_db_close(other);
	agent_told(3);
	world_turn();
	world_stop();
	world_start();
	CU_ASSERT_TRUE(HAS(3, 3));
	CU_ASSERT_EQUAL(view(3, false).platform.version, version);
	world_end();
}

static void test_ids_stay_over_changes_and_restarts(void)
{
	world_begin();
	agent_add(3, BARE_METAL);
	begin();
	interface(0x020000000003, "eth0", NULL);
	interface(0x020000000004, "eth1", NULL);
	say(3, 7);
	world_turn();
	begin();
	interface(0x020000000005, "eth2", NULL);
	interface(0x020000000004, "eth1", NULL);
	say(3, 8);
	world_turn();
	CU_ASSERT_PTR_NOT_NULL(
		strstr(platform(3, false), "3:2 type=1 LAN epc=1 region=1 mac=20000000004"));
	world_stop();
	world_start();
	CU_ASSERT_PTR_NOT_NULL(
		strstr(platform(3, false), "3:2 type=1 LAN epc=1 region=1 mac=20000000004"));
	world_end();
}

static void test_the_same_is_encoded_once_and_shared(void)
{
	struct config_compiled internal = { .pod_cluster_internal = true };

	world_begin();
	for (uint32_t i = 1; i <= 3; i++)
		reporting(i, BARE_METAL);
	world_config_of[3] = &internal; /* another flavour, of the same rows */
	world_turn();
	CU_ASSERT_PTR_EQUAL(view(1, false).platform.bytes, view(2, false).platform.bytes);
	CU_ASSERT_PTR_EQUAL(view(1, false).platform.bytes, view(3, false).platform.bytes);
	CU_ASSERT_EQUAL(view(1, false).platform.version, view(3, false).platform.version);
	CU_ASSERT_PTR_NOT_EQUAL(view(1, false).platform.bytes, view(1, true).platform.bytes);
	CU_ASSERT_NOT_EQUAL(view(1, false).platform.version, view(1, true).platform.version);
	world_end();
}

static void test_bytes_that_are_kept_outlive_the_next_build(void)
{
	const struct inventory_bytes *kept;

	world_begin();
	reporting(1, BARE_METAL);
	world_turn();
	kept = inventory_keep(view(1, false).platform.bytes);
	reporting(2, BARE_METAL);
	world_turn();
	CU_ASSERT_PTR_NOT_EQUAL(kept, view(1, false).platform.bytes);
	CU_ASSERT_EQUAL(kept->refs, 1);
	CU_ASSERT_EQUAL(kept->v[0], 11 << 3 | 2);
	inventory_put(kept);
	world_end();
}

static void test_those_whose_bytes_change_are_told_after_changes_were_gathered(void)
{
	static const char *const names[] = { "d-2" };
	struct config_compiled other = { .domains = { 1, names } };
	uint64_t builds;

	world_begin();
	site->domain[0] = (struct site_domain){ .id = 12, .name = "d-2", .cluster_id = "c" };
	site->domains = 1;
	for (uint32_t i = 1; i <= 4; i++)
		reporting(i, BARE_METAL);
	world_config_of[4] = &other;
	site->agent[4]->pod_cluster = 12;
	world_turn();
	CU_ASSERT_EQUAL(told[1], 1);
	memset(told, 0, sizeof(told));
	builds = counts().builds;
	for (uint64_t i = 0; i < 50; i++) {
		begin();
		interface(0x0a0000000000 + i, "eth0", NULL);
		say(1, 100 + i);
	}
	world_turn();
	CU_ASSERT_EQUAL(counts().builds, builds + 1);
	CU_ASSERT_TRUE(told[1] == 1 && told[2] == 1 && told[3] == 1);
	CU_ASSERT_EQUAL(told[4], 0); /* sees nothing of it */
	say(1, 200);                 /* the same by another version */
	world_turn();
	CU_ASSERT_TRUE(told[1] == 1 && told[2] == 1 && told[3] == 1);
	world_end();
}

static void test_who_changes_all_the_time_is_heard_now_and_then(void)
{
	uint64_t builds;

	world_begin();
	reporting(1, BARE_METAL);
	reporting(2, BARE_METAL);
	world_turn();
	builds = counts().builds;
	for (uint64_t i = 0; i < 20; i++) { /* two machines say they are agent 1 */
		begin();
		interface(0x0a0000000000 + i % 2, "eth0", NULL);
		CU_ASSERT_EQUAL(say(1, 100 + i), 100 + i);
		world_turn();
	}
	CU_ASSERT_TRUE(counts().builds - builds <= 10);
	builds = counts().builds;
	reporting(3, BARE_METAL); /* others are not hurt, and bring its last word along */
	world_turn();
	CU_ASSERT_EQUAL(counts().builds, builds + 1);
	CU_ASSERT_TRUE(strstr(platform(2, false), "mac=a0000000001") != NULL && HAS(2, 3));
	world_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "versions stay while the content does also over a restart",
		  test_versions_stay_while_the_content_does_also_over_a_restart },
		{ "changes in one second have versions of their own",
		  test_changes_in_one_second_have_versions_of_their_own },
		{ "a version does not come back with another content",
		  test_a_version_does_not_come_back_with_another_content },
		{ "what the database does not take is written later",
		  test_what_the_database_does_not_take_is_written_later },
		{ "ids stay over changes and restarts", test_ids_stay_over_changes_and_restarts },
		{ "the same is encoded once and shared", test_the_same_is_encoded_once_and_shared },
		{ "bytes that are kept outlive the next build",
		  test_bytes_that_are_kept_outlive_the_next_build },
		{ "those whose bytes change are told after changes were gathered",
		  test_those_whose_bytes_change_are_told_after_changes_were_gathered },
		{ "who changes all the time is heard now and then",
		  test_who_changes_all_the_time_is_heard_now_and_then },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/inventory/versions", tests);
}
