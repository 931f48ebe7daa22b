/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a cluster: what zlib made is in order, and what is damaged, cut or blown up is not. */
#include "weir_test.h"

#include <inventory_priv.h>
#include <stdio.h>
#include <stdlib.h>

static uint8_t zipped[65536];

static struct inventory_cluster_entry entry(const char *type, const char *json)
{
	static uint8_t room[16][4096];
	static unsigned int next;
	uLongf n = sizeof(room[0]);
	uint8_t *to = room[next++ % 16];

	compress2(to, &n, (const Bytef *)json, strlen(json), 6);
	return (struct inventory_cluster_entry){ type, to, n };
}

static int check(const struct inventory_cluster_entry *e, size_t n, struct weir_err *err)
{
	const struct inventory_cluster c = {
		.cluster_id = "d-1", .version = 7, .entries = e, .n_entries = n
	};
	struct snapshot *s = inventory_snapshot_create(&c, err);
	int rc = -1;

	if (s == NULL)
		return rc;
	do
		rc = inventory_snapshot_check(s, 65536, err);
	while (rc == 1);
	inventory_snapshot_destroy(s);
	return rc;
}

static void test_objects_are_put_together_by_type_in_their_order(void)
{
	const struct inventory_cluster_entry e[] = { entry("*v1.Pod", "{\"a\":1}"),
						     entry("*v1.Node", "{}"),
						     entry("*v1.Pod", "{\"a\":2}") };
	const struct inventory_cluster c = { .version = 7, .entries = e, .n_entries = 3 };
	struct weir_err err = { 0 };
	struct snapshot *s = inventory_snapshot_create(&c, &err);
	const struct snapshot_kind *k;
	char text[64];
	uLongf n = sizeof(text);
	uint32_t len;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(inventory_snapshot_check(s, UINT32_MAX, &err), 0);
	CU_ASSERT_EQUAL_FATAL(s->kinds.count, 2);
	k = s->kinds.items;
	CU_ASSERT_STRING_EQUAL(k[0].type, "*v1.Pod");
	CU_ASSERT_EQUAL(k[0].objects, 2);
	CU_ASSERT_EQUAL(k[1].objects, 1);
	memcpy(&len, k[0].v, 4);
	CU_ASSERT_EQUAL(uncompress((Bytef *)text, &n, k[0].v + 4, len), Z_OK);
	CU_ASSERT_NSTRING_EQUAL(text, "{\"a\":1}", n);
	CU_ASSERT_EQUAL(k[0].n, 8 + e[0].n + e[2].n);
	inventory_snapshot_destroy(s);
}

static void test_every_cut_and_every_flipped_byte_is_found(void)
{
	struct inventory_cluster_entry e = entry("*v1.Pod", "{\"kind\":\"Pod\",\"x\":[1,2,3]}");
	uint8_t copy[4096];
	const size_t whole = e.n;

	memcpy(copy, e.zipped, whole);
	e.zipped = copy;
	for (e.n = 0; e.n < whole; e.n++) {
		struct weir_err err = { 0 };

		CU_ASSERT_TRUE(check(&e, 1, &err) < 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "*v1.Pod is damaged"));
	}
	for (size_t i = 0; i < whole; i++) {
		struct weir_err err = { 0 };

		copy[i] ^= 0x55;
		CU_ASSERT_TRUE(check(&e, 1, &err) < 0);
		copy[i] ^= 0x55;
	}
	copy[e.n++] = 0; /* and one byte more */
	CU_ASSERT_TRUE(check(&e, 1, NULL) < 0);
	e.n--;
	CU_ASSERT_EQUAL(check(&e, 1, NULL), 0);
}

static void test_an_object_that_blows_up_is_refused_by_name(void)
{
	const size_t size = 16 << 20;
	struct weir_err err = { 0 };
	uint8_t *zeroes = calloc(1, size);
	uLongf n = sizeof(zipped);
	struct inventory_cluster_entry e = { "*v1.ConfigMap", zipped, 0 };

	CU_ASSERT_EQUAL_FATAL(compress2(zipped, &n, zeroes, size, 9), Z_OK);
	e.n = n;
	CU_ASSERT_TRUE(n < size / 1000);
	CU_ASSERT_TRUE(check(&e, 1, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "*v1.ConfigMap is too large"));
	free(zeroes);
}

static void test_types_are_bounded_in_number_and_length(void)
{
	struct inventory_cluster_entry e[65];
	char names[65][16], name[80];
	struct weir_err err = { 0 };

	for (int i = 0; i < 65; i++) {
		snprintf(names[i], sizeof(names[i]), "*v1.T%d", i);
		e[i] = entry(names[i], "{}");
	}
	CU_ASSERT_EQUAL(check(e, 64, &err), 0);
	CU_ASSERT_TRUE(check(e, 65, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "more than 64 types"));
	memset(name, 'x', sizeof(name));
	name[65] = '\0';
	e[0].type = name;
	CU_ASSERT_TRUE(check(e, 1, &err) < 0);
	name[64] = '\0';
	CU_ASSERT_EQUAL(check(e, 1, &err), 0);
	e[0].type = "";
	CU_ASSERT_TRUE(check(e, 1, &err) < 0);
	e[0].type = NULL;
	CU_ASSERT_TRUE(check(e, 1, &err) < 0);
}

static void test_a_long_check_is_done_in_slices(void)
{
	struct inventory_cluster_entry e[64];
	const struct inventory_cluster c = { .version = 7, .entries = e, .n_entries = 64 };
	char json[2001];
	struct snapshot *s;
	int turns = 0;

	memset(json, ' ', 2000);
	json[2000] = '\0';
	for (int i = 0; i < 64; i++)
		e[i] = entry("*v1.Pod", json);
	s = inventory_snapshot_create(&c, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	while (inventory_snapshot_check(s, 10000, NULL) == 1)
		turns++;
	CU_ASSERT_TRUE(turns >= 10 && turns <= 13); /* 128,000 bytes */
	inventory_snapshot_destroy(s);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "objects are put together by type, in their order",
		  test_objects_are_put_together_by_type_in_their_order },
		{ "every cut and every flipped byte is found",
		  test_every_cut_and_every_flipped_byte_is_found },
		{ "an object that blows up is refused by name",
		  test_an_object_that_blows_up_is_refused_by_name },
		{ "types are bounded in number and length",
		  test_types_are_bounded_in_number_and_length },
		{ "a long check is done in slices", test_a_long_check_is_done_in_slices },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/inventory/snapshot", tests);
}
