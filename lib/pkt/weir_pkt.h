/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One packet on its way: the frame a source hands out, and what decoding learns of it.
 *
 * A frame is borrowed from its source until the burst it came in is given back. A weir_pkt lives as
 * long as its burst. Neither owns memory. Pairs are indexed by WEIR_SRC and WEIR_DST, in the
 * packet's own direction.
 */
#ifndef WEIR_PKT_H
#define WEIR_PKT_H

#include <weir_base.h>

#define WEIR_BURST_MAX 64     /* most frames handled at once */
#define WEIR_FRAME_MAX 262144 /* a captured frame is at most this long, libpcap's limit */

enum { WEIR_SRC, WEIR_DST };

/* What the first byte of a frame is. Link types of capture files map to these. */
enum weir_link {
	WEIR_LINK_UNKNOWN, /* counted as outcome linktype */
	WEIR_LINK_ETHER,
	WEIR_LINK_NULL, /* BSD loopback, either byte order; also LOOP */
	WEIR_LINK_RAW,  /* IPv4 or IPv6 by the first nibble; also IPV4 and IPV6 */
	WEIR_LINK_SLL,
	WEIR_LINK_SLL2,
	WEIR_LINK_PPP,
	WEIR_LINK_CHDLC,
	WEIR_LINK_80211,
	WEIR_LINK_RADIOTAP,
	WEIR_LINKS
};

enum weir_frame_flag {
	WEIR_FRAME_VLAN = 1 << 0,  /* vlan_tci was taken out of the frame by the port */
	WEIR_FRAME_PORTS = 1 << 1, /* ports were found by the fragment table: see `ports` */
	WEIR_FRAME_HELD = 1 << 2,  /* a copy kept by the fragment table, not the source's memory */
	WEIR_FRAME_TOO_OLD = 1 << 3, /* further behind the watermark than is tolerated */
};

struct weir_frame {
	const uint8_t *data;
	uint64_t ts_ns;  /* capture time, epoch */
	uint32_t caplen; /* bytes at `data` */
	uint32_t
		wirelen; /* bytes the packet had on the wire, without FCS; >= caplen, + 4 with VLAN */
	uint16_t vlan_tci; /* with WEIR_FRAME_VLAN */
	uint8_t link;      /* enum weir_link */
	uint8_t flags;     /* enum weir_frame_flag */
	uint16_t ports[2]; /* with WEIR_FRAME_PORTS: source, destination of a later fragment */
	void *opaque;      /* the source's own: mbuf, block */
};
static_assert(sizeof(struct weir_frame) == 48 || sizeof(struct weir_frame) == 40, "frame");

/* An address in network byte order; IPv4 in b[0..3] with the rest 0. */
union weir_ip {
	uint8_t b[16];
	uint32_t w[4];
	uint64_t q[2];
};

/* Numbers of the ingest format, also bits 35..32 of capture_nic. */
enum weir_tunnel_type {
	WEIR_TUNNEL_NONE = 0,
	WEIR_TUNNEL_VXLAN = 1,
	WEIR_TUNNEL_IPIP = 2,
	WEIR_TUNNEL_TENCENT_GRE = 3,
	WEIR_TUNNEL_GENEVE = 4,
	WEIR_TUNNEL_VXLAN_NSH = 5,
	WEIR_TUNNEL_ERSPAN = 6,
	WEIR_TUNNEL_TEB = 7,
	/* Ours: followed in the appliance profile, without a number of DeepFlow's. */
	WEIR_TUNNEL_GTPU = 8,
	WEIR_TUNNEL_L2TP = 9,
	WEIR_TUNNEL_TEREDO = 10,
	WEIR_TUNNEL_GRE = 11, /* plain GRE carrying IP without a key */
	WEIR_TUNNEL_MPLS = 12,
	WEIR_TUNNEL_PPPOE = 13,
	WEIR_TUNNELS = 16
};

/* The outermost tunnel that is not trimmed; type 0 = none. */
struct weir_tunnel {
	uint32_t ip[2];  /* outer addresses, host order; of IPv6 the last 4 bytes */
	uint32_t mac[2]; /* low 32 bits of the outer MACs */
	uint32_t id;     /* VNI, GRE key, session id ... */
	uint8_t type;    /* enum weir_tunnel_type */
	uint8_t tier;    /* tunnels followed, at most 2 shown */
	uint8_t is_ipv6;
	uint8_t pad;
};

