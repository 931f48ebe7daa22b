/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the inventory know of each other. */
#ifndef INVENTORY_PRIV_H
#define INVENTORY_PRIV_H

#include "inventory.h"

#include <weir_lpm.h>

#include <zlib.h>

#include <sql.h>

#define AGENTS_MAX 64000 /* largest id: control plane, 5.1 */

/* ------------------------------------------------------------------ reports: read.c, ip_text.c, slots.c */

#define REPORT_BYTES_MAX      (4U << 20)
#define REPORT_INTERFACES_MAX 8192
#define REPORT_ADDRESSES_MAX  16384 /* of all its interfaces */

struct address {
	union weir_ip ip;
	uint8_t len; /* of its subnet */
	bool is_ipv6;
	bool is_others; /* says another agent's ctrl_ip is here: not taken */
};

/* An Interface of the tables; of one that has public addresses there are two. */
struct row {
	uint64_t mac;          /* 0 of the WAN's, and of what has none */
	uint64_t key;          /* 48 bits, which tell it from the reporter's others */
	uint32_t first, count; /* of its addresses */
	uint32_t at;           /* in the order of the report */
	uint16_t slot;         /* low half of its id: stays while the key does */
	bool is_wan;
	bool is_others; /* another agent's ctrl_mac: not taken */
};

struct report {
	struct row *row; /* by slot */
	struct address *address;
	uint32_t rows, addresses;
};

/*
 * Read a GenesisPlatformData. `slots`: those in force, as report_slots() gave them. 0; -errno with `err`, which names
 * what is wrong: EBADMSG, E2BIG, EINVAL, ENOMEM. Pure.
 */
int inventory_report_read(const uint8_t *bytes, size_t n, const uint64_t *slots, size_t n_slots,
			  struct report *out, struct weir_err *err);
/* Rows that are there twice go, the others get their slots. -ENOMEM. */
int inventory_slots_give(struct report *r, const uint64_t *slots, size_t n_slots);
/* Which key has which slot, sorted: key << 16 | slot. free(); NULL without memory. */
uint64_t *inventory_report_slots(const struct report *r);
void inventory_report_free(struct report *r);

uint64_t inventory_hash(uint64_t h, const void *bytes, size_t n);

/* An interface of `ip address show`. */
struct inventory_nic {
	uint32_t index;
	char name[64];
	uint64_t mac;          /* 0: none */
	char address[128][51]; /* "10.0.0.1/24" */
	unsigned int addresses;
};
/* Each of them, until `each` does not return 0: that is returned. Pure. */
int inventory_ip_text_each(const char *text,
			   int (*each)(void *ctx, const struct inventory_nic *nic), void *ctx);

/* ------------------------------------------------------------------ who reports: reports.c */

#define STRANGERS_MAX       1000        /* reporters that are no agents (yet) */
#define STRANGERS_BYTES_MAX (64U << 20) /* packed, of all of them */
#define STRANGERS_AGE_S     300         /* vinterface_aging_time */
#define SITE_INTERFACES_MAX 1000000
#define SITE_ADDRESSES_MAX  4000000

/* So many changes of one reporter are made known at once, then one each so often: all agents get each of them. */
#define CHANGES_AT_ONCE 10
#define CHANGE_EVERY_NS (10 * WEIR_NS_PER_S)

struct reporter_key {
	char ip[46], mac[18]; /* mac "": not said */
};

struct reporter {
	struct reporter_key key;
	struct member *member; /* the agent it is; NULL: a stranger */
	struct report report;
	uint64_t version, hash; /* of the bytes */
	uint64_t seen_ns;       /* monotonic */
	uint64_t credited_ns;   /* when it was last given a change, and how many it has */
	unsigned int credit;
	uint8_t *bytes; /* as they came; NULL: they are in the database */
	size_t n;
	struct reporter *unsaved_next;
	bool is_unsaved, is_gone;
	bool is_kept; /* has a row in the database */
};

