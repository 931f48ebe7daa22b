/* SPDX-License-Identifier: Apache-2.0 */
/* How a helper's thread and the loop share the work on the controller's tables. */
#ifndef RUN_TABLES_PRIV_H
#define RUN_TABLES_PRIV_H

#include "tables.h"

#include <weir_meta.h>
#include <weir_policy.h>
#include <weir_sync.h>

/* The controller's tables that one is made of. */
extern const unsigned int table_parts[TABLES];

/* What building gives; neither = the controller has none. */
struct built {
	struct weir_meta *meta;
	struct weir_policy *policy;
	uint64_t version, more_version;
	uint64_t rows, dropped, bytes;
	bool is_same;        /* of an inventory: the one in force is it */
	struct weir_err err; /* code 0: it is good */
};
void built_free(struct built *b);

/* What an inventory is made of. */
struct source {
	const struct weir_sync_tables *tables;
	struct weir_meta_agent self;
};

/* What is wanted, and what came of it. */
struct order {
	struct source from;
	unsigned int wanted; /* 1 << enum table */
	/* an inventory that the new one may be a few changes of, and what it was made of; NULL: none */
	const struct weir_meta *base;
	uint64_t base_dropped;
	struct source base_from;
	struct built built[TABLES];
};

/* A helper's thread: what it is given stays as it is meanwhile. */
void tables_build(struct order *o);

/* Of what a table is made of; never 0. Any thread. */
uint64_t tables_hash(const struct weir_sync_tables *from, enum table which);

bool is_same_agent(const struct weir_meta_agent *a, const struct weir_meta_agent *b);

#endif
