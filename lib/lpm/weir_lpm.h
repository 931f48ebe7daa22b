/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Longest-prefix match over both families, in as many separate spaces ("scopes") as wanted: one
 * hash look-up for each length that the scope has, longest first. Made once, then only read.
 */
#ifndef WEIR_LPM_H
#define WEIR_LPM_H

#include <weir_pkt.h>

#define WEIR_LPM_NONE UINT32_MAX

/* Bits of `ip` past `len` are 0. */
struct weir_prefix {
	union weir_ip ip;
	uint8_t len; /* at most 32 or 128 */
	bool is_ipv6;
};

/* "10.0.0.0/8", "10.0.0.1", "fd00::/64". False: it is none. Bits past the length are cleared. */
bool weir_prefix_parse(const char *text, struct weir_prefix *p);

/*
 * "10.0.0.1-10.0.0.9" as the fewest prefixes; both ends belong to it. Returns how many were put into
 * `out` (room for WEIR_PREFIX_RANGE_MAX), 0: it is no range.
 */
#define WEIR_PREFIX_RANGE_MAX 254
unsigned int weir_prefix_range(const char *text, struct weir_prefix *out);

/* The first `len` bits of an address. */
static inline union weir_ip weir_prefix_mask(const union weir_ip *ip, unsigned int len)
{
	union weir_ip out = { { 0 } };

	if (len >= 64) {
		out.q[0] = ip->q[0];
		if (len > 64)
			out.q[1] = ip->q[1] & __builtin_bswap64(~UINT64_C(0) << (128 - len));
	} else if (len > 0) {
		out.q[0] = ip->q[0] & __builtin_bswap64(~UINT64_C(0) << (64 - len));
	}
	return out;
}

struct weir_lpm_row {
	uint64_t scope;
	struct weir_prefix prefix;
	uint32_t value; /* any but WEIR_LPM_NONE */
};

struct weir_lpm;

/* Of rows of one prefix the last holds. NULL without memory. Builder thread. */
struct weir_lpm *weir_lpm_create(const struct weir_lpm_row *rows, size_t n);
void weir_lpm_destroy(struct weir_lpm *lpm);
size_t weir_lpm_bytes(const struct weir_lpm *lpm);

/* The value of the longest prefix the address is in; WEIR_LPM_NONE. Any thread, pure. */
uint32_t weir_lpm_find(const struct weir_lpm *lpm, uint64_t scope, const union weir_ip *ip,
		       bool is_ipv6);

/* A scope looked up once, for who asks it often; WEIR_LPM_NONE: it has no prefix. */
uint32_t weir_lpm_scope(const struct weir_lpm *lpm, uint64_t scope);
uint32_t weir_lpm_find_in(const struct weir_lpm *lpm, uint32_t scope, const union weir_ip *ip,
			  bool is_ipv6);

/* Fetch what looking for an IPv4 address will read: of several, before any is looked for. */
void weir_lpm_prefetch(const struct weir_lpm *lpm, uint32_t scope, const union weir_ip *ip);

/* The next shorter prefix that a prefix is in; WEIR_LPM_NONE. */
uint32_t weir_lpm_parent(const struct weir_lpm *lpm, uint64_t scope,
			 const struct weir_prefix *prefix);

#endif