/* What decoding is to do; part of a view, immutable. Bits are 1 << enum weir_tunnel_type. */
struct weir_decode_conf {
	uint32_t decap;      /* tunnels that are followed */
	uint32_t trim;       /* tunnels that are mirror transport: followed, then forgotten */
	uint8_t max_tunnels; /* headers of encapsulation followed: 6, or 2 as upstream */
};

enum weir_pkt_flag {
	WEIR_PKT_IPV6 = 1 << 0,
	WEIR_PKT_IP = 1 << 1, /* ip[] is valid and proto known */
	WEIR_PKT_L4 = 1 << 2, /* the whole transport header was there; ports alone need less */
	WEIR_PKT_FRAGMENT = 1 << 3,       /* any fragment of a datagram */
	WEIR_PKT_LATER_FRAGMENT = 1 << 4, /* fragment offset > 0: no transport header of its own */
	WEIR_PKT_ARP = 1 << 5,            /* ip[] holds sender and target address */
	WEIR_PKT_ARP_REQUEST = 1 << 6,
	WEIR_PKT_NDP_REPLY = 1 << 7, /* neighbour advertisement, not from a link-local address */
	WEIR_PKT_ECHO_REQUEST = 1 << 8,
	WEIR_PKT_ECHO_REPLY = 1 << 9, /* travels server to client */
	WEIR_PKT_TOA = 1 << 10,       /* nat_ip, nat_port from a TCP option */
	WEIR_PKT_PSEUDO_MAC =
		1 << 11, /* no L2 header inside the tunnel: macs are the outer ones or 0 */
};

enum weir_tcp_flag {
	WEIR_TCP_FIN = 0x01,
	WEIR_TCP_SYN = 0x02,
	WEIR_TCP_RST = 0x04,
	WEIR_TCP_PSH = 0x08,
	WEIR_TCP_ACK = 0x10,
	WEIR_TCP_URG = 0x20,
};

#define WEIR_WSCALE_NONE 0xff

/*
 * The first part is of the innermost packet and starts anew in each tunnel, the second is of the
 * frame as a whole. Fields stand so that those written or cleared together are next to each other.
 */
struct weir_pkt {
	union weir_ip ip[2];
	uint16_t port[2];        /* host order; 0 where there are none */
	uint16_t flags;          /* enum weir_pkt_flag */
	uint16_t eth_type;       /* of what the innermost L2 header carries; 0 = LLC */
	uint32_t ip_id;          /* IPv4 identification, or the IPv6 fragment header's */
	uint32_t icmp_id;        /* echo: id << 16 | sequence */
	uint32_t packet_len;     /* bytes of the innermost L2 frame without padding and FCS */
	uint32_t l3_payload_len; /* bytes after the IP header, by its length field */
	uint32_t l4_payload_len; /* bytes after the transport header, by the IP length field */
	uint32_t payload_cap;    /* captured bytes at `payload` */
	const uint8_t *payload;  /* after the transport header; borrowed with the frame */
	const uint8_t *l3;       /* innermost IP header, for dedup; NULL = none */
	const uint8_t *end;      /* one past the last captured byte of the innermost datagram */

	/* TCP */
	uint32_t seq, ack;
	uint16_t win;        /* unscaled */
	uint16_t mss;        /* 0 = no option */
	uint8_t data_offset; /* 32-bit words; at least 5 where the whole header was there */
	uint8_t tcp_flags;   /* the 8 bits of RFC 9293 */
	uint8_t wscale;      /* shift, WEIR_WSCALE_NONE = no option */
	uint8_t sack_permitted;
	uint32_t nat_ip; /* host order */
	uint16_t nat_port;

	uint16_t frag_off; /* bytes / 8 */
	uint8_t mac[2][6];
	uint16_t vlan; /* innermost VID of the innermost frame, 0 = none */
	uint8_t ttl;
	uint8_t proto; /* IP protocol of the innermost header followed */
	uint8_t icmp_type;

	/* The whole frame */
	uint8_t tags;    /* VLAN tags of the outermost frame: 0, 1, 2 (more are 2) */
	uint16_t tci[2]; /* their TCI: outer, inner (inner = outer with one tag) */
	uint64_t ts_ns;
	uint32_t erspan_src; /* outer IPv4 source of a trimmed ERSPAN, host order, 0 = none */
	struct weir_tunnel tunnel;
};

/*
 * Chooses the worker: symmetric, so that both directions of a conversation give the same
 * value; unseeded, so that steering is the same in every run. Worker or reader.
 */
uint32_t weir_pkt_steer_hash(const struct weir_pkt *pkt);

#endif
