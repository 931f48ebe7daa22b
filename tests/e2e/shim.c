/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Put before libc by LD_PRELOAD, for tests of the running agent: hours that pass in seconds, and a disk that hangs.
 * The agent knows nothing of it.
 *
 *   SHIM_HOURS=FILE   8 bytes, int64: nanoseconds that the monotonic clock is ahead
 *   SHIM_DISK=FILE    fsync() does not return while this file is there
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NS INT64_C(1000000000)

int clock_gettime(clockid_t clock, struct timespec *to);
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
			   const struct timespec *until);
int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t clock,
			   const struct timespec *until);
int fsync(int fd);

static const volatile int64_t *ahead;
static const char *disk;
static int (*real_clock)(clockid_t, struct timespec *);
static int (*real_wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*real_clockwait)(pthread_cond_t *, pthread_mutex_t *, clockid_t,
			     const struct timespec *);
static int (*real_fsync)(int);

__attribute__((constructor)) static void find(void)
{
	const char *hours = getenv("SHIM_HOURS");
	const int fd = hours != NULL ? open(hours, O_RDONLY | O_CLOEXEC) : -1;
	void *p = fd >= 0 ? mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

	disk = getenv("SHIM_DISK");
	ahead = p != MAP_FAILED ? p : NULL;
	*(void **)&real_clock = dlsym(RTLD_NEXT, "clock_gettime");
	*(void **)&real_wait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
	*(void **)&real_clockwait = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
	*(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
}

static void add(struct timespec *t, int64_t ns)
{
	const int64_t sum = t->tv_sec * NS + t->tv_nsec + ns;

	t->tv_sec = sum / NS;
	t->tv_nsec = sum % NS;
}

int clock_gettime(clockid_t clock, struct timespec *to)
{
	int rc;

	if (real_clock == NULL) /* somebody's constructor, before ours */
		find();
	rc = real_clock(clock, to);
	if (rc == 0 && ahead != NULL &&
	    (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE ||
	     clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_BOOTTIME))
		add(to, *ahead);
	return rc;
}

/* A time of the kernel's clock: what a thread waits for is of the one we show. Years tell it from the wall clock. */
static struct timespec kernel_time(const struct timespec *until)
{
	struct timespec t = *until;

	if (ahead != NULL && t.tv_sec < NS)
		add(&t, -*ahead);
	return t;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
			   const struct timespec *until)
{
	const struct timespec t = kernel_time(until);

	return real_wait(cond, lock, &t);
}

int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t clock,
			   const struct timespec *until)
{
	const struct timespec t = kernel_time(until);

	return real_clockwait(cond, lock, clock, &t);
}

int fsync(int fd)
{
	while (disk != NULL && access(disk, F_OK) == 0)
		usleep(10000);
	return real_fsync(fd);
}
