/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Later fragments have no transport header: they take the ports of their datagram's first fragment, so
 * that all of it is one flow on one worker.
 *
 * A set-associative table remembers datagrams. A fragment that comes before its first one is copied and
 * held, in order, until the first one comes or hold_ns of packet time have passed. What is full lets
 * the fragment go on with ports 0 and counts it: no frame vanishes here.
 *
 * A held copy is in two lists: its datagram's, and that of all held ones in the order of their
 * deadlines. Deadlines never run backwards, so the first of the latter is the first of the former.
 * A released one belongs to who took it until it is returned; only then is its memory used again.
 */
#include "pipe_priv.h"

#include <stdlib.h>
#include <sys/queue.h>

#define WAYS              4
#define DATAGRAM_HELD_MAX 64  /* 64 KiB in fragments of 1 KiB */
#define HEADERS_MAX       256 /* kept behind the start of the IP header: options, what dedup reads */
#define REMEMBER_NS       (2 * WEIR_NS_PER_S)
#define PROTO_TCP         6
#define PROTO_UDP         17

#define K0                UINT64_C(0x9e3779b97f4a7c15)
#define K1                UINT64_C(0xd6e8feb86659fd93)

struct key {
	union weir_ip ip[2];
	uint32_t id;
	uint32_t tunnel_id;
	uint8_t proto; /* IPv4; fragments of IPv6 are told apart by their id alone */
	uint8_t tap;
	uint8_t pad[6];
};
static_assert(sizeof(struct key) == 48, "compared as bytes: no hidden padding");

struct slot {
	struct weir_held held; /* first: a frame's opaque points to it */
	struct weir_frame frame;
	struct datagram *datagram; /* while held */
	uint64_t deadline_ns;
	TAILQ_ENTRY(slot) wait;  /* while held: in weir_fragment's `waiting` */
	STAILQ_ENTRY(slot) next; /* in `held` of a datagram, then `released`, `out`, `free` */
	uint8_t bytes[WEIR_HELD_BYTES];
};

STAILQ_HEAD(slots, slot);
TAILQ_HEAD(waiting, slot);

struct datagram {
	struct key key;
	uint64_t ts_ns;    /* of the last fragment that changed this entry */
	struct slots held; /* valid while held_count > 0 */
	uint16_t port[2];  /* of the first fragment */
	uint16_t held_count;
	bool used;
	bool known; /* the first fragment was seen */
};

struct table {
	struct weir_fragment pub;
	struct weir_fragment_conf conf;
	struct datagram *datagrams;
	struct slot *pool;
	struct slots free;
	struct slots released; /* to be taken */
	struct slots out;      /* taken, oldest first */
	struct waiting waiting;
	uint32_t fresh; /* slots of the pool that were never used: those from here on */
	uint32_t held_count, held_max;
	uint64_t last_deadline_ns;
};

static void lists_init(struct table *t)
{
	STAILQ_INIT(&t->free);
	STAILQ_INIT(&t->released);
	STAILQ_INIT(&t->out);
	TAILQ_INIT(&t->waiting);
	t->pub.due_ns = UINT64_MAX;
}

static size_t datagrams_bytes(const struct weir_fragment_conf *conf)
{
	return conf->datagrams * sizeof(struct datagram);
}

static size_t pool_bytes(const struct weir_fragment_conf *conf)
{
	return conf->frames * sizeof(struct slot);
}

size_t weir_fragment_bytes(const struct weir_fragment_conf *conf)
{
	return sizeof(struct table) + datagrams_bytes(conf) + pool_bytes(conf);
}

struct weir_fragment *weir_fragment_create(const struct weir_fragment_conf *conf)
{
	struct table *t = calloc(1, sizeof(*t));

	assert(conf->datagrams >= WAYS && (conf->datagrams & (conf->datagrams - 1)) == 0);
	if (t == NULL)
		return NULL;
	t->conf = *conf;
	/* The other half is for copies on their way, which have to come back before it is used up:
	 * so what is held does not depend on workers. */
	t->held_max = conf->frames / 2;
	t->datagrams = weir_mem_map(datagrams_bytes(&t->conf));
	t->pool = weir_mem_map(pool_bytes(&t->conf));
	if (t->datagrams == NULL || t->pool == NULL) {
		weir_fragment_destroy(&t->pub);
		return NULL;
	}
	lists_init(t);
	return &t->pub;
}

void weir_fragment_destroy(struct weir_fragment *pub)
{
	struct table *t = (struct table *)pub;

	if (t == NULL)
		return;
	weir_mem_unmap(t->datagrams, datagrams_bytes(&t->conf));
	weir_mem_unmap(t->pool, pool_bytes(&t->conf));
	free(t);
}

static struct key key_of(const struct weir_pkt *pkt, uint8_t tap)
{
	return (struct key){
		.ip = { pkt->ip[WEIR_SRC], pkt->ip[WEIR_DST] },
		.id = pkt->ip_id,
		.tunnel_id = pkt->tunnel.id,
		.proto = pkt->flags & WEIR_PKT_IPV6 ? 0 : pkt->proto,
		.tap = tap,
	};
}

