/* SPDX-License-Identifier: Apache-2.0 */
/* Domains: where resources come from. Each has a VPC of its own. Control plane, 5.4. */
#include "site_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TYPE_KUBERNETES 11
#define TYPE_AGENT_SYNC 23
#define STATE_NORMAL    1
#define STATE_WARN      4

const struct site_domain *site_domain_named(const struct site *s,
					    const char *name_lcuuid_or_cluster)
{
	const struct domain *d = site_index_get(&s->domain_names, name_lcuuid_or_cluster);

	return d != NULL ? &d->pub : NULL;
}

const struct site_domain *site_domain_next(const struct site *s, const struct site_domain *after)
{
	const struct domain *d = after != NULL ? TAILQ_NEXT(domain_of(after), link)
					       : TAILQ_FIRST(&s->domains);

	return d != NULL ? &d->pub : NULL;
}

struct domain *site_domain_with(const struct site *s, const char *cluster_id)
{
	struct domain *d = site_index_get(&s->domain_names, cluster_id);

	return d != NULL && strcmp(d->pub.cluster_id, cluster_id) == 0 ? d : NULL;
}

/* ------------------------------------------------------------------ in memory */

static void domain_free(void *p)
{
	struct domain *d = p;

	if (d == NULL)
		return;
	free(d->texts);
	free(d->config);
	free(d);
}

/* A domain with copies of the texts of `from`, its error and its watcher too. */
static struct domain *domain_make(const struct site_domain *from)
{
	struct domain *d = calloc(1, sizeof(*d));
	char *p;

	if (d == NULL)
		return NULL;
	d->pub = *from;
	d->texts = p = malloc(strlen(from->name) + strlen(from->display_name) +
			      strlen(from->cluster_id) + strlen(from->controller_ip) +
			      strlen(from->icon_id) + strlen(from->team_id) + 6);
	d->config = strdup(from->config);
	if (p == NULL || d->config == NULL) {
		domain_free(d);
		return NULL;
	}
	d->pub.name = site_put(&p, from->name);
	d->pub.display_name = site_put(&p, from->display_name);
	d->pub.cluster_id = site_put(&p, from->cluster_id);
	d->pub.controller_ip = site_put(&p, from->controller_ip);
	d->pub.icon_id = site_put(&p, from->icon_id);
	d->pub.team_id = site_put(&p, from->team_id);
	d->pub.config = d->config;
	site_text_clean(d->error, sizeof(d->error), from->error);
	site_text_clean(d->watcher, sizeof(d->watcher), from->watcher);
	d->pub.error = d->error;
	d->pub.watcher = d->watcher;
	return d;
}

static void domain_enter(struct site *s, struct domain *d)
{
	TAILQ_INSERT_TAIL(&s->domains, d, link);
	s->n_domains++;
	site_index_put(&s->domain_names, d->pub.name, d);
	site_index_put(&s->domain_names, d->pub.lcuuid, d);
	site_index_put(&s->domain_names, d->pub.cluster_id, d);
}

static void domain_leave(struct site *s, struct domain *d)
{
	TAILQ_REMOVE(&s->domains, d, link);
	s->n_domains--;
	site_index_drop(&s->domain_names, d->pub.name);
	site_index_drop(&s->domain_names, d->pub.lcuuid);
	site_index_drop(&s->domain_names, d->pub.cluster_id);
}

static int no_memory(struct weir_err *err)
{
	return weir_err_set(err, ENOMEM, "no memory for a domain");
}

