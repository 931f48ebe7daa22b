/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both dialects say in the same words, under types and numbers of their own: included once for each, which says
 * how its types (T), functions (F) and initialisers (INIT_...) are called, and the words that differ.
 */
#include "serve_priv.h"

#include <stdlib.h>

#define KIB           ((size_t)1 << 10)
#define MIB           ((size_t)1 << 20)
#define SYNC_BYTES    (256 * KIB)
#define SMALL_BYTES   (64 * KIB)
#define GENESIS_BYTES (64 * MIB)
#define CLUSTER_BYTES (256 * MIB) /* a snapshot of 100 MiB, and what it takes to hold it */
#define PATH(method)  "/" PACKAGE ".Synchronizer/" method

static void hello_of(const ProtobufCMessage *message, struct serve_hello *to)
{
	const T(SyncRequest) *m = (const T(SyncRequest) *)message;

	*to = (struct serve_hello){
		.site = {
			.trident = TRIDENT,
			.ctrl_ip = m->ctrl_ip,
			.ctrl_mac = m->ctrl_mac,
			.by_ip = m->agent_unique_identifier == 2,
			.group_request = m->GROUP_REQUEST,
			.cluster_name = m->kubernetes_cluster_name,
			.host_ips = (const char *const *)m->host_ips,
			.n_host_ips = m->n_host_ips,
			.force_watch = m->kubernetes_force_watch,
			.watch_policy = (uint32_t)m->kubernetes_watch_policy,
			.facts = {
				.host = m->host,
				.process_name = m->process_name,
				.revision = m->revision,
				.k8s_image = m->current_k8s_image,
				.arch = m->arch,
				.os = m->os,
				.kernel = m->kernel_version,
				.cluster_id = m->kubernetes_cluster_id,
				.boot_s = m->boot_time,
				.cpus = m->cpu_num,
				.memory_bytes = m->memory_size,
				.exceptions = m->exception,
			},
		},
		.held = {
			.platform = m->version_platform_data,
			.acls = m->version_acls,
			.groups = m->version_groups,
		},
	};
	HELLO_MORE(m, to);
}

static void on_sync(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	struct serve_hello h;

	hello_of(m, &h);
	serve_sync(st, &h);
}

static void on_push(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	struct serve_hello h;

	hello_of(m, &h);
	serve_push_open(st, &h);
}

/* ---- files, time ---- */

bool PIECE(struct weir_rpc_stream *st, const struct serve_piece *p)
{
	T(UpgradeResponse) m = INIT_UPGRADE_RESPONSE;

	m.has_status = true;
	m.status = p->failed ? F(STATUS__FAILED) : F(STATUS__SUCCESS);
	if (p->failed)
		return weir_rpc_stream_send(st, &m.base);
	m.has_content = m.has_total_len = m.has_pkt_count = true;
	m.content = (ProtobufCBinaryData){ p->n, (uint8_t *)(uintptr_t)p->bytes };
	m.md5 = (char *)(uintptr_t)p->md5;
	m.total_len = p->total;
	m.pkt_count = p->pieces;
	if (p->k8s_image[0] != '\0')
		m.k8s_image = (char *)(uintptr_t)p->k8s_image;
	return weir_rpc_stream_send(st, &m.base);
}

static void on_upgrade(struct weir_rpc_stream *st, const ProtobufCMessage *message)
{
	const T(UpgradeRequest) *m = (const T(UpgradeRequest) *)message;

	serve_upgrade(st, &(struct serve_asker){ m->ctrl_ip, m->ctrl_mac }, PIECE);
}

/* None is kept here. */
static void on_plugin(struct weir_rpc_stream *st, const ProtobufCMessage *message)
{
	T(PluginResponse) m = INIT_PLUGIN_RESPONSE;

	(void)message;
	m.has_status = true;
	m.status = F(STATUS__FAILED);
	weir_rpc_stream_answer(st, &m.base);
}

static void answer_time(struct weir_rpc_stream *st, const uint8_t *answer, size_t n)
{
	T(NtpResponse) m = INIT_NTP_RESPONSE;

	m.has_response = answer != NULL;
	m.response = (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)answer };
	weir_rpc_stream_answer(st, &m.base);
}

static void on_query(struct weir_rpc_stream *st, const ProtobufCMessage *message)
{
	const T(NtpRequest) *m = (const T(NtpRequest) *)message;

	serve_query(st, m->request.data, m->request.len, answer_time);
}

/* ---- reports ---- */

/* A part of a message in bytes again: the rooms above know no dialect. free(); NULL: not there, or no memory. */
static uint8_t *packed(const ProtobufCMessage *m, size_t *n)
{
	uint8_t *bytes;

	*n = 0;
	if (m == NULL)
		return NULL;
	*n = protobuf_c_message_get_packed_size(m);
	bytes = malloc(*n + 1);
	if (bytes != NULL)
		protobuf_c_message_pack(m, bytes);
	return bytes;
}

