/* SPDX-License-Identifier: Apache-2.0 */
#include "controller_site_test.h"

static unsigned int told, gone;

static void on_agent(void *ctx, const struct site_agent *a)
{
	(void)ctx;
	(void)a;
	told++;
}

static void on_gone(void *ctx, const struct site_agent *a)
{
	(void)ctx;
	CU_ASSERT_PTR_NULL(site_agent_named(site, a->name));
	gone++;
}

static void watch(void)
{
	const struct site_watch w = { .agent = on_agent, .agent_gone = on_gone };

	told = gone = 0;
	site_watch_add(site, &w);
}

static const struct site_group *group(const char *name, const char *text)
{
	const struct site_group *g = NULL;
	const struct site_config_change c = { .text = text, .len = strlen(text) };
	static struct weir_err_list errs;

	CU_ASSERT_EQUAL(site_group_create(site, &by_test, name, NULL, &g, &site_err), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(g);
	if (text[0] != 0)
		CU_ASSERT_EQUAL(site_config_set(site, &by_test, g, &c, &errs, &site_err), 0);
	return g;
}

static void test_an_unknown_agent_is_registered_at_once_and_found_every_way(void)
{
	struct site_seen seen;
	const struct site_agent *a;

	site_begin();
	watch();
	seen = site_sync(site_caller(1));
	CU_ASSERT_EQUAL(seen.verdict, SITE_KNOWN);
	a = seen.agent;
	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	CU_ASSERT_EQUAL(a->id, 1);
	CU_ASSERT_EQUAL(a->state, SITE_NORMAL);
	CU_ASSERT_PTR_EQUAL(a->group, site_group_default(site));
	CU_ASSERT_PTR_EQUAL(site_agent_named(site, "node-W1"), a);
	CU_ASSERT_PTR_EQUAL(site_agent_named(site, a->lcuuid), a);
	CU_ASSERT_PTR_EQUAL(site_agent_at(site, "10.0.0.1", "02:00:00:00:00:01"), a);
	CU_ASSERT_PTR_EQUAL(site_agent_at(site, "10.0.0.1", NULL), a);
	CU_ASSERT_PTR_EQUAL(site_agent_calls(site, "10.0.0.1", NULL, "10.0.0.1", false), a);
	CU_ASSERT_PTR_NULL(site_agent_at(site, "10.0.0.1", "02:00:00:00:00:02"));
	CU_ASSERT_EQUAL(told, 1);
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT id, name, ctrl_ip, ctrl_mac, host FROM agent"),
			       "1|node-W1|10.0.0.1|02:00:00:00:00:01|node\n");
	site_end();
}

static void test_its_type_and_name_come_from_its_cluster_and_its_group(void)
{
	struct site_caller *c;
	const struct site_agent *a;

	site_begin();
	group("mirror", "tap_mode: 2\n");
	c = site_caller(1);
	c->hello.facts.host = "node 1:2";
	c->hello.facts.cluster_id = "d-7AgT3X3ZuG";
	a = site_sync(c).agent;
	CU_ASSERT_EQUAL(a->type, 8);
	CU_ASSERT_STRING_EQUAL(a->name, "node-1-2-V1");
	c = site_caller(2);
	c->hello.group_request = "mirror";
	c->hello.facts.host = "analyzer";
	a = site_sync(c).agent;
	CU_ASSERT_EQUAL(a->type, 6);
	CU_ASSERT_STRING_EQUAL(a->name, "analyzer");
	c = site_caller(3);
	c->hello.facts.host = "legacy";
	a = site_sync(c).agent;
	CU_ASSERT_EQUAL(a->type, 5);
	CU_ASSERT_STRING_EQUAL(a->name, "legacy-W3");
	site_end();
}

static void test_no_two_agents_have_one_name(void)
{
	struct site_caller *c;

	site_begin();
	group("mirror", "tap_mode: 2\n");
	for (unsigned int i = 1; i <= 3; i++) {
		c = site_caller(i);
		c->hello.group_request = "mirror";
		c->hello.facts.host = "analyzer";
		CU_ASSERT_PTR_NOT_NULL(site_sync(c).agent);
	}
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT count(DISTINCT name) FROM agent"), "3\n");
	site_end();
}

