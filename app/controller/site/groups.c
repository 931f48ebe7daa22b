/* SPDX-License-Identifier: Apache-2.0 */
#include "site_priv.h"

#include <errno.h>
#include <stdlib.h>

const struct site_group *site_group_named(const struct site *s, const char *name_or_id)
{
	const struct group *g = site_index_get(&s->group_names, name_or_id);

	return g != NULL ? &g->pub : NULL;
}

const struct site_group *site_group_default(const struct site *s)
{
	return &TAILQ_FIRST(&s->groups)->pub;
}

const struct site_group *site_group_next(const struct site *s, const struct site_group *after)
{
	const struct group *g = after != NULL ? TAILQ_NEXT(group_of(after), link)
					      : TAILQ_FIRST(&s->groups);

	return g != NULL ? &g->pub : NULL;
}

static void group_free(void *p)
{
	struct group *g = p;

	free(g->name);
	free(g);
}

static struct group *group_make(uint32_t id, const char *name)
{
	struct group *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->pub.id = id;
	g->pub.name = g->name = strdup(name);
	if (g->name != NULL)
		return g;
	free(g);
	return NULL;
}

/* Reserved before. Ids only grow, so the list is in their order. */
static void group_enter(struct site *s, struct group *g)
{
	g->pub.defaults = s->defaults;
	TAILQ_INSERT_TAIL(&s->groups, g, link);
	s->n_groups++;
	site_index_put(&s->group_names, g->pub.name, g);
	site_index_put(&s->group_names, g->pub.short_id, g);
	site_index_put(&s->group_names, g->pub.lcuuid, g);
}

static int no_memory(struct weir_err *err)
{
	return weir_err_set(err, ENOMEM, "no memory for a group");
}

static int load_one(void *ctx, struct weir_db_stmt *row)
{
	struct site *s = ctx;
	struct group *g = group_make((uint32_t)weir_db_i64(row, 0), weir_db_text(row, 1));

	if (g == NULL || site_index_reserve(&s->group_names, 3) != 0) {
		if (g != NULL)
			group_free(g);
		return -ENOMEM;
	}
	site_text_clean(g->pub.short_id, sizeof(g->pub.short_id), weir_db_text(row, 2));
	site_text_clean(g->pub.lcuuid, sizeof(g->pub.lcuuid), weir_db_text(row, 3));
	g->pub.updated_s = (uint64_t)weir_db_i64(row, 4);
	g->pub.versions = (uint32_t)weir_db_i64(row, 5);
	group_enter(s, g);
	return 0;
}

static void group_insert(struct site_change *c, const struct site_group *g)
{
	site_change_run(c,
			"INSERT INTO agent_group (id, name, short_id, lcuuid, updated_s, versions,"
			" config, canary) VALUES (?, ?, ?, ?, ?, 0, 0, 0)",
			site_number(g->id), site_text(g->name), site_text(g->short_id),
			site_text(g->lcuuid), site_number((int64_t)g->updated_s));
}

/* The one that is always there. */
static int make_default(struct site *s, struct weir_err *err)
{
	struct site_change c;
	struct group *g = group_make(DEFAULT_ID, "default");
	int rc;

	if (g == NULL || site_index_reserve(&s->group_names, 3) != 0) {
		free(g);
		return no_memory(err);
	}
	site_id_make(g->pub.short_id, 'g');
	site_uuid_random(g->pub.lcuuid);
	g->pub.updated_s = site_now_s();
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	group_insert(&c, &g->pub);
	rc = site_change_end(&c);
	if (rc == 0)
		group_enter(s, g);
	else
		group_free(g);
	return rc;
}

int site_groups_load(struct site *s, struct weir_err *err)
{
	int rc = site_rows(&s->sql,
			   "SELECT id, name, short_id, lcuuid, updated_s, versions FROM agent_group"
			   " ORDER BY id",
			   NULL, 0, load_one, s, err);

	if (rc == -ENOMEM)
		return no_memory(err);
	if (rc == 0 && (TAILQ_EMPTY(&s->groups) || TAILQ_FIRST(&s->groups)->pub.id != DEFAULT_ID))
		rc = make_default(s, err);
	return rc;
}

void site_groups_free(struct site *s)
{
	struct group *g;

	while ((g = TAILQ_FIRST(&s->groups)) != NULL) {
		TAILQ_REMOVE(&s->groups, g, link);
		site_config_free((void *)(uintptr_t)g->pub.config);
		site_config_free((void *)(uintptr_t)g->pub.canary);
		group_free(g);
	}
	site_index_fini(&s->group_names);
}

/* ------------------------------------------------------------------ changes */

/* A group is found by its name and its ids alike, so no two may share one. */
static int check_free(const struct site *s, const char *name, struct weir_err *err)
{
	const struct site_group *other = site_group_named(s, name);

	if (other == NULL)
		return 0;
	return weir_err_set(err, EEXIST,
			    "agent-group %s: that is taken, by group \"%s\" (%s): choose another",
			    name, other->name, other->short_id);
}

static int check_new(const struct site *s, const char *name, const char *short_id,
		     struct weir_err *err)
{
	int rc = site_name_check("agent-group", name, err);

