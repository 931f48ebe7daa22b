/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What watchers say of their clusters. Spec: control plane, 4.7, whose table inventory_cluster_put() follows. A snapshot takes the
 * place of the one before as a whole, when all of it was found to be in order; an error that comes with it, an age of a
 * day, or one that is damaged, keeps it from use.
 */
#include "clusters.h"

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CLUSTERS_MAX 1024
#define UNKNOWN_MAX  16           /* without a domain */
#define AGE_S        86400        /* aging_time */
#define WAITING_MAX  (512U << 20) /* bytes of snapshots that are being checked */
#define TOTAL_MAX    (4ULL << 30) /* bytes kept */
#define SLICE_BYTES  (2U << 20)   /* inflated in one turn of the loop: about 5 ms */

struct cluster *inventory_cluster_find(const struct inventory *inv, const char *id)
{
	for (size_t i = 0; i < inv->clusters.count; i++)
		if (strcmp(cluster_at(inv, i)->id, id) == 0)
			return cluster_at(inv, i);
	return NULL;
}

static void cluster_free(struct cluster *c)
{
	inventory_snapshot_destroy(c->next);
	free(c->kinds.items);
	free(c);
}

struct cluster *inventory_cluster_add(struct inventory *inv, const char *id)
{
	struct cluster *c = calloc(1, sizeof(*c));
	struct place *to = c != NULL ? weir_list_add(&inv->clusters, sizeof(*to)) : NULL;

	if (to == NULL) {
		free(c);
		return NULL;
	}
	to->cluster = c;
	snprintf(c->id, sizeof(c->id), "%s", id);
	c->has_domain = site_domain_named(inv->site, id) != NULL;
	return c;
}

/* ------------------------------------------------------------------ bounds */

static uint64_t bytes_of(const struct cluster *c)
{
	const struct kind *k = c->kinds.items;
	uint64_t n = 0;

	for (size_t i = 0; i < c->kinds.count; i++)
		n += k[i].bytes;
	return n;
}

static int room_check(const struct inventory *inv, const struct snapshot *next,
		      struct weir_err *err)
{
	uint64_t waiting = 0, total = 0;

	for (size_t i = 0; i < inv->clusters.count; i++) {
		const struct cluster *c = cluster_at(inv, i);

		waiting += c->next != NULL ? c->next->bytes : 0;
		total += bytes_of(c);
	}
	if (waiting + next->bytes > WAITING_MAX || total + next->bytes > TOTAL_MAX)
		return weir_err_set(
			err, ENOSPC,
			"%llu MiB of snapshots are kept and %llu MiB wait: that is all there "
			"is room for",
			(unsigned long long)total >> 20, (unsigned long long)waiting >> 20);
	return 0;
}

static struct cluster *take(struct inventory *inv, const char *id, struct weir_err *err)
{
	struct cluster *c = inventory_cluster_find(inv, id);
	size_t unknown = 0;

	if (c != NULL)
		return c;
	for (size_t i = 0; i < inv->clusters.count; i++)
		unknown += !cluster_at(inv, i)->has_domain;
	if (strlen(id) >= sizeof(c->id))
		weir_err_set(err, EINVAL, "its id is longer than %zu bytes", sizeof(c->id) - 1);
	else if (inv->clusters.count >= CLUSTERS_MAX)
		weir_err_set(err, ENOSPC, "%d clusters are kept already", CLUSTERS_MAX);
	else if (unknown >= UNKNOWN_MAX && site_domain_named(inv->site, id) == NULL)
		weir_err_set(err, ENOSPC,
			     "no domain has this id, and %d such clusters are kept already",
			     UNKNOWN_MAX);
	else if ((c = inventory_cluster_add(inv, id)) == NULL)
		weir_err_set(err, ENOMEM, "out of memory");
	return c;
}

/* ------------------------------------------------------------------ outcomes */

static void error_keep(struct cluster *c, const char *error)
{
	size_t n = sizeof(c->error) - 1;

	if ((size_t)snprintf(c->error, sizeof(c->error), "%s", error) > n) {
		while (n > 0 && ((unsigned char)error[n] & 0xc0) == 0x80)
			n--; /* not inside of a character */
		c->error[n] = '\0';
	}
	c->is_unsaved = true;
}

