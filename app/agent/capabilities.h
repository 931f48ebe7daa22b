/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which port needs which capability, from capabilities.def: for boot, for errors of ports, for the doctor.
 * Any thread, but capabilities_keep().
 */
#ifndef CAPABILITIES_H
#define CAPABILITIES_H

#include <weir_conf.h>

/* Kinds of ports, as bits: what of this machine they ask for. */
enum port_kind {
	PORT_KERNEL = 1 << 0,    /* packet sockets of our own */
	PORT_NETNS = 1 << 1,     /* the same, in another network namespace */
	PORT_NETNS_PID = 1 << 2, /* which is named by a process */
	PORT_PCI = 1 << 3,       /* a NIC that DPDK owns */
	PORT_PCI_BARE = 1 << 4,  /* the same, without an IOMMU */
	PORT_AF_XDP = 1 << 5,
	PORT_AF_PACKET = 1 << 6, /* DPDK's own driver of that name */
	PORT_TAP = 1 << 7,       /* an interface that DPDK makes */
	PORT_VDEV = 1 << 8,      /* other virtual devices: memory and sockets only */
};

/* One row of the table: a feature, and behind it what it needs. */
struct capability_row {
	unsigned int kind;       /* of a feature */
	const char *feature;     /* NULL = a need */
	unsigned int capability; /* CAP_ of linux/capability.h */
	const char *refused;     /* what the kernel refuses without it */
};

/* The table, up to but without *end. */
const struct capability_row *capability_rows(const struct capability_row **end);

/* The kind of a port by its text in a tap, whose namespace is `netns` ("" = the agent's). */
enum port_kind port_kind(const char *text, const char *netns);
/* 0000:3b:00.0 or 3b:00.0, arguments behind a comma or not: the whole address. False when it is none. */
bool port_pci_address(const char *text, char *address, size_t size);
/* Kinds of all ports of a box; one without taps takes interfaces of the kernel. */
unsigned int port_kinds(const struct weir_box_conf *box);

/* What ports of these kinds need, as bits 1 << capability. */
uint64_t capabilities_wanted(unsigned int kinds);
/* May this thread do what the capability, or what serves instead of it, allows? */
bool capability_may(unsigned int capability);
/*
 * "CAP_NET_RAW (packet sockets), CAP_SYS_ADMIN (entering the namespace)": what of it this process lacks, and
 * false when it lacks nothing. One that was given up says that a new start brings it back.
 */
bool capabilities_lacking(unsigned int kinds, char *text, size_t size);

/*
 * Give up, for ever, what ports of these kinds do not need. Root keeps access to files of others, too. Before
 * any thread but the first: threads made later have no more. Says what it could not do, and goes on.
 */
void capabilities_keep(unsigned int kinds);

#endif
