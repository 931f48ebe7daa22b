/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as they came: copied, and given back. */
#include "codec.h"

#include <stdlib.h>

bool weir_sync_bytes_copy(struct weir_sync_bytes *to, const uint8_t *v, size_t n)
{
	uint8_t *copy = malloc(n + 1);

	if (copy == NULL)
		return false;
	if (n > 0)
		memcpy(copy, v, n);
	free(to->v);
	*to = (struct weir_sync_bytes){ copy, n };
	return true;
}

struct weir_sync_tables *weir_sync_tables_copy(const struct weir_sync_tables *t)
{
	struct weir_sync_tables *c = calloc(1, sizeof(*c));
	bool ok = c != NULL;

	for (int i = 0; ok && i < WEIR_SYNC_TABLES; i++) {
		c->part[i].dialect = t->part[i].dialect;
		c->part[i].version = t->part[i].version;
		ok = weir_sync_bytes_copy(&c->part[i].bytes, t->part[i].bytes.v,
					  t->part[i].bytes.n);
	}
	if (ok)
		return c;
	weir_sync_tables_free(c);
	return NULL;
}

void weir_sync_tables_clear(struct weir_sync_tables *t)
{
	for (int i = 0; i < WEIR_SYNC_TABLES; i++)
		free(t->part[i].bytes.v);
	memset(t, 0, sizeof(*t));
}

void weir_sync_tables_free(struct weir_sync_tables *t)
{
	if (t != NULL)
		weir_sync_tables_clear(t);
	free(t);
}
