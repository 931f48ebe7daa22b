/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of agent.proto. */
#include <agent.pb-c.h>

#define T(name)            Agent__##name
#define F(name)            agent__##name
#define PLATFORM_DATA_INIT AGENT__PLATFORM_DATA__INIT
#define SYNC_RESPONSE_INIT AGENT__SYNC_RESPONSE__INIT
#define CIDR_LAN           AGENT__CIDR_TYPE__CIDR_LAN
#define TAP_TYPE           Agent__CaptureNetworkType
#define TAP_TYPE_INIT(m)   agent__capture_network_type__init(m)
#define TAP_TYPES          capture_network_types
#define N_TAP_TYPES        n_capture_network_types
#include "rows.h"

const struct dialect inventory_agent = { rows, subnets, platform, places };
