/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the state. A step that was released is never changed: lib/db/README.md. */
#include "schema.h"

static const char site_1[] =
	"CREATE TABLE agent_group (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" short_id TEXT NOT NULL UNIQUE, lcuuid TEXT NOT NULL UNIQUE, updated_s INTEGER NOT NULL,"
	" versions INTEGER NOT NULL," /* number of the newest */
	" config INTEGER NOT NULL,"   /* version in force; 0 = none */
	" canary INTEGER NOT NULL);"  /* version that some have in force; 0 = none */
	"CREATE TABLE config (agent_group INTEGER NOT NULL, version INTEGER NOT NULL,"
	" created_s INTEGER NOT NULL, who TEXT NOT NULL, comment TEXT NOT NULL, text TEXT NOT NULL,"
	" UNIQUE (agent_group, version));"
	"CREATE TABLE agent (id INTEGER PRIMARY KEY, lcuuid TEXT NOT NULL UNIQUE,"
	" name TEXT NOT NULL UNIQUE, agent_group INTEGER NOT NULL, canary INTEGER NOT NULL,"
	" enabled INTEGER NOT NULL, state INTEGER NOT NULL, type INTEGER NOT NULL,"
	" ctrl_ip TEXT NOT NULL, ctrl_mac TEXT NOT NULL, identity TEXT NOT NULL,"
	" trident INTEGER NOT NULL, wanted_revision TEXT NOT NULL, wanted_image TEXT NOT NULL,"
	" vpc INTEGER NOT NULL, pod_cluster INTEGER NOT NULL, created_s INTEGER NOT NULL,"
	" host TEXT NOT NULL, process_name TEXT NOT NULL, revision TEXT NOT NULL,"
	" k8s_image TEXT NOT NULL, arch TEXT NOT NULL, os TEXT NOT NULL, kernel TEXT NOT NULL,"
	" exception_text TEXT NOT NULL, cluster_id TEXT NOT NULL, boot_s INTEGER NOT NULL,"
	" cpus INTEGER NOT NULL, memory_bytes INTEGER NOT NULL, exceptions INTEGER NOT NULL,"
	" buffer_bytes INTEGER NOT NULL, UNIQUE (ctrl_ip, ctrl_mac));"
	/* Written all the time, so it is narrow. */
	"CREATE TABLE agent_synced (agent INTEGER PRIMARY KEY, synced_s INTEGER NOT NULL);"
	"CREATE TABLE revoked (who TEXT PRIMARY KEY, at_s INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE domain (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" display_name TEXT NOT NULL, cluster_id TEXT NOT NULL UNIQUE, controller_ip TEXT NOT NULL,"
	" lcuuid TEXT NOT NULL UNIQUE, type INTEGER NOT NULL, enabled INTEGER NOT NULL,"
	" state INTEGER NOT NULL, error TEXT NOT NULL, config TEXT NOT NULL, icon_id TEXT NOT NULL,"
	" team_id TEXT NOT NULL, watcher TEXT NOT NULL, vpc INTEGER NOT NULL,"
	" created_s INTEGER NOT NULL, synced_s INTEGER NOT NULL);"
	"CREATE TABLE vpc (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" lcuuid TEXT NOT NULL UNIQUE);"
	"CREATE TABLE network_type (place INTEGER PRIMARY KEY, type INTEGER NOT NULL,"
	" packet_type INTEGER NOT NULL, vlan INTEGER NOT NULL, source_ip TEXT NOT NULL,"
	" port INTEGER NOT NULL);"
	"CREATE TABLE token (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE,"
	" role INTEGER NOT NULL, created_s INTEGER NOT NULL, expires_s INTEGER NOT NULL,"
	" used_s INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE image (name TEXT PRIMARY KEY, arch TEXT NOT NULL, os TEXT NOT NULL,"
	" branch TEXT NOT NULL, rev_count TEXT NOT NULL, commit_id TEXT NOT NULL,"
	" k8s_image TEXT NOT NULL, file TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL,"
	" updated_s INTEGER NOT NULL, md5 TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at_s INTEGER NOT NULL,"
	" who TEXT NOT NULL, origin TEXT NOT NULL, what TEXT NOT NULL, object TEXT NOT NULL,"
	" detail TEXT NOT NULL);";

/* What agents and clusters report: the room inventory. */
static const char inventory_1[] =
	"CREATE TABLE inventory_report (ctrl_ip TEXT NOT NULL, ctrl_mac TEXT NOT NULL,"
	" version INTEGER NOT NULL, platform BLOB NOT NULL, slots BLOB NOT NULL,"
	" PRIMARY KEY (ctrl_ip, ctrl_mac));"
	"CREATE TABLE inventory_version (hash INTEGER PRIMARY KEY,"
	" version INTEGER NOT NULL);"
	"CREATE TABLE inventory_cluster (cluster_id TEXT PRIMARY KEY,"
	" version INTEGER NOT NULL, held INTEGER NOT NULL, at_s INTEGER NOT NULL,"
	" error TEXT NOT NULL);"
	"CREATE TABLE inventory_objects (cluster_id TEXT NOT NULL, type TEXT NOT NULL,"
	" objects INTEGER NOT NULL, hash INTEGER NOT NULL, entries BLOB NOT NULL,"
	" PRIMARY KEY (cluster_id, type));";

static const char *const steps[] = { site_1, inventory_1 };

const struct weir_db_schema site_schema = {
	.name = "the state of a weir controller",
	.application_id = 0x77656963, /* "weic" */
	.n_steps = WEIR_ARRAY_SIZE(steps),
	.steps = steps,
};
