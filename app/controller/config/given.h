/* SPDX-License-Identifier: Apache-2.0 */
/* Which settings a text gives, where, and by which names. */
#ifndef GIVEN_H
#define GIVEN_H

#include "tree.h"

#include <weir_conf.h>

struct given_row {
	const struct tree_node *newer,
		*older; /* what stands for either name; NULL = not given by it */
};

struct given {
	struct given_row *rows; /* one a row of weir_group_table */
	bool older;             /* there are older names */
	bool twice; /* a name stands twice in one section: DeepFlow's agents read none of it then */
};

/* Of a text that lib/conf has read: others are left out. 0 or -ENOMEM. */
int given_find(struct given *given, const struct tree *tree);
void given_free(struct given *given);

#endif
