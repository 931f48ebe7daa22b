/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations of groups. Each is a version; none is changed, and going back makes a new one. A version is in force
 * on all agents of a group, or, as its canary, on some.
 */
#include "site_priv.h"

#include <errno.h>
#include <stdlib.h>

void site_config_free(void *p)
{
	struct config *c = p;

	if (c == NULL)
		return;
	config_compiled_free(c->pub.compiled);
	free(c);
}

struct config *site_config_make(const struct site_group *g, const struct site_version *v)
{
	const size_t who = strlen(v->who) + 1, comment = strlen(v->comment) + 1;
	struct config *c = calloc(1, sizeof(*c) + who + comment + v->len + 1);
	char seed[SITE_UUID_SIZE + 8], *p;

	if (c == NULL)
		return NULL;
	p = c->texts;
	c->pub.version = v->number;
	c->pub.created_s = v->created_s;
	c->pub.who = site_put(&p, v->who);
	c->pub.comment = site_put(&p, v->comment);
	c->pub.text = p;
	c->pub.len = v->len;
	memcpy(p, v->text, v->len);
	/* One for all versions: DeepFlow's ctl knows the configuration of a group by it. */
	snprintf(seed, sizeof(seed), "%s config", g->lcuuid);
	site_uuid_named(c->pub.lcuuid, seed);
	return c;
}

static struct site_version version_of_row(struct weir_db_stmt *row)
{
	struct site_version v = {
		.number = (uint32_t)weir_db_i64(row, 0),
		.created_s = (uint64_t)weir_db_i64(row, 1),
		.who = weir_db_text(row, 2),
		.comment = weir_db_text(row, 3),
	};

	v.text = weir_db_text(row, 4);
	weir_db_blob(row, 4, &v.len); /* of the same text: its length */
	return v;
}

const struct config_compiled *site_group_config(const struct site_group *g)
{
	return g->config != NULL && g->config->compiled != NULL ? g->config->compiled : g->defaults;
}

const struct config_compiled *site_agent_config(const struct site_agent *a)
{
	const struct site_config *canary = a->canary ? a->group->canary : NULL;

	return canary != NULL && canary->compiled != NULL ? canary->compiled
							  : site_group_config(a->group);
}

const char *site_first_mistake(const struct weir_err_list *errs)
{
	for (uint32_t i = 0; i < errs->n; i++)
		if (!errs->items[i].warning)
			return errs->items[i].msg;
	return "no memory";
}

static void complain(const struct site_group *g, uint32_t version, const struct weir_err_list *errs)
{
	weir_log_about(WEIR_LOG_ERR, "agent-group", g->name,
		       "version %u of its configuration is not understood, so defaults hold: %s",
		       version, site_first_mistake(errs));
}

static int load_one(void *ctx, struct weir_db_stmt *row)
{
	struct site *s = ctx;
	const struct site_version v = version_of_row(row);
	struct group *g = site_index_get(&s->group_names, weir_db_text(row, 5));
	struct weir_err_list *errs = calloc(1, sizeof(*errs));
	struct config *c = errs != NULL && g != NULL ? site_config_make(&g->pub, &v) : NULL;

	if (c == NULL) {
		free(errs);
		return -ENOMEM;
	}
	c->pub.compiled = config_compile_kept(c->pub.text, c->pub.len, g->pub.name, &s->config,
					      errs);
	if (c->pub.compiled == NULL)
		complain(&g->pub, v.number, errs);
	free(errs);
	if (weir_db_i64(row, 6) != 0)
		g->pub.canary = &c->pub;
	else
		g->pub.config = &c->pub;
	return 0;
}

int site_configs_load(struct site *s, struct weir_err *err)
{
	int rc = site_rows(&s->sql,
			   "SELECT c.version, c.created_s, c.who, c.comment, c.text, g.lcuuid,"
			   " c.version = g.canary FROM agent_group g JOIN config c"
			   " ON c.agent_group = g.id AND c.version IN (g.config, g.canary)",
			   NULL, 0, load_one, s, err);

	return rc == -ENOMEM ? weir_err_set(err, ENOMEM, "no memory for configurations") : rc;
}

struct history {
	const struct site_group *g;
	int (*each)(void *ctx, const struct site_config *c);
	void *ctx;
};

static int history_one(void *ctx, struct weir_db_stmt *row)
{
	struct history *h = ctx;
	const struct site_version v = version_of_row(row);
	struct config *c = site_config_make(h->g, &v);
	int rc;

	if (c == NULL)
		return -ENOMEM;
	rc = h->each(h->ctx, &c->pub);
	site_config_free(c);
	return rc;
}

int site_config_history(struct site *s, const struct site_group *g,
			int (*each)(void *ctx, const struct site_config *c), void *ctx,
			struct weir_err *err)
{
	const struct site_value id = site_number(g->id);
	struct history h = { g, each, ctx };

	return site_rows(&s->sql,
			 "SELECT version, created_s, who, comment, text FROM config"
			 " WHERE agent_group = ? ORDER BY version DESC",
			 &id, 1, history_one, &h, err);
}

static int keep_one(void *ctx, struct weir_db_stmt *row)
{
	struct history *h = ctx;
	const struct site_version v = version_of_row(row);

	h->ctx = site_config_make(h->g, &v);
	return h->ctx != NULL ? 0 : -ENOMEM;
}

struct config *site_config_read(struct site *s, const struct site_group *g, uint32_t version,
				struct weir_err *err)
{
	const struct site_value key[] = { site_number(g->id), site_number(version) };
	struct history h = { .g = g };
	int rc = site_rows(&s->sql,
			   "SELECT version, created_s, who, comment, text FROM config"
			   " WHERE agent_group = ? AND version = ?",
			   key, WEIR_ARRAY_SIZE(key), keep_one, &h, err);

	if (rc == -ENOMEM)
		weir_err_set(err, ENOMEM, "no memory for a configuration");
	if (rc == 0 && h.ctx == NULL)
		weir_err_set(
			err, ENOENT,
			"agent-group %s: its configuration has no version %u: the newest is %u",
			g->name, version, g->versions);
	return h.ctx;
}
