/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities: what the running daemon keeps. */
#ifndef RUN_CAPS_H
#define RUN_CAPS_H

#include <weir_base.h>

/* What ports may need when they are opened again. */
enum caps_need {
	CAPS_KERNEL = 1 << 0, /* packet sockets, promiscuous */
	CAPS_NETNS = 1 << 1,  /* interfaces of other network namespaces */
	CAPS_DPDK = 1 << 2,   /* any DPDK port: memory, interfaces, BPF programs, PCI devices */
};

/*
 * Give up, for ever, what neither these nor the rest of the daemon needs. Threads made later have no
 * more. Before any thread but the first. Says what it could not do, and goes on.
 */
void caps_drop(unsigned int needs);

#endif
