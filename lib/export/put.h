/* SPDX-License-Identifier: Apache-2.0 */
/* Values as text, without the printf family: each put_ writes at `p` and returns where it ended. */
#ifndef EXPORT_PUT_H
#define EXPORT_PUT_H

#include <weir_base.h>

extern const char weir_digit_pairs[]; /* "00" "01" ... "99" */

char *weir_put_u64_long(char *p, uint64_t v);      /* of 3 digits and more */
char *weir_put_ipv6(char *p, const uint8_t b[16]); /* RFC 5952, mixed notation as inet_ntop() */

static inline char *put_u64(char *p, uint64_t v)
{
	if (v < 10) {
		*p = (char)('0' + v);
		return p + 1;
	}
	if (v < 100) {
		memcpy(p, weir_digit_pairs + 2 * v, 2);
		return p + 2;
	}
	return weir_put_u64_long(p, v);
}

static inline char *put_i64(char *p, int64_t v)
{
	if (v < 0)
		*p++ = '-';
	return put_u64(p, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

static inline char *put_octet(char *p, uint8_t v)
{
	if (v < 100)
		return put_u64(p, v);
	*p = (char)('0' + v / 100);
	memcpy(p + 1, weir_digit_pairs + 2 * (v % 100), 2);
	return p + 3;
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
