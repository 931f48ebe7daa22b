/* SPDX-License-Identifier: Apache-2.0 */
#include "site_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const struct site_vpc *site_vpc_next(const struct site *s, const struct site_vpc *after)
{
	const struct vpc *v = after != NULL ? TAILQ_NEXT((const struct vpc *)after, link)
					    : TAILQ_FIRST(&s->vpcs);

	return v != NULL ? &v->pub : NULL;
}

struct vpc *site_vpc_of(const struct site *s, uint32_t id)
{
	struct vpc *v;

	TAILQ_FOREACH(v, &s->vpcs, link)
		if (v->pub.id == id)
			return v;
	return NULL;
}

static struct vpc *vpc_named(const struct site *s, const char *name)
{
	struct vpc *v;

	TAILQ_FOREACH(v, &s->vpcs, link)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

/* One more than the largest, so that an id is not soon another's; when there are no more, the first free. */
static uint32_t id_free(const struct site *s)
{
	const struct vpc *last = TAILQ_LAST(&s->vpcs, vpcs);
	uint32_t id = last != NULL ? last->pub.id + 1 : DEFAULT_ID;

	if (id <= VPC_ID_MAX)
		return id;
	for (id = DEFAULT_ID; site_vpc_of(s, id) != NULL; id++)
		;
	return id;
}

struct vpc *site_vpc_make(struct site *s, const char *name)
{
	struct vpc *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->pub.id = id_free(s);
	v->pub.name = v->name;
	site_text_clean(v->name, sizeof(v->name), name);
	for (unsigned int i = 2; vpc_named(s, v->name) != NULL; i++)
		snprintf(v->name, sizeof(v->name), "%.200s-%u", name, i);
	site_uuid_random(v->pub.lcuuid);
	return v;
}

void site_vpc_put(struct site_change *c, const struct site_vpc *v)
{
	site_change_run(c, "INSERT INTO vpc (id, name, lcuuid) VALUES (?, ?, ?)",
			site_number(v->id), site_text(v->name), site_text(v->lcuuid));
}

/* In the order of ids. */
void site_vpc_enter(struct site *s, struct vpc *v)
{
	struct vpc *after = TAILQ_LAST(&s->vpcs, vpcs);

	while (after != NULL && after->pub.id > v->pub.id)
		after = TAILQ_PREV(after, vpcs, link);
	if (after != NULL)
		TAILQ_INSERT_AFTER(&s->vpcs, after, v, link);
	else
		TAILQ_INSERT_HEAD(&s->vpcs, v, link);
}

void site_vpc_drop(struct site *s, struct vpc *v)
{
	TAILQ_REMOVE(&s->vpcs, v, link);
	site_bury(s, v, free);
}

static int load_one(void *ctx, struct weir_db_stmt *row)
{
	struct site *s = ctx;
	struct vpc *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return -ENOMEM;
	v->pub.id = (uint32_t)weir_db_i64(row, 0);
	v->pub.name = v->name;
	site_text_clean(v->name, sizeof(v->name), weir_db_text(row, 1));
	site_text_clean(v->pub.lcuuid, sizeof(v->pub.lcuuid), weir_db_text(row, 2));
	site_vpc_enter(s, v);
	return 0;
}

static int no_memory(struct weir_err *err)
{
	return weir_err_set(err, ENOMEM, "no memory for a VPC");
}

/* The one that is always there. */
static int make_default(struct site *s, struct weir_err *err)
{
	struct vpc *v = site_vpc_make(s, "default");
	struct site_change c;
	int rc;

	if (v == NULL)
		return no_memory(err);
	v->pub.id = DEFAULT_ID;
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_vpc_put(&c, &v->pub);
	rc = site_change_end(&c);
	if (rc == 0)
		site_vpc_enter(s, v);
	else
		free(v);
	return rc;
}

int site_vpcs_load(struct site *s, struct weir_err *err)
{
	int rc = site_rows(&s->sql, "SELECT id, name, lcuuid FROM vpc ORDER BY id", NULL, 0,
			   load_one, s, err);

	if (rc == -ENOMEM)
		return no_memory(err);
	if (rc == 0 && site_vpc_of(s, DEFAULT_ID) == NULL)
		rc = make_default(s, err);
	return rc;
}

int site_vpc_create(struct site *s, const struct site_actor *by, const char *name,
		    const struct site_vpc **out, struct weir_err *err)
{
	struct site_change c;
	struct vpc *v;
	int rc = site_name_check("vpc", name, err);

	if (rc == 0 && vpc_named(s, name) != NULL)
		rc = weir_err_set(err, EEXIST, "vpc %s: that name is taken: choose another", name);
	if (rc != 0)
		return rc;
	v = site_vpc_make(s, name);
	if (v == NULL)
		return no_memory(err);
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_vpc_put(&c, &v->pub);
	site_change_note(&c, by, "vpc create", name, json_pack("{s:i}", "id", (int)v->pub.id));
	rc = site_change_end(&c);
	if (rc != 0) {
		free(v);
		return rc;
	}
	site_vpc_enter(s, v);
	if (out != NULL)
		*out = &v->pub;
	site_tell_networks(s);
	return 0;
}

static int check_unused(const struct site *s, const struct site_vpc *v, struct weir_err *err)
{
	const struct domain *d;

	if (v->id == DEFAULT_ID)
		return weir_err_set(
			err, EPERM,
			"vpc default: it cannot be deleted: what has no other is in it");
	TAILQ_FOREACH(d, &s->domains, link)
		if (d->pub.vpc == v->id)
			return weir_err_set(
				err, EBUSY,
				"vpc %s: it is that of domain %s: delete the domain, and "
				"it goes too",
				v->name, d->pub.name);
	for (uint32_t id = 1; id <= s->last_id; id++)
		if (s->agents[id] != NULL && s->agents[id]->pub.vpc == v->id)
			return weir_err_set(err, EBUSY,
					    "vpc %s: agent %s is in it: move that to another first",
					    v->name, s->agents[id]->pub.name);
	return 0;
}

int site_vpc_delete(struct site *s, const struct site_actor *by, const struct site_vpc *v,
		    struct weir_err *err)
{
	struct site_change c;
	int rc = check_unused(s, v, err);

	if (rc != 0)
		return rc;
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_change_run(&c, "DELETE FROM vpc WHERE id = ?", site_number(v->id));
	site_change_note(&c, by, "vpc delete", v->name, json_pack("{s:i}", "id", (int)v->id));
	rc = site_change_end(&c);
	if (rc != 0)
		return rc;
	site_vpc_drop(s, site_vpc_of(s, v->id));
	site_tell_networks(s);
	return 0;
}
