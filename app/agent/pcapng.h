/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of a pcapng file, one function each, in the machine's byte order. Pure functions: each writes
 * one block to `to` and returns its length, 0 when it does not fit into `room` (then nothing of `to`
 * counts). draft-ietf-opsawg-pcapng.
 */
#ifndef PCAPNG_H
#define PCAPNG_H

#include <weir_pkt.h>

/* The longest blocks; texts longer than PCAPNG_TEXT_MAX are cut. */
#define PCAPNG_TEXT_MAX           2047
#define PCAPNG_HEAD_MAX           16384            /* section, interface, statistics */
#define PCAPNG_PACKET_MAX(caplen) ((caplen) + 48U) /* tag and padding included */

/* Section header. Each text may be NULL: left out. */
struct pcapng_section {
	const char *comment;
	const char *hardware;
	const char *os;
	const char *application;
};

size_t pcapng_section(uint8_t *to, size_t room, const struct pcapng_section *s);

/* Interface; its number is the count of those before it. Times are ns. */
struct pcapng_interface {
	const char *name;
	const char *description; /* NULL = none */
	const char *filter;      /* pcap expression, NULL or "" = none */
	uint32_t snaplen;        /* of the packets as they are written; 0 = no limit */
	uint8_t link;            /* enum weir_link */
};

size_t pcapng_interface(uint8_t *to, size_t room, const struct pcapng_interface *i);

/* LINKTYPE_ of a file; 0 is that of BSD loopback. */
uint16_t pcapng_linktype(uint8_t link);

struct pcapng_packet {
	uint32_t interface;
	uint32_t caplen,
		wirelen; /* as in struct weir_frame: wirelen counts a tag that was taken out */
	uint64_t ts_ns;
	uint16_t vlan_tci; /* with has_vlan: put back into an Ethernet frame */
	bool has_vlan;
	uint8_t link; /* enum weir_link */
	const uint8_t *data;
};

size_t pcapng_packet(uint8_t *to, size_t room, const struct pcapng_packet *p);

/* What became of an interface's packets; UINT64_MAX = not known, left out. */
struct pcapng_statistics {
	uint32_t interface;
	uint64_t ts_ns;    /* when it was counted */
	uint64_t start_ns; /* when the capture began */
	uint64_t received; /* that matched, written or not */
	uint64_t dropped;  /* for want of room */
	uint64_t delivered;
};

size_t pcapng_statistics(uint8_t *to, size_t room, const struct pcapng_statistics *s);

#endif
