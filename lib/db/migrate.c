/* SPDX-License-Identifier: Apache-2.0 */
/* All steps that are missing, and the version they lead to, in one transaction: none or all are seen. */
#include "db_priv.h"

#include <stdio.h>

static int steps_take(struct weir_db *db, const struct weir_db_schema *schema, int64_t from,
		      struct weir_err *err)
{
	char sql[128];
	int rc = 0;

	for (int64_t i = from; i < schema->n_steps && rc == 0; i++)
		rc = weir_db_exec(db, schema->steps[i], err);
	if (rc != 0)
		return rc;
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %u; PRAGMA user_version = %u",
		 schema->application_id, schema->n_steps);
	return weir_db_exec(db, sql, err);
}

int weir_db_migrate(struct weir_db *db, const struct weir_db_schema *schema, struct weir_err *err)
{
	int64_t version;
	int rc = weir_db_number(db, "PRAGMA user_version", 0, &version, err);

	if (rc != 0 || version >= schema->n_steps)
		return rc;
	rc = weir_db_begin(db, err);
	if (rc != 0)
		return rc;
	/* Somebody else may have been first. */
	rc = weir_db_number(db, "PRAGMA user_version", 0, &version, err);
	if (rc == 0)
		rc = steps_take(db, schema, version, err);
	if (rc == 0)
		rc = weir_db_commit(db, err);
	if (rc != 0)
		weir_db_rollback(db);
	return rc;
}
