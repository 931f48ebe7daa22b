/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of records and what they sum up to. One thread at a time. */
#ifndef STORE_GROUPS_H
#define STORE_GROUPS_H

#include <weir_store.h>

struct store_key {
	uint64_t q[2][2]; /* a number in q[i][0], or an address */
	uint8_t bytes[2]; /* of the address; 0 = a number */
};

struct store_group {
	struct store_key key;
	bool taken;
	uint64_t sum[WEIR_STORE_SUMS];
};

struct store_groups {
	struct store_group *slots;
	uint64_t n_slots, used;
	uint64_t total[WEIR_STORE_SUMS]; /* of all groups; the caller's to add to */
};

/* The group of a key, made where it is not there; borrowed until the next call. NULL without memory. */
struct store_group *store_groups_take(struct store_groups *t, const struct store_key *k);
/* Add all of `from`. 0 or -ENOMEM. */
int store_groups_merge(struct store_groups *to, const struct store_groups *from);
void store_groups_fini(struct store_groups *t);

#endif
