/* SPDX-License-Identifier: Apache-2.0 */
#include "controller_site_test.h"

#define CLUSTER "d-7AgT3X3ZuG"

static struct site_caller *node(unsigned int n)
{
	struct site_caller *c = site_caller(n);

	c->hello.facts.cluster_id = CLUSTER;
	return c;
}

static void test_the_domain_of_a_cluster_is_made_when_an_agent_names_it(void)
{
	const struct site_domain *d;
	const struct site_agent *a;

	site_begin();
	a = site_sync(node(1)).agent;
	d = site_domain_named(site, CLUSTER);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	CU_ASSERT_STRING_EQUAL(d->name, "k8s-" CLUSTER);
	CU_ASSERT_EQUAL(d->type, 11);
	/* python3: uuid5(NAMESPACE_OID, CLUSTER), and uuid5(NAMESPACE_OID, that) */
	CU_ASSERT_STRING_EQUAL(d->display_name, "1c562a1c-6671-5c4f-8c41-b27f14baa352");
	CU_ASSERT_STRING_EQUAL(d->lcuuid, "8eae3ec2-5f30-5504-b9d5-6a316bb5c413");
	CU_ASSERT_EQUAL(a->pod_cluster, d->id);
	CU_ASSERT_EQUAL(a->vpc, d->vpc);
	CU_ASSERT_EQUAL(d->vpc, 2);
	site_sync(node(2));
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT count(*) FROM domain"), "1\n");
	site_end();
}

static void test_a_name_that_is_taken_does_not_keep_a_cluster_out(void)
{
	struct site_caller *c;
	const struct site_domain_new new = { .name = "east", .type = 23 };

	site_begin();
	CU_ASSERT_EQUAL(site_domain_create(site, &by_test, &new, NULL, &site_err), 0);
	c = node(1);
	c->hello.cluster_name = "east";
	site_sync(c);
	CU_ASSERT_PTR_NOT_NULL(site_domain_named(site, "k8s-" CLUSTER));
	c->hello.facts.cluster_id = "d-another";
	c->hello.cluster_name = "west";
	site_sync(c);
	CU_ASSERT_STRING_EQUAL(site_domain_named(site, "west")->cluster_id, "d-another");
	CU_ASSERT_STRING_EQUAL(site_domain_named(site, "east")->lcuuid,
			       site_domain_next(site, NULL)->lcuuid);
	site_end();
}

static void test_what_is_no_id_of_a_cluster_makes_no_domain(void)
{
	struct site_caller *c;

	site_begin();
	c = node(1);
	c->hello.facts.cluster_id = "d-'; DROP TABLE domain";
	CU_ASSERT_EQUAL(site_sync(c).agent->pod_cluster, 0);
	CU_ASSERT_PTR_NULL(site_domain_next(site, NULL));
	site_end();
}

static void test_one_agent_of_a_cluster_watches_and_goes_on_doing_so(void)
{
	struct site_caller *c;

	site_begin();
	CU_ASSERT_TRUE(site_sync(node(1)).watch_kubernetes);
	CU_ASSERT_FALSE(site_sync(node(2)).watch_kubernetes);
	CU_ASSERT_TRUE(site_sync(node(1)).watch_kubernetes);
	CU_ASSERT_STRING_EQUAL(site_domain_named(site, CLUSTER)->watcher,
			       "10.0.0.1-02:00:00:00:00:01");
	site_again();
	CU_ASSERT_FALSE(site_sync(node(2)).watch_kubernetes);
	CU_ASSERT_TRUE(site_sync(node(1)).watch_kubernetes);
	c = node(3);
	c->hello.watch_policy = 1; /* watch only */
	CU_ASSERT_TRUE(site_sync(c).watch_kubernetes);
	CU_ASSERT_FALSE(site_sync(node(1)).watch_kubernetes);
	c->hello.watch_policy = 2; /* never */
	CU_ASSERT_FALSE(site_sync(c).watch_kubernetes);
	site_end();
}

static void test_a_disabled_or_deleted_agent_leaves_its_place_as_watcher(void)
{
	struct site_agent_change change = SITE_AGENT_CHANGE_NONE;

	site_begin();
	CU_ASSERT_TRUE(site_sync(node(1)).watch_kubernetes);
	change.enabled = 0;
	CU_ASSERT_EQUAL(site_agent_update(site, &by_test, site_agent_of(site, 1), &change,
					  &site_err),
			0);
	CU_ASSERT_FALSE(site_sync(node(1)).watch_kubernetes);
	CU_ASSERT_TRUE(site_sync(node(2)).watch_kubernetes);
	CU_ASSERT_EQUAL(site_agent_delete(site, &by_test, site_agent_of(site, 2), &site_err), 0);
	CU_ASSERT_STRING_EQUAL(site_domain_named(site, CLUSTER)->watcher, "");
	site_end();
}