static int load_one(void *ctx, struct weir_db_stmt *row)
{
	struct site *s = ctx;
	struct site_domain from = {
		.id = (uint32_t)weir_db_i64(row, 0),
		.name = weir_db_text(row, 1),
		.display_name = weir_db_text(row, 2),
		.cluster_id = weir_db_text(row, 3),
		.controller_ip = weir_db_text(row, 4),
		.type = (uint32_t)weir_db_i64(row, 6),
		.enabled = weir_db_i64(row, 7) != 0,
		.state = (uint32_t)weir_db_i64(row, 8),
		.error = weir_db_text(row, 9),
		.config = weir_db_text(row, 10),
		.icon_id = weir_db_text(row, 11),
		.team_id = weir_db_text(row, 12),
		.watcher = weir_db_text(row, 13),
		.vpc = (uint32_t)weir_db_i64(row, 14),
		.created_s = (uint64_t)weir_db_i64(row, 15),
		.synced_s = (uint64_t)weir_db_i64(row, 16),
	};
	struct domain *d;

	site_text_clean(from.lcuuid, sizeof(from.lcuuid), weir_db_text(row, 5));
	d = domain_make(&from);
	if (d == NULL || site_index_reserve(&s->domain_names, 3) != 0) {
		domain_free(d);
		return -ENOMEM;
	}
	d->watcher_ns = s->start_ns; /* it has its time to come back */
	domain_enter(s, d);
	return 0;
}

#define COLUMNS                                                                            \
	"id, name, display_name, cluster_id, controller_ip, lcuuid, type, enabled, state," \
	" error, config, icon_id, team_id, watcher, vpc, created_s, synced_s"

int site_domains_load(struct site *s, struct weir_err *err)
{
	int rc = site_rows(&s->sql, "SELECT " COLUMNS " FROM domain ORDER BY id", NULL, 0, load_one,
			   s, err);

	return rc == -ENOMEM ? no_memory(err) : rc;
}

static void domain_put(struct site_change *c, const struct site_domain *d)
{
	site_change_run(c,
			"INSERT OR REPLACE INTO domain (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?,"
			" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			site_number(d->id), site_text(d->name), site_text(d->display_name),
			site_text(d->cluster_id), site_text(d->controller_ip), site_text(d->lcuuid),
			site_number(d->type), site_number(d->enabled), site_number(d->state),
			site_text(d->error), site_text(d->config), site_text(d->icon_id),
			site_text(d->team_id), site_text(d->watcher), site_number(d->vpc),
			site_number((int64_t)d->created_s), site_number((int64_t)d->synced_s));
}

void site_domains_write(struct site *s, struct site_change *c)
{
	const struct domain *d;

	if (!s->domains_dirty)
		return;
	TAILQ_FOREACH(d, &s->domains, link)
		site_change_run(
			c,
			"UPDATE domain SET state = ?1, error = ?2, watcher = ?3, synced_s = ?4"
			" WHERE id = ?5 AND (state, error, watcher, synced_s)"
			" IS NOT (?1, ?2, ?3, ?4)",
			site_number(d->pub.state), site_text(d->error), site_text(d->watcher),
			site_number((int64_t)d->pub.synced_s), site_number(d->pub.id));
}

void site_domains_free(struct site *s)
{
	struct domain *d;
	struct vpc *v;

	while ((d = TAILQ_FIRST(&s->domains)) != NULL) {
		TAILQ_REMOVE(&s->domains, d, link);
		domain_free(d);
	}
	while ((v = TAILQ_FIRST(&s->vpcs)) != NULL) {
		TAILQ_REMOVE(&s->vpcs, v, link);
		free(v);
	}
	site_index_fini(&s->domain_names);
	free(s->network_types);
}

/* ------------------------------------------------------------------ new ones */

static uint32_t id_next(const struct site *s)
{
	const struct domain *last = TAILQ_LAST(&s->domains, domains);

	return last != NULL ? last->pub.id + 1 : 1;
}

static bool is_free(const struct site *s, const char *name)
{
	return site_index_get(&s->domain_names, name) == NULL;
}

static int taken(const char *name, const char *what, struct weir_err *err)
{
	return weir_err_set(err, EEXIST, "domain %s: %s is taken by another: choose another", name,
			    what);
}

