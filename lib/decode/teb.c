/* SPDX-License-Identifier: Apache-2.0 */
/* Transparent Ethernet bridging: Ethernet in GRE, protocol type 0x6558. RFC 1701; RFC 7637, 3.2. */
#include "decode_priv.h"

enum weir_verdict weir_decode_teb(struct weir_decoding *d, struct weir_pkt *pkt)
{
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_TEB, d->gre_key, WEIR_HDR_ETHER);
}
