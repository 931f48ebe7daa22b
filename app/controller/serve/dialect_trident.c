/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of trident.proto. */
#include <trident.pb-c.h>

#define T(name)                  Trident__##name
#define F(name)                  trident__##name
#define TRIDENT                  true
#define PACKAGE                  "trident"
#define METHODS                  serve_methods_trident
#define PIECE                    serve_piece_trident
#define GROUP_REQUEST            vtap_group_id_request
#define AGENT_ID                 vtap_id
#define trident__STATUS__SUCCESS TRIDENT__STATUS__SUCCESS
#define trident__STATUS__FAILED  TRIDENT__STATUS__FAILED
#define INIT_UPGRADE_RESPONSE    TRIDENT__UPGRADE_RESPONSE__INIT
#define INIT_PLUGIN_RESPONSE     TRIDENT__PLUGIN_RESPONSE__INIT
#define INIT_NTP_RESPONSE        TRIDENT__NTP_RESPONSE__INIT
#define INIT_GENESIS_RESPONSE    TRIDENT__GENESIS_SYNC_RESPONSE__INIT
#define INIT_CLUSTER_RESPONSE    TRIDENT__KUBERNETES_APISYNC_RESPONSE__INIT
#define INIT_CLUSTER_ID_RESPONSE TRIDENT__KUBERNETES_CLUSTER_IDRESPONSE__INIT
#define INIT_GPID_RESPONSE       TRIDENT__GPIDSYNC_RESPONSE__INIT
#define HELLO_MORE(m, to)        ((void)(to))
#define GENESIS_WHO(m, to)       ((to)->g.ctrl_ip = (m)->source_ip)

#include "dialect.h"

/* What is the agent's own. It lies behind the group's in one message: of a field that comes twice the last one counts. */
static void own(const struct serve_answer *a, Trident__Config *c)
{
	c->has_enabled = c->has_kubernetes_api_enabled = true;
	c->enabled = a->enabled;
	c->kubernetes_api_enabled = a->watch;
	c->has_trident_type = a->type != 0;
	c->trident_type = (Trident__TridentType)a->type;
	if (!a->known)
		return;
	c->has_vtap_id = c->has_epc_id = c->has_pod_cluster_id = c->has_region_id = true;
	c->vtap_id = a->agent_id;
	c->epc_id = a->vpc;
	c->pod_cluster_id = a->pod_cluster;
	c->region_id = SITE_REGION;
	c->has_team_id = c->has_organize_id = true;
	c->team_id = c->organize_id = 1;
	c->host = (char *)(uintptr_t)a->host;
}

static void versions(const struct serve_answer *a, Trident__SyncResponse *m)
{
	m->has_version_platform_data = m->has_version_acls = m->has_version_groups = true;
	m->version_platform_data = a->versions.platform;
	m->version_acls = a->versions.acls;
	m->version_groups = a->versions.groups;
	m->has_flow_acls = a->send_acls;
	m->has_groups = a->send_groups;
}

static size_t varint(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (uint8_t)(v | 0x80);
	p[n++] = (uint8_t)v;
	return n;
}

#define CONFIG_KEY (2 << 3 | 2) /* field 2, a message */
#define KEY_MAX    11           /* it, and the length */

/* The field `config`: the group's bytes as they are, and the agent's own. */
static size_t put_config(uint8_t *p, const struct config_compiled *group,
			 const Trident__Config *mine)
{
	const size_t n = trident__config__get_packed_size(mine);
	size_t at = 0;

	p[at++] = CONFIG_KEY;
	at += varint(p + at, group->trident_len + n);
	memcpy(p + at, group->trident, group->trident_len);
	at += group->trident_len;
	return at + trident__config__pack(mine, p + at);
}

struct weir_rpc_packed *serve_head_trident(struct serve *s, const struct serve_answer *a)
{
	Trident__SyncResponse m = TRIDENT__SYNC_RESPONSE__INIT;
	Trident__Config mine = TRIDENT__CONFIG__INIT;
	uint8_t *bytes;
	size_t n;

	m.has_status = true;
	m.status = a->failed ? TRIDENT__STATUS__FAILED : TRIDENT__STATUS__SUCCESS;
	if (a->failed)
		return weir_rpc_packed_create(&m.base);
	own(a, &mine);
	if (a->revision[0] != '\0') {
		m.revision = (char *)(uintptr_t)a->revision;
		m.self_update_url = (char *)(uintptr_t) "grpc";
	}
	if (a->tables)
		versions(a, &m);
	n = trident__sync_response__get_packed_size(&m);
	bytes = malloc(n + KEY_MAX + a->config->trident_len +
		       trident__config__get_packed_size(&mine));
	if (bytes == NULL)
		return NULL;
	trident__sync_response__pack(&m, bytes);
	n += put_config(bytes + n, a->config, &mine);
	return weir_rpc_packed_lend(s->rpc, bytes, n, free, bytes);
}
