/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames to decode: built from the innermost header outwards, and decoded as exact-size copies, so
 * that the sanitizer sees every byte that is read past the end.
 */
#ifndef DECODE_TEST_H
#define DECODE_TEST_H

#include <weir_decode.h>

#include <stdlib.h>

static const struct weir_decode_conf appliance = WEIR_DECODE_CONF_APPLIANCE;

struct decoded {
	enum weir_outcome outcome;
	struct weir_pkt pkt; /* its pointers are dead */
};

/* Decode a frame of which `frame->data` is replaced by an exact-size copy. */
static inline struct decoded decode_frame(struct weir_frame frame,
					  const struct weir_decode_conf *conf)
{
	uint8_t *copy = malloc(frame.caplen > 0 ? frame.caplen : 1);
	struct decoded r;

	memcpy(copy, frame.data, frame.caplen);
	frame.data = copy;
	memset(&r.pkt, 0xee, sizeof(r.pkt)); /* whatever it held */
	r.outcome = weir_decode(&frame, conf, &r.pkt);
	free(copy);
	return r;
}

/* Decode the first `caplen` bytes of a frame that had `wirelen` bytes. */
static inline struct decoded decode_cut(enum weir_link link, const uint8_t *bytes, size_t caplen,
					size_t wirelen, const struct weir_decode_conf *conf)
{
	struct weir_frame frame = { .data = bytes,
				    .ts_ns = 1,
				    .caplen = (uint32_t)caplen,
				    .wirelen = (uint32_t)wirelen,
				    .link = (uint8_t)link };

	return decode_frame(frame, conf);
}

static inline struct decoded decode_ether(const uint8_t *bytes, size_t len)
{
	return decode_cut(WEIR_LINK_ETHER, bytes, len, len, &appliance);
}

/* A frame in the making; headers are put in front of what is there. */
struct build {
	uint8_t room[512];
	size_t len; /* bytes at the end of `room` */
};

static inline uint8_t *built(struct build *b)
{
	return b->room + sizeof(b->room) - b->len;
}

static inline void before(struct build *b, const void *bytes, size_t len)
{
	b->len += len;
	memcpy(built(b), bytes, len);
}

#define BEFORE(b, ...) \
	before(b, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static inline void before_udp(struct build *b, uint16_t sport, uint16_t dport)
{
	uint16_t len = (uint16_t)(b->len + 8);

	BEFORE(b, sport >> 8, sport & 0xff,     /* source port */
	       dport >> 8, dport & 0xff,        /* destination port */
	       (uint8_t)(len >> 8), len & 0xff, /* length */
	       0, 0);                           /* checksum, not looked at */
}

/* 10.<net>.0.1 -> 10.<net>.0.2 */
static inline void before_ipv4(struct build *b, uint8_t net, uint8_t proto)
{
	uint16_t len = (uint16_t)(b->len + 20);

	BEFORE(b, 0x45, 0,                      /* version 4, 5 words */
	       (uint8_t)(len >> 8), len & 0xff, /* total length */
	       0x12, 0x34, 0x40, 0,             /* identification, don't fragment */
	       64, proto, 0, 0,                 /* TTL, protocol, checksum */
	       10, net, 0, 1,                   /* source */
	       10, net, 0, 2);                  /* destination */
}

/* fd00::<net>:1 -> fd00::<net>:2 */
static inline void before_ipv6(struct build *b, uint8_t net, uint8_t next)
{
	uint16_t len = (uint16_t)b->len;

	BEFORE(b, 0x60, 0, 0, 0,                                     /* version 6 */
	       (uint8_t)(len >> 8), len & 0xff, next, 64,            /* length, next, hop limit */
	       0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, net, 0, 1,  /* source */
	       0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, net, 0, 2); /* destination */
}

/* 02:00:00:00:<net>:01 -> 02:00:00:00:<net>:02 */
static inline void before_ether(struct build *b, uint8_t net, uint16_t type)
{
	BEFORE(b, 2, 0, 0, 0, net, 2, /* destination */
	       2, 0, 0, 0, net, 1,    /* source */
	       type >> 8, type & 0xff);
}

/* What is inside everything: 10.<net>.0.1:1111 -> 10.<net>.0.2:2222 with 16 bytes. */
static inline void before_all(struct build *b, uint8_t net)
{
	b->len = 0;
	BEFORE(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	       0xff, 0xff, 0xff);
	before_udp(b, 1111, 2222);
	before_ipv4(b, net, 17);
}

static inline struct decoded decode_built(struct build *b, const struct weir_decode_conf *conf)
{
	return decode_cut(WEIR_LINK_ETHER, built(b), b->len, b->len, conf);
}

/* Is this the packet of before_all()? */
static inline bool is_inner(const struct weir_pkt *pkt, uint8_t net)
{
	return (pkt->flags & WEIR_PKT_L4) && pkt->proto == 17 &&
	       weir_be32(pkt->ip[WEIR_SRC].b) == (UINT32_C(10) << 24 | net << 16 | 1) &&
	       pkt->port[WEIR_SRC] == 1111 && pkt->port[WEIR_DST] == 2222 &&
	       pkt->l4_payload_len == 16;
}

#endif
