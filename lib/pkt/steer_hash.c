/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symmetric hash that brings both directions of a conversation to one worker: sums and products
 * of the two ends commute, so no comparison is needed. Everything that is not IP has its MACs as ends.
 */
#include <weir_pkt.h>

#define K0 UINT64_C(0x9e3779b97f4a7c15)
#define K1 UINT64_C(0xd6e8feb86659fd93)

static uint64_t end_hash(uint64_t a, uint64_t b, uint16_t port)
{
	return weir_mix(a ^ K0, b ^ port ^ K1);
}

uint32_t weir_pkt_steer_hash(const struct weir_pkt *pkt)
{
	uint64_t a, b;

	if (pkt->flags & WEIR_PKT_IP) {
		a = end_hash(pkt->ip[WEIR_SRC].q[0], pkt->ip[WEIR_SRC].q[1], pkt->port[WEIR_SRC]);
		b = end_hash(pkt->ip[WEIR_DST].q[0], pkt->ip[WEIR_DST].q[1], pkt->port[WEIR_DST]);
	} else {
		a = end_hash(weir_be48(pkt->mac[WEIR_SRC]), pkt->eth_type, 0);
		b = end_hash(weir_be48(pkt->mac[WEIR_DST]), pkt->eth_type, 0);
	}
	return (uint32_t)(weir_mix(a + b, (a ^ b) | 1) >> 32);
}