static void test_the_group_that_is_asked_for_counts_once(void)
{
	const struct site_group *g;
	struct site_caller *c;
	const struct site_agent *a;

	site_begin();
	g = group("macvlan", "");
	c = site_caller(1);
	c->hello.group_request = g->short_id;
	a = site_sync(c).agent;
	CU_ASSERT_PTR_EQUAL(a->group, g);
	c->hello.group_request = "default";
	CU_ASSERT_PTR_EQUAL(site_sync(c).group, g);
	c = site_caller(2);
	c->hello.group_request = "nowhere";
	CU_ASSERT_PTR_EQUAL(site_sync(c).group, site_group_default(site));
	/* The mission's way: deleted while it is stopped, it registers anew. */
	CU_ASSERT_EQUAL(site_agent_delete(site, &by_test, site_agent_of(site, 2), &site_err), 0);
	c->hello.group_request = "macvlan";
	CU_ASSERT_PTR_EQUAL(site_sync(c).group, g);
	CU_ASSERT_EQUAL(g->agents, 2);
	site_end();
}

static void test_who_does_not_say_who_it_is_is_refused(void)
{
	static const char *const bad[][2] = {
		{ NULL, "02:00:00:00:00:01" },
		{ "10.0.0.1", NULL },
		{ "10.0.0", "02:00:00:00:00:01" },
		{ "10.0.0.1", "02:00:00:00:00" },
		{ "10.0.0.1", "02-00-00-00-00-01" },
		{ "host", "02:00:00:00:00:01" },
		{ "", "" },
		{ "10.0.0.1'--", "02:00:00:00:00:01" },
	};
	struct site_counts counts;
	struct site_seen seen;

	site_begin();
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		struct site_caller *c = site_caller(1);

		c->hello.ctrl_ip = bad[i][0];
		c->hello.ctrl_mac = bad[i][1];
		seen = site_sync(c);
		CU_ASSERT_EQUAL(seen.verdict, SITE_REFUSED);
		CU_ASSERT_NOT_EQUAL(seen.why[0], '\0');
	}
	site_counts(site, &counts);
	CU_ASSERT_EQUAL(counts.refused, WEIR_ARRAY_SIZE(bad));
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT count(*) FROM agent"), "0\n");
	site_end();
}

static void test_an_address_and_a_mac_are_the_same_however_they_are_written(void)
{
	struct site_caller *c;
	const struct site_agent *a;

	site_begin();
	c = site_caller(1);
	c->hello.ctrl_ip = "2001:db8:0:0::1";
	c->hello.ctrl_mac = "0A:0B:0C:0D:0E:0F";
	a = site_sync(c).agent;
	CU_ASSERT_STRING_EQUAL(a->ctrl_ip, "2001:db8::1");
	CU_ASSERT_STRING_EQUAL(a->ctrl_mac, "0a:0b:0c:0d:0e:0f");
	c->hello.ctrl_ip = "2001:db8::1";
	c->hello.ctrl_mac = "0a:0b:0c:0d:0e:0f";
	CU_ASSERT_PTR_EQUAL(site_sync(c).agent, a);
	site_end();
}

static void test_the_address_alone_is_who_it_is_where_the_agent_says_so(void)
{
	struct site_caller *c;
	const struct site_agent *a;

	site_begin();
	c = site_caller(1);
	c->hello.by_ip = true;
	a = site_sync(c).agent;
	c->hello.ctrl_mac = "02:00:00:00:00:99";
	CU_ASSERT_PTR_EQUAL(site_sync(c).agent, a);
	CU_ASSERT_STRING_EQUAL(a->ctrl_mac, "02:00:00:00:00:99");
	CU_ASSERT_PTR_EQUAL(site_agent_at(site, "10.0.0.1", "02:00:00:00:00:99"), a);
	CU_ASSERT_PTR_NULL(site_agent_at(site, "10.0.0.1", "02:00:00:00:00:01"));
	site_end();
}

static void test_a_mac_that_was_left_may_be_anothers(void)
{
	struct site_caller *c;
	struct site_seen seen;

	site_begin();
	c = site_caller(1);
	c->hello.by_ip = true;
	site_sync(c);
	c->hello.ctrl_mac = "02:00:00:00:00:99";
	site_sync(c);
	c->hello.ctrl_mac = c->mac; /* at once, before the first one's row has its new one */
	c->hello.by_ip = false;
	CU_ASSERT_EQUAL(site_agent_seen(site, &c->hello, false, &seen, &site_err), -EEXIST);
	site_again();
	CU_ASSERT_EQUAL(site_sync(c).agent->id, 2);
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT id, ctrl_mac FROM agent ORDER BY id"),
			       "1|02:00:00:00:00:99\n2|02:00:00:00:00:01\n");
	site_end();
}

