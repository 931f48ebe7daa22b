/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DPDK port as a capture source: a NIC by its PCI address, or a virtual device. Live: what is not
 * taken in time is lost, and told by missed() where anybody knows.
 */
#ifndef WEIR_SOURCE_ETHDEV_H
#define WEIR_SOURCE_ETHDEV_H

#include <weir_rt.h>

struct weir_ethdev_options {
	/*
	 * "net_null0", "net_pcap0,rx_pcap=FILE,infinite_rx=1", "net_ring0", "0000:3b:00.0", with the
	 * driver's arguments after the first comma. No path may hold a comma. Copied.
	 */
	const char *device;
	uint16_t queues; /* rx queues; fewer where the device has fewer, with a message; 0 = as many
				  as its arguments say, else 1 */
	int numa;        /* of packet memory; -1 = where the port is */
	uint32_t in_flight;    /* packets held at once beyond the queues: rings, bursts; 0 = 8192 */
	uint64_t memory_bytes; /* most that packet memory may take; 0 = half of the machine's */
	uint32_t snaplen; /* first bytes of a packet that are kept; 0 = WEIR_FRAME_MAX, the most */
	uint16_t mtu;     /* set on the device, where it lets; 0 = as it is, up to 9216 taken */
	bool promiscuous; /* where it means something; undone by stop */
};

/* What the driver had to do to packets; only rising. */
struct weir_ethdev_counters {
	uint64_t linearised; /* segments copied together */
	uint64_t
		cut; /* of these, longer than a buffer or without one: only the first bytes are there */
	uint64_t torn; /* bursts that ended because the other side's memory went away meanwhile */
};

enum weir_ethdev_link {
	WEIR_ETHDEV_UP,
	WEIR_ETHDEV_DOWN, /* no carrier, set down, or no other side; comes back by itself */
	WEIR_ETHDEV_GONE, /* the device was taken away or did not come up, or its server left: close the
			     source, and try from time to time to open a new one */
};

struct weir_ethdev_state {
	enum weir_ethdev_link link;
	uint32_t speed_mbps; /* 0 = unknown */
	uint64_t downs;      /* times an up link was found down; short ones in between may be one */
	uint64_t returns;    /* times it was up again after that */
	char driver[32];     /* DPDK's name, "" before there is a port */
	uint16_t queues;     /* that are read */
	struct weir_err err; /* why nothing comes from a port that is not up, where that is known */
};

/*
 * Nothing is opened yet. NULL with `err` when the options are wrong.
 *
 * ops->open() starts the EAL when it is the first, adds the device and configures it; its error gives
 * DPDK's reason. A socket file that a dead process left where the device listens is removed.
 * ops->start() of a client fails with -ENOTCONN while there is no server: call it again later.
 * net_virtio_user as a server waits for its client in a thread of its own: open() and start() succeed,
 * the link is down until then, and gone, with `err`, when it fails. As a client open() waits for
 * the server's answers for 3 s at most: -ETIMEDOUT.
 *
 * Where a client of memif, vhost or virtio_user goes and returns, nothing is to be done; the server of a
 * vhost client likewise. A memif or virtio_user client is gone with its server. A device that is gone is closed as
 * any other; then the same device can be opened again by a new source.
 *
 * ops->close() frees the source; all frames were given back before. Sources may be opened and closed, by one
 * thread, while others are read. All errors: -ENODEV, -EEXIST (another source has the device), -EADDRINUSE
 * (another program listens on the path), -ENOMEM, -EINVAL, or what the driver says.
 */
struct weir_source *weir_source_ethdev_create(const struct weir_ethdev_options *o,
					      struct weir_err *err);

/* How it is now. Control thread. */
void weir_source_ethdev_state(struct weir_source *src, struct weir_ethdev_state *state);

/* After start. True when one queue is all there is or the port's hash keeps both directions of a flow in one queue. Control thread. */
bool weir_source_ethdev_is_symmetric(const struct weir_source *src);

/* After open; any thread, may lag. */
void weir_source_ethdev_counters(const struct weir_source *src, struct weir_ethdev_counters *c);

/*
 * Would opening this device take packets away from the host? A NIC by PCI address and net_af_xdp take
 * all of an interface.
 *
 * Returns 0 when the host does not use it, or nothing is taken away; -EBUSY with what the host uses it for: an
 * address (other than IPv6 link-local), a default route, a master (bridge, bond), the same on a VLAN or
 * another interface on top of it. -errno when the kernel cannot be asked. In the caller's network namespace.
 */
int weir_ethdev_host_uses(const char *device, struct weir_err *err);

#endif
