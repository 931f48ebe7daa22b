/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ETHDEV_PRIV_H
#define ETHDEV_PRIV_H

#include <weir_base.h>

struct capture_size {
	uint64_t packets;
	uint32_t longest; /* bytes captured of the longest packet */
};

/*
 * Add what the capture file holds, pcap or pcapng, to `size`. False when it cannot be read: the driver
 * will say why. Up to the damage, of a damaged file. Control thread.
 */
bool capture_size_add(const char *path, struct capture_size *size);

/*
 * What the files of net_pcap's argument string hold, when it keeps them in memory (infinite_rx=1); else
 * zero.
 */
struct capture_size pcap_args_size(const char *args);

/* weir_ethdev_host_uses() for a PCI address, with the folder in which sysfs has the devices. */
int pci_host_uses(const char *devices, const char *address, struct weir_err *err);

#endif
