/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that is full, for this process alone. */
#ifndef FULL_DISK_TEST_H
#define FULL_DISK_TEST_H

#include "weir_test.h"

#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>

/* Files of this process end at `bytes`; 0 = anywhere. */
static inline void room_for(uint64_t bytes)
{
	struct rlimit l;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &l);
	l.rlim_cur = bytes != 0 ? bytes : l.rlim_max;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &l), 0);
}

#endif
