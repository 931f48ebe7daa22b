/* SPDX-License-Identifier: Apache-2.0 */
/* One controller a state: the lock is the kernel's, so it ends with the process, however that ends. */
#ifndef LOCK_H
#define LOCK_H

#include <weir_base.h>

/* The directory made where it is not there, and locked: a descriptor to be closed; -errno, EBUSY: who has it. */
int site_lock(const char *dir, struct weir_err *err);

/* What root makes in a state of somebody else's is that user's. 0 or -errno. */
int site_give(int fd, const char *dir);

#endif
