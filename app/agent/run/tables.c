/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"

#include "helper.h"
#include "run.h"
#include "sync.h"

#include <weir_meta.h>
#include <weir_policy.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define POLICY_BYTES_MAX ((size_t)256 << 20) /* 100,000 ACLs are a fifth of it */

const char *const table_names[TABLES] = {
	[TABLE_INVENTORY] = "inventory",
	[TABLE_POLICIES] = "policies",
};

/* The controller's tables that one is made of. */
static const unsigned int parts[TABLES] = {
	[TABLE_INVENTORY] = 1U << WEIR_SYNC_PLATFORM | 1U << WEIR_SYNC_PLACES,
	[TABLE_POLICIES] = 1U << WEIR_SYNC_ACLS | 1U << WEIR_SYNC_GROUPS,
};

static const char *const row_names[TABLES] = {
	[TABLE_INVENTORY] = "interfaces",
	[TABLE_POLICIES] = "ACLs",
};

/* What building gives; neither = the controller has none. */
struct built {
	struct weir_meta *meta;
	struct weir_policy *policy;
	uint64_t version, more_version;
	uint64_t rows, dropped, bytes;
	struct weir_err err; /* code 0: it is good */
};

/* One piece of a helper's work. */
struct job {
	struct tables *tables; /* of the loop alone */
	struct weir_sync_tables *from;
	struct weir_meta_agent self;
	unsigned int wanted; /* 1 << enum table */
	unsigned int
		changed;  /* 1 << enum weir_sync_table: what is to be asked for again if refused */
	bool forgotten;   /* loop: there is no controller any more */
	atomic_bool over; /* helper: wo, once */
	struct built built[TABLES];
};

struct tables {
	struct run *r;
	struct weir_sync_tables *from; /* the newest; NULL = none, or the job has it */
	struct weir_sync_dynamic dynamic;
	struct weir_meta_agent self; /* as the inventory was last asked for */
	unsigned int wanted, changed;
	struct job *job;
	struct in_force {
		struct built built;
		uint64_t since_us, refusals;
		char refused[300];
	} table[TABLES];
};

/* ---- a helper's thread ---- */

static uint64_t sum_of(const void *counters, size_t bytes)
{
	const uint64_t *v = counters;
	uint64_t sum = 0;

	for (size_t i = 0; i < bytes / sizeof(*v); i++)
		sum += v[i];
	return sum;
}

static bool has_bytes(const struct weir_sync_tables *from, enum table which)
{
	size_t n = 0;

	for (unsigned int i = 0; i < WEIR_SYNC_TABLES; i++)
		n += parts[which] & 1U << i ? from->part[i].bytes.n : 0;
	return n > 0;
}

static void build_inventory(const struct job *j, struct built *to)
{
	struct weir_meta_builder *b = weir_meta_builder_create(&j->self);

	if (b == NULL) {
		weir_err_set(&to->err, ENOMEM, "no memory for an inventory");
		return;
	}
	if (weir_sync_tables_build(j->from, b, NULL, &to->err) == 0)
		to->meta = weir_meta_freeze(b, &to->err);
	if (to->meta != NULL) {
		to->rows = weir_meta_interfaces(to->meta);
		to->bytes = weir_meta_bytes(to->meta);
		to->dropped = sum_of(weir_meta_builder_drops(b), sizeof(struct weir_meta_drops));
	}
	weir_meta_builder_destroy(b);
}

static void build_policies(const struct job *j, struct built *to)
{
	struct weir_policy_builder *b = weir_policy_builder_create();

	if (b == NULL) {
		weir_err_set(&to->err, ENOMEM, "no memory for policies");
		return;
	}
	if (weir_sync_tables_build(j->from, NULL, b, &to->err) == 0)
		to->policy = weir_policy_compile(b, POLICY_BYTES_MAX, &to->err);
	if (to->policy != NULL) {
		to->rows = weir_policy_acls(to->policy);
		to->bytes = weir_policy_bytes(to->policy);
		to->dropped = sum_of(weir_policy_builder_drops(b),
				     sizeof(struct weir_policy_drops));
	}
	weir_policy_builder_destroy(b);
}

static void work(void *arg)
{
	static void (*const build[TABLES])(const struct job *, struct built *) = {
		[TABLE_INVENTORY] = build_inventory,
		[TABLE_POLICIES] = build_policies,
	};
	struct job *j = arg;

	for (enum table i = 0; i < TABLES; i++)
		if (j->wanted & 1U << i && has_bytes(j->from, i))
			build[i](j, &j->built[i]);
	/* Release: pairs with the acquire in tables_destroy(). */
	atomic_store_explicit(&j->over, true, memory_order_release);
}

