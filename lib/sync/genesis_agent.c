/* SPDX-License-Identifier: Apache-2.0 */
/* GenesisSync of agent.proto, whose servers want to know who reports. */
#define T(name)                    Agent__##name
#define F(name)                    agent__##name
#define GENESIS_PLATFORM_DATA_INIT AGENT__GENESIS_PLATFORM_DATA__INIT
#include "genesis_wire.h"

void weir_sync_genesis_agent(struct weir_sync *s)
{
	const struct weir_sync_dynamic *d = &s->kept.dynamic;
	Agent__GenesisSyncRequest m = AGENT__GENESIS_SYNC_REQUEST__INIT;
	Agent__AgentId id = AGENT__AGENT_ID__INIT;

	id.ip = s->id.ip;
	id.mac = s->id.mac;
	id.team_id = s->boot.team_id;
	id.group_id = s->kept.dynamic.group_id;
	m.agent_info = &id;
	m.has_agent_type = m.has_agent_id = s->kept.has_dynamic;
	m.agent_type = (Agent__AgentType)d->agent_type;
	m.agent_id = d->agent_id;
	report(s, &m);
}
