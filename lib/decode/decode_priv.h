/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What decoders share. A decoder takes its header from `d->rd`, writes what it learned to the packet
 * and names what comes next. It never looks at bytes before or past the reader.
 */
#ifndef DECODE_PRIV_H
#define DECODE_PRIV_H

#include <weir_decode.h>
#include <weir_wire.h>

#define WEIR_DECODE_HEADERS_MAX 40 /* of one packet, tunnels included; bounds every loop */
#define WEIR_DECODE_USUAL_MAX   4  /* of them are taken by weir_decode_usual() at once */
#define WEIR_ETHERTYPE_IPV4     0x0800
#define WEIR_ETHERTYPE_IPV6     0x86dd
#define WEIR_ETHERTYPE_VLAN     0x8100
#define WEIR_ETHERTYPE_MIN      0x0600 /* below, the field is a length and LLC follows */
#define WEIR_VLAN_TAG_LEN       4
#define WEIR_GRO_SLACK          16 /* bytes of padding and FCS a frame may have beyond its datagram */

enum weir_verdict {
	WEIR_MORE,       /* d->next names the next header */
	WEIR_STOP_DONE,  /* nothing behind this header is for us */
	WEIR_STOP_SHORT, /* the header is not all there */
	WEIR_STOP_BAD,   /* the header is not what it was announced as */
};

struct weir_decoding {
	struct weir_rd rd; /* what is left of the frame */
	uint32_t cut;      /* bytes behind rd.end that the wire had and the capture has not */
	uint32_t l2_len;   /* bytes of the innermost frame up to its L3 header */
	const struct weir_decode_conf *conf;
	uint8_t next;        /* enum weir_hdr */
	uint8_t headers;     /* taken */
	uint8_t tunnels;     /* followed, trimmed ones too */
	uint8_t max_tunnels; /* followed at most */
	bool inner;          /* past the outermost frame */
	bool landed;         /* the innermost frame is one: what is missing of it is no error */
	bool gre_has_key;
	bool gre_has_seq;
	uint32_t gre_key;
};

#define WEIR_DECODER(id, fn, spec, routes) \
	enum weir_verdict weir_decode_##fn(struct weir_decoding *d, struct weir_pkt *pkt);
#include "decoders.def"

/* weir_decode_ether() or weir_decode_raw_ip(), and as many headers behind as are usual, in one go. */
enum weir_verdict weir_decode_usual(struct weir_decoding *d, struct weir_pkt *pkt);

/* weir_decode() of a frame that is not all usual; nothing is learned. Inner packets are tried again. */
enum weir_outcome weir_decode_rest(const struct weir_frame *frame,
				   const struct weir_decode_conf *conf, struct weir_pkt *pkt);

/*
 * The same of the frame at `ether` in a tunnel that is learned. Before it are Ethernet, perhaps a tag,
 * IP, of `l3_payload_len` bytes from `l4` on, UDP or GRE and the tunnel's header.
 */
enum weir_outcome weir_decode_inner(const struct weir_frame *frame,
				    const struct weir_decode_conf *conf, const uint8_t *l4,
				    uint32_t l3_payload_len, const uint8_t *ether,
				    struct weir_pkt *pkt);

/* weir_decode() by the table alone. The same to the byte: for tests and measurement. */
enum weir_outcome weir_decode_by_table(const struct weir_frame *frame,
				       const struct weir_decode_conf *conf, struct weir_pkt *pkt);

/* The link layer is over: `type` says what it carries. */
enum weir_verdict weir_decode_payload_ether(struct weir_decoding *d, struct weir_pkt *pkt,
					    uint16_t type);

/* The IP header is over: `proto` says what it carries. */
enum weir_verdict weir_decode_payload_ip(struct weir_decoding *d, struct weir_pkt *pkt,
					 uint8_t proto);

/*
 * The header of a tunnel is over and was right: go on with `inner`, and remember the tunnel unless it
 * is trimmed. Nothing changes where the settings leave this tunnel closed or `inner` cannot be there;
 * the outer packet is then all there is.
 */
