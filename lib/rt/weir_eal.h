/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DPDK's environment (EAL), started when the first DPDK port is opened and never before: replay of
 * files does without it. Nobody has to configure it: it takes reserved huge pages when enough are free,
 * else ordinary memory; several agents run beside each other; nothing is left in the file system.
 *
 * One process starts it once. Main-thread state is the control thread's; any thread may log.
 */
#ifndef WEIR_EAL_H
#define WEIR_EAL_H

#include <weir_base.h>

struct weir_eal_options {
	uint64_t memory_bytes; /* what all ports will need for packets */
	/*
	 * Without huge pages all memory of EAL is a range of addresses, for these and for ports that come
	 * later: 1 GB at least, paid for as it is used; 256 MB when a device pins all of it at once.
	 */
	bool pinned;
};

/*
 * Start the EAL unless it runs. `o` counts only the first time. Prints nothing; DPDK's messages go to
 * the log, errors and warnings as warnings (one that repeats, once a minute), the rest at level debug. The calling
 * thread keeps its CPU affinity and its lcore id 0. SIGPIPE is ignored from now on, unless it has a handler: drivers
 * write to sockets whose other side is gone.
 *
 * Returns 0, or -errno with the reason DPDK gave: -ENODEV when it refused to start, -EALREADY when it
 * was stopped or refused before (it starts once in a process). Control thread; takes 0.1 to 0.3 s.
 */
int weir_eal_start(const struct weir_eal_options *o, struct weir_err *err);

/* Give everything back. All ports are closed. Does nothing when it does not run. Control thread. */
void weir_eal_stop(void);

/*
 * Give the calling thread its own cache of every packet pool, until it ends. A source does it for each
 * thread that it meets. Does nothing a second time, without an EAL, or when all ids are taken, which costs
 * speed alone. Any thread.
 */
void weir_eal_thread_register(void);

/*
 * Between these two, DPDK's errors of this thread are kept instead of logged as warnings. The end
 * returns the first one, without a newline, "" when there was none; valid until this thread's next
 * attempt. For operations whose return value says too little.
 */
void weir_eal_attempt(void);
const char *weir_eal_attempt_end(void);

#endif
