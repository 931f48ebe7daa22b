/* SPDX-License-Identifier: Apache-2.0 */
/* In a pod without an id of its cluster: asked of the controller, before anything else. */
#include "session.h"

#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>

#define CA_PATH      "/run/secrets/kubernetes.io/serviceaccount/ca.crt"
#define CA_BYTES_MAX (1U << 20)
#define AGAIN        (60 * WEIR_NS_PER_S)

/* The controller knows a cluster by its CA. */
static bool md5_read(char hex[33])
{
	unsigned char md5[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	char *text = NULL;
	size_t len = 0;
	bool ok;

	if (weir_sync_file_read(CA_PATH, CA_BYTES_MAX, &text, &len) != 0)
		return false;
	ok = EVP_Digest(text, len, md5, &n, EVP_md5(), NULL) == 1 && n == 16;
	for (unsigned int i = 0; ok && i < n; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", md5[i]);
	free(text);
	return ok;
}

static void on_answer(struct weir_rpc_call *call, const ProtobufCMessage *m, void *user)
{
	struct weir_sync *s = user;
	const char *id, *error;

	if (s->cluster != call)
		return;
	if (s->dialect == WEIR_SYNC_AGENT) {
		id = ((const Agent__KubernetesClusterIDResponse *)m)->cluster_id;
		error = ((const Agent__KubernetesClusterIDResponse *)m)->error_msg;
	} else {
		id = ((const Trident__KubernetesClusterIDResponse *)m)->cluster_id;
		error = ((const Trident__KubernetesClusterIDResponse *)m)->error_msg;
	}
	if (error != NULL && error[0] != '\0')
		weir_sync_say(s, "controller %s: id of the cluster: %.200s", s->server, error);
	else if (id != NULL)
		weir_sync_copy(s->cluster_id, sizeof(s->cluster_id), id);
}

static void on_end(struct weir_rpc_call *call, int status, const char *why, void *user)
{
	struct weir_sync *s = user;

	if (s->cluster != call)
		return;
	s->cluster = NULL;
	if (s->cluster_id[0] != '\0') {
		weir_log_about(WEIR_LOG_INFO, "controller", s->server, "this cluster is %s",
			       s->cluster_id);
		weir_sync_soon(s, 0);
		return;
	}
	if (status == WEIR_RPC_UNIMPLEMENTED && weir_sync_unspoken(s))
		return;
	weir_sync_event(s, WEIR_SYNC_ON_FAILED);
	if (status != WEIR_RPC_OK)
		weir_sync_say(s, "controller %s: id of the cluster: %s: %s", s->server,
			      weir_rpc_status_name(status), why);
	weir_sync_soon(s, weir_sync_or(s->o.retry_most_ns, AGAIN));
}

void weir_sync_cluster_ask(struct weir_sync *s)
{
	Agent__KubernetesClusterIDRequest agent = AGENT__KUBERNETES_CLUSTER_IDREQUEST__INIT;
	Trident__KubernetesClusterIDRequest trident = TRIDENT__KUBERNETES_CLUSTER_IDREQUEST__INIT;
	char path[64];
	struct weir_rpc_request rq = {
		.path = weir_sync_path(s, "GetKubernetesClusterID", path),
		.message = s->dialect == WEIR_SYNC_AGENT ? &agent.base : &trident.base,
		.answer = s->dialect == WEIR_SYNC_AGENT
				  ? &agent__kubernetes_cluster_idresponse__descriptor
				  : &trident__kubernetes_cluster_idresponse__descriptor,
		.budget_bytes = 65536,
		.timeout_ms = s->o.call_ms != 0 ? s->o.call_ms : 30000,
		.message_in = on_answer,
		.end = on_end,
	};

	if (s->cluster != NULL)
		return;
	if (!md5_read(s->cluster_md5)) {
		weir_sync_say(s, CA_PATH ": cannot be read; the cluster stays unknown");
		weir_sync_soon(s, AGAIN);
		return;
	}
	agent.ca_md5 = trident.ca_md5 = s->cluster_md5;
	agent.team_id = trident.team_id = s->boot.team_id;
	if (s->boot.kubernetes_cluster_name[0] != '\0')
		agent.kubernetes_cluster_name = trident.kubernetes_cluster_name =
			s->boot.kubernetes_cluster_name;
	s->cluster = weir_rpc_call_start(s->channel, &rq, s);
}
