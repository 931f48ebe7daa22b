/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The site: groups and their configurations, agents, domains, VPCs, tokens, images. All of it is in memory, and the
 * truth of it in one SQLite database: a change is checked, committed with its line in the audit log, then made
 * in memory, then told to the watchers. So what was acknowledged survives SIGKILL, and nothing is there by half.
 *
 * Everything is on the loop's thread. What is handed out is borrowed until the loop's next turn, and only read.
 */
#ifndef SITE_H
#define SITE_H

#include <config.h>
#include <weir_base.h>

struct event_base;
struct weir_db;
struct site;

/* ------------------------------------------------------------------ what there is */

/* One version of a group's configuration; never changed. */
struct site_config {
	uint32_t version; /* of this group, from 1 */
	char lcuuid[37];
	uint64_t created_s; /* epoch */
	const char *who;    /* made it: name of a token, "local" */
	const char *comment;
	const char *text; /* as it was given, comments and all; ended by a NUL too */
	size_t len;
	struct config_compiled *compiled; /* NULL: of a version that nobody has in force */
};

struct site_group {
	uint32_t id; /* 1 = "default", which is always there */
	const char *name;
	char short_id[13]; /* "g-" and ten alphanumerics */
	char lcuuid[37];
	uint64_t updated_s;               /* epoch */
	const struct site_config *config; /* NULL: none; defaults hold */
	const struct site_config
		*canary; /* NULL: no staged roll-out; else on some agents already */
	const struct config_compiled
		*defaults; /* of who has no configuration; the same for all groups */
	uint32_t agents, canaries;
	uint32_t versions; /* the newest version's number, 0 = none ever */
};

/* DeepFlow's numbers. */
enum site_agent_state { SITE_LOST = 0, SITE_NORMAL = 1, SITE_DISABLED = 2, SITE_PENDING = 3 };

/* What an agent says of itself. In `site_hello` borrowed from a message; in `site_agent` never NULL. */
struct site_facts {
	const char *host, *process_name, *revision, *k8s_image, *arch, *os, *kernel;
	const char *exception_text;
	const char *cluster_id; /* "" = none */
	uint32_t boot_s;        /* epoch */
	uint32_t cpus;
	uint64_t memory_bytes;
	uint64_t exceptions;   /* bits of the agent */
	uint64_t buffer_bytes; /* of gRPC; 0 = does not say */
};

struct site_agent {
	uint32_t id; /* 1 to 64000, used again */
	char lcuuid[37];
	const char *name;
	const struct site_group *group;
	bool canary;  /* has the group's canary in force, if there is one */
	bool enabled; /* else SITE_DISABLED is shown */
	enum site_agent_state state;
	uint32_t type;                  /* enum AgentType of the protocol */
	char ctrl_ip[46], ctrl_mac[18]; /* with one another unique */
	const char *identity;           /* common name of its certificate; "" = none */
	bool trident;                   /* spoke this dialect last */
	bool twin; /* two machines say they are this one: boot times alternate */
	struct site_facts facts;
	const char *wanted_revision, *wanted_image; /* of an upgrade; "" = none */
	uint32_t vpc;                               /* epc id */
	uint32_t pod_cluster;                       /* id of its domain; 0 = none */
	uint64_t created_s, synced_s;               /* epoch; 0 = never */
	uint64_t server_exceptions;                 /* bits of the controller */
	void *session; /* of the room that serves; NULL at first. site_agent_session() */
};

struct site_domain {
	uint32_t id;
	const char *name, *display_name, *cluster_id, *controller_ip;
	char lcuuid[37];
	uint32_t type; /* 11 kubernetes, 23 agent_sync, ... control plane, 6.2 */
	bool enabled;
	uint32_t state; /* 1 NORMAL, 3 EXCEPTION, 4 WARN */
	const char *error;
	const char *config; /* JSON object */
	const char *icon_id, *team_id;
	const char *watcher; /* "ip-mac" of the agent that watches its cluster; "" = none */
	uint32_t vpc;        /* its epc id */
	uint64_t created_s, synced_s; /* epoch; 0 = never */
};

/* The number of the one region: an agent passes over MACs of another than its own (control plane, 1.9). */
#define SITE_REGION 1

struct site_vpc {
	uint32_t id; /* epc id; 1 = "default", which is always there */
	const char *name;
	char lcuuid[37];
};

