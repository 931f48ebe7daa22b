/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the site know of each other. */
#ifndef SITE_PRIV_H
#define SITE_PRIV_H

#include "index.h"
#include "site.h"
#include "sql.h"
#include "text.h"

#include <limits.h>
#include <sys/queue.h>

#define AGENT_ID_MAX   64000 /* control plane, 1.8 */
#define GROUPS_MAX     10000
#define DOMAINS_MAX    1000
#define VPC_ID_MAX     65000 /* 16 bits of an epc id, but for special ones at the end */
#define DEFAULT_ID     1     /* of the group and of the VPC that are always there */
#define KEY_SIZE       72    /* "address-MAC" */
#define WATCHES_MAX    8
#define FACTS_SIZE_MAX 4096

#define WATCHER_S      600 /* who watched a cluster and has not called for so long does no more (4.8) */

struct event;

/* A version that somebody has in force. Its texts stand behind it. */
struct config {
	struct site_config pub;
	char texts[];
};

struct group {
	struct site_group pub;
	TAILQ_ENTRY(group) link;
	char *name;
};

struct agent {
	struct site_agent pub;
	char key[KEY_SIZE];
	char *name, *identity, *wanted_revision, *wanted_image;
	char *facts; /* its texts, one after the other */
	size_t facts_len;
	struct agent *same_ip; /* the next with this address */
	TAILQ_ENTRY(agent) dirty;
	bool is_dirty;             /* is to be written back */
	uint64_t synced_written_s; /* what the database has */
	uint64_t heard_ns;         /* monotonic: its last Sync */
	uint64_t lost_ns;          /* monotonic: since when it is LOST */
	uint32_t boot_before_s;    /* another boot time, said before the present one */
	uint64_t twin_ns;          /* monotonic: when two were last seen */
};

struct domain {
	struct site_domain pub;
	TAILQ_ENTRY(domain) link;
	char *texts; /* all but those below, one after the other */
	char *config;
	char watcher[KEY_SIZE];
	char error[512];
	uint64_t watcher_ns; /* monotonic: when it last called */
};

struct vpc {
	struct site_vpc pub;
	TAILQ_ENTRY(vpc) link;
	char name[SITE_NAME_MAX + 1];
};

struct network_type {
	struct site_network_type pub;
	char source_ip[46];
};

struct token {
	struct site_token pub;
	TAILQ_ENTRY(token) link;
	char name[SITE_NAME_MAX + 1];
	char sha256[65];
};

struct image {
	struct site_image pub;
	TAILQ_ENTRY(image) link;
	char *texts;
};

TAILQ_HEAD(agents, agent);
TAILQ_HEAD(groups, group);
TAILQ_HEAD(domains, domain);
TAILQ_HEAD(vpcs, vpc);
TAILQ_HEAD(tokens, token);
TAILQ_HEAD(images, image);

struct site {
	struct site_options o;
	struct config_site
		config; /* what every configuration gets; its texts stand in config_texts */
	char *dir, *image_dir, *config_texts;
	int lock;
	struct site_sql sql;
	struct event *tick, *turn;
	struct site_watch watches[WATCHES_MAX];
	unsigned int n_watches;
	struct weir_list graves;
	uint64_t start_ns;

	struct config_compiled *defaults;
	struct groups groups;
	struct site_index group_names; /* names, short ids and lcuuids */
	uint32_t n_groups;

	struct agent **agents; /* by id */
	uint32_t agents_max, last_id, last_given;
	uint32_t n_agents;
	struct site_index agent_names, agent_keys, agent_ips;
	struct agents dirty;
	uint32_t judged, synced; /* where the rounds over all agents stand: ids */
	bool write_back_fails;

	struct site_index revoked; /* what is refused; the item is its own text */

	struct domains domains;
	struct site_index domain_names; /* names, lcuuids and ids of clusters */
	uint32_t n_domains;
	bool domains_dirty, tokens_dirty;
	struct vpcs vpcs;
	struct network_type *network_types;
	size_t n_network_types;
	struct tokens tokens;
	struct images images;

	struct site_counts counts;
};

/* Callers of the public functions hold them as const; they are ours. */
static inline struct group *group_of(const struct site_group *g)
{
	return (struct group *)(uintptr_t)g;
}

static inline struct agent *agent_of(const struct site_agent *a)
{
	return (struct agent *)(uintptr_t)a;
}

static inline struct domain *domain_of(const struct site_domain *d)
{
	return (struct domain *)(uintptr_t)d;
}

uint64_t site_now_s(void); /* epoch */

/* Freed at the loop's next turn: somebody up the stack may have it. `free` takes NULL. */
void site_bury(struct site *s, void *p, void (*release)(void *p));

/* A copy of a text; the end of `to` on success, so that several are put one after the other. */
char *site_put(char **to, const char *text);

/* To those who watch. */
void site_tell_config(struct site *s, const struct group *g);
void site_tell_agent(struct site *s, const struct agent *a);
void site_tell_gone(struct site *s, const struct agent *a);
void site_tell_networks(struct site *s);

