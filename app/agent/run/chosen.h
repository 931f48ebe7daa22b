/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces that a group configuration chooses by a regular expression, each a tap of its own. A tap keeps its
 * number while its interface is gone, unless another interface needs it. Control thread.
 */
#ifndef RUN_CHOSEN_H
#define RUN_CHOSEN_H

#include <weir_conf.h>

struct chosen;

struct chosen *chosen_create(void); /* NULL without memory */
void chosen_destroy(struct chosen *c);

/* What a group says of interfaces that nothing else is said of. */
struct chosen_wish {
	const char *regex;       /* of their names; an empty one matches none */
	const char *netns_regex; /* of namespaces beside the agent's; likewise */
	bool promiscuous;
	uint32_t queues;     /* of each, at least 1 */
	uint32_t memory_mib; /* of each, all its queues together */
};

struct chosen_wish chosen_wish_of(const struct weir_group_conf *g);

/*
 * Look which interfaces there are, and which of them are wished for. 1: others than
 * before; 0: the same; -errno with `err` set, and nothing changed.
 */
int chosen_look(struct chosen *c, const struct chosen_wish *wish, struct weir_err *err);

/* What was found, borrowed until the next look; a tap whose interface is gone has no port. Returns how many taps. */
uint32_t chosen_taps(const struct chosen *c, const struct weir_box_tap **taps);

#endif
