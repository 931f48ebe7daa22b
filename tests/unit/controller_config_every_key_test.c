/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two files that set every key once, compiled and read back by the agent's own readers of either dialect.
 * Neither the files nor those readers know of the compiler.
 */
#include "codec.h"
#include "controller_config_test.h"

#define DATA WEIR_SOURCE_ROOT "/tests/data/"

/* As far as the row is one of the other side. */
static bool same(uint32_t i, const struct weir_group_conf *a, const struct weir_group_conf *b)
{
	char *x = weir_group_conf_text(a, i), *y = weir_group_conf_text(b, i);
	const bool same = strcmp(x, y) == 0;

	if (!same)
		fprintf(stderr, "\n%s (%s): %s, and not %s\n", weir_group_table.rows[i].path,
			weir_group_table.rows[i].old, y, x);
	free(x);
	free(y);
	return same;
}

static void every_key_is_in_user_config(const char *file)
{
	char *text = file_text(file);
	struct config_compiled *c = compiled(text, &somewhere);
	struct weir_group_conf conf;

	taken((const char *)c->user_config, &conf);
	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		if (weir_group_table.rows[i].path[0] == '\0')
			continue;
		CU_ASSERT_EQUAL(conf.origin[i].from, c->conf.origin[i].from);
		if (weir_group_table.rows[i].type != WEIR_CONF_ANY)
			CU_ASSERT(same(i, &c->conf, &conf));
	}
	weir_group_conf_free(&conf);
	config_compiled_free(c);
	free(text);
}

static void test_every_newer_name_comes_back_of_user_config(void)
{
	every_key_is_in_user_config(DATA "group_new.yaml");
}

static void test_every_older_name_comes_back_of_user_config(void)
{
	every_key_is_in_user_config(DATA "group_old.yaml");
}

static unsigned int every_key_is_in_trident(const char *file)
{
	char *text = file_text(file), *yaml;
	struct config_compiled *c = compiled(text, &nowhere);
	Trident__Config *m = unpacked(c);
	struct weir_group_conf conf;
	unsigned int n = 0;

	yaml = weir_sync_config_text(m);
	CU_ASSERT_PTR_NOT_NULL_FATAL(yaml);
	taken(yaml, &conf);
	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		const struct weir_conf_row *row = &weir_group_table.rows[i];

		if (conf.origin[i].from != WEIR_CONF_FILE || row->type == WEIR_CONF_ANY)
			continue;
		CU_ASSERT(same(i, &c->conf, &conf));
		n++;
	}
	weir_group_conf_free(&conf);
	free(yaml);
	trident__config__free_unpacked(m, NULL);
	config_compiled_free(c);
	free(text);
	return n;
}

/* 151 settings have an older name that is in trident.Config or below static_config. */
static void test_every_key_of_either_file_comes_back_of_the_older_dialect(void)
{
	const unsigned int newer = every_key_is_in_trident(DATA "group_new.yaml");

	CU_ASSERT(newer > 150);
	CU_ASSERT_EQUAL(every_key_is_in_trident(DATA "group_old.yaml"), newer);
}

/* What the table holds beside the key: "domains" and the like never reach trident.Config (control plane, 3.1). */
static void test_what_the_older_dialect_lacks_is_what_it_has_no_name_for(void)
{
	char *text = file_text(DATA "group_new.yaml"), *yaml;
	struct config_compiled *c = compiled(text, &nowhere);
	Trident__Config *m = unpacked(c);
	struct weir_group_conf conf;

	yaml = weir_sync_config_text(m);
	taken(yaml, &conf);
	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		const struct weir_conf_row *row = &weir_group_table.rows[i];

		if (row->path[0] == '\0' || conf.origin[i].from == WEIR_CONF_FILE)
			continue;
		if (row->old[0] != '\0' && strcmp(row->old, "nat_ip_enabled") != 0 &&
		    strcmp(row->old, "domains") != 0 &&
		    strcmp(row->old, "pod_cluster_internal_ip") != 0) {
			fprintf(stderr, "\n%s (%s) is lost\n", row->path, row->old);
			CU_FAIL("lost");
		}
	}
	weir_group_conf_free(&conf);
	free(yaml);
	trident__config__free_unpacked(m, NULL);
	config_compiled_free(c);
	free(text);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every newer name comes back of user_config",
		  test_every_newer_name_comes_back_of_user_config },
		{ "every older name comes back of user_config",
		  test_every_older_name_comes_back_of_user_config },
		{ "every key of either file comes back of the older dialect",
		  test_every_key_of_either_file_comes_back_of_the_older_dialect },
		{ "what the older dialect lacks is what it has no name for",
		  test_what_the_older_dialect_lacks_is_what_it_has_no_name_for },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/config/every_key", tests);
}
