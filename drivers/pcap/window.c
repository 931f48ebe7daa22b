/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows: pieces of plain files, mapped, so that frames point straight into the page cache.
 *
 * Where the file got shorter or the disk fails, looking at a page of a window is a SIGBUS, for whichever
 * thread does it. The handler here lays a page of zeros in its place and notes at the reader of that
 * file the first byte lost; who looked sees zeros, and the reader ends the file as damaged. A SIGBUS of
 * anything else goes to the handler that was there before. mmap() is on no list of what a handler
 * may call, but on Linux it is a bare system call; systemd's journal does the same.
 *
 * All windows of a pool lie in one piece of address space, so the handler finds them by arithmetic. It
 * reads no list that could change meanwhile: the pool whose page is looked at cannot go away.
 */
#include "pcap_priv.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define POOLS_MAX   16
#define ARENA_BYTES (WINDOWS_MAX * WINDOW_BYTES)

static struct {
	_Atomic uintptr_t begin; /* of its windows; 0 = free */
	struct weir_pcap_pool *pool;
} arenas[POOLS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of these, but for the handler: */
static unsigned int n_arenas;
static struct sigaction before;
static size_t page_bytes;

static bool lay_zeros(struct weir_pcap_pool *pool, size_t off)
{
	const struct weir_pcap_block *b = &pool->blocks[off / WINDOW_BYTES];
	const uint64_t lost = b->begin + off % WINDOW_BYTES;
	uint64_t known = atomic_load_explicit(&b->owner->torn, memory_order_relaxed);

	/* cppcheck-suppress invalidFunctionArg ; anonymous memory has no file */
	if (mmap(pool->base + off, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) == MAP_FAILED)
		return false;
	while (lost < known &&
	       !atomic_compare_exchange_weak_explicit(&b->owner->torn, &known, lost,
						      memory_order_relaxed, memory_order_relaxed))
		;
	return true;
}

static bool mend(uintptr_t at)
{
	for (size_t i = 0; i < POOLS_MAX; i++) {
		/* Acquire: pairs with weir_pcap_windows_init(). */
		const uintptr_t begin = atomic_load_explicit(&arenas[i].begin,
							     memory_order_acquire);

		if (begin != 0 && at - begin < ARENA_BYTES)
			return lay_zeros(arenas[i].pool, (at - begin) & ~(page_bytes - 1));
	}
	return false;
}

static void pass_on(int sig, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(sig, info, context);
	} else if (before.sa_handler == SIG_DFL) {
		sigaction(sig, &before, NULL);
		raise(sig); /* delivered when this handler returns, to where it came from */
	} else if (before.sa_handler == SIG_IGN) {
		if (info->si_code > 0) /* the kernel does not let a fault be ignored */
			sigaction(sig, &before, NULL);
	} else {
		before.sa_handler(sig);
	}
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	const int code = errno;

	/* Not above 0: sent by someone, without an address. */
	if (info->si_code <= 0 || !mend((uintptr_t)info->si_addr))
		pass_on(sig, info, context);
	errno = code;
}

static void handler_install(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, &before);
}

/* Whoever has put a handler over this one keeps it. */
static void handler_remove(void)
{
	struct sigaction now;

	sigaction(SIGBUS, NULL, &now);
	if (now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_sigbus)
		sigaction(SIGBUS, &before, NULL);
}

int weir_pcap_windows_init(struct weir_pcap_pool *pool)
{
	int rc = weir_pcap_pool_init(pool, WINDOWS_MAX, WINDOW_BYTES, PROT_NONE);
	size_t i = 0;

	if (rc != 0)
		return rc;
	pthread_mutex_lock(&lock);
	while (i < POOLS_MAX && atomic_load_explicit(&arenas[i].begin, memory_order_relaxed) != 0)
		i++;
	if (i < POOLS_MAX) {
		if (n_arenas++ == 0)
			handler_install();
		arenas[i].pool = pool;
		/* Release: pairs with mend(). */
		atomic_store_explicit(&arenas[i].begin, (uintptr_t)pool->base,
				      memory_order_release);
	}
	pthread_mutex_unlock(&lock);
	if (i == POOLS_MAX) {
		weir_pcap_pool_fini(pool);
		return -ENOSPC;
	}
	return 0;
}

void weir_pcap_windows_fini(struct weir_pcap_pool *pool)
{
	if (pool->base == NULL)
		return;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < POOLS_MAX; i++)
		if (atomic_load_explicit(&arenas[i].begin, memory_order_relaxed) ==
		    (uintptr_t)pool->base)
			atomic_store_explicit(&arenas[i].begin, 0, memory_order_relaxed);
	if (--n_arenas == 0)
		handler_remove();
	pthread_mutex_unlock(&lock);
	weir_pcap_pool_fini(pool);
}

bool weir_pcap_window_fits(int fd)
{
	void *p = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, 1);
	return true;
}

int weir_pcap_window_map(struct weir_pcap_block *b, struct weir_pcap_reader *owner, uint64_t begin)
{
	const int none = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
	int code;

	if (mmap(b->data, WINDOW_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED, owner->in.fd,
		 (off_t)begin) == MAP_FAILED) {
		code = errno;
		/* cppcheck-suppress invalidFunctionArg ; anonymous memory has no file */
		(void)mmap(b->data, WINDOW_BYTES, PROT_NONE, none, -1, 0); /* may be a hole now */
		return -code;
	}
	madvise(b->data, WINDOW_BYTES, MADV_SEQUENTIAL);
	b->owner = owner;
	b->begin = begin;
	return 0;
}
