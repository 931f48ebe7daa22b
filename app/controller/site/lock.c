/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "lock"

static int taken(const char *dir, int fd, struct weir_err *err)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	return weir_err_set(err, EBUSY,
			    "%s: another controller (process %s) has this state: stop it, or give "
			    "this one a state of its own with --state",
			    dir, pid[0] != '\0' ? pid : "unknown");
}

/* For people only: that it holds is the kernel's word. */
static void sign(int fd)
{
	char pid[16];
	int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		return; /* a full disk */
}

int site_give(int fd, const char *dir)
{
	struct stat owner, own;

	if (stat(dir, &owner) != 0 || fstat(fd, &own) != 0)
		return -errno;
	if (owner.st_uid == own.st_uid || geteuid() != 0)
		return 0;
	return fchown(fd, owner.st_uid, owner.st_gid) == 0 ? 0 : -errno;
}

int site_lock(const char *dir, struct weir_err *err)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/" NAME, dir) >= (int)sizeof(path))
		return weir_err_set(err, ENAMETOOLONG, "%s: the path is too long", dir);
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return weir_err_set(err, errno, "%s: the state's directory cannot be made: %s", dir,
				    strerror(errno));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return weir_err_set(err, errno,
				    "%s: %s: it must be a directory that this user may write to",
				    path, strerror(errno));
	(void)site_give(fd, dir); /* else who cannot open it will say so */
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int rc = taken(dir, fd, err);

		close(fd);
		return rc;
	}
	sign(fd);
	return fd;
}
