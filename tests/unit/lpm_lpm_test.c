/* SPDX-License-Identifier: Apache-2.0 */
/* Expected values: tests/data/lpm.txt, made by tests/data/lpm.py with Python's ipaddress module. */
#include "weir_test.h"

#include <weir_lpm.h>

#include <stdio.h>
#include <stdlib.h>

#define ROWS_MAX 1000
#define LINE_MAX 16384

static const char *vectors;
static struct weir_lpm_row rows[ROWS_MAX];
static size_t row_count;
static struct weir_lpm *lpm;

static FILE *open_vectors(void)
{
	FILE *f = fopen(vectors, "r");

	if (f == NULL)
		CU_FAIL_FATAL("the vectors' file");
	return f;
}

static uint32_t value_of(const char *text)
{
	return strcmp(text, "-") == 0 ? WEIR_LPM_NONE : (uint32_t)strtoul(text, NULL, 10);
}

static void table_make(void)
{
	static char line[LINE_MAX];
	FILE *f = open_vectors();
	char what, prefix[64], value[16];
	unsigned long scope;

	row_count = 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		struct weir_lpm_row *row = &rows[row_count];

		if (sscanf(line, "%c %lu %63s %15s", &what, &scope, prefix, value) != 4 ||
		    what != 'p')
			continue;
		CU_ASSERT_FATAL(weir_prefix_parse(prefix, &row->prefix));
		row->scope = scope;
		row->value = value_of(value);
		row_count++;
	}
	fclose(f);
	lpm = weir_lpm_create(rows, row_count);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lpm);
}

static void test_longest_prefix_is_pythons(void)
{
	static char line[LINE_MAX];
	FILE *f = open_vectors();
	unsigned int asked = 0, up = 0;

	table_make();
	while (fgets(line, sizeof(line), f) != NULL) {
		struct weir_prefix p;
		char what, text[64], value[16];
		unsigned long scope;

		if (line[0] == 'r' ||
		    sscanf(line, "%c %lu %63s %15s", &what, &scope, text, value) != 4)
			continue;
		CU_ASSERT_FATAL(weir_prefix_parse(text, &p));
		if (what == 'q') {
			CU_ASSERT_EQUAL(weir_lpm_find(lpm, scope, &p.ip, p.is_ipv6),
					value_of(value));
			asked++;
		} else if (what == 'u') {
			CU_ASSERT_EQUAL(weir_lpm_parent(lpm, scope, &p), value_of(value));
			up++;
		}
	}
	fclose(f);
	CU_ASSERT_EQUAL(row_count, 600);
	CU_ASSERT_EQUAL(asked, 1500);
	CU_ASSERT_EQUAL(up, 200);
	weir_lpm_destroy(lpm);
}

static void test_ranges_become_pythons_prefixes(void)
{
	static char line[LINE_MAX];
	FILE *f = open_vectors();
	unsigned int ranges = 0;

	while (fgets(line, sizeof(line), f) != NULL) {
		struct weir_prefix got[WEIR_PREFIX_RANGE_MAX], want;
		unsigned int n, i = 0;
		char *word;

		if (line[0] != 'r')
			continue;
		strtok(line, " \n");
		n = weir_prefix_range(strtok(NULL, " \n"), got);
		while ((word = strtok(NULL, " \n")) != NULL) {
			CU_ASSERT_FATAL(weir_prefix_parse(word, &want));
			CU_ASSERT_FATAL(i < n);
			CU_ASSERT_EQUAL(memcmp(&got[i].ip, &want.ip, sizeof(want.ip)), 0);
			CU_ASSERT_EQUAL(got[i].len, want.len);
			CU_ASSERT_EQUAL(got[i].is_ipv6, want.is_ipv6);
			i++;
		}
		CU_ASSERT_EQUAL(i, n);
		ranges++;
	}
	fclose(f);
	CU_ASSERT_EQUAL(ranges, 65);
}

static void test_host_bits_are_cleared(void)
{
	struct weir_prefix a, b;

	CU_ASSERT(weir_prefix_parse("10.1.2.3/9", &a));
	CU_ASSERT(weir_prefix_parse("10.0.0.0/9", &b));
	CU_ASSERT_EQUAL(memcmp(&a.ip, &b.ip, sizeof(a.ip)), 0);
	CU_ASSERT(weir_prefix_parse("fd00::ffff:1/65", &a));
	CU_ASSERT(weir_prefix_parse("fd00::/65", &b));
	CU_ASSERT_EQUAL(memcmp(&a.ip, &b.ip, sizeof(a.ip)), 0);
}

static void test_what_is_no_prefix_is_refused(void)
{
	static const char *const bad[] = {
		"",
		"/",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/8 ",
		"10.0.0.0/+8",
		"10.0.0.0/0008",
		"10.0.0.0/99999999999",
		"10.0.0/8",
		" 10.0.0.0/8",
		"10.0.0.256",
		"10.0.0.1.1",
		"fd00::/129",
		"fd00:::/64",
		"fd00::%eth0/64",
		"g::1",
		"0123456789012345678901234567890123456789012345678901234567890",
		"10.0.0.0/8/8"
	};
	static const char *const ranges[] = {
		"10.0.0.1",  "10.0.0.2-10.0.0.1",          "10.0.0.1-fd00::1",   "-", "10.0.0.1-",
		"-10.0.0.1", "10.0.0.1-10.0.0.2-10.0.0.3", "10.0.0.0/8-10.0.0.1"
	};
	struct weir_prefix p, out[WEIR_PREFIX_RANGE_MAX];

	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(bad); i++)
		CU_ASSERT_FALSE(weir_prefix_parse(bad[i], &p));
	CU_ASSERT_FALSE(weir_prefix_parse(NULL, &p));
	for (unsigned int i = 0; i < WEIR_ARRAY_SIZE(ranges); i++)
		CU_ASSERT_EQUAL(weir_prefix_range(ranges[i], out), 0);
	CU_ASSERT_EQUAL(weir_prefix_range(NULL, out), 0);
}

static void test_an_empty_table_finds_nothing(void)
{
	const union weir_ip ip = { { 10, 0, 0, 1 } };
	struct weir_lpm *none = weir_lpm_create(NULL, 0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(none);
	CU_ASSERT_EQUAL(weir_lpm_find(none, 0, &ip, false), WEIR_LPM_NONE);
	CU_ASSERT_EQUAL(weir_lpm_find(none, 0, &ip, true), WEIR_LPM_NONE);
	weir_lpm_destroy(none);
}

int main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{ "longest prefix is Python's", test_longest_prefix_is_pythons },
		{ "ranges become Python's prefixes", test_ranges_become_pythons_prefixes },
		{ "host bits are cleared", test_host_bits_are_cleared },
		{ "what is no prefix is refused", test_what_is_no_prefix_is_refused },
		{ "an empty table finds nothing", test_an_empty_table_finds_nothing },
		CU_TEST_INFO_NULL,
	};

	vectors = argc > 1 ? argv[1] : "tests/data/lpm.txt";
	return weir_test_main("lpm/lpm", tests);
}