static struct datagram *set_of(const struct table *t, const struct key *key)
{
	uint64_t h = weir_mix(key->ip[0].q[0] ^ K0, key->ip[0].q[1] ^ K1);

	h = weir_mix(h ^ key->ip[1].q[0], key->ip[1].q[1] ^ K1);
	h = weir_mix(h ^ key->id, (uint64_t)key->tunnel_id << 16 ^ key->proto ^ K0);
	return &t->datagrams[h & (t->conf.datagrams - 1) & ~(uint64_t)(WAYS - 1)];
}

static void due_update(struct table *t)
{
	const struct slot *first = TAILQ_FIRST(&t->waiting);

	t->pub.due_ns = first != NULL ? first->deadline_ns : UINT64_MAX;
}

/* The oldest held fragment of a datagram goes on, with the ports known by now. */
static void release_one(struct table *t, struct datagram *d)
{
	struct slot *s = STAILQ_FIRST(&d->held);

	STAILQ_REMOVE_HEAD(&d->held, next);
	TAILQ_REMOVE(&t->waiting, s, wait);
	d->held_count--;
	t->held_count--;
	s->frame.flags |= WEIR_FRAME_HELD | WEIR_FRAME_PORTS;
	s->frame.ports[WEIR_SRC] = d->known ? d->port[WEIR_SRC] : 0;
	s->frame.ports[WEIR_DST] = d->known ? d->port[WEIR_DST] : 0;
	STAILQ_INSERT_TAIL(&t->released, s, next);
}

static void release_all(struct table *t, struct datagram *d, uint64_t *counter)
{
	*counter += d->held_count;
	while (d->held_count > 0)
		release_one(t, d);
	due_update(t);
}

void weir_fragment_expire(struct weir_fragment *pub, uint64_t now_ns)
{
	struct table *t = (struct table *)pub;

	while (now_ns >= t->pub.due_ns) {
		release_one(t, TAILQ_FIRST(&t->waiting)->datagram);
		t->pub.counters.expired++;
		due_update(t);
	}
}

void weir_fragment_flush(struct weir_fragment *pub)
{
	struct table *t = (struct table *)pub;

	if (!TAILQ_EMPTY(&t->waiting))
		weir_fragment_expire(pub, t->last_deadline_ns);
}

void weir_fragment_forget(struct weir_fragment *pub)
{
	struct table *t = (struct table *)pub;

	assert(t->held_count == 0 && STAILQ_EMPTY(&t->released));
	memset(t->datagrams, 0, datagrams_bytes(&t->conf));
	lists_init(t);
	t->fresh = 0;
	t->last_deadline_ns = 0;
}

static bool is_current(const struct datagram *d, uint64_t ts_ns)
{
	return d->held_count > 0 ||
	       (ts_ns > d->ts_ns ? ts_ns - d->ts_ns : d->ts_ns - ts_ns) <= REMEMBER_NS;
}

/* What makes room: nothing held before something held, then unused ones, then the oldest. */
static bool is_before(const struct datagram *a, const struct datagram *b)
{
	if ((a->held_count > 0) != (b->held_count > 0))
		return b->held_count > 0;
	if (a->used != b->used)
		return b->used;
	return a->ts_ns < b->ts_ns;
}

static struct datagram *renew(struct table *t, struct datagram *d, const struct key *key)
{
	release_all(t, d, &t->pub.counters.evicted);
	*d = (struct datagram){ .key = *key, .used = true };
	STAILQ_INIT(&d->held);
	return d;
}

static struct datagram *datagram_of(struct table *t, const struct key *key, uint64_t ts_ns)
{
	struct datagram *set = set_of(t, key), *victim = set;

	for (unsigned int i = 0; i < WAYS; i++) {
		struct datagram *d = &set[i];

		if (d->used && memcmp(&d->key, key, sizeof(*key)) == 0)
			return is_current(d, ts_ns) ? d : renew(t, d, key);
		if (is_before(d, victim))
			victim = d;
	}
	return renew(t, victim, key);
}

/* Copies come back about in the order they were taken. */
static void reclaim(struct table *t)
{
	struct slot *s;

	while ((s = STAILQ_FIRST(&t->out)) != NULL &&
	       /* Acquire: pairs with the release in weir_fragment_return(). */
	       atomic_load_explicit(&s->held.returned, memory_order_acquire)) {
		STAILQ_REMOVE_HEAD(&t->out, next);
		STAILQ_INSERT_TAIL(&t->free, s, next);
	}
}

bool weir_fragment_is_dry(struct weir_fragment *pub)
{
	struct table *t = (struct table *)pub;

	reclaim(t);
	return STAILQ_EMPTY(&t->free) && t->fresh == t->conf.frames;
}

static struct slot *take_free(struct table *t)
{
	struct slot *s = STAILQ_FIRST(&t->free);

