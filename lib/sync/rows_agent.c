/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of agent.proto. */
#define T(name)        Agent__##name
#define D(name)        agent__##name##__descriptor
#define CIDR_SUBNET(m) 0
#define TAP_TYPE       Agent__CaptureNetworkType
#define TAP_TYPES      capture_network_types
#define N_TAP_TYPES    n_capture_network_types
#define ACL_NETWORK(m) (m)->capture_network_type
#define ACTION_SIDE(n) (n)->packet_capture_side
#include "rows.h"

int weir_sync_rows_agent(enum weir_sync_table table, const struct weir_sync_bytes *bytes,
			 struct weir_meta_builder *meta, struct weir_policy_builder *policy,
			 struct weir_err *err)
{
	return rows(table, bytes, meta, policy, err);
}
