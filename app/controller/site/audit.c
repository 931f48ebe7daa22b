/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log, as it is read. A line is written with the change that it tells of: sql.c. */
#include "site_priv.h"

struct list {
	int (*each)(void *ctx, const struct site_audit *a);
	void *ctx;
};

static int list_one(void *ctx, struct weir_db_stmt *row)
{
	const struct list *l = ctx;
	const struct site_audit a = {
		.id = (uint64_t)weir_db_i64(row, 0),
		.at_s = (uint64_t)weir_db_i64(row, 1),
		.who = weir_db_text(row, 2),
		.from = weir_db_text(row, 3),
		.what = weir_db_text(row, 4),
		.object = weir_db_text(row, 5),
		.detail = weir_db_text(row, 6),
	};

	return l->each(l->ctx, &a);
}

int site_audit_list(struct site *s, uint64_t before_id, uint32_t limit,
		    int (*each)(void *ctx, const struct site_audit *a), void *ctx,
		    struct weir_err *err)
{
	const struct site_value v[] = {
		site_number(before_id != 0 ? (int64_t)before_id : INT64_MAX),
		site_number(limit),
	};
	struct list l = { each, ctx };

	return site_rows(&s->sql,
			 "SELECT id, at_s, who, origin, what, object, detail FROM audit"
			 " WHERE id < ? ORDER BY id DESC LIMIT ?",
			 v, WEIR_ARRAY_SIZE(v), list_one, &l, err);
}
