/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses a finished file may hold: a Bloom filter (Bloom 1970) of its addresses and of their
 * /24 and /64 prefixes, in blocks of 4000 bytes, a row each. An address has all its bits in one block
 * (Putze, Sanders, Singler 2007), so that asking for it reads one page and not the whole filter.
 *
 * 12 bits and 8 hashes a key: below 1 % of the addresses a file does not hold look as if it did.
 */
#include "store_priv.h"

#include <errno.h>
#include <stdlib.h>

#define BLOCK_BYTES  4000
#define BLOCK_BITS   (BLOCK_BYTES * 8)
#define BITS_PER_KEY 12
#define HASHES       8

struct key {
	uint64_t q[2];
	uint8_t prefix;
	bool is_ipv6;
};

struct place {
	uint32_t block;
	uint32_t bits[HASHES];
};

static void mask(uint8_t b[16], unsigned int prefix)
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int left = prefix > i * 8 ? prefix - i * 8 : 0;

		b[i] &= left >= 8 ? 0xff : (uint8_t)(0xff00 >> left);
	}
}

static struct key key_of(const uint8_t *ip, bool is_ipv6, uint8_t prefix)
{
	struct key k = { .prefix = prefix, .is_ipv6 = is_ipv6 };
	uint8_t b[16] = { 0 };

	memcpy(b, ip, is_ipv6 ? 16 : 4);
	mask(b, prefix);
	memcpy(k.q, b, sizeof(k.q));
	return k;
}

/* These numbers are part of the file format. */
static struct place place_of(const struct key *k, uint64_t blocks)
{
	uint64_t kind = (uint64_t)k->prefix << 1 | k->is_ipv6;
	uint64_t h = weir_mix(k->q[0] ^ UINT64_C(0x9e3779b97f4a7c15),
			      k->q[1] ^ UINT64_C(0xbf58476d1ce4e5b9) ^ kind);
	uint64_t h2 = weir_mix(h ^ UINT64_C(0x94d049bb133111eb), UINT64_C(0xd6e8feb86659fd93));
	uint32_t a = (uint32_t)h2, b = (uint32_t)(h2 >> 32) | 1;
	struct place p;

	p.block = (uint32_t)((h >> 32) * blocks >> 32);
	for (uint32_t i = 0; i < HASHES; i++, a += b)
		p.bits[i] = (uint32_t)((uint64_t)a * BLOCK_BITS >> 32);
	return p;
}

static void set(uint8_t *filter, const struct key *k, uint64_t blocks)
{
	struct place p = place_of(k, blocks);
	uint8_t *block = filter + (size_t)p.block * BLOCK_BYTES;

	for (int i = 0; i < HASHES; i++)
		block[p.bits[i] / 8] |= (uint8_t)(1 << p.bits[i] % 8);
}

/* Keys of one side in the order of its index: each address and prefix comes once. */
struct walk {
	uint64_t keys;
	uint8_t *filter; /* NULL = only count */
	uint64_t blocks;
	struct key net; /* the last prefix */
};

static void walk_key(struct walk *w, const struct key *k)
{
	w->keys++;
	if (w->filter != NULL)
		set(w->filter, k, w->blocks);
}

static void walk_address(struct walk *w, const uint8_t *ip, bool is_ipv6)
{
	struct key exact = key_of(ip, is_ipv6, is_ipv6 ? 128 : 32);
	struct key net = key_of(ip, is_ipv6, is_ipv6 ? 64 : 24);

	walk_key(w, &exact);
	if (net.q[0] == w->net.q[0] && net.q[1] == w->net.q[1] && net.prefix == w->net.prefix)
		return;
	w->net = net;
	walk_key(w, &net);
}

static int walk_side(struct walk *w, struct weir_db *db, const char *sql, struct weir_err *err)
{
	struct weir_db_stmt *s = weir_db_prepare(db, sql, err);
	int rc = s == NULL ? -err->code : 1;

	w->net.prefix = 0;
	while (rc == 1) {
		union weir_ip ip;
		bool is_ipv6;

		rc = weir_db_step(s, err);
		if (rc != 1)
			break;
		is_ipv6 = store_ip_read(&ip, s, 0);
		walk_address(w, ip.b, is_ipv6);
	}
	weir_db_finish(s);
	return rc;
}

