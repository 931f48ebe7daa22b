/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What GRE carries without a link header: IP, MPLS, PPP. IP under a key is the form that Tencent's
 * cloud uses; it names the tenant by the key, and its outer MACs mean nothing to the inner packet.
 * RFC 2784, section 2.4; RFC 4023, section 3.2; RFC 2637, section 4.1.
 */
#include "decode_priv.h"

#define PSEUDO_L2_LEN 14 /* an Ethernet header stands for the one that is not there */

static enum weir_verdict enter_tencent(struct weir_decoding *d, struct weir_pkt *pkt)
{
	enum weir_verdict v = weir_tunnel_enter(d, pkt, WEIR_TUNNEL_TENCENT_GRE, d->gre_key,
						WEIR_HDR_RAW_IP);

	if (v == WEIR_MORE) {
		memset(pkt->mac, 0, sizeof(pkt->mac));
		pkt->vlan = 0;
		d->l2_len = PSEUDO_L2_LEN;
	}
	return v;
}

enum weir_verdict weir_decode_gre_ip(struct weir_decoding *d, struct weir_pkt *pkt)
{
	if (d->gre_has_key)
		return enter_tencent(d, pkt);
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_GRE, 0, WEIR_HDR_RAW_IP);
}

enum weir_verdict weir_decode_gre_mpls(struct weir_decoding *d, struct weir_pkt *pkt)
{
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_GRE, d->gre_key, WEIR_HDR_MPLS);
}

enum weir_verdict weir_decode_gre_ppp(struct weir_decoding *d, struct weir_pkt *pkt)
{
	return weir_tunnel_enter(d, pkt, WEIR_TUNNEL_GRE, d->gre_key, WEIR_HDR_PPP);
}
