/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session with a controller: settings, inventory and policies in, status out. It speaks both
 * dialects of DeepFlow's protocol (control plane, 1) and finds out by itself which one a server does.
 */
#ifndef WEIR_SYNC_H
#define WEIR_SYNC_H

#include "weir_sync_boot.h"

#include <weir_meta.h>
#include <weir_policy.h>

enum weir_sync_dialect {
	WEIR_SYNC_AGENT,   /* agent.Synchronizer: servers from 6.6.9 on */
	WEIR_SYNC_TRIDENT, /* trident.Synchronizer: servers up to 6.6 */
};
const char *weir_sync_dialect_name(enum weir_sync_dialect dialect);

/* What a server gives a version. */
enum weir_sync_version { WEIR_SYNC_PLATFORM, WEIR_SYNC_ACLS, WEIR_SYNC_GROUPS, WEIR_SYNC_VERSIONS };

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
 * Tables as they came, still packed, so that whoever builds does so on a thread of its own. They are
 * those of one server: all of one dialect.
 */
struct weir_sync_tables {
	enum weir_sync_dialect dialect;
	struct weir_sync_bytes table[WEIR_SYNC_VERSIONS];
	uint64_t version[WEIR_SYNC_VERSIONS];
	struct weir_sync_bytes places; /* segments and tap types */
};

/*
 * Unpack the tables and hand their rows to the builders (NULL: not wanted, nor looked at). Memory of at
 * most 64 times what came is used meanwhile. -EBADMSG with `err`: one of them is no such message, and the
 * builders are of no use; -ENOMEM. Any thread.
 */
int weir_sync_tables_build(const struct weir_sync_tables *t, struct weir_meta_builder *meta,
			   struct weir_policy_builder *policy, struct weir_err *err);

/* A copy of its own, NULL without memory; and its end (NULL is fine). */
struct weir_sync_tables *weir_sync_tables_copy(const struct weir_sync_tables *t);
void weir_sync_tables_free(struct weir_sync_tables *t);

#endif
