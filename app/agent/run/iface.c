/* SPDX-License-Identifier: Apache-2.0 */
#include "iface.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

static bool is_default_route(const char *line, bool v6, char *name)
{
	unsigned int prefix;

	/* proc(5); a route of last resort to nowhere goes out by lo and is not one. */
	if (v6)
		return sscanf(line, "%*32[0-9a-f] %2x %*s %*s %*s %*s %*s %*s %*s %15s", &prefix,
			      name) == 2 &&
		       strncmp(line, "00000000000000000000000000000000", 32) == 0 && prefix == 0;
	return sscanf(line, "%15s %8x %*s %*s %*s %*s %*s %*8x", name, &prefix) == 2 && prefix == 0;
}

static void mark_routes(struct iface *list, int n, const char *path, bool v6)
{
	char line[256], name[IF_NAMESIZE];
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (!is_default_route(line, v6, name))
			continue;
		for (int i = 0; i < n; i++)
			if (!list[i].loopback && strcmp(list[i].name, name) == 0)
				list[i].route = true;
	}
	fclose(f);
}

static bool was_given(const struct sockaddr *a)
{
	if (a == NULL)
		return false;
	if (a->sa_family == AF_INET)
		return true;
	return a->sa_family == AF_INET6 &&
	       !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static void look_at_sysfs(struct iface *i)
{
	char path[96], target[256];
	const char *name;
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device", i->name);
	i->hardware = access(path, F_OK) == 0;
	snprintf(path, sizeof(path), "/sys/class/net/%s/master", i->name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len <= 0)
		return;
	target[len] = '\0';
	name = strrchr(target, '/');
	snprintf(i->master, sizeof(i->master), "%.15s", name != NULL ? name + 1 : target);
}

static struct iface *of_name(struct iface *list, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	return NULL;
}

int ifaces_list(struct iface *list, unsigned int max)
{
	struct ifaddrs *all;
	int n = 0;

	if (getifaddrs(&all) != 0)
		return -errno;
	for (const struct ifaddrs *a = all; a != NULL; a = a->ifa_next) {
		struct iface *i = of_name(list, n, a->ifa_name);

		if (i == NULL && (unsigned int)n < max) {
			i = &list[n++];
			*i = (struct iface){ 0 };
			snprintf(i->name, sizeof(i->name), "%.15s", a->ifa_name);
			i->up = (a->ifa_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
			i->loopback = (a->ifa_flags & IFF_LOOPBACK) != 0;
			look_at_sysfs(i);
		}
		if (i != NULL)
			i->address |= was_given(a->ifa_addr);
	}
	freeifaddrs(all);
	mark_routes(list, n, "/proc/net/route", false);
	mark_routes(list, n, "/proc/net/ipv6_route", true);
	return n;
}
