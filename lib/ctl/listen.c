/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket as a file. One whose agent was killed stays behind and is replaced. Who looks whether it is
 * dead and then replaces it holds a lock on the folder, so that two agents that start at once do not
 * take each other's away.
 */
#include "ctl_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

static int address_of(struct sockaddr_un *to, const char *path, struct weir_err *err)
{
	size_t len = strlen(path);

	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len == 0 || len >= sizeof(to->sun_path))
		return weir_err_set(err, EINVAL,
				    "control socket: %s: a path of 1 to %zu bytes is needed", path,
				    sizeof(to->sun_path) - 1);
	memcpy(to->sun_path, path, len + 1);
	return 0;
}

/* The folder of `path`, made where it is missing, locked until it is closed. */
static int lock_folder(const char *path, struct weir_err *err)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *folder;
	int fd;

	memcpy(copy, path, strlen(path) + 1);
	folder = dirname(copy);
	if (mkdir(folder, 0755) != 0 && errno != EEXIST)
		return weir_err_set(err, errno, "control socket: %s: cannot make this folder: %s",
				    folder, strerror(errno));
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) != 0) {
		weir_err_set(err, errno, "control socket: %s: cannot lock this folder: %s", folder,
			     strerror(errno));
		if (fd >= 0)
			close(fd);
		return -err->code;
	}
	return fd;
}

/* Somebody listens: true, with its pid. */
static bool is_alive(const struct sockaddr_un *at, pid_t *pid)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	bool alive;

	if (fd < 0)
		return true; /* not known: leave it */
	alive = connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 || errno != ECONNREFUSED;
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	*pid = peer.pid;
	close(fd);
	return alive;
}

/* Make way at `path` for a socket: nothing there, or one that is dead. */
static int make_way(const struct sockaddr_un *at, struct weir_err *err)
{
	const char *path = at->sun_path;
	struct stat st;
	pid_t pid = 0;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0
				       : weir_err_set(err, errno, "control socket: %s: %s", path,
						      strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return weir_err_set(err, EEXIST,
				    "control socket: %s: is there and is no socket: move it away, "
				    "or set control.socket",
				    path);
	if (is_alive(at, &pid))
		return weir_err_set(err, EADDRINUSE,
				    "control socket: %s: another agent listens here (pid %d): stop "
				    "it, or set control.socket",
				    path, (int)pid);
	if (unlink(path) != 0)
		return weir_err_set(err, errno,
				    "control socket: %s: cannot remove what a dead agent left: %s",
				    path, strerror(errno));
	return 0;
}

/* Nobody may connect before the group is set: the file takes the descriptor's mode. */
static int bind_listen(int fd, const struct sockaddr_un *at, struct weir_err *err)
{
	if (fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)at, sizeof(*at)) != 0 ||
	    listen(fd, BACKLOG) != 0)
		return weir_err_set(err, errno, "control socket: %s: cannot listen there: %s",
				    at->sun_path, strerror(errno));
	return 0;
}

/* What does not work leaves the socket to root and the own user, and is said. */
static gid_t open_to_group(const char *path, const char *group)
{
	const struct group *g = group != NULL && group[0] != '\0' ? getgrnam(group) : NULL;

	if (g == NULL) {
		if (group != NULL && group[0] != '\0' && strcmp(group, WEIR_CTL_GROUP) != 0)
			weir_log(WEIR_LOG_WARN,
				 "control socket: group %s: does not exist; only root and this "
				 "user may ask",
				 group);
		return (gid_t)-1;
	}
	if (lchown(path, (uid_t)-1, g->gr_gid) != 0 || chmod(path, 0660) != 0) {
		weir_log(WEIR_LOG_WARN,
			 "control socket: %s: cannot be given to group %s (%s); only root and this "
			 "user may ask: start as root, or as a member of it",
			 path, group, strerror(errno));
		return (gid_t)-1;
	}
	return g->gr_gid;
}

static int listen_at(struct ctl_socket *s, const struct sockaddr_un *at, struct weir_err *err)
{
	struct stat st;
	int rc = make_way(at, err);

	if (rc != 0)
		return rc;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return weir_err_set(err, errno, "control socket: %s", strerror(errno));
	rc = bind_listen(s->fd, at, err);
	if (rc == 0 && lstat(at->sun_path, &st) != 0)
		rc = weir_err_set(err, errno, "control socket: %s: %s", at->sun_path,
				  strerror(errno));
	if (rc != 0) {
		close(s->fd);
		return rc;
	}
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

int ctl_socket_listen(struct ctl_socket *s, const char *path, const char *group,
		      struct weir_err *err)
{
	struct weir_err mine = { 0 }; /* lock_folder() reads it */
	struct sockaddr_un at;
	int lock = -1, rc;

	s->path = NULL;
	rc = address_of(&at, path, &mine);
	if (rc == 0)
		rc = lock = lock_folder(path, &mine);
	if (rc >= 0)
		rc = listen_at(s, &at, &mine);
	if (lock >= 0)
		close(lock);
	if (rc < 0)
		return weir_err_set(err, mine.code, "%s", mine.msg);
	s->gid = open_to_group(path, group);
	s->path = strdup(path);
	return 0;
}

void ctl_socket_remove(struct ctl_socket *s)
{
	struct stat st;

	if (s->path != NULL && lstat(s->path, &st) == 0 && st.st_dev == s->dev &&
	    st.st_ino == s->ino)
		unlink(s->path);
	free(s->path);
	s->path = NULL;
}
