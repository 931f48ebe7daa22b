/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agents and clusters report (GenesisSync, KubernetesAPISync), kept in the database, and the tables made of it:
 * platform data, segments, network types, in both dialects. A table is encoded once for all agents that get the same.
 * Loop's thread.
 */
#ifndef INVENTORY_H
#define INVENTORY_H

#include <site.h>
#include <weir_base.h>

struct event_base;
struct inventory;

struct inventory *inventory_open(struct event_base *base, struct site *site, struct weir_err *err);
void inventory_close(struct inventory *inv); /* NULL is fine */

/*
 * A table has changed for these agents: `changed` is called for each, from the loop, after changes were gathered for
 * 100 ms (longer where building takes more than a fifth of that).
 */
void inventory_watch(struct inventory *inv, void (*changed)(void *ctx, const struct site_agent *a),
		     void *ctx);

/*
 * What an agent is to have. The bytes are fields of SyncResponse in its dialect, ready to be sent behind a head, and
 * shared: the same pointers for all agents that get the same, valid until the loop's next turn unless kept.
 */
struct inventory_part {
	uint64_t version; /* 0 = not ready; else survives restarts while the content is the same */
	const struct inventory_bytes *bytes;
};
struct inventory_view {
	struct inventory_part platform; /* the field platform_data */
	struct inventory_part
		places; /* segments, network types, skip_interface: sent in every full answer */
};
struct inventory_bytes { /* counted: kept and put by who sends it later */
	const uint8_t *v;
	size_t n;
	uint32_t refs;
};
void inventory_view(struct inventory *inv, const struct site_agent *a, bool trident,
		    struct inventory_view *out);
const struct inventory_bytes *inventory_keep(const struct inventory_bytes *b);
void inventory_put(const struct inventory_bytes *b);

/* ------------------------------------------------------------------ reports */

/* GenesisSync of either dialect: what is needed of it. `platform`: the packed GenesisPlatformData, NULL = not sent. */
struct inventory_genesis {
	/* Who says it, which is known to be true where it is an agent. No MAC (NULL): trident, not registered yet. */
	const char *ctrl_ip, *ctrl_mac;
	uint64_t version;
	const char *cluster_id; /* may be NULL */
	const uint8_t *platform;
	size_t platform_len;
};
/* Returns the version to answer with: the one held now; 0 = none, or this one was refused (control plane, 4.10). */
uint64_t inventory_genesis_put(struct inventory *inv, const struct inventory_genesis *g);

struct inventory_cluster_entry {
	const char *type;      /* "*v1.Pod" */
	const uint8_t *zipped; /* zlib, of JSON */
	size_t n;
};
struct inventory_cluster {
	const char *cluster_id, *error, *source_ip;
	uint64_t version;
	uint32_t agent_id; /* 0 = not registered */
	const struct inventory_cluster_entry *entries;
	size_t n_entries;
};
/* Returns the version to answer with; 0 = none is to be in the answer. */
uint64_t inventory_cluster_put(struct inventory *inv, const struct inventory_cluster *c);

/* What is held of a cluster, for people: version, when, error, how many of each type. -ENOENT. */
int inventory_cluster_look(struct inventory *inv, const char *cluster_id, uint64_t *version,
			   uint64_t *at_s, const char **error,
			   void (*each)(void *ctx, const char *type, uint32_t objects), void *ctx);

/* Numbers for status and metrics. */
struct inventory_counts {
	uint32_t interfaces; /* in the tables */
	uint32_t cidrs;      /* in the widest table */
	uint32_t clusters, reporters;
	uint64_t builds, build_ns_last;
	uint64_t encoded_bytes; /* of all tables, held now */
	uint64_t genesis, genesis_refused, snapshots, snapshots_refused;
};
void inventory_counts(const struct inventory *inv, struct inventory_counts *out);

#endif