static void test_another_certificate_under_one_key_is_refused(void)
{
	struct site_caller *c;
	const struct site_agent *a;

	site_begin();
	c = site_caller(1);
	c->hello.certified = true;
	c->hello.peer = "one.example";
	a = site_sync(c).agent;
	CU_ASSERT_STRING_EQUAL(a->identity, "one.example");
	c->hello.peer = "two.example";
	CU_ASSERT_EQUAL(site_sync(c).verdict, SITE_REFUSED);
	CU_ASSERT_PTR_NULL(site_agent_calls(site, c->ip, c->mac, "two.example", true));
	CU_ASSERT_PTR_NULL(site_agent_calls(site, c->ip, c->mac, "10.0.0.1", false));
	c->hello.certified = false;
	CU_ASSERT_EQUAL(site_sync(c).verdict, SITE_REFUSED);
	site_again();
	c->hello.certified = true;
	CU_ASSERT_EQUAL(site_sync(c).verdict, SITE_REFUSED);
	c->hello.peer = "one.example";
	CU_ASSERT_EQUAL(site_sync(c).verdict, SITE_KNOWN);
	CU_ASSERT_PTR_NOT_NULL(site_agent_calls(site, c->ip, c->mac, "one.example", true));
	site_end();
}

static void test_who_is_revoked_stays_out_until_it_is_taken_back(void)
{
	struct site_caller *c;

	site_begin();
	watch();
	c = site_caller(1);
	CU_ASSERT_EQUAL(site_agent_revoke(site, &by_test, site_sync(c).agent, &site_err), 0);
	CU_ASSERT_EQUAL(gone, 1);
	CU_ASSERT_EQUAL(site_sync(c).verdict, SITE_REFUSED);
	site_again();
	CU_ASSERT_EQUAL(site_sync(c).verdict, SITE_REFUSED);
	CU_ASSERT_EQUAL(site_revoked_remove(site, &by_test, "10.0.0.1-02:00:00:00:00:01",
					    &site_err),
			0);
	CU_ASSERT_EQUAL(site_revoked_remove(site, &by_test, "10.0.0.1-02:00:00:00:00:01",
					    &site_err),
			-ENOENT);
	CU_ASSERT_EQUAL(site_sync(c).verdict, SITE_KNOWN);

	c = site_caller(2);
	c->hello.certified = true;
	c->hello.peer = "bad.example";
	CU_ASSERT_EQUAL(site_agent_revoke(site, &by_test, site_sync(c).agent, &site_err), 0);
	c = site_caller(3); /* the same certificate from elsewhere */
	c->hello.certified = true;
	c->hello.peer = "bad.example";
	CU_ASSERT_EQUAL(site_sync(c).verdict, SITE_REFUSED);
	c = site_caller(2); /* the same machine, and no certificate any more */
	CU_ASSERT_EQUAL(site_sync(c).verdict, SITE_REFUSED);
	site_again();
	CU_ASSERT_EQUAL(site_sync(c).verdict, SITE_REFUSED);
	site_end();
}

static void test_who_is_new_waits_where_the_site_asks_for_approval(void)
{
	struct site_caller *c;
	struct site_agent_change change = SITE_AGENT_CHANGE_NONE;
	struct site_seen seen;

	site_begin();
	site_options.approve = true;
	site_again();
	c = site_caller(1);
	c->hello.facts.cluster_id = "d-7AgT3X3ZuG";
	seen = site_sync(c);
	CU_ASSERT_EQUAL(seen.verdict, SITE_WAITS);
	CU_ASSERT_EQUAL(seen.agent->state, SITE_PENDING);
	CU_ASSERT_FALSE(seen.watch_kubernetes);
	CU_ASSERT_PTR_NULL(site_agent_calls(site, c->ip, c->mac, c->ip, false));
	CU_ASSERT_PTR_NULL(site_domain_next(site, NULL));
	CU_ASSERT_EQUAL(site_sync(c).verdict, SITE_WAITS);
	change.state = SITE_NORMAL;
	CU_ASSERT_EQUAL(site_agent_update(site, &by_test, seen.agent, &change, &site_err), 0);
	seen = site_sync(c);
	CU_ASSERT_EQUAL(seen.verdict, SITE_KNOWN);
	CU_ASSERT_TRUE(seen.watch_kubernetes);
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT what, object FROM audit WHERE who = 'tester'"),
			       "agent approve|node-V1\n");
	site_end();
}

static void test_two_machines_with_one_identity_are_seen_as_twins(void)
{
	struct site_caller *c;
	const struct site_agent *a;
	struct site_counts counts;

	site_begin();
	c = site_caller(1);
	a = site_sync(c).agent;
	c->hello.facts.boot_s += 5; /* its clock was put right */
	site_sync(c);
	c->hello.facts.boot_s += 86400; /* booted again */
	site_sync(c);
	site_sync(c);
	CU_ASSERT_FALSE(a->twin);
	c->hello.facts.boot_s -= 86400; /* nobody boots back */
	site_sync(c);
	CU_ASSERT_TRUE(a->twin);
	c->hello.facts.boot_s += 86400;
	site_sync(c);
	site_counts(site, &counts);
	CU_ASSERT_EQUAL(counts.twins, 1);
	site_end();
}

