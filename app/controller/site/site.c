/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"
#include "lock.h"
#include "schema.h"
#include "site_priv.h"

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 200 /* the loop waits no longer for who else writes */

struct grave {
	void *p;
	void (*release)(void *p);
};

uint64_t site_now_s(void)
{
	return weir_clock_wall_ns() / WEIR_NS_PER_S;
}

char *site_put(char **to, const char *text)
{
	char *start = *to;
	const size_t n = strlen(text) + 1;

	memcpy(start, text, n);
	*to = start + n;
	return start;
}

static void graves_clear(struct site *s)
{
	struct grave *graves = s->graves.items;

	for (size_t i = 0; i < s->graves.count; i++)
		graves[i].release(graves[i].p);
	s->graves.count = 0;
}

void site_bury(struct site *s, void *p, void (*release)(void *p))
{
	struct grave *g = p != NULL ? weir_list_add(&s->graves, sizeof(*g)) : NULL;

	if (g == NULL)
		return; /* without memory it is lost: better than gone under somebody's feet */
	*g = (struct grave){ p, release };
	event_active(s->turn, EV_TIMEOUT, 0);
}

static void on_turn(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	graves_clear(ctx);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	site_keep(ctx);
}

/* ------------------------------------------------------------------ who watches */

void site_watch_add(struct site *s, const struct site_watch *w)
{
	assert(s->n_watches < WATCHES_MAX);
	s->watches[s->n_watches++] = *w;
}

void site_tell_config(struct site *s, const struct group *g)
{
	for (unsigned int i = 0; i < s->n_watches; i++)
		if (s->watches[i].config != NULL)
			s->watches[i].config(s->watches[i].ctx, &g->pub);
}

void site_tell_agent(struct site *s, const struct agent *a)
{
	for (unsigned int i = 0; i < s->n_watches; i++)
		if (s->watches[i].agent != NULL)
			s->watches[i].agent(s->watches[i].ctx, &a->pub);
}

void site_tell_gone(struct site *s, const struct agent *a)
{
	for (unsigned int i = 0; i < s->n_watches; i++)
		if (s->watches[i].agent_gone != NULL)
			s->watches[i].agent_gone(s->watches[i].ctx, &a->pub);
}

void site_tell_networks(struct site *s)
{
	for (unsigned int i = 0; i < s->n_watches; i++)
		if (s->watches[i].networks != NULL)
			s->watches[i].networks(s->watches[i].ctx);
}

/* ------------------------------------------------------------------ life */

static int no_memory(const struct site_options *o, struct weir_err *err)
{
	return weir_err_set(err, ENOMEM, "%s: no memory for the state", o->dir);
}

static int config_copy(struct site *s, const struct config_site *c)
{
	static const struct config_site none = { 0 };
	const char *ingester, *controller;
	char *p;

	c = c != NULL ? c : &none;
	ingester = c->ingester_ip != NULL ? c->ingester_ip : "";
	controller = c->controller_ip != NULL ? c->controller_ip : "";
	s->config = *c;
	s->config_texts = p = malloc(strlen(ingester) + strlen(controller) + 2);
	if (p == NULL)
		return -ENOMEM;
	s->config.ingester_ip = site_put(&p, ingester);
	s->config.controller_ip = site_put(&p, controller);
	return 0;
}

static int paths_make(struct site *s, const char *dir)
{
	s->dir = strdup(dir);
	if (s->dir == NULL || asprintf(&s->image_dir, "%s/images", dir) < 0)
		return -ENOMEM;
	s->o.dir = s->dir;
	return 0;
}

static int events_make(struct site *s)
{
	const struct timeval second = { .tv_sec = 1 };

	s->turn = event_new(s->o.base, -1, 0, on_turn, s);
	s->tick = event_new(s->o.base, -1, EV_PERSIST, on_tick, s);
	if (s->turn == NULL || s->tick == NULL || event_add(s->tick, &second) != 0)
		return -ENOMEM;
	return 0;
}

static void options_default(struct site_options *o)
{
	if (o->deleted_after_s == 0)
		o->deleted_after_s = 3600;
	if (o->agents_max == 0 || o->agents_max > AGENT_ID_MAX)
		o->agents_max = AGENT_ID_MAX;
}

static struct site *site_alloc(const struct site_options *o)
{
	struct site *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->o = *o;
	s->lock = -1;
	s->start_ns = weir_clock_mono_ns();
	options_default(&s->o);
	TAILQ_INIT(&s->groups);
	TAILQ_INIT(&s->dirty);
	TAILQ_INIT(&s->domains);
	TAILQ_INIT(&s->vpcs);
	TAILQ_INIT(&s->tokens);
	TAILQ_INIT(&s->images);
	s->agents_max = s->o.agents_max;
	s->agents = calloc(AGENT_ID_MAX + 1, sizeof(void *));
	if (s->agents != NULL && paths_make(s, o->dir) == 0 && config_copy(s, o->config) == 0 &&
	    events_make(s) == 0)
		return s;
	site_close(s);
	return NULL;
}

