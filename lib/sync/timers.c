/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting: for a controller that is away, and before it is tried again. */
#include "sync_priv.h"

void weir_sync_escape_arm(struct weir_sync_escape *e, uint64_t now_ns, uint64_t limit_ns)
{
	*e = (struct weir_sync_escape){ .since_ns = now_ns, .limit_ns = limit_ns };
}

bool weir_sync_escape_check(struct weir_sync_escape *e, uint64_t now_ns)
{
	if (e->over || now_ns - e->since_ns < e->limit_ns)
		return false;
	e->over = true;
	return true;
}

uint64_t weir_sync_backoff(uint64_t first_ns, uint64_t most_ns, unsigned int failures,
			   uint64_t random)
{
	uint64_t wait = first_ns;

	while (--failures > 0 && wait < most_ns)
		wait *= 2;
	wait = weir_min_u64(wait, most_ns);
	return wait - (wait > 1 ? random % (wait / 2) : 0);
}