/* ---- the loop ---- */

static void built_free(struct built *b)
{
	weir_meta_destroy(b->meta);
	weir_policy_destroy(b->policy);
	b->meta = NULL;
	b->policy = NULL;
}

static void job_free(struct job *j)
{
	for (enum table i = 0; i < TABLES; i++)
		built_free(&j->built[i]);
	weir_sync_tables_free(j->from);
	free(j);
}

/* It is asked for again. */
static void refuse(struct tables *t, const struct job *j, enum table which, const char *why)
{
	struct in_force *f = &t->table[which];

	f->refusals++;
	snprintf(f->refused, sizeof(f->refused), "%s", why);
	weir_log(WEIR_LOG_ERR, "%s of the controller: refused, what there was stays: %s",
		 table_names[which], why);
	if (which == TABLE_POLICIES && j->built[which].err.code == E2BIG)
		weir_exceptions_set(&t->r->exceptions, WEIR_EXCEPTION_TOO_MANY_POLICIES);
	for (enum weir_sync_table i = 0; i < WEIR_SYNC_VERSIONS; i++)
		if (j->changed & parts[which] & 1U << i)
			sync_refuse(t->r->sync, i, why);
}

/* `next` is given. */
static void swap(struct tables *t, enum table which, struct built *next)
{
	struct in_force *f = &t->table[which];

	built_free(&f->built);
	f->built = *next;
	*next = (struct built){ 0 };
	f->since_us = weir_clock_wall_ns() / WEIR_NS_PER_US;
	f->refused[0] = '\0';
	if (which == TABLE_POLICIES)
		weir_exceptions_clear(&t->r->exceptions, WEIR_EXCEPTION_TOO_MANY_POLICIES);
}

static bool is_there(const struct built *b)
{
	return b->meta != NULL || b->policy != NULL;
}

static void say(const struct tables *t, enum table which)
{
	const struct built *b = &t->table[which].built;

	if (is_there(b))
		weir_log(WEIR_LOG_INFO,
			 "%s of the controller: version %" PRIu64 " is in force: %" PRIu64
			 " %s, %" PRIu64 " KiB, %" PRIu64 " rows were no good",
			 table_names[which], b->version, b->rows, row_names[which], b->bytes >> 10,
			 b->dropped);
	else
		weir_log(WEIR_LOG_INFO, "%s of the controller: none", table_names[which]);
}

static void have(struct tables *t, struct job *j, enum table which)
{
	struct built *next = &j->built[which];
	const struct weir_sync_part *part = j->from->part;

	if (next->err.code != 0) {
		refuse(t, j, which, next->err.msg);
		return;
	}
	if (!is_there(next) && !is_there(&t->table[which].built))
		return;
	if (which == TABLE_INVENTORY && weir_pipe_inventory_set(t->r->pipe, next->meta) != 0) {
		refuse(t, j, which, "no memory to hand it to the workers");
		return;
	}
	next->version =
		part[which == TABLE_INVENTORY ? WEIR_SYNC_PLATFORM : WEIR_SYNC_ACLS].version;
	next->more_version = which == TABLE_POLICIES ? part[WEIR_SYNC_GROUPS].version : 0;
	swap(t, which, next);
	say(t, which);
}

static void begin(struct tables *t);

static void done(void *arg)
{
	struct job *j = arg;
	struct tables *t = j->tables;

	t->job = NULL;
	for (enum table i = 0; i < TABLES && !j->forgotten; i++)
		if (j->wanted & 1U << i)
			have(t, j, i);
	if (t->from == NULL && !j->forgotten) {
		t->from = j->from;
		j->from = NULL;
	}
	job_free(j);
	begin(t);
}

/* Who reads the inventory, which decides what its rows mean. */
static struct weir_meta_agent self_of(const struct tables *t)
{
	const struct weir_group_conf *g = &t->r->conf->group;
	const struct weir_sync_dynamic *d = &t->dynamic;
	const uint32_t mode = g->inputs.cbpf.common.capture_mode;
	const bool is_box = d->agent_type == WEIR_AGENT_UNKNOWN && mode == WEIR_CAPTURE_ANALYZER;

	return (struct weir_meta_agent){
		.type = (uint8_t)(is_box ? WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE : d->agent_type),
		.mode = (uint8_t)mode,
		.gateway_traffic = g->inputs.cbpf.physical_mirror.private_cloud_gateway_traffic,
		.vpc = (int32_t)d->vpc_id,
		.region_id = d->region_id,
		.pod_cluster_id = d->pod_cluster_id,
	};
}

