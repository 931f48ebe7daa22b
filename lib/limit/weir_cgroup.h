/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control group for this process, with a CPU quota and a memory limit: version 1 (a hierarchy for each) or 2. One
 * thread; needs rights on the folders of /sys/fs/cgroup.
 */
#ifndef WEIR_CGROUP_H
#define WEIR_CGROUP_H

#include <weir_base.h>

enum weir_cgroup_what { WEIR_CGROUP_CPU, WEIR_CGROUP_MEMORY, WEIR_CGROUP_WHATS };

/* Nothing is set when all zeros. */
struct weir_cgroup {
	struct weir_cgroup_place {
		char dir[512]; /* "" = none yet */
		char out[512]; /* where the process was before; "" = `dir` is not ours */
		bool v2;
		char handed
			[512]; /* version 2: what hands on the controller because of us; "" = none */
		uint64_t limit; /* 0 = none */
	} of[WEIR_CGROUP_WHATS];
};

/*
 * Have at most `limit` (milli-CPUs; bytes) from now on, 0 = no limit. `root`: as weir_machine_memory().
 *
 * The group is `name` below the hierarchy's top if somebody made it, and its previous owner's value is not
 * known: it is left without a limit at the end. Else a group NAME.PID is made below the one the process is in, or
 * below the top, and entered by all threads.
 *
 * 0, or -errno with `err` saying which file; what held before holds on, and nothing is left in the hierarchy of what
 * could not be done.
 */
int weir_cgroup_set(struct weir_cgroup *g, enum weir_cgroup_what what, uint64_t limit,
		    const char *root, const char *name, struct weir_err *err);

/* The limits hold: their groups are there, and this process is in them. */
bool weir_cgroup_holds(const struct weir_cgroup *g);

/* Take limits back, leave and remove what was made. */
void weir_cgroup_leave(struct weir_cgroup *g);

#endif