/* What is sent to dedicated agents: which VLAN of a mirror is which network. */
struct site_network_type {
	uint32_t type;         /* 1 to 255 */
	uint32_t packet_type;  /* enum PacketType of the protocol */
	uint32_t vlan;         /* 0 to 4096 */
	const char *source_ip; /* of xflow; "" = none */
	uint32_t port;
};

enum site_role { SITE_READ = 1, SITE_OPERATE, SITE_ADMIN };

struct site_token {
	const char *name;
	enum site_role role;
	uint64_t created_s, expires_s; /* epoch; 0 = never */
	uint64_t used_s;
};

/* An upgrade image; its bytes are a file below the state. */
struct site_image {
	const char *name, *arch, *os, *branch, *rev_count, *commit_id, *k8s_image;
	const char *path;
	uint64_t bytes, updated_s;
	char md5[33];
};

/* A line of the audit log. */
struct site_audit {
	uint64_t id, at_s;
	const char *who, *from; /* name of the token or "local"; address */
	const char *what;       /* "agent-group create" */
	const char *object;     /* its name */
	const char *detail;     /* JSON object, "" = nothing more */
};

/* Who asks for a change. `from`: address. */
struct site_actor {
	const char *name, *from;
	enum site_role role;
};

/* ------------------------------------------------------------------ life */

struct site_options {
	struct event_base *base;
	const char *dir; /* of the state; made (0700) where it is not there */
	const struct config_site
		*config;          /* what every configuration gets; copied; NULL = nothing */
	bool approve;             /* agents that are new wait in SITE_PENDING */
	uint32_t lost_after_s;    /* 0 = eight sync intervals, as DeepFlow */
	uint32_t deleted_after_s; /* LOST so long: deleted, but dedicated ones. 0 = 3600 */
	uint32_t agents_max;      /* 0 = 64000 */
};

/*
 * Open or make the state, and take the lock on it. NULL with `err`: EBUSY another controller has it; ENOTSUP a newer
 * weir made it; EBADMSG damaged or foreign; or what the system says. Nothing was touched then.
 */
struct site *site_open(const struct site_options *o, struct weir_err *err);
void site_close(struct site *s); /* NULL is fine; what agents said last is written */

/* For rooms with tables of their own (inventory). Their SQL is a step of site/schema.c. */
struct weir_db *site_db(struct site *s);

/* What a room wants to know; each may be NULL. Not called before site_open() returned; nor may they change the site. */
struct site_watch {
	void (*config)(void *ctx,
		       const struct site_group *g); /* what its agents are to have in force */
	void (*agent)(
		void *ctx,
		const struct site_agent *a); /* new, or group, state, canary, enabled, vpc ... */
	void (*agent_gone)(void *ctx, const struct site_agent *a); /* the last word of it */
	void (*networks)(void *ctx); /* network types, VPCs or domains */
	void *ctx;
};
void site_watch_add(struct site *s, const struct site_watch *w); /* copied; for ever */

/* ------------------------------------------------------------------ looking; NULL: there is none */

const struct site_group *site_group_named(const struct site *s,
					  const char *name_or_id); /* name, short id, lcuuid */
const struct site_group *site_group_default(const struct site *s);
const struct site_group *site_group_next(
	const struct site *s, const struct site_group *after); /* NULL: the first; by id */

const struct site_agent *site_agent_named(const struct site *s, const char *name_or_lcuuid);
const struct site_agent *site_agent_at(const struct site *s, const char *ip,
				       const char *mac); /* mac NULL: by address */
const struct site_agent *site_agent_of(const struct site *s, uint32_t id);
const struct site_agent *site_agent_next(const struct site *s,
					 const struct site_agent *after); /* by id */

const struct site_domain *site_domain_named(const struct site *s,
					    const char *name_lcuuid_or_cluster);
const struct site_domain *site_domain_next(const struct site *s, const struct site_domain *after);
const struct site_vpc *site_vpc_next(const struct site *s, const struct site_vpc *after);
const struct site_network_type *site_network_type_next(const struct site *s,
						       const struct site_network_type *after);
const struct site_token *site_token_next(const struct site *s, const struct site_token *after);
const struct site_image *site_image_named(const struct site *s, const char *name);
const struct site_image *site_image_next(const struct site *s, const struct site_image *after);

/* The configuration an agent is to have in force: its group's, the canary's, or defaults. Never NULL. */
const struct config_compiled *site_agent_config(const struct site_agent *a);
const struct config_compiled *site_group_config(
	const struct site_group *g); /* of who is not known yet */

