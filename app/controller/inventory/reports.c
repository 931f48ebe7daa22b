/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who reported what: one report for each (ctrl_ip, ctrl_mac), of agents and of who may become one. Spec: control
 * plane, 1.11 and 4.10.
 */
#include "inventory_priv.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

static int by_key(const void *a, const void *b)
{
	const struct reporter *x = a, *y = b;
	const int ip = strcmp(x->key.ip, y->key.ip);

	return ip != 0 ? ip : strcmp(x->key.mac, y->key.mac);
}

static struct reporter *find(const struct inventory *inv, const struct reporter_key *key)
{
	const struct reporter like = { .key = *key };
	void *found = tfind(&like, &inv->reporters, by_key);

	return found != NULL ? *(struct reporter **)found : NULL;
}

static void reporter_free(struct reporter *r)
{
	inventory_report_free(&r->report);
	free(r->bytes);
	free(r);
}

/* ------------------------------------------------------------------ what waits for the database */

static void unsaved(struct inventory *inv, struct reporter *r)
{
	if (r->is_unsaved)
		return;
	r->is_unsaved = true;
	r->unsaved_next = NULL;
	*inv->unsaved_last = r;
	inv->unsaved_last = &r->unsaved_next;
}

/* The first that waits was written. */
void inventory_reports_saved(struct inventory *inv)
{
	struct reporter *r = inv->unsaved;

	inv->unsaved = r->unsaved_next;
	if (inv->unsaved == NULL)
		inv->unsaved_last = &inv->unsaved;
	r->is_unsaved = false;
	r->is_kept = true;
	if (r->is_gone) {
		reporter_free(r);
		return;
	}
	free(r->bytes);
	r->bytes = NULL;
}

/* ------------------------------------------------------------------ strangers and members */

static void count(struct inventory *inv, const struct reporter *r, int sign)
{
	inv->rows += (uint32_t)sign * r->report.rows;
	inv->addresses += (uint32_t)sign * r->report.addresses;
	if (r->member == NULL) {
		inv->strangers += (uint32_t)sign;
		inv->strangers_bytes += (size_t)sign * r->n;
	}
}

/* Out of the tree; its row goes with the next flush, where it has one. */
static void forget(struct inventory *inv, struct reporter *r)
{
	count(inv, r, -1);
	tdelete(r, &inv->reporters, by_key);
	inv->reporters_n--;
	if (r->member != NULL) {
		r->member->reporter = NULL;
		inventory_member_forget(r->member);
		r->member = NULL;
		inventory_dirty(inv);
	}
	if (!r->is_kept && !r->is_unsaved) {
		reporter_free(r);
		return;
	}
	r->is_gone = true;
	unsaved(inv, r);
	inventory_dirty(inv);
}

static void key_of_agent(struct reporter_key *key, const struct site_agent *a)
{
	static_assert(sizeof(key->ip) == sizeof(a->ctrl_ip) &&
			      sizeof(key->mac) == sizeof(a->ctrl_mac),
		      "a key is an agent's");
	memcpy(key->ip, a->ctrl_ip, sizeof(key->ip));
	memcpy(key->mac, a->ctrl_mac, sizeof(key->mac));
}

/* From now on it is known by its MAC, too. False: no memory, and it is gone. */
static bool rename_to(struct inventory *inv, struct reporter *r, const struct reporter_key *key)
{
	if (strcmp(r->key.mac, key->mac) == 0)
		return true;
	tdelete(r, &inv->reporters, by_key);
	r->key = *key;
	if (tsearch(r, &inv->reporters, by_key) != NULL)
		return true;
	count(inv, r, -1);
	inv->reporters_n--;
	reporter_free(r);
	return false;
}

static void join(struct inventory *inv, struct reporter *r, struct member *m,
		 const struct reporter_key *key)
{
	if (!rename_to(inv, r, key))
		return;
	count(inv, r, -1);
	r->member = m;
	m->reporter = r;
	count(inv, r, 1);
	if (r->bytes != NULL)
		unsaved(inv, r);
	inventory_dirty(inv);
}

void inventory_reports_link(struct inventory *inv, struct member *m, const struct site_agent *a)
{
	struct reporter_key key, nameless = { 0 };
	struct reporter *r;

	key_of_agent(&key, a);
	if (m->reporter != NULL && strcmp(m->reporter->key.ip, key.ip) == 0 &&
	    strcmp(m->reporter->key.mac, key.mac) == 0)
		return;
	if (m->reporter != NULL) /* it was another address's: it reports anew */
		forget(inv, m->reporter);
	r = find(inv, &key);
	if (r == NULL) {
		memcpy(nameless.ip, key.ip, sizeof(nameless.ip));
		r = find(inv, &nameless);
	}
	if (r != NULL && r->member == NULL)
		join(inv, r, m, &key);
}

void inventory_reports_unlink(struct inventory *inv, struct member *m)
{
	if (m->reporter != NULL)
		forget(inv, m->reporter);
}

/* ------------------------------------------------------------------ a report comes */

