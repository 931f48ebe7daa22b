/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scope knows which lengths it has; each length is one look-up in a hash table shared by all
 * scopes. Where IPv4 prefixes of a scope have several lengths of one byte (17 to 24, 25 to 32), a row of
 * the network before that byte says which of them there are in it, so that most are not looked for.
 */
#include <weir_lpm.h>
#include <weir_table.h>

#include <stdlib.h>

#define LEN6_WORDS  3 /* bits 0 to 128 */
#define SCOPE_SHIFT 38
#define LEN_SHIFT   32
#define HINT        32 /* added to a length of 16 or 24: not a prefix, lengths below it */

struct scope {
	uint64_t len4; /* bit n: there is a prefix of n bits */
	uint64_t len6[LEN6_WORDS];
};

struct weir_lpm {
	struct weir_table scopes; /* scope -> its place in scope[] + 1 */
	struct weir_table v4;     /* place, length, address -> value + 1 */
	struct weir_table v6;
	struct scope *scope;
	uint32_t scope_count;
};

static unsigned int top_bit(uint64_t v)
{
	return 63u & ~(unsigned int)__builtin_clzll(v);
}

static uint64_t key4(uint32_t scope, unsigned int len, const union weir_ip *masked)
{
	return (uint64_t)scope << SCOPE_SHIFT | (uint64_t)len << LEN_SHIFT | masked->w[0];
}

static void key6(uint32_t scope, unsigned int len, const union weir_ip *masked, uint64_t key[3])
{
	key[0] = masked->q[0];
	key[1] = masked->q[1];
	key[2] = (uint64_t)scope << SCOPE_SHIFT | len;
}

static uint64_t key_of4(uint32_t scope, uint32_t host, unsigned int len)
{
	const uint32_t mask = len == 0 ? 0 : UINT32_MAX << (32 - len);
	const union weir_ip masked = { .w = { __builtin_bswap32(host & mask) } };

	return key4(scope, len, &masked);
}

/* Of a byte's lengths: which of them are below this network of 16 or 24 bits. */
static uint64_t key_of_hint(uint32_t scope, uint32_t host, unsigned int net)
{
	return key_of4(scope, host, net) | (uint64_t)HINT << LEN_SHIFT;
}

static uint64_t lengths_below(unsigned int net)
{
	return UINT64_C(0xff) << (net + 1);
}

static bool has_hints(const struct scope *s, unsigned int net)
{
	const uint64_t lens = s->len4 & lengths_below(net);

	return (lens & (lens - 1)) != 0; /* more than one */
}

static uint32_t scope_take(struct weir_lpm *lpm, uint64_t id)
{
	const uint64_t there = weir_table_get16(&lpm->scopes, id);

	if (there != 0)
		return (uint32_t)there - 1;
	lpm->scope[lpm->scope_count] = (struct scope){ 0 };
	weir_table_put16(&lpm->scopes, id, lpm->scope_count + 1);
	return lpm->scope_count++;
}

static void put(struct weir_lpm *lpm, const struct weir_lpm_row *row)
{
	const struct weir_prefix *p = &row->prefix;
	const uint32_t place = scope_take(lpm, row->scope);
	struct scope *s = &lpm->scope[place];
	uint64_t key[3];

	if (!p->is_ipv6) {
		s->len4 |= UINT64_C(1) << p->len;
		weir_table_put16(&lpm->v4, key4(place, p->len, &p->ip), (uint64_t)row->value + 1);
		return;
	}
	s->len6[p->len / 64] |= UINT64_C(1) << p->len % 64;
	key6(place, p->len, &p->ip, key);
	weir_table_put32(&lpm->v6, key, (uint64_t)row->value + 1);
}

/* When the lengths of all scopes are known. */
static void put_hint(struct weir_lpm *lpm, const struct weir_lpm_row *row)
{
	const struct weir_prefix *p = &row->prefix;
	const uint32_t place = (uint32_t)weir_table_get16(&lpm->scopes, row->scope) - 1;
	const unsigned int net = p->len > 24 ? 24 : 16;
	uint64_t key;

	if (p->is_ipv6 || p->len <= net || !has_hints(&lpm->scope[place], net))
		return;
	key = key_of_hint(place, weir_be32(p->ip.b), net);
	weir_table_put16(&lpm->v4, key, weir_table_get16(&lpm->v4, key) | UINT64_C(1) << p->len);
}

static size_t count6(const struct weir_lpm_row *rows, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += rows[i].prefix.is_ipv6;
	return count;
}

struct weir_lpm *weir_lpm_create(const struct weir_lpm_row *rows, size_t n)
{
	struct weir_lpm *lpm = calloc(1, sizeof(*lpm));
	const size_t n6 = count6(rows, n);

