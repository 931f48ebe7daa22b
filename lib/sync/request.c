/* SPDX-License-Identifier: Apache-2.0 */
/* SyncRequest, in both dialects. */
#include "codec.h"

/* protobuf-c has no const texts; these are only packed. An empty one is as one that is not there. */
static char *text(const char *s)
{
	return s != NULL && s[0] != '\0' ? (char *)(uintptr_t)s : NULL;
}

static int watch_policy(const struct weir_sync_ask *a)
{
	if (a->watch_only)
		return AGENT__KUBERNETES_WATCH_POLICY__KWP_WATCH_ONLY;
	return a->watch_disabled ? AGENT__KUBERNETES_WATCH_POLICY__KWP_WATCH_DISABLED
				 : AGENT__KUBERNETES_WATCH_POLICY__KWP_NORMAL;
}

#define TEXT(field, from) m->field = text(a->from);
#define NUMBER(field, from)    \
	m->has_##field = true; \
	m->field = a->from;

static void make_agent(const struct weir_sync_ask *a, Agent__SyncRequest *m)
{
	agent__sync_request__init(m);
#include "request.def"
	m->has_state = true;
	m->state = AGENT__STATE__RUNNING;
	m->agent_group_id_request = text(a->group);
	m->exception_description = text(a->exception_text);
	m->kubernetes_cluster_md5 = text(a->cluster_md5);
	m->n_host_ips = a->host_ips_n;
	m->host_ips = a->host_ips;
	m->has_kubernetes_watch_policy = true;
	m->kubernetes_watch_policy = (Agent__KubernetesWatchPolicy)watch_policy(a);
	m->has_current_grpc_buffer_size = true;
	m->current_grpc_buffer_size = a->buffer_bytes;
}

#define TEXT(field, from) m->field = text(a->from);
#define NUMBER(field, from)    \
	m->has_##field = true; \
	m->field = a->from;

static void make_trident(const struct weir_sync_ask *a, Trident__SyncRequest *m)
{
	trident__sync_request__init(m);
#include "request.def"
	m->has_state = true;
	m->state = TRIDENT__STATE__RUNNING;
	m->vtap_group_id_request = text(a->group);
	m->n_host_ips = a->host_ips_n;
	m->host_ips = a->host_ips;
	m->has_tap_mode = true; /* older agents always say LOCAL */
	m->tap_mode = TRIDENT__TAP_MODE__LOCAL;
	m->has_kubernetes_watch_policy = true;
	m->kubernetes_watch_policy = (Trident__KubernetesWatchPolicy)watch_policy(a);
}

const ProtobufCMessage *weir_sync_request_make(enum weir_sync_dialect dialect,
					       const struct weir_sync_ask *ask,
					       union weir_sync_request *to)
{
	if (dialect == WEIR_SYNC_AGENT)
		make_agent(ask, &to->agent);
	else
		make_trident(ask, &to->trident);
	return &to->base;
}
