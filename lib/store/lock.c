/* SPDX-License-Identifier: Apache-2.0 */
/* One writer a directory: a lock on the file `lock`, which says whose it is. It ends with its process. */
#include "store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int refused(int fd, const char *path, struct weir_err *err)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	if (n < 1)
		return weir_err_set(err, EBUSY, "%s: another process writes there", path);
	return weir_err_set(err, EBUSY,
			    "%s: process %ld writes there: stop it, or give another directory",
			    path, strtol(pid, NULL, 10));
}

static int take(int fd, const char *path, struct weir_err *err)
{
	char pid[16];
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK
			       ? refused(fd, path, err)
			       : weir_err_set(err, errno, "%s: %s", path, strerror(errno));
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		return weir_err_set(err, errno, "%s: %s", path, strerror(errno));
	return 0;
}

int store_lock(const char *dir, struct weir_err *err)
{
	char path[STORE_PATH_BYTES];
	int fd, rc;

	rc = store_path(path, dir, "lock", err);
	if (rc != 0)
		return rc;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return weir_err_set(err, errno, "%s: %s", path, strerror(errno));
	rc = take(fd, path, err);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

bool store_lock_is_there(int fd, const char *dir)
{
	char path[STORE_PATH_BYTES];
	struct stat at_path, held;

	return store_path(path, dir, "lock", NULL) == 0 && stat(path, &at_path) == 0 &&
	       fstat(fd, &held) == 0 && at_path.st_ino == held.st_ino &&
	       at_path.st_dev == held.st_dev;
}
