/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster, for the files that know what is kept of it. */
#ifndef CLUSTERS_H
#define CLUSTERS_H

#include "inventory_priv.h"

/* What is held of one type. */
struct kind {
	char type[SNAPSHOT_TYPE];
	uint32_t objects;
	uint64_t hash;
	size_t bytes;
};

struct cluster {
	char id[CLUSTER_ID];
	uint64_t version;       /* to answer with */
	uint64_t held;          /* of what is held; 0 = nothing */
	uint64_t at_s;          /* of the last message that counts */
	char error[512];        /* "" = none */
	struct weir_list kinds; /* struct kind */
	struct snapshot *next;  /* waits to be checked */
	bool has_domain, is_aged;
	bool is_unsaved;
};

/* What the list of them is of. */
struct place {
	struct cluster *cluster;
};

static inline struct cluster *cluster_at(const struct inventory *inv, size_t i)
{
	return ((struct place *)inv->clusters.items)[i].cluster;
}

struct cluster *inventory_cluster_find(const struct inventory *inv, const char *id);
struct cluster *inventory_cluster_add(struct inventory *inv, const char *id); /* NULL: no memory */

/* clusters_kept.c; -errno with `err`, and nothing was written */
int inventory_cluster_write(struct inventory *inv, const struct cluster *c,
			    const struct snapshot *s, struct weir_err *err);
int inventory_cluster_unwrite(struct inventory *inv, const struct cluster *c, struct weir_err *err);
void inventory_clusters_flush(struct inventory *inv); /* versions, errors and times that wait */
int inventory_clusters_read(struct inventory *inv, struct weir_err *err);

#endif
