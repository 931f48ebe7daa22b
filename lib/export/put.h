/* SPDX-License-Identifier: Apache-2.0 */
/* Values as text, without the printf family: each put_ writes at `p` and returns where it ended. */
#ifndef EXPORT_PUT_H
#define EXPORT_PUT_H

#include <weir_base.h>

extern const uint8_t weir_octets[256][4]; /* digits, then their number in the last byte */

char *weir_put_u64_long(char *p, uint64_t v);      /* of 9 digits and more */
char *weir_put_ipv6(char *p, const uint8_t b[16]); /* RFC 5952, mixed notation as inet_ntop() */

/* The 8 digits of v < 10^8, the first one in the lowest byte: halves, quarters, digits at once. */
static inline uint64_t put_digits8(uint32_t v)
{
	uint64_t upper = v / 10000, x = upper | (v - upper * 10000) << 32;
	uint64_t high = (x * 10486 >> 20) & UINT64_C(0x0000007f0000007f);

	x = high | (x - high * 100) << 16;
	high = (x * 103 >> 10) & UINT64_C(0x000f000f000f000f);
	return high | (x - high * 10) << 8;
}

/* Writes 8 bytes whatever the length, without a branch that depends on it. */
static inline char *put_u64(char *p, uint64_t v)
{
	uint64_t digits;
	unsigned int zeros; /* bits of the digits left out; v > 0, so not all */

	if (v < 10) {
		*p = (char)('0' + v);
		return p + 1;
	}
	if (weir_unlikely(v >= 100000000))
		return weir_put_u64_long(p, v);
	digits = put_digits8((uint32_t)v);
	zeros = (unsigned int)__builtin_ctzll(digits) & ~7u;
	digits = (digits | UINT64_C(0x3030303030303030)) >> zeros;
	memcpy(p, &digits, sizeof(digits));
	return p + 8 - zeros / 8;
}

static inline char *put_i64(char *p, int64_t v)
{
	if (v < 0)
		*p++ = '-';
	return put_u64(p, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/* Writes 4 bytes whatever the length. */
static inline char *put_octet(char *p, uint8_t v)
{
	memcpy(p, weir_octets[v], 4);
	return p + weir_octets[v][3];
}

static inline char *put_ipv4(char *p, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	p = put_octet(p, a);
	*p++ = '.';
	p = put_octet(p, b);
	*p++ = '.';
	p = put_octet(p, c);
	*p++ = '.';
	return put_octet(p, d);
}

static inline char put_hex(unsigned int nibble)
{
	return "0123456789abcdef"[nibble & 15];
}

static inline char *put_mac(char *p, const uint8_t mac[6])
{
	for (int i = 0; i < 6; i++) {
		p[3 * i] = put_hex(mac[i] >> 4);
		p[3 * i + 1] = put_hex(mac[i]);
		p[3 * i + 2] = ':';
	}
	return p + 17;
}

/* A literal: its length is known to the compiler. */
#define PUT_LITERAL(p, text) ((char *)memcpy((p), (text), sizeof(text) - 1) + sizeof(text) - 1)

#endif
