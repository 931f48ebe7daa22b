/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a frame of any link type, every tunnel followed. Two bytes say how, the rest is the
 * frame. Beside the sanitizers, the fast path must say what the table says, and pointers stay inside.
 */
#include <decode_priv.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(const struct weir_frame *frame, const uint8_t *from, const uint8_t *to)
{
	return from >= frame->data && from <= to && to <= frame->data + frame->caplen;
}

static void check(const struct weir_frame *frame, const struct weir_pkt *pkt)
{
	if (pkt->payload != NULL &&
	    !is_inside(frame, pkt->payload, pkt->payload + pkt->payload_cap))
		abort();
	if (pkt->l3 != NULL && !is_inside(frame, pkt->l3, pkt->end))
		abort();
	if (pkt->tunnel.tier > 2 || pkt->tags > 2)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_decode_conf conf = WEIR_DECODE_CONF_APPLIANCE;
	struct weir_pkt fast, table;
	struct weir_frame frame;
	enum weir_outcome outcome;

	if (size < 2)
		return 0;
	frame = (struct weir_frame){ .data = data + 2,
				     .caplen = (uint32_t)size - 2,
				     .wirelen = (uint32_t)size - 2 + (data[1] & 0x80 ? 100 : 0),
				     .link = data[0] % (WEIR_LINKS + 1),
				     .flags = data[1] & (WEIR_FRAME_VLAN | WEIR_FRAME_PORTS),
				     .ports = { 1, 2 } };
	if (data[1] & 0x40)
		conf.trim = 0;
	if (data[1] & 0x20)
		conf.max_tunnels = 2;
	outcome = weir_decode(&frame, &conf, &fast);
	if (outcome != weir_decode_by_table(&frame, &conf, &table) ||
	    memcmp(&fast, &table, sizeof(fast)) != 0)
		abort();
	if (outcome == WEIR_OUTCOME_FLOW)
		check(&frame, &fast);
	return 0;
}
