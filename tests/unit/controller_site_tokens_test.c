/* SPDX-License-Identifier: Apache-2.0 */
#include "controller_site_test.h"

static int create(const char *name, enum site_role role, uint64_t expires_s, char secret[64])
{
	return site_token_create(site, &by_test, name, role, expires_s, secret, &site_err);
}

static void test_a_token_opens_and_only_its_sum_is_kept(void)
{
	char secret[64], sum[128];
	const struct site_token *t;

	site_begin();
	CU_ASSERT_EQUAL(create("ci", SITE_OPERATE, 0, secret), 0);
	t = site_token_of(site, secret);
	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	CU_ASSERT_STRING_EQUAL(t->name, "ci");
	CU_ASSERT_EQUAL(t->role, SITE_OPERATE);
	CU_ASSERT_NOT_EQUAL(t->used_s, 0);
	snprintf(sum, sizeof(sum), "%.100s",
		 site_shell("true %s; printf %%s %s | sha256sum", secret));
	CU_ASSERT_EQUAL(strncmp(sum, site_sql_says("SELECT sha256 FROM token"), 64), 0);
	CU_ASSERT_STRING_EQUAL(site_shell("grep -c -a -r -- %2$s %1$s | grep -v ':0'", secret), "");
	site_again();
	CU_ASSERT_PTR_NOT_NULL(site_token_of(site, secret));
	CU_ASSERT_NOT_EQUAL(site_token_next(site, NULL)->used_s, 0);
	secret[10]++;
	CU_ASSERT_PTR_NULL(site_token_of(site, secret));
	CU_ASSERT_PTR_NULL(site_token_of(site, ""));
	site_end();
}

static void test_a_token_ends_when_it_is_to_or_is_deleted(void)
{
	char secret[64], other[64];
	const uint64_t now = weir_clock_wall_ns() / WEIR_NS_PER_S;

	site_begin();
	CU_ASSERT_EQUAL(create("late", SITE_READ, now, secret), -EINVAL);
	CU_ASSERT_EQUAL(create("short", SITE_READ, now + 2, secret), 0);
	CU_ASSERT_PTR_NOT_NULL(site_token_of(site, secret));
	CU_ASSERT_EQUAL(create("other", SITE_ADMIN, 0, other), 0);
	CU_ASSERT_EQUAL(create("other", SITE_ADMIN, 0, other), -EEXIST);
	while (weir_clock_wall_ns() / WEIR_NS_PER_S < now + 2)
		usleep(50000);
	CU_ASSERT_PTR_NULL(site_token_of(site, secret));
	CU_ASSERT_EQUAL(site_token_delete(site, &by_test, "other", &site_err), 0);
	CU_ASSERT_EQUAL(site_token_delete(site, &by_test, "other", &site_err), -ENOENT);
	CU_ASSERT_STRING_EQUAL(site_token_next(site, NULL)->name, "short");
	CU_ASSERT_PTR_NULL(site_token_next(site, site_token_next(site, NULL)));
	site_end();
}

static void test_a_token_has_a_name_and_a_role(void)
{
	char secret[64];

	site_begin();
	CU_ASSERT_EQUAL(create("", SITE_READ, 0, secret), -EINVAL);
	CU_ASSERT_EQUAL(create("a", (enum site_role)0, 0, secret), -EINVAL);
	CU_ASSERT_EQUAL(create("a", (enum site_role)9, 0, secret), -EINVAL);
	CU_ASSERT_PTR_NULL(site_token_next(site, NULL));
	site_end();
}

static uint64_t ids[4];
static unsigned int n_ids;

static int each(void *ctx, const struct site_audit *a)
{
	ids[n_ids++] = a->id;
	CU_ASSERT_STRING_EQUAL(a->who, "tester");
	CU_ASSERT_STRING_EQUAL(a->from, "192.0.2.9");
	CU_ASSERT_STRING_EQUAL(a->what, "vpc create");
	return ctx != NULL ? -ECANCELED : 0;
}

static void test_the_audit_log_is_read_from_its_end_page_by_page(void)
{
	site_begin();
	for (unsigned int i = 0; i < 5; i++) {
		char name[8];

		snprintf(name, sizeof(name), "v%u", i);
		CU_ASSERT_EQUAL(site_vpc_create(site, &by_test, name, NULL, &site_err), 0);
	}
	n_ids = 0;
	CU_ASSERT_EQUAL(site_audit_list(site, 0, 2, each, NULL, &site_err), 0);
	CU_ASSERT_EQUAL(n_ids, 2);
	CU_ASSERT_EQUAL(ids[0], 5);
	CU_ASSERT_EQUAL(site_audit_list(site, ids[1], 2, each, NULL, &site_err), 0);
	CU_ASSERT_EQUAL(n_ids, 4);
	CU_ASSERT_EQUAL(ids[3], 2);
	n_ids = 0;
	CU_ASSERT_EQUAL(site_audit_list(site, 0, 4, each, ids, &site_err), -ECANCELED);
	CU_ASSERT_EQUAL(n_ids, 1);
	site_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a token opens, and only its sum is kept",
		  test_a_token_opens_and_only_its_sum_is_kept },
		{ "a token ends when it is to, or is deleted",
		  test_a_token_ends_when_it_is_to_or_is_deleted },
		{ "a token has a name and a role", test_a_token_has_a_name_and_a_role },
		{ "the audit log is read from its end, page by page",
		  test_the_audit_log_is_read_from_its_end_page_by_page },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/site/tokens", tests);
}
