/* SPDX-License-Identifier: Apache-2.0 */
/* IP in IP: 4in4, 6in4, 4in6, 6in6. RFC 2003; RFC 2473; RFC 4213. */
#include "decode_priv.h"

enum weir_verdict weir_decode_ipip(struct weir_decoding *d, struct weir_pkt *pkt)
{
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_IPIP, 0, WEIR_HDR_RAW_IP);
}
