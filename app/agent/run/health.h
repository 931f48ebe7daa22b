/* SPDX-License-Identifier: Apache-2.0 */
/* What is looked at once a second to tell how the daemon does: rates, losses, and whether threads move. */
#ifndef RUN_HEALTH_H
#define RUN_HEALTH_H

#include "sinks.h"
#include "trend.h"

#include <weir_pipe.h>

struct run;

struct worker_health {
	struct weir_pipe_worker_stats stats;
	struct trend packets;
	double busy;       /* share of the last second; 0 to 1 */
	uint64_t moved_ns; /* monotonic: it was last seen to move */
};

struct sink_health {
	struct weir_outlet_stats stats;
	struct trend taken, written, dropped, failed;
};

struct health {
	struct worker_health workers[WEIR_PIPE_WORKERS_MAX];
	struct sink_health sinks[SINKS_MAX];
	struct weir_flow_counters flows;
	struct trend records, records_lost, evicted, table_full, ring_full, split;
	uint64_t missed; /* by all ports */
	uint64_t
		collector_ns; /* monotonic: the collector last had nothing to do, or did something */
	uint64_t looked_ns;
};

/* Once a second. Control thread. */
void health_look(struct run *r);

/* All workers and the collector have moved within the last `seconds`; else `who` does not. */
bool health_moves(const struct run *r, unsigned int seconds, const char **who);

#endif
