/* SPDX-License-Identifier: Apache-2.0 */
/* Agents: how they are kept and found, and what people change of them. What they say themselves: seen.c. */
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

/* ------------------------------------------------------------------ rows */

#define COLUMNS                                                                           \
	"id, lcuuid, name, agent_group, canary, enabled, state, type, ctrl_ip, ctrl_mac," \
	" identity, trident, wanted_revision, wanted_image, vpc, pod_cluster, created_s," \
	" host, process_name, revision, k8s_image, arch, os, kernel, exception_text,"     \
	" cluster_id, boot_s, cpus, memory_bytes, exceptions, buffer_bytes"

void site_agent_put(struct site_change *c, const struct site_agent *a)
{
	const struct site_facts *f = &a->facts;

	site_change_run(c,
			"INSERT INTO agent (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
			" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			site_number(a->id), site_text(a->lcuuid), site_text(a->name),
			site_number(a->group->id), site_number(a->canary), site_number(a->enabled),
			site_number(a->state), site_number(a->type), site_text(a->ctrl_ip),
			site_text(a->ctrl_mac), site_text(a->identity), site_number(a->trident),
			site_text(a->wanted_revision), site_text(a->wanted_image),
			site_number(a->vpc), site_number(a->pod_cluster),
			site_number((int64_t)a->created_s), site_text(f->host),
			site_text(f->process_name), site_text(f->revision), site_text(f->k8s_image),
			site_text(f->arch), site_text(f->os), site_text(f->kernel),
			site_text(f->exception_text), site_text(f->cluster_id),
			site_number(f->boot_s), site_number(f->cpus),
			site_number((int64_t)f->memory_bytes), site_number((int64_t)f->exceptions),
			site_number((int64_t)f->buffer_bytes));
}

/* But for what stands in indexes and does not change by itself: to leave those alone is most of the cost. */
void site_agent_rewrite(struct site_change *c, const struct site_agent *a)
{
	const struct site_facts *f = &a->facts;

	site_change_run(
		c,
		"UPDATE agent SET agent_group = ?, canary = ?, enabled = ?, state = ?, type = ?,"
		" ctrl_mac = ?, identity = ?, trident = ?, wanted_revision = ?, wanted_image = ?,"
		" vpc = ?, pod_cluster = ?, host = ?, process_name = ?, revision = ?, k8s_image = ?,"
		" arch = ?, os = ?, kernel = ?, exception_text = ?, cluster_id = ?, boot_s = ?,"
		" cpus = ?, memory_bytes = ?, exceptions = ?, buffer_bytes = ? WHERE id = ?",
		site_number(a->group->id), site_number(a->canary), site_number(a->enabled),
		site_number(a->state), site_number(a->type), site_text(a->ctrl_mac),
		site_text(a->identity), site_number(a->trident), site_text(a->wanted_revision),
		site_text(a->wanted_image), site_number(a->vpc), site_number(a->pod_cluster),
		site_text(f->host), site_text(f->process_name), site_text(f->revision),
		site_text(f->k8s_image), site_text(f->arch), site_text(f->os), site_text(f->kernel),
		site_text(f->exception_text), site_text(f->cluster_id), site_number(f->boot_s),
		site_number(f->cpus), site_number((int64_t)f->memory_bytes),
		site_number((int64_t)f->exceptions), site_number((int64_t)f->buffer_bytes),
		site_number(a->id));
}

void site_agent_erase(struct site_change *c, uint32_t id)
{
	site_change_run(c, "DELETE FROM agent WHERE id = ?", site_number(id));
	site_change_run(c, "DELETE FROM agent_synced WHERE agent = ?", site_number(id));
}

