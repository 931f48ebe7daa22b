/* SPDX-License-Identifier: Apache-2.0 */
/* UDP: how long the server takes for the first datagram after one of the client's. Spec 5. */
#include "perf.h"

void weir_udp_perf_update(struct ext_pool *pool, struct weir_flow_counters *counters,
			  struct weir_flow *f, struct weir_flow_cold *c, const struct weir_pkt *p,
			  unsigned int side)
{
	const struct perf m = { pool, counters, c };
	struct udp_side *udp = &f->udp;

	if (p->l4_payload_len == 0)
		return;
	if (side == flow_client(f)) {
		udp->request_ns = p->ts_ns;
		udp->answered = false;
		return;
	}
	if (udp->request_ns != 0 && !udp->answered && udp->request_ns <= p->ts_ns &&
	    p->ts_ns - udp->request_ns <= PERF_ART_MAX_NS)
		weir_perf_delay(m, CN_ART, p->ts_ns - udp->request_ns);
	udp->answered = true;
}