static int check_new(const struct site *s, const struct site_domain_new *new, struct weir_err *err)
{
	const struct domain *d;
	int rc = site_name_check("domain", new->name, err);

	if (rc != 0)
		return rc;
	if (!is_free(s, new->name))
		return taken(new->name, "that name", err);
	if (new->cluster_id != NULL &&new->cluster_id[0] != '\0') {
		if (!site_is_cluster_id(new->cluster_id))
			return weir_err_set(err, EINVAL,
					    "domain %s: cluster_id \"%.64s\": it must be d- and "
					    "letters or digits, as d-1234567890",
					    new->name, new->cluster_id);
		if (!is_free(s, new->cluster_id))
			return taken(new->name, new->cluster_id, err);
	}
	if (s->n_domains >= DOMAINS_MAX)
		return weir_err_set(err, ENOSPC,
				    "domain %s: there are %u domains, and no more than that are "
				    "kept: delete one that is not used",
				    new->name, s->n_domains);
	TAILQ_FOREACH(d, &s->domains, link)
		if (new->type == TYPE_AGENT_SYNC && d->pub.type == TYPE_AGENT_SYNC)
			return weir_err_set(
				err, EEXIST,
				"domain %s: there is one of type agent_sync already, %s: "
				"one is enough for all hosts",
				new->name, d->pub.name);
	return 0;
}

static int check_config(const char *name, const char *config, struct weir_err *err)
{
	json_error_t e;
	json_t *o = json_loads(config, JSON_REJECT_DUPLICATES, &e);
	const bool ok = json_is_object(o);

	json_decref(o);
	return ok ? 0
		  : weir_err_set(err, EINVAL,
				 "domain %s: its config is no JSON object: line %d: %s", name,
				 e.line, o == NULL ? e.text : "something else");
}

static const char *or_none(const char *text)
{
	return text != NULL ? text : "";
}

/* The names of a cluster's domain are made of its id, so they are the same everywhere. 5.4. */
static void ids_make(struct site_domain *d, char display_name[SITE_UUID_SIZE], bool has_cluster)
{
	if (has_cluster)
		site_uuid_named(display_name, d->cluster_id);
	else
		site_uuid_random(display_name);
	site_uuid_named(d->lcuuid, display_name);
	d->display_name = display_name;
}

static int commit_new(struct site *s, const struct site_actor *by, const struct domain *d,
		      const struct vpc *v, enum site_how how, struct weir_err *err)
{
	struct site_change c;

	site_change_begin(&c, &s->sql, how, err);
	site_vpc_put(&c, &v->pub);
	domain_put(&c, &d->pub);
	site_change_note(&c, by, "domain create", d->pub.name,
			 json_pack("{s:s,s:i}", "cluster_id", d->pub.cluster_id, "type",
				   (int)d->pub.type));
	return site_change_end(&c);
}

static int create(struct site *s, const struct site_actor *by, const struct site_domain_new *new,
		  enum site_how how, struct domain **out, struct weir_err *err)
{
	const bool has_cluster = new->cluster_id != NULL &&new->cluster_id[0] != '\0';
	char id[13], display_name[SITE_UUID_SIZE];
	struct site_domain from = {
		.id = id_next(s),
		.name = new->name,
		.cluster_id = has_cluster ? new->cluster_id : id,
		.controller_ip = or_none(new->controller_ip),
		.config = new->config != NULL ? new->config : "{}",
		.icon_id = or_none(new->icon_id),
		.team_id = or_none(new->team_id),
		.error = "",
		.watcher = "",
		.type = new->type,
		.enabled = true,
		.state = STATE_NORMAL,
		.created_s = site_now_s(),
	};
	struct vpc *v = site_vpc_make(s, new->name);
	struct domain *d;
	int rc;

	do
		site_id_make(id, 'd');
	while (!is_free(s, id));
	ids_make(&from, display_name, has_cluster);
	from.vpc = v != NULL ? v->pub.id : 0;
	d = domain_make(&from);
	if (v == NULL || d == NULL || site_index_reserve(&s->domain_names, 3) != 0)
		rc = no_memory(err);
	else
		rc = commit_new(s, by, d, v, how, err);
	if (rc != 0) {
		free(v);
		domain_free(d);
		return rc;
	}
	site_vpc_enter(s, v);
	domain_enter(s, d);
	*out = d;
	site_tell_networks(s);
	return 0;
}