static void test_numbers_are_given_out_up_to_the_last_and_then_no_more(void)
{
	const struct site_agent *a;

	site_begin();
	site_options.agents_max = 3;
	site_again();
	for (unsigned int i = 1; i <= 3; i++)
		CU_ASSERT_EQUAL(site_registered(i)->id, i);
	CU_ASSERT_EQUAL(site_sync(site_caller(4)).verdict, SITE_REFUSED);
	CU_ASSERT_EQUAL(site_agent_delete(site, &by_test, site_agent_of(site, 2), &site_err), 0);
	a = site_registered(4);
	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	CU_ASSERT_EQUAL(a->id, 2);
	site_end();
}

static bool is_lost(void)
{
	return site_agent_of(site, 1) == NULL || site_agent_of(site, 1)->state == SITE_LOST;
}

static bool is_deleted(void)
{
	return site_agent_of(site, 1) == NULL;
}

static void test_who_does_not_call_is_lost_comes_back_and_is_deleted_at_last(void)
{
	struct site_caller *c;

	site_begin();
	site_options.lost_after_s = 1;
	site_options.deleted_after_s = 1;
	site_again();
	group("mirror", "tap_mode: 2\n");
	watch();
	c = site_caller(1);
	site_sync(c);
	site_wait(is_lost);
	CU_ASSERT_PTR_NOT_NULL_FATAL(site_agent_of(site, 1));
	CU_ASSERT_EQUAL(site_agent_of(site, 1)->state, SITE_LOST);
	CU_ASSERT_EQUAL(told, 2);
	CU_ASSERT_PTR_NULL(site_agent_calls(site, c->ip, c->mac, c->ip, false));
	CU_ASSERT_EQUAL(site_sync(c).agent->state, SITE_NORMAL);
	c = site_caller(2); /* a dedicated one is not deleted */
	c->hello.group_request = "mirror";
	site_sync(c);
	site_wait(is_deleted);
	CU_ASSERT_PTR_NULL(site_agent_of(site, 1));
	CU_ASSERT_EQUAL(gone, 1);
	CU_ASSERT_PTR_NOT_NULL(site_agent_of(site, 2));
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT id FROM agent"), "2\n");
	site_end();
}

static void test_what_people_change_of_an_agent_is_there_after_a_restart(void)
{
	struct site_agent_change change = SITE_AGENT_CHANGE_NONE;
	const struct site_group *g;
	const struct site_agent *a;
	const struct site_vpc *v;

	site_begin();
	g = group("macvlan", "");
	CU_ASSERT_EQUAL(site_vpc_create(site, &by_test, "blue", &v, &site_err), 0);
	a = site_registered(1);
	site_registered(2);
	change.group = g;
	change.enabled = 0;
	change.vpc = (int)v->id;
	change.name = "a \"name\"";
	CU_ASSERT_EQUAL(site_agent_update(site, &by_test, a, &change, &site_err), 0);
	CU_ASSERT_EQUAL(g->agents, 1);
	change.name = "node-W2";
	CU_ASSERT_EQUAL(site_agent_update(site, &by_test, a, &change, &site_err), -EEXIST);
	change.name = NULL;
	change.vpc = 77;
	CU_ASSERT_EQUAL(site_agent_update(site, &by_test, a, &change, &site_err), -ENOENT);
	change.vpc = -1;
	change.image = "nothing";
	CU_ASSERT_EQUAL(site_agent_update(site, &by_test, a, &change, &site_err), -ENOENT);
	site_again();
	a = site_agent_named(site, "a \"name\"");
	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	CU_ASSERT_STRING_EQUAL(a->group->name, "macvlan");
	CU_ASSERT_FALSE(a->enabled);
	CU_ASSERT_EQUAL(a->vpc, site_vpc_next(site, site_vpc_next(site, NULL))->id);
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT detail FROM audit WHERE what='agent update'"),
			       "{\"group\":\"macvlan\",\"name\":\"a \\\"name\\\"\","
			       "\"enabled\":false,\"vpc\":2}\n");
	site_end();
}

static bool is_written(void)
{
	struct site_counts counts;

	site_counts(site, &counts);
	return counts.written > 0;
}

