/* SPDX-License-Identifier: Apache-2.0 */
/* trident.SyncResponse: configuration and what is the agent's own come in one message, Config. */
#include "codec.h"

#include <errno.h>
#include <stdlib.h>

static void dynamic(const Trident__Config *m, struct weir_sync_dynamic *to)
{
	to->enabled = m->enabled;
	to->kubernetes_api_enabled = m->kubernetes_api_enabled;
	to->region_id = m->region_id;
	to->pod_cluster_id = m->pod_cluster_id;
	to->vpc_id = m->epc_id;
	to->agent_id = m->vtap_id;
	to->team_id = m->team_id;
	to->organize_id = m->organize_id;
	to->agent_type = m->trident_type;
	weir_sync_copy(to->secret_key, sizeof(to->secret_key), m->secret_key);
	weir_sync_copy(to->hostname, sizeof(to->hostname), m->host);
}

/* What has no version: it is compared, and kept, as a message with nothing else in it. */
static bool places(const Trident__SyncResponse *m, struct weir_sync_bytes *to)
{
	Trident__SyncResponse only = TRIDENT__SYNC_RESPONSE__INIT;

	only.n_local_segments = m->n_local_segments;
	only.local_segments = m->local_segments;
	only.n_remote_segments = m->n_remote_segments;
	only.remote_segments = m->remote_segments;
	only.n_tap_types = m->n_tap_types;
	only.tap_types = m->tap_types;
	only.n_skip_interface = m->n_skip_interface;
	only.skip_interface = m->skip_interface;
	to->v = weir_sync_pack(&only.base, &to->n);
	return to->v != NULL;
}

int weir_sync_reply_trident(const Trident__SyncResponse *m, struct weir_sync_reply *to)
{
	to->status = m->status;
	if (m->revision != NULL)
		to->revision = m->revision;
	if (m->self_update_url != NULL)
		to->update_url = m->self_update_url;
	weir_sync_reply_table(to, WEIR_SYNC_PLATFORM, m->version_platform_data,
			      m->has_platform_data, &m->platform_data);
	weir_sync_reply_table(to, WEIR_SYNC_ACLS, m->version_acls, m->has_flow_acls, &m->flow_acls);
	weir_sync_reply_table(to, WEIR_SYNC_GROUPS, m->version_groups, m->has_groups, &m->groups);
	if (!places(m, &to->places))
		return -ENOMEM;
	if (m->config == NULL)
		return 0;
	to->has_dynamic = true;
	dynamic(m->config, &to->dynamic);
	to->config = weir_sync_config_text(m->config);
	return to->config != NULL ? 0 : -ENOMEM;
}
