/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The af_xdp driver tells of its sockets' losses only a part, af_packet nothing; the kernel tells all, of
 * the very sockets, and they are in our process. They are found by what they are: nobody else here has
 * AF_XDP sockets, or AF_PACKET ones of ring version 2.
 *
 * The af_xdp driver of DPDK 22.11 leaves its sockets open at its end, and their queues taken.
 */
#include "kernel.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((format(printf, 2, 0))) static int on_print(int level, const char *fmt, va_list ap)
{
	char line[240];
	int len = vsnprintf(line, sizeof(line), fmt, ap);

	(void)level;
	weir_log(WEIR_LOG_DEBUG, "%.*s", (int)strcspn(line, "\n"), line);
	return len;
}

/* They came with DPDK's drivers, and are linked to nothing else: asked for only if they are there. */
void kernel_libraries_quiet(void)
{
	static const char *const libraries[][2] = { { "libbpf.so.1", "libbpf_set_print" },
						    { "libxdp.so.1", "libxdp_set_print" } };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(libraries); i++) {
		void *library = dlopen(libraries[i][0], RTLD_NOW | RTLD_NOLOAD);
		void *(*set_print)(int (*)(int, const char *, va_list)) = NULL;

		if (library == NULL)
			continue;
		*(void **)&set_print = dlsym(library, libraries[i][1]);
		if (set_print != NULL)
			set_print(on_print);
		dlclose(library);
	}
}

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

uint16_t kernel_queues(int fd, const char *interface)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq req = { .ifr_data = (void *)&channels };
	uint32_t n;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", interface);
	if (ioctl(fd, SIOCETHTOOL, &req) != 0)
		return 1; /* a driver that cannot say has one */
	n = channels.combined_count != 0 ? channels.combined_count : channels.rx_count;
	return n == 0 ? 1 : n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

int kernel_set_mtu(int fd, unsigned int if_index, uint16_t mtu)
{
	struct ifreq req = { .ifr_ifindex = (int)if_index };

	if (ioctl(fd, SIOCGIFNAME, &req) != 0)
		return -errno;
	req.ifr_mtu = mtu;
	return ioctl(fd, SIOCSIFMTU, &req) == 0 ? 0 : -errno;
}

bool kernel_is_promiscuous(int fd, unsigned int if_index)
{
	struct ifreq req;

	return flags_of(fd, if_index, &req) && (req.ifr_flags & IFF_PROMISC) != 0;
}

void kernel_set_promiscuous(int fd, unsigned int if_index, bool on)
{
	struct ifreq req;

	if (!flags_of(fd, if_index, &req))
		return;
	req.ifr_flags = (short)(on ? req.ifr_flags | IFF_PROMISC : req.ifr_flags & ~IFF_PROMISC);
	ioctl(fd, SIOCSIFFLAGS, &req);
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

static void keep(struct sockets *s, int fd)
{
	struct stat st;

	if (s->n == WEIR_ARRAY_SIZE(s->fds) || fstat(fd, &st) != 0) {
		s->more = true;
		return;
	}
	s->fds[s->n] = fd;
	s->inodes[s->n++] = st.st_ino;
}

void sockets_find(struct sockets *s)
{
	DIR *d = opendir("/proc/self/fd");
	const struct dirent *e;

	*s = (struct sockets){ .more = d == NULL };
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && is_drivers(atoi(e->d_name)))
			keep(s, atoi(e->d_name));
	if (d != NULL)
		closedir(d);
}

static bool holds(const struct sockets *s, ino_t inode)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->inodes[i] == inode)
			return true;
	return false;
}

void sockets_remove(struct sockets *s, const struct sockets *known)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < s->n; i++)
		if (!holds(known, s->inodes[i])) {
			s->fds[kept] = s->fds[i];
			s->inodes[kept++] = s->inodes[i];
		}
	s->n = kept;
}

/* Rings that are mapped keep a socket alive: "FROM-TO perms offset device inode socket:[INODE]". */
static void unmap(ino_t inode)
{
	char line[512], words[64];
	unsigned long from, to;
	FILE *f = fopen("/proc/self/maps", "re");

	snprintf(words, sizeof(words), "socket:[%lu]", (unsigned long)inode);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, words) != NULL && sscanf(line, "%lx-%lx", &from, &to) == 2)
			munmap((void *)from, to - from); // NOLINT(performance-no-int-to-ptr)
	if (f != NULL)
		fclose(f);
}

static _Atomic uint64_t closed_ns; /* when the last was */

bool sockets_are_closing(void)
{
	uint64_t last = atomic_load_explicit(&closed_ns, memory_order_relaxed);

	return last != 0 && weir_clock_mono_ns() - last < WEIR_NS_PER_S;
}

void sockets_close_left(struct sockets *s)
{
	struct stat st;

	for (unsigned int i = 0; i < s->n; i++)
		if (fstat(s->fds[i], &st) == 0 && st.st_ino == s->inodes[i] &&
		    is_drivers(s->fds[i])) {
			unmap(s->inodes[i]);
			close(s->fds[i]);
			atomic_store_explicit(&closed_ns, weir_clock_mono_ns(),
					      memory_order_relaxed);
		}
	s->n = 0;
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
