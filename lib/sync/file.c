/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: read within a bound, and written so that there is always the old or the new one. */
#include "sync_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, size_t most, char **text, size_t *len)
{
	size_t room = 0, n = 0;
	char *buf = NULL, *more;
	ssize_t got;

	do {
		if (n + 1 >= room) {
			room = room * 2 + 4096;
			more = realloc(buf, room);
			if (more == NULL)
				goto err_free;
			buf = more;
		}
		got = read(fd, buf + n, room - n - 1);
		if (got > 0)
			n += (size_t)got;
	} while ((got > 0 || (got < 0 && errno == EINTR)) && n <= most);
	if (got < 0 || n > most) {
		got = got < 0 ? -errno : -EFBIG;
		free(buf);
		return (int)got;
	}
	buf[n] = '\0';
	*text = buf;
	*len = n;
	return 0;

err_free:
	free(buf);
	return -ENOMEM;
}

int weir_sync_file_read(const char *path, size_t most, char **text, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : read_all(fd, most, text, len);

	if (fd >= 0)
		close(fd);
	return rc;
}

static int write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

/* A rename lasts once its folder is written. */
static int folder_sync(const char *path)
{
	char buf[PATH_MAX];
	int fd, rc;

	snprintf(buf, sizeof(buf), "%s", path);
	fd = open(dirname(buf), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return rc;
}

int weir_sync_file_write(const char *path, const void *bytes, size_t len)
{
	char tmp[PATH_MAX];
	int fd, rc;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.new", path) >= sizeof(tmp))
		return -ENAMETOOLONG;
	(void)unlink(tmp); /* whoever made it, and with whatever mode */
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, bytes, len);
	close(fd);
	if (rc == 0 && rename(tmp, path) != 0)
		rc = -errno;
	if (rc != 0)
		(void)unlink(tmp);
	return rc == 0 ? folder_sync(path) : rc;
}