static void domain_tell(struct inventory *inv, const struct cluster *c)
{
	site_domain_synced(inv->site, c->id, c->error[0] != '\0' ? c->error : NULL);
}

static void error_set(struct inventory *inv, struct cluster *c, const char *error)
{
	error_keep(c, error);
	domain_tell(inv, c);
}

static void refused(struct inventory *inv, const char *id, const struct weir_err *err)
{
	inv->counts.snapshots_refused++;
	weir_log_about(WEIR_LOG_WARN, "cluster", id, "its snapshot is not taken: %s", err->msg);
}

/* What is held from now on. */
static int hold(struct cluster *c, const struct snapshot *s)
{
	const struct snapshot_kind *from = s->kinds.items;
	struct weir_list kinds = { 0 };

	for (size_t i = 0; i < s->kinds.count; i++) {
		struct kind *k = weir_list_add(&kinds, sizeof(*k));

		if (k == NULL) {
			free(kinds.items);
			return -ENOMEM;
		}
		memcpy(k->type, from[i].type, sizeof(k->type));
		k->objects = from[i].objects;
		k->hash = from[i].hash;
		k->bytes = from[i].n;
	}
	free(c->kinds.items);
	c->kinds = kinds;
	c->held = s->version;
	return 0;
}

/* ------------------------------------------------------------------ checking, a slice a turn */

static void check_soon(struct inventory *inv)
{
	const struct timeval now = { 0 };

	if (!event_pending(inv->check, EV_TIMEOUT, NULL))
		event_add(inv->check, &now);
}

static void accept_next(struct inventory *inv, struct cluster *c)
{
	struct weir_err err = { 0 };
	int rc = inventory_cluster_write(inv, c, c->next, &err);

	if (rc == 0)
		rc = hold(c, c->next);
	if (rc == 0) {
		inv->counts.snapshots++;
		domain_tell(inv, c);
	} else {
		c->version = 0; /* so that it is sent again */
		if (err.msg[0] == '\0')
			weir_err_set(&err, ENOMEM, "out of memory");
		refused(inv, c->id, &err);
	}
	inventory_snapshot_destroy(c->next);
	c->next = NULL;
}

static void check(struct inventory *inv, struct cluster *c)
{
	struct weir_err err = { 0 };
	const int rc = inventory_snapshot_check(c->next, SLICE_BYTES, &err);

	if (rc == 1)
		return;
	if (rc == 0) {
		accept_next(inv, c);
		return;
	}
	inventory_snapshot_destroy(c->next);
	c->next = NULL;
	refused(inv, c->id, &err);
	error_set(inv, c, err.msg);
}

static struct cluster *waiting(const struct inventory *inv)
{
	for (size_t i = 0; i < inv->clusters.count; i++)
		if (cluster_at(inv, i)->next != NULL)
			return cluster_at(inv, i);
	return NULL;
}

static void on_check(evutil_socket_t fd, short what, void *ctx)
{
	struct inventory *inv = ctx;
	struct cluster *c = waiting(inv);

	(void)fd;
	(void)what;
	if (c != NULL)
		check(inv, c);
	if (waiting(inv) != NULL)
		check_soon(inv);
}

/* ------------------------------------------------------------------ a message comes */

/* Types that are the same as what is held were found to be in order then. */
static void mark_known(const struct cluster *c, struct snapshot *s)
{
	const struct kind *was = c->kinds.items;
	struct snapshot_kind *k = s->kinds.items;

	for (size_t i = 0; i < s->kinds.count; i++)
		for (size_t j = 0; j < c->kinds.count; j++)
			if (strcmp(k[i].type, was[j].type) == 0 && k[i].hash == was[j].hash &&
			    k[i].n == was[j].bytes)
				k[i].is_known = true;
}

static void queue(struct inventory *inv, struct cluster *c, const struct inventory_cluster *m)
{
	struct weir_err err = { 0 };
	struct snapshot *s = inventory_snapshot_create(m, &err);

	inventory_snapshot_destroy(c->next); /* a newer one is here */
	c->next = NULL;
	if (s != NULL && room_check(inv, s, &err) == 0) {
		mark_known(c, s);
		c->next = s;
		check_soon(inv);
		return;
	}
	inventory_snapshot_destroy(s);
	refused(inv, c->id, &err);
	error_set(inv, c, err.msg);
}

