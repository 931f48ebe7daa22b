/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet filters in pcap syntax (man pcap-filter), run over bursts of frames.
 *
 * What matches is what `tcpdump -r` matches of the same frames: libpcap compiles the expression, once
 * for each link type that can come. A load past the captured bytes is no match; `len` is the length on
 * the wire. A VLAN tag that the port took out of a frame counts as in the frame, with ethertype 0x8100:
 * `vlan` sees it, and `tcp port 80` alone does not look behind it, here as there.
 *
 * The program is DPDK's: checked by its verifier before use, native code where DPDK can make it, else
 * interpreted; by an interpreter of ours what the verifier would never end with. No EAL is needed. A filter never changes once it is made and is read by any number of
 * workers at once; who made it frees it when no worker can still hold it (views do that).
 */
#ifndef WEIR_FILTER_H
#define WEIR_FILTER_H

#include <weir_base.h>
#include <weir_pkt.h>

#define WEIR_FILTER_CLASSIC_MAX 4096 /* instructions the kernel takes; no filter is longer there */

struct weir_filter;
struct sock_filter; /* <linux/filter.h> */

struct weir_filter_options {
	const char *expression; /* NULL or empty: every frame matches */
	uint32_t links;         /* 1 << enum weir_link each: what frames can be */
	bool interpret;         /* no native code even where it is there: to compare */
};

/*
 * Make a filter of an expression. Names of hosts, networks and ports in it are looked up here, once, by
 * the system's resolver.
 *
 * NULL with `err` filled: -EINVAL when libpcap refuses the expression for one of the links, or the
 * program would have a loop (protochain) or an offset no packet has; -E2BIG when it is too long;
 * -ENOMEM. The line names the expression and what to write instead where that is known.
 *
 * Any thread that may block and allocate, several at once: libpcap is called under a lock. Takes some
 * 0.3 ms, and seconds for the longest expressions; a name that nobody answers for takes as long as the
 * resolver waits.
 */
struct weir_filter *weir_filter_create(const struct weir_filter_options *o, struct weir_err *err);
void weir_filter_destroy(struct weir_filter *f);

/* All of it runs as native code; else it is slower, and right. Any thread. */
bool weir_filter_is_native(const struct weir_filter *f);

/*
 * Does the frame match? One of a link type not among `links` does not. Any thread; never blocks, never
 * allocates.
 */
bool weir_filter_match(const struct weir_filter *f, const struct weir_frame *frame);

/*
 * After weir_decode_burst(): of the `n` frames, those that go on (WEIR_OUTCOME_FLOW) and do not match
 * become WEIR_OUTCOME_FILTERED. Other outcomes stay: a frame that decoding gave up on is not looked at.
 * Any thread; never blocks, never allocates.
 */
void weir_filter_burst(const struct weir_filter *f, const struct weir_frame *frames, unsigned int n,
		       uint8_t *outcomes);

/*
 * The same filter for a kernel socket (SO_ATTACH_FILTER), written to `out`, lent with room for `max`;
 * WEIR_FILTER_CLASSIC_MAX are always enough. What it lets pass is cut to `snaplen` bytes, at least 1.
 *
 * It is there to keep the kernel from copying, and passes too much rather than too little: a frame
 * whose VLAN tag the kernel holds beside it passes unseen, and it looks at bytes that `snaplen` cuts
 * off. So weir_filter_burst() comes after it all the same.
 *
 * Returns the number of instructions, or -ENOENT when `link` is not among the links or no kernel socket
 * gives such frames, -EOPNOTSUPP when the kernel would decide otherwise (shifts by a number out of the
 * packet), -ENOSPC. Any thread.
 */
int weir_filter_classic(const struct weir_filter *f, enum weir_link link, uint32_t snaplen,
			struct sock_filter *out, size_t max);

#endif
