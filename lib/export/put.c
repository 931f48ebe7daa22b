/* SPDX-License-Identifier: Apache-2.0 */
#include "put.h"

#define TEN(d) d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9"
const char weir_digit_pairs[] = TEN("0") TEN("1") TEN("2") TEN("3") TEN("4") TEN("5") TEN("6")
	TEN("7") TEN("8") TEN("9");

static unsigned int digits(uint64_t v)
{
	static const uint64_t powers[20] = {
		0,
		10,
		100,
		1000,
		10000,
		100000,
		1000000,
		10000000,
		100000000,
		1000000000,
		10000000000,
		100000000000,
		1000000000000,
		10000000000000,
		100000000000000,
		1000000000000000,
		10000000000000000,
		100000000000000000,
		1000000000000000000,
		10000000000000000000u,
	};
	/* Bits times log10(2), then corrected by one. */
	unsigned int guess = (64 - (unsigned int)__builtin_clzll(v | 1)) * 1233 >> 12;

	return guess + (v >= powers[guess]);
}

char *weir_put_u64_long(char *p, uint64_t v)
{
	char *end = p + digits(v);
	char *q = end;

	for (; v >= 100; v /= 100) {
		q -= 2;
		memcpy(q, weir_digit_pairs + 2 * (v % 100), 2);
	}
	if (v >= 10)
		memcpy(q - 2, weir_digit_pairs + 2 * v, 2);
	else
		q[-1] = (char)('0' + v);
	return end;
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

/* The first longest run of at least two zero groups: RFC 5952, 4.2. */
static void find_zeros(const uint8_t b[16], int *start, int *len)
{
	int run = 0;

	*start = -1;
	*len = 1;
	for (int i = 0; i < 8; i++) {
		run = b[2 * i] == 0 && b[2 * i + 1] == 0 ? run + 1 : 0;
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
		p = put_group(p, weir_be16(b + 2 * i));
	}
	if (groups == 6) {
		*p++ = ':';
		p = put_ipv4(p, b[12], b[13], b[14], b[15]);
	}
	return p;
}