static bool is_same(const struct weir_meta_agent *a, const struct weir_meta_agent *b)
{
	return a->type == b->type && a->mode == b->mode &&
	       a->gateway_traffic == b->gateway_traffic && a->vpc == b->vpc &&
	       a->region_id == b->region_id && a->pod_cluster_id == b->pod_cluster_id;
}

/* One after the other: what came meanwhile waits, and only the newest of it. */
static void begin(struct tables *t)
{
	struct job *j;
	int rc = -ENOMEM;

	if (t->job != NULL || t->wanted == 0 || t->from == NULL)
		return;
	j = calloc(1, sizeof(*j));
	if (j != NULL) {
		t->self = self_of(t);
		*j = (struct job){ .tables = t,
				   .from = t->from,
				   .self = t->self,
				   .wanted = t->wanted,
				   .changed = t->changed };
		rc = helpers_start(t->r->helpers, "weir-tables", work, done, j);
	}
	if (rc != 0) {
		weir_log(WEIR_LOG_ERR, "tables of the controller: not taken: %s", strerror(-rc));
		free(j);
		return;
	}
	t->job = j;
	t->from = NULL;
	t->wanted = t->changed = 0;
}

void tables_take(struct tables *t, const struct weir_sync_tables *from, unsigned int changed)
{
	struct weir_sync_tables *copy = weir_sync_tables_copy(from);

	if (copy == NULL) {
		weir_log(WEIR_LOG_ERR, "tables of the controller: not taken: no memory");
		return;
	}
	weir_sync_tables_free(t->from);
	t->from = copy;
	t->changed |= changed;
	for (enum table i = 0; i < TABLES; i++)
		t->wanted |= changed & parts[i] ? 1U << i : 0;
	begin(t);
}

void tables_follow(struct tables *t)
{
	const struct weir_meta_agent self = self_of(t);

	if ((t->from == NULL && t->job == NULL) || is_same(&self, &t->self))
		return;
	t->wanted |= 1U << TABLE_INVENTORY;
	begin(t);
}

void tables_dynamic(struct tables *t, const struct weir_sync_dynamic *d)
{
	t->dynamic = *d;
	tables_follow(t);
}

void tables_forget(struct tables *t)
{
	struct built none[TABLES] = { 0 };

	weir_sync_tables_free(t->from);
	t->from = NULL;
	t->wanted = t->changed = 0;
	memset(&t->dynamic, 0, sizeof(t->dynamic));
	if (t->job != NULL)
		t->job->forgotten = true;
	if (weir_pipe_inventory_set(t->r->pipe, NULL) != 0) {
		weir_log(WEIR_LOG_ERR, "inventory of the controller: stays: no memory");
		return;
	}
	for (enum table i = 0; i < TABLES; i++)
		swap(t, i, &none[i]);
}

struct tables *tables_create(struct run *r)
{
	struct tables *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->r = r;
	return t;
}

void tables_destroy(struct tables *t)
{
	if (t == NULL)
		return;
	for (enum table i = 0; i < TABLES; i++)
		built_free(&t->table[i].built);
	/* Else the helper still works on it, and is left to itself. */
	if (t->job != NULL && atomic_load_explicit(&t->job->over, memory_order_acquire))
		job_free(t->job);
	weir_sync_tables_free(t->from);
	free(t);
}

/* ---- for people ---- */

void table_view(const struct tables *t, enum table which, struct table_view *v)
{
	const struct in_force *f = &t->table[which];

	*v = (struct table_view){
		.there = is_there(&f->built),
		.version = f->built.version,
		.more_version = f->built.more_version,
		.rows = f->built.rows,
		.dropped = f->built.dropped,
		.bytes = f->built.bytes,
		.since_us = f->since_us,
		.refusals = f->refusals,
		.refused = f->refused,
	};
}

static json_t *table_json(const struct tables *t, enum table which)
{
	struct table_view v;

	table_view(t, which, &v);
	return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "table",
			 table_names[which], "in_force", (int)v.there, "version",
			 (json_int_t)v.version, "groups_version", (json_int_t)v.more_version,
			 "rows", (json_int_t)v.rows, "dropped", (json_int_t)v.dropped, "bytes",
			 (json_int_t)v.bytes, "since_us", (json_int_t)v.since_us, "refusals",
			 (json_int_t)v.refusals, "refused", v.refused);
}

json_t *tables_json(const struct tables *t)
{
	json_t *all = json_array();

	for (enum table i = 0; all != NULL && i < TABLES; i++)
		json_array_append_new(all, table_json(t, i));
	return all;
}