enum weir_verdict weir_tunnel_enter(struct weir_decoding *d, struct weir_pkt *pkt,
				    enum weir_tunnel_type type, uint32_t id, enum weir_hdr inner);

/* Are encapsulations of this type followed? For those that are no tunnel: MPLS, PPPoE. */
static inline bool weir_decoding_follows(const struct weir_decoding *d, enum weir_tunnel_type type)
{
	return (d->conf->decap >> type & 1) != 0;
}

/* A whole Ethernet frame begins here, inside another one. */
enum weir_verdict weir_decode_inner_ether(struct weir_decoding *d, struct weir_pkt *pkt);

/* Would the bytes after the next `skip` pass for an Ethernet frame? Where nothing else says so. */
bool weir_looks_like_ether(const struct weir_rd *rd, size_t skip);

/* The whole transport header is not there: the ports may be. */
enum weir_verdict weir_decode_ports(struct weir_decoding *d, struct weir_pkt *pkt);

/*
 * The part of the innermost packet zero, lane by lane: of a loop or a memset() the compiler makes
 * `rep stos`, 10 ns more.
 */
static inline void weir_pkt_clear_inner(struct weir_pkt *pkt)
{
	typedef uint64_t lane __attribute__((vector_size(16), aligned(8), may_alias));
	lane *p = (lane *)pkt;
	const lane zero = { 0 };

	static_assert(offsetof(struct weir_pkt, icmp_type) == 8 * sizeof(lane), "what is left");
	static_assert(offsetof(struct weir_pkt, tags) == 8 * sizeof(lane) + 1, "and no more");
	p[0] = zero;
	p[1] = zero;
	p[2] = zero;
	p[3] = zero;
	p[4] = zero;
	p[5] = zero;
	p[6] = zero;
	p[7] = zero;
	pkt->icmp_type = 0;
}

static inline void weir_pkt_clear(struct weir_pkt *pkt)
{
	typedef uint64_t lane __attribute__((vector_size(16), aligned(8), may_alias));
	lane *p = (lane *)pkt;
	const lane zero = { 0 };

	static_assert(sizeof(*pkt) == 11 * sizeof(lane), "every lane has a line");
	weir_pkt_clear_inner(pkt);
	p[8] = zero;
	p[9] = zero;
	p[10] = zero;
}

static inline uint32_t weir_sub_floor(uint32_t a, uint32_t b)
{
	return a > b ? a - b : 0;
}

/* Bytes of this layer that the wire had from here on. */
static inline uint32_t weir_decoding_left(const struct weir_decoding *d)
{
	return (uint32_t)weir_rd_left(&d->rd) + d->cut;
}

/* This layer says that it ends after `n` more bytes: what follows is padding or not ours. */
static inline void weir_decoding_limit(struct weir_decoding *d, uint32_t n)
{
	size_t left = weir_rd_left(&d->rd);

	if (n < left) {
		d->rd.end = d->rd.p + n;
		d->cut = 0;
	} else {
		d->cut = (uint32_t)weir_min_u64(d->cut, n - left);
	}
}

/* What is left is the payload, so far as is known now. */
static inline void weir_decoding_payload(const struct weir_decoding *d, struct weir_pkt *pkt)
{
	pkt->payload = d->rd.p;
	pkt->payload_cap = (uint32_t)weir_rd_left(&d->rd);
}

/* A VLAN tag of the outermost frame, in it or taken out of it by the port. */
static inline void weir_pkt_tag(struct weir_pkt *pkt, uint16_t tci)
{
	/* The capture network type goes by the tags of the frame as the mirror sent it. */
	if (pkt->tags == 0)
		pkt->tci[0] = tci;
	if (pkt->tags < 2) {
		pkt->tci[1] = tci;
		pkt->tags++;
	}
}

/* One frame of many segments, joined on receiving or not yet cut on sending, is as long as they are. */
static inline void weir_pkt_join(struct weir_pkt *pkt, const struct weir_frame *frame)
{
	if (weir_unlikely(pkt->packet_len + WEIR_GRO_SLACK < frame->wirelen))
		pkt->packet_len = frame->wirelen;
}

#endif
