/* SPDX-License-Identifier: Apache-2.0 */
/* A DPDK port's life: added, configured, started, stopped, removed. Control thread unless said otherwise. */
#ifndef PORT_H
#define PORT_H

#include "driver.h"
#include "kernel.h"
#include "weir_source_ethdev.h"

#include <rte_ethdev.h>

#include <pthread.h>

#define RX_DESCRIPTORS 2048 /* of a queue, where the driver takes so many */

/* Written by the control thread and by DPDK's interrupt thread. */
struct link {
	pthread_mutex_t lock;
	bool up, was_up;
	uint64_t downs, returns;
	uint32_t speed_mbps;
	atomic_bool removed; /* the device is no longer there */
	bool watched;        /* control thread */
};

/* A device whose other side is waited for is made in a thread of its own. */
struct helper {
	pthread_t thread;
	bool runs; /* control thread */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	/* under the lock */
	bool opened, over, start_wanted;
	struct weir_err err;
};

struct port {
	/* rx thread: ro */
	atomic_bool live; /* started: queues may be polled */
	bool foreign_memory;
	uint16_t id;
	int ts_offset; /* of the time-stamp field in an mbuf */
	uint64_t
		ts_flag; /* flag of an mbuf whose stamp is its packet's time in a file; 0 = never */
	uint32_t snaplen;
	struct rte_mempool *large_pool;

	char *name; /* up to the first comma of the device string */
	char *args; /* after it, with what options add, or "" */
	struct weir_ethdev_options o;
	const struct driver *driver;
	struct rte_mempool *pool;
	uint64_t pool_buffers, pool_bytes;
	uint32_t pool_room;
	bool added, started;
	uint64_t started_ns; /* monotonic */
	bool symmetric;      /* hash keeps both directions in one queue */

	char driver_name[32];
	int kernel_fd;         /* for questions to the kernel; -1 = none */
	unsigned int if_index; /* of the interface behind it; 0 = none */
	bool was_promiscuous;  /* the interface, before start */
	struct sockets sockets;
	uint64_t missed_before; /* by the interface, at start */
	uint64_t missed;        /* when it was asked last */
	bool missed_known;

	struct link link;
	struct helper helper;
};

int port_init(struct port *p, const struct weir_ethdev_options *o);
/* Start the EAL when needed, add and configure the port. On failure nothing is left but port_init()'s. */
int port_open(struct port *p, struct weir_err *err);
int port_start(struct port *p, struct weir_err *err);
bool port_missed(struct port *p, uint64_t *packets);
void port_state(struct port *p, struct weir_ethdev_state *state);
void port_stop(struct port *p);
/* Accepts any state. */
void port_close(struct port *p);

/* pool.c: how much memory; then the pools. */
int pool_plan(struct port *p, struct weir_err *err);
int pool_create(struct port *p, struct weir_err *err);
void pool_destroy(struct port *p);

/* configure.c: ask of the port what it offers, and set up its queues. */
int port_configure(struct port *p, struct weir_err *err);
/* Only what the port says it does now counts. */
bool port_is_symmetric(const struct port *p);

/* foreign.c: from now on such memory can be read. Control thread, or a helper's. */
void foreign_begin(void);
/* As rte_eth_rx_burst(), of memory that can go away meanwhile: then -1. rx thread. */
int foreign_rx(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t max);

/* link.c: keep account of the link from now on, by events where the driver has them. */
void link_init(struct port *p);
/* A NIC that is pulled out is told by the kernel; without DPDK's handler a look at its memory would end us. */
void link_watch_devices(void);
void link_watch(struct port *p);
void link_look(struct port *p); /* now; any thread */
void link_unwatch(struct port *p);

/* helper.c: port_bring_up(), and port_go() when wanted, in another thread. */
int helper_start(struct port *p, struct weir_err *err);
/* True: the start is put off to the helper. */
bool helper_defers_start(struct port *p);
/* Is it still at it? Else, how it ended is in `err`. */
bool helper_is_waiting(struct port *p, struct weir_err *err);
void helper_end(struct port *p);

/* port.c, for the helper's thread. */
int port_bring_up(struct port *p, struct weir_err *err);
int port_go(struct port *p, struct weir_err *err);

#endif
