/* SPDX-License-Identifier: Apache-2.0 */
/* Who is refused: by the name in its certificate, and by "address-MAC". */
#include "site_priv.h"

#include <errno.h>
#include <stdlib.h>

bool site_is_revoked(const struct site *s, const char *identity, const char *key)
{
	return (identity[0] != '\0' && site_index_get(&s->revoked, identity) != NULL) ||
	       site_index_get(&s->revoked, key) != NULL;
}

bool site_peer_is_revoked(const struct site *s, const char *peer, bool certified)
{
	return certified && site_index_get(&s->revoked, peer) != NULL;
}

static int load_one(void *ctx, struct weir_db_stmt *row)
{
	struct site *s = ctx;
	char *who = strdup(weir_db_text(row, 0));

	if (who == NULL || site_index_reserve(&s->revoked, 1) != 0) {
		free(who);
		return -ENOMEM;
	}
	site_index_put(&s->revoked, who, who);
	return 0;
}

int site_revoked_load(struct site *s, struct weir_err *err)
{
	int rc = site_rows(&s->sql, "SELECT who FROM revoked", NULL, 0, load_one, s, err);

	return rc == -ENOMEM ? weir_err_set(err, ENOMEM, "no memory for what is revoked") : rc;
}

void site_revoked_free(struct site *s)
{
	for (size_t i = 0; s->revoked.slots != NULL && i <= s->revoked.mask; i++)
		free(s->revoked.slots[i].item);
	site_index_fini(&s->revoked);
}

static void revoke(struct site_change *c, const char *who)
{
	site_change_run(c, "INSERT OR REPLACE INTO revoked (who, at_s) VALUES (?, ?)",
			site_text(who), site_number((int64_t)site_now_s()));
}

/* Reserved; `who` is given. */
static void enter(struct site *s, char *who)
{
	if (site_index_get(&s->revoked, who) == NULL)
		site_index_put(&s->revoked, who, who);
	else
		free(who);
}

/* By both: who comes without its certificate is no other machine for that. */
int site_agent_revoke(struct site *s, const struct site_actor *by, const struct site_agent *pub,
		      struct weir_err *err)
{
	struct agent *a = agent_of(pub);
	const bool certified = pub->identity[0] != '\0';
	char *key = strdup(a->key), *identity = certified ? strdup(pub->identity) : NULL;
	struct site_change c;
	int rc;

	if (key == NULL || (certified && identity == NULL) ||
	    site_index_reserve(&s->revoked, 2) != 0) {
		free(key);
		free(identity);
		return weir_err_set(err, ENOMEM, "no memory to revoke an agent");
	}
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	revoke(&c, key);
	if (certified)
		revoke(&c, identity);
	site_agent_erase(&c, pub->id);
	site_change_note(&c, by, "agent revoke", pub->name,
			 json_pack("{s:s,s:s*}", "who", key, "certificate", identity));
	rc = site_change_end(&c);
	if (rc != 0) {
		free(key);
		free(identity);
		return rc;
	}
	enter(s, key);
	if (certified)
		enter(s, identity);
	site_agent_drop(s, a);
	return 0;
}

struct list {
	int (*each)(void *ctx, const char *who, uint64_t at_s);
	void *ctx;
};

static int list_one(void *ctx, struct weir_db_stmt *row)
{
	const struct list *l = ctx;

	return l->each(l->ctx, weir_db_text(row, 0), (uint64_t)weir_db_i64(row, 1));
}

int site_revoked_list(struct site *s, int (*each)(void *ctx, const char *who, uint64_t at_s),
		      void *ctx, struct weir_err *err)
{
	struct list l = { each, ctx };

	return site_rows(&s->sql, "SELECT who, at_s FROM revoked ORDER BY who", NULL, 0, list_one,
			 &l, err);
}

int site_revoked_remove(struct site *s, const struct site_actor *by, const char *who,
			struct weir_err *err)
{
	char *own = site_index_get(&s->revoked, who);
	struct site_change c;
	int rc;

	if (own == NULL)
		return weir_err_set(err, ENOENT, "%.200s: it is not revoked", who);
	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_change_run(&c, "DELETE FROM revoked WHERE who = ?", site_text(who));
	site_change_note(&c, by, "agent unrevoke", who, NULL);
	rc = site_change_end(&c);
	if (rc != 0)
		return rc;
	site_index_drop(&s->revoked, who);
	site_bury(s, own, free);
	return 0;
}