/* A registered agent. */
struct member {
	uint32_t id;
	struct reporter *reporter; /* NULL: nothing came */
	/* as the site had it at the last build */
	uint32_t type, vpc, cluster, domain;
	bool captures; /* its own traffic: the MACs it reports are its to see */
	uint64_t mac;  /* it is known by; 0: it calls from the controller's own machine */
	struct address ip;
	bool has_ip;
	/* what is made of it */
	struct packed {
		uint8_t *v;
		size_t n;
	} rows[2];                         /* [dialect]; v NULL: not made */
	uint64_t rows_hash, local_hash;    /* of what they are made of */
	struct inventory_bytes *places[2]; /* [dialect] */
	uint64_t places_version[2];
	uint64_t told_platform, told_places;
};

#define DOMAIN_AGENT_SYNC 23 /* type of the domain that hosts are in: control plane, 5.4 */

struct member *inventory_member_of(const struct inventory *inv, const struct site_agent *a);
int inventory_member_add(struct inventory *inv, const struct site_agent *a); /* or it changed */
void inventory_member_remove(struct inventory *inv, const struct site_agent *a);
void inventory_member_forget(struct member *m);        /* what is made of it */
void inventory_members_refresh(struct inventory *inv); /* from the site */
void inventory_members_fini(struct inventory *inv);

void inventory_reports_link(struct inventory *inv, struct member *m, const struct site_agent *a);
void inventory_reports_unlink(struct inventory *inv,
			      struct member *m);     /* and forgets what it said */
void inventory_reports_saved(struct inventory *inv); /* the first of `unsaved` was written */
void inventory_reports_age(struct inventory *inv);
/* As it is in the database. 0, -ENOMEM; what cannot be read is left out, with a line in the log. */
int inventory_reports_add(struct inventory *inv, const struct reporter_key *key, uint64_t version,
			  const uint8_t *platform, size_t n, const uint64_t *slots, size_t n_slots);
void inventory_reports_fini(struct inventory *inv);

/* ------------------------------------------------------------------ Kubernetes: clusters.c, snapshot.c */

#define CLUSTER_ID    65 /* with its NUL */
#define SNAPSHOT_TYPE 65

/* Objects of one type: four bytes, the length, then the zlib stream; one after the other. */
struct snapshot_kind {
	char type[SNAPSHOT_TYPE];
	uint32_t objects;
	uint64_t hash;
	uint8_t *v;
	size_t n, room;
	bool is_known; /* held already, and was found to be in order */
};

struct snapshot {
	uint64_t version;
	struct weir_list kinds; /* struct snapshot_kind */
	size_t bytes;
	/* how far it was checked */
	size_t kind_at, byte_at;
	uint64_t inflated, steps;
	z_stream z;
	uint8_t out[65536];
};

/* A copy. NULL with `err`: an entry without a type, too many, too large, no memory. */
struct snapshot *inventory_snapshot_create(const struct inventory_cluster *c, struct weir_err *err);
/* Go on for about `budget` inflated bytes: 1 there is more, 0 all is in order, -EBADMSG with `err`. Pure. */
int inventory_snapshot_check(struct snapshot *s, uint64_t budget, struct weir_err *err);
void inventory_snapshot_destroy(struct snapshot *s); /* NULL is fine */

void inventory_clusters_age(struct inventory *inv);
void inventory_clusters_tick(struct inventory *inv); /* each minute */
int inventory_clusters_load(struct inventory *inv, struct weir_err *err);
void inventory_clusters_fini(struct inventory *inv);

/* ------------------------------------------------------------------ tables: build.c, subnets.c, scope.c, places.c */

/* Which rows an agent gets: control plane, 5.3. */
struct scope {
	bool trident;
	bool is_all;
	bool pods_own_only;
	uint32_t own_domain, own_cluster; /* 0 where it does not matter */
	uint32_t n;
	uint32_t *domains; /* ids, sorted */
	uint64_t hash;
};

struct flavour {
	struct scope scope;
	struct inventory_bytes *bytes;
	uint64_t hash, version;
	bool is_used;
};

/* Content that is or was in force, and its version. */
struct known {
	uint64_t hash, version;
};

struct subnet {
	uint32_t vpc;
	struct weir_prefix prefix;
};

void inventory_dirty(struct inventory *inv); /* something changed: build soon */
void inventory_dirty_in(struct inventory *inv, uint64_t ns);
void inventory_build(struct inventory *inv);
/* That of an agent; `bytes` NULL: not filled yet. NULL: no memory. Borrowed until the next one is asked for. */
struct flavour *inventory_flavour(struct inventory *inv, const struct site_agent *a, bool trident);
void inventory_flavour_fill(struct inventory *inv, struct flavour *f);
void inventory_flavours_fini(struct inventory *inv);

