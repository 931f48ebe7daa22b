/* SPDX-License-Identifier: Apache-2.0 */
/* What an interface of this machine carries, and what it can do. */
#include "doctor.h"

#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Does a line of the routing table, of the kernel's form, name this interface as the default? */
static bool is_default(const char *line, bool six, const char *name)
{
	char dest[40], length[40], iface[64];

	if (six) /* destination, prefix length, source, its length, gateway, metric, ... , interface last */
		return sscanf(line, "%32s %2s %*s %*s %*s %*s %*s %*s %*s %63s", dest, length,
			      iface) == 3 &&
		       strspn(dest, "0") == 32 && strcmp(length, "00") == 0 &&
		       strcmp(iface, name) == 0 && strcmp(iface, "lo") != 0;
	return sscanf(line, "%63s %39s %*s %*s %*s %*s %*s %39s", iface, dest, length) == 3 &&
	       strcmp(dest, "00000000") == 0 && strcmp(length, "00000000") == 0 &&
	       strcmp(iface, name) == 0;
}

static bool has_route(const struct doctor *d, const char *name)
{
	char path[4096], line[512];
	bool found = false;

	for (int six = 0; six < 2 && !found; six++) {
		FILE *f;

		doctor_path(d, path, sizeof(path),
			    six ? "/proc/net/ipv6_route" : "/proc/net/route");
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		while (!found && fgets(line, sizeof(line), f) != NULL)
			found = is_default(line, six, name);
		fclose(f);
	}
	return found;
}

/* What the kernel gives itself (fe80::) nobody would miss. */
static bool has_address(const struct doctor *d, const char *name)
{
	struct ifaddrs *all, *a;
	bool found = false;

	if (!d->live || getifaddrs(&all) != 0)
		return false;
	for (a = all; a != NULL && !found; a = a->ifa_next) {
		if (a->ifa_addr == NULL || strcmp(a->ifa_name, name) != 0)
			continue;
		if (a->ifa_addr->sa_family == AF_INET)
			found = true;
		else if (a->ifa_addr->sa_family == AF_INET6)
			found = !IN6_IS_ADDR_LINKLOCAL(
				&((const struct sockaddr_in6 *)(const void *)a->ifa_addr)
					 ->sin6_addr);
	}
	freeifaddrs(all);
	return found;
}

static bool ask(int fd, const char *name, void *what)
{
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	r.ifr_data = what;
	return ioctl(fd, SIOCETHTOOL, &r) == 0;
}

/* RSS: how many queues, and is there a key to make the hash symmetric with? */
static void ask_rss(const char *name, struct doctor_iface *out)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_rxfh rss = { .cmd = ETHTOOL_GRSSH };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (ask(fd, name, &channels))
		out->queues = channels.max_combined > 0 ? channels.max_combined : channels.max_rx;
	if (ask(fd, name, &rss))
		out->hash = rss.key_size > 0;
	close(fd);
}

static unsigned int queues_of(const struct doctor *d, const char *name)
{
	struct doctor_name names[128];

	return doctor_names(d, names, WEIR_ARRAY_SIZE(names), "rx-", "/sys/class/net/%s/queues",
			    name);
}

bool doctor_iface(const struct doctor *d, const char *name, struct doctor_iface *out)
{
	long long v;

	*out = (struct doctor_iface){ .speed = -1, .mtu = -1 };
	if (!doctor_number(d, &v, "/sys/class/net/%s/flags", name))
		return false;
	out->up = (v & IFF_UP) != 0;
	if (doctor_number(d, &v, "/sys/class/net/%s/carrier", name))
		out->carrier = v != 0;
	if (doctor_number(d, &v, "/sys/class/net/%s/speed", name))
		out->speed = v;
	doctor_number(d, &out->mtu, "/sys/class/net/%s/mtu", name);
	doctor_link(d, out->master, sizeof(out->master), "/sys/class/net/%s/master", name);
	out->address = has_address(d, name);
	out->route = has_route(d, name);
	if (d->live)
		ask_rss(name, out);
	if (out->queues == 0)
		out->queues = queues_of(d, name);
	return true;
}

const char *doctor_iface_live(const struct doctor_iface *i)
{
	if (i->route)
		return "the default route";
	if (i->address)
		return "an address";
	if (i->master[0] != '\0')
		return "traffic of the bridge or bond it belongs to";
	return NULL;
}