static struct site_facts facts_of_row(struct weir_db_stmt *row)
{
	return (struct site_facts){
		.host = weir_db_text(row, 17),
		.process_name = weir_db_text(row, 18),
		.revision = weir_db_text(row, 19),
		.k8s_image = weir_db_text(row, 20),
		.arch = weir_db_text(row, 21),
		.os = weir_db_text(row, 22),
		.kernel = weir_db_text(row, 23),
		.exception_text = weir_db_text(row, 24),
		.cluster_id = weir_db_text(row, 25),
		.boot_s = (uint32_t)weir_db_i64(row, 26),
		.cpus = (uint32_t)weir_db_i64(row, 27),
		.memory_bytes = (uint64_t)weir_db_i64(row, 28),
		.exceptions = (uint64_t)weir_db_i64(row, 29),
		.buffer_bytes = (uint64_t)weir_db_i64(row, 30),
	};
}

static bool texts_of_row(struct agent *a, struct weir_db_stmt *row)
{
	char packed[FACTS_SIZE_MAX];

	a->pub.facts = facts_of_row(row);
	a->facts_len = site_facts_pack(packed, &a->pub.facts);
	a->facts = malloc(a->facts_len);
	a->pub.name = a->name = strdup(weir_db_text(row, 2));
	a->pub.identity = a->identity = strdup(weir_db_text(row, 10));
	a->pub.wanted_revision = a->wanted_revision = strdup(weir_db_text(row, 12));
	a->pub.wanted_image = a->wanted_image = strdup(weir_db_text(row, 13));
	if (a->facts == NULL || a->name == NULL || a->identity == NULL ||
	    a->wanted_revision == NULL || a->wanted_image == NULL)
		return false;
	memcpy(a->facts, packed, a->facts_len);
	site_facts_point(&a->pub.facts, a->facts);
	return true;
}

static void numbers_of_row(struct site_agent *a, struct weir_db_stmt *row)
{
	a->id = (uint32_t)weir_db_i64(row, 0);
	site_text_clean(a->lcuuid, sizeof(a->lcuuid), weir_db_text(row, 1));
	a->canary = weir_db_i64(row, 4) != 0;
	a->enabled = weir_db_i64(row, 5) != 0;
	a->state = (enum site_agent_state)weir_db_i64(row, 6);
	a->type = (uint32_t)weir_db_i64(row, 7);
	site_text_clean(a->ctrl_ip, sizeof(a->ctrl_ip), weir_db_text(row, 8));
	site_text_clean(a->ctrl_mac, sizeof(a->ctrl_mac), weir_db_text(row, 9));
	a->trident = weir_db_i64(row, 11) != 0;
	a->vpc = (uint32_t)weir_db_i64(row, 14);
	a->pod_cluster = (uint32_t)weir_db_i64(row, 15);
	a->created_s = (uint64_t)weir_db_i64(row, 16);
	a->synced_s = (uint64_t)weir_db_i64(row, 31);
}

/* As if it had been heard all the while: what it was then is judged anew, later. */
static void times_of(struct agent *a, uint64_t start_ns)
{
	const uint64_t now = site_now_s();
	const uint64_t ago = now > a->pub.synced_s ? now - a->pub.synced_s : 0;

	a->synced_written_s = a->pub.synced_s;
	a->heard_ns = start_ns - weir_min_u64(start_ns, ago * WEIR_NS_PER_S);
	a->lost_ns = start_ns;
}

static int load_one(void *ctx, struct weir_db_stmt *row)
{
	struct site *s = ctx;
	const int64_t id = weir_db_i64(row, 0);
	struct agent *a;
	struct group *g;

	if (id < 1 || id > AGENT_ID_MAX)
		return -EBADMSG;
	a = calloc(1, sizeof(*a));
	if (a == NULL || !texts_of_row(a, row) || site_agents_reserve(s) != 0) {
		site_agent_free(a);
		return -ENOMEM;
	}
	numbers_of_row(&a->pub, row);
	times_of(a, s->start_ns);
	g = site_index_get(&s->group_names, weir_db_text(row, 32));
	site_agent_move(a, g != NULL ? g : TAILQ_FIRST(&s->groups));
	group_of(a->pub.group)->pub.canaries += a->pub.canary;
	site_agent_enter(s, a);
	return 0;
}

