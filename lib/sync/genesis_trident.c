/* SPDX-License-Identifier: Apache-2.0 */
/* GenesisSync of trident.proto. */
#define T(name)                    Trident__##name
#define F(name)                    trident__##name
#define GENESIS_PLATFORM_DATA_INIT TRIDENT__GENESIS_PLATFORM_DATA__INIT
#include "genesis_wire.h"

void weir_sync_genesis_trident(struct weir_sync *s)
{
	const struct weir_sync_dynamic *d = &s->kept.dynamic;
	Trident__GenesisSyncRequest m = TRIDENT__GENESIS_SYNC_REQUEST__INIT;

	m.has_trident_type = m.has_vtap_id = s->kept.has_dynamic;
	m.trident_type = (Trident__TridentType)d->agent_type;
	m.vtap_id = d->agent_id;
	report(s, &m);
}