static int full(struct weir_err *err, const char *what, uint64_t max)
{
	return weir_err_set(err, ENOSPC, "the inventory holds %llu %s already, which is all it may",
			    (unsigned long long)max, what);
}

/* Is there room for what `r` says now? `next` is to take its place. */
static int room_check(const struct inventory *inv, const struct reporter *r,
		      const struct report *next, size_t n, struct weir_err *err)
{
	if (inv->rows - r->report.rows + next->rows > SITE_INTERFACES_MAX)
		return full(err, "interfaces", SITE_INTERFACES_MAX);
	if (inv->addresses - r->report.addresses + next->addresses > SITE_ADDRESSES_MAX)
		return full(err, "addresses", SITE_ADDRESSES_MAX);
	if (r->member != NULL)
		return 0;
	if (inv->strangers > STRANGERS_MAX)
		return full(err, "reporters that are not registered", STRANGERS_MAX);
	if (inv->strangers_bytes - r->n + n > STRANGERS_BYTES_MAX)
		return full(err, "bytes of reporters that are not registered", STRANGERS_BYTES_MAX);
	return 0;
}

/* Its rows changed. Who changes all the time, as two machines with one identity do, is heard now and then. */
static void changed(struct inventory *inv, struct reporter *r)
{
	const uint64_t now = weir_clock_mono_ns();
	const uint64_t n = (now - r->credited_ns) / CHANGE_EVERY_NS;

	if (n > 0) {
		r->credit = (unsigned int)weir_min_u64(CHANGES_AT_ONCE, r->credit + n);
		r->credited_ns = now;
	}
	if (r->credit > 0) {
		r->credit--;
		inventory_dirty(inv);
	} else {
		inventory_dirty_in(inv, r->credited_ns + CHANGE_EVERY_NS - now);
	}
}

/* What it says from now on: `next` is taken. */
static int replace(struct inventory *inv, struct reporter *r, const struct report *next,
		   const uint8_t *bytes, size_t n, struct weir_err *err)
{
	uint8_t *copy = malloc(n + 1);

	if (copy == NULL)
		return weir_err_set(err, ENOMEM, "out of memory");
	memcpy(copy, bytes, n);
	count(inv, r, -1);
	inventory_report_free(&r->report);
	free(r->bytes);
	r->report = *next;
	r->bytes = copy;
	r->n = n;
	r->hash = inventory_hash(0, bytes, n);
	count(inv, r, 1);
	if (r->member == NULL)
		return 0;
	unsaved(inv, r);
	changed(inv, r);
	return 0;
}

/* A node that reports no interfaces has not lost them: what it said before stays (control plane, 4.10). */
static bool says_nothing(const struct inventory_genesis *g, const struct report *next,
			 const struct reporter *r)
{
	return g->cluster_id != NULL && g->cluster_id[0] != '\0' && next->rows == 0 &&
	       r->report.rows > 0;
}

static int report_put(struct inventory *inv, struct reporter *r, const struct inventory_genesis *g,
		      struct weir_err *err)
{
	uint64_t *slots = inventory_report_slots(&r->report);
	struct report next;
	int rc;

	if (slots == NULL)
		return weir_err_set(err, ENOMEM, "out of memory");
	rc = inventory_report_read(g->platform, g->platform_len, slots, r->report.rows, &next, err);
	free(slots);
	if (rc != 0)
		return rc;
	if (says_nothing(g, &next, r)) {
		inventory_report_free(&next);
		return 0;
	}
	rc = room_check(inv, r, &next, g->platform_len, err);
	if (rc == 0)
		rc = replace(inv, r, &next, g->platform, g->platform_len, err);
	if (rc != 0)
		inventory_report_free(&next);
	return rc;
}

static struct reporter *reporter_new(struct inventory *inv, const struct reporter_key *key,
				     struct member *m)
{
	struct reporter *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->key = *key;
	r->member = m;
	r->seen_ns = weir_clock_mono_ns();
	if (tsearch(r, &inv->reporters, by_key) == NULL) {
		free(r);
		return NULL;
	}
	if (m != NULL)
		m->reporter = r;
	inv->reporters_n++;
	count(inv, r, 1);
	return r;
}

/* It is a reporter when its first report is good. */
static int first_put(struct inventory *inv, const struct reporter_key *key,
		     const struct inventory_genesis *g, struct weir_err *err)
{
	const struct site_agent *a = site_agent_at(inv->site, key->ip, key->mac);
	struct member *m = a != NULL && a->id <= AGENTS_MAX ? inv->member[a->id] : NULL;
	struct reporter *r;
	int rc;

	if (m != NULL && m->reporter != NULL) /* it has another key now */
		forget(inv, m->reporter);
	r = reporter_new(inv, key, m);
	if (r == NULL)
		return weir_err_set(err, ENOMEM, "out of memory");
	rc = report_put(inv, r, g, err);
	r->version = g->version;
	if (rc != 0)
		forget(inv, r);
	return rc;
}

static int next_put(struct inventory *inv, struct reporter *r, const struct inventory_genesis *g,
		    struct weir_err *err)
{
	int rc = 0;

