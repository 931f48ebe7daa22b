/* SPDX-License-Identifier: Apache-2.0 */
/* Agents in the database. */
#include "site_priv.h"

#include <errno.h>
#include <stdlib.h>

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
