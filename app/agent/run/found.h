/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces by their names, also those of network namespaces that have a name. */
#ifndef RUN_FOUND_H
#define RUN_FOUND_H

#include <weir_base.h>

#include <net/if.h>

#define NETNS_DIR "/run/netns"

struct found_iface {
	char netns[256]; /* its name below NETNS_DIR; "" = that of the agent */
	char name[IF_NAMESIZE];
};

/*
 * Add to `list` (of struct found_iface) those whose names `regex` matches, of the agent's own namespace and of those
 * whose names `netns_regex` matches; an empty one matches none. A namespace that has two names is looked at once. One
 * that cannot be entered is left out: `lacking` says why, of one of them, else its code is 0. -errno with `err` set where
 * what there is cannot be known. Enters namespaces with a thread of its own, which is waited
 * for: some 0.1 ms each.
 */
int found_look(struct weir_list *list, const char *regex, const char *netns_regex,
	       struct weir_err *lacking, struct weir_err *err);

#endif