static void test_who_watches_only_is_no_agent_and_takes_over(void)
{
	struct site_caller *c;
	struct site_seen seen;

	site_begin();
	site_sync(node(1));
	c = node(2);
	c->hello.force_watch = true;
	c->hello.watch_policy = 1;
	seen = site_sync(c);
	CU_ASSERT_EQUAL(seen.verdict, SITE_WATCHER);
	CU_ASSERT_PTR_NULL(seen.agent);
	CU_ASSERT_PTR_EQUAL(seen.group, site_group_default(site));
	CU_ASSERT_EQUAL(seen.type, 8);
	CU_ASSERT_TRUE(seen.watch_kubernetes);
	CU_ASSERT_FALSE(site_sync(node(1)).watch_kubernetes);
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT count(*) FROM agent"), "1\n");
	site_end();
}

static void test_the_id_of_a_cluster_comes_from_its_ca_and_is_always_the_same(void)
{
	static const char md5[] = "d41d8cd98f00b204e9800998ecf8427e";
	char id[13], again[13];

	site_begin();
	CU_ASSERT_EQUAL(site_cluster_of(site, md5, "east", id, &site_err), 0);
	CU_ASSERT_EQUAL(strlen(id), 12);
	CU_ASSERT_STRING_EQUAL(site_domain_named(site, "east")->cluster_id, id);
	CU_ASSERT_EQUAL(site_domain_delete(site, &by_test, site_domain_named(site, "east"),
					   &site_err),
			0);
	CU_ASSERT_EQUAL(site_cluster_of(site, md5, NULL, again, &site_err), 0);
	CU_ASSERT_STRING_EQUAL(id, again);
	CU_ASSERT_EQUAL(site_cluster_of(site, "0cc175b9c0f1b6a831c399e269772661", NULL, again,
					&site_err),
			0);
	CU_ASSERT_STRING_NOT_EQUAL(id, again);
	CU_ASSERT_EQUAL(site_cluster_of(site, "short", NULL, again, &site_err), -EINVAL);
	CU_ASSERT_EQUAL(site_cluster_of(site, NULL, NULL, again, &site_err), -EINVAL);
	site_options.approve = true; /* then it only names it */
	site_again();
	CU_ASSERT_EQUAL(site_cluster_of(site, "900150983cd24fb0d6963f7d28e17f72", NULL, again,
					&site_err),
			0);
	CU_ASSERT_PTR_NULL(site_domain_named(site, again));
	site_end();
}

static void test_what_people_give_is_checked(void)
{
	struct site_domain_new new = { .name = "a", .type = 11, .cluster_id = "x-1" };
	const struct site_domain *d;

	site_begin();
	CU_ASSERT_EQUAL(site_domain_create(site, &by_test, &new, NULL, &site_err), -EINVAL);
	new.cluster_id = NULL;
	new.config = "[1]";
	CU_ASSERT_EQUAL(site_domain_create(site, &by_test, &new, NULL, &site_err), -EINVAL);
	new.config = "{\"a\":\"\\u0000\"";
	CU_ASSERT_EQUAL(site_domain_create(site, &by_test, &new, NULL, &site_err), -EINVAL);
	new.config = "{\"sync_timer\":60}";
	new.type = 23;
	CU_ASSERT_EQUAL(site_domain_create(site, &by_test, &new, &d, &site_err), 0);
	CU_ASSERT_EQUAL(strncmp(d->cluster_id, "d-", 2), 0);
	CU_ASSERT_EQUAL(site_domain_create(site, &by_test, &new, NULL, &site_err), -EEXIST);
	new.name = "b";
	CU_ASSERT_EQUAL(site_domain_create(site, &by_test, &new, NULL, &site_err), -EEXIST);
	CU_ASSERT_EQUAL(site_domain_update(site, &by_test, d,
					   &(struct site_domain_change){ .config = "{\"x\":1}" },
					   &site_err),
			0);
	CU_ASSERT_PTR_EQUAL(site_domain_named(site, "a"), d);
	new.cluster_id = "d-other";
	new.type = 11;
	CU_ASSERT_EQUAL(site_domain_create(site, &by_test, &new, NULL, &site_err), 0);
	CU_ASSERT_EQUAL(site_domain_update(site, &by_test, d,
					   &(struct site_domain_change){ .name = "b" }, &site_err),
			-EEXIST);
	CU_ASSERT_EQUAL(site_domain_update(site, &by_test, d,
					   &(struct site_domain_change){
						   .name = "c",
						   .controller_ip = "192.0.2.1",
						   .icon_id = "5",
						   .enabled = -1 },
					   &site_err),
			0);
	for (unsigned int i = 0; i < 2; i++) {
		CU_ASSERT_PTR_NULL(site_domain_named(site, "a"));
		d = site_domain_named(site, "c");
		CU_ASSERT_PTR_NOT_NULL_FATAL(d);
		CU_ASSERT_PTR_EQUAL(site_domain_named(site, d->cluster_id), d);
		CU_ASSERT_PTR_EQUAL(site_domain_named(site, d->lcuuid), d);
		CU_ASSERT_STRING_EQUAL(d->config, "{\"x\":1}");
		CU_ASSERT_STRING_EQUAL(d->controller_ip, "192.0.2.1");
		CU_ASSERT_STRING_EQUAL(d->icon_id, "5");
		CU_ASSERT_STRING_EQUAL(d->team_id, "");
		CU_ASSERT_FALSE(d->enabled);
		site_again();
	}
	site_end();
}

