/* SPDX-License-Identifier: Apache-2.0 */
/* Floods into few records: design, section 2, "Memory is fixed at start". */
#ifndef EXPORT_FOLD_H
#define EXPORT_FOLD_H

#include "export_priv.h"

#define FOLD_KEPT 1000 /* unanswered flows of one group that stay records of their own */
/* A group is complete when every ring is this far past its second. */
#define FOLD_HOLD_NS (60 * WEIR_NS_PER_S)
/*
 * A flow whose packets span more is passed on as it is: it would come too late for its group. The
 * rest of FOLD_HOLD_NS covers the flow's time-out, the tolerated delay and the sweep.
 */
#define FOLD_SPAN_NS (40 * WEIR_NS_PER_S)

struct weir_folder;

/* Memory for so many groups and flows kept; at least FOLD_KEPT + 1. NULL without it. */
struct weir_folder *weir_folder_create(uint32_t groups, uint32_t kept, weir_emit_fn emit,
				       void *ctx);
void weir_folder_destroy(struct weir_folder *f);

/* Flags say that `r` may or must be folded. */
static inline bool weir_fold_concerns(const struct weir_flow_rec *r)
{
	return (r->flags & (WEIR_REC_FOLD | WEIR_REC_UNANSWERED)) != 0;
}

/* Take a record that concerns folding: keep, fold or pass it on. */
void weir_folder_take(struct weir_folder *f, const struct weir_flow_rec *r);
/* Every ring has come to `now_ns`: pass on the groups that are complete. */
void weir_folder_advance(struct weir_folder *f, uint64_t now_ns);
/* End of input: pass on all. */
void weir_folder_end(struct weir_folder *f);

uint64_t weir_folder_held(const struct weir_folder *f);   /* records that will come out of it */
uint64_t weir_folder_folded(const struct weir_folder *f); /* those that became part of others */
uint64_t weir_folder_early(const struct weir_folder *f);  /* groups passed on for want of memory */

#endif
