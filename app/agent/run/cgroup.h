/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups that somebody made for the agent. */
#ifndef RUN_CGROUP_H
#define RUN_CGROUP_H

/*
 * Enter the groups weir-agent of cgroup v1 (cpu, memory) or v2, where they are there and may be written, so
 * that limits set on them hold. Elsewhere nothing happens. Before any thread but the first.
 */
void cgroup_enter(void);

#endif
