/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of trident.proto. */
#include <trident.pb-c.h>

#define T(name)            Trident__##name
#define F(name)            trident__##name
#define PLATFORM_DATA_INIT TRIDENT__PLATFORM_DATA__INIT
#define SYNC_RESPONSE_INIT TRIDENT__SYNC_RESPONSE__INIT
#define CIDR_LAN           TRIDENT__CIDR_TYPE__CIDR_LAN
#define TAP_TYPE           Trident__TapType
#define TAP_TYPE_INIT(m)   trident__tap_type__init(m)
#define TAP_TYPES          tap_types
#define N_TAP_TYPES        n_tap_types
#include "rows.h"

const struct dialect inventory_trident = { rows, subnets, platform, places };
