/* SPDX-License-Identifier: Apache-2.0 */
/* A DPDK port's life: added, configured, started, stopped, removed. All of it control thread. */
#ifndef PORT_H
#define PORT_H

#include "weir_source_ethdev.h"

#include <rte_ethdev.h>

struct port {
	/* rx thread: ro */
	uint16_t id;
	int ts_offset; /* of the time-stamp field in an mbuf */
	uint64_t
		ts_flag; /* flag of an mbuf whose stamp is its packet's time in a file; 0 = never */
	struct rte_mempool *large_pool;

	char *name;       /* up to the first comma of the device string; owns `args` too */
	const char *args; /* after it, or "" */
	struct rte_mempool *pool;
	uint16_t queues;
	bool added, started;
	bool symmetric; /* hash keeps both directions in one queue */
	bool tells_missed;
};

int port_init(struct port *p, const char *device);
/* Start the EAL when needed, add and configure the port. On failure nothing is left but port_init()'s. */
int port_open(struct port *p, const struct weir_ethdev_options *o, struct weir_err *err);
int port_start(struct port *p, struct weir_err *err);
bool port_missed(const struct port *p, uint64_t *packets);
void port_stop(struct port *p);
/* Accepts any state. */
void port_close(struct port *p);

#endif
