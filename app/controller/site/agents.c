/* SPDX-License-Identifier: Apache-2.0 */
/* Agents: how they are kept and found. */
#include "site_priv.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TYPE_K8S_VM    8 /* enum AgentType: control plane, 1.4 */
#define TYPE_DEDICATED 6
#define TYPE_CHOST_BM  5
#define MODE_ANALYZER  2

/* ------------------------------------------------------------------ who is who */

static bool mac_copy(char to[18], const char *mac)
{
	for (unsigned int i = 0; i < 17; i++) {
		const char c = mac[i];

		if (i % 3 == 2 ? c != ':' : !isxdigit((unsigned char)c))
			return false;
		to[i] = (char)tolower((unsigned char)c);
	}
	to[17] = '\0';
	return mac[17] == '\0';
}

bool site_key(const char *ip, const char *mac, char ip_out[46], char mac_out[18])
{
	uint8_t bytes[16];
	const int family = ip != NULL && strchr(ip, ':') != NULL ? AF_INET6 : AF_INET;

	mac_out[0] = '\0';
	if (ip == NULL || inet_pton(family, ip, bytes) != 1)
		return false;
	inet_ntop(family, bytes, ip_out, 46);
	return mac == NULL || mac_copy(mac_out, mac);
}

static void key_make(char key[KEY_SIZE], const char *ip, const char *mac)
{
	snprintf(key, KEY_SIZE, "%s-%s", ip, mac);
}

struct agent *site_agent_with(const struct site *s, const char *ip, const char *mac)
{
	char ip_text[46], mac_text[18], key[KEY_SIZE];

	if (!site_key(ip, mac, ip_text, mac_text))
		return NULL;
	if (mac == NULL)
		return site_index_get(&s->agent_ips, ip_text);
	key_make(key, ip_text, mac_text);
	return site_index_get(&s->agent_keys, key);
}

const struct site_agent *site_agent_at(const struct site *s, const char *ip, const char *mac)
{
	const struct agent *a = site_agent_with(s, ip, mac);

	return a != NULL ? &a->pub : NULL;
}

const struct site_agent *site_agent_named(const struct site *s, const char *name_or_lcuuid)
{
	const struct agent *a = site_index_get(&s->agent_names, name_or_lcuuid);

	return a != NULL ? &a->pub : NULL;
}

const struct site_agent *site_agent_of(const struct site *s, uint32_t id)
{
	return id <= s->last_id && s->agents[id] != NULL ? &s->agents[id]->pub : NULL;
}

const struct site_agent *site_agent_next(const struct site *s, const struct site_agent *after)
{
	for (uint32_t id = after != NULL ? after->id + 1 : 1; id <= s->last_id; id++)
		if (s->agents[id] != NULL)
			return &s->agents[id]->pub;
	return NULL;
}

void site_agent_session(struct site *s, const struct site_agent *a, void *session)
{
	(void)s;
	agent_of(a)->pub.session = session;
}

/* ------------------------------------------------------------------ kept in memory */

static void same_ip_add(struct site *s, struct agent *a)
{
	struct agent *first = site_index_get(&s->agent_ips, a->pub.ctrl_ip);

	a->same_ip = NULL;
	if (first == NULL) {
		site_index_put(&s->agent_ips, a->pub.ctrl_ip, a);
		return;
	}
	a->same_ip = first->same_ip;
	first->same_ip = a;
}

static void same_ip_remove(struct site *s, struct agent *a)
{
	struct agent *at = site_index_get(&s->agent_ips, a->pub.ctrl_ip);

	if (at == a) {
		site_index_drop(&s->agent_ips, a->pub.ctrl_ip);
		if (a->same_ip != NULL)
			site_index_put(&s->agent_ips, a->same_ip->pub.ctrl_ip, a->same_ip);
		return;
	}
	while (at->same_ip != a)
		at = at->same_ip;
	at->same_ip = a->same_ip;
}

