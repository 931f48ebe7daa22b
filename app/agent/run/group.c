/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations are read, as a whole, and refused or applied; where the one in force comes from. */
#include "group.h"

#include "apply.h"
#include "run.h"
#include "sync.h"
#include "tuning.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct weir_err_list errs; /* large */

/* Who said it, for people. */
struct source {
	const char *origin;
	uint64_t revision;
};

static uint64_t now_us(void)
{
	return weir_clock_wall_ns() / WEIR_NS_PER_US;
}

/* What the box itself has: the file of the command line, or the profile. */
static const char *own_origin(const struct run *r)
{
	return r->group_path != NULL ? r->group_path : "appliance profile";
}

static void in_force(struct run *r, const struct source *from)
{
	struct group *g = &r->group;
	const bool same = from->revision != 0 && from->revision == g->revision &&
			  strcmp(from->origin, g->origin) == 0;

	snprintf(g->origin, sizeof(g->origin), "%s", from->origin);
	g->revision = from->revision;
	if (!same)
		g->since_us = now_us();
	memset(&g->refused, 0, sizeof(g->refused));
}

static int refuse(struct run *r, const struct source *from, struct weir_err *err)
{
	struct group_refused *no = &r->group.refused;

	snprintf(no->origin, sizeof(no->origin), "%s", from->origin);
	no->revision = from->revision;
	no->at_us = now_us();
	no->mistakes = errs.mistakes;
	no->err = *err;
	return -err->code;
}

/* The first mistake, and how many there are. */
static int mistakes(struct weir_err *err)
{
	const char *first = "no memory";
	const struct weir_err_item *item = NULL;

	for (uint32_t i = errs.n; i-- > 0;)
		if (!errs.items[i].warning)
			item = &errs.items[i];
	if (item != NULL)
		first = item->msg;
	return weir_err_set(err, errs.mistakes > 0 ? EINVAL : ENOMEM,
			    "configuration refused, the old one stays: %u mistake%s: %.300s",
			    errs.mistakes, errs.mistakes == 1 ? "" : "s", first);
}

/* `whole`: the box's file, too, and the machine is looked at. `own` may be NULL: nobody asked why. */
static int take(struct run *r, bool whole, const struct agent_group_text *text,
		const struct source *from, ports_change_fn change, void *ctx, struct weir_err *own)
{
	struct agent_conf *next = calloc(1, sizeof(*next));
	struct weir_err err = { 0 };
	int rc = -ENOMEM;

	memset(&errs, 0, sizeof(errs));
	if (next != NULL)
		rc = whole ? agent_conf_read(next, r->box_path, text, &errs)
			   : agent_conf_regroup(next, r->conf, text, &errs);
	weir_err_list_print(&errs, stderr);
	if (rc != 0) {
		free(next);
		mistakes(&err);
	} else if (conf_apply(r, next, whole, change, ctx, &err) != 0) {
		agent_conf_free(next);
		free(next);
	}
	if (own != NULL)
		*own = err;
	if (err.code != 0)
		return refuse(r, from, &err);
	in_force(r, from);
	return 0;
}

int group_apply(struct run *r, const char *text, size_t len, const char *origin, uint64_t revision,
		ports_change_fn change, void *ctx, struct weir_err *err)
{
	const struct agent_group_text group = {
		.text = text, .len = len, .name = origin, .newer = true
	};
	const struct source from = { origin, revision };
	char *copy = malloc(len + 1);
	int rc;

	if (copy == NULL)
		return weir_err_set(err, ENOMEM, "no memory for a group configuration");
	memcpy(copy, text, len);
	copy[len] = '\0';
	rc = take(r, false, &group, &from, change, ctx, err);
	if (rc != 0) {
		free(copy);
		return rc;
	}
	free(r->group.text);
	r->group.text = copy;
	r->group.len = len;
	weir_log(WEIR_LOG_INFO, "group configuration of %s, revision %llu: in force", origin,
		 (unsigned long long)revision);
	return 0;
}

int group_forget(struct run *r, ports_change_fn change, void *ctx, struct weir_err *err)
{
	const struct agent_group_text own = { .path = r->group_path };
	const struct source from = { own_origin(r), 0 };
	int rc = take(r, false, &own, &from, change, ctx, err);

	if (rc != 0)
		return rc;
	free(r->group.text);
	r->group.text = NULL;
	r->group.len = 0;
	return 0;
}

int group_check(const struct run *r, const char *text, size_t len, struct weir_err_list *to)
{
	const struct agent_group_text group = { .text = text, .len = len, .name = "" };
	struct agent_conf *conf = calloc(1, sizeof(*conf));
	int rc = -ENOMEM;

	if (conf != NULL)
		rc = agent_conf_regroup(conf, r->conf, &group, to);
	if (rc == 0)
		agent_conf_free(conf);
	free(conf);
	return rc;
}

bool group_is_refused(const struct run *r)
{
	return r->group.refused.origin[0] != '\0';
}

int run_reload(struct run *r, ports_change_fn change, void *ctx, struct weir_err *err)
{
	const struct group *g = &r->group;
	const bool given = g->text != NULL;
	const struct agent_group_text group = { .path = given ? NULL : r->group_path,
						.text = g->text,
						.newer = given,
						.len = g->len,
						.name = g->origin };
	char origin[sizeof(g->origin)];
	const struct source from = { origin, g->revision };
	int rc;

	snprintf(origin, sizeof(origin), "%s", given ? g->origin : own_origin(r));
	rc = take(r, true, &group, &from, change, ctx, err);
	if (rc != 0)
		return rc;
	sync_follow(r);
	conf_follow(r);
	return 0;
}

int run_configure(struct run *r, struct weir_err *err)
{
	tuning_follow(r);
	conf_follow_records(r);
	return conf_apply_ports(r, err);
}

void group_changed(struct run *r, const struct weir_conf_plan *plan)
{
	const uint64_t at_us = now_us();

	for (uint32_t i = 0; r->group.values_since_us != NULL && i < plan->n; i++)
		r->group.values_since_us[plan->changes[i].row - weir_group_table.rows] = at_us;
}

void group_init(struct run *r)
{
	const struct source from = { own_origin(r), 0 };
	const uint64_t at_us = now_us();

	in_force(r, &from);
	r->group.values_since_us = calloc(weir_group_table.n, sizeof(uint64_t));
	for (uint32_t i = 0; r->group.values_since_us != NULL && i < weir_group_table.n; i++)
		r->group.values_since_us[i] = at_us;
}

void group_fini(struct run *r)
{
	struct agent_conf *conf = r->conf, *boot = r->boot;

	r->conf = boot;
	conf_release(r, conf);
	agent_conf_free(boot);
	free(boot);
	free(r->group.text);
	free(r->group.values_since_us);
}