static void on_genesis(struct weir_rpc_stream *st, const ProtobufCMessage *message)
{
	const T(GenesisSyncRequest) *m = (const T(GenesisSyncRequest) *)message;
	T(GenesisSyncResponse) answer = INIT_GENESIS_RESPONSE;
	struct serve_genesis g = { .agent_id = m->AGENT_ID };
	const ProtobufCMessage *platform = m->platform_data != NULL ? &m->platform_data->base
								    : NULL;
	uint8_t *bytes = packed(platform, &g.g.platform_len);

	g.g.version = m->version;
	g.g.cluster_id = m->kubernetes_cluster_id;
	g.g.platform = bytes;
	GENESIS_WHO(m, &g);
	answer.has_version = true;
	if (serve_genesis(st, &g, &answer.version))
		weir_rpc_stream_answer(st, &answer.base);
	free(bytes);
}

static void on_cluster(struct weir_rpc_stream *st, const ProtobufCMessage *message)
{
	const T(KubernetesAPISyncRequest) *m = (const T(KubernetesAPISyncRequest) *)message;
	T(KubernetesAPISyncResponse) answer = INIT_CLUSTER_RESPONSE;
	struct inventory_cluster_entry *entries = calloc(m->n_entries + 1, sizeof(*entries));
	struct inventory_cluster c = {
		.cluster_id = m->cluster_id,
		.error = m->error_msg,
		.source_ip = m->source_ip,
		.version = m->version,
		.agent_id = m->AGENT_ID,
		.entries = entries,
		.n_entries = m->n_entries,
	};

	if (entries == NULL) {
		weir_rpc_stream_finish(st, WEIR_RPC_RESOURCE_EXHAUSTED, "no memory");
		return;
	}
	for (size_t i = 0; i < m->n_entries; i++)
		entries[i] = (struct inventory_cluster_entry){
			.type = m->entries[i]->type,
			.zipped = m->entries[i]->compressed_info.data,
			.n = m->entries[i]->compressed_info.len,
		};
	if (serve_cluster(st, &c, &answer.version)) {
		answer.has_version = answer.version != 0;
		weir_rpc_stream_answer(st, &answer.base);
	}
	free(entries);
}

static void on_cluster_id(struct weir_rpc_stream *st, const ProtobufCMessage *message)
{
	const T(KubernetesClusterIDRequest) *m = (const T(KubernetesClusterIDRequest) *)message;
	T(KubernetesClusterIDResponse) answer = INIT_CLUSTER_ID_RESPONSE;
	struct weir_err err = { 0 };
	char id[13];

	if (!serve_admits(st))
		return;
	if (site_cluster_of(serve_of(st)->o.site, m->ca_md5 != NULL ? m->ca_md5 : "",
			    m->kubernetes_cluster_name, id, &err) == 0)
		answer.cluster_id = id;
	else
		answer.error_msg = err.msg;
	weir_rpc_stream_answer(st, &answer.base);
}

/* Processes have no number of the site here: no entry is what an agent that asks for them is told. */
static void on_processes(struct weir_rpc_stream *st, const ProtobufCMessage *message)
{
	T(GPIDSyncResponse) m = INIT_GPID_RESPONSE;

	(void)message;
	weir_rpc_stream_answer(st, &m.base);
}

/* ---- commands: none are given ---- */

static void on_execute(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	(void)st;
	(void)m;
}

static void on_execute_message(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	if (m == NULL)
		weir_rpc_stream_finish(st, WEIR_RPC_OK, NULL);
}

const struct weir_rpc_method METHODS[SERVE_METHODS] = {
	{ .path = PATH("Sync"),
	  .request = &F(sync_request__descriptor),
	  .budget_bytes = SYNC_BYTES,
	  .open = on_sync },
	{ .path = PATH("Push"),
	  .request = &F(sync_request__descriptor),
	  .budget_bytes = SYNC_BYTES,
	  .endless = true,
	  .open = on_push,
	  .room = serve_push_room,
	  .closed = serve_push_closed },
	{ .path = PATH("Upgrade"),
	  .request = &F(upgrade_request__descriptor),
	  .budget_bytes = SMALL_BYTES,
	  .open = on_upgrade,
	  .room = serve_upgrade_room,
	  .closed = serve_upgrade_closed },
	{ .path = PATH("Query"),
	  .request = &F(ntp_request__descriptor),
	  .budget_bytes = SMALL_BYTES,
	  .open = on_query,
	  .closed = serve_query_closed },
	{ .path = PATH("GenesisSync"),
	  .request = &F(genesis_sync_request__descriptor),
	  .budget_bytes = GENESIS_BYTES,
	  .open = on_genesis },
	{ .path = PATH("KubernetesAPISync"),
	  .request = &F(kubernetes_apisync_request__descriptor),
	  .budget_bytes = CLUSTER_BYTES,
	  .open = on_cluster },
	{ .path = PATH("GetKubernetesClusterID"),
	  .request = &F(kubernetes_cluster_idrequest__descriptor),
	  .budget_bytes = SMALL_BYTES,
	  .open = on_cluster_id },
	{ .path = PATH("GPIDSync"),
	  .request = &F(gpidsync_request__descriptor),
	  .budget_bytes = GENESIS_BYTES,
	  .open = on_processes },
	{ .path = PATH("Plugin"),
	  .request = &F(plugin_request__descriptor),
	  .budget_bytes = SMALL_BYTES,
	  .open = on_plugin },
	{ .path = PATH("RemoteExecute"),
	  .request = &F(remote_exec_response__descriptor),
	  .budget_bytes = GENESIS_BYTES,
	  .sends = true,
	  .endless = true,
	  .open = on_execute,
	  .message_in = on_execute_message },
};
