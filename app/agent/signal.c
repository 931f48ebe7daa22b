/* SPDX-License-Identifier: Apache-2.0 */
#include "agent.h"

#include <signal.h>

static atomic_bool stop;

static void on_signal(int signo)
{
	(void)signo;
	/* Relaxed: a flag alone; who polls it reads nothing else. */
	atomic_store_explicit(&stop, true, memory_order_relaxed);
}

const atomic_bool *agent_stop_on_signals(void)
{
	/* Once: the second Ctrl-C finds the default action and ends the process. */
	const struct sigaction sa = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	return &stop;
}