static void test_what_an_agent_says_is_written_back_within_seconds(void)
{
	struct site_caller *c;

	site_begin();
	c = site_caller(1);
	site_sync(c);
	c->hello.facts.kernel = "6.1.0\xff' OR 1=1";
	c->hello.facts.exceptions = UINT64_C(0xffffffff00000100);
	site_sync(c);
	site_wait(is_written);
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT kernel, exceptions FROM agent"),
			       "6.1.0?' OR 1=1|-4294967040\n");
	site_again();
	CU_ASSERT_EQUAL(site_agent_of(site, 1)->facts.exceptions, UINT64_C(0xffffffff00000100));
	site_end();
}

static void test_an_upgrade_is_wanted_until_the_agent_has_it(void)
{
	struct site_agent_change change = SITE_AGENT_CHANGE_NONE;
	struct site_image image = { .name = "weir-2", .rev_count = "2", .commit_id = "def" };
	char path[sizeof(site_dir) + 32];
	const struct site_agent *a;
	struct site_caller *c;
	FILE *f;

	site_begin();
	snprintf(path, sizeof(path), "%s/upload-1", site_image_dir(site));
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs("abc", f);
	fclose(f);
	CU_ASSERT_EQUAL(site_image_add(site, &by_test, &image, path, &site_err), 0);
	/* RFC 1321, A.5 */
	CU_ASSERT_STRING_EQUAL(site_image_named(site, "weir-2")->md5,
			       "900150983cd24fb0d6963f7d28e17f72");
	CU_ASSERT_EQUAL(site_image_add(site, &by_test, &image, path, &site_err), -EEXIST);
	c = site_caller(1);
	a = site_sync(c).agent;
	change.image = "weir-2";
	CU_ASSERT_EQUAL(site_agent_update(site, &by_test, a, &change, &site_err), 0);
	CU_ASSERT_STRING_EQUAL(a->wanted_revision, "2-def");
	site_sync(c);
	CU_ASSERT_STRING_EQUAL(a->wanted_revision, "2-def");
	c->hello.facts.revision = "weir 2-def";
	site_sync(c);
	CU_ASSERT_STRING_EQUAL(a->wanted_revision, "");
	CU_ASSERT_STRING_EQUAL(a->wanted_image, "");
	CU_ASSERT_EQUAL(site_agent_update(site, &by_test, a, &change, &site_err), 0);
	CU_ASSERT_EQUAL(site_image_delete(site, &by_test, site_image_named(site, "weir-2"),
					  &site_err),
			0);
	CU_ASSERT_STRING_EQUAL(a->wanted_image, "");
	CU_ASSERT_STRING_EQUAL(site_shell("ls %s/images%s", ""), "");
	site_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "an unknown agent is registered at once, and found every way",
		  test_an_unknown_agent_is_registered_at_once_and_found_every_way },
		{ "its type and name come from its cluster and its group",
		  test_its_type_and_name_come_from_its_cluster_and_its_group },
		{ "no two agents have one name", test_no_two_agents_have_one_name },
		{ "the group that is asked for counts once",
		  test_the_group_that_is_asked_for_counts_once },
		{ "who does not say who it is is refused",
		  test_who_does_not_say_who_it_is_is_refused },
		{ "an address and a MAC are the same however they are written",
		  test_an_address_and_a_mac_are_the_same_however_they_are_written },
		{ "the address alone is who it is where the agent says so",
		  test_the_address_alone_is_who_it_is_where_the_agent_says_so },
		{ "a MAC that was left may be another's",
		  test_a_mac_that_was_left_may_be_anothers },
		{ "another certificate under one key is refused",
		  test_another_certificate_under_one_key_is_refused },
		{ "who is revoked stays out until it is taken back",
		  test_who_is_revoked_stays_out_until_it_is_taken_back },
		{ "who is new waits where the site asks for approval",
		  test_who_is_new_waits_where_the_site_asks_for_approval },
		{ "two machines with one identity are seen as twins",
		  test_two_machines_with_one_identity_are_seen_as_twins },
		{ "numbers are given out up to the last, and then no more",
		  test_numbers_are_given_out_up_to_the_last_and_then_no_more },
		{ "who does not call is lost, comes back, and is deleted at last",
		  test_who_does_not_call_is_lost_comes_back_and_is_deleted_at_last },
		{ "what people change of an agent is there after a restart",
		  test_what_people_change_of_an_agent_is_there_after_a_restart },
		{ "what an agent says is written back within seconds",
		  test_what_an_agent_says_is_written_back_within_seconds },
		{ "an upgrade is wanted until the agent has it",
		  test_an_upgrade_is_wanted_until_the_agent_has_it },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/site/agents", tests);
}
