/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service table: spec, data plane 4.4, made independent of order.
 *
 * A score after a boundary is a function of the score before it and of what all logs together hold of
 * that pair: was it removed, by how much did it rise, was it proven; applied in this order. All of
 * these commute. To keep logs small, an event that cannot change the score it started from is not
 * written down; that, too, depends on the snapshot alone.
 *
 * Where a pair lies is a cache miss, so events wait for their lines, LATE_MAX of them, before they are
 * looked up.
 *
 * A snapshot is a dense array with an index beside it, and a filter of bits before both: most pairs
 * asked for are clients, unknown, and end at one bit.
 */
#include <weir_flow_service.h>

#include <stdlib.h>

#define INDEX_SLOTS (2 * WEIR_HINTS_MAX)
#define FILTER_BITS (8 * WEIR_HINTS_MAX)
#define LOG_SLOTS   (2 * WEIR_HINT_LOG_MAX)
#define LATE_MAX    32
static_assert(WEIR_HINTS_MAX < UINT16_MAX, "index + 1 fits a slot");

#define K0 UINT64_C(0x9e3779b97f4a7c15)
#define K1 UINT64_C(0xd6e8feb86659fd93)

struct hint {
	union weir_ip ip;
	uint16_t port;
	uint8_t score;
};

struct weir_hints {
	uint64_t seed; /* where things lie, not what they are */
	uint64_t dropped;
	uint32_t count;
	uint64_t filter[FILTER_BITS / 64];
	uint16_t slot[INDEX_SLOTS]; /* index in hint[] + 1, 0 = empty */
	struct hint hint[WEIR_HINTS_MAX];
};

/* What was seen of one pair. */
struct change {
	union weir_ip ip;
	int32_t rise;
	uint16_t port;
	bool used; /* the slot */
	bool proven;
	bool removed;
};
static_assert(sizeof(struct change) == 32, "never in two cache lines");

struct event {
	union weir_ip ip;
	uint64_t hash; /* of the log */
	uint16_t port;
	uint8_t event; /* enum weir_hint_event */
};

struct weir_hint_log {
	const struct weir_hints *base;
	uint64_t seed;
	uint64_t dropped;
	uint32_t count;
	uint32_t n_late;
	struct event late[LATE_MAX];      /* told, not yet looked up: their lines are on the way */
	uint32_t used[WEIR_HINT_LOG_MAX]; /* slots of slot[], in order of arrival */
	struct change slot[LOG_SLOTS] __attribute__((aligned(WEIR_CACHE_LINE)));
};

struct weir_hint_log *weir_hint_log_create(void)
{
	struct weir_hint_log *log = weir_mem_map(sizeof(*log));

	if (log != NULL)
		log->seed = weir_random_u64();
	return log;
}

size_t weir_hint_log_bytes(void)
{
	return sizeof(struct weir_hint_log);
}

void weir_hint_log_destroy(struct weir_hint_log *log)
{
	weir_mem_unmap(log, sizeof(*log));
}

void weir_hints_destroy(struct weir_hints *h)
{
	free(h);
}

uint32_t weir_hints_size(const struct weir_hints *h)
{
	return h->count;
}

uint64_t weir_hints_dropped(const struct weir_hints *h)
{
	return h->dropped;
}

uint64_t weir_hint_log_dropped(const struct weir_hint_log *log)
{
	return log->dropped;
}

static uint64_t hash_of(uint64_t seed, const union weir_ip *ip, uint16_t port)
{
	return weir_mix(weir_mix(ip->q[0] ^ seed ^ K0, ip->q[1] ^ K1) ^ port, seed ^ K1);
}

static bool is_same(const union weir_ip *a, const union weir_ip *b)
{
	return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}

static uint32_t filter_bit(uint64_t hash)
{
	return (uint32_t)(hash >> 40) & (FILTER_BITS - 1);
}

static bool is_in_filter(const struct weir_hints *h, uint64_t hash)
{
	const uint32_t bit = filter_bit(hash);

	return (h->filter[bit / 64] >> bit % 64 & 1) != 0;
}

uint8_t weir_hints_score(const struct weir_hints *h, const union weir_ip *ip, uint16_t port)
{
	const uint64_t hash = hash_of(h->seed, ip, port);

	if (!is_in_filter(h, hash))
		return 0;
	for (uint64_t i = hash;; i++) {
		const uint16_t slot = h->slot[i & (INDEX_SLOTS - 1)];
		const struct hint *hint;

		if (slot == 0)
			return 0;
		hint = &h->hint[slot - 1];
		if (hint->port == port && is_same(&hint->ip, ip))
			return hint->score;
	}
}

