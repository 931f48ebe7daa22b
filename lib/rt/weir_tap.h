/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tap: a named place of observation, made of one or more ports, and its clock. The watermark is the
 * highest packet time seen; packets behind it are late, and what lies further back than the
 * tolerated delay is too old on a port, or lifted to the edge of the tolerance in a file.
 */
#ifndef WEIR_TAP_H
#define WEIR_TAP_H

#include <weir_pkt.h>
#include <weir_stats.h>

#define WEIR_TAP_MAX     255
#define WEIR_BOUNDARY_NS WEIR_NS_PER_S /* packet time between two exchanges of hints */

/* One thread reads the ports of a tap and owns this. */
struct weir_tap {
	uint8_t number; /* from 1; goes into capture_nic */
	bool lossless;
	uint32_t epoch;        /* rises with settings that change what a flow is */
	uint64_t delay_ns;     /* max_tolerable_packet_delay */
	uint64_t watermark_ns; /* 0 = no packet yet */
	uint64_t boundary_ns;  /* the first packet at or after it crosses a boundary */
};

/*
 * Give frames their place in the tap's time, in order, up to the first that crosses a boundary.
 *
 * Returns how many were done. Less than `n`: the next one lies beyond a boundary; exchange what is
 * to be exchanged, then call again for the rest. `acc` counts what was late; a frame too old gets
 * WEIR_FRAME_TOO_OLD. `now_ns`: wall clock, for live taps.
 */
unsigned int weir_tap_stamp(struct weir_tap *tap, struct weir_frame *frames, unsigned int n,
			    uint64_t now_ns, struct weir_accounting *acc);

/*
 * Nothing has come since `last_rx_ns`, both wall clock: after 1 s of silence the watermark of a live tap
 * that has seen a packet follows the wall clock, in steps. True: it moved.
 */
bool weir_tap_silence(struct weir_tap *tap, uint64_t last_rx_ns, uint64_t now_ns);

#endif