uint64_t inventory_cluster_put(struct inventory *inv, const struct inventory_cluster *m)
{
	const char *error = m->error != NULL ? m->error : "";
	const uint64_t now = (uint64_t)time(NULL);
	struct weir_err err = { 0 };
	struct cluster *c;

	if (m->version == 0 || m->cluster_id == NULL || m->cluster_id[0] == '\0' ||
	    (m->agent_id == 0 && m->n_entries == 0))
		return 0;
	c = m->n_entries > 0 ? take(inv, m->cluster_id, &err)
			     : inventory_cluster_find(inv, m->cluster_id);
	if (c == NULL && m->n_entries > 0)
		refused(inv, m->cluster_id, &err);
	if (c == NULL) {
		if (error[0] != '\0') /* people see why nothing is there */
			site_domain_synced(inv->site, m->cluster_id, error);
		return 0;
	}
	if (now > c->at_s + AGE_S)
		c->version = 0;
	if (m->n_entries == 0 && m->version != c->version)
		return c->version;
	c->version = m->version;
	c->at_s = now;
	c->is_aged = false;
	c->is_unsaved = true;
	if (m->n_entries > 0 && m->version != c->held) {
		error_keep(c, error);
		queue(inv, c, m);
	} else if (m->version == c->held || error[0] != '\0') {
		error_set(inv, c, error); /* else one is waiting, or was damaged: that stays said */
	}
	return m->agent_id != 0 ? m->version : 0;
}

/* ------------------------------------------------------------------ start, age, end */

int inventory_clusters_load(struct inventory *inv, struct weir_err *err)
{
	inv->check = event_new(inv->base, -1, 0, on_check, inv);
	if (inv->check == NULL)
		return weir_err_set(err, ENOMEM, "inventory: out of memory");
	return inventory_clusters_read(inv, err);
}

/* Its domain is no more, or never was and it says nothing. True: so is the cluster. */
static bool remove_old(struct inventory *inv, size_t i, uint64_t now)
{
	struct cluster *c = cluster_at(inv, i);
	struct place *all = inv->clusters.items;
	const bool has_domain = site_domain_named(inv->site, c->id) != NULL;
	const bool is_gone = !has_domain && (c->has_domain || now > c->at_s + AGE_S);
	struct weir_err err = { 0 };

	c->has_domain = c->has_domain || has_domain;
	if (!is_gone)
		return false;
	if (inventory_cluster_unwrite(inv, c, &err) != 0) {
		weir_log_about(WEIR_LOG_ERR, "cluster", c->id,
			       "it is not removed, and will be later: %s", err.msg);
		return false;
	}
	cluster_free(c);
	all[i] = all[--inv->clusters.count];
	return true;
}

void inventory_clusters_age(struct inventory *inv)
{
	const uint64_t now = (uint64_t)time(NULL);

	for (size_t i = 0; i < inv->clusters.count;) {
		struct cluster *c = cluster_at(inv, i);

		if (remove_old(inv, i, now))
			continue;
		if (now > c->at_s + AGE_S && !c->is_aged) {
			c->is_aged = true;
			error_set(inv, c, "nothing was heard of the cluster for a day");
		}
		i++;
	}
}

void inventory_clusters_tick(struct inventory *inv)
{
	inventory_clusters_age(inv);
	inventory_clusters_flush(inv);
}

void inventory_clusters_fini(struct inventory *inv)
{
	inventory_clusters_flush(inv);
	if (inv->check != NULL)
		event_free(inv->check);
	for (size_t i = 0; i < inv->clusters.count; i++)
		cluster_free(cluster_at(inv, i));
	free(inv->clusters.items);
}

int inventory_cluster_look(struct inventory *inv, const char *cluster_id, uint64_t *version,
			   uint64_t *at_s, const char **error,
			   void (*each)(void *ctx, const char *type, uint32_t objects), void *ctx)
{
	const struct cluster *c = inventory_cluster_find(inv, cluster_id);
	const struct kind *k;

	if (c == NULL)
		return -ENOENT;
	*version = c->held;
	*at_s = c->at_s;
	*error = c->error;
	k = c->kinds.items;
	for (size_t i = 0; i < c->kinds.count; i++)
		each(ctx, k[i].type, k[i].objects);
	return 0;
}
