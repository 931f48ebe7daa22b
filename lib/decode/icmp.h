/* SPDX-License-Identifier: Apache-2.0 */
/* What an ICMP header says, for icmp.c and the fast path. RFC 792. */
#ifndef ICMP_H
#define ICMP_H

#include "decode_priv.h"

struct icmp_hdr {
	uint8_t type;
	uint8_t code;
	uint8_t checksum_be[2];
	uint8_t rest_be[4]; /* of an echo: id, sequence */
};
static_assert(sizeof(struct icmp_hdr) == 8, "RFC 792");

/* A whole header in a datagram that ends at `end`; the IP header is learned. */
void weir_icmp_learn(const struct icmp_hdr *h, const uint8_t *end, struct weir_pkt *pkt);

#endif