	if (rc == 0 && short_id != NULL && !site_is_short_id(short_id))
		rc = weir_err_set(err, EINVAL,
				  "agent-group %s: id \"%.64s\": it must be g- and ten letters or "
				  "digits, as g-1234567890",
				  name, short_id);
	if (rc == 0)
		rc = check_free(s, name, err);
	if (rc == 0 && short_id != NULL)
		rc = check_free(s, short_id, err);
	if (rc == 0 && s->n_groups >= GROUPS_MAX)
		rc = weir_err_set(err, ENOSPC,
				  "agent-group %s: there are %u groups, and no more than that are "
				  "kept: delete one that is not used",
				  name, s->n_groups);
	return rc;
}

static void ids_make(const struct site *s, struct site_group *g, const char *short_id)
{
	site_uuid_random(g->lcuuid);
	g->updated_s = site_now_s();
	if (short_id != NULL) {
		memcpy(g->short_id, short_id, sizeof(g->short_id));
		return;
	}
	do
		site_id_make(g->short_id, 'g');
	while (site_group_named(s, g->short_id) != NULL);
}

int site_group_create(struct site *s, const struct site_actor *by, const char *name,
		      const char *short_id, const struct site_group **out, struct weir_err *err)
{
	struct site_change c;
	struct group *g;
	int rc = check_new(s, name, short_id, err);

	if (rc != 0)
		return rc;
	g = group_make(TAILQ_LAST(&s->groups, groups)->pub.id + 1, name);
	if (g == NULL || site_index_reserve(&s->group_names, 3) != 0) {
		if (g != NULL)
			group_free(g);
		return no_memory(err);
	}
	ids_make(s, &g->pub, short_id);
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	group_insert(&c, &g->pub);
	site_change_note(&c, by, "agent-group create", name,
			 json_pack("{s:s}", "id", g->pub.short_id));
	rc = site_change_end(&c);
	if (rc != 0) {
		group_free(g);
		return rc;
	}
	group_enter(s, g);
	if (out != NULL)
		*out = &g->pub;
	return 0;
}

int site_group_rename(struct site *s, const struct site_actor *by, const struct site_group *pub,
		      const char *name, struct weir_err *err)
{
	struct group *g = group_of(pub);
	const uint64_t now = site_now_s();
	struct site_change c;
	char *copy;
	int rc = site_name_check("agent-group", name, err);

	if (rc == 0 && strcmp(name, pub->name) != 0)
		rc = check_free(s, name, err);
	if (rc == 0 && pub->id == DEFAULT_ID)
		rc = weir_err_set(err, EPERM,
				  "agent-group default: it keeps its name: agents without a group "
				  "go there");
	if (rc != 0)
		return rc;
	copy = strdup(name);
	if (copy == NULL || site_index_reserve(&s->group_names, 1) != 0) {
		free(copy);
		return no_memory(err);
	}
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_change_run(&c, "UPDATE agent_group SET name = ?, updated_s = ? WHERE id = ?",
			site_text(name), site_number((int64_t)now), site_number(pub->id));
	site_change_note(&c, by, "agent-group update", pub->name, json_pack("{s:s}", "name", name));
	rc = site_change_end(&c);
	if (rc != 0) {
		free(copy);
		return rc;
	}
	site_index_drop(&s->group_names, g->name);
	site_bury(s, g->name, free);
	g->pub.name = g->name = copy;
	g->pub.updated_s = now;
	site_index_put(&s->group_names, g->name, g);
	return 0;
}

static void group_leave(struct site *s, struct group *g)
{
	site_index_drop(&s->group_names, g->pub.name);
	site_index_drop(&s->group_names, g->pub.short_id);
	site_index_drop(&s->group_names, g->pub.lcuuid);
	TAILQ_REMOVE(&s->groups, g, link);
	s->n_groups--;
}

static void empty_into(struct site *s, const struct group *g, struct group *into)
{
	for (uint32_t id = 1; id <= s->last_id; id++) {
		struct agent *a = s->agents[id];

		if (a == NULL || a->pub.group != &g->pub)
			continue;
		site_agent_move(a, into);
		site_agent_retype(s, a);
		site_tell_agent(s, a);
	}
}

int site_group_delete(struct site *s, const struct site_actor *by, const struct site_group *pub,
		      struct weir_err *err)
{
	struct group *g = group_of(pub);
	struct site_change c;
	int rc;

	if (pub->id == DEFAULT_ID)
		return weir_err_set(err, EPERM,
				    "agent-group default: it cannot be deleted: agents without a "
				    "group go there");
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_change_run(&c, "UPDATE agent SET agent_group = ?, canary = 0 WHERE agent_group = ?",
			site_number(DEFAULT_ID), site_number(pub->id));
	site_change_run(&c, "DELETE FROM config WHERE agent_group = ?", site_number(pub->id));
	site_change_run(&c, "DELETE FROM agent_group WHERE id = ?", site_number(pub->id));
	site_change_note(&c, by, "agent-group delete", pub->name,
			 json_pack("{s:s,s:i}", "id", pub->short_id, "agents", (int)pub->agents));
	rc = site_change_end(&c);
	if (rc != 0)
		return rc;
	group_leave(s, g);
	empty_into(s, g, TAILQ_FIRST(&s->groups));
	site_bury(s, (void *)(uintptr_t)pub->config, site_config_free);
	site_bury(s, (void *)(uintptr_t)pub->canary, site_config_free);
	site_bury(s, g, group_free);
	return 0;
}
