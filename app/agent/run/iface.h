/* SPDX-License-Identifier: Apache-2.0 */
/* What this host does with its network interfaces. The namespace is the caller's. Control side. */
#ifndef RUN_IFACE_H
#define RUN_IFACE_H

#include <weir_base.h>

#include <net/if.h>

#define IFACES_MAX 512

struct iface {
	char name[IF_NAMESIZE];
	bool up;       /* set up, with carrier */
	bool loopback; /* the device itself */
	bool hardware; /* has a device behind it: a NIC, real or emulated */
	bool address; /* carries one that somebody gave it: the kernel's own fe80:: does not count */
	bool route;   /* a default route goes out by it */
	char master[IF_NAMESIZE]; /* bridge, bond, VRF or vSwitch it belongs to; "" = none */
};

/* All interfaces, at most `max`, in the kernel's order; their number or -errno. */
int ifaces_list(struct iface *list, unsigned int max);

#endif
