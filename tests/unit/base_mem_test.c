/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_test.h"

#include <weir_base.h>

#include <sys/mman.h>
#include <unistd.h>

#define BYTES ((size_t)40 << 20) /* more than its small pages at the beginning */

/* Pages of a mapping that are there: mincore(2). */
static size_t resident(void *p, size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	static unsigned char in[BYTES / 4096 + 1];
	size_t n = 0;

	CU_ASSERT_EQUAL_FATAL(mincore(p, bytes, in), 0);
	for (size_t i = 0; i < bytes / page; i++)
		n += in[i] & 1;
	return n;
}

static void test_mapped_memory_is_zero_and_not_there_until_it_is_touched(void)
{
	uint8_t *p = weir_mem_map(BYTES);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(resident(p, BYTES), 0);
	for (size_t i = 0; i < BYTES; i += 4096)
		CU_ASSERT_EQUAL(p[i], 0);
	weir_mem_unmap(p, BYTES);
}

static void test_backed_memory_is_there_and_keeps_what_it_holds(void)
{
	uint8_t *p = weir_mem_map(BYTES);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	p[0] = 1;
	p[BYTES / 2] = 2;
	p[BYTES - 1] = 3;
	weir_mem_back(p, BYTES);
	CU_ASSERT_EQUAL(resident(p, BYTES), BYTES / (size_t)sysconf(_SC_PAGESIZE));
	CU_ASSERT_EQUAL(p[0], 1);
	CU_ASSERT_EQUAL(p[BYTES / 2], 2);
	CU_ASSERT_EQUAL(p[BYTES - 1], 3);
	CU_ASSERT_EQUAL(p[BYTES / 4], 0);
	weir_mem_unmap(p, BYTES);
}

static void test_only_the_part_asked_for_is_backed(void)
{
	uint8_t *p = weir_mem_map(BYTES);
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	weir_mem_back(p + page + 10, 1);
	CU_ASSERT_EQUAL(resident(p + page, page), 1);
	CU_ASSERT_EQUAL(resident(p + BYTES - page, page), 0);
	weir_mem_unmap(p, BYTES);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "mapped memory is zero, and not there until it is touched",
		  test_mapped_memory_is_zero_and_not_there_until_it_is_touched },
		{ "backed memory is there and keeps what it holds",
		  test_backed_memory_is_there_and_keeps_what_it_holds },
		{ "only the part asked for is backed", test_only_the_part_asked_for_is_backed },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("base/mem", tests);
}