int site_agents_reserve(struct site *s)
{
	if (site_index_reserve(&s->agent_names, 2) != 0 ||
	    site_index_reserve(&s->agent_keys, 1) != 0 || site_index_reserve(&s->agent_ips, 1) != 0)
		return -ENOMEM;
	return 0;
}

void site_agent_enter(struct site *s, struct agent *a)
{
	key_make(a->key, a->pub.ctrl_ip, a->pub.ctrl_mac);
	s->agents[a->pub.id] = a;
	if (a->pub.id > s->last_id)
		s->last_id = a->pub.id;
	s->last_given = a->pub.id;
	s->n_agents++;
	site_index_put(&s->agent_names, a->pub.name, a);
	site_index_put(&s->agent_names, a->pub.lcuuid, a);
	site_index_put(&s->agent_keys, a->key, a);
	same_ip_add(s, a);
}

void site_agent_rekey(struct site *s, struct agent *a, const char *mac)
{
	site_index_drop(&s->agent_keys, a->key);
	memcpy(a->pub.ctrl_mac, mac, sizeof(a->pub.ctrl_mac));
	key_make(a->key, a->pub.ctrl_ip, a->pub.ctrl_mac);
	site_index_put(&s->agent_keys, a->key, a);
}

static void agent_leave(struct site *s, struct agent *a)
{
	site_index_drop(&s->agent_names, a->pub.name);
	site_index_drop(&s->agent_names, a->pub.lcuuid);
	site_index_drop(&s->agent_keys, a->key);
	same_ip_remove(s, a);
	s->agents[a->pub.id] = NULL;
	s->n_agents--;
	if (a->is_dirty)
		TAILQ_REMOVE(&s->dirty, a, dirty);
	a->is_dirty = false;
	while (s->last_id > 0 && s->agents[s->last_id] == NULL)
		s->last_id--;
}

void site_agent_free(void *p)
{
	struct agent *a = p;

	if (a == NULL)
		return;
	free(a->name);
	free(a->identity);
	free(a->wanted_revision);
	free(a->wanted_image);
	free(a->facts);
	free(a);
}

void site_agents_free(struct site *s)
{
	for (uint32_t id = 1; s->agents != NULL && id <= s->last_id; id++)
		site_agent_free(s->agents[id]);
	site_index_fini(&s->agent_names);
	site_index_fini(&s->agent_keys);
	site_index_fini(&s->agent_ips);
}

void site_agent_move(struct agent *a, struct group *g)
{
	struct group *old = a->pub.group != NULL ? group_of(a->pub.group) : NULL;

	if (old != NULL) {
		old->pub.agents--;
		old->pub.canaries -= a->pub.canary;
		a->pub.canary = false;
	}
	a->pub.group = g != NULL ? &g->pub : NULL;
	if (g != NULL)
		g->pub.agents++;
}

void site_agent_soil(struct site *s, struct agent *a)
{
	if (a->is_dirty)
		return;
	a->is_dirty = true;
	TAILQ_INSERT_TAIL(&s->dirty, a, dirty);
}

uint32_t site_agent_type(const char *cluster_id, const struct config_compiled *config)
{
	if (cluster_id != NULL && cluster_id[0] != '\0')
		return TYPE_K8S_VM;
	return config->capture_mode == MODE_ANALYZER ? TYPE_DEDICATED : TYPE_CHOST_BM;
}

bool site_agent_retype(struct site *s, struct agent *a)
{
	const uint32_t type = site_agent_type(a->pub.facts.cluster_id, site_agent_config(&a->pub));

	if (type == a->pub.type)
		return false;
	a->pub.type = type;
	site_agent_soil(s, a);
	return true;
}

void site_agent_drop(struct site *s, struct agent *a)
{
	agent_leave(s, a);
	site_watcher_clear(s, a->key);
	site_tell_gone(s, a);
	site_agent_move(a, NULL);
	site_bury(s, a, site_agent_free);
}
