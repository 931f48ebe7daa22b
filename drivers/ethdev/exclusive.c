/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host uses an interface for: rtnetlink(7) for masters and for what lies on top, getifaddrs(3) for addresses,
 * proc(5) for default routes.
 */
#include "driver.h"
#include "ethdev_priv.h"
#include "weir_source_ethdev.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ON_TOP_MOST 4 /* VLANs in VLANs */

struct iface {
	int index, master, lower; /* 0 = none */
	char name[IF_NAMESIZE];
};

struct ifaces {
	struct iface *list;
	size_t n, room;
};

/* The macros of rtnetlink(3) know no const. */
static int keep(struct ifaces *all, struct nlmsghdr *h)
{
	struct ifinfomsg *info = NLMSG_DATA(h);
	int left = (int)IFLA_PAYLOAD(h);
	bool elsewhere = false;
	struct iface *i;

	if (all->n == all->room) {
		const size_t room = 2 * all->room + 64;
		struct iface *more = realloc(all->list, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		all->list = more;
		all->room = room;
	}
	i = &all->list[all->n++];
	*i = (struct iface){ .index = info->ifi_index };
	for (struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_IFNAME)
			snprintf(i->name, sizeof(i->name), "%s", (const char *)RTA_DATA(a));
		else if (a->rta_type == IFLA_MASTER)
			i->master = *(const int *)RTA_DATA(a);
		else if (a->rta_type == IFLA_LINK)
			i->lower = *(const int *)RTA_DATA(a);
		else if (a->rta_type == IFLA_LINK_NETNSID)
			elsewhere = true;
	}
	if (elsewhere || i->lower == i->index)
		i->lower = 0; /* the other end of a veth pair, in another namespace; loopback */
	return 0;
}

/* 1 = the answer goes on. */
static int take_answer(struct ifaces *all, char *answer, size_t len)
{
	int left = (int)len, rc = 0;

	for (struct nlmsghdr *h = (void *)answer; NLMSG_OK(h, (unsigned int)left);
	     h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
		if (h->nlmsg_type == RTM_NEWLINK)
			rc = keep(all, h);
		if (rc != 0)
			return rc;
	}
	return 1;
}

static int ifaces_list(struct ifaces *all)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
	} ask = { .head = { .nlmsg_len = sizeof(ask),
			    .nlmsg_type = RTM_GETLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	_Alignas(struct nlmsghdr) char answer[32768];
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int rc = 1;

	if (fd < 0)
		return -errno;
	if (send(fd, &ask, sizeof(ask), 0) < 0)
		rc = -errno;
	while (rc == 1) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);

		rc = n < 0 ? -errno : take_answer(all, answer, (size_t)n);
	}
	close(fd);
	return rc;
}

static const struct iface *of_name(const struct ifaces *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->list[i].name, name) == 0)
			return &all->list[i];
	return NULL;
}

static const char *name_of(const struct ifaces *all, int index)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].index == index)
			return all->list[i].name;
	return "another interface";
}

/* Somebody gave it one: fe80:: every IPv6 interface gives itself. */
static bool has_address(const char *name, char *text, size_t size)
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (getifaddrs(&all) != 0)
		return false;
	for (const struct ifaddrs *a = all; a != NULL && !found; a = a->ifa_next) {
		const struct sockaddr_in6 *v6 = (const void *)a->ifa_addr;
		const struct sockaddr_in *v4 = (const void *)a->ifa_addr;

		if (a->ifa_addr == NULL || strcmp(a->ifa_name, name) != 0)
			continue;
		if (a->ifa_addr->sa_family == AF_INET)
			found = inet_ntop(AF_INET, &v4->sin_addr, text, (socklen_t)size) != NULL;
		else if (a->ifa_addr->sa_family == AF_INET6 &&
			 !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
			found = inet_ntop(AF_INET6, &v6->sin6_addr, text, (socklen_t)size) != NULL;
	}
	freeifaddrs(all);
	return found;
}

static bool is_default_route(const char *line, bool v6, char *name)
{
	char zeros[33];
	unsigned int to, mask;

	if (!v6)
		return sscanf(line, "%15s %8x %*x %*x %*d %*d %*d %8x", name, &to, &mask) == 3 &&
		       to == 0 && mask == 0;
	return sscanf(line, "%32s %2x %*s %*s %*s %*s %*s %*s %*s %15s", zeros, &mask, name) == 3 &&
	       strspn(zeros, "0") == 32 && mask == 0;
}

