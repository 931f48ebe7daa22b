/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a capture is to do, as its stages read it. Made of the two configurations by the agent,
 * immutable while a view holds it.
 */
#ifndef WEIR_SETTINGS_H
#define WEIR_SETTINGS_H

#include <weir_flow.h>
#include <weir_pkt.h>
#include <weir_tap.h>

/* Dedup: spec, data plane 1.10. */
struct weir_dedup_conf {
	uint64_t window_ns; /* 1 to 1000 ms; default 10 ms */
};

#define WEIR_DEDUP_WINDOW_NS (10 * WEIR_NS_PER_MS)

/* Attribution in analyzer mode: spec, data plane 1.5 to 1.7. */
#define WEIR_NETWORK_TYPE_CLOUD 3
#define WEIR_VLAN_MAP_SIZE      4097

enum { WEIR_PCP_OUTER_VLAN = 8, WEIR_PCP_INNER_VLAN = 9 };

struct weir_attribute_conf {
	uint16_t default_type;
	uint8_t pcp; /* 0 to 7: only frames with this outer PCP are mapped; or one of the above */
	uint16_t vlan_map[WEIR_VLAN_MAP_SIZE]; /* VID -> network type, 0 = unset; [0] = untagged */
	uint16_t tap_type[WEIR_TAP_MAX +
			  1]; /* by its number: of all its packets; 0 = as the map says */
};

struct weir_settings {
	struct weir_decode_conf decode;
	struct weir_flow_conf flow;
	struct weir_attribute_conf attribute;
	struct weir_dedup_conf dedup;
	bool dedup_enabled;
	uint32_t max_pps; /* of all ports together, live: most packets a second; 0 = no limit */
	uint32_t snaplen; /* most bytes of a packet that are looked at; 0 = all that there are */
	uint32_t flows;   /* most at once, of all workers; 0 = as many as the pipe was made for */
};

#endif
