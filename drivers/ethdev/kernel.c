/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The af_xdp driver tells of its sockets' losses only a part, af_packet nothing; the kernel tells all, of
 * the very sockets, and they are in our process. They are found by what they are: nobody else here has
 * AF_XDP sockets, or AF_PACKET ones of ring version 2.
 */
#include "kernel.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int kernel_open(void)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* By the name it has now. */
static bool flags_of(int fd, unsigned int if_index, struct ifreq *req)
{
	memset(req, 0, sizeof(*req));
	req->ifr_ifindex = (int)if_index;
	return ioctl(fd, SIOCGIFNAME, req) == 0 && ioctl(fd, SIOCGIFFLAGS, req) == 0;
}

enum kernel_link kernel_link(int fd, unsigned int if_index)
{
	const short up = IFF_UP | IFF_RUNNING;
	struct ifreq req;

	if (!flags_of(fd, if_index, &req))
		return KERNEL_GONE;
	return (req.ifr_flags & up) == up ? KERNEL_UP : KERNEL_DOWN;
}

bool kernel_is_promiscuous(int fd, unsigned int if_index)
{
	struct ifreq req;

	return flags_of(fd, if_index, &req) && (req.ifr_flags & IFF_PROMISC) != 0;
}

/* The line "name: 8 numbers received, bytes packets errors dropped ..." of what was sent. */
bool kernel_tx_dropped(int fd, unsigned int if_index, uint64_t *packets)
{
	struct ifreq req;
	char line[512];
	bool found = false;
	FILE *f;

	if (!flags_of(fd, if_index, &req))
		return false;
	f = fopen("/proc/thread-self/net/dev", "re");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		const char *name = line + strspn(line, " ");
		const char *colon = strchr(name, ':');
		unsigned long sent[4];

		if (colon == NULL || strlen(req.ifr_name) != (size_t)(colon - name) ||
		    strncmp(name, req.ifr_name, (size_t)(colon - name)) != 0)
			continue;
		found = sscanf(colon + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %lu %lu %lu %lu", sent,
			       sent + 1, sent + 2, sent + 3) == 4;
		if (found)
			*packets = sent[3];
	}
	if (f != NULL)
		fclose(f);
	return found;
}

static int int_option(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

static bool is_drivers(int fd)
{
	switch (int_option(fd, SOL_SOCKET, SO_DOMAIN)) {
	case AF_XDP:
		return true;
	case AF_PACKET:
		return int_option(fd, SOL_PACKET, PACKET_VERSION) == TPACKET_V2;
	default:
		return false;
	}
}

void sockets_find(struct sockets *s)
{
	DIR *d = opendir("/proc/self/fd");
	const struct dirent *e;

	*s = (struct sockets){ .more = d == NULL };
	while (d != NULL && (e = readdir(d)) != NULL) {
		const int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || !is_drivers(fd))
			continue;
		if (s->n == WEIR_ARRAY_SIZE(s->fds))
			s->more = true;
		else
			s->fds[s->n++] = fd;
	}
	if (d != NULL)
		closedir(d);
}

static bool holds(const struct sockets *s, int fd)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->fds[i] == fd)
			return true;
	return false;
}

void sockets_remove(struct sockets *s, const struct sockets *known)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < s->n; i++)
		if (!holds(known, s->fds[i]))
			s->fds[kept++] = s->fds[i];
	s->n = kept;
}

bool sockets_missed(struct sockets *s, uint64_t *packets)
{
	uint64_t xdp_drops = 0;

	for (unsigned int i = 0; i < s->n; i++) {
		struct xdp_statistics xdp = { 0 };
		struct tpacket_stats packet;
		socklen_t xdp_len = sizeof(xdp), packet_len = sizeof(packet);

		if (getsockopt(s->fds[i], SOL_XDP, XDP_STATISTICS, &xdp, &xdp_len) == 0)
			xdp_drops += xdp.rx_dropped + xdp.rx_ring_full;
		else if (getsockopt(s->fds[i], SOL_PACKET, PACKET_STATISTICS, &packet,
				    &packet_len) == 0)
			s->packet_drops += packet.tp_drops;
		else
			return false;
	}
	*packets = s->packet_drops + xdp_drops;
	return s->n > 0 && !s->more;
}
