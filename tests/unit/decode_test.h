/* SPDX-License-Identifier: Apache-2.0 */
/* A frame to decode: exact-size copies, so that the sanitizer sees every byte past the end. */
#ifndef DECODE_TEST_H
#define DECODE_TEST_H

#include <weir_decode.h>

#include <stdlib.h>

static const struct weir_decode_conf appliance = WEIR_DECODE_CONF_APPLIANCE;

struct decoded {
	enum weir_outcome outcome;
	struct weir_pkt pkt; /* its pointers are dead */
};

/* Decode the first `caplen` bytes of a frame that had `wirelen` bytes. */
static inline struct decoded decode_cut(enum weir_link link, const uint8_t *bytes, size_t caplen,
					size_t wirelen, const struct weir_decode_conf *conf)
{
	uint8_t *copy = malloc(caplen > 0 ? caplen : 1);
	struct weir_frame frame = { .data = copy,
				    .ts_ns = 1,
				    .caplen = (uint32_t)caplen,
				    .wirelen = (uint32_t)wirelen,
				    .link = link };
	struct decoded r;

	memcpy(copy, bytes, caplen);
	memset(&r.pkt, 0xee, sizeof(r.pkt)); /* whatever it held */
	r.outcome = weir_decode(&frame, conf, &r.pkt);
	free(copy);
	return r;
}

static inline struct decoded decode_ether(const uint8_t *bytes, size_t len)
{
	return decode_cut(WEIR_LINK_ETHER, bytes, len, len, &appliance);
}

#endif