static void insert(struct weir_hints *h, const struct hint *hint)
{
	const uint64_t hash = hash_of(h->seed, &hint->ip, hint->port);
	const uint32_t bit = filter_bit(hash);
	uint64_t i = hash;

	while (h->slot[i & (INDEX_SLOTS - 1)] != 0)
		i++;
	h->hint[h->count++] = *hint;
	h->slot[i & (INDEX_SLOTS - 1)] = (uint16_t)h->count;
	h->filter[bit / 64] |= UINT64_C(1) << bit % 64;
}

static uint8_t score_of(const struct weir_hints *h, const union weir_ip *ip, uint16_t port)
{
	return h != NULL ? weir_hints_score(h, ip, port) : 0;
}

/* The slot of a pair, or the empty one where it would be. */
static uint32_t log_slot(const struct weir_hint_log *log, uint64_t hash, const union weir_ip *ip,
			 uint16_t port)
{
	for (uint64_t i = hash;; i++) {
		const uint32_t at = (uint32_t)i & (LOG_SLOTS - 1);
		const struct change *c = &log->slot[at];

		if (!c->used || (c->port == port && is_same(&c->ip, ip)))
			return at;
	}
}

static const struct change *log_find(const struct weir_hint_log *log, const union weir_ip *ip,
				     uint16_t port)
{
	const struct change *c = &log->slot[log_slot(log, hash_of(log->seed, ip, port), ip, port)];

	return c->used ? c : NULL;
}

static struct change *log_take(struct weir_hint_log *log, const struct event *e)
{
	const uint32_t at = log_slot(log, e->hash, &e->ip, e->port);
	struct change *c = &log->slot[at];

	if (c->used)
		return c;
	if (log->count == WEIR_HINT_LOG_MAX) {
		log->dropped++;
		return NULL;
	}
	log->used[log->count++] = at;
	*c = (struct change){ .ip = e->ip, .port = e->port, .used = true };
	return c;
}

static bool can_change(enum weir_hint_event event, uint8_t score)
{
	switch (event) {
	case WEIR_HINT_PROVEN:
		return score != WEIR_SCORE_PROVEN;
	case WEIR_HINT_REMOVED:
		return score != 0;
	case WEIR_HINT_SERVER:
		return score < WEIR_SCORE_LEARNED_MAX;
	case WEIR_HINT_CLIENT:
		return score != 0 && score <= WEIR_SCORE_LEARNED_MAX;
	}
	return false;
}

static void look_up(struct weir_hint_log *log, const struct event *e)
{
	struct change *c;

	if (!can_change((enum weir_hint_event)e->event, score_of(log->base, &e->ip, e->port)))
		return;
	c = log_take(log, e);
	if (c == NULL)
		return;
	c->proven |= e->event == WEIR_HINT_PROVEN;
	c->removed |= e->event == WEIR_HINT_REMOVED;
	c->rise += (e->event == WEIR_HINT_SERVER) - (e->event == WEIR_HINT_CLIENT);
}

static void look_up_late(struct weir_hint_log *log)
{
	for (uint32_t i = 0; i < log->n_late; i++)
		look_up(log, &log->late[i]);
	log->n_late = 0;
}

void weir_hint_log_add(struct weir_hint_log *log, enum weir_hint_event event,
		       const union weir_ip *ip, uint16_t port)
{
	uint64_t hash;

	/* Full until the next boundary: a flood of new pairs costs no look-up. */
	if (weir_unlikely(log->count == WEIR_HINT_LOG_MAX)) {
		log->dropped++;
		return;
	}
	/* With no snapshot, or not in it: most clients are. */
	if ((event == WEIR_HINT_REMOVED || event == WEIR_HINT_CLIENT) &&
	    (log->base == NULL || !is_in_filter(log->base, hash_of(log->base->seed, ip, port))))
		return;
	hash = hash_of(log->seed, ip, port);
	weir_prefetch_w(&log->slot[hash & (LOG_SLOTS - 1)]);
	log->late[log->n_late++] = (struct event){ *ip, hash, port, (uint8_t)event };
	if (log->n_late == LATE_MAX)
		look_up_late(log);
}

bool weir_hint_log_is_empty(struct weir_hint_log *log)
{
	look_up_late(log);
	return log->count == 0;
}

