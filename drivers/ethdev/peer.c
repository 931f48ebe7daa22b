/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* 0 when somebody listens there, else -errno. */
static int try_connect(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EAGAIN)
		rc = -errno;
	close(fd);
	return rc;
}

int peer_path_clear(const char *device, const char *path, struct weir_err *err)
{
	struct sockaddr_un fits;
	struct stat st;
	int rc;

	if (strlen(path) >= sizeof(fits.sun_path))
		return weir_err_set(err, ENAMETOOLONG,
				    "%s: %s: a socket's path has at most %zu bytes", device, path,
				    sizeof(fits.sun_path) - 1);
	if (lstat(path, &st) != 0)
		return 0; /* nothing there, or the driver will say what is wrong */
	if (!S_ISSOCK(st.st_mode))
		return weir_err_set(
			err, EADDRINUSE,
			"%s: %s is there and no socket: remove it, or take another path", device,
			path);
	rc = try_connect(path);
	if (rc == 0)
		return weir_err_set(err, EADDRINUSE,
				    "%s: %s: another program listens there: stop it, take another "
				    "path, or be its client",
				    device, path);
	if (rc == -ECONNREFUSED)
		unlink(path);
	return 0;
}

static bool is_at(const struct sockaddr_un *a, socklen_t len, const char *path)
{
	return len > sizeof(a->sun_family) && a->sun_family == AF_UNIX &&
	       strncmp(a->sun_path, path, sizeof(a->sun_path)) == 0;
}

static void give_up(int fd, const char *path)
{
	struct sockaddr_un own = { 0 }, other = { 0 };
	socklen_t own_len = sizeof(own), other_len = sizeof(other);

	if (getsockname(fd, (struct sockaddr *)&own, &own_len) != 0)
		return;
	if (getpeername(fd, (struct sockaddr *)&other, &other_len) != 0)
		other_len = 0;
	if (is_at(&own, own_len, path) || is_at(&other, other_len, path))
		shutdown(fd, SHUT_RDWR);
}

/* shutdown() ends accept() and read() of a Unix socket, also where its file is gone. */
void peer_give_up(const char *path)
{
	DIR *d = opendir("/proc/self/fd");
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			give_up(atoi(e->d_name), path);
	if (d != NULL)
		closedir(d);
}