static int database_open(struct site *s, struct weir_err *err)
{
	char path[PATH_MAX];
	const struct weir_db_conf conf = {
		.path = path,
		.schema = &site_schema,
		/* After a burst the journal is short again. */
		.setup = "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216",
		.flags = WEIR_DB_CREATE | WEIR_DB_WAL | WEIR_DB_KEEP,
		.busy_ms = BUSY_MS,
	};

	if (snprintf(path, sizeof(path), "%s/" SITE_FILE, s->dir) >= (int)sizeof(path))
		return weir_err_set(err, ENAMETOOLONG, "%s: the path is too long", s->dir);
	s->sql.db = weir_db_open(&conf, err);
	if (s->sql.db == NULL)
		return -err->code;
	if (chmod(path, 0600) != 0 || (mkdir(s->image_dir, 0700) != 0 && errno != EEXIST))
		return weir_err_set(err, errno, "%s: %s", s->dir, strerror(errno));
	s->sql.journal = site_journal_start(path, err);
	return s->sql.journal != NULL ? 0 : -err->code;
}

/* A file that can only be read is noticed now, not at the first change. */
static int database_try(struct site *s, struct weir_err *err)
{
	int rc = weir_db_begin(s->sql.db, err);

	if (rc == 0)
		weir_db_rollback(s->sql.db);
	return rc;
}

/* Of who has no configuration. */
static int defaults_make(struct site *s, struct weir_err *err)
{
	struct weir_err_list *errs = calloc(1, sizeof(*errs));

	if (errs != NULL)
		s->defaults = config_compile(NULL, 0, "defaults", &s->config, errs);
	if (s->defaults == NULL)
		weir_err_set(err, errs != NULL && errs->n > 0 ? EINVAL : ENOMEM,
			     "what the controller tells all agents is not right: %s",
			     errs != NULL && errs->n > 0 ? errs->items[0].msg : "no memory");
	free(errs);
	return s->defaults != NULL ? 0 : -EINVAL;
}

static int load(struct site *s, struct weir_err *err)
{
	static int (*const parts[])(struct site *, struct weir_err *) = {
		site_vpcs_load,   site_network_types_load, site_domains_load,
		site_groups_load, site_configs_load,       site_revoked_load,
		site_agents_load, site_tokens_load,        site_images_load,
	};
	int rc = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(parts) && rc == 0; i++)
		rc = parts[i](s, err);
	return rc;
}

struct site *site_open(const struct site_options *o, struct weir_err *err)
{
	struct weir_err own = { 0 };
	struct site *s = site_alloc(o);

	err = err != NULL ? err : &own;
	if (s == NULL) {
		no_memory(o, err);
		return NULL;
	}
	s->lock = site_lock(s->dir, err);
	if (s->lock >= 0 && database_open(s, err) == 0 && database_try(s, err) == 0 &&
	    defaults_make(s, err) == 0 && load(s, err) == 0)
		return s;
	site_close(s);
	return NULL;
}

static void last_words(struct site *s)
{
	struct weir_err err = { 0 };

	if (s->sql.db != NULL && site_keep_all(s, &err) != 0)
		weir_log(WEIR_LOG_WARN, "what agents said last is not kept: %s", err.msg);
}

void site_close(struct site *s)
{
	if (s == NULL)
		return;
	last_words(s);
	site_journal_stop(s->sql.journal);
	site_sql_fini(&s->sql);
	weir_db_close(s->sql.db);
	site_agents_free(s);
	site_groups_free(s);
	site_domains_free(s);
	site_tokens_free(s);
	site_images_free(s);
	site_revoked_free(s);
	graves_clear(s);
	free(s->graves.items);
	config_compiled_free(s->defaults);
	if (s->tick != NULL)
		event_free(s->tick);
	if (s->turn != NULL)
		event_free(s->turn);
	if (s->lock >= 0)
		close(s->lock);
	free(s->agents);
	free(s->config_texts);
	free(s->image_dir);
	free(s->dir);
	free(s);
}

struct weir_db *site_db(struct site *s)
{
	return s->sql.db;
}

void site_counts(const struct site *s, struct site_counts *out)
{
	*out = s->counts;
	out->groups = s->n_groups;
	out->domains = s->n_domains;
	out->database_errors = s->sql.errors;
	for (uint32_t id = 1; id <= s->last_id; id++) {
		const struct agent *a = s->agents[id];

		if (a != NULL)
			out->agents[a->pub.enabled ? a->pub.state : SITE_DISABLED]++;
	}
}
