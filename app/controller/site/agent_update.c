/* SPDX-License-Identifier: Apache-2.0 */
/* What people change of an agent. */
#include "site_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* An agent as it is to be; its new texts, to be given to it when all went well. */
struct update {
	struct site_agent to;
	char *name, *revision, *image;
};

static void update_free(struct update *u)
{
	free(u->name);
	free(u->revision);
	free(u->image);
}

static int update_name(struct site *s, struct update *u, const char *name, struct weir_err *err)
{
	int rc = site_name_check("agent", name, err);

	if (rc != 0)
		return rc;
	if (strcmp(name, u->to.name) == 0)
		return 0;
	if (site_agent_named(s, name) != NULL)
		return weir_err_set(err, EEXIST, "agent %s: that name is taken: choose another",
				    name);
	u->name = strdup(name);
	if (u->name == NULL || site_index_reserve(&s->agent_names, 1) != 0)
		return weir_err_set(err, ENOMEM, "no memory for a name");
	u->to.name = u->name;
	return 0;
}

static int update_image(const struct site *s, struct update *u, const char *name,
			struct weir_err *err)
{
	const struct site_image *image = name[0] != '\0' ? site_image_named(s, name) : NULL;
	const char *rev = image != NULL ? image->rev_count : "";
	const char *commit = image != NULL ? image->commit_id : "";

	if (name[0] != '\0' && image == NULL)
		return weir_err_set(err, ENOENT,
				    "image %s: there is none of this name: repo agent list shows "
				    "those there are",
				    name);
	u->image = strdup(name);
	if (asprintf(&u->revision, "%s%s%s", rev, image != NULL ? "-" : "", commit) < 0)
		u->revision = NULL;
	if (u->image == NULL || u->revision == NULL)
		return weir_err_set(err, ENOMEM, "no memory for a name");
	u->to.wanted_image = u->image;
	u->to.wanted_revision = u->revision;
	return 0;
}

static bool vpc_is_there(const struct site *s, uint32_t id)
{
	const struct vpc *v;

	TAILQ_FOREACH(v, &s->vpcs, link)
		if (v->pub.id == id)
			return true;
	return false;
}

static int update_numbers(const struct site *s, struct update *u, const struct site_agent_change *c,
			  struct weir_err *err)
{
	if (c->enabled >= 0)
		u->to.enabled = c->enabled != 0;
	if (c->vpc >= 0 && !vpc_is_there(s, (uint32_t)c->vpc))
		return weir_err_set(err, ENOENT, "agent %s: there is no VPC %d", u->to.name,
				    c->vpc);
	if (c->vpc >= 0)
		u->to.vpc = (uint32_t)c->vpc;
	if (c->state < 0)
		return 0;
	switch (c->state) {
	case SITE_DISABLED:
		u->to.enabled = false;
		return 0;
	case SITE_PENDING:
		u->to.state = SITE_PENDING;
		return 0;
	case SITE_NORMAL:
		if (u->to.state == SITE_PENDING)
			u->to.state = SITE_NORMAL;
		return 0;
	default:
		return weir_err_set(err, EINVAL,
				    "agent %s: state %d cannot be set: 1 approves it, 2 disables "
				    "it, 3 has it wait for approval",
				    u->to.name, c->state);
	}
}

static int update_make(struct site *s, struct update *u, const struct site_agent_change *c,
		       struct weir_err *err)
{
	int rc = update_numbers(s, u, c, err);

	if (rc == 0 && c->group != NULL && c->group != u->to.group) {
		u->to.group = c->group;
		u->to.canary = false;
	}
	if (rc == 0 && c->name != NULL)
		rc = update_name(s, u, c->name, err);
	if (rc == 0 && c->image != NULL)
		rc = update_image(s, u, c->image, err);
	if (rc == 0)
		u->to.type = site_agent_type(u->to.facts.cluster_id, site_agent_config(&u->to));
	return rc;
}

static void add_text(json_t *o, const char *key, const char *value)
{
	if (value != NULL)
		json_object_set_new(o, key, json_string(value));
}

static json_t *detail_of(const struct site_agent_change *c)
{
	json_t *o = json_object();

	add_text(o, "group", c->group != NULL ? c->group->name : NULL);
	add_text(o, "name", c->name);
	add_text(o, "image", c->image);
	if (c->enabled >= 0)
		json_object_set_new(o, "enabled", json_boolean(c->enabled));
	if (c->state >= 0)
		json_object_set_new(o, "state", json_integer(c->state));
	if (c->vpc >= 0)
		json_object_set_new(o, "vpc", json_integer(c->vpc));
	return o;
}

static const char *verb_of(const struct site_agent *a, const struct site_agent_change *c)
{
	if (c->image != NULL)
		return c->image[0] != '\0' ? "agent-upgrade" : "agent-upgrade cancel";
	return c->state == SITE_NORMAL && a->state == SITE_PENDING ? "agent approve"
								   : "agent update";
}

static void text_take(struct site *s, char **own, const char **pub, char **new)
{
	if (*new == NULL)
		return;
	site_bury(s, *own, free);
	*pub = *own = *new;
	*new = NULL;
}

static void update_apply(struct site *s, struct agent *a, struct update *u)
{
	if (u->to.group != a->pub.group)
		site_agent_move(a, group_of(u->to.group));
	if (u->name != NULL)
		site_index_drop(&s->agent_names, a->name);
	text_take(s, &a->name, &a->pub.name, &u->name);
	site_index_put(&s->agent_names, a->name, a);
	text_take(s, &a->wanted_image, &a->pub.wanted_image, &u->image);
	text_take(s, &a->wanted_revision, &a->pub.wanted_revision, &u->revision);
	a->pub.enabled = u->to.enabled;
	a->pub.state = u->to.state;
	a->pub.vpc = u->to.vpc;
	a->pub.type = u->to.type;
	if (!a->pub.enabled || a->pub.state == SITE_PENDING)
		site_watcher_clear(s, a->key);
	site_tell_agent(s, a);
}

int site_agent_update(struct site *s, const struct site_actor *by, const struct site_agent *pub,
		      const struct site_agent_change *change, struct weir_err *err)
{
	struct update u = { .to = *pub };
	struct site_change c;
	int rc = update_make(s, &u, change, err);

	if (rc == 0) {
		site_change_begin(&c, &s->sql, SITE_DURABLE, err);
		site_agent_rewrite(&c, &u.to);
		if (u.name != NULL)
			site_change_run(&c, "UPDATE agent SET name = ? WHERE id = ?",
					site_text(u.name), site_number(pub->id));
		site_change_note(&c, by, verb_of(pub, change), pub->name, detail_of(change));
		rc = site_change_end(&c);
	}
	if (rc == 0)
		update_apply(s, agent_of(pub), &u);
	update_free(&u);
	return rc;
}

int site_agent_delete(struct site *s, const struct site_actor *by, const struct site_agent *a,
		      struct weir_err *err)
{
	struct site_change c;
	int rc;

	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_agent_erase(&c, a->id);
	site_change_note(&c, by, "agent delete", a->name,
			 json_pack("{s:s,s:s}", "ctrl_ip", a->ctrl_ip, "ctrl_mac", a->ctrl_mac));
	rc = site_change_end(&c);
	if (rc == 0)
		site_agent_drop(s, agent_of(a));
	return rc;
}