int site_agents_load(struct site *s, struct weir_err *err)
{
	int rc = site_rows(&s->sql,
			   "SELECT a.*, ifnull(y.synced_s, 0), g.lcuuid FROM (SELECT " COLUMNS
			   " FROM agent) a LEFT JOIN agent_synced y ON y.agent = a.id"
			   " LEFT JOIN agent_group g ON g.id = a.agent_group ORDER BY a.id",
			   NULL, 0, load_one, s, err);

	if (rc == -EBADMSG)
		return weir_err_set(err, EBADMSG,
				    "%s: an agent has an id out of 1 to %u: restore a backup",
				    s->dir, AGENT_ID_MAX);
	return rc == -ENOMEM ? weir_err_set(err, ENOMEM, "no memory for agents") : rc;
}

/* ------------------------------------------------------------------ changes */

/* An agent as it is to be; its new texts, to be given to it when all went well. */
struct update {
	struct site_agent to;
	char *name, *revision, *image;
};

static void update_free(struct update *u)
{
	free(u->name);
	free(u->revision);
	free(u->image);
}

static int update_name(struct site *s, struct update *u, const char *name, struct weir_err *err)
{
	int rc = site_name_check("agent", name, err);

	if (rc != 0)
		return rc;
	if (strcmp(name, u->to.name) == 0)
		return 0;
	if (site_agent_named(s, name) != NULL)
		return weir_err_set(err, EEXIST, "agent %s: that name is taken: choose another",
				    name);
	u->name = strdup(name);
	if (u->name == NULL || site_index_reserve(&s->agent_names, 1) != 0)
		return weir_err_set(err, ENOMEM, "no memory for a name");
	u->to.name = u->name;
	return 0;
}

static int update_image(const struct site *s, struct update *u, const char *name,
			struct weir_err *err)
{
	const struct site_image *image = name[0] != '\0' ? site_image_named(s, name) : NULL;
	const char *rev = image != NULL ? image->rev_count : "";
	const char *commit = image != NULL ? image->commit_id : "";

	if (name[0] != '\0' && image == NULL)
		return weir_err_set(err, ENOENT,
				    "image %s: there is none of this name: repo agent list shows "
				    "those there are",
				    name);
	u->image = strdup(name);
	if (asprintf(&u->revision, "%s%s%s", rev, image != NULL ? "-" : "", commit) < 0)
		u->revision = NULL;
	if (u->image == NULL || u->revision == NULL)
		return weir_err_set(err, ENOMEM, "no memory for a name");
	u->to.wanted_image = u->image;
	u->to.wanted_revision = u->revision;
	return 0;
}

static bool vpc_is_there(const struct site *s, uint32_t id)
{
	const struct vpc *v;

	TAILQ_FOREACH(v, &s->vpcs, link)
		if (v->pub.id == id)
			return true;
	return false;
}

static int update_numbers(const struct site *s, struct update *u, const struct site_agent_change *c,
			  struct weir_err *err)
{
	if (c->enabled >= 0)
		u->to.enabled = c->enabled != 0;
	if (c->vpc >= 0 && !vpc_is_there(s, (uint32_t)c->vpc))
		return weir_err_set(err, ENOENT, "agent %s: there is no VPC %d", u->to.name,
				    c->vpc);
	if (c->vpc >= 0)
		u->to.vpc = (uint32_t)c->vpc;
	if (c->state < 0)
		return 0;
	switch (c->state) {
	case SITE_DISABLED:
		u->to.enabled = false;
		return 0;
	case SITE_PENDING:
		u->to.state = SITE_PENDING;
		return 0;
	case SITE_NORMAL:
		if (u->to.state == SITE_PENDING)
			u->to.state = SITE_NORMAL;
		return 0;
	default:
		return weir_err_set(err, EINVAL,
				    "agent %s: state %d cannot be set: 1 approves it, 2 disables "
				    "it, 3 has it wait for approval",
				    u->to.name, c->state);
	}
}

static int update_make(struct site *s, struct update *u, const struct site_agent_change *c,
		       struct weir_err *err)
{
	int rc = update_numbers(s, u, c, err);

