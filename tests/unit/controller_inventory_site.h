/* SPDX-License-Identifier: Apache-2.0 */
/* A site as the inventory sees it, in memory: agents of any type and state, domains, network types; and its database. */
#ifndef CONTROLLER_INVENTORY_SITE_H
#define CONTROLLER_INVENTORY_SITE_H

#include "weir_test.h"

#include <weir_db.h>

#include <event2/event.h>

#include <inventory_priv.h>
#include <schema.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct site {
	struct weir_db *db;
	struct site_watch watch;
	struct site_agent *agent[64001];
	struct site_domain domain[4];
	size_t domains;
	struct site_network_type type[4];
	size_t types;
	char synced[256]; /* the last word on a domain: "ID error", "ID" */
};

static struct config_compiled world_config; /* of agents that have no other */
static struct config_compiled *world_config_of[64001];

struct weir_db *site_db(struct site *s)
{
	return s->db;
}

void site_watch_add(struct site *s, const struct site_watch *w)
{
	s->watch = *w;
}

const struct site_agent *site_agent_of(const struct site *s, uint32_t id)
{
	return id <= 64000 ? s->agent[id] : NULL;
}

const struct site_agent *site_agent_next(const struct site *s, const struct site_agent *after)
{
	for (uint32_t id = after != NULL ? after->id + 1 : 1; id <= 64000; id++)
		if (s->agent[id] != NULL)
			return s->agent[id];
	return NULL;
}

const struct site_agent *site_agent_at(const struct site *s, const char *ip, const char *mac)
{
	for (const struct site_agent *a = NULL; (a = site_agent_next(s, a)) != NULL;)
		if (strcmp(a->ctrl_ip, ip) == 0 && (mac == NULL || strcmp(a->ctrl_mac, mac) == 0))
			return a;
	return NULL;
}

const struct config_compiled *site_agent_config(const struct site_agent *a)
{
	return world_config_of[a->id] != NULL ? world_config_of[a->id] : &world_config;
}

const struct site_domain *site_domain_next(const struct site *s, const struct site_domain *after)
{
	const size_t i = after != NULL ? (size_t)(after - s->domain) + 1 : 0;

	return i < s->domains ? &s->domain[i] : NULL;
}

const struct site_domain *site_domain_named(const struct site *s, const char *name)
{
	for (size_t i = 0; i < s->domains; i++)
		if (strcmp(s->domain[i].name, name) == 0 ||
		    strcmp(s->domain[i].cluster_id, name) == 0 ||
		    strcmp(s->domain[i].lcuuid, name) == 0)
			return &s->domain[i];
	return NULL;
}

void site_domain_synced(struct site *s, const char *cluster_id, const char *error)
{
	snprintf(s->synced, sizeof(s->synced), "%s%s%s", cluster_id, error != NULL ? " " : "",
		 error != NULL ? error : "");
}

const struct site_network_type *site_network_type_next(const struct site *s,
						       const struct site_network_type *after)
{
	const size_t i = after != NULL ? (size_t)(after - s->type) + 1 : 0;

	return i < s->types ? &s->type[i] : NULL;
}

/* ------------------------------------------------------------------ a world around it */

static struct site *site;
static struct event_base *base;
static struct inventory *inv;
static char dir[] = P_tmpdir "/weir-inventory-XXXXXX";
static unsigned int told[64001]; /* how often, by agent */

static void on_changed(void *ctx, const struct site_agent *a)
{
	(void)ctx;
	told[a->id]++;
}

static void world_start(void)
{
	struct weir_err err = { 0 };
	char path[sizeof(dir) + 16];
	const struct weir_db_conf conf = { .path = path,
					   .schema = &site_schema,
					   .flags = WEIR_DB_CREATE | WEIR_DB_WAL };

	snprintf(path, sizeof(path), "%s/state", dir);
	site->db = weir_db_open(&conf, &err);
	if (site->db == NULL)
		fprintf(stderr, "\n%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(site->db);
	base = event_base_new();
	inv = inventory_open(base, site, &err);
	if (inv == NULL)
		fprintf(stderr, "\n%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(inv);
	inventory_watch(inv, on_changed, NULL);
}

static void world_stop(void)
{
	inventory_close(inv);
	weir_db_close(site->db);
	event_base_free(base);
}

static void world_begin(void)
{
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	site = calloc(1, sizeof(*site));
	memset(&world_config, 0, sizeof(world_config));
	memset(told, 0, sizeof(told));
	world_start();
}

static void world_end(void)
{
	char command[sizeof(dir) + 16];

	world_stop();
	for (uint32_t id = 1; id <= 64000; id++) {
		free(site->agent[id]);
		world_config_of[id] = NULL;
	}
	free(site);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CU_ASSERT_EQUAL(system(command), 0);
}

/* What waits to be done within a second. */
static inline bool world_waits(void)
{
	return event_pending(inv->check, EV_TIMEOUT, NULL) ||
	       (event_pending(inv->gather, EV_TIMEOUT, NULL) &&
		inv->gather_at_ns < weir_clock_mono_ns() + WEIR_NS_PER_S);
}

static inline void world_turn(void)
{
	while (world_waits())
		event_base_loop(base, EVLOOP_ONCE);
}

static inline void agent_told(uint32_t id)
{
	site->watch.agent(site->watch.ctx, site->agent[id]);
}

/* At 10.0.ID/256.ID%256, 02:00:00:00:ID: an agent that is NORMAL, of VPC 1. */
static inline struct site_agent *agent_new(uint32_t id, uint32_t type)
{
	struct site_agent *a = calloc(1, sizeof(*a));

	a->id = id;
	a->type = type;
	a->state = SITE_NORMAL;
	a->enabled = true;
	a->vpc = 1;
	snprintf(a->ctrl_ip, sizeof(a->ctrl_ip), "10.0.%u.%u", id >> 8, id & 255);
	snprintf(a->ctrl_mac, sizeof(a->ctrl_mac), "02:00:00:00:%02x:%02x", id >> 8, id & 255);
	site->agent[id] = a;
	return a;
}

static inline struct site_agent *agent_add(uint32_t id, uint32_t type)
{
	struct site_agent *a = agent_new(id, type);

	agent_told(id);
	return a;
}

static inline void agent_remove(uint32_t id)
{
	struct site_agent *a = site->agent[id];

	site->agent[id] = NULL;
	site->watch.agent_gone(site->watch.ctx, a);
	free(a);
}

#endif
