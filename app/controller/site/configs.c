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

/* What a version is made from; all borrowed. */
struct version {
	uint32_t number;
	uint64_t created_s;
	const char *who, *comment, *text;
	size_t len;
};

static struct config *config_make(const struct site_group *g, const struct version *v)
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

static struct version version_of_row(struct weir_db_stmt *row)
{
	struct version v = {
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

/* ------------------------------------------------------------------ at the start */

static const char *first_mistake(const struct weir_err_list *errs)
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
		       version, first_mistake(errs));
}

static int load_one(void *ctx, struct weir_db_stmt *row)
{
	struct site *s = ctx;
	const struct version v = version_of_row(row);
	struct group *g = site_index_get(&s->group_names, weir_db_text(row, 5));
	struct weir_err_list *errs = calloc(1, sizeof(*errs));
	struct config *c = errs != NULL && g != NULL ? config_make(&g->pub, &v) : NULL;

	if (c == NULL) {
		free(errs);
		return -ENOMEM;
	}
	c->pub.compiled = config_compile(c->pub.text, c->pub.len, g->pub.name, &s->config, errs);
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

/* ------------------------------------------------------------------ looking */

struct history {
	const struct site_group *g;
	int (*each)(void *ctx, const struct site_config *c);
	void *ctx;
};

static int history_one(void *ctx, struct weir_db_stmt *row)
{
	struct history *h = ctx;
	const struct version v = version_of_row(row);
	struct config *c = config_make(h->g, &v);
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

/* ------------------------------------------------------------------ changes */

/* What a group is to have. */
struct force {
	const struct site_config *config, *canary; /* one of them may be new */
	uint32_t versions;
	uint32_t *canaries; /* ids of agents that are to have the canary */
	uint32_t n_canaries;
};

static bool may_go_first(const struct agent *a, const struct site_group *g, bool already)
{
	return a != NULL && a->pub.group == g && a->pub.canary == already &&
	       (already || (a->pub.enabled && a->pub.state == SITE_NORMAL));
}

/* Who has the canary already keeps it; then those that are there to take it, by id. */
static int choose_canaries(const struct site *s, const struct site_group *g, uint32_t wanted,
			   struct force *f, struct weir_err *err)
{
	if (wanted == 0)
		return 0;
	wanted = (uint32_t)weir_min_u64(wanted, g->agents);
	f->canaries = calloc((size_t)wanted + 1, sizeof(*f->canaries));
	if (f->canaries == NULL)
		return weir_err_set(err, ENOMEM, "no memory for a staged roll-out");
	for (unsigned int already = 2; already-- > 0;)
		for (uint32_t id = 1; id <= s->last_id && f->n_canaries < wanted; id++)
			if (may_go_first(s->agents[id], g, already != 0))
				f->canaries[f->n_canaries++] = id;
	if (f->n_canaries > 0)
		return 0;
	free(f->canaries);
	return weir_err_set(err, EINVAL,
			    "agent-group %s: no agent of it is NORMAL, so none can go first: wait "
			    "for one, or give the configuration to all",
			    g->name);
}

static void force_write(struct site_change *c, const struct site_group *g, const struct force *f)
{
	site_change_run(c,
			"UPDATE agent_group SET versions = ?, config = ?, canary = ?, updated_s = ?"
			" WHERE id = ?",
			site_number(f->versions),
			site_number(f->config != NULL ? f->config->version : 0),
			site_number(f->canary != NULL ? f->canary->version : 0),
			site_number((int64_t)site_now_s()), site_number(g->id));
	if (g->canaries > 0)
		site_change_run(c, "UPDATE agent SET canary = 0 WHERE agent_group = ?",
				site_number(g->id));
	for (uint32_t i = 0; i < f->n_canaries; i++)
		site_change_run(c, "UPDATE agent SET canary = 1 WHERE id = ?",
				site_number(f->canaries[i]));
}

static void release(struct site *s, const struct site_config *old, const struct force *f)
{
	if (old != NULL && old != f->config && old != f->canary)
		site_bury(s, (void *)(uintptr_t)old, site_config_free);
}

/* In memory, and told. */
static void force_apply(struct site *s, struct group *g, const struct force *f)
{
	release(s, g->pub.config, f);
	release(s, g->pub.canary, f);
	g->pub.config = f->config;
	g->pub.canary = f->canary;
	g->pub.versions = f->versions;
	g->pub.updated_s = site_now_s();
	g->pub.canaries = f->n_canaries;
	for (uint32_t id = 1; id <= s->last_id; id++)
		if (s->agents[id] != NULL && s->agents[id]->pub.group == &g->pub)
			s->agents[id]->pub.canary = false;
	for (uint32_t i = 0; i < f->n_canaries; i++)
		s->agents[f->canaries[i]]->pub.canary = true;
	for (uint32_t id = 1; id <= s->last_id; id++)
		if (s->agents[id] != NULL && s->agents[id]->pub.group == &g->pub &&
		    site_agent_retype(s, s->agents[id]))
			site_tell_agent(s, s->agents[id]);
	site_tell_config(s, g);
}

static int check_change(const struct site_group *g, const struct site_config_change *c,
			struct weir_err *err)
{
	if (c->if_version != 0 && c->if_version != g->versions)
		return weir_err_set(err, EAGAIN,
				    "agent-group %s: its configuration has version %u by now, not "
				    "%u: look at what was changed, then do it again",
				    g->name, g->versions, c->if_version);
	if (c->len > WEIR_CONF_BYTES_MAX)
		return weir_err_set(err, EINVAL,
				    "agent-group %s: a configuration of %zu bytes is too long: at "
				    "most %u are allowed",
				    g->name, c->len, WEIR_CONF_BYTES_MAX);
	if (c->len > 0 && memchr(c->text, '\0', c->len) != NULL)
		return weir_err_set(
			err, EINVAL,
			"agent-group %s: byte %zu of the configuration is 0: it must be "
			"text",
			g->name, strnlen(c->text, c->len) + 1);
	return 0;
}

static int compile(const struct site *s, const struct site_group *g, struct config *c,
		   struct weir_err_list *errs, struct weir_err *err)
{
	c->pub.compiled = config_compile(c->pub.text, c->pub.len, g->name, &s->config, errs);
	if (c->pub.compiled != NULL)
		return 0;
	if (errs->mistakes == 0)
		return weir_err_set(err, ENOMEM, "no memory for a configuration");
	return weir_err_set(err, EINVAL, "agent-group %s: the configuration is not right: %s",
			    g->name, first_mistake(errs));
}

static const char *verb_of(const struct site_group *g)
{
	return g->config == NULL && g->canary == NULL ? "agent-group-config create"
						      : "agent-group-config update";
}

static int version_commit(struct site *s, const struct site_actor *by, const struct site_group *g,
			  const struct config *new, const struct force *f, const char *what,
			  uint32_t of, struct weir_err *err)
{
	const struct site_config *v = &new->pub;
	json_t *detail = json_pack("{s:i}", "version", (int)v->version);
	struct site_change c;

	if (f->n_canaries > 0)
		json_object_set_new(detail, "canary", json_integer(f->n_canaries));
	if (of != 0)
		json_object_set_new(detail, "of", json_integer(of));
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_change_run(&c,
			"INSERT INTO config (agent_group, version, created_s, who, comment, text)"
			" VALUES (?, ?, ?, ?, ?, ?)",
			site_number(g->id), site_number(v->version),
			site_number((int64_t)v->created_s), site_text(v->who),
			site_text(v->comment), site_bytes(v->text, v->len));
	force_write(&c, g, f);
	site_change_note(&c, by, what, g->name, detail);
	return site_change_end(&c);
}

/* A new version of text; `of`: which earlier one's it is, 0 = none. */
static int version_set(struct site *s, const struct site_actor *by, const struct site_group *g,
		       const struct site_config_change *change, const char *what, uint32_t of,
		       struct weir_err_list *errs, struct weir_err *err)
{
	const struct version v = {
		.number = g->versions + 1,
		.created_s = site_now_s(),
		.who = by->name,
		.comment = change->comment != NULL ? change->comment : "",
		.text = change->text != NULL ? change->text : "",
		.len = change->len,
	};
	struct force f = { .versions = v.number, .config = g->config };
	struct config *new = config_make(g, &v);
	int rc;

	if (new == NULL)
		return weir_err_set(err, ENOMEM, "no memory for a configuration");
	rc = compile(s, g, new, errs, err);
	if (rc == 0)
		rc = choose_canaries(s, g, change->canary, &f, err);
	if (rc != 0) {
		site_config_free(new);
		return rc;
	}
	if (change->canary != 0)
		f.canary = &new->pub;
	else
		f.config = &new->pub;
	rc = version_commit(s, by, g, new, &f, what, of, err);
	if (rc == 0)
		force_apply(s, group_of(g), &f);
	else
		site_config_free(new);
	free(f.canaries);
	return rc;
}

int site_config_set(struct site *s, const struct site_actor *by, const struct site_group *g,
		    const struct site_config_change *change, struct weir_err_list *errs,
		    struct weir_err *err)
{
	int rc = check_change(g, change, err);

	if (rc == 0)
		rc = version_set(s, by, g, change, verb_of(g), 0, errs, err);
	return rc;
}

/* Another of the versions that are there, or none, for all. */
static int force_change(struct site *s, const struct site_actor *by, const struct site_group *g,
			const struct force *f, const char *what, uint32_t version,
			struct weir_err *err)
{
	struct site_change c;
	int rc;

	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	force_write(&c, g, f);
	site_change_note(&c, by, what, g->name, json_pack("{s:i}", "version", (int)version));
	rc = site_change_end(&c);
	if (rc == 0)
		force_apply(s, group_of(g), f);
	return rc;
}

int site_config_delete(struct site *s, const struct site_actor *by, const struct site_group *g,
		       struct weir_err *err)
{
	const struct force none = { .versions = g->versions };

	if (g->config == NULL && g->canary == NULL)
		return weir_err_set(err, ENOENT, "agent-group %s: it has no configuration",
				    g->name);
	return force_change(s, by, g, &none, "agent-group-config delete",
			    g->config != NULL ? g->config->version : g->canary->version, err);
}

static int no_canary(const struct site_group *g, struct weir_err *err)
{
	return weir_err_set(err, ENOENT,
			    "agent-group %s: no staged roll-out is under way: begin one with "
			    "--canary N",
			    g->name);
}

int site_config_promote(struct site *s, const struct site_actor *by, const struct site_group *g,
			struct weir_err *err)
{
	const struct force f = { .config = g->canary, .versions = g->versions };

	if (g->canary == NULL)
		return no_canary(g, err);
	return force_change(s, by, g, &f, "agent-group-config promote", g->canary->version, err);
}

int site_config_abort(struct site *s, const struct site_actor *by, const struct site_group *g,
		      struct weir_err *err)
{
	const struct force f = { .config = g->config, .versions = g->versions };

	if (g->canary == NULL)
		return no_canary(g, err);
	return force_change(s, by, g, &f, "agent-group-config abort", g->canary->version, err);
}

static int keep_one(void *ctx, struct weir_db_stmt *row)
{
	struct history *h = ctx;
	const struct version v = version_of_row(row);

	h->ctx = config_make(h->g, &v);
	return h->ctx != NULL ? 0 : -ENOMEM;
}

/* A version as it was given. NULL with `err`. */
static struct config *config_read(struct site *s, const struct site_group *g, uint32_t version,
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

int site_config_rollback(struct site *s, const struct site_actor *by, const struct site_group *g,
			 uint32_t version, struct weir_err *err)
{
	struct weir_err own = { 0 };
	struct weir_err_list *errs = calloc(1, sizeof(*errs));
	struct config *old;
	int rc = -ENOMEM;

	err = err != NULL ? err : &own;
	if (errs == NULL)
		return weir_err_set(err, ENOMEM, "no memory for a configuration");
	old = config_read(s, g, version, err);
	if (old != NULL) {
		const struct site_config_change change = {
			.text = old->pub.text,
			.len = old->pub.len,
			.comment = old->pub.comment,
		};

		rc = version_set(s, by, g, &change, "agent-group-config rollback", version, errs,
				 err);
	} else {
		rc = -err->code;
	}
	site_config_free(old);
	free(errs);
	return rc;
}