static void restart(struct weir_hint_log *log, const struct weir_hints *base)
{
	for (uint32_t i = 0; i < log->count; i++)
		log->slot[log->used[i]].used = false;
	log->count = 0;
	log->n_late = 0;
	log->base = base;
}

void weir_hint_log_clear(struct weir_hint_log *log)
{
	restart(log, NULL);
}

static uint8_t score_after(uint8_t score, const struct change *c, int64_t rise)
{
	int64_t learned = c->removed ? 0 : score;

	if (c->proven)
		return WEIR_SCORE_PROVEN;
	if (learned > WEIR_SCORE_LEARNED_MAX)
		return score;
	learned += rise;
	if (learned < 0)
		return 0;
	return (uint8_t)weir_min_u64((uint64_t)learned, WEIR_SCORE_LEARNED_MAX);
}

/* Highest score first, then smallest address and port. */
static int compare(const void *a, const void *b)
{
	const struct hint *x = a, *y = b;
	int order;

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	order = memcmp(x->ip.b, y->ip.b, sizeof(x->ip.b));
	return order != 0 ? order : (int)x->port - (int)y->port;
}

static bool is_in_a_log(struct weir_hint_log *const *logs, unsigned int n, const union weir_ip *ip,
			uint16_t port)
{
	for (unsigned int i = 0; i < n; i++)
		if (log_find(logs[i], ip, port) != NULL)
			return true;
	return false;
}

/* One pair's score after all logs from `first` on, which is the first to know it. */
static struct hint joined(const struct weir_hints *old, struct weir_hint_log *const *logs,
			  unsigned int n, unsigned int first, const struct change *c)
{
	struct hint hint = { .ip = c->ip, .port = c->port };
	struct change sum = *c;
	int64_t rise = c->rise;

	for (unsigned int i = first + 1; i < n; i++) {
		const struct change *more = log_find(logs[i], &c->ip, c->port);

		if (more == NULL)
			continue;
		sum.proven |= more->proven;
		sum.removed |= more->removed;
		rise += more->rise;
	}
	hint.score = score_after(score_of(old, &c->ip, c->port), &sum, rise);
	return hint;
}

/* Every pair with a score above 0, in any order, each once. Returns how many. */
static size_t gather(const struct weir_hints *old, struct weir_hint_log *const *logs,
		     unsigned int n, struct hint *to)
{
	size_t count = 0;

	for (unsigned int i = 0; i < n; i++) {
		for (uint32_t k = 0; k < logs[i]->count; k++) {
			const struct change *c = &logs[i]->slot[logs[i]->used[k]];

			if (is_in_a_log(logs, i, &c->ip, c->port))
				continue;
			to[count] = joined(old, logs, n, i, c);
			count += to[count].score > 0;
		}
	}
	for (uint32_t k = 0; old != NULL && k < old->count; k++)
		if (!is_in_a_log(logs, n, &old->hint[k].ip, old->hint[k].port))
			to[count++] = old->hint[k];
	return count;
}

/* What stays of `count` pairs; `all` is put in another order if that is not all. */
static struct weir_hints *built(const struct weir_hints *old, struct hint *all, size_t count)
{
	struct weir_hints *h = malloc(sizeof(*h));

	if (h == NULL)
		return NULL;
	memset(h, 0, offsetof(struct weir_hints, hint));
	h->seed = weir_random_u64();
	h->dropped = old != NULL ? old->dropped : 0;
	if (count > WEIR_HINTS_MAX) {
		qsort(all, count, sizeof(*all), compare);
		h->dropped += count - WEIR_HINTS_MAX;
		count = WEIR_HINTS_MAX;
	}
	for (size_t i = 0; i < count; i++)
		insert(h, &all[i]);
	return h;
}

struct weir_hints *weir_hints_merge(const struct weir_hints *old, struct weir_hint_log *const *logs,
				    unsigned int n)
{
	size_t room = 1 + (old != NULL ? old->count : 0);
	struct weir_hints *h = NULL;
	struct hint *all;

	for (unsigned int i = 0; i < n; i++) {
		look_up_late(logs[i]);
		room += logs[i]->count;
	}
	all = malloc(room * sizeof(*all));
	if (all != NULL)
		h = built(old, all, gather(old, logs, n, all));
	free(all);
	for (unsigned int i = 0; i < n; i++)
		restart(logs[i], h != NULL ? h : old);
	return h;
}
