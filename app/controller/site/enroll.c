/* SPDX-License-Identifier: Apache-2.0 */
/* An agent that is not known is registered, directly: no cloud is asked. Control plane, 5.2. */
#include "seen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t id_free(const struct site *s)
{
	uint32_t id = s->last_given;

	for (uint32_t i = 0; i < s->agents_max; i++) {
		id = id % s->agents_max + 1;
		if (s->agents[id] == NULL)
			return id;
	}
	return 0;
}

struct group *site_group_asked(const struct site *s, const struct caller *c)
{
	const char *asked = c->hello->group_request;
	struct group *g;

	if (asked == NULL || asked[0] == '\0')
		return TAILQ_FIRST(&s->groups);
	g = site_index_get(&s->group_names, asked);
	if (g != NULL)
		return g;
	weir_log(WEIR_LOG_WARN,
		 "agent %s asks for group \"%.64s\", which is not there: it is put into default; "
		 "create the group, then move it with agent update",
		 c->key, asked);
	return TAILQ_FIRST(&s->groups);
}

/* `<host>-V<id>` of a node, `<host>` of a dedicated one, `<host>-W<id>`: and no other has it. */
static char *name_make(const struct site *s, const struct caller *c, uint32_t type, uint32_t id)
{
	const char *host = c->facts[0] != '\0' ? c->facts : c->ip;
	char *name = NULL;
	int n = type == 6 ? asprintf(&name, "%.200s", host)
			  : asprintf(&name, "%.200s-%c%u", host, type == 8 ? 'V' : 'W', id);

	for (unsigned int i = 0; n >= 0 && i < 100; i++) {
		for (char *p = name; *p != '\0'; p++)
			if (*p == ' ' || *p == ':')
				*p = '-';
		if (site_name_check("agent", name, NULL) == 0 &&
		    site_index_get(&s->agent_names, name) == NULL)
			return name;
		free(name);
		name = NULL;
		n = asprintf(&name, "%.190s-%u-%u", i < 50 ? host : c->ip, id, i);
	}
	free(n >= 0 ? name : NULL);
	return NULL;
}

static bool texts_make(struct agent *a, const struct caller *c)
{
	a->facts = malloc(c->facts_len);
	a->pub.identity = a->identity = strdup(c->identity);
	a->pub.wanted_revision = a->wanted_revision = strdup("");
	a->pub.wanted_image = a->wanted_image = strdup("");
	if (a->facts == NULL || a->identity == NULL || a->wanted_revision == NULL ||
	    a->wanted_image == NULL)
		return false;
	memcpy(a->facts, c->facts, c->facts_len);
	a->facts_len = c->facts_len;
	a->pub.facts = c->hello->facts;
	site_facts_point(&a->pub.facts, a->facts);
	return true;
}

static struct agent *agent_make(const struct site *s, const struct caller *c, struct group *g,
				uint32_t id, const struct domain *d)
{
	struct agent *a = calloc(1, sizeof(*a));

	if (a == NULL || !texts_make(a, c)) {
		site_agent_free(a);
		return NULL;
	}
	a->pub.id = id;
	a->pub.group = &g->pub;
	a->pub.enabled = true;
	a->pub.state = s->o.approve ? SITE_PENDING : SITE_NORMAL;
	a->pub.type = site_agent_type(c->cluster_id, site_group_config(&g->pub));
	a->pub.trident = c->hello->trident;
	a->pub.vpc = d != NULL ? d->pub.vpc : DEFAULT_ID;
	a->pub.pod_cluster = d != NULL ? d->pub.id : 0;
	a->pub.created_s = a->pub.synced_s = a->synced_written_s = site_now_s();
	a->heard_ns = c->now_ns;
	memcpy(a->pub.ctrl_ip, c->ip, sizeof(a->pub.ctrl_ip));
	memcpy(a->pub.ctrl_mac, c->mac, sizeof(a->pub.ctrl_mac));
	site_uuid_random(a->pub.lcuuid);
	a->pub.name = a->name = name_make(s, c, a->pub.type, id);
	if (a->name != NULL)
		return a;
	site_agent_free(a);
	return NULL;
}

static int agent_commit(struct site *s, struct agent *a, struct weir_err *err)
{
	struct site_change c;

	site_change_begin(&c, &s->sql, SITE_LAZY, err);
	site_agent_put(&c, &a->pub);
	site_change_run(&c, "INSERT OR REPLACE INTO agent_synced (agent, synced_s) VALUES (?, ?)",
			site_number(a->pub.id), site_number((int64_t)a->pub.synced_s));
	return site_change_end(&c);
}

int site_enroll(struct site *s, const struct caller *c, struct group *g, const struct domain *d,
		struct agent **out, struct weir_err *err)
{
	const uint32_t id = id_free(s);
	struct agent *a;
	int rc;

	*out = NULL;
	if (id == 0)
		return 0;
	a = site_agents_reserve(s) == 0 ? agent_make(s, c, g, id, d) : NULL;
	if (a == NULL)
		return weir_err_set(err, ENOMEM, "agent %s: no memory for it", c->key);
	rc = agent_commit(s, a, err);
	if (rc != 0) {
		site_agent_free(a);
		return rc;
	}
	a->pub.group = NULL;
	site_agent_move(a, g);
	site_agent_enter(s, a);
	s->counts.registered++;
	*out = a;
	weir_log(WEIR_LOG_INFO, "agent %s: registered: %s, group %s%s", a->pub.name, a->key,
		 g->pub.name, a->pub.state == SITE_PENDING ? ", waits for agent approve" : "");
	site_tell_agent(s, a);
	return 0;
}
