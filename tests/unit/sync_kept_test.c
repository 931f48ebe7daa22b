/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <codec.h>
#include <errno.h>
#include <stdlib.h>

static char *kept(size_t *n)
{
	struct weir_sync_kept k = {
		.config = (char[]){ "global: {}\nend 0 0 0\n" },
		.has_dynamic = true,
		.dynamic = { .enabled = true,
			     .agent_id = 64000,
			     .agent_type = 6,
			     .hostname = "box 7",
			     .group_id = "g-abc" },
		.server = "10.0.0.1:30035",
		.saved_s = 1780315200,
	};
	struct weir_sync_part *p = k.tables.part;

	p[WEIR_SYNC_PLATFORM] = (struct weir_sync_part){ WEIR_SYNC_TRIDENT,
							 UINT64_MAX,
							 { (uint8_t[]){ '\n', 0, 'e' }, 3 } };
	p[WEIR_SYNC_PLACES] =
		(struct weir_sync_part){ WEIR_SYNC_AGENT, 0, { (uint8_t[]){ 0x82 }, 1 } };
	return weir_sync_kept_pack(&k, n);
}

static void test_all_that_is_kept_comes_back(void)
{
	struct weir_sync_kept k;
	size_t n;
	char *bytes = kept(&n);

	CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
	CU_ASSERT_EQUAL_FATAL(weir_sync_kept_unpack(bytes, n, &k), 0);
	CU_ASSERT_STRING_EQUAL(k.config, "global: {}\nend 0 0 0\n");
	CU_ASSERT_TRUE(k.has_dynamic && k.dynamic.enabled);
	CU_ASSERT_EQUAL(k.dynamic.agent_id, 64000);
	CU_ASSERT_EQUAL(k.dynamic.agent_type, 6);
	CU_ASSERT_STRING_EQUAL(k.dynamic.hostname, "box 7");
	CU_ASSERT_STRING_EQUAL(k.dynamic.group_id, "g-abc");
	CU_ASSERT_STRING_EQUAL(k.dynamic.secret_key, "");
	CU_ASSERT_STRING_EQUAL(k.server, "10.0.0.1:30035");
	CU_ASSERT_EQUAL(k.saved_s, 1780315200);
	CU_ASSERT_EQUAL(k.tables.part[WEIR_SYNC_PLATFORM].version, UINT64_MAX);
	CU_ASSERT_EQUAL(k.tables.part[WEIR_SYNC_PLATFORM].dialect, WEIR_SYNC_TRIDENT);
	CU_ASSERT_EQUAL_FATAL(k.tables.part[WEIR_SYNC_PLATFORM].bytes.n, 3);
	CU_ASSERT_EQUAL(memcmp(k.tables.part[WEIR_SYNC_PLATFORM].bytes.v, "\n\0e", 3), 0);
	CU_ASSERT_EQUAL(k.tables.part[WEIR_SYNC_PLACES].bytes.n, 1);
	CU_ASSERT_EQUAL(k.tables.part[WEIR_SYNC_ACLS].bytes.n, 0);
	weir_sync_kept_free(&k);
	free(bytes);
}

static void test_every_cut_and_every_changed_byte_is_refused(void)
{
	struct weir_sync_kept k;
	size_t n;
	char *bytes = kept(&n);

	for (size_t i = 0; i < n; i++)
		CU_ASSERT_EQUAL(weir_sync_kept_unpack(bytes, i, &k), -EBADMSG);
	for (size_t i = 0; i < n; i++) {
		bytes[i] ^= 1;
		CU_ASSERT_EQUAL(weir_sync_kept_unpack(bytes, n, &k), -EBADMSG);
		CU_ASSERT_PTR_NULL(k.config);
		bytes[i] ^= 1;
	}
	free(bytes);
}

static void test_nothing_kept_is_kept_too(void)
{
	struct weir_sync_kept none = { 0 }, k;
	size_t n;
	char *bytes = weir_sync_kept_pack(&none, &n);

	CU_ASSERT_EQUAL_FATAL(weir_sync_kept_unpack(bytes, n, &k), 0);
	CU_ASSERT_PTR_NULL(k.config);
	CU_ASSERT_FALSE(k.has_dynamic);
	weir_sync_kept_free(&k);
	free(bytes);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "all that is kept comes back", test_all_that_is_kept_comes_back },
		{ "every cut and every changed byte is refused",
		  test_every_cut_and_every_changed_byte_is_refused },
		{ "nothing kept is kept too", test_nothing_kept_is_kept_too },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("sync/kept", tests);
}
