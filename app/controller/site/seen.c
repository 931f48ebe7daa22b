/* SPDX-License-Identifier: Apache-2.0 */
/* An agent calls. Control plane, 5.2 and 5.3. */
#include "seen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WATCH_DISABLED 2  /* enum KubernetesWatchPolicy: control plane, 1.4 */
#define BOOT_JITTER_S  10 /* its clock may be put right meanwhile */

static int refuse(struct site *s, struct site_seen *out, const char *why, const char *who,
		  const char *peer)
{
	out->verdict = SITE_REFUSED;
	snprintf(out->why, sizeof(out->why), "%s: %.100s", who, why);
	s->counts.refused++;
	weir_log(WEIR_LOG_WARN, "agent refused: %s (it calls from %s)", out->why,
		 peer != NULL ? peer : "an unknown address");
	return 0;
}

static bool caller_make(struct caller *c, const struct site_hello *h, bool push)
{
	const bool no_mac = h->by_ip && (h->ctrl_mac == NULL || h->ctrl_mac[0] == '\0');
	struct site_facts f;

	c->hello = h;
	c->push = push;
	c->now_ns = weir_clock_mono_ns();
	c->identity = h->certified && h->peer != NULL ? h->peer : "";
	c->facts_len = site_facts_pack(c->facts, &h->facts);
	site_facts_point(&f, c->facts);
	c->cluster_id = f.cluster_id;
	if ((h->ctrl_mac == NULL && !h->by_ip) ||
	    !site_key(h->ctrl_ip, no_mac ? NULL : h->ctrl_mac, c->ip, c->mac))
		return false;
	snprintf(c->key, sizeof(c->key), "%s-%s", c->ip, c->mac);
	return true;
}

/* Its certificate has the name it had at first. Who has shown one may not come without. */
static bool is_itself(const struct agent *a, const char *identity)
{
	return a->pub.identity[0] == '\0' || strcmp(a->pub.identity, identity) == 0;
}

/* ------------------------------------------------------------------ of who is known */

static bool near(uint32_t a, uint32_t b)
{
	return a - b <= BOOT_JITTER_S || b - a <= BOOT_JITTER_S;
}

/* A machine boots and boots again, but never goes back to an earlier boot: then there are two. */
static void look_for_twin(struct site *s, struct agent *a, uint32_t boot_s, uint64_t now_ns)
{
	const uint32_t known = a->pub.facts.boot_s;
	const bool back = a->boot_before_s != 0 && near(boot_s, a->boot_before_s);

	if (boot_s == 0 || known == 0 || near(boot_s, known))
		return;
	a->boot_before_s = known;
	if (!back)
		return;
	a->twin_ns = now_ns;
	if (a->pub.twin)
		return;
	a->pub.twin = true;
	s->counts.twins++;
	weir_log_about(WEIR_LOG_WARN, "agent", a->pub.name,
		       "two machines say they are %s: their boot times take turns; a copied "
		       "virtual machine needs an address and a MAC of its own",
		       a->key);
	site_tell_agent(s, a);
}

static bool same_numbers(const struct site_facts *a, const struct site_facts *b)
{
	return a->boot_s == b->boot_s && a->cpus == b->cpus && a->memory_bytes == b->memory_bytes &&
	       a->exceptions == b->exceptions && a->buffer_bytes == b->buffer_bytes;
}

/* The word after the space, which is what an upgrade is to lead to. */
static bool has_revision(const char *revision, const char *wanted)
{
	const char *space = strchr(revision, ' ');

	return wanted[0] != '\0' && strcmp(space != NULL ? space + 1 : revision, wanted) == 0;
}

static void upgrade_done(struct site *s, struct agent *a)
{
	char *none = strdup(""), *nothing = strdup("");

	if (none == NULL || nothing == NULL) {
		free(none);
		free(nothing);
		return; /* the next time */
	}
	weir_log_about(WEIR_LOG_INFO, "agent", a->pub.name, "upgraded to %s",
		       a->pub.wanted_revision);
	site_bury(s, a->wanted_revision, free);
	site_bury(s, a->wanted_image, free);
	a->pub.wanted_revision = a->wanted_revision = none;
	a->pub.wanted_image = a->wanted_image = nothing;
	site_agent_soil(s, a);
	site_tell_agent(s, a);
}

static void note_facts(struct site *s, struct agent *a, const struct caller *c)
{
	const struct site_facts *said = &c->hello->facts;
	const bool same_texts = a->facts_len == c->facts_len &&
				memcmp(a->facts, c->facts, c->facts_len) == 0;
	char *packed = same_texts ? a->facts : malloc(c->facts_len);

	if ((same_texts && same_numbers(&a->pub.facts, said)) || packed == NULL)
		return;
	if (!same_texts) {
		memcpy(packed, c->facts, c->facts_len);
		site_bury(s, a->facts, free);
		a->facts = packed;
		a->facts_len = c->facts_len;
	}
	a->pub.facts = *said;
	site_facts_point(&a->pub.facts, packed);
	site_agent_soil(s, a);
}

/* What has to do with who it is: its dialect, its certificate, its MAC where the address alone is the key. */
static void note_identity(struct site *s, struct agent *a, const struct caller *c)
{
	char *identity;

	if (a->pub.trident != c->hello->trident) {
		a->pub.trident = c->hello->trident;
		site_agent_soil(s, a);
	}
	if (c->identity[0] != '\0' && a->pub.identity[0] == '\0' &&
	    (identity = strdup(c->identity)) != NULL) {
		site_bury(s, a->identity, free);
		a->pub.identity = a->identity = identity;
		site_agent_soil(s, a);
	}
	if (c->mac[0] != '\0' && strcmp(c->mac, a->pub.ctrl_mac) != 0 &&
	    site_index_get(&s->agent_keys, c->key) == NULL) {
		site_agent_rekey(s, a, c->mac);
		site_agent_soil(s, a);
	}
}

