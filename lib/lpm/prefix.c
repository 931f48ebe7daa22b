/* SPDX-License-Identifier: Apache-2.0 */
/* Prefixes and ranges of addresses as people write them. */
#include <weir_lpm.h>

#include <arpa/inet.h>
#include <stdlib.h>

#define BITS4 32
#define BITS6 128

static bool parse_ip(const char *text, size_t len, union weir_ip *ip, bool *is_ipv6)
{
	char copy[INET6_ADDRSTRLEN];

	if (len == 0 || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	memset(ip, 0, sizeof(*ip));
	*is_ipv6 = strchr(copy, ':') != NULL;
	return inet_pton(*is_ipv6 ? AF_INET6 : AF_INET, copy, ip->b) == 1;
}

/* One to three digits and nothing else. */
static bool parse_len(const char *text, unsigned int max, uint8_t *len)
{
	unsigned int v = 0, digits = 0;

	for (; *text >= '0' && *text <= '9' && digits < 3; text++, digits++)
		v = v * 10 + (unsigned int)(*text - '0');
	*len = (uint8_t)v;
	return digits > 0 && *text == '\0' && v <= max;
}

bool weir_prefix_parse(const char *text, struct weir_prefix *p)
{
	const char *slash = text != NULL ? strchr(text, '/') : NULL;
	union weir_ip ip;
	unsigned int max;

	if (text == NULL || !parse_ip(text, slash != NULL ? (size_t)(slash - text) : strlen(text),
				      &ip, &p->is_ipv6))
		return false;
	max = p->is_ipv6 ? BITS6 : BITS4;
	p->len = (uint8_t)max;
	if (slash != NULL && !parse_len(slash + 1, max, &p->len))
		return false;
	p->ip = weir_prefix_mask(&ip, p->len);
	return true;
}

/* An address as a number: IPv4 in its 32 bits. */
static __uint128_t number_of(const union weir_ip *ip, bool is_ipv6)
{
	if (!is_ipv6)
		return weir_be32(ip->b);
	return (__uint128_t)weir_be64(ip->b) << 64 | weir_be64(ip->b + 8);
}

static union weir_ip ip_of(__uint128_t v, bool is_ipv6)
{
	union weir_ip ip = { { 0 } };

	if (!is_ipv6) {
		ip.w[0] = __builtin_bswap32((uint32_t)v);
		return ip;
	}
	ip.q[0] = __builtin_bswap64((uint64_t)(v >> 64));
	ip.q[1] = __builtin_bswap64((uint64_t)v);
	return ip;
}

/* The largest block that begins at `from` and does not go past `to`: its host bits. */
static unsigned int block_bits(__uint128_t from, __uint128_t to, unsigned int max)
{
	unsigned int bits = 0;

	while (bits < max) {
		const __uint128_t size_less_1 = bits + 1 == BITS6
							? ~(__uint128_t)0
							: ((__uint128_t)1 << (bits + 1)) - 1;

		if ((from & size_less_1) != 0 || size_less_1 > to - from)
			break;
		bits++;
	}
	return bits;
}

unsigned int weir_prefix_range(const char *text, struct weir_prefix *out)
{
	const char *dash = text != NULL ? strchr(text, '-') : NULL;
	union weir_ip first, last;
	bool is_ipv6, last_is_ipv6;
	__uint128_t from, to;
	unsigned int n = 0, max;

	if (dash == NULL || !parse_ip(text, (size_t)(dash - text), &first, &is_ipv6) ||
	    !parse_ip(dash + 1, strlen(dash + 1), &last, &last_is_ipv6) || is_ipv6 != last_is_ipv6)
		return 0;
	from = number_of(&first, is_ipv6);
	to = number_of(&last, is_ipv6);
	max = is_ipv6 ? BITS6 : BITS4;
	while (from <= to) {
		const unsigned int bits = block_bits(from, to, max);
		const __uint128_t step = bits == BITS6 ? 0 : (__uint128_t)1 << bits;

		assert(n < WEIR_PREFIX_RANGE_MAX);
		out[n++] = (struct weir_prefix){ .ip = ip_of(from, is_ipv6),
						 .len = (uint8_t)(max - bits),
						 .is_ipv6 = is_ipv6 };
		if (step == 0 || to - from < step) /* the block was the last one */
			break;
		from += step;
	}
	return n;
}
