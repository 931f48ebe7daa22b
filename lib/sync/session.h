/* SPDX-License-Identifier: Apache-2.0 */
/* The session's parts, as they see each other. */
#ifndef SESSION_H
#define SESSION_H

#include "codec.h"
#include "sync_priv.h"

#include <weir_rpc.h>

struct event;
struct evdns_base;
struct evdns_getaddrinfo_request;

#define BUFFER_MIN (5U << 20)
#define BUFFER_MAX (1024U << 20)
/* Memory an answer may take, unpacked: segments, all that is unpacked in it, take 6 bytes for one that came. */
#define BUDGET_TIMES 16
#define BUDGET_MOST  (1024U << 20)

/* Name servers, and how many look-ups they are asked for: they live until the last one has ended. */
struct names {
	struct event_base *base;
	struct evdns_base *dns;
	unsigned int asked;
};

/* A look-up under way: it may outlive the session. */
struct resolve {
	struct weir_sync *session; /* NULL: it is gone */
	struct names *names;
	struct evdns_getaddrinfo_request *asked;
	uint32_t at; /* number of the controller */
};

struct weir_sync {
	struct weir_sync_options o;
	struct weir_sync_boot boot;
	struct weir_sync_env env;
	struct weir_rpc *rpc;
	struct names *names;
	bool dns_stale; /* a name was not found: name servers may be others now */
	struct event *second, *sync_at, *push_at, *genesis_at;

	/* who we are */
	struct weir_sync_identity id;
	struct weir_sync_host host;
	struct weir_sync_links links;
	char **host_ips;
	size_t host_ips_n;
	bool identified;
	char cluster_id[64], cluster_md5[33];
	uint32_t boot_time_s;
	int64_t clock_offset_s;
	bool clock_known;
	uint64_t ntp_mark, ntp_sent_ns;

	/* who we speak with */
	char address[WEIR_SYNC_CONTROLLERS_MAX][WEIR_SYNC_ADDRESS_MAX]; /* "" = not known yet */
	struct resolve *resolves[WEIR_SYNC_CONTROLLERS_MAX];            /* NULL = none under way */
	uint64_t seconds;
	struct weir_sync_choice choice;
	char server[300];
	struct weir_rpc_channel *channel;
	size_t buffer_bytes;
	uint32_t buffer_mib; /* as configured */
	enum weir_sync_dialect dialect;
	enum weir_sync_state state;
	unsigned int failures; /* in a row */
	uint64_t heard_ns;     /* monotonic; 0 = never */
	char error[400];

	/* calls under way */
	struct weir_rpc_call *sync, *push, *ntp, *genesis, *cluster;
	bool sync_answered, sync_config; /* of the Sync under way: answered, with a configuration */
	enum weir_sync_status sync_status;
	bool again; /* there is more to be had at once */
	bool push_failed;
	uint64_t taken_exceptions, reported_exceptions;

	/* what holds */
	struct weir_sync_kept kept;      /* what is in force, as it is kept */
	struct weir_sync_keeper *keeper; /* NULL: it is not kept */
	bool kept_dirty, from_disk, config_refused;
	uint64_t kept_ns; /* written last */
	char *refused;    /* the text that was */
	uint64_t revision;
	struct weir_sync_escape escape;
	bool enabled, escaped; /* as was said */
	char update[128];      /* revision that a server wanted, and was told of */
	/* of the configuration */
	uint64_t interval_ns, escape_ns, genesis_ns, min_drift_ns, max_drift_ns;
	bool ntp_on, proxy_in_config, proxy_named; /* named: by who is in use */
	char proxy[WEIR_SYNC_NAME_MAX + 1];
	uint32_t proxy_port;

	/* GenesisSync */
	uint64_t genesis_version, genesis_theirs, genesis_print;

	struct {
		uint64_t syncs, failures, pushes, accepted, refused;
	} n;
};

uint64_t weir_sync_or(uint64_t given, uint64_t usual);
void weir_sync_at(struct event *e, uint64_t in_ns);
void weir_sync_say(struct weir_sync *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *weir_sync_path(const struct weir_sync *s, const char *method, char to[64]);
const ProtobufCMessage *weir_sync_ask_make(struct weir_sync *s, union weir_sync_request *to);

/* session.c: have a Sync in `in_ns`; what the one under way was to tell is not told. */
void weir_sync_soon(struct weir_sync *s, uint64_t in_ns);
void weir_sync_untold(struct weir_sync *s);
void weir_sync_event(struct weir_sync *s, enum weir_sync_event what); /* the state is another */
/* The server does not speak our dialect: it is asked in the other one at once. False: that was tried. */
bool weir_sync_unspoken(struct weir_sync *s);

/* server.c */
bool weir_sync_server_choose(struct weir_sync *s); /* false: there is none to call now */
void weir_sync_server_reset(struct weir_sync *s);
void weir_sync_resolve_start(struct weir_sync *s);
void weir_sync_resolve_again(struct weir_sync *s);
void weir_sync_resolve_stop(struct weir_sync *s);
bool weir_sync_identify(
	struct weir_sync *s); /* false: what is held is of an earlier time, or none */

/* apply.c */
void weir_sync_apply(struct weir_sync *s, const ProtobufCMessage *m, bool pushed,
		     enum weir_sync_status *status, bool *with_config);
void weir_sync_kept_load(struct weir_sync *s);
void weir_sync_kept_store(struct weir_sync *s, bool now);
void weir_sync_capture_look(struct weir_sync *s);

/* push.c, genesis.c, query.c, cluster.c */
void weir_sync_push_open(struct weir_sync *s);
void weir_sync_push_close(struct weir_sync *s);
void weir_sync_genesis_send(struct weir_sync *s);
void weir_sync_genesis_agent(struct weir_sync *s);
void weir_sync_genesis_trident(struct weir_sync *s);
void weir_sync_ntp_ask(struct weir_sync *s);
void weir_sync_cluster_ask(struct weir_sync *s);

#endif
