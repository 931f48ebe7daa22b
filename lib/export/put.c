/* SPDX-License-Identifier: Apache-2.0 */
#include "put.h"

/* clang-format off */
#define ONE(d) { '0' + (d), 0, 0, 1 }
#define TWO(t, d) { '0' + (t), '0' + (d), 0, 2 }
#define THREE(t, d) { '0' + (t) / 10, '0' + (t) % 10, '0' + (d), 3 }
#define SIX(row, t) row(t, 0), row(t, 1), row(t, 2), row(t, 3), row(t, 4), row(t, 5)
#define TEN(row, t) SIX(row, t), row(t, 6), row(t, 7), row(t, 8), row(t, 9)
const uint8_t weir_octets[256][4] = {
	ONE(0), ONE(1), ONE(2), ONE(3), ONE(4), ONE(5), ONE(6), ONE(7), ONE(8), ONE(9),
	TEN(TWO, 1), TEN(TWO, 2), TEN(TWO, 3), TEN(TWO, 4), TEN(TWO, 5), TEN(TWO, 6), TEN(TWO, 7),
	TEN(TWO, 8), TEN(TWO, 9), TEN(THREE, 10), TEN(THREE, 11), TEN(THREE, 12), TEN(THREE, 13),
	TEN(THREE, 14), TEN(THREE, 15), TEN(THREE, 16), TEN(THREE, 17), TEN(THREE, 18),
	TEN(THREE, 19), TEN(THREE, 20), TEN(THREE, 21), TEN(THREE, 22), TEN(THREE, 23),
	TEN(THREE, 24), SIX(THREE, 25),
};
/* clang-format on */

static char *put_fixed8(char *p, uint32_t v)
{
	uint64_t digits = put_digits8(v) | UINT64_C(0x3030303030303030);

	memcpy(p, &digits, sizeof(digits));
	return p + sizeof(digits);
}

char *weir_put_u64_long(char *p, uint64_t v)
{
	const uint64_t half = 100000000;
	uint64_t upper = v / half, top;

	if (upper < half) {
		p = put_u64(p, upper);
	} else {
		top = upper / half; /* 4 digits at most: 20 of 2^64 less 16 */
		p = put_fixed8(put_u64(p, top), (uint32_t)(upper - top * half));
	}
	return put_fixed8(p, (uint32_t)(v - upper * half));
}

static char *put_group(char *p, unsigned int v)
{
	if (v > 0xfff)
		*p++ = put_hex(v >> 12);
	if (v > 0xff)
		*p++ = put_hex(v >> 8);
	if (v > 0xf)
		*p++ = put_hex(v >> 4);
	*p++ = put_hex(v);
	return p;
}

static uint16_t group_at(const uint8_t b[16], size_t i)
{
	return weir_be16(b + 2 * i);
}

/* The first longest run of at least two zero groups: RFC 5952, 4.2. */
static void find_zeros(const uint8_t b[16], int *start, int *len)
{
	int run = 0;

	*start = -1;
	*len = 1;
	for (int i = 0; i < 8; i++) {
		run = group_at(b, (size_t)i) == 0 ? run + 1 : 0;
		if (run > *len) {
			*len = run;
			*start = i + 1 - run;
		}
	}
}

char *weir_put_ipv6(char *p, const uint8_t b[16])
{
	int zeros, len, groups = 8;

	find_zeros(b, &zeros, &len);
	/* ::a.b.c.d and ::ffff:a.b.c.d */
	if (zeros == 0 && (len == 6 || (len == 5 && b[10] == 0xff && b[11] == 0xff)))
		groups = 6;
	for (int i = 0; i < groups; i++) {
		if (i == zeros) {
			*p++ = ':';
			i += len - 1;
			if (i == 7)
				*p++ = ':';
			continue;
		}
		if (i > 0)
			*p++ = ':';
		p = put_group(p, group_at(b, (size_t)i));
	}
	if (groups == 6) {
		*p++ = ':';
		p = put_ipv4(p, b[12], b[13], b[14], b[15]);
	}
	return p;
}
