/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records like those of short TCP flows: random clients, ports, sequence numbers and delays, 200
 * servers. The same in every run.
 */
#ifndef WEIR_PERF_RECORDS_H
#define WEIR_PERF_RECORDS_H

#include <weir_rec.h>

#include <math.h>
#include <string.h>

static uint64_t state = 88172645463325252u;

static inline uint64_t noise(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static inline uint32_t around(uint32_t mean)
{
	return (uint32_t)(-log(1 - (double)(noise() >> 11) * 0x1p-53) * mean);
}

static inline struct weir_delay delay(uint32_t count, uint32_t mean)
{
	struct weir_delay d = { .count = count };

	for (uint32_t i = 0; i < count; i++) {
		uint32_t us = around(mean);

		d.max = us > d.max ? us : d.max;
		d.sum += us;
	}
	return d;
}

/* The next one, that ends some 0.1 ms after *clock_ns. */
static inline void make(struct weir_flow_rec *r, uint64_t *clock_ns)
{
	uint64_t client_ns = around(20000000), server_ns = around(3000000);

	memset(r, 0, sizeof(*r));
	*clock_ns += around(100000);
	r->duration_ns = client_ns + server_ns + (uint64_t)around(3000000) * 1000;
	r->end_ns = *clock_ns;
	r->start_ns = r->flow_start_ns = r->end_ns - r->duration_ns;
	r->flow_id = r->start_ns >> 30 << 32 | (uint32_t)noise();
	r->capture_nic = UINT64_C(4) << 60 | 1;
	r->ip[0].w[0] = 10 | (uint32_t)(noise() % 1000000) << 8;
	r->ip[1].w[0] = 0x0100a8c0 | (uint32_t)(noise() % 200) << 24;
	memcpy(r->mac, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	r->port[0] = (uint16_t)(1024 + noise() % 60000);
	r->port[1] = noise() & 3 ? 443 : 80;
	r->eth_type = 0x0800;
	r->capture_network_type = 3;
	r->flags = WEIR_REC_NEW | WEIR_REC_ACTIVE_SERVICE;
	r->protocol = 6;
	r->close_type = noise() % 20 ? WEIR_CLOSE_FINISH : WEIR_CLOSE_TIMEOUT;
	r->direction_score = 255;
	r->flow_count = 1;
	for (int d = 0; d < 2; d++) {
		r->tcp_flags[d] = 0x1b;
		r->packet[d] = 3 + around(3);
		r->l4_byte[d] = around(d == 0 ? 800 : 4000);
		r->l3_byte[d] = r->l4_byte[d] + 20 * r->packet[d] + 20;
		r->byte[d] = r->l3_byte[d] + 34 * r->packet[d];
	}
	r->syn_seq = (uint32_t)noise();
	r->syn_ack_seq = (uint32_t)noise();
	r->init_ipid = (uint16_t)noise();
	r->rtt = (uint32_t)((client_ns + server_ns) / 1000);
	r->rtt_client = (struct weir_delay){ (uint32_t)(client_ns / 1000), 1, client_ns / 1000 };
	r->rtt_server = (struct weir_delay){ (uint32_t)(server_ns / 1000), 1, server_ns / 1000 };
	r->srt = delay(1 + around(1), 4000);
	r->art = delay(1 + around(1), 9000);
	r->cit = delay(around(2), 90000);
	r->retrans[0] = noise() % 50 == 0;
	r->syn_count = r->synack_count = 1;
	r->fin_count = 2;
}

#endif
