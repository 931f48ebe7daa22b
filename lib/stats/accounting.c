/* SPDX-License-Identifier: Apache-2.0 */
#include <weir_stats.h>

const struct weir_outcome_info weir_outcomes[WEIR_OUTCOMES] = {
#define WEIR_OUTCOME(id, n, l, h, r) \
	[WEIR_OUTCOME_##id] = { .name = #n, .help = h, .remedy = r, .loss = l },
#include "outcomes.def"
};

void weir_accounting_add(struct weir_accounting *to, const struct weir_accounting *from)
{
	to->received += from->received;
	to->bytes += from->bytes;
	to->late += from->late;
	for (int i = 0; i < WEIR_OUTCOMES; i++)
		to->outcomes[i] += from->outcomes[i];
}

int64_t weir_accounting_gap(const struct weir_accounting *a)
{
	uint64_t sum = 0;

	for (int i = 0; i < WEIR_OUTCOMES; i++)
		sum += a->outcomes[i];
	return (int64_t)(a->received - sum);
}