	if (lpm == NULL)
		return NULL;
	lpm->scope = calloc(n + 1, sizeof(*lpm->scope));
	if (lpm->scope == NULL || weir_table_init(&lpm->scopes, n, sizeof(struct weir_row16)) < 0 ||
	    weir_table_init(&lpm->v4, 2 * (n - n6), sizeof(struct weir_row16)) < 0 ||
	    weir_table_init(&lpm->v6, n6, sizeof(struct weir_row32)) < 0) {
		weir_lpm_destroy(lpm);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		put(lpm, &rows[i]);
	for (size_t i = 0; i < n; i++)
		put_hint(lpm, &rows[i]);
	return lpm;
}

void weir_lpm_destroy(struct weir_lpm *lpm)
{
	if (lpm == NULL)
		return;
	weir_table_fini(&lpm->scopes);
	weir_table_fini(&lpm->v4);
	weir_table_fini(&lpm->v6);
	free(lpm->scope);
	free(lpm);
}

size_t weir_lpm_bytes(const struct weir_lpm *lpm)
{
	return sizeof(*lpm) + lpm->scopes.bytes + lpm->v4.bytes + lpm->v6.bytes +
	       (lpm->scope_count + 1) * sizeof(*lpm->scope);
}

uint32_t weir_lpm_scope(const struct weir_lpm *lpm, uint64_t scope)
{
	return (uint32_t)weir_table_get16(&lpm->scopes, scope) - 1;
}

static uint32_t probe4(const struct weir_lpm *lpm, uint32_t scope, uint32_t host, uint64_t lens)
{
	while (lens != 0) {
		const unsigned int len = top_bit(lens);
		const uint64_t value = weir_table_get16(&lpm->v4, key_of4(scope, host, len));

		if (value != 0)
			return (uint32_t)(value - 1);
		lens ^= UINT64_C(1) << len;
	}
	return WEIR_LPM_NONE;
}

/* Of prefixes with less than `bits` bits. */
static uint32_t find4(const struct weir_lpm *lpm, uint32_t scope, const union weir_ip *ip,
		      unsigned int bits)
{
	const struct scope *s = &lpm->scope[scope];
	const uint32_t host = weir_be32(ip->b);
	uint64_t lens = s->len4 & ((UINT64_C(1) << bits) - 1);

	for (unsigned int net = 24; net >= 16; net -= 8) {
		const uint64_t below = lengths_below(net);
		uint32_t value;

		if ((lens & below) == 0)
			continue;
		if (has_hints(s, net))
			lens &= ~below | weir_table_get16(&lpm->v4, key_of_hint(scope, host, net));
		value = probe4(lpm, scope, host, lens & below);
		if (value != WEIR_LPM_NONE)
			return value;
	}
	return probe4(lpm, scope, host, lens & ((UINT64_C(1) << 17) - 1));
}

void weir_lpm_prefetch(const struct weir_lpm *lpm, uint32_t scope, const union weir_ip *ip)
{
	const uint32_t host = weir_be32(ip->b);
	uint64_t lens;

	if (scope == WEIR_LPM_NONE)
		return;
	lens = lpm->scope[scope].len4;
	for (unsigned int net = 24; net >= 16; net -= 8) {
		if (!has_hints(&lpm->scope[scope], net))
			continue;
		weir_prefetch(weir_table_at16(&lpm->v4, key_of_hint(scope, host, net)));
		lens &= ~lengths_below(net);
	}
	for (; lens != 0; lens &= lens - 1)
		weir_prefetch(
			weir_table_at16(&lpm->v4,
					key_of4(scope, host, (unsigned int)__builtin_ctzll(lens))));
}

static uint32_t find6(const struct weir_lpm *lpm, uint32_t scope, const union weir_ip *ip,
		      unsigned int bits)
{
	for (unsigned int word = LEN6_WORDS; word-- > 0;) {
		uint64_t left = lpm->scope[scope].len6[word];

		if (bits < (word + 1) * 64)
			left &= bits > word * 64 ? (UINT64_C(1) << (bits - word * 64)) - 1 : 0;
		while (left != 0) {
			const unsigned int bit = top_bit(left);
			const union weir_ip masked = weir_prefix_mask(ip, word * 64 + bit);
			uint64_t key[3], value;

			key6(scope, word * 64 + bit, &masked, key);
			value = weir_table_get32(&lpm->v6, key);
			if (value != 0)
				return (uint32_t)(value - 1);
			left ^= UINT64_C(1) << bit % 64;
		}
	}
	return WEIR_LPM_NONE;
}

uint32_t weir_lpm_find_in(const struct weir_lpm *lpm, uint32_t scope, const union weir_ip *ip,
			  bool is_ipv6)
{
	if (scope == WEIR_LPM_NONE)
		return WEIR_LPM_NONE;
	return is_ipv6 ? find6(lpm, scope, ip, 129) : find4(lpm, scope, ip, 33);
}

uint32_t weir_lpm_find(const struct weir_lpm *lpm, uint64_t scope, const union weir_ip *ip,
		       bool is_ipv6)
{
	return weir_lpm_find_in(lpm, weir_lpm_scope(lpm, scope), ip, is_ipv6);
}

uint32_t weir_lpm_parent(const struct weir_lpm *lpm, uint64_t scope,
			 const struct weir_prefix *prefix)
{
	const uint32_t place = weir_lpm_scope(lpm, scope);

	if (place == WEIR_LPM_NONE)
		return WEIR_LPM_NONE;
	return prefix->is_ipv6 ? find6(lpm, place, &prefix->ip, prefix->len)
			       : find4(lpm, place, &prefix->ip, prefix->len);
}
