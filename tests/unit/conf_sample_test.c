/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

static char *sample(void (*print)(FILE *out))
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	print(f);
	fclose(f);
	return text;
}

/* Take the '#' before a setting away, so that those without effect are read too. */
static void uncomment(char *text)
{
	for (char *p = text; (p = strchr(p, '#')) != NULL; p++)
		if (p[1] != ' ')
			memmove(p, p + 1, strlen(p));
}

static void is_default(const struct weir_conf_table *table, const void *conf, const void *dflt)
{
	for (uint32_t i = 0; i < table->n; i++) {
		const struct weir_conf_row *row = &table->rows[i];
		char *a, *b;

		if (strchr(row->path, '[') != NULL || row->type == WEIR_CONF_ANY)
			continue;
		a = weir_conf_value_text(row, (const char *)conf + row->offset);
		b = weir_conf_value_text(row, (const char *)dflt + row->offset);
		CU_ASSERT_STRING_EQUAL(a, b);
		free(a);
		free(b);
	}
}

static void test_the_group_sample_is_the_defaults_and_says_nothing(void)
{
	struct weir_group_conf conf, dflt;
	char *text = sample(weir_group_sample_print);

	CU_ASSERT_EQUAL_FATAL(weir_group_conf_defaults(&dflt), 0);
	CU_ASSERT_EQUAL_FATAL(group_read(text, &conf), 0);
	CU_ASSERT_EQUAL(errs.n, 0);
	is_default(&weir_group_table, &conf, &dflt);
	weir_group_conf_free(&conf);

	uncomment(text);
	CU_ASSERT_EQUAL_FATAL(group_read(text, &conf), 0);
	is_default(&weir_group_table, &conf, &dflt);
	for (uint32_t i = 0; i < weir_group_table.n; i++)
		if (weir_group_table.rows[i].type != WEIR_CONF_ANY)
			CU_ASSERT_EQUAL(conf.origin[i].from, WEIR_CONF_FILE);
	weir_group_conf_free(&conf);
	weir_group_conf_free(&dflt);
	free(text);
}

static void test_the_box_sample_is_the_defaults_and_says_nothing(void)
{
	static struct weir_box_conf conf, dflt;
	char *text = sample(weir_box_sample_print);

	CU_ASSERT_EQUAL_FATAL(weir_box_conf_defaults(&dflt), 0);
	CU_ASSERT_EQUAL_FATAL(box_read(text, &conf), 0);
	CU_ASSERT_EQUAL(errs.n, 0);
	is_default(&weir_box_table, &conf, &dflt);
	weir_box_conf_free(&conf);

	uncomment(text);
	CU_ASSERT_EQUAL_FATAL(box_read(text, &conf), 0);
	is_default(&weir_box_table, &conf, &dflt);
	weir_box_conf_free(&conf);
	weir_box_conf_free(&dflt);
	free(text);
}

static void test_the_controllers_sample_is_the_defaults_and_says_nothing(void)
{
	struct weir_controller_conf conf, dflt;
	char *text = sample(weir_controller_sample_print);

	memset(&errs, 0, sizeof(errs));
	CU_ASSERT_EQUAL_FATAL(weir_controller_conf_defaults(&dflt), 0);
	CU_ASSERT_EQUAL_FATAL(weir_controller_conf_parse(text, strlen(text), "c.cfg", &conf, &errs),
			      0);
	CU_ASSERT_EQUAL(errs.n, 0);
	is_default(&weir_controller_table, &conf, &dflt);
	weir_controller_conf_free(&conf);
	weir_controller_conf_free(&dflt);
	free(text);
}

static void test_the_reference_has_a_line_for_every_setting(void)
{
	char *text = sample(weir_conf_reference_print), line[200];

	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		const struct weir_conf_row *row = &weir_group_table.rows[i];

		snprintf(line, sizeof(line), "\n| `%s` |", row->path[0] ? row->path : row->old);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, line));
	}
	free(text);
}

/* Two settings with one name could not be told apart. */
static void test_no_name_stands_twice_in_a_table(void)
{
	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		const struct weir_conf_row *a = &weir_group_table.rows[i];

		for (uint32_t k = 0; k < i; k++) {
			const struct weir_conf_row *b = &weir_group_table.rows[k];

			CU_ASSERT(a->path[0] == '\0' || strcmp(a->path, b->path) != 0);
			CU_ASSERT(a->old[0] == '\0' || strcmp(a->old, b->old) != 0);
		}
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "the group sample is the defaults and says nothing",
		  test_the_group_sample_is_the_defaults_and_says_nothing },
		{ "the box sample is the defaults and says nothing",
		  test_the_box_sample_is_the_defaults_and_says_nothing },
		{ "the controller's sample is the defaults and says nothing",
		  test_the_controllers_sample_is_the_defaults_and_says_nothing },
		{ "the reference has a line for every setting",
		  test_the_reference_has_a_line_for_every_setting },
		{ "no name stands twice in a table", test_no_name_stands_twice_in_a_table },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("conf/sample", tests);
}
