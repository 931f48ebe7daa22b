/* SPDX-License-Identifier: Apache-2.0 */
/* Versions made, put in force on all agents of a group or on some, and taken back. */
#include "site_priv.h"

#include <errno.h>
#include <stdlib.h>

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
			    g->name, site_first_mistake(errs));
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
	const struct site_version v = {
		.number = g->versions + 1,
		.created_s = site_now_s(),
		.who = by->name,
		.comment = change->comment != NULL ? change->comment : "",
		.text = change->text != NULL ? change->text : "",
		.len = change->len,
	};
	struct force f = { .versions = v.number, .config = g->config };
	struct config *new = site_config_make(g, &v);
	int rc;

	if (new == NULL)
		return weir_err_set(err, ENOMEM, "no memory for a configuration");
	rc = compile(s, g, new, errs, err);
	if (rc == 0)
		rc = choose_canaries(s, g, change->canary, &f, err);
	if (change->canary != 0)
		f.canary = &new->pub;
	else
		f.config = &new->pub;
	if (rc == 0)
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
	old = site_config_read(s, g, version, err);
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
