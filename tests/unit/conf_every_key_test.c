/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two files that set every key once, made from the specification of the group configuration and not from the
 * table: the newer tree, and the older names.
 */
#include "conf_test.h"

#define DATA WEIR_SOURCE_ROOT "/tests/data/"

static struct weir_group_conf new, old, defaults;

static void load(const char *path, struct weir_group_conf *conf)
{
	char *all;

	memset(&errs, 0, sizeof(errs));
	if (weir_group_conf_load(path, conf, &errs) == 0)
		return;
	all = said();
	fprintf(stderr, "\n%s", all);
	free(all);
	CU_FAIL_FATAL("is refused");
}

static bool is_given(const struct weir_group_conf *conf, uint32_t i)
{
	return conf->origin[i].from == WEIR_CONF_FILE;
}

static bool same(uint32_t i, const struct weir_group_conf *a, const struct weir_group_conf *b)
{
	char *x = weir_group_conf_text(a, i), *y = weir_group_conf_text(b, i);
	const bool same = strcmp(x, y) == 0;

	free(x);
	free(y);
	return same;
}

/* `holds`, or the key is named. */
static void check(bool holds, uint32_t i, const char *what)
{
	if (!holds)
		fprintf(stderr, "\n%s (%s): %s\n", weir_group_table.rows[i].path,
			weir_group_table.rows[i].old, what);
	CU_ASSERT(holds);
}

static void test_the_newer_tree_sets_every_key_and_none_to_its_default(void)
{
	load(DATA "group_new.yaml", &new);
	CU_ASSERT_EQUAL_FATAL(weir_group_conf_defaults(&defaults), 0);
	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		if (weir_group_table.rows[i].path[0] == '\0')
			continue;
		check(is_given(&new, i), i, "is not set by the newer file");
		check(!same(i, &new, &defaults), i, "has its default");
	}
	weir_group_conf_free(&new);
	weir_group_conf_free(&defaults);
}

static void test_old_names_give_the_same_settings_as_new_ones(void)
{
	unsigned int n = 0;

	load(DATA "group_new.yaml", &new);
	load(DATA "group_old.yaml", &old);
	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		const struct weir_conf_row *row = &weir_group_table.rows[i];

		if (row->old[0] == '\0' || strcmp(row->old, "dev") == 0)
			continue;
		check(is_given(&old, i), i, "is not set by the older file");
		if (row->type == WEIR_CONF_ANY)
			continue;
		check(same(i, &old, &new), i, "is not the same");
		n++;
	}
	CU_ASSERT(n > 150);
	weir_group_conf_free(&new);
	weir_group_conf_free(&old);
}

static void test_ten_megabytes_are_refused_before_they_are_read(void)
{
	const size_t len = 10u << 20;
	char *text = malloc(len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memset(text, 'a', len);
	memset(&errs, 0, sizeof(errs));
	CU_ASSERT_EQUAL(weir_group_conf_parse(text, len, "g.yaml", &new, &errs), -EINVAL);
	CU_ASSERT(is_said("g.yaml: is too long; allowed are 1048576 bytes"));
	free(text);
}

/* A billion laughs, were aliases followed. */
static void test_an_alias_is_named_where_it_stands_and_not_followed(void)
{
	CU_ASSERT_EQUAL(group_read("plugins:\n"
				   "  wasm_plugins: &a [x, x]\n"
				   "  so_plugins: [*a, *a]\n",
				   &new),
			-EINVAL);
	CU_ASSERT(
		is_said("g.yaml:3:16: plugins.so_plugins: an alias is not allowed; write the value "
			"itself"));
}

static void test_bytes_that_are_no_text_are_refused_with_their_line(void)
{
	CU_ASSERT_EQUAL(group_read("tap_mode: 2\nmtu: 600\nanalyzer_ip: \xff\xfe\n", &new),
			-EINVAL);
	CU_ASSERT_EQUAL(errs.mistakes, 1);
	for (uint32_t i = 0; i < errs.n; i++)
		if (!errs.items[i].warning)
			CU_ASSERT_EQUAL(errs.items[i].line, 3);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the newer tree sets every key, and none to its default",
		  test_the_newer_tree_sets_every_key_and_none_to_its_default },
		{ "old names give the same settings as new ones",
		  test_old_names_give_the_same_settings_as_new_ones },
		{ "ten megabytes are refused before they are read",
		  test_ten_megabytes_are_refused_before_they_are_read },
		{ "an alias is named where it stands, and not followed",
		  test_an_alias_is_named_where_it_stands_and_not_followed },
		{ "bytes that are no text are refused with their line",
		  test_bytes_that_are_no_text_are_refused_with_their_line },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("conf/every_key", tests);
}
