/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"
#include "run.h"
#include "sync.h"
#include "tables_priv.h"

#include <weir_ctl.h>

#include <event2/event.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_NS \
	(100 * WEIR_NS_PER_MS) /* from one building to the next: what comes meanwhile is one */

/*
 * A layer of changes costs each new flow a look-up more, so it becomes part of a new base, in the background: when
 * nothing has changed for a while, or when it has so many interfaces; twice what one version may change, so
 * that this is not done for each.
 */
#define QUIET_NS  (10 * WEIR_NS_PER_S)
#define LAYER_MAX 2048

const char *const table_names[TABLES] = {
	[TABLE_INVENTORY] = "inventory",
	[TABLE_POLICIES] = "policies",
};

static const char *const row_names[TABLES] = {
	[TABLE_INVENTORY] = "interfaces",
	[TABLE_POLICIES] = "ACLs",
};

/* Tables as they came; on the loop counted, by a helper only read. */
struct taken {
	unsigned int users;
	struct weir_sync_tables *tables;
};

/* One piece of a helper's work. */
struct job {
	struct tables *tables; /* of the loop alone */
	struct order order;
	struct taken *from, *base_from;
	unsigned int
		changed; /* 1 << enum weir_sync_table: what is to be asked for again if refused */
	bool is_merge;   /* nothing has changed: a layer becomes part of the base */
	bool forgotten;  /* loop: there is no controller any more */
	struct built left[TABLES]; /* loop: no longer in force, but still read by the helper */
	atomic_bool over;          /* helper: wo, once */
};

struct tables {
	struct run *r;
	struct taken *newest;             /* NULL = none */
	struct taken *held;               /* what the inventory in force is made of, */
	struct weir_meta_agent held_self; /* and for whom */
	struct weir_sync_dynamic dynamic;
	struct weir_meta_agent self; /* as the inventory was last asked for */
	unsigned int wanted, changed;
	bool wants_base;   /* no layer over the inventory in force */
	uint64_t began_ns; /* the last job */
	bool is_waiting;   /* for it to be long enough ago, */
	bool is_settling;  /* and to be quiet since */
	struct job *job;
	struct in_force {
		struct built built;
		uint64_t since_us, refusals;
		char refused[300];
		uint64_t refused_hash; /* it need not be built again; 0 = none */
	} table[TABLES];
};

/* A helper's thread. */
static void work(void *arg)
{
	struct job *j = arg;

	tables_build(&j->order);
	/* Release: pairs with the acquire in tables_destroy(). */
	atomic_store_explicit(&j->over, true, memory_order_release);
}

/* ---- the loop ---- */

static struct taken *taken_get(struct taken *t)
{
	if (t != NULL)
		t->users++;
	return t;
}

static void taken_put(struct taken *t)
{
	if (t == NULL || --t->users > 0)
		return;
	weir_sync_tables_free(t->tables);
	free(t);
}

static struct taken *taken_copy(const struct weir_sync_tables *from)
{
	struct taken *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->users = 1;
	t->tables = weir_sync_tables_copy(from);
	if (t->tables != NULL)
		return t;
	free(t);
	return NULL;
}

static void job_free(struct job *j)
{
	for (enum table i = 0; i < TABLES; i++) {
		built_free(&j->order.built[i]);
		built_free(&j->left[i]);
	}
	taken_put(j->from);
	taken_put(j->base_from);
	free(j);
}

/* What is wrong with these bytes will be wrong with them again. */
static bool is_lasting(const struct weir_err *err)
{
	return err->code == E2BIG || err->code == EBADMSG;
}

/* It is asked for again, as it may have come to harm on its way; when the same comes, it is left at that. */
static void refuse(struct tables *t, const struct job *j, enum table which, const char *why)
{
	const struct weir_err *err = &j->order.built[which].err;
	struct in_force *f = &t->table[which];

	f->refusals++;
	f->refused_hash = is_lasting(err) ? tables_hash(j->from->tables, which) : 0;
	snprintf(f->refused, sizeof(f->refused), "%s", why);
	weir_log(WEIR_LOG_ERR, "%s of the controller: refused, what there was stays: %s",
		 table_names[which], why);
	if (which == TABLE_POLICIES && err->code == E2BIG)
		weir_exceptions_set(&t->r->exceptions, WEIR_EXCEPTION_TOO_MANY_POLICIES);
	for (enum weir_sync_table i = 0; i < WEIR_SYNC_VERSIONS; i++)
		if (j->changed & table_parts[which] & 1U << i)
			sync_refuse(t->r->sync, i, why);
}

