/* SPDX-License-Identifier: Apache-2.0 */
/* Domains: where resources come from. How they are kept. */
#include "site_priv.h"

#include <errno.h>
#include <stdlib.h>

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

void site_domain_free(void *p)
{
	struct domain *d = p;

	if (d == NULL)
		return;
	free(d->texts);
	free(d->config);
	free(d);
}

/* A domain with copies of the texts of `from`, its error and its watcher too. */
struct domain *site_domain_make(const struct site_domain *from)
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
		site_domain_free(d);
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

void site_domain_enter(struct site *s, struct domain *d)
{
	TAILQ_INSERT_TAIL(&s->domains, d, link);
	s->n_domains++;
	site_index_put(&s->domain_names, d->pub.name, d);
	site_index_put(&s->domain_names, d->pub.lcuuid, d);
	site_index_put(&s->domain_names, d->pub.cluster_id, d);
}

void site_domain_leave(struct site *s, struct domain *d)
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
	d = site_domain_make(&from);
	if (d == NULL || site_index_reserve(&s->domain_names, 3) != 0) {
		site_domain_free(d);
		return -ENOMEM;
	}
	d->watcher_ns = s->start_ns; /* it has its time to come back */
	site_domain_enter(s, d);
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

void site_domain_put(struct site_change *c, const struct site_domain *d)
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
		site_domain_free(d);
	}
	while ((v = TAILQ_FIRST(&s->vpcs)) != NULL) {
		TAILQ_REMOVE(&s->vpcs, v, link);
		free(v);
	}
	site_index_fini(&s->domain_names);
	free(s->network_types);
}
