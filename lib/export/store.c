/* SPDX-License-Identifier: Apache-2.0 */
/* Sink: a store. It recovers by itself, so no failure ends the sink: what is lost is counted and said. */
#include "export_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct store_sink {
	struct weir_sink base;
	struct weir_store *store;
	uint64_t lost_first; /* by the store, before it was handed over */
	uint64_t lost_well;  /* base.lost, when all was well for the last time */
	uint64_t stored;     /* by the store, when last looked at */
	bool failing;
};

/* Once when it begins, once when it is over. */
static void say(struct store_sink *k, int rc, const struct weir_err *err, uint64_t stored)
{
	if (rc != 0 && !k->failing)
		weir_log(WEIR_LOG_ERR, "store: %s; records %s until it can be written again",
			 err->msg, rc == -EAGAIN ? "wait" : "are lost");
	if (rc == 0 && k->failing && stored > k->stored) {
		weir_log(WEIR_LOG_WARN, "store: written again; %" PRIu64 " records were lost",
			 k->base.lost - k->lost_well);
		k->failing = false;
	}
	k->failing |= rc != 0;
	if (!k->failing)
		k->lost_well = k->base.lost;
	k->stored = stored;
}

static int settle(struct store_sink *k, int rc, const struct weir_err *err)
{
	struct weir_store_stats st;

	weir_store_stats(k->store, &st);
	k->base.buffered = st.pending;
	k->base.lost = st.lost - k->lost_first;
	say(k, rc, err, st.stored);
	return 0;
}

static int store_write(struct weir_sink *s, const struct weir_flow_rec *recs, uint32_t n,
		       struct weir_err *err)
{
	struct store_sink *k = (struct store_sink *)s;
	struct weir_err why = { 0 };

	(void)err;
	return settle(k, weir_store_write(k->store, recs, n, &why), &why);
}

static int store_flush(struct weir_sink *s, struct weir_err *err)
{
	struct store_sink *k = (struct store_sink *)s;
	struct weir_err why = { 0 };

	(void)err;
	return settle(k, weir_store_flush(k->store, &why), &why);
}

static int store_close(struct weir_sink *s, struct weir_err *err)
{
	(void)err;
	free(s);
	return 0;
}

static const struct weir_sink_ops store_ops = { store_write, store_flush, store_close };

struct weir_sink *weir_sink_store_create(struct weir_store *store, struct weir_err *err)
{
	struct store_sink *k = calloc(1, sizeof(*k));
	struct weir_store_stats st;

	if (k == NULL) {
		weir_err_set(err, ENOMEM, "store: no memory for its sink");
		return NULL;
	}
	weir_store_stats(store, &st);
	k->base.ops = &store_ops;
	k->store = store;
	k->lost_first = st.lost;
	k->stored = st.stored;
	return &k->base;
}
