/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DPDK port as a capture source: a NIC by its PCI address, or a virtual device. Live: what is not
 * taken in time is lost, and told by missed() where the driver knows.
 */
#ifndef WEIR_SOURCE_ETHDEV_H
#define WEIR_SOURCE_ETHDEV_H

#include <weir_rt.h>

struct weir_ethdev_options {
	/*
	 * "net_null0", "net_pcap0,rx_pcap=FILE,infinite_rx=1", "net_ring0", "0000:3b:00.0", with the
	 * driver's arguments after the first comma. No path may hold a comma.
	 */
	const char *device;
	uint16_t queues;       /* rx queues; 0 = 1 */
	int numa;              /* of packet memory; -1 = where the port is */
	uint32_t in_flight;    /* packets held at once beyond the queues: rings, bursts; 0 = 8192 */
	uint64_t memory_bytes; /* most that packet memory may take; 0 = half of the machine's */
};

/* What the driver had to do to packets; only rising. */
struct weir_ethdev_counters {
	uint64_t linearised; /* segments copied together */
	uint64_t
		cut; /* of these, longer than a buffer or without one: only the first bytes are there */
};

/*
 * Nothing is opened yet. NULL with `err` when the options are wrong. ops->open() starts the EAL when it
 * is the first, adds the device and configures it; its error gives DPDK's reason. ops->close() frees the
 * source; all frames were given back before.
 */
struct weir_source *weir_source_ethdev_create(const struct weir_ethdev_options *o,
					      struct weir_err *err);

/* After start. True when one queue is all there is or the port's hash keeps both directions of a flow in one queue. Control thread. */
bool weir_source_ethdev_is_symmetric(const struct weir_source *src);

/* After open; any thread, may lag. */
void weir_source_ethdev_counters(const struct weir_source *src, struct weir_ethdev_counters *c);

#endif