static void test_a_domain_says_how_its_data_are(void)
{
	const struct site_domain *d;

	site_begin();
	site_sync(node(1));
	d = site_domain_named(site, CLUSTER);
	site_domain_synced(site, CLUSTER, NULL);
	CU_ASSERT_NOT_EQUAL(d->synced_s, 0);
	CU_ASSERT_EQUAL(d->state, 1);
	site_domain_synced(site, CLUSTER, "pods watcher is not ready");
	CU_ASSERT_EQUAL(d->state, 4);
	site_domain_synced(site, "nowhere", NULL);
	site_again();
	d = site_domain_named(site, CLUSTER);
	CU_ASSERT_STRING_EQUAL(d->error, "pods watcher is not ready");
	CU_ASSERT_NOT_EQUAL(d->synced_s, 0);
	site_end();
}

static void test_agents_of_a_deleted_domain_are_in_the_default_vpc(void)
{
	const struct site_agent *a;

	site_begin();
	a = site_sync(node(1)).agent;
	CU_ASSERT_EQUAL(site_vpc_delete(site, &by_test,
					site_vpc_next(site, site_vpc_next(site, NULL)), &site_err),
			-EBUSY);
	CU_ASSERT_EQUAL(site_domain_delete(site, &by_test, site_domain_named(site, CLUSTER),
					   &site_err),
			0);
	CU_ASSERT_EQUAL(a->vpc, 1);
	CU_ASSERT_EQUAL(a->pod_cluster, 0);
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT id, name FROM vpc"), "1|default\n");
	site_end();
}

static void test_network_types_are_set_all_at_once(void)
{
	const struct site_network_type good[] = {
		{ .type = 1, .packet_type = 1, .vlan = 100 },
		{ .type = 2, .packet_type = 2, .source_ip = "192.0.2.1", .port = 6343 },
	};
	struct site_network_type bad[] = { good[0], good[1] };
	const struct site_network_type *t;

	site_begin();
	CU_ASSERT_PTR_NULL(site_network_type_next(site, NULL));
	CU_ASSERT_EQUAL(site_network_types_set(site, &by_test, good, 2, &site_err), 0);
	bad[1].source_ip = "192.0.2.256";
	CU_ASSERT_EQUAL(site_network_types_set(site, &by_test, bad, 2, &site_err), -EINVAL);
	bad[1].type = 0;
	CU_ASSERT_EQUAL(site_network_types_set(site, &by_test, bad, 2, &site_err), -EINVAL);
	site_again();
	t = site_network_type_next(site, site_network_type_next(site, NULL));
	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	CU_ASSERT_STRING_EQUAL(t->source_ip, "192.0.2.1");
	CU_ASSERT_EQUAL(t->port, 6343);
	CU_ASSERT_PTR_NULL(site_network_type_next(site, t));
	CU_ASSERT_EQUAL(site_network_types_set(site, &by_test, NULL, 0, &site_err), 0);
	CU_ASSERT_PTR_NULL(site_network_type_next(site, NULL));
	site_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the domain of a cluster is made when an agent names it",
		  test_the_domain_of_a_cluster_is_made_when_an_agent_names_it },
		{ "a name that is taken does not keep a cluster out",
		  test_a_name_that_is_taken_does_not_keep_a_cluster_out },
		{ "what is no id of a cluster makes no domain",
		  test_what_is_no_id_of_a_cluster_makes_no_domain },
		{ "one agent of a cluster watches, and goes on doing so",
		  test_one_agent_of_a_cluster_watches_and_goes_on_doing_so },
		{ "a disabled or deleted agent leaves its place as watcher",
		  test_a_disabled_or_deleted_agent_leaves_its_place_as_watcher },
		{ "who watches only is no agent, and takes over",
		  test_who_watches_only_is_no_agent_and_takes_over },
		{ "the id of a cluster comes from its CA, and is always the same",
		  test_the_id_of_a_cluster_comes_from_its_ca_and_is_always_the_same },
		{ "what people give is checked", test_what_people_give_is_checked },
		{ "a domain says how its data are", test_a_domain_says_how_its_data_are },
		{ "agents of a deleted domain are in the default VPC",
		  test_agents_of_a_deleted_domain_are_in_the_default_vpc },
		{ "network types are set all at once", test_network_types_are_set_all_at_once },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/site/domains", tests);
}
