/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which number announces which header: one switch a number space, its cases taken from the table;
 * WEIR_HDR_NONE when that is not followed. A row without a case in a space leaves an unreachable
 * return behind, which the compiler drops. Inline: each is asked in one or two places, for most packets.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "decode_priv.h"

#define ROW(id, fn, spec, routes) routes return WEIR_HDR_##id;

static inline enum weir_hdr weir_route_link(unsigned int link)
{
	switch (link) {
	default:
		return WEIR_HDR_NONE;
#define WEIR_DECODER ROW
#define LINK(x)      case x:
#define ETHERTYPE(x)
#define IP_PROTO(x)
#define UDP_DST(x)
#define UDP_EITHER(x)
#define GRE(x)
#include "decoders.def"
	}
}

static inline enum weir_hdr weir_route_ethertype(unsigned int type)
{
	switch (type) {
	default:
		return WEIR_HDR_NONE;
#define WEIR_DECODER ROW
#define LINK(x)
#define ETHERTYPE(x) case x:
#define IP_PROTO(x)
#define UDP_DST(x)
#define UDP_EITHER(x)
#define GRE(x)
#include "decoders.def"
	}
}

static inline enum weir_hdr weir_route_ip_proto(unsigned int proto)
{
	switch (proto) {
	default:
		return WEIR_HDR_NONE;
#define WEIR_DECODER ROW
#define LINK(x)
#define ETHERTYPE(x)
#define IP_PROTO(x) case x:
#define UDP_DST(x)
#define UDP_EITHER(x)
#define GRE(x)
#include "decoders.def"
	}
}

static inline enum weir_hdr weir_route_gre(unsigned int type)
{
	switch (type) {
	default:
		return WEIR_HDR_NONE;
#define WEIR_DECODER ROW
#define LINK(x)
#define ETHERTYPE(x)
#define IP_PROTO(x)
#define UDP_DST(x)
#define UDP_EITHER(x)
#define GRE(x) case x:
#include "decoders.def"
	}
}

static inline enum weir_hdr weir_route_udp_dst(unsigned int port)
{
	switch (port) {
	default:
		return WEIR_HDR_NONE;
#define WEIR_DECODER ROW
#define LINK(x)
#define ETHERTYPE(x)
#define IP_PROTO(x)
#define UDP_DST(x)    case x:
#define UDP_EITHER(x) case x:
#define GRE(x)
#include "decoders.def"
	}
}

static inline enum weir_hdr weir_route_udp_src(unsigned int port)
{
	switch (port) {
	default:
		return WEIR_HDR_NONE;
#define WEIR_DECODER ROW
#define LINK(x)
#define ETHERTYPE(x)
#define IP_PROTO(x)
#define UDP_DST(x)
#define UDP_EITHER(x) case x:
#define GRE(x)
#include "decoders.def"
	}
}

#undef ROW

/* WEIR_HDR_NONE: none that is followed. `dst`: the MAC address that the frame is for. */
static inline enum weir_hdr weir_route_udp(unsigned int sport, unsigned int dport,
					   const uint8_t *dst)
{
	enum weir_hdr hdr = weir_route_udp_dst(dport);

	if (hdr == WEIR_HDR_NONE)
		hdr = weir_route_udp_src(sport);
	/* A load balancer in front of the analyzers spreads VXLAN over ports and marks the MAC. */
	if (hdr == WEIR_HDR_NONE && sport == dport && weir_be16(dst) == 0xffff)
		hdr = WEIR_HDR_VXLAN;
	return hdr;
}

#endif
