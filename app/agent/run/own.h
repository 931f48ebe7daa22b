/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's own traffic, as a filter: what it sends and receives itself is no flow of the network. */
#ifndef RUN_OWN_H
#define RUN_OWN_H

#include <weir_conf.h>

#define OWN_TEXT_MAX 1024

/* A pcap expression for what talks to HTTP and to the controller; "" where neither leaves this host. */
void own_traffic(char *text, size_t size, const struct weir_box_conf *box);

/* Both together: `filter` and not `own`. NULL without memory; free(). */
char *own_traffic_excluded(const char *filter, const char *own);

/* What matches both, "" = all packets. NULL without memory; free(). */
char *filter_both(const char *a, const char *b);

#endif
