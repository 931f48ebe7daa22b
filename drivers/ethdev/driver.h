/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be known of a DPDK driver that it does not say itself, and the arguments of a device. */
#ifndef DRIVER_H
#define DRIVER_H

#include <weir_base.h>

/* Who knows what was lost before rx. */
enum missed {
	MISSED_TOLD,    /* the driver */
	MISSED_UNKNOWN, /* nobody: the other side saw a full ring */
	MISSED_SOCKETS, /* the kernel, of the sockets that the driver has made */
	MISSED_INTERFACE, /* the kernel, of the interface that the driver has made: dropped on its way out to us */
};

struct driver {
	const char *name;        /* the device's begins with it */
	const char *queues_arg;  /* argument that says how many queues there are; NULL = none */
	const char *path_arg;    /* argument with the path of a Unix socket; NULL = none */
	const char *server_arg;  /* "key=value" of a server on it */
	bool finds_server_again; /* as a client */
	const char *client_arg;  /* "key=value" of a client of it, where a server is the usual */
	enum missed missed;
	uint32_t data_room; /* bytes of a buffer, where the usual is too small; 0 = the usual */
	bool one_queue_as_server; /* reads what the other side has not as if it were the first */
	bool needs_tx;            /* receives nothing without as many tx queues */
	bool add_blocks;          /* adding it waits for the other side */
	bool loses_events;        /* of the link: it is asked instead */
	bool foreign_memory;      /* it reads what another process can take away at any moment */
	bool takes_interface;     /* the host gets no packet of the interface any more */
};

/* By the name of a driver or a device. A row without name for one that is like most. */
const struct driver *driver_find(const char *name);

/* The value of `key` in "a=1,b=2"; false when it is not there or does not fit. */
bool arg_get(const char *args, const char *key, char *value, size_t size);
/* "key=value" stands there just so. */
bool arg_is(const char *args, const char *pair);

/* The path of the socket on which a device with these arguments will listen. */
bool driver_listens(const struct driver *d, const char *args, char *path, size_t size);

#endif
