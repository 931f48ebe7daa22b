/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's own traffic, as a filter: what it sends and receives itself is no flow of the network. */
#ifndef RUN_OWN_H
#define RUN_OWN_H

#include "sync.h"

#define OWN_TEXT_MAX 1200

/* pcap expressions; "" = there is nothing to leave out. */
struct own_traffic {
	char wire[OWN_TEXT_MAX]; /* beyond this host: HTTP, and the servers the session may call */
	char lo[OWN_TEXT_MAX];   /* what the loopback device sees of it */
};

/* As it is now: servers move, and so do routes to them. `s`: NULL = no controller. Asks the kernel, does not block. */
void own_traffic(struct own_traffic *own, const struct weir_box_conf *box, const struct sync *s);

/* Both together: `filter` and not `own`. NULL without memory; free(). */
char *own_traffic_excluded(const char *filter, const char *own);

/* What matches both, "" = all packets. NULL without memory; free(). */
char *filter_both(const char *a, const char *b);

#endif