	if (rc == 0 && c->group != NULL && c->group != u->to.group) {
		u->to.group = c->group;
		u->to.canary = false;
	}
	if (rc == 0 && c->name != NULL)
		rc = update_name(s, u, c->name, err);
	if (rc == 0 && c->image != NULL)
		rc = update_image(s, u, c->image, err);
	if (rc == 0)
		u->to.type = site_agent_type(u->to.facts.cluster_id, site_agent_config(&u->to));
	return rc;
}

static void add_text(json_t *o, const char *key, const char *value)
{
	if (value != NULL)
		json_object_set_new(o, key, json_string(value));
}

static json_t *detail_of(const struct site_agent_change *c)
{
	json_t *o = json_object();

	add_text(o, "group", c->group != NULL ? c->group->name : NULL);
	add_text(o, "name", c->name);
	add_text(o, "image", c->image);
	if (c->enabled >= 0)
		json_object_set_new(o, "enabled", json_boolean(c->enabled));
	if (c->state >= 0)
		json_object_set_new(o, "state", json_integer(c->state));
	if (c->vpc >= 0)
		json_object_set_new(o, "vpc", json_integer(c->vpc));
	return o;
}

static const char *verb_of(const struct site_agent *a, const struct site_agent_change *c)
{
	if (c->image != NULL)
		return c->image[0] != '\0' ? "agent-upgrade" : "agent-upgrade cancel";
	return c->state == SITE_NORMAL && a->state == SITE_PENDING ? "agent approve"
								   : "agent update";
}

static void text_take(struct site *s, char **own, const char **pub, char **new)
{
	if (*new == NULL)
		return;
	site_bury(s, *own, free);
	*pub = *own = *new;
	*new = NULL;
}

static void update_apply(struct site *s, struct agent *a, struct update *u)
{
	if (u->to.group != a->pub.group)
		site_agent_move(a, group_of(u->to.group));
	if (u->name != NULL)
		site_index_drop(&s->agent_names, a->name);
	text_take(s, &a->name, &a->pub.name, &u->name);
	site_index_put(&s->agent_names, a->name, a);
	text_take(s, &a->wanted_image, &a->pub.wanted_image, &u->image);
	text_take(s, &a->wanted_revision, &a->pub.wanted_revision, &u->revision);
	a->pub.enabled = u->to.enabled;
	a->pub.state = u->to.state;
	a->pub.vpc = u->to.vpc;
	a->pub.type = u->to.type;
	if (!a->pub.enabled || a->pub.state == SITE_PENDING)
		site_watcher_clear(s, a->key);
	site_tell_agent(s, a);
}

int site_agent_update(struct site *s, const struct site_actor *by, const struct site_agent *pub,
		      const struct site_agent_change *change, struct weir_err *err)
{
	struct update u = { .to = *pub };
	struct site_change c;
	int rc = update_make(s, &u, change, err);

	if (rc == 0) {
		site_change_begin(&c, &s->sql, SITE_DURABLE, err);
		site_agent_rewrite(&c, &u.to);
		if (u.name != NULL)
			site_change_run(&c, "UPDATE agent SET name = ? WHERE id = ?",
					site_text(u.name), site_number(pub->id));
		site_change_note(&c, by, verb_of(pub, change), pub->name, detail_of(change));
		rc = site_change_end(&c);
	}
	if (rc == 0)
		update_apply(s, agent_of(pub), &u);
	update_free(&u);
	return rc;
}

int site_agent_delete(struct site *s, const struct site_actor *by, const struct site_agent *a,
		      struct weir_err *err)
{
	struct site_change c;
	int rc;

	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_agent_erase(&c, a->id);
	site_change_note(&c, by, "agent delete", a->name,
			 json_pack("{s:s,s:s}", "ctrl_ip", a->ctrl_ip, "ctrl_mac", a->ctrl_mac));
	rc = site_change_end(&c);
	if (rc == 0)
		site_agent_drop(s, agent_of(a));
	return rc;
}
