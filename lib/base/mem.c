/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of tables. Anonymous mappings, not the EAL's heap: the same code serves replay, tests and
 * a machine without reserved pages, and nothing is zeroed or touched before it is used.
 */
#include <weir_base.h>

#include <sys/mman.h>

#define HUGE_PAGE   ((size_t)2 << 20)
#define SMALL_FIRST ((size_t)32 << 20)

static size_t rounded(size_t bytes)
{
	return bytes < HUGE_PAGE ? bytes : (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

static void *map(size_t len, int flags)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1,
		       0);

	return p != MAP_FAILED ? p : NULL;
}

/*
 * Transparent pages need an aligned start: map more, cut both ends. The first part stays in small
 * pages: to zero a huge one takes up to 5 ms where the host of a virtual machine has to find it first,
 * and a table that is hardly used would pay that for nothing.
 */
static void *map_aligned(size_t len)
{
	uint8_t *p = map(len + HUGE_PAGE, MAP_NORESERVE), *aligned;

	if (p == NULL)
		return NULL;
	aligned = p + (-(uintptr_t)p & (HUGE_PAGE - 1));
	if (aligned > p)
		munmap(p, (size_t)(aligned - p));
	munmap(aligned + len, (size_t)(p + HUGE_PAGE - aligned));
	if (len > SMALL_FIRST)
		madvise(aligned + SMALL_FIRST, len - SMALL_FIRST, MADV_HUGEPAGE);
	return aligned;
}

void *weir_mem_map(size_t bytes)
{
	const size_t len = rounded(bytes);
	void *p;

	if (bytes < HUGE_PAGE)
		return map(len, MAP_NORESERVE);
	p = map(len, MAP_HUGETLB);
	return p != NULL ? p : map_aligned(len);
}

void weir_mem_back(void *p, size_t bytes)
{
	const uintptr_t from = (uintptr_t)p & ~(uintptr_t)4095;
	const size_t len = ((uintptr_t)p + bytes - from + 4095) & ~(size_t)4095;

	/* Neither has to work: an old kernel, no huge page free, reserved pages, which are huge already. */
	madvise((void *)from, len, MADV_HUGEPAGE);
	madvise((void *)from, len, MADV_POPULATE_WRITE);
}

void weir_mem_unmap(void *p, size_t bytes)
{
	if (p != NULL)
		munmap(p, rounded(bytes));
}
