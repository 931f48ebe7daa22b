/* SPDX-License-Identifier: Apache-2.0 */
/* Sink: nowhere. The collector counts what it is given; for bench. */
#include "export_priv.h"

static int null_write(struct weir_sink *s, const struct weir_flow_rec *recs, uint32_t n,
		      struct weir_err *err)
{
	(void)s;
	(void)recs;
	(void)n;
	(void)err;
	return 0;
}

static int null_nothing(struct weir_sink *s, struct weir_err *err)
{
	(void)s;
	(void)err;
	return 0;
}

static const struct weir_sink_ops null_ops = { null_write, null_nothing, null_nothing };

struct weir_sink *weir_sink_null_open(const char *target, struct weir_err *err)
{
	static struct weir_sink sink = { .ops = &null_ops }; /* has no state */

	(void)target;
	(void)err;
	return &sink;
}
