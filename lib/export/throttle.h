/* SPDX-License-Identifier: Apache-2.0 */
/* At most so many records a second: a fair sample of each window. Data-plane specification, 7.3. */
#ifndef EXPORT_THROTTLE_H
#define EXPORT_THROTTLE_H

#include "export_priv.h"

#define THROTTLE_RECS      65536 /* 27 MB, twice, touched as far as the rate needs it */
#define THROTTLE_WINDOW_NS (4 * WEIR_NS_PER_S)

struct weir_throttle;

/* `emit`: where the sample of a window goes, at most `slice` of it at once. NULL without memory. */
struct weir_throttle *weir_throttle_create(uint64_t seed, uint32_t slice, weir_emit_fn emit,
					   void *ctx);
void weir_throttle_destroy(struct weir_throttle *t);

/*
 * Records at `now_ns` (monotonic), with at most `rate` a second, not 0: they leave when their window of 4 s is over, or of
 * as long as there is room for, evenly over as much time again. Of more than that each has the same chance, and the
 * rest is counted. Those that name a rule which stores their packets leave at once, all of them.
 */
void weir_throttle_take(struct weir_throttle *t, uint32_t rate, const struct weir_flow_rec *recs,
			uint32_t n, uint64_t now_ns);
/* Time has come this far: pass on what is due of the window that is over. Also where there is no limit any more. */
void weir_throttle_advance(struct weir_throttle *t, uint64_t now_ns);
/* There is no record any more: pass on all. */
void weir_throttle_end(struct weir_throttle *t);

bool weir_throttle_leaves(const struct weir_throttle *t);   /* something will be due soon */
uint64_t weir_throttle_held(const struct weir_throttle *t); /* records that will come out of it */
uint64_t weir_throttle_left_out(const struct weir_throttle *t);

#endif
