/* SPDX-License-Identifier: Apache-2.0 */
/* agent.SyncResponse: the group's configuration comes as text, what is the agent's own beside it. */
#include "codec.h"

#include <errno.h>
#include <stdlib.h>

static void dynamic(const Agent__DynamicConfig *m, struct weir_sync_dynamic *to)
{
	to->enabled = !m->has_enabled || m->enabled;
	to->kubernetes_api_enabled = m->kubernetes_api_enabled;
	to->region_id = m->region_id;
	to->pod_cluster_id = m->pod_cluster_id;
	to->vpc_id = m->vpc_id;
	to->agent_id = m->agent_id;
	to->team_id = m->team_id;
	to->organize_id = m->organize_id;
	to->agent_type = m->agent_type;
	weir_sync_copy(to->secret_key, sizeof(to->secret_key), m->secret_key);
	weir_sync_copy(to->hostname, sizeof(to->hostname), m->hostname);
	weir_sync_copy(to->group_id, sizeof(to->group_id), m->group_id);
}

/* What has no version: it is compared, and kept, as a message with nothing else in it. */
static bool places(const Agent__SyncResponse *m, struct weir_sync_bytes *to)
{
	Agent__SyncResponse only = AGENT__SYNC_RESPONSE__INIT;

	only.n_local_segments = m->n_local_segments;
	only.local_segments = m->local_segments;
	only.n_remote_segments = m->n_remote_segments;
	only.remote_segments = m->remote_segments;
	only.n_capture_network_types = m->n_capture_network_types;
	only.capture_network_types = m->capture_network_types;
	only.n_skip_interface = m->n_skip_interface;
	only.skip_interface = m->skip_interface;
	to->v = weir_sync_pack(&only.base, &to->n);
	return to->v != NULL;
}

int weir_sync_reply_agent(const Agent__SyncResponse *m, struct weir_sync_reply *to)
{
	to->status = m->status;
	to->partial = m->only_partial_fields;
	to->new_buffer_bytes = m->new_grpc_buffer_size;
	if (m->revision != NULL)
		to->revision = m->revision;
	if (m->self_update_url != NULL)
		to->update_url = m->self_update_url;
	weir_sync_reply_table(to, WEIR_SYNC_PLATFORM, m->version_platform_data,
			      m->has_platform_data, &m->platform_data);
	weir_sync_reply_table(to, WEIR_SYNC_ACLS, m->version_acls, m->has_flow_acls, &m->flow_acls);
	weir_sync_reply_table(to, WEIR_SYNC_GROUPS, m->version_groups, m->has_groups, &m->groups);
	to->has_dynamic = m->dynamic_config != NULL;
	if (to->has_dynamic)
		dynamic(m->dynamic_config, &to->dynamic);
	if (!places(m, &to->places))
		return -ENOMEM;
	if (!m->has_user_config)
		return 0;
	to->config = weir_sync_config_copy(&m->user_config);
	return to->config != NULL ? 0 : -ENOMEM;
}