	if (inventory_hash(0, g->platform, g->platform_len) != r->hash)
		rc = report_put(inv, r, g, err);
	if (rc == 0 && r->version != g->version) {
		r->version = g->version;
		if (r->member != NULL) {
			unsaved(inv, r);
			inventory_dirty_in(inv, CHANGE_EVERY_NS); /* there is no hurry */
		}
	}
	return rc;
}

/* Who says it, as agents are known. */
static int key_of(const struct inventory *inv, const struct inventory_genesis *g,
		  struct reporter_key *key, struct weir_err *err)
{
	const char *mac = g->ctrl_mac != NULL ? g->ctrl_mac : "";
	const struct site_agent *a;
	struct weir_prefix ip;
	uint64_t number = 0;
	struct address as;

	if (g->ctrl_ip == NULL || !weir_prefix_parse(g->ctrl_ip, &ip) ||
	    strchr(g->ctrl_ip, '/') != NULL ||
	    (mac[0] != '\0' && !inventory_mac_parse(mac, &number)))
		return weir_err_set(err, EINVAL, "this is no ctrl_ip, or no ctrl_mac");
	as = (struct address){ .ip = ip.ip, .is_ipv6 = ip.is_ipv6 };
	inventory_ip_text(&as, key->ip);
	key->mac[0] = '\0';
	if (mac[0] != '\0')
		inventory_mac_text(number, key->mac);
	a = site_agent_at(inv->site, key->ip, key->mac[0] != '\0' ? key->mac : NULL);
	if (a != NULL)
		key_of_agent(key, a);
	return 0;
}

static int put(struct inventory *inv, const struct inventory_genesis *g, uint64_t *version,
	       struct weir_err *err)
{
	struct reporter_key key;
	struct reporter *r;
	int rc = key_of(inv, g, &key, err);

	*version = 0;
	if (rc != 0)
		return rc;
	r = find(inv, &key);
	if (g->version != 0 && g->platform != NULL) {
		rc = r != NULL ? next_put(inv, r, g, err) : first_put(inv, &key, g, err);
		r = find(inv, &key);
	}
	if (rc != 0 || r == NULL)
		return rc;
	r->seen_ns = weir_clock_mono_ns();
	*version = r->version;
	return 0;
}

uint64_t inventory_genesis_put(struct inventory *inv, const struct inventory_genesis *g)
{
	struct weir_err err = { 0 };
	uint64_t version;

	inv->counts.genesis++;
	if (put(inv, g, &version, &err) == 0)
		return version;
	inv->counts.genesis_refused++;
	weir_log_about(WEIR_LOG_WARN, "agent", g->ctrl_ip != NULL ? g->ctrl_ip : "without ctrl_ip",
		       "its report of interfaces is not taken: %s", err.msg);
	return 0;
}

/* ------------------------------------------------------------------ start, age, end */

int inventory_reports_add(struct inventory *inv, const struct reporter_key *key, uint64_t version,
			  const uint8_t *platform, size_t n, const uint64_t *slots, size_t n_slots)
{
	struct weir_err err = { 0 };
	struct report report;
	struct reporter *r;
	int rc = inventory_report_read(platform, n, slots, n_slots, &report, &err);

	if (rc != 0) {
		weir_log(WEIR_LOG_WARN, "kept report of %s %s is left out: %s", key->ip, key->mac,
			 err.msg);
		return rc == -ENOMEM ? rc : 0;
	}
	r = reporter_new(inv, key, NULL);
	if (r == NULL) {
		inventory_report_free(&report);
		return -ENOMEM;
	}
	count(inv, r, -1);
	r->report = report;
	r->version = version;
	r->n = n;
	r->hash = inventory_hash(0, platform, n);
	r->is_kept = true;
	count(inv, r, 1);
	return 0;
}

struct old {
	uint64_t before_ns;
	struct reporter *one;
};

static void look_old(const void *node, VISIT visit, void *ctx)
{
	struct reporter *r = *(struct reporter *const *)node;
	struct old *old = ctx;

	if (visit != postorder && visit != leaf)
		return;
	if (r->member == NULL && r->seen_ns < old->before_ns)
		old->one = r;
}

/* A walk does not survive a change: one goes at a time, and there are few. */
void inventory_reports_age(struct inventory *inv)
{
	const uint64_t now = weir_clock_mono_ns(), age = STRANGERS_AGE_S * WEIR_NS_PER_S;
	struct old old = { .before_ns = now > age ? now - age : 0 };

	do {
		old.one = NULL;
		twalk_r(inv->reporters, look_old, &old);
		if (old.one != NULL)
			forget(inv, old.one);
	} while (old.one != NULL);
}

void inventory_reports_fini(struct inventory *inv)
{
	while (inv->unsaved != NULL) {
		struct reporter *r = inv->unsaved;

		inv->unsaved = r->unsaved_next;
		if (r->is_gone)
			reporter_free(r);
	}
	while (inv->reporters != NULL) {
		struct reporter *r = *(struct reporter **)inv->reporters;

		tdelete(r, &inv->reporters, by_key);
		reporter_free(r);
	}
}
