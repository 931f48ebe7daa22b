/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session with a controller: settings, inventory and policies in, status out. It speaks both
 * dialects of DeepFlow's protocol (control plane, 1) and finds out by itself which one a server does.
 */
#ifndef WEIR_SYNC_H
#define WEIR_SYNC_H

#include "weir_sync_boot.h"

#include <weir_conf.h>
#include <weir_exception.h>
#include <weir_meta.h>
#include <weir_policy.h>

struct event_base;

enum weir_sync_dialect {
	WEIR_SYNC_AGENT,   /* agent.Synchronizer: servers from 6.6.9 on */
	WEIR_SYNC_TRIDENT, /* trident.Synchronizer: servers up to 6.6 */
};
const char *weir_sync_dialect_name(enum weir_sync_dialect dialect);

/* Tables of a controller. It gives all but the last a version. */
enum weir_sync_table {
	WEIR_SYNC_PLATFORM,
	WEIR_SYNC_ACLS,
	WEIR_SYNC_GROUPS,
	WEIR_SYNC_VERSIONS,
	WEIR_SYNC_PLACES = WEIR_SYNC_VERSIONS, /* segments and tap types */
	WEIR_SYNC_TABLES
};

/* What the controller says of this agent, beside its group's configuration. */
struct weir_sync_dynamic {
	bool enabled; /* else nothing is to be captured */
	bool kubernetes_api_enabled;
	uint32_t region_id, pod_cluster_id, vpc_id, agent_id, team_id, organize_id;
	uint32_t agent_type; /* enum weir_agent_type */
	char secret_key[128], hostname[256], group_id[64];
};

struct weir_sync_bytes {
	uint8_t *v;
	size_t n;
};

/*
 * Tables as they came, still packed, so that whoever builds does so on a thread of its own. Each is of
 * the dialect it came in.
 */
struct weir_sync_tables {
	struct weir_sync_part {
		enum weir_sync_dialect dialect;
		uint64_t version; /* 0 = nothing came yet, or it has none */
		struct weir_sync_bytes bytes;
	} part[WEIR_SYNC_TABLES];
};

/*
 * Unpack the tables and hand their rows to the builders (NULL: not wanted, nor looked at). Memory of at
 * most 64 times what came is used meanwhile. -EBADMSG with `err`: one of them is no such message, and the
 * builders are of no use; -ENOMEM. Any thread.
 */
int weir_sync_tables_build(const struct weir_sync_tables *t, struct weir_meta_builder *meta,
			   struct weir_policy_builder *policy, struct weir_err *err);

/*
 * Interfaces in which two platform data of one dialect differ, each as a message of its own: of `was`
 * those that are not in `is` as they were, of `is` those that were not there so. free() their bytes.
 * -EXDEV: more than `max` of them, or something else, differ, or their order; -EBADMSG, -ENOMEM. Any thread.
 */
int weir_sync_platform_diff(const struct weir_sync_bytes *was, const struct weir_sync_bytes *is,
			    size_t max, struct weir_sync_bytes *gone,
			    struct weir_sync_bytes *changed);

/* A copy of its own, NULL without memory; and its end (NULL is fine). */
struct weir_sync_tables *weir_sync_tables_copy(const struct weir_sync_tables *t);
void weir_sync_tables_free(struct weir_sync_tables *t);

/* ------------------------------------------------------------------ the session: the loop's thread */

struct weir_sync;

/* What the session tells its user, from the loop. All but `group` may be NULL; what is given is borrowed. */
struct weir_sync_handlers {
	/*
	 * Have this group configuration (YAML) in force. `origin` says for people who gave it. `taken`: it, as it was
	 * read; the session looks at it before it does anything else. Not 0, with `err`: it is refused, the one
	 * before it stays, and the controller is told.
	 */
	int (*group)(void *user, const char *yaml, size_t len, const char *origin,
		     uint64_t revision, const struct weir_group_conf **taken, struct weir_err *err);
	void (*dynamic)(void *user, const struct weir_sync_dynamic *d);
	/* Bits of `changed`: 1 << enum weir_sync_table. What cannot be built: weir_sync_table_refuse(). */
	void (*tables)(void *user, const struct weir_sync_tables *t, unsigned int changed);
	/* One of both has changed: nothing is to be captured unless `enabled` and not `escaped`. At first so. */
	void (*capture)(void *user, bool enabled, bool escaped);
	/* Seconds to add to this machine's clock for the controllers' time. */
	void (*clock)(void *user, int64_t offset_s);
};

