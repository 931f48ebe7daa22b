/* SPDX-License-Identifier: Apache-2.0 */
#include "tuning.h"

#include "capabilities.h"
#include "run.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define ROUNDS_MAX 5 /* threads begin while others are told */

/* Of all threads there are; those that come later have their maker's. Returns what was said last that is not 0. */
static int threads_each(int (*fn)(pid_t tid, const void *arg), const void *arg)
{
	DIR *d = opendir("/proc/self/task");
	const struct dirent *e;
	int said = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		const int rc = e->d_name[0] == '.' ? 0
						   : fn((pid_t)strtol(e->d_name, NULL, 10), arg);

		said = rc != 0 ? rc : said;
	}
	if (d != NULL)
		closedir(d);
	return said;
}

/* --- CPUs --- */

/* Where the file of the box names CPUs, its threads stay where they are. */
static bool box_has_cpus(const struct weir_box_conf *box)
{
	return box->cores.worker_cpus.n > 0 || box->cores.control_cpus.n > 0;
}

/* Of the CPUs that the process had at its start, those of the list; all when the list is empty. False: none of it. */
static bool wanted_cpus(const struct run *r, const struct weir_conf_ints *list, cpu_set_t *set)
{
	if (list->n == 0) {
		*set = r->cpus;
		return true;
	}
	CPU_ZERO(set);
	for (uint32_t i = 0; i < list->n; i++)
		if (list->v[i] < CPU_SETSIZE && CPU_ISSET((unsigned int)list->v[i], &r->cpus))
			CPU_SET((unsigned int)list->v[i], set);
	return CPU_COUNT(set) > 0;
}

/* 1: it ran elsewhere, and does not any more. */
static int thread_moves(pid_t tid, const void *cpus)
{
	const cpu_set_t *set = cpus;
	cpu_set_t now;

	return sched_getaffinity(tid, sizeof(now), &now) == 0 && !CPU_EQUAL(&now, set) &&
	       sched_setaffinity(tid, sizeof(*set), set) == 0;
}

static void cpus_follow(struct run *r)
{
	const struct weir_conf_ints *list = &r->conf->group.global.tunning.cpu_affinity;
	const bool box = box_has_cpus(&r->boot->box);
	cpu_set_t set;

	if (list->n > 0 && box)
		weir_log(WEIR_LOG_WARN,
			 "global.tunning.cpu_affinity: not used: cores of the box configuration "
			 "names the CPUs");
	if (box || (list->n == 0 && !r->has_cpus_of_group))
		return;
	if (!wanted_cpus(r, list, &set)) {
		weir_log(WEIR_LOG_WARN,
			 "global.tunning.cpu_affinity: not used: this process may run on none of "
			 "these CPUs");
		return;
	}
	r->has_cpus_of_group = list->n > 0;
	for (int i = 0; i < ROUNDS_MAX && threads_each(thread_moves, &set) != 0; i++)
		;
}

/* --- priority --- */

struct priority {
	int from, to;
};

static int thread_nice(pid_t tid, const void *arg)
{
	const struct priority *p = arg;

	if (getpriority(PRIO_PROCESS, (id_t)tid) != p->from)
		return 0; /* one that stands back by itself, as the store's indexer */
	return setpriority(PRIO_PROCESS, (id_t)tid, p->to) == 0 ? 0 : errno;
}

static void nice_follow(struct run *r)
{
	const struct priority p = {
		.from = getpriority(PRIO_PROCESS, 0),
		.to = r->conf->group.global.tunning.process_scheduling_priority,
	};
	int failed;

	if (p.to == r->nice)
		return;
	r->nice = p.to;
	failed = threads_each(thread_nice, &p);
	if (failed != 0)
		weir_log(
			WEIR_LOG_WARN,
			"global.tunning.process_scheduling_priority: cannot be set to %d: %s; a lower "
			"one needs CAP_SYS_NICE",
			p.to, strerror(failed));
}

/* --- memory --- */

/* Pages that there are, and each other one when it comes; so memory that is only reserved stays so. */
static void swap_follow(struct run *r)
{
	const bool lock = r->conf->group.global.tunning.swap_disabled;

	if (lock == r->is_locked)
		return;
	if (!lock) {
		munlockall();
		r->is_locked = false;
		return;
	}
	/* With a limit a later page could not be had at all. */
	if (!capability_may(CAP_IPC_LOCK))
		weir_log(WEIR_LOG_WARN,
			 "global.tunning.swap_disabled: not done: it needs CAP_IPC_LOCK, or "
			 "LimitMEMLOCK=infinity (ulimit -l unlimited)");
	else if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
		weir_log(WEIR_LOG_WARN, "global.tunning.swap_disabled: not done: %s",
			 strerror(errno));
	else
		r->is_locked = true;
}

void tuning_follow(struct run *r)
{
	cpus_follow(r);
	nice_follow(r);
	swap_follow(r);
}