uint32_t inventory_domain_of(const struct inventory *inv, const struct site_agent *a);
bool inventory_scope_of(struct scope *to, const struct inventory *inv, const struct site_agent *a,
			bool trident); /* false: no memory */
bool inventory_scope_has(const struct scope *s, const struct member *m);
/* Subnets of a scope's rows, packed. v NULL: no memory. */
struct packed inventory_subnets_of(struct inventory *inv, const struct scope *s);
bool inventory_scope_equal(const struct scope *a, const struct scope *b);

/* Of all agents together; sorted by MAC. */
struct shared_places {
	struct weir_list remote; /* struct place_mac */
	struct weir_list skip;
	uint64_t remote_hash, skip_hash, types_hash;
};
void inventory_places_collect(struct inventory *inv);
uint64_t inventory_places_version(const struct inventory *inv, const struct member *m);
/* NULL: no memory. */
const struct inventory_bytes *inventory_places(struct inventory *inv, struct member *m,
					       bool trident);

/* Decide which rows are another agent's; what is made of others is forgotten where it changed. False: no memory. */
bool inventory_owners_apply(struct inventory *inv);

bool inventory_is_hypervisor(uint32_t agent_type);
bool inventory_is_dedicated(uint32_t agent_type);
uint32_t inventory_device_type(uint32_t agent_type);

/* ------------------------------------------------------------------ bytes of a dialect: rows.h */

struct place_mac {
	uint64_t mac;
	uint32_t interface_id;
};

struct places {
	uint32_t agent_id;
	const struct place_mac *local, *remote, *skip;
	size_t n_local, n_remote, n_skip;
	const struct site *types_of; /* its network types; NULL: not for this one */
};

struct dialect {
	/* PlatformData, of which several one after the other are one. v NULL: no memory. */
	struct packed (*rows)(const struct member *m);
	struct packed (*subnets)(const struct subnet *s, size_t n);
	/* Fields of SyncResponse. NULL: no memory. */
	struct inventory_bytes *(*platform)(struct packed rows);
	struct inventory_bytes *(*places)(struct places p);
};
extern const struct dialect inventory_agent, inventory_trident;

struct inventory_bytes *inventory_bytes_new(size_t n); /* `v` follows it, to be filled */
void inventory_mac_text(uint64_t mac, char text[18]);
bool inventory_mac_parse(const char *text, uint64_t *mac); /* false: it is none */
void inventory_ip_text(const struct address *a, char text[46]);
static inline uint32_t inventory_row_id(const struct member *m, const struct row *r)
{
	return m->id << 16 | r->slot;
}

/* ------------------------------------------------------------------ the database: store.c */

int inventory_store_load(struct inventory *inv, struct weir_err *err);
int inventory_store_rows(struct inventory *inv, const char *sql,
			 int (*each)(void *ctx, struct weir_db_stmt *row), struct weir_err *err);
bool inventory_store_text(struct weir_db_stmt *row, int i, char *to,
			  size_t size); /* false: longer */
/* Reports that wait and versions, in one transaction. What cannot be written waits on, and is said in the log. */
void inventory_store_flush(struct inventory *inv);

struct inventory {
	struct event_base *base;
	struct site *site;
	struct event *gather, *minute;
	uint64_t gather_at_ns; /* monotonic */
	struct site_sql sql;
	void (*changed)(void *ctx, const struct site_agent *a);
	void *changed_ctx;

	void *reporters;                          /* tsearch(3), by key */
	struct reporter *unsaved, **unsaved_last; /* in the order they came */
	struct member *member[AGENTS_MAX + 1];    /* [id] */
	uint32_t members, id_last;                /* how many, and the largest id of any */
	uint32_t hosts_domain;                    /* id; 0 = there is none */
	uint32_t strangers, reporters_n;
	size_t strangers_bytes;
	uint32_t rows, addresses;

	struct weir_list flavours; /* struct flavour */
	struct weir_list known;    /* struct known */
	uint64_t version_last;
	bool versions_unsaved;
	struct shared_places places;

	struct weir_list clusters; /* struct place of clusters.c */
	struct event *check;
	struct inventory_counts counts;
};

#endif
