/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory as others see it: when tables are made, and what of them an agent gets. */
#include "inventory_priv.h"

#include <event2/event.h>

#include <stdlib.h>

#define GATHER_NS   (100 * WEIR_NS_PER_MS)
#define BUILD_TIMES 5 /* at most so much of the time goes into building: a sixth */
#define MINUTE_S    60

/* ------------------------------------------------------------------ bytes */

struct inventory_bytes *inventory_bytes_new(size_t n)
{
	struct inventory_bytes *b = malloc(sizeof(*b) + n);

	if (b != NULL)
		*b = (struct inventory_bytes){ .v = (const uint8_t *)(b + 1), .n = n, .refs = 1 };
	return b;
}

const struct inventory_bytes *inventory_keep(const struct inventory_bytes *b)
{
	((struct inventory_bytes *)(uintptr_t)b)->refs++;
	return b;
}

void inventory_put(const struct inventory_bytes *b)
{
	struct inventory_bytes *own = (struct inventory_bytes *)(uintptr_t)b;

	if (own != NULL && --own->refs == 0)
		free(own);
}

/* ------------------------------------------------------------------ when */

void inventory_dirty_in(struct inventory *inv, uint64_t ns)
{
	const uint64_t at = weir_clock_mono_ns() + ns;
	const struct timeval in = { (time_t)(ns / WEIR_NS_PER_S),
				    (suseconds_t)(ns % WEIR_NS_PER_S / 1000) };

	if (event_pending(inv->gather, EV_TIMEOUT, NULL) && inv->gather_at_ns <= at)
		return;
	inv->gather_at_ns = at;
	event_add(inv->gather, &in);
}

void inventory_dirty(struct inventory *inv)
{
	inventory_dirty_in(inv, weir_max_u64(GATHER_NS, BUILD_TIMES * inv->counts.build_ns_last));
}

static void on_gathered(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	inventory_clusters_age(ctx); /* of those whose domain is gone */
	inventory_build(ctx);
}

static void on_minute(evutil_socket_t fd, short what, void *ctx)
{
	struct inventory *inv = ctx;

	(void)fd;
	(void)what;
	inventory_reports_age(inv);
	inventory_clusters_tick(inv);
	if (inv->unsaved != NULL || inv->versions_unsaved) /* the database did not take it */
		inventory_dirty(inv);
}

static void on_config(void *ctx, const struct site_group *g)
{
	(void)g;
	inventory_dirty(ctx);
}

static void on_agent(void *ctx, const struct site_agent *a)
{
	struct inventory *inv = ctx;

	if (inventory_member_add(inv, a) != 0)
		weir_log(WEIR_LOG_ERR, "inventory: agent %u is left out: out of memory", a->id);
	inventory_dirty(inv);
}

static void on_agent_gone(void *ctx, const struct site_agent *a)
{
	inventory_member_remove(ctx, a);
	inventory_dirty(ctx);
}

static void on_networks(void *ctx)
{
	inventory_dirty(ctx);
}

/* ------------------------------------------------------------------ life */

static int members_load(struct inventory *inv, struct weir_err *err)
{
	const struct site_agent *a = NULL;

	while ((a = site_agent_next(inv->site, a)) != NULL)
		if (inventory_member_add(inv, a) != 0)
			return weir_err_set(err, ENOMEM, "inventory: out of memory");
	return 0;
}

static int load(struct inventory *inv, struct weir_err *err)
{
	const struct timeval minute = { MINUTE_S, 0 };
	int rc = inventory_store_load(inv, err);

	if (rc == 0)
		rc = inventory_clusters_load(inv, err);
	if (rc == 0)
		rc = members_load(inv, err);
	if (rc == 0)
		event_add(inv->minute, &minute);
	return rc;
}

struct inventory *inventory_open(struct event_base *base, struct site *site, struct weir_err *err)
{
	struct inventory *inv = calloc(1, sizeof(*inv));
	struct site_watch watch = { on_config, on_agent, on_agent_gone, on_networks, inv };

	if (inv != NULL) {
		inv->base = base;
		inv->site = site;
		inv->sql.db = site_db(site);
		inv->unsaved_last = &inv->unsaved;
		inv->gather = event_new(base, -1, 0, on_gathered, inv);
		inv->minute = event_new(base, -1, EV_PERSIST, on_minute, inv);
	}
	if (inv == NULL || inv->gather == NULL || inv->minute == NULL)
		weir_err_set(err, ENOMEM, "inventory: out of memory");
	else if (load(inv, err) == 0) {
		site_watch_add(site, &watch);
		inventory_build(inv);
		return inv;
	}
	inventory_close(inv);
	return NULL;
}

void inventory_close(struct inventory *inv)
{
	if (inv == NULL)
		return;
	inventory_store_flush(inv);
	if (inv->gather != NULL)
		event_free(inv->gather);
	if (inv->minute != NULL)
		event_free(inv->minute);
	inventory_clusters_fini(inv);
	inventory_members_fini(inv);
	inventory_reports_fini(inv);
	inventory_flavours_fini(inv);
	site_sql_fini(&inv->sql);
	free(inv->places.remote.items);
	free(inv->places.skip.items);
	free(inv);
}

void inventory_watch(struct inventory *inv, void (*changed)(void *ctx, const struct site_agent *a),
		     void *ctx)
{
	inv->changed = changed;
	inv->changed_ctx = ctx;
}

/* ------------------------------------------------------------------ looking */

void inventory_view(struct inventory *inv, const struct site_agent *a, bool trident,
		    struct inventory_view *out)
{
	struct member *m = inventory_member_of(inv, a);
	struct flavour *f;

	*out = (struct inventory_view){ 0 };
	if (m == NULL)
		return;
	f = inventory_flavour(inv, a, trident);
	if (f != NULL && f->bytes == NULL) {
		inventory_flavour_fill(inv, f);
		inventory_store_flush(inv);
	}
	if (f != NULL && f->bytes != NULL)
		out->platform = (struct inventory_part){ f->version, f->bytes };
	out->places.bytes = inventory_places(inv, m, trident);
	if (out->places.bytes != NULL)
		out->places.version = inventory_places_version(inv, m);
}

void inventory_counts(const struct inventory *inv, struct inventory_counts *out)
{
	*out = inv->counts;
	out->clusters = (uint32_t)inv->clusters.count;
	out->reporters = inv->reporters_n;
}