/* Versions of a group's configuration, newest first, read from the database. -errno of `each` ends it. */
int site_config_history(struct site *s, const struct site_group *g,
			int (*each)(void *ctx, const struct site_config *c), void *ctx,
			struct weir_err *err);
int site_audit_list(struct site *s, uint64_t before_id, uint32_t limit,
		    int (*each)(void *ctx, const struct site_audit *a), void *ctx,
		    struct weir_err *err);

/* ------------------------------------------------------------------ agents that call */

/* What a Sync or Push says, of either dialect; borrowed. Strings may be NULL. */
struct site_hello {
	bool trident;
	const char *ctrl_ip, *ctrl_mac;
	bool by_ip;                /* the address alone is who it is */
	const char *group_request; /* name or short id */
	const char *cluster_name;
	const char *const *host_ips;
	size_t n_host_ips;
	bool force_watch;
	uint32_t watch_policy; /* enum KubernetesWatchPolicy */
	const char *peer;      /* address or, `certified`, common name of its certificate */
	bool certified;
	struct site_facts facts;
};

enum site_verdict {
	SITE_KNOWN, /* `agent` is one: it gets all that it is to have */
	SITE_WAITS, /* `agent` is one, not approved yet: the group's configuration, not enabled, no tables */
	SITE_WATCHER, /* watches Kubernetes only: no row is kept of it; `agent` is NULL, the same as SITE_WAITS else */
	SITE_REFUSED, /* `why`: revoked, not who it says it is, no ctrl_ip or ctrl_mac, no number left */
};

struct site_seen {
	enum site_verdict verdict;
	const struct site_agent *agent;
	const struct site_group *group; /* never NULL but when refused */
	bool watch_kubernetes;          /* it is the one that is to watch its cluster */
	uint32_t type;                  /* for who is no agent yet */
	char why[200];
};

/*
 * An agent calls: find or register it (directly, without a cloud), note what it says, hold the election of its
 * cluster's watcher, make the cluster's domain. What changes often is written back within seconds, a registration
 * at once. `push`: a Push was opened, which is no Sync. 0; -errno with `err`: the database does not take it.
 */
int site_agent_seen(struct site *s, const struct site_hello *hello, bool push,
		    struct site_seen *out, struct weir_err *err);

/* Who calls other methods: the agent with this key that is NORMAL and not refused to `peer`; NULL. */
const struct site_agent *site_agent_calls(const struct site *s, const char *ip, const char *mac,
					  const char *peer, bool certified);

/* Is the certificate of `peer` revoked, whoever it says it is? */
bool site_peer_is_revoked(const struct site *s, const char *peer, bool certified);

void site_agent_session(struct site *s, const struct site_agent *a, void *session);

/*
 * The id of a cluster whose CA has this md5 (32 hex digits); its domain is made where there is none, unless the site asks
 * for approval: then with the first agent that has it. 0, -EINVAL.
 */
int site_cluster_of(struct site *s, const char *ca_md5, const char *name, char id[13],
		    struct weir_err *err);

/* Data of a cluster were accepted, or not (`error`). */
void site_domain_synced(struct site *s, const char *cluster_id, const char *error);

/* ------------------------------------------------------------------ changes; -errno with `err`, nothing changed
 * ENOENT no such; EEXIST the name or id is taken; EINVAL the value makes no sense; EBUSY, ENOSPC, EIO the database. */

int site_group_create(struct site *s, const struct site_actor *by, const char *name,
		      const char *short_id, const struct site_group **out,
		      struct weir_err *err); /* short_id NULL: made up */
int site_group_rename(struct site *s, const struct site_actor *by, const struct site_group *g,
		      const char *name, struct weir_err *err);
/* Its agents go to default, its configuration is gone. Not of the default group (EPERM). */
int site_group_delete(struct site *s, const struct site_actor *by, const struct site_group *g,
		      struct weir_err *err);

struct site_config_change {
	const char *text;
	size_t len;
	const char *comment; /* NULL = none */
	uint32_t canary;     /* so many agents first; 0 = all at once */
	uint32_t
		if_version; /* refused with EAGAIN unless the newest version is this one; 0 = whatever it is */
};
/* A new version. -EINVAL with mistakes in `errs` (a warning too) where the text is no configuration. */
int site_config_set(struct site *s, const struct site_actor *by, const struct site_group *g,
		    const struct site_config_change *c, struct weir_err_list *errs,
		    struct weir_err *err);
