/* SPDX-License-Identifier: Apache-2.0 */
/* Platform data made from the specification's numbers, compared; what differs is what a list of the rows says. */
#include "sync_wire.h"
#include "weir_test.h"

#include <weir_sync.h>

#include <errno.h>
#include <stdlib.h>

#define ROWS 40

static uint64_t random_state = 1;

static uint32_t below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)((random_state >> 33) % n);
}

/* An interface of this id and this VPC. */
static void put(struct wire *w, uint32_t id, uint32_t vpc)
{
	struct wire row = { 0 };

	wire_number(&row, 1, id);
	wire_number(&row, 4, vpc);
	wire_text(&row, 90, "of a later version");
	wire_message(w, 1, &row);
}

static void put_cidr(struct wire *w, const char *prefix)
{
	struct wire row = { 0 };

	wire_text(&row, 1, prefix);
	wire_message(w, 4, &row);
}

static int compare(const struct wire *was, const struct wire *is, size_t max, struct wire *gone,
		   struct wire *changed)
{
	/* Copies whose ends are where memory ends. */
	struct weir_sync_bytes a = { malloc(was->n), was->n }, b = { malloc(is->n), is->n };
	struct weir_sync_bytes out, in;
	int rc;

	memcpy(a.v, was->v, a.n);
	memcpy(b.v, is->v, b.n);
	rc = weir_sync_platform_diff(&a, &b, max, &out, &in);
	CU_ASSERT_EQUAL_FATAL(rc == 0, out.v != NULL && in.v != NULL);
	gone->n = out.n;
	changed->n = in.n;
	if (rc == 0) {
		memcpy(gone->v, out.v, out.n);
		memcpy(changed->v, in.v, in.n);
	}
	free(out.v);
	free(in.v);
	free(a.v);
	free(b.v);
	return rc;
}

static bool equal(const struct wire *a, const struct wire *b)
{
	return a->n == b->n && memcmp(a->v, b->v, a->n) == 0;
}

/* Rows that change, come and go at random, 0 = there is none. */
static void test_what_differs_is_what_a_list_says(void)
{
	for (unsigned int round = 0; round < 500; round++) {
		struct wire was = { 0 }, is = { 0 }, gone, changed, left = { 0 }, come = { 0 };

		put_cidr(&was, "10.0.0.0/8");
		put_cidr(&is, "10.0.0.0/8");
		for (uint32_t id = 1; id <= ROWS; id++) {
			const uint32_t before = below(4);
			const uint32_t after = below(8) ? before : below(4);

			if (before != 0)
				put(&was, id, before);
			if (after != 0)
				put(&is, id, after);
			if (before != 0 && before != after)
				put(&left, id, before);
			if (after != 0 && before != after)
				put(&come, id, after);
		}
		CU_ASSERT_EQUAL_FATAL(compare(&was, &is, ROWS, &gone, &changed), 0);
		CU_ASSERT_TRUE_FATAL(equal(&gone, &left));
		CU_ASSERT_TRUE_FATAL(equal(&changed, &come));
	}
}

static void test_nothing_differs_of_the_same(void)
{
	struct wire was = { 0 }, gone, changed;

	put(&was, 1, 1);
	put(&was, 2, 2);
	CU_ASSERT_EQUAL(compare(&was, &was, 0, &gone, &changed), 0);
	CU_ASSERT_EQUAL(gone.n, 0);
	CU_ASSERT_EQUAL(changed.n, 0);
}

static void test_more_than_asked_for_is_no_difference(void)
{
	struct wire was = { 0 }, is = { 0 }, gone, changed;

	put(&was, 1, 1);
	put(&is, 1, 2);
	CU_ASSERT_EQUAL(compare(&was, &is, 1, &gone, &changed), -EXDEV);
	CU_ASSERT_EQUAL(compare(&was, &is, 2, &gone, &changed), 0);
}

static void test_rows_in_another_order_are_no_difference(void)
{
	struct wire was = { 0 }, is = { 0 }, gone, changed;

	put(&was, 1, 1);
	put(&was, 2, 1);
	put(&is, 2, 1);
	put(&is, 1, 1);
	CU_ASSERT_EQUAL(compare(&was, &is, ROWS, &gone, &changed), -EXDEV);
	put(&is, 1, 1);
	CU_ASSERT_EQUAL(compare(&was, &is, ROWS, &gone, &changed), -EXDEV);
}

static void test_another_cidr_is_no_difference_of_interfaces(void)
{
	struct wire was = { 0 }, is = { 0 }, gone, changed;

	put_cidr(&was, "10.0.0.0/8");
	put_cidr(&is, "10.0.0.0/9");
	CU_ASSERT_EQUAL(compare(&was, &is, ROWS, &gone, &changed), -EXDEV);
	is.n = 0;
	CU_ASSERT_EQUAL(compare(&was, &is, ROWS, &gone, &changed), -EXDEV);
}

static void test_every_cut_is_no_message_or_ends_with_a_row(void)
{
	struct wire was = { 0 }, is = { 0 }, gone, changed;
	size_t one;

	put(&was, 1, 1);
	one = was.n;
	put(&was, 2, 1);
	for (is = was; is.n > 0; is.n--) {
		const bool is_whole = is.n == was.n || is.n == one;

		CU_ASSERT_EQUAL(compare(&was, &is, ROWS, &gone, &changed), is_whole ? 0 : -EBADMSG);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "what differs is what a list says", test_what_differs_is_what_a_list_says },
		{ "nothing differs of the same", test_nothing_differs_of_the_same },
		{ "more than asked for is no difference",
		  test_more_than_asked_for_is_no_difference },
		{ "rows in another order are no difference",
		  test_rows_in_another_order_are_no_difference },
		{ "another CIDR is no difference of interfaces",
		  test_another_cidr_is_no_difference_of_interfaces },
		{ "every cut is no message, or ends with a row",
		  test_every_cut_is_no_message_or_ends_with_a_row },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("sync/diff", tests);
}