	if (s != NULL)
		STAILQ_REMOVE_HEAD(&t->free, next);
	else if (t->fresh < t->conf.frames)
		s = &t->pool[t->fresh++];
	return s;
}

/* A copy must say all that decoding and dedup would have found in the frame. */
static bool is_copyable(const struct weir_frame *frame, const struct weir_pkt *pkt)
{
	return frame->caplen <= WEIR_HELD_BYTES ||
	       (pkt->l3 != NULL && pkt->l3 - frame->data <= WEIR_HELD_BYTES - HEADERS_MAX);
}

static bool hold(struct table *t, struct datagram *d, uint8_t slot, const struct weir_frame *frame,
		 const struct weir_pkt *pkt)
{
	struct slot *s;

	if (t->held_count == t->held_max || d->held_count == DATAGRAM_HELD_MAX ||
	    !is_copyable(frame, pkt))
		return false;
	reclaim(t);
	s = take_free(t);
	if (s == NULL)
		return false;

	s->frame = *frame;
	s->frame.data = s->bytes;
	s->frame.caplen = (uint32_t)weir_min_u64(frame->caplen, WEIR_HELD_BYTES);
	s->frame.opaque = &s->held;
	memcpy(s->bytes, frame->data, s->frame.caplen);
	s->held.tap = d->key.tap;
	s->held.slot = slot;
	/* Relaxed: whoever returns it gets it through something that orders. */
	atomic_store_explicit(&s->held.returned, false, memory_order_relaxed);

	t->last_deadline_ns = weir_max_u64(t->last_deadline_ns, pkt->ts_ns + t->conf.hold_ns);
	s->deadline_ns = t->last_deadline_ns;
	s->datagram = d;
	STAILQ_INSERT_TAIL(&d->held, s, next);
	TAILQ_INSERT_TAIL(&t->waiting, s, wait);
	d->held_count++;
	t->held_count++;
	t->pub.counters.held++;
	due_update(t);
	return true;
}

static void ports_set(struct weir_frame *frame, struct weir_pkt *pkt, const uint16_t port[2])
{
	frame->flags |= WEIR_FRAME_PORTS;
	for (unsigned int end = 0; end < 2; end++)
		frame->ports[end] = pkt->port[end] = port[end];
}

static void step_first(struct table *t, uint8_t tap, const struct weir_pkt *pkt)
{
	const struct key key = key_of(pkt, tap);
	struct datagram *d = datagram_of(t, &key, pkt->ts_ns);

	d->known = true;
	d->ts_ns = pkt->ts_ns;
	d->port[WEIR_SRC] = pkt->port[WEIR_SRC];
	d->port[WEIR_DST] = pkt->port[WEIR_DST];
	release_all(t, d, &t->pub.counters.matched);
}

static enum weir_fragment_verdict step_later(struct table *t, uint8_t tap, uint8_t slot,
					     struct weir_frame *frame, struct weir_pkt *pkt)
{
	static const uint16_t none[2];
	const struct key key = key_of(pkt, tap);
	struct datagram *d = datagram_of(t, &key, pkt->ts_ns);

	if (d->known) {
		ports_set(frame, pkt, d->port);
		return WEIR_FRAGMENT_PASS;
	}
	d->ts_ns = pkt->ts_ns;
	if (hold(t, d, slot, frame, pkt))
		return WEIR_FRAGMENT_HELD;
	t->pub.counters.exhausted++;
	ports_set(frame, pkt, none);
	return WEIR_FRAGMENT_PASS;
}

/* Other protocols have no ports to wait for. */
static bool has_ports(const struct weir_pkt *pkt)
{
	return (pkt->flags & WEIR_PKT_IPV6) != 0 || pkt->proto == PROTO_TCP ||
	       pkt->proto == PROTO_UDP;
}

enum weir_fragment_verdict weir_fragment_step(struct weir_fragment *pub, uint8_t tap, uint8_t slot,
					      struct weir_frame *frame, struct weir_pkt *pkt)
{
	struct table *t = (struct table *)pub;

	weir_fragment_expire(pub, pkt->ts_ns);
	if ((pkt->flags & WEIR_PKT_FRAGMENT) == 0 || !has_ports(pkt))
		return WEIR_FRAGMENT_PASS;
	if (pkt->flags & WEIR_PKT_LATER_FRAGMENT)
		return step_later(t, tap, slot, frame, pkt);
	step_first(t, tap, pkt);
	return WEIR_FRAGMENT_PASS;
}

uint16_t weir_fragment_take_released(struct weir_fragment *pub, struct weir_frame *out,
				     uint16_t max)
{
	struct table *t = (struct table *)pub;
	uint16_t n = 0;
	struct slot *s;

	while (n < max && (s = STAILQ_FIRST(&t->released)) != NULL) {
		STAILQ_REMOVE_HEAD(&t->released, next);
		STAILQ_INSERT_TAIL(&t->out, s, next);
		out[n++] = s->frame;
	}
	return n;
}
