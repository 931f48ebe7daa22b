/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded into a program: its first thread gets no memory for the n-th request from now on. n: eight bytes of the file
 * that NO_MEMORY names, which count down to 0 and then mean nothing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic long *left;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("NO_MEMORY");
	const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at = fd >= 0 ? mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
			   : MAP_FAILED;

	if (at != MAP_FAILED)
		left = at;
}

static bool refused(void)
{
	if (left == NULL || *left <= 0 || gettid() != getpid())
		return false;
	errno = ENOMEM;
	return --*left == 0;
}

void *malloc(size_t size)
{
	return refused() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return refused() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return refused() ? NULL : __libc_realloc(p, size);
}
