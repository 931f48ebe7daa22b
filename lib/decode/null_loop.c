/* SPDX-License-Identifier: Apache-2.0 */
/* BSD loopback: an address family before the IP header. libpcap, LINKTYPE_NULL and LINKTYPE_LOOP. */
#include "decode_priv.h"

#define FAMILY_LEN  4
#define FAMILY_INET 2

static bool is_inet6(uint32_t family)
{
	return family == 10 /* Linux */ || family == 24 /* NetBSD, OpenBSD */ ||
	       family == 28 /* FreeBSD */ || family == 30 /* Darwin */;
}

enum weir_verdict weir_decode_null_loop(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const uint8_t *h = weir_rd_take(&d->rd, FAMILY_LEN);
	uint32_t family;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	d->l2_len += FAMILY_LEN;
	family = weir_be32(h);
	if (family > 0xffff) /* the byte order is the capturing host's */
		family = weir_le32(h);
	if (family == FAMILY_INET)
		return weir_decode_payload_ether(d, pkt, WEIR_ETHERTYPE_IPV4);
	if (is_inet6(family))
		return weir_decode_payload_ether(d, pkt, WEIR_ETHERTYPE_IPV6);
	/* Some hosts write the ethertype. */
	return weir_decode_payload_ether(d, pkt, family <= 0xffff ? (uint16_t)family : 0);
}
