/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of agent.proto. */
#include <agent.pb-c.h>

#define T(name)                  Agent__##name
#define F(name)                  agent__##name
#define TRIDENT                  false
#define PACKAGE                  "agent"
#define METHODS                  serve_methods_agent
#define PIECE                    serve_piece_agent
#define GROUP_REQUEST            agent_group_id_request
#define AGENT_ID                 agent_id
#define agent__STATUS__SUCCESS   AGENT__STATUS__SUCCESS
#define agent__STATUS__FAILED    AGENT__STATUS__FAILED
#define INIT_UPGRADE_RESPONSE    AGENT__UPGRADE_RESPONSE__INIT
#define INIT_PLUGIN_RESPONSE     AGENT__PLUGIN_RESPONSE__INIT
#define INIT_NTP_RESPONSE        AGENT__NTP_RESPONSE__INIT
#define INIT_GENESIS_RESPONSE    AGENT__GENESIS_SYNC_RESPONSE__INIT
#define INIT_CLUSTER_RESPONSE    AGENT__KUBERNETES_APISYNC_RESPONSE__INIT
#define INIT_CLUSTER_ID_RESPONSE AGENT__KUBERNETES_CLUSTER_IDRESPONSE__INIT
#define INIT_GPID_RESPONSE       AGENT__GPIDSYNC_RESPONSE__INIT

#define HELLO_MORE(m, to)                                                      \
	do {                                                                   \
		(to)->site.facts.exception_text = (m)->exception_description;  \
		(to)->site.facts.buffer_bytes = (m)->current_grpc_buffer_size; \
	} while (0)

/* It says whose it is; who leaves that out is refused. */
#define GENESIS_WHO(m, to)                                                                \
	do {                                                                              \
		(to)->whole = true;                                                       \
		(to)->g.ctrl_ip = (m)->agent_info != NULL ? (m)->agent_info->ip : NULL;   \
		(to)->g.ctrl_mac = (m)->agent_info != NULL ? (m)->agent_info->mac : NULL; \
	} while (0)

#include "dialect.h"

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void own(const struct serve_answer *a, Agent__DynamicConfig *d)
{
	d->has_enabled = d->has_kubernetes_api_enabled = true;
	d->enabled = a->enabled;
	d->kubernetes_api_enabled = a->watch;
	d->has_agent_type = a->type != 0;
	d->agent_type = (Agent__AgentType)a->type;
	d->group_id = text(a->group);
	if (!a->known)
		return;
	d->has_agent_id = d->has_vpc_id = d->has_pod_cluster_id = d->has_region_id = true;
	d->agent_id = a->agent_id;
	d->vpc_id = a->vpc;
	d->pod_cluster_id = a->pod_cluster;
	d->region_id = SITE_REGION;
	d->has_team_id = d->has_organize_id = true;
	d->team_id = d->organize_id = 1;
	d->hostname = text(a->host);
}

static void versions(const struct serve_answer *a, Agent__SyncResponse *m)
{
	m->has_version_platform_data = m->has_version_acls = m->has_version_groups = true;
	m->version_platform_data = a->versions.platform;
	m->version_acls = a->versions.acls;
	m->version_groups = a->versions.groups;
	m->has_flow_acls = a->send_acls;
	m->has_groups = a->send_groups;
}

struct weir_rpc_packed *serve_head_agent(struct serve *s, const struct serve_answer *a)
{
	Agent__SyncResponse m = AGENT__SYNC_RESPONSE__INIT;
	Agent__DynamicConfig d = AGENT__DYNAMIC_CONFIG__INIT;

	(void)s;
	m.has_status = true;
	m.status = a->failed ? AGENT__STATUS__FAILED : AGENT__STATUS__SUCCESS;
	if (a->failed)
		return weir_rpc_packed_create(&m.base);
	m.has_user_config = true;
	m.user_config = (ProtobufCBinaryData){ a->config->user_config_len, a->config->user_config };
	own(a, &d);
	m.dynamic_config = &d;
	if (a->revision[0] != '\0') {
		m.revision = text(a->revision);
		m.self_update_url = text("grpc");
	}
	if (a->tables && !a->partial)
		versions(a, &m);
	m.has_only_partial_fields = m.has_new_grpc_buffer_size = a->partial;
	m.only_partial_fields = a->partial;
	m.new_grpc_buffer_size = a->buffer_bytes;
	return weir_rpc_packed_create(&m.base);
}