/*
 * Call work(arg) in another thread, then done(arg) on the loop. 0; -errno: there is none to be had, and
 * neither is called. Both may come after weir_sync_stop(), and done() not at all.
 */
typedef int (*weir_sync_aside_fn)(void *user, void (*work)(void *arg), void (*done)(void *arg),
				  void *arg);

struct weir_sync_options {
	struct event_base *base;
	const struct weir_sync_boot *boot;   /* copied; controller_ips has one at least */
	const struct weir_sync_env *env;     /* copied */
	struct weir_exceptions *exceptions;  /* borrowed till the end */
	const struct weir_sync_handlers *to; /* borrowed till the end */
	void *user;
	const char *kept_path;    /* file of the last good configuration; NULL = not kept */
	weir_sync_aside_fn aside; /* writes it; NULL: the loop waits for the disk */
	const char *revision;     /* "BRANCH COUNT-COMMIT" */
	const char *process_name; /* of the edition, as servers know it */
	/* 0 = as the protocol says; else for tests */
	uint64_t retry_first_ns, retry_most_ns; /* 2 s, 60 s */
	uint64_t push_again_ns;                 /* 10 s: after the end of a stream */
	uint64_t interval_ns, escape_ns;        /* as configured */
	int call_ms;                            /* 30 s */
};

/*
 * Take what was kept, and begin. The controllers need not be there. NULL with `err`. `o` is not needed
 * afterwards but for what it says. Blocks on the kept file.
 */
struct weir_sync *weir_sync_start(const struct weir_sync_options *o, struct weir_err *err);

/*
 * Ends calls and has written what is not yet kept. Exceptions that were not told stay raised, for whoever asks for
 * them next. NULL is fine. Not from a handler.
 */
void weir_sync_stop(struct weir_sync *s);

/* A table could not be built; it is asked for again, and the one before it is to stay. */
void weir_sync_table_refuse(struct weir_sync *s, enum weir_sync_table table, const char *why);

/*
 * What a group's configuration was refused for may be otherwise now, as with a box that has more room: the handler is
 * given the refused one again, before this returns. Without one nothing happens.
 */
void weir_sync_group_retry(struct weir_sync *s);

/* A server that the session may call. */
struct weir_sync_server {
	char host[WEIR_SYNC_NAME_MAX + 1]; /* address; of a proxy perhaps a name */
	uint32_t port;
};
#define WEIR_SYNC_SERVERS_MAX (WEIR_SYNC_CONTROLLERS_MAX + 1)

/* Those whose address is known by now, and the proxy. Returns how many. */
uint32_t weir_sync_servers(const struct weir_sync *s,
			   struct weir_sync_server to[WEIR_SYNC_SERVERS_MAX]);

/* How the session does, for people. */
struct weir_sync_view {
	const char *state;   /* "resolving", "connecting", "in contact", "no contact", "escaped" */
	const char *dialect; /* of the last answer; "" = none yet */
	char server[300];    /* in use: "10.0.0.1:30035" */
	bool by_proxy, kept; /* kept: what is in force was kept from an earlier run */
	char identity[80];   /* "10.1.2.3 02:00:00:00:00:0a" */
	char error[400];     /* the last one; "" = none since contact */
	uint64_t heard_ns;   /* monotonic; 0 = never */
	uint64_t syncs, failures, pushes, accepted, refused;
	uint64_t version[WEIR_SYNC_VERSIONS];
};
void weir_sync_view(const struct weir_sync *s, struct weir_sync_view *v);

#endif
