/* SPDX-License-Identifier: Apache-2.0 */
#include <weir_rt.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>

void weir_thread_setup(const char *name, int cpu)
{
	char short_name[16]; /* the kernel's limit */
	cpu_set_t set;
	int err;

	snprintf(short_name, sizeof(short_name), "%s", name);
	pthread_setname_np(pthread_self(), short_name);
	prctl(PR_SET_TIMERSLACK, 1UL); /* else a sleep of 1 us takes 57 */
	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	err = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	if (err != 0)
		weir_log(WEIR_LOG_WARN, "thread %s: cannot run on CPU %d: %s; it runs on any", name,
			 cpu, strerror(err));
}