static void accepted(struct tables *t, enum table which)
{
	struct in_force *f = &t->table[which];

	f->refused[0] = '\0';
	f->refused_hash = 0;
	if (which == TABLE_POLICIES)
		weir_exceptions_clear(&t->r->exceptions, WEIR_EXCEPTION_TOO_MANY_POLICIES);
}

/* `next` is given, and so is what was in force to `left`, or freed where that is NULL. */
static void swap(struct tables *t, enum table which, struct built *next, struct built *left)
{
	struct in_force *f = &t->table[which];

	if (left != NULL)
		*left = f->built;
	else
		built_free(&f->built);
	f->built = *next;
	*next = (struct built){ 0 };
	f->since_us = weir_clock_wall_ns() / WEIR_NS_PER_US;
	accepted(t, which);
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

/* The inventory in force is made of what the job had. */
static void hold(struct tables *t, const struct job *j)
{
	struct taken *before = t->held;

	t->held = taken_get(j->from);
	taken_put(before);
	t->held_self = j->order.from.self;
}

/* To the workers; when it returns, nobody reads the one before. */
static int hand_over(const struct tables *t, enum table which, const struct built *next)
{
	return which == TABLE_INVENTORY ? weir_pipe_inventory_set(t->r->pipe, next->meta)
					: weir_pipe_policy_set(t->r->pipe, next->policy);
}

static void have(struct tables *t, struct job *j, enum table which)
{
	struct built *next = &j->order.built[which];
	const struct weir_sync_part *part = j->from->tables->part;
	const uint64_t since_us = t->table[which].since_us;

	if (next->err.code != 0) {
		refuse(t, j, which, next->err.msg);
		return;
	}
	next->version =
		part[which == TABLE_INVENTORY ? WEIR_SYNC_PLATFORM : WEIR_SYNC_ACLS].version;
	next->more_version = which == TABLE_POLICIES ? part[WEIR_SYNC_GROUPS].version : 0;
	if (next->is_same) {
		hold(t, j);
		t->table[which].built.version = next->version;
		accepted(t, which);
		return;
	}
	if (!is_there(next) && !is_there(&t->table[which].built))
		return;
	if (hand_over(t, which, next) != 0) {
		refuse(t, j, which, "no memory to hand it to the workers");
		return;
	}
	if (which == TABLE_INVENTORY)
		hold(t, j);
	swap(t, which, next, NULL);
	if (j->is_merge)
		t->table[which].since_us = since_us;
	else
		say(t, which);
}

static void begin(struct tables *t);

static bool later(struct tables *t, uint64_t ns, event_callback_fn fn)
{
	const struct timeval left = { .tv_sec = (time_t)(ns / WEIR_NS_PER_S),
				      .tv_usec = (suseconds_t)(ns % WEIR_NS_PER_S /
							       WEIR_NS_PER_US) };

	return event_base_once(t->r->base, -1, EV_TIMEOUT, fn, t, &left) == 0;
}

static void look_at_layer(struct tables *t);

static void on_quiet(evutil_socket_t fd, short what, void *arg)
{
	struct tables *t = arg;

	(void)fd;
	(void)what;
	t->is_settling = false;
	look_at_layer(t);
	begin(t);
}

/* Is it time for a new base? */
static void look_at_layer(struct tables *t)
{
	const struct weir_meta *m = t->table[TABLE_INVENTORY].built.meta;
	const size_t size = m != NULL ? weir_meta_overlay_size(m) : 0;
	const uint64_t since = weir_clock_mono_ns() - t->began_ns;

	if (size > LAYER_MAX || (size > 0 && since >= QUIET_NS)) {
		t->wants_base = true;
		t->wanted |= 1U << TABLE_INVENTORY;
	} else if (size > 0 && !t->is_settling) {
		t->is_settling = later(t, QUIET_NS - since, on_quiet);
	}
}

static void done(void *arg)
{
	struct job *j = arg;
	struct tables *t = j->tables;

	t->job = NULL;
	for (enum table i = 0; i < TABLES && !j->forgotten; i++)
		if (j->order.wanted & 1U << i)
			have(t, j, i);
	job_free(j);
	look_at_layer(t);
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

static struct job *job_create(struct tables *t)
{
	const struct built *inventory = &t->table[TABLE_INVENTORY].built;
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->tables = t;
	j->changed = t->changed;
	j->is_merge = t->wants_base && t->changed == 0 && is_same_agent(&t->self, &t->held_self);
	j->from = taken_get(t->newest);
	j->order.from = (struct source){ j->from->tables, t->self };
	j->order.wanted = t->wanted;
	if (inventory->meta == NULL || t->held == NULL || t->wants_base)
		return j;
	j->base_from = taken_get(t->held);
	j->order.base = inventory->meta;
	j->order.base_dropped = inventory->dropped;
	j->order.base_from = (struct source){ t->held->tables, t->held_self };
	return j;
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct tables *t = arg;

	(void)fd;
	(void)what;
	t->is_waiting = false;
	begin(t);
}

/* Is it too soon after the last one? Then it begins by itself. */
static bool waits(struct tables *t)
{
	const uint64_t since = weir_clock_mono_ns() - t->began_ns;

	if (!t->is_waiting && t->began_ns != 0 && since < BATCH_NS)
		t->is_waiting = later(t, BATCH_NS - since, on_time);
	return t->is_waiting;
}

/* One after the other: what came meanwhile waits, and only the newest of it. */
static void begin(struct tables *t)
{
	struct job *j;
	int rc = -ENOMEM;

	if (t->job != NULL || t->wanted == 0 || t->newest == NULL || waits(t))
		return;
	t->self = self_of(t);
	j = job_create(t);
	if (j != NULL)
		rc = helpers_start(t->r->helpers, "weir-tables", work, done, j);
	if (rc != 0) {
		weir_log(WEIR_LOG_ERR, "tables of the controller: not taken, tried again: %s",
			 strerror(-rc));
		if (j != NULL)
			job_free(j);
		if (!t->is_settling)
			t->is_settling = later(t, QUIET_NS, on_quiet);
		return;
	}
	t->began_ns = weir_clock_mono_ns();
	t->job = j;
	t->wanted = t->changed = 0;
	t->wants_base = false;
}

/* The same was refused, and nothing else has become of it. */
static bool is_refused(const struct tables *t, enum table which)
{
	const uint64_t hash = t->table[which].refused_hash;

	return hash != 0 && hash == tables_hash(t->newest->tables, which);
}

void tables_take(struct tables *t, const struct weir_sync_tables *from, unsigned int changed)
{
	struct taken *newest = taken_copy(from);

	if (newest == NULL) {
		weir_log(WEIR_LOG_ERR, "tables of the controller: not taken: no memory");
		for (enum weir_sync_table i = 0; i < WEIR_SYNC_VERSIONS; i++)
			if (changed & 1U << i)
				sync_refuse(t->r->sync, i, "no memory");
		return;
	}
	taken_put(t->newest);
	t->newest = newest;
	for (enum table i = 0; i < TABLES; i++) {
		if (!(changed & table_parts[i]) || is_refused(t, i))
			continue;
		t->wanted |= 1U << i;
		t->changed |= changed & table_parts[i];
	}
	begin(t);
}

void tables_follow(struct tables *t)
{
	const struct weir_meta_agent self = self_of(t);

	if (t->newest == NULL || is_same_agent(&self, &t->self))
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
	/* It may read what was in force when it began: the first that is forgotten. */
	struct job *reader = t->job != NULL && !t->job->forgotten ? t->job : NULL;

	taken_put(t->newest);
	taken_put(t->held);
	t->newest = t->held = NULL;
	t->wanted = t->changed = 0;
	t->wants_base = false;
	memset(&t->dynamic, 0, sizeof(t->dynamic));
	if (t->job != NULL)
		t->job->forgotten = true;
	for (enum table i = 0; i < TABLES; i++)
		if (hand_over(t, i, &none[i]) == 0)
			swap(t, i, &none[i], reader != NULL ? &reader->left[i] : NULL);
		else
			weir_log(WEIR_LOG_ERR, "%s of the controller: stays: no memory",
				 table_names[i]);
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
	/* Else the helper still works, and is left to itself with all that it reads. */
	const bool is_over = t == NULL || t->job == NULL ||
			     atomic_load_explicit(&t->job->over, memory_order_acquire);

	if (t == NULL)
		return;
	if (is_over && t->job != NULL)
		job_free(t->job);
	for (enum table i = 0; is_over && i < TABLES; i++)
		built_free(&t->table[i].built);
	taken_put(t->newest);
	taken_put(t->held);
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
	return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "table",
			 table_names[which], "in_force", (int)v.there, "version",
			 (json_int_t)v.version, "groups_version", (json_int_t)v.more_version,
			 "rows", (json_int_t)v.rows, "dropped", (json_int_t)v.dropped, "bytes",
			 (json_int_t)v.bytes, "since_us", (json_int_t)v.since_us, "refusals",
			 (json_int_t)v.refusals, "refused", weir_ctl_text(v.refused));
}

json_t *tables_json(const struct tables *t)
{
	json_t *all = json_array();

	for (enum table i = 0; all != NULL && i < TABLES; i++)
		json_array_append_new(all, table_json(t, i));
	return all;
}
