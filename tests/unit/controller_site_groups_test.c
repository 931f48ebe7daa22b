/* SPDX-License-Identifier: Apache-2.0 */
#include "controller_site_test.h"

#define INJECTED "a'; DROP TABLE agent_group; --\"/\n<script>alert(1)</script>\t\\"

static const struct site_group *create(const char *name)
{
	const struct site_group *g = NULL;

	CU_ASSERT_EQUAL(site_group_create(site, &by_test, name, NULL, &g, &site_err), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(g);
	return g;
}

static void test_the_default_group_is_always_there(void)
{
	char id[13];

	site_begin();
	CU_ASSERT_EQUAL(site_group_default(site)->id, 1);
	CU_ASSERT_STRING_EQUAL(site_group_default(site)->name, "default");
	CU_ASSERT_EQUAL(site_group_delete(site, &by_test, site_group_default(site), &site_err),
			-EPERM);
	memcpy(id, site_group_default(site)->short_id, sizeof(id));
	site_again();
	CU_ASSERT_STRING_EQUAL(site_group_default(site)->short_id, id);
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT id, name FROM agent_group"), "1|default\n");
	site_end();
}

static void test_a_group_is_found_by_name_and_both_ids_and_after_a_restart(void)
{
	char id[13], lcuuid[37];

	site_begin();
	create("macvlan");
	memcpy(id, site_group_named(site, "macvlan")->short_id, sizeof(id));
	memcpy(lcuuid, site_group_named(site, "macvlan")->lcuuid, sizeof(lcuuid));
	CU_ASSERT_EQUAL(strncmp(id, "g-", 2), 0);
	CU_ASSERT_EQUAL(strlen(id), 12);
	site_again();
	CU_ASSERT_PTR_NOT_NULL_FATAL(site_group_named(site, "macvlan"));
	CU_ASSERT_PTR_EQUAL(site_group_named(site, id), site_group_named(site, "macvlan"));
	CU_ASSERT_PTR_EQUAL(site_group_named(site, lcuuid), site_group_named(site, "macvlan"));
	CU_ASSERT_PTR_NULL(site_group_named(site, "Macvlan"));
	site_end();
}

static void test_an_id_that_is_given_has_the_form_of_one_and_is_nobodys(void)
{
	static const char *const bad[] = { "g-123456789",
					   "g-12345678901",
					   "G-1234567890",
					   "g-12345678_0",
					   "",
					   "g-123456789\n",
					   "x" };

	site_begin();
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++)
		CU_ASSERT_EQUAL(site_group_create(site, &by_test, "a", bad[i], NULL, &site_err),
				-EINVAL);
	CU_ASSERT_EQUAL(site_group_create(site, &by_test, "a", "g-QWNDKc3ftQ", NULL, &site_err), 0);
	CU_ASSERT_EQUAL(site_group_create(site, &by_test, "b", "g-QWNDKc3ftQ", NULL, &site_err),
			-EEXIST);
	CU_ASSERT_EQUAL(site_group_create(site, &by_test, "g-QWNDKc3ftQ", NULL, NULL, &site_err),
			-EEXIST);
	CU_ASSERT_EQUAL(site_group_create(site, &by_test, "a", NULL, NULL, &site_err), -EEXIST);
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT count(*) FROM agent_group"), "2\n");
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT count(*) FROM audit"), "1\n");
	site_end();
}

static void test_names_are_kept_literally_or_refused(void)
{
	char longest[258];
	FILE *f;
	char path[sizeof(site_dir) + 16], sql[sizeof(path) + 96];

	site_begin();
	create(INJECTED);
	site_again();
	CU_ASSERT_PTR_NOT_NULL(site_group_named(site, INJECTED));
	snprintf(path, sizeof(path), "%s/want", site_dir);
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(INJECTED, f);
	fclose(f);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM agent_group WHERE name = CAST(readfile('%s') AS TEXT)",
		 path);
	CU_ASSERT_STRING_EQUAL(site_sql_says(sql), "1\n");

	memset(longest, 'x', sizeof(longest));
	longest[257] = '\0';
	CU_ASSERT_EQUAL(site_group_create(site, &by_test, longest, NULL, NULL, &site_err), -EINVAL);
	longest[256] = '\0';
	create(longest);
	CU_ASSERT_EQUAL(site_group_create(site, &by_test, "", NULL, NULL, &site_err), -EINVAL);
	CU_ASSERT_EQUAL(site_group_create(site, &by_test, "a\xff", NULL, NULL, &site_err), -EINVAL);
	CU_ASSERT_EQUAL(site_group_create(site, &by_test, "\xed\xa0\x80", NULL, NULL, &site_err),
			-EINVAL); /* a surrogate */
	create("\xe7\xbb\x84 gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x9f");
	site_end();
}

static void test_a_group_that_is_renamed_is_found_by_the_new_name_only(void)
{
	const struct site_group *g;

	site_begin();
	create("other");
	g = create("old");
	CU_ASSERT_EQUAL(site_group_rename(site, &by_test, g, "other", &site_err), -EEXIST);
	CU_ASSERT_EQUAL(site_group_rename(site, &by_test, g, "new", &site_err), 0);
	CU_ASSERT_PTR_EQUAL(site_group_named(site, "new"), g);
	CU_ASSERT_PTR_NULL(site_group_named(site, "old"));
	CU_ASSERT_STRING_EQUAL(
		site_sql_says("SELECT who, origin, what, object, detail FROM audit ORDER BY id "
			      "DESC LIMIT 1"),
		"tester|192.0.2.9|agent-group update|old|{\"name\":\"new\"}\n");
	site_end();
}

static void test_agents_of_a_deleted_group_go_to_default(void)
{
	const struct site_group *g;
	struct site_caller *c;
	const struct site_agent *a;

	site_begin();
	g = create("doomed");
	c = site_caller(1);
	c->hello.group_request = "doomed";
	a = site_sync(c).agent;
	CU_ASSERT_PTR_EQUAL(a->group, g);
	CU_ASSERT_EQUAL(g->agents, 1);
	CU_ASSERT_EQUAL(site_group_delete(site, &by_test, g, &site_err), 0);
	CU_ASSERT_PTR_EQUAL(a->group, site_group_default(site));
	CU_ASSERT_EQUAL(site_group_default(site)->agents, 1);
	CU_ASSERT_PTR_NULL(site_group_named(site, "doomed"));
	site_again();
	CU_ASSERT_PTR_EQUAL(site_agent_of(site, 1)->group, site_group_default(site));
	site_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the default group is always there", test_the_default_group_is_always_there },
		{ "a group is found by name and both ids, and after a restart",
		  test_a_group_is_found_by_name_and_both_ids_and_after_a_restart },
		{ "an id that is given has the form of one and is nobody's",
		  test_an_id_that_is_given_has_the_form_of_one_and_is_nobodys },
		{ "names are kept literally or refused", test_names_are_kept_literally_or_refused },
		{ "a group that is renamed is found by the new name only",
		  test_a_group_that_is_renamed_is_found_by_the_new_name_only },
		{ "agents of a deleted group go to default",
		  test_agents_of_a_deleted_group_go_to_default },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/site/groups", tests);
}