/* Everything from the database, each called once at the start, in this order. 0 or -errno. */
int site_vpcs_load(struct site *s, struct weir_err *err);
int site_network_types_load(struct site *s, struct weir_err *err);
int site_domains_load(struct site *s, struct weir_err *err);
int site_groups_load(struct site *s, struct weir_err *err);
int site_configs_load(struct site *s, struct weir_err *err);
int site_revoked_load(struct site *s, struct weir_err *err);
int site_agents_load(struct site *s, struct weir_err *err);
int site_tokens_load(struct site *s, struct weir_err *err);
int site_images_load(struct site *s, struct weir_err *err);

/* And its end; what was not loaded is fine. */
void site_groups_free(struct site *s);
void site_agents_free(struct site *s);
void site_domains_free(struct site *s);
void site_tokens_free(struct site *s);
void site_images_free(struct site *s);
void site_revoked_free(struct site *s);

/* ------------------------------------------------------------------ agents */

void site_agent_put(struct site_change *c, const struct site_agent *a);     /* a new one */
void site_agent_rewrite(struct site_change *c, const struct site_agent *a); /* one that is there */
void site_agent_erase(struct site_change *c, uint32_t id);
/* Out of memory's tables, told and buried. Its row is gone. */
void site_agent_drop(struct site *s, struct agent *a);

/* Room in every index for one more agent. -ENOMEM. */
int site_agents_reserve(struct site *s);
void site_agent_enter(struct site *s, struct agent *a); /* reserved; its key, name, id are set */
void site_agent_rekey(struct site *s, struct agent *a, const char *mac); /* reserved */
struct agent *site_agent_with(const struct site *s, const char *ip,
			      const char *mac); /* both as agents say it */

/* "address-MAC" in the one form in which both are kept; false: it is none. `mac` may be NULL: by address. */
bool site_key(const char *ip, const char *mac, char ip_out[46], char mac_out[18]);

void site_agent_soil(struct site *s, struct agent *a); /* write it back soon */
uint32_t site_agent_type(const char *cluster_id, const struct config_compiled *config);
bool site_agent_retype(struct site *s, struct agent *a); /* it has another type now */
void site_agent_free(void *a);

/* Another group for an agent in memory; not told. */
void site_agent_move(struct agent *a, struct group *g);

/* What an agent says of itself, in one row of texts. */
size_t site_facts_pack(char *to, const struct site_facts *f);
void site_facts_point(struct site_facts *f, const char *packed);

/* ------------------------------------------------------------------ configurations */

void site_config_free(void *c); /* NULL is fine */

/* What a version is made from; all borrowed. */
struct site_version {
	uint32_t number;
	uint64_t created_s;
	const char *who, *comment, *text;
	size_t len;
};
struct config *site_config_make(const struct site_group *g, const struct site_version *v);

/* A version as it was given. NULL with `err`. */
struct config *site_config_read(struct site *s, const struct site_group *g, uint32_t version,
				struct weir_err *err);
const char *site_first_mistake(const struct weir_err_list *errs);

/* ------------------------------------------------------------------ keeping */

void site_keep(struct site *s); /* each second: judge, write back, delete */
int site_keep_all(struct site *s, struct weir_err *err); /* all that is not written yet */

/* ------------------------------------------------------------------ domains */

/* With copies of the texts of `from`. NULL: no memory. */
struct domain *site_domain_make(const struct site_domain *from);
void site_domain_free(void *d); /* NULL is fine */
void site_domain_put(struct site_change *c, const struct site_domain *d);
void site_domain_enter(struct site *s, struct domain *d); /* reserved: 3 in domain_names */
void site_domain_leave(struct site *s, struct domain *d);
struct domain *site_domain_with(const struct site *s, const char *cluster_id);
/* The domain of a cluster that an agent names, made where there is none. NULL with `err`. */
struct domain *site_domain_reach(struct site *s, const char *cluster_id, const char *name,
				 const char *from, struct weir_err *err);
/* 4.8: is it the one that is to watch? */
bool site_watcher_elect(struct site *s, struct domain *d, const char *key,
			const struct site_hello *hello);
void site_watcher_clear(struct site *s, const char *key); /* it does not watch any more */
void site_watchers_judge(struct site *s, uint64_t now_ns);
/* All of them: they are few. */
void site_domains_write(struct site *s, struct site_change *c);
void site_tokens_write(struct site *s, struct site_change *c);

/* ------------------------------------------------------------------ others */

bool site_is_revoked(const struct site *s, const char *identity, const char *key);

/* A VPC that goes with something else: put in the database as part of `c`, then entered or freed. NULL: no memory. */
struct vpc *site_vpc_make(struct site *s, const char *name);
void site_vpc_put(struct site_change *c, const struct site_vpc *v);
void site_vpc_enter(struct site *s, struct vpc *v);
struct vpc *site_vpc_of(const struct site *s, uint32_t id);
void site_vpc_drop(struct site *s, struct vpc *v);

#endif
