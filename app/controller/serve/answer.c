/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent is to be told: its group's configuration, what is its own, and the tables whose version it has not.
 * A table's bytes are the same for all who get it, and are lent, not copied.
 */
#include "serve_priv.h"

#include <stdlib.h>

/*
 * The controller has no policies: their tables are empty, and always this version. So an agent that comes from
 * another controller drops those it has; 0 would leave them in force.
 */
#define EMPTY_VERSION 1

#define TYPE_VM_POD   8 /* AgentType */

static void tables(struct serve *s, const struct serve_for *f, const struct serve_versions *held,
		   struct serve_answer *to)
{
	struct inventory_view view;

	inventory_view(s->o.inventory, f->agent, f->trident, &view);
	to->tables = true;
	to->versions = (struct serve_versions){ view.platform.version, EMPTY_VERSION,
						EMPTY_VERSION };
	to->send_acls = held->acls != EMPTY_VERSION;
	to->send_groups = held->groups != EMPTY_VERSION;
	if (view.platform.version != 0 && view.platform.version != held->platform)
		to->platform = view.platform.bytes;
	to->places = view.places.bytes;
	to->places_version = view.places.version;
}

static void own(const struct site_agent *a, struct serve_answer *to)
{
	to->known = true;
	to->agent_id = a->id;
	to->vpc = a->vpc;
	to->pod_cluster = a->pod_cluster;
	to->host = a->facts.host;
	to->revision = a->wanted_revision;
}

void serve_answer_make(struct serve *s, const struct serve_for *f,
		       const struct serve_versions *held, struct serve_answer *to)
{
	const struct site_agent *a = f->agent;

	*to = (struct serve_answer){
		.config = a != NULL ? site_agent_config(a) : site_group_config(f->group),
		.revision = "",
		.host = "",
		.group = f->group->short_id,
		.watch = f->watch,
		.type = f->type,
	};
	if (a !=
	    NULL) /* who says it is in a cluster is a node of it, whatever it was when it was registered */
		to->type = a->facts.cluster_id[0] != '\0' ? TYPE_VM_POD : a->type;
	if (a == NULL || a->state == SITE_PENDING)
		return;
	own(a, to);
	to->enabled = a->enabled && a->state != SITE_DISABLED;
	if (to->enabled)
		tables(s, f, held, to);
}

static uint64_t mix_text(uint64_t h, const char *s)
{
	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3); /* FNV-1a */
	return h;
}

uint64_t serve_answer_hash(const struct serve_answer *a)
{
	const uint64_t flags = (uint64_t)a->enabled << 3 | (uint64_t)a->watch << 2 |
			       (uint64_t)a->known << 1 | a->tables;
	const uint64_t numbers[] = {
		flags,          a->agent_id,          a->type,           a->vpc,
		a->pod_cluster, a->versions.platform, a->places_version,
	};
	uint64_t h = a->config->hash;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(numbers); i++)
		h = weir_mix(h ^ UINT64_C(0x9e3779b97f4a7c15),
			     numbers[i] + UINT64_C(0xd1b54a32d192ed03));
	return mix_text(mix_text(mix_text(h, a->revision), a->group), a->host);
}

static void on_sent(void *bytes)
{
	inventory_put(bytes);
}

static void lend(struct serve *s, const struct inventory_bytes *bytes, struct serve_parts *to)
{
	const struct inventory_bytes *kept;

	if (bytes == NULL || bytes->n == 0)
		return;
	kept = inventory_keep(bytes);
	to->v[to->n++] = weir_rpc_packed_lend(s->rpc, kept->v, kept->n, on_sent,
					      (void *)(uintptr_t)kept);
}

void serve_parts_make(struct serve *s, bool trident, const struct serve_answer *a,
		      struct serve_parts *to)
{
	struct weir_rpc_packed *head = trident ? serve_head_trident(s, a) : serve_head_agent(s, a);

	*to = (struct serve_parts){ 0 };
	if (head == NULL)
		return;
	to->v[to->n++] = head;
	if (a->tables && !a->failed && !a->partial) {
		lend(s, a->platform, to);
		lend(s, a->places, to);
	}
	for (unsigned int i = 0; i < to->n; i++)
		to->bytes += weir_rpc_packed_size(to->v[i]);
}

void serve_parts_free(struct serve_parts *p)
{
	for (unsigned int i = 0; i < p->n; i++)
		weir_rpc_packed_destroy(p->v[i]);
}
