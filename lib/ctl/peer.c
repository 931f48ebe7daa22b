/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks. The kernel tells: the process' groups themselves, so that no name service is asked on the
 * loop's thread.
 */
#include "ctl_priv.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX 1024 /* who is in more of them is looked at by its first group only */

static bool in_group(int fd, const struct ucred *peer, gid_t gid)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (gid == (gid_t)-1)
		return false;
	if (peer->gid == gid)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == gid)
			return true;
	return false;
}

bool ctl_peer_may_ask(int fd, gid_t gid, struct weir_err *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
		weir_err_set(err, EPERM, "control socket: who asks is not known: %s",
			     strerror(errno));
		return false;
	}
	if (peer.uid == 0 || peer.uid == geteuid() || in_group(fd, &peer, gid))
		return true;
	weir_err_set(err, EPERM,
		     "control socket: user %u: may not ask this agent; root, the agent's own user "
		     "and members of the socket's group may",
		     peer.uid);
	return false;
}
