/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading from memory that another process can take away. net_memif maps its peer's memory, and unmaps it in
 * DPDK's interrupt thread when the peer leaves, while another thread reads there; a peer can also cut its
 * file under us. Both end in a signal, in the thread that reads: it goes back to where the burst began,
 * which is then a burst of nothing. Buffers that the driver had taken for it, at most a burst's, are lost.
 */
#include "port.h"

#include <setjmp.h>
#include <signal.h>

static const int signals[] = { SIGSEGV, SIGBUS };
static struct sigaction before[WEIR_ARRAY_SIZE(signals)];

/* Where this thread goes back to; NULL = it reads no such memory. */
static _Thread_local sigjmp_buf *volatile way_back;

/* Somebody else's fault is for who was there before us; without one, it is tried again and ends the process. */
static void pass_on(int signo, siginfo_t *info, void *context)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(signals); i++) {
		if (signals[i] != signo)
			continue;
		if (before[i].sa_flags & SA_SIGINFO)
			before[i].sa_sigaction(signo, info, context);
		else
			sigaction(signo, &before[i], NULL);
	}
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
	sigjmp_buf *to = way_back;

	if (to == NULL) {
		pass_on(signo, info, context);
		return;
	}
	way_back = NULL;
	siglongjmp(*to, 1);
}

void foreign_begin(void)
{
	/* Not blocked while it is handled: siglongjmp() would leave it so. */
	const struct sigaction act = { .sa_sigaction = on_fault,
				       .sa_flags = SA_SIGINFO | SA_NODEFER };
	static bool begun;

	for (size_t i = 0; !begun && i < WEIR_ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &act, &before[i]);
	begun = true;
}

int foreign_rx(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t max)
{
	sigjmp_buf here;
	uint16_t n;

	if (sigsetjmp(here, 0) != 0)
		return -1;
	way_back = &here;
	n = rte_eth_rx_burst(port, queue, mbufs, max);
	way_back = NULL;
	return n;
}
