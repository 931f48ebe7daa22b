/* SPDX-License-Identifier: Apache-2.0 */
/* Journald: is it at standard error, and a socket to it. */
#include "log_priv.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int fd = -1;
static struct sockaddr_un addr;

/* systemd.exec(5): device and inode of the stream, decimal, with a colon between. */
bool weir_log_is_journal(const char *stream)
{
	unsigned long long dev, ino;
	struct stat st;
	int end = 0;

	if (stream == NULL || sscanf(stream, "%llu:%llu%n", &dev, &ino, &end) != 2 ||
	    stream[end] != '\0' || fstat(STDERR_FILENO, &st) < 0)
		return false;
	return st.st_dev == dev && st.st_ino == ino;
}

/* The address goes with each message, so that a journald which starts again is found again. */
int weir_log_journal_open(const char *path)
{
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	if (access(path, W_OK) < 0)
		return -errno;
	if (fd >= 0) /* others may be using it */
		return 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	addr.sun_family = AF_UNIX;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	return 0;
}

bool weir_log_journal_send(const char *fields, size_t n)
{
	ssize_t sent;

	do
		sent = sendto(fd, fields, n, MSG_DONTWAIT | MSG_NOSIGNAL,
			      (const struct sockaddr *)&addr, sizeof(addr));
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)n;
}
