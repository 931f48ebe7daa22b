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

/*
 * Look which interfaces there are in this network namespace, and which of them `regex` matches; an empty one matches
 * none. 1: others than before; 0: the same; -EINVAL or -ENOMEM with `err` set, and nothing changed.
 */
int chosen_look(struct chosen *c, const char *regex, struct weir_err *err);

/* What was found, borrowed until the next look; a tap whose interface is gone has no port. Returns how many taps. */
uint32_t chosen_taps(const struct chosen *c, const struct weir_box_tap **taps);

#endif