static bool has_default_route(const char *name)
{
	static const char *const paths[] = { "/proc/thread-self/net/route",
					     "/proc/thread-self/net/ipv6_route" };
	char line[256], route[IF_NAMESIZE];
	bool found = false;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(paths); i++) {
		FILE *f = fopen(paths[i], "re");

		while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
			found = is_default_route(line, i == 1, route) && strcmp(route, name) == 0;
		if (f != NULL)
			fclose(f);
	}
	return found;
}

static bool is_used(const struct ifaces *all, const struct iface *i, char *why, size_t size)
{
	char address[INET6_ADDRSTRLEN];

	if (has_address(i->name, address, sizeof(address)))
		snprintf(why, size, "%s carries %s", i->name, address);
	else if (has_default_route(i->name))
		snprintf(why, size, "%s has the default route", i->name);
	else if (i->master != 0)
		snprintf(why, size, "%s belongs to %s", i->name, name_of(all, i->master));
	else
		return false;
	return true;
}

/* The two ends of a veth pair are each other's lower interface: neither is on top. */
static bool is_on_top(const struct iface *upper, const struct iface *lower)
{
	return upper->lower == lower->index && lower->lower != upper->index;
}

/* It, or what gets its packets through it. */
static bool is_used_below(const struct ifaces *all, const struct iface *i, unsigned int depth,
			  char *why, size_t size) // NOLINT(misc-no-recursion): ON_TOP_MOST
{
	if (is_used(all, i, why, size))
		return true;
	for (size_t j = 0; j < all->n && depth < ON_TOP_MOST; j++)
		if (is_on_top(&all->list[j], i) &&
		    is_used_below(all, &all->list[j], depth + 1, why, size))
			return true;
	return false;
}

static int host_uses(const char *device, const char *interface, struct weir_err *err)
{
	struct ifaces all = { 0 };
	const struct iface *i;
	char why[128];
	int rc = ifaces_list(&all);

	if (rc != 0)
		weir_err_set(err, -rc, "%s: the kernel does not list its interfaces: %s", device,
			     strerror(-rc));
	i = rc == 0 ? of_name(&all, interface) : NULL;
	if (i != NULL && is_used_below(&all, i, 0, why, sizeof(why)))
		rc = weir_err_set(
			err, EBUSY,
			"%s takes the packets of %s away from this host, and %s: name the "
			"interface itself (\"%s\") to share it, or say exclusive = true",
			device, interface, why, interface);
	free(all.list);
	return rc;
}

/* The interfaces in a folder "net". */
static int host_uses_any(const char *device, const char *folder, struct weir_err *err)
{
	DIR *d = opendir(folder);
	const struct dirent *e;
	int rc = 0;

	while (d != NULL && rc == 0 && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			rc = host_uses(device, e->d_name, err);
	if (d != NULL)
		closedir(d);
	return rc;
}

/* A card of virtio has its interface one folder further down. */
int pci_host_uses(const char *devices, const char *address, struct weir_err *err)
{
	char path[300];
	const struct dirent *e;
	DIR *d;
	int rc;

	snprintf(path, sizeof(path), "%s/%s/net", devices, address);
	rc = host_uses_any(address, path, err);
	snprintf(path, sizeof(path), "%s/%s", devices, address);
	d = opendir(path);
	while (d != NULL && rc == 0 && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, "virtio", 6) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s/%.32s/net", devices, address, e->d_name);
		rc = host_uses_any(address, path, err);
	}
	if (d != NULL)
		closedir(d);
	return rc;
}

int weir_ethdev_host_uses(const char *device, struct weir_err *err)
{
	char name[64], interface[IF_NAMESIZE];
	const char *comma = strchr(device, ',');

	snprintf(name, sizeof(name), "%.*s",
		 (int)(comma != NULL ? (size_t)(comma - device) : strlen(device)), device);
	if (strncmp(name, "net_", 4) != 0)
		return pci_host_uses("/sys/bus/pci/devices", name, err);
	if (!driver_find(name)->takes_interface || comma == NULL ||
	    !arg_get(comma + 1, "iface", interface, sizeof(interface)))
		return 0;
	return host_uses(name, interface, err);
}
