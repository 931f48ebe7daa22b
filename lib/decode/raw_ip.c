/* SPDX-License-Identifier: Apache-2.0 */
/* IP without a link header: the version is in the first nibble. libpcap, LINKTYPE_RAW. */
#include "decode_priv.h"

enum weir_verdict weir_decode_raw_ip(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const uint8_t *first = weir_rd_peek(&d->rd, 1);

	if (first == NULL)
		return WEIR_STOP_SHORT;
	switch (first[0] >> 4) {
	case 4:
		return weir_decode_payload_ether(d, pkt, WEIR_ETHERTYPE_IPV4);
	case 6:
		return weir_decode_payload_ether(d, pkt, WEIR_ETHERTYPE_IPV6);
	default:
		return WEIR_STOP_BAD;
	}
}
