/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Duplicates of a mirror: the same packet copied at two ports of one switch. Spec: data plane 1.10.
 *
 * What names a packet: the tap's capture NIC, both MACs, the IP header without what a hop changes, and
 * the next HASHED bytes, which hold the transport header, its checksum and the first payload. Its
 * 64-bit hash is remembered with the time in a set of four, one cache line.
 *
 * A retransmission is no duplicate. Over IPv4 it carries another identification. Where there is none
 * (IPv6, or identification 0 with DF) it looks just the same, so there only a repeat within
 * NO_ID_WINDOW_NS counts, which no sender's timer is as short as.
 *
 * The window counts from the first copy: a sender that repeats itself for ever is not silenced for
 * ever.
 */
#include "pipe_priv.h"

#include <stdalign.h>
#include <stdlib.h>

#define WAYS            4
#define HASHED          64 /* bytes after the fixed IP header */
#define NO_ID_WINDOW_NS WEIR_NS_PER_MS
#define IPV4_HEADER     20
#define IPV6_HEADER     40
#define IPV4_DF         0x40

#define K0              UINT64_C(0x9e3779b97f4a7c15)
#define K1              UINT64_C(0xd6e8feb86659fd93)

struct seen {
	uint64_t hash; /* 0 = empty */
	uint64_t ts_ns;
};

struct set {
	alignas(WEIR_CACHE_LINE) struct seen way[WAYS];
};
static_assert(sizeof(struct set) == WEIR_CACHE_LINE, "one probe, one line");

struct weir_dedup {
	struct set *sets;
	uint32_t set_mask;
	uint64_t seed;
	struct weir_dedup_counters counters;
};

static size_t sets_bytes(const struct weir_dedup *d)
{
	return ((size_t)d->set_mask + 1) * sizeof(struct set);
}

size_t weir_dedup_bytes(uint32_t packets)
{
	return sizeof(struct weir_dedup) + packets / WAYS * sizeof(struct set);
}

struct weir_dedup *weir_dedup_create(uint32_t packets, uint64_t seed)
{
	struct weir_dedup *d = calloc(1, sizeof(*d));

