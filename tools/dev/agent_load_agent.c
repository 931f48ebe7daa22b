/* SPDX-License-Identifier: Apache-2.0 */
/* One agent of a load: Sync at its interval, a Push that stays open, GenesisSync; tables by the rules of versions. */
#include "agent_load.h"

#include <event2/event.h>

#include <agent.pb-c.h>
#include <stdlib.h>
#include <trident.pb-c.h>

#define ROOM_BYTES ((size_t)256 << 20)

/* What an answer of either dialect says. */
struct answer {
	int status;
	bool partial;
	uint64_t config;
	uint32_t id;
	struct table {
		uint64_t version;
		bool sent;
	} platform, acls, groups;
};

static uint64_t hash(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void read_agent(const Agent__SyncResponse *m, struct answer *a)
{
	a->status = (int)m->status;
	a->partial = m->only_partial_fields;
	a->config = hash(m->user_config.data, m->user_config.len);
	a->id = m->dynamic_config != NULL ? m->dynamic_config->agent_id : 0;
	a->platform = (struct table){ m->version_platform_data, m->has_platform_data };
	a->acls = (struct table){ m->version_acls, m->has_flow_acls };
	a->groups = (struct table){ m->version_groups, m->has_groups };
}

static void read_trident(const Trident__SyncResponse *m, struct answer *a)
{
	uint8_t *bytes = NULL;
	size_t n = 0;

	if (m->config != NULL) {
		bytes = malloc(trident__config__get_packed_size(m->config) + 1);
		n = bytes != NULL ? trident__config__pack(m->config, bytes) : 0;
		a->id = m->config->vtap_id;
	}
	a->status = (int)m->status;
	a->config = hash(bytes, n);
	free(bytes);
	a->platform = (struct table){ m->version_platform_data, m->has_platform_data };
	a->acls = (struct table){ m->version_acls, m->has_flow_acls };
	a->groups = (struct table){ m->version_groups, m->has_groups };
}

/* Control plane, 1.6: another version without bytes is an empty table. */
static bool take_table(struct sim *s, uint64_t *held, const struct table *t)
{
	if (t->version == 0 || t->version == *held)
		return false;
	if (!t->sent)
		s->load->wiped++;
	*held = t->version;
	return t->sent;
}

static void heard(struct sim *s)
{
	struct load *l = s->load;

	if (!s->awaits)
		return;
	s->awaits = false;
	l->awaited--;
	times_add(&l->change, weir_clock_mono_ns() - l->changed_ns);
}

static void take(struct sim *s, const ProtobufCMessage *m, bool pushed)
{
	struct load *l = s->load;
	struct answer a = { 0 };
	bool platform;

	if (s->trident)
		read_trident((const Trident__SyncResponse *)m, &a);
	else
		read_agent((const Agent__SyncResponse *)m, &a);
	l->bytes += protobuf_c_message_get_packed_size(m);
	if (a.status != 0) {
		l->denied++;
		return;
	}
	if (pushed && s->platform == 0 && s->acls == 0 && s->groups == 0)
		return; /* the first tables come by Sync */
	if (a.id != 0)
		s->id = a.id;
	if (!l->awaits_tables && a.config != s->config && s->config != 0)
		heard(s);
	s->config = a.config;
	if (a.partial)
		return;
	platform = take_table(s, &s->platform, &a.platform);
	l->tables += platform;
	if (l->awaits_tables && platform)
		heard(s);
	take_table(s, &s->acls, &a.acls);
	take_table(s, &s->groups, &a.groups);
}

/* ---- calls ---- */

static const char *path(const struct sim *s, const char *method, char to[64])
{
	snprintf(to, 64, "/%s.Synchronizer/%s", s->trident ? "trident" : "agent", method);
	return to;
}

/* Fields that are called the same in both dialects. */
#define HELLO(m, s)                                                            \
	do {                                                                   \
		(m)->has_boot_time = true;                                     \
		(m)->boot_time = 1700000000 + (s)->number;                     \
		(m)->has_state = true;                                         \
		(m)->state = 2; /* RUNNING */                                  \
		(m)->revision = (char *)(uintptr_t) "main 1-0000000";          \
		(m)->process_name = (char *)(uintptr_t) "agent_load";          \
		(m)->has_version_platform_data = (m)->has_version_acls = true; \
		(m)->has_version_groups = true;                                \
		(m)->version_platform_data = (s)->platform;                    \
		(m)->version_acls = (s)->acls;                                 \
		(m)->version_groups = (s)->groups;                             \
		(m)->ctrl_ip = (s)->ip;                                        \
		(m)->ctrl_mac = (s)->mac;                                      \
		(m)->host = (s)->host;                                         \
		(m)->has_cpu_num = (m)->has_memory_size = true;                \
		(m)->cpu_num = 2;                                              \
		(m)->memory_size = UINT64_C(4) << 30;                          \
		(m)->arch = (char *)(uintptr_t) "x86_64";                      \
		(m)->os = (char *)(uintptr_t) "Debian 12";                     \
		(m)->kernel_version = (char *)(uintptr_t) "6.1.0";             \
	} while (0)

union hello {
	Agent__SyncRequest agent;
	Trident__SyncRequest trident;
};

static const ProtobufCMessage *hello(const struct sim *s, union hello *h)
{
	struct sim *mine = (struct sim *)(uintptr_t)s;

	if (s->trident) {
		trident__sync_request__init(&h->trident);
		HELLO(&h->trident, mine);
		h->trident.vtap_group_id_request = (char *)(uintptr_t)s->load->group;
		return &h->trident.base;
	}
	agent__sync_request__init(&h->agent);
	HELLO(&h->agent, mine);
	h->agent.agent_group_id_request = (char *)(uintptr_t)s->load->group;
	h->agent.has_current_grpc_buffer_size = true;
	h->agent.current_grpc_buffer_size = ROOM_BYTES;
	return &h->agent.base;
}

static const ProtobufCMessageDescriptor *response(const struct sim *s)
{
	return s->trident ? &trident__sync_response__descriptor : &agent__sync_response__descriptor;
}

/* `ev` NULL: all ends. */
static void later(struct event *ev, double seconds)
{
	const struct timeval t = { (time_t)seconds,
				   (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6) };

	if (ev != NULL)
		event_add(ev, &t);
}

static double random_part(void)
{
	return (double)(weir_random_u64() >> 11) / (double)(UINT64_C(1) << 53);
}

static void on_push(struct weir_rpc_call *call, const ProtobufCMessage *m, void *user)
{
	struct sim *s = user;

	(void)call;
	take(s, m, true);
	s->load->pushes++;
	s->load->streaming += !s->streaming;
	s->streaming = true;
}

static void on_push_end(struct weir_rpc_call *call, int status, const char *why, void *user)
{
	struct sim *s = user;

	(void)call;
	(void)status;
	(void)why;
	s->push = NULL;
	s->load->streaming -= s->streaming;
	s->streaming = false;
	s->load->ended++;
	if (!s->asks)
		later(s->sync, random_part()); /* and then it is opened again */
}

static void push_open(struct sim *s)
{
	union hello h;
	char to[64];
	const struct weir_rpc_request rq = {
		.path = path(s, "Push", to),
		.message = hello(s, &h),
		.answer = response(s),
		.budget_bytes = 2 * ROOM_BYTES,
		.timeout_ms = -1,
		.streams = true,
		.message_in = on_push,
		.end = on_push_end,
	};

	s->push = weir_rpc_call_start(s->channel, &rq, s);
}

static void on_sync(struct weir_rpc_call *call, const ProtobufCMessage *m, void *user)
{
	struct sim *s = user;
	struct load *l = s->load;

	(void)call;
	l->syncs++;
	if (l->measures)
		times_add(&l->sync, weir_clock_mono_ns() - s->asked_ns);
	take(s, m, false);
	l->synced += !s->synced;
	s->synced = true;
}

static void on_sync_end(struct weir_rpc_call *call, int status, const char *why, void *user)
{
	struct sim *s = user;
	struct load *l = s->load;

	(void)call;
	s->asks = false;
	if (status == WEIR_RPC_OK) {
		later(s->sync, l->measures ? l->interval_s : l->interval_s * random_part());
		if (l->push && s->push == NULL)
			push_open(s);
		if (l->interfaces > 0 && !event_pending(s->report, EV_TIMEOUT, NULL))
			later(s->report, 0);
		return;
	}
	if (l->failed[status < 17 ? status : 2]++ == 0)
		fprintf(stderr, "agent_load: Sync: %s: %s\n", weir_rpc_status_name(status), why);
	later(s->sync, 1 + random_part());
}

static void on_sync_time(evutil_socket_t fd, short what, void *arg)
{
	struct sim *s = arg;
	union hello h;
	char to[64];
	const struct weir_rpc_request rq = {
		.path = path(s, "Sync", to),
		.message = hello(s, &h),
		.answer = response(s),
		.budget_bytes = 2 * ROOM_BYTES,
		.timeout_ms = 30000,
		.message_in = on_sync,
		.end = on_sync_end,
	};

	(void)fd;
	(void)what;
	s->asks = true;
	s->asked_ns = weir_clock_mono_ns();
	weir_rpc_call_start(s->channel, &rq, s);
}

/* ---- GenesisSync ---- */

static void on_report_end(struct weir_rpc_call *call, int status, const char *why, void *user)
{
	struct load *l = ((struct sim *)user)->load;

	(void)call;
	if (status != WEIR_RPC_OK && l->unreported++ == 0)
		fprintf(stderr, "agent_load: GenesisSync: %s: %s\n", weir_rpc_status_name(status),
			why);
}

struct row {
	Agent__InterfaceInfo m;
	char name[24], address[24], *ip;
};

/* The part both dialects have under the same numbers. free() what comes back, and the list; NULL: no memory. */
static struct row *interfaces(const struct sim *s, Agent__GenesisPlatformData *to, uint32_t n)
{
	struct row *v = calloc(n, sizeof(*v));

	to->interfaces = calloc(n, sizeof(void *));
	for (uint32_t i = 0; v != NULL && to->interfaces != NULL && i < n; i++) {
		const uint32_t at = s->number * 4096 + i;

		agent__interface_info__init(&v[i].m);
		v[i].m.has_mac = v[i].m.has_tap_index = true;
		v[i].m.mac = UINT64_C(0x0a0000000000) + at;
		v[i].m.tap_index = i + 2;
		snprintf(v[i].name, sizeof(v[i].name), "eth%u", i);
		snprintf(v[i].address, sizeof(v[i].address), "%u.%u.%u.%u/24", 20 + (at >> 24),
			 at >> 16 & 255, at >> 8 & 255, at & 255);
		v[i].ip = v[i].address;
		v[i].m.name = v[i].name;
		v[i].m.n_ip = 1;
		v[i].m.ip = &v[i].ip;
		to->interfaces[i] = &v[i].m;
		to->n_interfaces++;
	}
	return v;
}

void sim_report(struct sim *s)
{
	Agent__GenesisPlatformData d = AGENT__GENESIS_PLATFORM_DATA__INIT;
	Agent__GenesisSyncRequest agent = AGENT__GENESIS_SYNC_REQUEST__INIT;
	Agent__AgentId id = AGENT__AGENT_ID__INIT;
	struct row *rows;
	char to[64];
	struct weir_rpc_request rq = {
		.path = path(s, "GenesisSync", to),
		.message = &agent.base,
		.answer = &agent__genesis_sync_response__descriptor,
		.timeout_ms = 30000,
		.end = on_report_end,
	};

	id.ip = s->ip;
	id.mac = s->mac;
	agent.agent_info = &id; /* a field of agent.proto alone: the other dialect skips it */
	agent.has_version = agent.has_agent_id = true;
	agent.version = 1700000000 + s->more_interfaces;
	agent.agent_id = s->id;
	agent.source_ip = s->ip;
	d.raw_hostname = s->host;
	agent.platform_data = &d;
	rows = interfaces(s, &d, s->load->interfaces + s->more_interfaces);
	weir_rpc_call_start(s->channel, &rq, s);
	free(rows);
	free(d.interfaces);
}

static void on_report_time(evutil_socket_t fd, short what, void *arg)
{
	struct sim *s = arg;

	(void)fd;
	(void)what;
	sim_report(s);
}

int sim_start(struct sim *s, struct weir_err *err)
{
	struct load *l = s->load;
	const struct weir_rpc_peer peer = { .target = l->target, .receive_max_bytes = ROOM_BYTES };
	const unsigned int n = s->number;

	s->trident = l->trident && (!l->agent || n % 2 == 1);
	snprintf(s->ip, sizeof(s->ip), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
	snprintf(s->mac, sizeof(s->mac), "02:00:%02x:%02x:%02x:%02x", n >> 24 & 255, n >> 16 & 255,
		 n >> 8 & 255, n & 255);
	snprintf(s->host, sizeof(s->host), "%s-%u", l->host, n);
	s->sync = evtimer_new(l->base, on_sync_time, s);
	s->report = evtimer_new(l->base, on_report_time, s);
	s->channel = weir_rpc_channel_open(l->rpc, &peer, err);
	if (s->channel == NULL || s->sync == NULL || s->report == NULL)
		return -1;
	later(s->sync, l->rate > 0 ? (double)n / l->rate : 0);
	return 0;
}

void sim_stop(struct sim *s)
{
	if (s->sync != NULL)
		event_free(s->sync);
	if (s->report != NULL)
		event_free(s->report);
	s->sync = s->report = NULL;
}
