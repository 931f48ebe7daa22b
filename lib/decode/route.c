/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which number announces which header: one switch a number space, its cases taken from the table. A
 * row without a case in a space leaves an unreachable return behind, which the compiler drops.
 */
#include "decode_priv.h"

#define ROW(id, fn, spec, routes) routes return WEIR_HDR_##id;

enum weir_hdr weir_route_link(unsigned int link)
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

enum weir_hdr weir_route_ethertype(unsigned int type)
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

enum weir_hdr weir_route_ip_proto(unsigned int proto)
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

enum weir_hdr weir_route_gre(unsigned int type)
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
