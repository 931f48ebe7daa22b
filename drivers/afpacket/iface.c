/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces by name, their types and states, and namespaces. */
#include "afpacket_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef ARPHRD_RAWIP
#define ARPHRD_RAWIP 519
#endif

/* Newer than the C library's list; Linux, include/uapi/linux/if_arp.h. */
#define TYPE_IP6GRE 823

static const struct {
	uint16_t type;
	uint8_t link;
	bool cooked; /* whether packets have this header depends on the driver and the direction */
} types[] = {
	{ ARPHRD_ETHER, WEIR_LINK_ETHER, false },
	{ ARPHRD_LOOPBACK, WEIR_LINK_ETHER, false },
	{ ARPHRD_IEEE80211, WEIR_LINK_80211, false },
	{ ARPHRD_IEEE80211_RADIOTAP, WEIR_LINK_RADIOTAP, false },
	{ ARPHRD_HDLC, WEIR_LINK_CHDLC, false },
	{ ARPHRD_NONE, WEIR_LINK_RAW, true }, /* tun, WireGuard */
	{ ARPHRD_RAWIP, WEIR_LINK_RAW, true },
	{ ARPHRD_PPP, WEIR_LINK_RAW, true },
	{ ARPHRD_SLIP, WEIR_LINK_RAW, true },
	{ ARPHRD_TUNNEL, WEIR_LINK_RAW, true },
	{ ARPHRD_TUNNEL6, WEIR_LINK_RAW, true },
	{ ARPHRD_SIT, WEIR_LINK_RAW, true },
	{ ARPHRD_IPGRE, WEIR_LINK_RAW, true },
	{ TYPE_IP6GRE, WEIR_LINK_RAW, true },
};

enum weir_link weir_afpacket_iface_type(uint16_t type, bool *cooked)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(types); i++)
		if (types[i].type == type) {
			*cooked = types[i].cooked;
			return types[i].link;
		}
	*cooked = false;
	return WEIR_LINK_UNKNOWN;
}

int weir_afpacket_netns_enter(const char *path, int *back, struct weir_err *err)
{
	int to, code;

	*back = -1;
	if (path == NULL)
		return 0;
	to = open(path, O_RDONLY | O_CLOEXEC);
	if (to < 0 && errno == EACCES && strncmp(path, "/proc/", 6) == 0)
		return weir_err_set(err, errno,
				    "network namespace %s: not permitted: the program needs "
				    "CAP_SYS_PTRACE to look at a process of another user",
				    path);
	if (to < 0)
		return weir_err_set(err, errno,
				    "network namespace %s: %s; those with a name are in /run/netns",
				    path, strerror(errno));
	*back = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (*back >= 0 && setns(to, CLONE_NEWNET) == 0) {
		close(to);
		return 0;
	}
	code = errno;
	close(to);
	if (*back >= 0)
		close(*back);
	*back = -1;
	if (code == EPERM)
		return weir_err_set(err, code,
				    "network namespace %s: not permitted: the program needs "
				    "CAP_SYS_ADMIN to go there",
				    path);
	return weir_err_set(err, code, "network namespace %s: %s", path, strerror(code));
}

void weir_afpacket_netns_leave(int back)
{
	if (back < 0)
		return;
	/* Whoever could leave a namespace can return to it. */
	if (setns(back, CLONE_NEWNET) != 0)
		weir_log(WEIR_LOG_ERR, "network namespace: no way back: %s", strerror(errno));
	close(back);
}

/* "eth0, lo and 7 more"; never longer than `size`. */
static void names_of_all(char *buf, size_t size)
{
	struct if_nameindex *all = if_nameindex();
	size_t len = 0, more = 0;

	snprintf(buf, size, "none");
	for (size_t i = 0; all != NULL && all[i].if_index != 0; i++)
		if (len + IF_NAMESIZE + 32 > size)
			more++;
		else
			len += (size_t)snprintf(buf + len, size - len, "%s%s", i > 0 ? ", " : "",
						all[i].if_name);
	if (more > 0)
		snprintf(buf + len, size - len, " and %zu more", more);
	if (all != NULL)
		if_freenameindex(all);
}

static int ask(int fd, unsigned long what, struct ifreq *req)
{
	return ioctl(fd, what, req) == 0 ? 0 : -errno;
}

int weir_afpacket_iface_find(const char *name, struct weir_afpacket_iface *iface,
			     struct weir_err *err)
{
	struct ifreq index = { 0 }, type, flags;
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char names[320];
	int rc;

	if (fd < 0)
		return weir_err_set(err, errno, "interface %s: no socket: %s", name,
				    strerror(errno));
	snprintf(index.ifr_name, sizeof(index.ifr_name), "%s", name);
	type = flags = index;
	rc = ask(fd, SIOCGIFINDEX, &index);
	if (rc == 0)
		rc = ask(fd, SIOCGIFHWADDR, &type);
	if (rc == 0)
		rc = ask(fd, SIOCGIFFLAGS, &flags);
	close(fd);
	if (rc == -ENODEV) {
		names_of_all(names, sizeof(names));
		return weir_err_set(err, ENODEV, "interface %s: not there; there are: %s", name,
				    names);
	}
	if (rc != 0)
		return weir_err_set(err, -rc, "interface %s: %s", name, strerror(-rc));
	iface->index = index.ifr_ifindex;
	iface->type = type.ifr_hwaddr.sa_family;
	iface->is_up = (flags.ifr_flags & IFF_UP) != 0;
	return 0;
}

/* By the name it has now: it may have got another one. */
enum weir_afpacket_link weir_afpacket_iface_link(int fd, int index)
{
	const short up = IFF_UP | IFF_RUNNING;
	struct ifreq req = { .ifr_ifindex = index };

	if (ask(fd, SIOCGIFNAME, &req) != 0 || ask(fd, SIOCGIFFLAGS, &req) != 0)
		return WEIR_AFPACKET_GONE;
	return (req.ifr_flags & up) == up ? WEIR_AFPACKET_UP : WEIR_AFPACKET_DOWN;
}