int site_domain_create(struct site *s, const struct site_actor *by,
		       const struct site_domain_new *new, const struct site_domain **out,
		       struct weir_err *err)
{
	struct domain *d;
	int rc = check_new(s, new, err);

	if (rc == 0 && new->config != NULL)
		rc = check_config(new->name, new->config, err);
	if (rc == 0)
		rc = create(s, by, new, SITE_DURABLE, &d, err);
	if (rc == 0 && out != NULL)
		*out = &d->pub;
	return rc;
}

struct domain *site_domain_reach(struct site *s, const char *cluster_id, const char *name,
				 const char *from, struct weir_err *err)
{
	static const char config[] =
		"{\"controller_ip\":\"\",\"pod_net_ipv4_cidr_max_mask\":16,"
		"\"pod_net_ipv6_cidr_max_mask\":64,\"node_port_name_regex\":"
		"\"^(cni|flannel|vxlan.calico|tunl|eth|en[ospx])\",\"vtap_id\":\"\"}";
	const struct site_actor by = { .name = "agent", .from = from, .role = SITE_ADMIN };
	char own[128];
	struct site_domain_new new = {
		.name = name, .cluster_id = cluster_id, .config = config, .type = TYPE_KUBERNETES
	};
	struct domain *d = site_domain_with(s, cluster_id);

	if (d != NULL)
		return d;
	snprintf(own, sizeof(own), "k8s-%s", cluster_id);
	if (site_name_check("domain", name, NULL) != 0 || !is_free(s, name))
		new.name = own;
	if (check_new(s, &new, err) != 0 || create(s, &by, &new, SITE_LAZY, &d, err) != 0)
		return NULL;
	weir_log_about(WEIR_LOG_INFO, "domain", d->pub.name, "made for cluster %s of agent %s",
		       cluster_id, from);
	return d;
}

