/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the first byte of a frame to its transport header, through tunnels.
 *
 * A pure function of the frame's bytes and the settings: no state, no allocation, nothing past
 * `caplen` is read, whatever the bytes say. One file a header, one row of decoders.def each.
 * Specified by spec: data plane, 2 and 3.
 */
#ifndef WEIR_DECODE_H
#define WEIR_DECODE_H

#include <weir_pkt.h>
#include <weir_stats.h>

enum weir_hdr {
	WEIR_HDR_NONE,
#define WEIR_DECODER(id, fn, spec, routes) WEIR_HDR_##id,
#include "decoders.def"
	WEIR_HDRS
};

/*
 * The appliance profile: every tunnel followed, up to 6 deep. ERSPAN is mirror transport and
 * forgotten. VXLAN and TEB are not: they name the tenant wherever the mirrored network uses them;
 * where a mirror itself is carried in one, the settings say so.
 */
#define WEIR_DECODE_CONF_APPLIANCE                                                   \
	{                                                                            \
		.decap = (1u << WEIR_TUNNELS) - 2, .trim = 1u << WEIR_TUNNEL_ERSPAN, \
		.max_tunnels = 6                                                     \
	}

/*
 * Learn of one frame what its bytes say. `pkt` is filled completely, whatever it held; its pointers
 * are borrowed with the frame.
 *
 * Returns WEIR_OUTCOME_FLOW when the packet goes on to the flow table with what is known of it;
 * LINKTYPE, SHORT (it ends inside its own link header) or MALFORMED (that header contradicts itself)
 * when it ends here. Any thread; never blocks.
 */
enum weir_outcome weir_decode(const struct weir_frame *frame, const struct weir_decode_conf *conf,
			      struct weir_pkt *pkt);

/* weir_decode() for `n` frames, with their headers prefetched. `outcomes` has `n` entries. */
void weir_decode_burst(const struct weir_frame *frames, unsigned int n,
		       const struct weir_decode_conf *conf, struct weir_pkt *pkts,
		       uint8_t *outcomes);

#endif
