/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as they came, built by the codec of the dialect each came in. */
#include "codec.h"

#include <errno.h>

int weir_sync_tables_build(const struct weir_sync_tables *t, struct weir_meta_builder *meta,
			   struct weir_policy_builder *policy, struct weir_err *err)
{
	for (enum weir_sync_table i = 0; i < WEIR_SYNC_TABLES; i++) {
		const struct weir_sync_part *p = &t->part[i];
		const bool of_meta = i == WEIR_SYNC_PLATFORM || i == WEIR_SYNC_PLACES;
		int rc;

		if (p->bytes.n == 0 || (of_meta ? (void *)meta : (void *)policy) == NULL)
			continue;
		rc = p->dialect == WEIR_SYNC_AGENT
			     ? weir_sync_rows_agent(i, &p->bytes, meta, policy, err)
			     : weir_sync_rows_trident(i, &p->bytes, meta, policy, err);
		if (rc == -ENOMEM)
			return weir_err_set(err, ENOMEM, "tables of the controller: no memory");
		if (rc != 0)
			return rc;
	}
	return 0;
}
