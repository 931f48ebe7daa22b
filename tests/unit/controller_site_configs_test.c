/* SPDX-License-Identifier: Apache-2.0 */
#include "controller_site_test.h"

#define MIRROR   "# to the mirror\ntap_mode: 1\n"
#define ANALYZER "tap_mode: 2\n"
#define MISTAKE  "tap_mode: [\n"

static struct weir_err_list errs;
static unsigned int told;

static void on_config(void *ctx, const struct site_group *g)
{
	(void)ctx;
	CU_ASSERT_STRING_EQUAL(g->name, "g");
	told++;
}

static const struct site_group *begin(void)
{
	const struct site_watch w = { .config = on_config };
	const struct site_group *g = NULL;

	site_begin();
	site_watch_add(site, &w);
	told = 0;
	CU_ASSERT_EQUAL(site_group_create(site, &by_test, "g", NULL, &g, &site_err), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(g);
	return g;
}

static int set(const struct site_group *g, const char *text, uint32_t canary, uint32_t if_version)
{
	const struct site_config_change c = { .text = text,
					      .len = strlen(text),
					      .comment = "why",
					      .canary = canary,
					      .if_version = if_version };

	memset(&errs, 0, sizeof(errs));
	site_err.code = 0;
	return site_config_set(site, &by_test, g, &c, &errs, &site_err);
}

static const struct site_agent *member(unsigned int n)
{
	struct site_caller *c = site_caller(n);

	c->hello.group_request = "g";
	return site_sync(c).agent;
}

static uint32_t mode(const struct site_agent *a)
{
	return site_agent_config(a)->capture_mode;
}

static void test_a_configuration_is_kept_as_it_was_given_and_told(void)
{
	const struct site_group *g = begin();
	const struct site_agent *a = member(1);

	CU_ASSERT_PTR_NULL(g->config);
	CU_ASSERT_EQUAL(mode(a), 0);
	CU_ASSERT_EQUAL(set(g, MIRROR, 0, 0), 0);
	CU_ASSERT_EQUAL(told, 1);
	CU_ASSERT_EQUAL(mode(a), 1);
	site_again();
	g = site_group_named(site, "g");
	CU_ASSERT_PTR_NOT_NULL_FATAL(g->config);
	CU_ASSERT_STRING_EQUAL(g->config->text, MIRROR);
	CU_ASSERT_STRING_EQUAL(g->config->who, "tester");
	CU_ASSERT_STRING_EQUAL(g->config->comment, "why");
	CU_ASSERT_EQUAL(g->config->version, 1);
	CU_ASSERT_EQUAL(g->versions, 1);
	CU_ASSERT_EQUAL(mode(site_agent_of(site, 1)), 1);
	CU_ASSERT_EQUAL(mode(site_agent_of(site, 1)), site_group_config(g)->capture_mode);
	site_end();
}

/* RFC 6761: nobody ever knows a name below "invalid". */
static void test_a_host_that_nobody_knows_any_more_does_not_take_a_configuration_away(void)
{
	const struct site_group *g = begin();

	CU_ASSERT_EQUAL(set(g, MIRROR "capture_bpf: host 10.0.0.1\n", 0, 0), 0);
	CU_ASSERT_EQUAL(set(g, MIRROR "capture_bpf: host known.invalid\n", 0, 0), -EINVAL);
	site_close(site);
	site_sql_says("UPDATE config SET text = replace(text, '10.0.0.1', 'known.invalid')");
	CU_ASSERT_PTR_NOT_NULL_FATAL(site_try());
	CU_ASSERT_PTR_NOT_NULL(strstr(site_group_named(site, "g")->config->text, "known.invalid"));
	CU_ASSERT_EQUAL(mode(member(1)), 1);
	site_end();
}

static void test_an_empty_configuration_is_one(void)
{
	const struct site_group *g = begin();

	CU_ASSERT_EQUAL(set(g, "", 0, 0), 0);
	site_again();
	g = site_group_named(site, "g");
	CU_ASSERT_PTR_NOT_NULL_FATAL(g->config);
	CU_ASSERT_EQUAL(g->config->len, 0);
	site_end();
}

static void test_a_mistake_changes_nothing(void)
{
	const struct site_group *g = begin();
	static char large[WEIR_CONF_BYTES_MAX + 2];

	CU_ASSERT_EQUAL(set(g, MIRROR, 0, 0), 0);
	CU_ASSERT_EQUAL(set(g, MISTAKE, 0, 0), -EINVAL);
	CU_ASSERT(errs.mistakes > 0);
	memset(large, '#', sizeof(large) - 1);
	CU_ASSERT_EQUAL(set(g, large, 0, 0), -EINVAL);
	CU_ASSERT_STRING_EQUAL(g->config->text, MIRROR);
	CU_ASSERT_EQUAL(told, 1);
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT count(*) FROM config"), "1\n");
	CU_ASSERT_STRING_EQUAL(
		site_sql_says("SELECT count(*) FROM audit WHERE what LIKE 'agent-group-config %'"),
		"1\n");
	site_end();
}

static void test_who_looked_at_an_older_version_is_refused(void)
{
	const struct site_group *g = begin();

	CU_ASSERT_EQUAL(set(g, MIRROR, 0, 0), 0);
	CU_ASSERT_EQUAL(set(g, ANALYZER, 0, 1), 0);
	CU_ASSERT_EQUAL(set(g, MIRROR, 0, 1), -EAGAIN);
	CU_ASSERT_EQUAL(g->config->version, 2);
	site_end();
}

static uint32_t versions[8];
static unsigned int n_versions;

static int each(void *ctx, const struct site_config *c)
{
	(void)ctx;
	versions[n_versions++] = c->version;
	CU_ASSERT_STRING_EQUAL(c->text, c->version == 2 ? ANALYZER : MIRROR);
	return 0;
}

static void test_going_back_makes_a_new_version_of_the_old_text(void)
{
	const struct site_group *g = begin();

	CU_ASSERT_EQUAL(set(g, MIRROR, 0, 0), 0);
	CU_ASSERT_EQUAL(set(g, ANALYZER, 0, 0), 0);
	CU_ASSERT_EQUAL(site_config_rollback(site, &by_test, g, 9, &site_err), -ENOENT);
	CU_ASSERT_EQUAL(site_config_rollback(site, &by_test, g, 1, &site_err), 0);
	CU_ASSERT_EQUAL(g->config->version, 3);
	n_versions = 0;
	CU_ASSERT_EQUAL(site_config_history(site, g, each, NULL, &site_err), 0);
	CU_ASSERT_EQUAL(n_versions, 3);
	CU_ASSERT_EQUAL(versions[0], 3);
	CU_ASSERT_EQUAL(versions[2], 1);
	CU_ASSERT_STRING_EQUAL(site_sql_says(
				       "SELECT what, detail FROM audit ORDER BY id DESC LIMIT 1"),
			       "agent-group-config rollback|{\"version\":3,\"of\":1}\n");
	site_end();
}

static void test_a_configuration_that_is_deleted_leaves_defaults(void)
{
	const struct site_group *g = begin();
	const struct site_agent *a = member(1);

	CU_ASSERT_EQUAL(site_config_delete(site, &by_test, g, &site_err), -ENOENT);
	CU_ASSERT_EQUAL(set(g, MIRROR, 0, 0), 0);
	CU_ASSERT_EQUAL(site_config_delete(site, &by_test, g, &site_err), 0);
	CU_ASSERT_EQUAL(mode(a), 0);
	CU_ASSERT_EQUAL(told, 2);
	site_again();
	CU_ASSERT_PTR_NULL(site_group_named(site, "g")->config);
	CU_ASSERT_EQUAL(set(site_group_named(site, "g"), MIRROR, 0, 0), 0);
	CU_ASSERT_EQUAL(site_group_named(site, "g")->config->version, 2);
	site_end();
}

static void test_a_canary_is_on_some_first_and_then_on_all(void)
{
	const struct site_group *g = begin();

	CU_ASSERT_EQUAL(set(g, MIRROR, 0, 0), 0);
	CU_ASSERT_EQUAL(set(g, ANALYZER, 1, 0), -EINVAL); /* nobody is there */
	for (unsigned int i = 1; i <= 3; i++)
		member(i);
	CU_ASSERT_EQUAL(site_config_promote(site, &by_test, g, &site_err), -ENOENT);
	CU_ASSERT_EQUAL(set(g, ANALYZER, 2, 0), 0);
	CU_ASSERT_EQUAL(g->config->version, 1);
	CU_ASSERT_EQUAL(g->canary->version, 2);
	CU_ASSERT_EQUAL(g->canaries, 2);
	site_again();
	g = site_group_named(site, "g");
	CU_ASSERT_EQUAL(g->canaries, 2);
	CU_ASSERT_EQUAL(mode(site_agent_of(site, 1)), 2);
	CU_ASSERT_EQUAL(site_agent_of(site, 1)->type, 6);
	CU_ASSERT_EQUAL(mode(site_agent_of(site, 2)), 2);
	CU_ASSERT_EQUAL(mode(site_agent_of(site, 3)), 1);
	CU_ASSERT_EQUAL(site_config_promote(site, &by_test, g, &site_err), 0);
	CU_ASSERT_EQUAL(mode(site_agent_of(site, 3)), 2);
	CU_ASSERT_EQUAL(g->config->version, 2);
	CU_ASSERT_PTR_NULL(g->canary);
	CU_ASSERT_EQUAL(g->canaries, 0);
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT sum(canary) FROM agent"), "0\n");
	site_end();
}

static void test_a_canary_that_is_aborted_was_never_there(void)
{
	const struct site_group *g = begin();

	member(1);
	CU_ASSERT_EQUAL(set(g, MIRROR, 0, 0), 0);
	CU_ASSERT_EQUAL(set(g, ANALYZER, 5, 0), 0);
	CU_ASSERT_EQUAL(mode(site_agent_of(site, 1)), 2);
	CU_ASSERT_EQUAL(site_config_abort(site, &by_test, g, &site_err), 0);
	CU_ASSERT_EQUAL(mode(site_agent_of(site, 1)), 1);
	CU_ASSERT_EQUAL(site_agent_of(site, 1)->type, 5);
	CU_ASSERT_EQUAL(g->versions, 2);
	CU_ASSERT_EQUAL(set(g, ANALYZER, 0, 2), 0);
	CU_ASSERT_EQUAL(g->config->version, 3);
	site_end();
}

static void test_an_agent_that_leaves_its_group_leaves_the_canary(void)
{
	const struct site_group *g = begin();
	struct site_agent_change change = SITE_AGENT_CHANGE_NONE;

	member(1);
	CU_ASSERT_EQUAL(set(g, ANALYZER, 1, 0), 0);
	change.group = site_group_default(site);
	CU_ASSERT_EQUAL(site_agent_update(site, &by_test, site_agent_of(site, 1), &change,
					  &site_err),
			0);
	CU_ASSERT_EQUAL(g->canaries, 0);
	CU_ASSERT_EQUAL(g->agents, 0);
	CU_ASSERT_EQUAL(mode(site_agent_of(site, 1)), 0);
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT canary, agent_group FROM agent"), "0|1\n");
	site_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a configuration is kept as it was given, and told",
		  test_a_configuration_is_kept_as_it_was_given_and_told },
		{ "a host that nobody knows any more does not take a configuration away",
		  test_a_host_that_nobody_knows_any_more_does_not_take_a_configuration_away },
		{ "an empty configuration is one", test_an_empty_configuration_is_one },
		{ "a mistake changes nothing", test_a_mistake_changes_nothing },
		{ "who looked at an older version is refused",
		  test_who_looked_at_an_older_version_is_refused },
		{ "going back makes a new version of the old text",
		  test_going_back_makes_a_new_version_of_the_old_text },
		{ "a configuration that is deleted leaves defaults",
		  test_a_configuration_that_is_deleted_leaves_defaults },
		{ "a canary is on some first, and then on all",
		  test_a_canary_is_on_some_first_and_then_on_all },
		{ "a canary that is aborted was never there",
		  test_a_canary_that_is_aborted_was_never_there },
		{ "an agent that leaves its group leaves the canary",
		  test_an_agent_that_leaves_its_group_leaves_the_canary },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/site/configs", tests);
}
