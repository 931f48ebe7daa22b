/* SPDX-License-Identifier: Apache-2.0 */
/* YAML to JSON and back, read by jansson and by lib/conf; the group a file names; the commented examples. */
#include "controller_config_test.h"

#include <jansson.h>

static json_t *as_json(const char *yaml)
{
	struct weir_err err = { 0 };
	char *text = config_yaml_to_json(yaml, strlen(yaml), &err);
	json_t *json;

	if (text == NULL)
		fprintf(stderr, "\n%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	json = json_loads(text, JSON_DECODE_ANY, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(json);
	free(text);
	return json;
}

static void test_types_of_values_are_kept_on_the_way_to_json(void)
{
	json_t *got = as_json("a: 1\n"
			      "b: [true, 'true', 1.5, \"1\", ~, x y]\n"
			      "c:\n"
			      "  d-e: 60s\n"
			      "  f:\n"
			      "  - {g: h}\n"
			      "'na\"me': \"<b>\\u00e9\\n\"\n"
			      "n: 0x10\n");
	json_t *want = json_pack("{s:i, s:[b,s,f,s,n,s], s:{s:s, s:[{s:s}]}, s:s, s:s}", "a", 1,
				 "b", 1, "true", 1.5, "1", "x y", "c", "d-e", "60s", "f", "g", "h",
				 "na\"me", "<b>\xc3\xa9\n", "n", "0x10");

	CU_ASSERT_PTR_NOT_NULL_FATAL(want);
	CU_ASSERT(json_equal(got, want));
	json_decref(got);
	json_decref(want);
	got = as_json("# nothing\n");
	CU_ASSERT(json_is_object(got) && json_object_size(got) == 0);
	json_decref(got);
}

/* Strings that would be something else without quotes, or no YAML at all. */
static void test_json_comes_back_from_yaml_as_it_was(void)
{
	static const char *const texts[] = {
		"{}",
		"{\"a\": {}, \"b\": [], \"c\": null, \"d\": [[1, [2]], {\"e\": []}]}",
		"{\"true\": \"true\", \"1\": \"1\", \"~\": \"\", \"- x\": \"# y: z\", \"<<\": \"*a\"}",
		"{\"x\": \"\\u007f\\u0085\\ufeff\\u0001\\ud83d\\ude00 \\\"q\\\" \\\\ \\n\\t\"}",
		"{\"list\": [{\"name\": \"a\", \"more\": [1, 2]}, {\"name\": \"b\"}, -1.5, 1e300]}",
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++) {
		struct weir_err err = { 0 };
		char *yaml = config_json_to_yaml(texts[i], strlen(texts[i]), &err);
		json_t *want = json_loads(texts[i], 0, NULL), *got;

		CU_ASSERT_PTR_NOT_NULL_FATAL(yaml);
		got = as_json(yaml);
		CU_ASSERT(json_equal(got, want));
		if (!json_equal(got, want))
			fprintf(stderr, "\n%s\n%s", texts[i], yaml);
		json_decref(got);
		json_decref(want);
		free(yaml);
	}
}

static void test_a_configuration_means_the_same_after_json_and_back(void)
{
	char *text = file_text(WEIR_SOURCE_ROOT "/tests/data/group_new.yaml"), *json, *yaml;
	struct config_compiled *before = compiled(text, &nowhere), *after;
	struct weir_conf_plan plan;

	json = config_yaml_to_json(text, strlen(text), NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(json);
	yaml = config_json_to_yaml(json, strlen(json), NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(yaml);
	after = compiled(yaml, &nowhere);
	CU_ASSERT_EQUAL_FATAL(weir_group_conf_plan(&plan, &before->conf, &after->conf), 0);
	for (uint32_t i = 0; i < plan.n; i++)
		CU_ASSERT_EQUAL(plan.changes[i].row->type, WEIR_CONF_ANY); /* kept as written */
	weir_conf_plan_free(&plan);
	config_compiled_free(before);
	config_compiled_free(after);
	free(yaml);
	free(json);
	free(text);
}

static void not_yaml(const char *text, size_t len, const char *why)
{
	struct weir_err err = { 0 };

	CU_ASSERT_PTR_NULL(config_yaml_to_json(text, len, &err));
	CU_ASSERT_EQUAL(err.code, EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, why));
}

static void not_json(const char *text, const char *why)
{
	struct weir_err err = { 0 };

	CU_ASSERT_PTR_NULL(config_json_to_yaml(text, strlen(text), &err));
	CU_ASSERT_EQUAL(err.code, EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, why));
}

static void test_what_is_neither_is_refused_with_its_line(void)
{
	static char deep[2000], long_one[WEIR_CONF_BYTES_MAX + 2], many[400000];

	memset(deep, '[', sizeof(deep) - 1);
	memset(long_one, 'a', sizeof(long_one) - 1);
	for (size_t i = 0; i < sizeof(many) - 1; i++)
		many[i] = ",a"[i % 2];
	many[0] = '[';
	not_yaml("a: 1\nb: ]\n", 10, "line 2");
	not_yaml("a: &a [1]\nb: *a\n", 16, "line 2: an alias is not allowed");
	not_yaml("a: 1\n---\nb: 2\n", 14, "second document");
	not_yaml("? [a]\n: b\n", 10, "a name is a text");
	not_yaml("a: \"\\0\"\n", 8, "zero byte");
	not_yaml("\xff\xfe\xff", 3, "line");
	not_yaml(deep, sizeof(deep) - 1, "100 levels");
	not_yaml(long_one, sizeof(long_one) - 1, "1048576 bytes");
	not_yaml(many, sizeof(many) - 1, "65,536 values");
	not_json("{\"a\": 1,\n}", "line 2");
	not_json("[1]", "not a JSON object");
	not_json("{\"a\": 1, \"a\": 2}", "line 1");
	not_json(long_one, "1048576 bytes");
	not_json(deep, "not JSON");
}

static int names(const char *text, char group[32])
{
	struct weir_err err = { 0 };

	return config_names_group(text, strlen(text), group, 32, &err);
}

static void test_a_file_names_its_group_or_none(void)
{
	char group[32] = "";

	CU_ASSERT_EQUAL(names("tap_mode: 1\nvtap_group_id: 'my <b>'\n", group), 1);
	CU_ASSERT_STRING_EQUAL(group, "my <b>");
	CU_ASSERT_EQUAL(names("tap_mode: 1\n", group), 0);
	CU_ASSERT_EQUAL(names("vtap_group_id:\n", group), 0);
	CU_ASSERT_EQUAL(names("", group), 0);
	CU_ASSERT_EQUAL(names("[1]", group), 0);
	CU_ASSERT_EQUAL(names("vtap_group_id: [a]\n", group), -EINVAL);
	CU_ASSERT_EQUAL(names("vtap_group_id: 12345678901234567890123456789012\n", group), -EINVAL);
	CU_ASSERT_EQUAL(names("{", group), -EINVAL);
}

/* The '#' before a setting, not before words. */
static char *uncommented(const char *from)
{
	char *text = strdup(from);

	for (char *p = text; (p = strchr(p, '#')) != NULL; p++)
		if (p[1] != ' ')
			memmove(p, p + 1, strlen(p));
	return text;
}

/* max_collect_pps counts in thousands, and its default is 2 to the power of 20. */
static void every_key_has_its_default(const char *template, bool old)
{
	char *text = uncommented(template);
	struct config_compiled *c = compiled(text, &nowhere), *dflt = compiled(NULL, &nowhere);

	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		const struct weir_conf_row *row = &weir_group_table.rows[i];
		char *x = weir_group_conf_text(&c->conf, i),
		     *y = weir_group_conf_text(&dflt->conf, i);

		if (row->type != WEIR_CONF_ANY && (!old || row->old[0] != '\0')) {
			CU_ASSERT_EQUAL(c->conf.origin[i].from, WEIR_CONF_FILE);
			if (!old || strcmp(row->old, "max_collect_pps*1000") != 0)
				CU_ASSERT_STRING_EQUAL(x, y);
		}
		free(x);
		free(y);
	}
	config_compiled_free(c);
	config_compiled_free(dflt);
	free(text);
}

