/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller's tables: inventory and policies. They are built beside the loop, each on its own, and swapped in;
 * one that cannot be built is refused, and the one before it stays. No flow ends because of it. Control thread.
 */
#ifndef RUN_TABLES_H
#define RUN_TABLES_H

#include <weir_base.h>

#include <jansson.h>

struct run;
struct tables;
struct weir_sync_dynamic;
struct weir_sync_tables;

/* The pipe and the helpers are there. NULL without memory. */
struct tables *tables_create(struct run *r);
/* The pipe has no threads any more; the helpers are gone. NULL is fine. */
void tables_destroy(struct tables *t);

/* Have these in force soon; they are copied. `changed`: bits 1 << enum weir_sync_table. */
void tables_take(struct tables *t, const struct weir_sync_tables *from, unsigned int changed);
/* The controller says who this agent is: the inventory is read with that in mind. */
void tables_dynamic(struct tables *t, const struct weir_sync_dynamic *d);
/* Another group configuration is in force; likewise. */
void tables_follow(struct tables *t);
/* There is no controller any more: neither are its tables. */
void tables_forget(struct tables *t);

enum table { TABLE_INVENTORY, TABLE_POLICIES, TABLES };
extern const char *const table_names[TABLES];

struct table_view {
	bool there;
	uint64_t version, more_version; /* of platform data; of ACLs and of groups */
	uint64_t rows, dropped;         /* interfaces, or ACLs in force; rows that were no good */
	uint64_t bytes;
	uint64_t since_us; /* wall clock */
	uint64_t refusals;
	const char *refused; /* why the last one was; "" = it was not */
};
void table_view(const struct tables *t, enum table which, struct table_view *v);

/* What is in force, for `config`. NULL without memory. */
json_t *tables_json(const struct tables *t);

#endif