static int walk_both(struct walk *w, struct weir_db *db, struct weir_err *err)
{
	int rc = walk_side(w, db, "SELECT DISTINCT ip_0 FROM flow_row ORDER BY ip_0", err);

	if (rc == 0)
		rc = walk_side(w, db, "SELECT DISTINCT ip_1 FROM flow_row ORDER BY ip_1", err);
	return rc;
}

static int store_blocks(struct weir_db *db, const uint8_t *filter, uint64_t blocks,
			struct weir_err *err)
{
	struct weir_db_stmt *s;
	int rc = weir_db_exec(db, "DELETE FROM address_filter", err);

	if (rc != 0)
		return rc;
	s = weir_db_prepare(db, "INSERT INTO address_filter VALUES (?, ?)", err);
	if (s == NULL)
		return -err->code;
	for (uint64_t i = 0; i < blocks && rc == 0; i++) {
		weir_db_bind_i64(s, 1, (int64_t)i);
		weir_db_bind_blob(s, 2, filter + i * BLOCK_BYTES, BLOCK_BYTES);
		rc = weir_db_step(s, err);
	}
	weir_db_finish(s);
	return rc;
}

int store_address_build(struct weir_db *db, int64_t *blocks, struct weir_err *err)
{
	struct walk w = { 0 };
	int rc = walk_both(&w, db, err);

	*blocks = 0;
	if (rc != 0)
		return rc;
	w.blocks = w.keys * BITS_PER_KEY / BLOCK_BITS + 1;
	w.filter = calloc(w.blocks, BLOCK_BYTES);
	if (w.filter == NULL)
		return weir_err_set(err, ENOMEM,
				    "store: no memory for the filter of %llu addresses",
				    (unsigned long long)w.keys);
	rc = walk_both(&w, db, err);
	if (rc == 0)
		rc = store_blocks(db, w.filter, w.blocks, err);
	if (rc == 0)
		*blocks = (int64_t)w.blocks;
	free(w.filter);
	return rc;
}

/* 1 = all bits are set. */
static int test_key(struct weir_db_stmt *s, const struct key *k, uint64_t blocks,
		    struct weir_err *err)
{
	struct place p = place_of(k, blocks);
	const uint8_t *bits;
	size_t bytes;
	int rc, all = 1;

	weir_db_bind_i64(s, 1, p.block);
	rc = weir_db_step(s, err);
	if (rc != 1)
		return rc < 0 ? rc : 1; /* a block that is missing excludes nothing */
	bits = weir_db_blob(s, 0, &bytes);
	for (int i = 0; bits != NULL && bytes == BLOCK_BYTES && i < HASHES; i++)
		all &= bits[p.bits[i] / 8] >> p.bits[i] % 8 & 1;
	weir_db_reset(s);
	return all;
}

int store_address_test(struct weir_db *db, int64_t blocks, const struct weir_store_net *nets,
		       uint32_t n, struct weir_err *err)
{
	struct weir_db_stmt *s;
	int rc = 0;

	if (n == 0 || blocks <= 0 || blocks > UINT32_MAX)
		return 1;
	s = weir_db_prepare(db, "SELECT bits FROM address_filter WHERE block = ?", err);
	if (s == NULL)
		return -err->code;
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		const uint8_t all = nets[i].is_ipv6 ? 128 : 32, some = nets[i].is_ipv6 ? 64 : 24;
		struct key k = key_of(nets[i].ip.b, nets[i].is_ipv6,
				      nets[i].prefix >= all ? all : some);

		/* Of larger nets nothing is known. */
		rc = nets[i].prefix < some ? 1 : test_key(s, &k, (uint64_t)blocks, err);
	}
	weir_db_finish(s);
	return rc;
}
