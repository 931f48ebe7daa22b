/* SPDX-License-Identifier: Apache-2.0 */
#include "agent.h"

#include <signal.h>

static atomic_bool stop;

/* timeout(1) signals the process and then its group: that is one wish, not two. */
#define SAME_WISH_NS (WEIR_NS_PER_S / 5)

static _Atomic uint64_t first_ns;

static void on_signal(int signo)
{
	const uint64_t now = weir_clock_mono_ns();
	uint64_t first = 0;

	/* Relaxed: a flag alone; who polls it reads nothing else. */
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	if (atomic_compare_exchange_strong(&first_ns, &first, now) || now - first < SAME_WISH_NS)
		return;
	signal(signo, SIG_DFL);
	raise(signo);
}

atomic_bool *agent_stop_on_signals(void)
{
	const struct sigaction sa = { .sa_handler = on_signal };

	struct sigaction was;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	/* Under nohup(1) it is ignored, and stays so. */
	if (sigaction(SIGHUP, NULL, &was) == 0 && was.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	return &stop;
}
