/* SPDX-License-Identifier: Apache-2.0 */
/* Domains made, by people and for agents; changed and deleted. Each has a VPC of its own. Control plane, 5.4. */
#include "site_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TYPE_KUBERNETES 11
#define TYPE_AGENT_SYNC 23
#define STATE_NORMAL    1
#define STATE_WARN      4

static int no_memory(struct weir_err *err)
{
	return weir_err_set(err, ENOMEM, "no memory for a domain");
}

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
	site_domain_put(&c, &d->pub);
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
	d = site_domain_make(&from);
	if (v == NULL || d == NULL || site_index_reserve(&s->domain_names, 3) != 0)
		rc = no_memory(err);
	else
		rc = commit_new(s, by, d, v, how, err);
	if (rc != 0) {
		free(v);
		site_domain_free(d);
		return rc;
	}
	site_vpc_enter(s, v);
	site_domain_enter(s, d);
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

static int check_change(const struct site *s, const struct site_domain *d,
			const struct site_domain_change *c, struct weir_err *err)
{
	int rc = c->config != NULL ? check_config(d->name, c->config, err) : 0;

	if (rc != 0 || c->name == NULL || strcmp(c->name, d->name) == 0)
		return rc;
	rc = site_name_check("domain", c->name, err);
	return rc == 0 && !is_free(s, c->name) ? taken(c->name, "that name", err) : rc;
}

static const char *or_before(const char *text, const char *before)
{
	return text != NULL ? text : before;
}

/* The texts change hands: `next` has those of before, until the loop's next turn. */
static void update_apply(struct site *s, struct domain *d, struct domain *next)
{
	struct domain before = *d;

	site_index_drop(&s->domain_names, d->pub.name);
	site_index_drop(&s->domain_names, d->pub.cluster_id);
	d->texts = next->texts;
	d->config = next->config;
	d->pub = next->pub;
	d->pub.error = d->error;
	d->pub.watcher = d->watcher;
	site_index_put(&s->domain_names, d->pub.name, d);
	site_index_put(&s->domain_names, d->pub.cluster_id, d);
	next->texts = before.texts;
	next->config = before.config;
	site_bury(s, next, site_domain_free);
}

int site_domain_update(struct site *s, const struct site_actor *by, const struct site_domain *pub,
		       const struct site_domain_change *change, struct weir_err *err)
{
	struct site_domain to = *pub;
	struct domain *next;
	struct site_change c;
	int rc = check_change(s, pub, change, err);

	if (rc != 0)
		return rc;
	to.name = or_before(change->name, pub->name);
	to.controller_ip = or_before(change->controller_ip, pub->controller_ip);
	to.config = or_before(change->config, pub->config);
	to.icon_id = or_before(change->icon_id, pub->icon_id);
	to.team_id = or_before(change->team_id, pub->team_id);
	if (change->enabled >= 0)
		to.enabled = change->enabled != 0;
	next = site_domain_make(&to);
	if (next == NULL || site_index_reserve(&s->domain_names, 1) != 0) {
		site_domain_free(next);
		return no_memory(err);
	}
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_domain_put(&c, &to);
	site_change_note(&c, by, "domain update", pub->name,
			 json_pack("{s:s,s:b,s:b}", "name", to.name, "enabled", (int)to.enabled,
				   "config", (int)(change->config != NULL)));
	rc = site_change_end(&c);
	if (rc != 0) {
		site_domain_free(next);
		return rc;
	}
	update_apply(s, domain_of(pub), next);
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
	site_domain_leave(s, d);
	agents_leave(s, pub);
	if (v != NULL)
		site_vpc_drop(s, v);
	site_bury(s, d, site_domain_free);
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