int site_cluster_of(struct site *s, const char *ca_md5, const char *name, char id[13],
		    struct weir_err *err)
{
	static const char alphabet[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct weir_err own = { 0 };
	char sha[65];

	err = err != NULL ? err : &own;
	if (ca_md5 == NULL || strlen(ca_md5) != 32 || strspn(ca_md5, "0123456789abcdef") != 32)
		return weir_err_set(err, EINVAL,
				    "the md5 of the cluster's CA must be 32 lower-case hex digits");
	site_sha256_hex(sha, ca_md5);
	memcpy(id, "d-", sizeof("d-"));
	for (unsigned int i = 0; i < 10; i++) {
		char four[5] = { 0 };

		memcpy(four, sha + (size_t)4 * i, 4);
		id[2 + i] = alphabet[strtoul(four, NULL, 16) % (sizeof(alphabet) - 1)];
	}
	id[12] = '\0';
	if (s->o.approve) /* its domain is made when an agent of it is approved */
		return 0;
	return site_domain_reach(s, id, name, "", err) != NULL ? 0 : -err->code;
}

/* ------------------------------------------------------------------ changes */

int site_domain_update(struct site *s, const struct site_actor *by, const struct site_domain *pub,
		       const char *config, int enabled, struct weir_err *err)
{
	struct domain *d = domain_of(pub);
	struct site_domain to = *pub;
	char *copy = NULL;
	struct site_change c;
	int rc = config != NULL ? check_config(pub->name, config, err) : 0;

	if (rc != 0)
		return rc;
	if (config != NULL && (to.config = copy = strdup(config)) == NULL)
		return no_memory(err);
	if (enabled >= 0)
		to.enabled = enabled != 0;
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	domain_put(&c, &to);
	site_change_note(&c, by, "domain update", pub->name,
			 json_pack("{s:b,s:b}", "enabled", (int)to.enabled, "config",
				   (int)(config != NULL)));
	rc = site_change_end(&c);
	if (rc != 0) {
		free(copy);
		return rc;
	}
	d->pub.enabled = to.enabled;
	if (copy != NULL) {
		site_bury(s, d->config, free);
		d->pub.config = d->config = copy;
	}
	site_tell_networks(s);
	return 0;
}

/* They go where those are that have no domain. */
static void agents_leave(struct site *s, const struct site_domain *d)
{
	for (uint32_t id = 1; id <= s->last_id; id++) {
		struct agent *a = s->agents[id];

		if (a == NULL || (a->pub.vpc != d->vpc && a->pub.pod_cluster != d->id))
			continue;
		if (a->pub.vpc == d->vpc)
			a->pub.vpc = DEFAULT_ID;
		if (a->pub.pod_cluster == d->id)
			a->pub.pod_cluster = 0;
		site_tell_agent(s, a);
	}
}

int site_domain_delete(struct site *s, const struct site_actor *by, const struct site_domain *pub,
		       struct weir_err *err)
{
	struct domain *d = domain_of(pub);
	struct vpc *v = site_vpc_of(s, pub->vpc);
	struct site_change c;
	int rc;

	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_change_run(&c, "DELETE FROM domain WHERE id = ?", site_number(pub->id));
	site_change_run(&c, "DELETE FROM vpc WHERE id = ?", site_number(pub->vpc));
	site_change_run(&c, "UPDATE agent SET vpc = ? WHERE vpc = ?", site_number(DEFAULT_ID),
			site_number(pub->vpc));
	site_change_run(&c, "UPDATE agent SET pod_cluster = 0 WHERE pod_cluster = ?",
			site_number(pub->id));
	site_change_note(&c, by, "domain delete", pub->name,
			 json_pack("{s:s}", "cluster_id", pub->cluster_id));
	rc = site_change_end(&c);
	if (rc != 0)
		return rc;
	domain_leave(s, d);
	agents_leave(s, pub);
	if (v != NULL)
		site_vpc_drop(s, v);
	site_bury(s, d, domain_free);
	site_tell_networks(s);
	return 0;
}

void site_domain_synced(struct site *s, const char *cluster_id, const char *error)
{
	struct domain *d = site_domain_with(s, cluster_id);

	if (d == NULL)
		return;
	site_text_clean(d->error, sizeof(d->error), error);
	d->pub.state = d->error[0] != '\0' ? STATE_WARN : STATE_NORMAL;
	if (d->error[0] == '\0')
		d->pub.synced_s = site_now_s();
	s->domains_dirty = true;
}

/* ------------------------------------------------------------------ who watches a cluster (4.8) */

static void watcher_set(struct site *s, struct domain *d, const char *key)
{
	weir_log_about(WEIR_LOG_INFO, "domain", d->pub.name, "watched by %s%s",
		       key[0] != '\0' ? key : "nobody",
		       d->watcher[0] != '\0' && key[0] != '\0' ? ", another than before" : "");
	snprintf(d->watcher, sizeof(d->watcher), "%s", key);
	s->domains_dirty = true;
}

bool site_watcher_elect(struct site *s, struct domain *d, const char *key,
			const struct site_hello *hello)
{
	const bool takes_over = hello->force_watch || hello->watch_policy == 1; /* WATCH_ONLY */

	if (strcmp(d->watcher, key) != 0) {
		if (d->watcher[0] != '\0' && !takes_over)
			return false;
		watcher_set(s, d, key);
	}
	d->watcher_ns = weir_clock_mono_ns();
	return true;
}

void site_watcher_clear(struct site *s, const char *key)
{
	struct domain *d;

	TAILQ_FOREACH(d, &s->domains, link)
		if (strcmp(d->watcher, key) == 0)
			watcher_set(s, d, "");
}

void site_watchers_judge(struct site *s, uint64_t now_ns)
{
	struct domain *d;

	TAILQ_FOREACH(d, &s->domains, link)
		if (d->watcher[0] != '\0' && now_ns - d->watcher_ns > WATCHER_S * WEIR_NS_PER_S)
			watcher_set(s, d, "");
}