int site_config_delete(struct site *s, const struct site_actor *by, const struct site_group *g,
		       struct weir_err *err);
int site_config_promote(struct site *s, const struct site_actor *by, const struct site_group *g,
			struct weir_err *err); /* the canary to all */
int site_config_abort(struct site *s, const struct site_actor *by, const struct site_group *g,
		      struct weir_err *err); /* the canary to none */
/* The text of an earlier version becomes a new one. */
int site_config_rollback(struct site *s, const struct site_actor *by, const struct site_group *g,
			 uint32_t version, struct weir_err *err);

struct site_agent_change { /* what is NULL or negative stays */
	const struct site_group *group;
	int enabled;
	int state; /* SITE_NORMAL approves */
	int vpc;
	const char *name;
	const char *image; /* upgrade to this one, "" = cancel */
};
#define SITE_AGENT_CHANGE_NONE                        \
	{                                             \
		.enabled = -1, .state = -1, .vpc = -1 \
	}
int site_agent_update(struct site *s, const struct site_actor *by, const struct site_agent *a,
		      const struct site_agent_change *c, struct weir_err *err);
int site_agent_delete(struct site *s, const struct site_actor *by, const struct site_agent *a,
		      struct weir_err *err);
/* Deleted, and who it was is refused from now on: its address and MAC and, where it has one, its certificate. */
int site_agent_revoke(struct site *s, const struct site_actor *by, const struct site_agent *a,
		      struct weir_err *err);
int site_revoked_list(struct site *s, int (*each)(void *ctx, const char *who, uint64_t at_s),
		      void *ctx, struct weir_err *err);
int site_revoked_remove(struct site *s, const struct site_actor *by, const char *who,
			struct weir_err *err);

struct site_domain_new {
	const char *name, *cluster_id, *controller_ip, *config, *icon_id,
		*team_id; /* may be NULL but `name` */
	uint32_t type;
};
int site_domain_create(struct site *s, const struct site_actor *by, const struct site_domain_new *d,
		       const struct site_domain **out, struct weir_err *err);
struct site_domain_change { /* what is NULL or negative stays */
	const char *name, *controller_ip, *config, *icon_id, *team_id;
	int enabled;
};
int site_domain_update(struct site *s, const struct site_actor *by, const struct site_domain *d,
		       const struct site_domain_change *c, struct weir_err *err);
int site_domain_delete(struct site *s, const struct site_actor *by, const struct site_domain *d,
		       struct weir_err *err);

int site_vpc_create(struct site *s, const struct site_actor *by, const char *name,
		    const struct site_vpc **out, struct weir_err *err);
int site_vpc_delete(struct site *s, const struct site_actor *by, const struct site_vpc *v,
		    struct weir_err *err);

/* All of them at once. */
int site_network_types_set(struct site *s, const struct site_actor *by,
			   const struct site_network_type *v, size_t n, struct weir_err *err);

/* The token itself is in `secret` and nowhere else: its SHA-256 is kept. */
int site_token_create(struct site *s, const struct site_actor *by, const char *name,
		      enum site_role role, uint64_t expires_s, char secret[64],
		      struct weir_err *err);
int site_token_delete(struct site *s, const struct site_actor *by, const char *name,
		      struct weir_err *err);
const struct site_token *site_token_of(
	struct site *s, const char *secret); /* in constant time; NULL: none, or expired */

/*
 * `path` (beside the images, on the same file system) becomes the image's; its size is looked at, and its md5 where
 * `image` has none. What is called SITE_UPLOAD_PREFIX... there is gone with the next start.
 */
#define SITE_UPLOAD_PREFIX "upload-"
int site_image_add(struct site *s, const struct site_actor *by, const struct site_image *image,
		   const char *path, struct weir_err *err);
int site_image_delete(struct site *s, const struct site_actor *by, const struct site_image *image,
		      struct weir_err *err);
const char *site_image_dir(const struct site *s);

/* A whole copy of the state while it is used; `path` must not be there. Restored by site_restore(), offline. */
int site_backup(struct site *s, const struct site_actor *by, const char *path,
		struct weir_err *err);
int site_restore(const char *dir, const char *path, bool force, struct weir_err *err);

/* ------------------------------------------------------------------ how it does */

struct site_counts {
	uint32_t agents[4]; /* by enum site_agent_state */
	uint32_t groups, domains;
	uint64_t registered, refused, twins, written; /* since the start */
	uint64_t database_errors;
};
void site_counts(const struct site *s, struct site_counts *out);

#endif
