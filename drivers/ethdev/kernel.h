/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel knows of a port: the interface behind it, and the sockets that its driver has made. */
#ifndef KERNEL_H
#define KERNEL_H

#include <weir_base.h>

#include <sys/types.h>

enum kernel_link { KERNEL_UP, KERNEL_DOWN, KERNEL_GONE };

/* The libraries of the af_xdp driver print what they think on standard error: into the log with it. */
void kernel_libraries_quiet(void);

/* A descriptor to ask in this thread's network namespace, from any thread; negative errno. */
int kernel_open(void);
enum kernel_link kernel_link(int fd, unsigned int if_index);
/* Receive queues that it has now. */
uint16_t kernel_queues(int fd, const char *interface);
int kernel_set_mtu(int fd, unsigned int if_index, uint16_t mtu);
bool kernel_is_promiscuous(int fd, unsigned int if_index);
void kernel_set_promiscuous(int fd, unsigned int if_index, bool on);
/* Packets that found no room on their way out through it. This thread's namespace. False = not told. */
bool kernel_tx_dropped(int fd, unsigned int if_index, uint64_t *packets);

/* Sockets of DPDK's drivers, AF_XDP and AF_PACKET, in this process. */
struct sockets {
	int fds[128]; /* more queues are not looked at, and `more` is set */
	ino_t inodes[128];
	unsigned int n;
	bool more;
	uint64_t packet_drops; /* read so far: the kernel starts anew when asked */
};

/* All there are now; those of a driver are new after it was set up. One thread at a time sets up. */
void sockets_find(struct sockets *s);
void sockets_remove(struct sockets *s, const struct sockets *known);
/* Close what the driver, which is gone, has left open of them. Nobody uses them any more. */
void sockets_close_left(struct sockets *s);
/* Some were closed less than a second ago: the kernel may not have got to free their queues yet. */
bool sockets_are_closing(void);
/* Packets for which a ring had no room, or no buffer. False = not told. */
bool sockets_missed(struct sockets *s, uint64_t *packets);

#endif
