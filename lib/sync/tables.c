/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as they came: copied, and built by the codec of their dialect. */
#include "codec.h"

#include <stdlib.h>

int weir_sync_tables_build(const struct weir_sync_tables *t, struct weir_meta_builder *meta,
			   struct weir_policy_builder *policy, struct weir_err *err)
{
	return t->dialect == WEIR_SYNC_AGENT ? weir_sync_tables_agent(t, meta, policy, err)
					     : weir_sync_tables_trident(t, meta, policy, err);
}

static bool copy(struct weir_sync_bytes *to, const struct weir_sync_bytes *from)
{
	to->v = malloc(from->n + 1);
	if (to->v == NULL)
		return false;
	if (from->n > 0)
		memcpy(to->v, from->v, from->n);
	to->n = from->n;
	return true;
}

struct weir_sync_tables *weir_sync_tables_copy(const struct weir_sync_tables *t)
{
	struct weir_sync_tables *c = calloc(1, sizeof(*c));
	bool ok = c != NULL;

	for (int i = 0; ok && i < WEIR_SYNC_VERSIONS; i++) {
		ok = copy(&c->table[i], &t->table[i]);
		c->version[i] = t->version[i];
	}
	if (ok && copy(&c->places, &t->places)) {
		c->dialect = t->dialect;
		return c;
	}
	weir_sync_tables_free(c);
	return NULL;
}

void weir_sync_tables_free(struct weir_sync_tables *t)
{
	if (t == NULL)
		return;
	for (int i = 0; i < WEIR_SYNC_VERSIONS; i++)
		free(t->table[i].v);
	free(t->places.v);
	free(t);
}