static void note_cluster(struct site *s, struct agent *a, const struct domain *d)
{
	if (d == NULL || a->pub.pod_cluster == d->pub.id)
		return;
	a->pub.pod_cluster = d->pub.id;
	a->pub.vpc = d->pub.vpc;
	site_agent_retype(s, a);
	site_agent_soil(s, a);
	site_tell_agent(s, a);
}

static void note_sync(struct site *s, struct agent *a, const struct caller *c)
{
	if (c->push)
		return;
	a->heard_ns = c->now_ns;
	a->pub.synced_s = site_now_s();
	if (a->pub.state != SITE_LOST)
		return;
	a->pub.state = SITE_NORMAL;
	site_agent_soil(s, a);
	weir_log(WEIR_LOG_INFO, "agent %s: is back", a->pub.name);
	site_tell_agent(s, a);
}

static void note(struct site *s, struct agent *a, const struct caller *c, const struct domain *d)
{
	look_for_twin(s, a, c->hello->facts.boot_s, c->now_ns);
	note_facts(s, a, c);
	note_identity(s, a, c);
	note_cluster(s, a, d);
	note_sync(s, a, c);
	if (has_revision(a->pub.facts.revision, a->pub.wanted_revision))
		upgrade_done(s, a);
}

/* ------------------------------------------------------------------ both */

/* Types that may watch: control plane, 4.8. */
static bool may_watch(const struct site_agent *a)
{
	return a->enabled && a->state != SITE_PENDING &&
	       (a->type == 3 || a->type == 5 || a->type == 7 || a->type == 8 || a->type == 12);
}

static void elect(struct site *s, const struct caller *c, const struct agent *a, struct domain *d,
		  struct site_seen *out)
{
	if (d != NULL && c->hello->watch_policy != WATCH_DISABLED &&
	    (a == NULL || may_watch(&a->pub)))
		out->watch_kubernetes = site_watcher_elect(s, d, a != NULL ? a->key : c->key,
							   c->hello);
}

/* The domain of its cluster. Who waits for approval makes none. */
static struct domain *domain_for(struct site *s, const struct caller *c, const struct agent *a)
{
	const bool waits = a != NULL ? a->pub.state == SITE_PENDING : s->o.approve;
	struct weir_err err = { 0 };
	struct domain *d;

	if (c->cluster_id[0] == '\0')
		return NULL;
	d = site_domain_with(s, c->cluster_id);
	if (d != NULL || (waits && !c->hello->force_watch))
		return d;
	d = site_domain_reach(s, c->cluster_id, c->hello->cluster_name, c->ip, &err);
	if (d == NULL)
		weir_log(WEIR_LOG_WARN, "agent %s: no domain for its cluster %s: %s", c->key,
			 c->cluster_id, err.msg);
	return d;
}

static void answer(const struct agent *a, struct site_seen *out)
{
	out->verdict = a->pub.state == SITE_PENDING ? SITE_WAITS : SITE_KNOWN;
	out->agent = &a->pub;
	out->group = a->pub.group;
	out->type = a->pub.type;
}

static int watcher_only(struct site *s, const struct caller *c, struct site_seen *out)
{
	out->verdict = SITE_WATCHER;
	out->group = &site_group_asked(s, c)->pub;
	out->type = site_agent_type(c->cluster_id, site_group_config(out->group));
	elect(s, c, NULL, domain_for(s, c, NULL), out);
	return 0;
}

static int unknown(struct site *s, const struct caller *c, struct site_seen *out,
		   struct weir_err *err)
{
	struct group *g = site_group_asked(s, c);
	struct domain *d = domain_for(s, c, NULL);
	struct agent *a;
	int rc = site_enroll(s, c, g, d, &a, err);

	if (rc != 0)
		return rc;
	if (a == NULL)
		return refuse(s, out,
			      "no number is left for one more agent: delete some that are LOST",
			      c->key, c->hello->peer);
	elect(s, c, a, d, out);
	answer(a, out);
	return 0;
}

int site_agent_seen(struct site *s, const struct site_hello *hello, bool push,
		    struct site_seen *out, struct weir_err *err)
{
	struct caller c;
	struct agent *a;
	struct domain *d;

	memset(out, 0, sizeof(*out));
	if (!caller_make(&c, hello, push))
		return refuse(s, out, "ctrl_ip or ctrl_mac is missing, or is none", "an agent",
			      hello->peer);
	if (site_is_revoked(s, c.identity, c.key))
		return refuse(s, out, "revoked", c.key, hello->peer);
	a = site_agent_with(s, c.ip, hello->by_ip ? NULL : c.mac);
	if (a != NULL && !is_itself(a, c.identity))
		return refuse(s, out,
			      "another certificate than before; if the machine is a new one, "
			      "delete the agent first",
			      c.key, hello->peer);
	if (a == NULL)
		return hello->force_watch ? watcher_only(s, &c, out) : unknown(s, &c, out, err);
	d = domain_for(s, &c, a);
	note(s, a, &c, d);
	elect(s, &c, a, d, out);
	answer(a, out);
	return 0;
}

const struct site_agent *site_agent_calls(const struct site *s, const char *ip, const char *mac,
					  const char *peer, bool certified)
{
	const char *identity = certified && peer != NULL ? peer : "";
	struct agent *a = site_agent_with(s, ip, mac);

	for (; a != NULL; a = mac == NULL ? a->same_ip : NULL)
		if (a->pub.state == SITE_NORMAL && is_itself(a, identity) &&
		    !site_is_revoked(s, identity, a->key))
			return &a->pub;
	return NULL;
}
