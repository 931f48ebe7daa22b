/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of trident.proto. */
#define T(name)        Trident__##name
#define D(name)        trident__##name##__descriptor
#define CIDR_SUBNET(m) (m)->subnet_id
#define TAP_TYPE       Trident__TapType
#define TAP_TYPES      tap_types
#define N_TAP_TYPES    n_tap_types
#define ACL_NETWORK(m) (m)->tap_type
#define ACTION_SIDE(n) (n)->tap_side
#include "rows.h"

int weir_sync_rows_trident(enum weir_sync_table table, const struct weir_sync_bytes *bytes,
			   struct weir_meta_builder *meta, struct weir_policy_builder *policy,
			   struct weir_err *err)
{
	return rows(table, bytes, meta, policy, err);
}
