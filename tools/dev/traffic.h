/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the traffic generator share: frames are described, built and written. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 2048
#define TCP_FIN   0x01
#define TCP_SYN   0x02
#define TCP_RST   0x04
#define TCP_PSH   0x08
#define TCP_ACK   0x10

enum proto { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMP6 = 58 };

enum encap { ENCAP_NONE, ENCAP_VXLAN, ENCAP_ERSPAN, ENCAP_GENEVE, ENCAP_GRE, ENCAP_IPIP, ENCAPS };

/* A conversation: side 0 is its client. */
struct conn {
	uint32_t ip[2];  /* of IPv6 the last four bytes */
	uint32_t seq[2]; /* next sequence number each side sends */
	uint16_t port[2];
	uint16_t vlan[2]; /* identifiers, outer first; 0: no tag */
	uint8_t proto;
	bool v6;
	enum encap encap;
};

/* One packet of it. */
struct seg {
	int side;      /* who sends */
	uint8_t flags; /* TCP */
	uint16_t window;
	uint32_t seq, ack;
	uint32_t payload;   /* bytes behind the transport header */
	uint32_t frame_min; /* inner frame is padded to this */
	bool fragment, more;
	uint16_t frag_off; /* bytes */
	uint16_t ip_id;
	uint16_t datagram; /* UDP length of the whole datagram of a fragment */
	uint8_t icmp_type;
};

/* What the generator knows of the file it wrote. */
struct truth {
	uint64_t packets, bytes; /* frames and their bytes on the wire */
	uint64_t tcp_packets, udp_packets, icmp_packets, fragments;
	uint64_t tcp_flows, udp_flows, icmp_flows; /* different inner 5-tuples seen */
	uint64_t established, closed;              /* TCP: handshakes completed, both FINs sent */
	uint64_t syns;                             /* SYN without ACK */
};

/* A capture file (pcap, microseconds) being written. Counts all it writes into truth. */
struct out {
	int fd;
	size_t fill;
	uint8_t *buf;
	uint64_t limit; /* packets after which it is full */
	struct truth truth;
};

int out_open(struct out *o, const char *path, uint64_t limit);
bool out_is_full(const struct out *o);
/* Where the next frame, of at most FRAME_MAX bytes, is to be built; out_put() then writes it. */
uint8_t *out_room(struct out *o);
void out_put(struct out *o, uint64_t ts_us, const struct conn *c, const struct seg *s, size_t len);
int out_close(struct out *o);

/* Bytes written to p, at most FRAME_MAX. */
size_t frame_build(uint8_t *p, const struct conn *c, const struct seg *s);

/* splitmix64: the next of the one stream that makes a set. */
uint64_t rnd(void);
uint64_t mix64(uint64_t x);

#define TRAFFIC_START_US UINT64_C(1700000000000000) /* a whole second */
#define TRAFFIC_SEED     UINT64_C(20240229)

void load_imix(struct out *o, uint64_t packets, enum encap encap);
void load_small(struct out *o, uint64_t packets);
void load_synflood(struct out *o, uint64_t packets);
void load_mix(struct out *o, uint64_t packets);

#endif
