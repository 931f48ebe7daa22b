/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The breakers of a group, as far as they concern this machine: load, memory, disk. Each is fed with what the
 * machine says; that one of them is tripped means that nothing is to be captured.
 */
#ifndef RUN_BREAKERS_H
#define RUN_BREAKERS_H

#include <weir_breaker.h>
#include <weir_conf.h>
#include <weir_exception.h>

enum { BREAKER_LOAD, BREAKER_MEMORY, BREAKER_DISK, BREAKERS };

struct disks;

struct breakers {
	struct disks *disks; /* borrowed */
	struct breaker_state {
		struct weir_breaker b;
		struct weir_breaker_conf conf;
		uint64_t since_us; /* wall clock: tripped since */
		double value;
		char words[160]; /* of the last measure */
	} of[BREAKERS];
};

extern const char *const breaker_names[BREAKERS];

/*
 * Look at the machine, and at what is known of its disks, with the thresholds of `group`; now: monotonic. Says in
 * the log what trips and recovers, and raises and lowers its bits.
 */
void breakers_look(struct breakers *bs, const struct weir_group_conf *group,
		   struct weir_exceptions *exceptions, uint64_t now_ns);

/* That of disks is on. */
bool breakers_want_disks(const struct weir_group_conf *group);

bool breakers_any(const struct breakers *bs);

/* When a tripped one goes back, for people: "after 300 s below 0.9, 12 s of them are over". */
void breaker_recovery_text(const struct breakers *bs, int i, uint64_t now_ns, char *to,
			   size_t size);

/* Memory is so low that the group wants the agent to end: below 70 % of the limit. */
bool breakers_end(const struct breakers *bs);

#endif
