/* SPDX-License-Identifier: Apache-2.0 */
/* Progress of a long run on standard error: a line that renews itself on a terminal, else one every 10 s. */
#ifndef WEIR_AGENT_PROGRESS_H
#define WEIR_AGENT_PROGRESS_H

#include "agent.h"

struct progress;

/* Show how far `pipe` and `src` are until progress_stop(). NULL without memory or thread: no progress. */
struct progress *progress_start(const struct weir_pipe *pipe, struct weir_source *src);
void progress_stop(struct progress *p);

#endif