	assert(packets >= WAYS && (packets & (packets - 1)) == 0);
	if (d == NULL)
		return NULL;
	d->set_mask = packets / WAYS - 1;
	d->seed = seed;
	d->sets = weir_mem_map(sets_bytes(d));
	if (d->sets == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

void weir_dedup_destroy(struct weir_dedup *d)
{
	if (d == NULL)
		return;
	weir_mem_unmap(d->sets, sets_bytes(d));
	free(d);
}

void weir_dedup_forget(struct weir_dedup *d)
{
	memset(d->sets, 0, sets_bytes(d));
}

const struct weir_dedup_counters *weir_dedup_counters(const struct weir_dedup *d)
{
	return &d->counters;
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t hash_pair(uint64_t h, uint64_t a, uint64_t b)
{
	return weir_mix(h ^ a ^ K0, b ^ K1) + h;
}

static uint64_t hash_bytes(uint64_t h, const uint8_t *p, size_t len)
{
	uint8_t tail[16] = { 0 };

	for (; len >= 16; p += 16, len -= 16)
		h = hash_pair(h, load64(p), load64(p + 8));
	memcpy(tail, p, len);
	return hash_pair(h, load64(tail), load64(tail + 8) ^ len);
}

/* The fixed IP header as the sender made it. */
static uint64_t hash_ipv4(uint64_t h, const uint8_t *l3)
{
	const uint64_t ttl_and_checksum = UINT64_C(0xffff00ff);

	h = hash_pair(h, load64(l3), load64(l3 + 8) & ~ttl_and_checksum);
	return hash_pair(h, weir_be32(l3 + 16), 0);
}

static uint64_t hash_ipv6(uint64_t h, const uint8_t *l3)
{
	const uint64_t hop_limit = UINT64_C(0xff) << 56;

	h = hash_pair(h, load64(l3) & ~hop_limit, load64(l3 + 8));
	h = hash_pair(h, load64(l3 + 16), load64(l3 + 24));
	return hash_pair(h, load64(l3 + 32), 0);
}

/* 0 = not to be looked at. */
static uint64_t hash_of(const struct weir_dedup *d, const struct weir_pkt *pkt,
			const struct weir_attr *attr)
{
	const bool ipv6 = (pkt->flags & WEIR_PKT_IPV6) != 0;
	const size_t header = ipv6 ? IPV6_HEADER : IPV4_HEADER;
	const uint8_t *l3 = pkt->l3;
	size_t rest;
	uint64_t h;

	if (attr->network_type != WEIR_NETWORK_TYPE_CLOUD || (pkt->flags & WEIR_PKT_IP) == 0 ||
	    l3 == NULL || (size_t)(pkt->end - l3) < header)
		return 0;
	rest = weir_min_u64((size_t)(pkt->end - l3) - header, HASHED);
	h = hash_pair(d->seed, attr->capture_nic, weir_be48(pkt->mac[WEIR_SRC]));
	h = hash_pair(h, weir_be48(pkt->mac[WEIR_DST]), 0);
	h = ipv6 ? hash_ipv6(h, l3) : hash_ipv4(h, l3);
	h = hash_bytes(h, l3 + header, rest);
	return h != 0 ? h : 1;
}

static bool has_no_id(const struct weir_pkt *pkt)
{
	if (pkt->flags & WEIR_PKT_FRAGMENT)
		return false;
	return (pkt->flags & WEIR_PKT_IPV6) != 0 ||
	       (pkt->ip_id == 0 && (pkt->l3[6] & IPV4_DF) != 0);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static struct set *set_of(const struct weir_dedup *d, uint64_t hash)
{
	return &d->sets[hash & d->set_mask];
}

/* True: a duplicate. Otherwise the packet is remembered from now on. */
static bool look_up(struct weir_dedup *d, uint64_t hash, uint64_t ts_ns, uint64_t window_ns,
		    uint64_t longest_ns)
{
	struct set *set = set_of(d, hash);
	struct seen *oldest = &set->way[0];

	for (unsigned int i = 0; i < WAYS; i++) {
		struct seen *way = &set->way[i];

		if (way->hash == hash) {
			if (distance(way->ts_ns, ts_ns) <= window_ns)
				return true;
			oldest = way;
			break;
		}
		if (way->ts_ns < oldest->ts_ns)
			oldest = way;
	}
	if (oldest->hash != 0 && oldest->hash != hash &&
	    distance(oldest->ts_ns, ts_ns) <= longest_ns)
		d->counters.evicted++;
	*oldest = (struct seen){ hash, ts_ns };
	return false;
}

void weir_dedup_burst(struct weir_dedup *d, const struct weir_dedup_conf *conf,
		      const struct weir_pkt *pkts, const struct weir_attr *attrs, uint8_t *outcome,
		      unsigned int n)
{
	const uint64_t no_id_window = weir_min_u64(conf->window_ns, NO_ID_WINDOW_NS);
	uint64_t hash[WEIR_BURST_MAX];

	for (unsigned int i = 0; i < n; i++) {
		hash[i] = outcome[i] == WEIR_OUTCOME_FLOW ? hash_of(d, &pkts[i], &attrs[i]) : 0;
		weir_prefetch_w(set_of(d, hash[i]));
	}
	for (unsigned int i = 0; i < n; i++) {
		if (hash[i] == 0)
			continue;
		if (look_up(d, hash[i], pkts[i].ts_ns,
			    has_no_id(&pkts[i]) ? no_id_window : conf->window_ns,
			    conf->window_ns)) {
			outcome[i] = WEIR_OUTCOME_DUPLICATE;
			d->counters.duplicates++;
		}
	}
}