static void test_the_examples_are_configurations_with_every_key_at_its_default(void)
{
	config_compiled_free(compiled(config_template_new(), &nowhere));
	config_compiled_free(compiled(config_template_old(), &nowhere));
	CU_ASSERT_EQUAL(errs.n, 0);
	every_key_has_its_default(config_template_new(), false);
	every_key_has_its_default(config_template_old(), true);
	CU_ASSERT_PTR_NOT_NULL(strstr(config_template_old(), "\n#vtap_group_id: g-"));
	CU_ASSERT_PTR_NOT_NULL(strstr(config_template_old(), "\nstatic_config:\n"));
	CU_ASSERT_PTR_EQUAL(config_template_old(), config_template_old());
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "types of values are kept on the way to JSON",
		  test_types_of_values_are_kept_on_the_way_to_json },
		{ "JSON comes back from YAML as it was", test_json_comes_back_from_yaml_as_it_was },
		{ "a configuration means the same after JSON and back",
		  test_a_configuration_means_the_same_after_json_and_back },
		{ "what is neither is refused with its line",
		  test_what_is_neither_is_refused_with_its_line },
		{ "a file names its group or none", test_a_file_names_its_group_or_none },
		{ "the examples are configurations with every key at its default",
		  test_the_examples_are_configurations_with_every_key_at_its_default },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/config/convert", tests);
}
