/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of packets. Each worker counts in a block of its own, one thread writes, readers sum:
 * received == sum of outcomes at any quiet moment.
 */
#ifndef WEIR_STATS_H
#define WEIR_STATS_H

#include <weir_base.h>

enum weir_outcome {
#define WEIR_OUTCOME(id, name, loss, help, remedy) WEIR_OUTCOME_##id,
#include "outcomes.def"
	WEIR_OUTCOMES
};

struct weir_outcome_info {
	const char *name;
	const char *help;
	const char *remedy;
	bool loss;
};

extern const struct weir_outcome_info weir_outcomes[WEIR_OUTCOMES];

/* One source's packets on one worker; `received` counts what the source handed out. */
struct weir_accounting {
	uint64_t received;
	uint64_t bytes; /* of these, on the wire without FCS */
	uint64_t outcomes[WEIR_OUTCOMES];
	uint64_t late; /* among them: behind the watermark, within the tolerance */
};

/* Add `from` to `to`. */
void weir_accounting_add(struct weir_accounting *to, const struct weir_accounting *from);

/* received minus the sum of outcomes; 0 unless a packet vanished. */
int64_t weir_accounting_gap(const struct weir_accounting *a);

#endif
