/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring between two threads.
 *
 * Each side owns one cache line: its index, which the other side reads, and its copy of the other's
 * index, renewed only when the copy says full (empty). So in a steady stream a line changes hands
 * once in many slots. Indexes run freely and are masked on use.
 *
 * Waking costs a system call, so a sleeper is not woken for every slot: a consumer when the ring is
 * half full, a producer when it is half empty. A consumer also looks by itself every NAP_NS, which
 * bounds how long a few slots can lie there, and what is lost when a sleeper raises its flag just
 * as the other side looks: neither side then needs a fence on its fast path. weir_ring_flush() and
 * weir_ring_close() do not rely on it.
 */
#include <weir_rt.h>

#include <linux/futex.h>
#include <stdalign.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPINS  64
#define NAP_NS 1000000

/* Where one side sleeps. */
struct bed {
	_Atomic uint32_t bell; /* futex word: rises with each call; caller: rw, sleeper: ro */
	atomic_bool asleep;    /* sleeper: wo, caller: ro */
};

struct weir_ring {
	uint32_t slots; /* a power of two */
	size_t slot_bytes;
	size_t map_bytes;
	struct bed *consumer; /* own, or that of another ring with the same consumer */

	/* producer: rw; consumer: ro */
	alignas(WEIR_CACHE_LINE) _Atomic uint32_t head; /* slots pushed */
	uint32_t tail_seen;                             /* producer only */
	atomic_bool closed;

	/* consumer: rw; producer: ro */
	alignas(WEIR_CACHE_LINE) _Atomic uint32_t tail; /* slots popped */
	uint32_t head_seen;                             /* consumer only */

	alignas(WEIR_CACHE_LINE) struct bed producer;
	alignas(WEIR_CACHE_LINE) struct bed own_consumer;

	alignas(WEIR_CACHE_LINE) uint8_t data[];
};

struct weir_ring *weir_ring_create(uint32_t slots, size_t slot_bytes)
{
	size_t bytes = sizeof(struct weir_ring) + slots * slot_bytes;
	struct weir_ring *r;

	assert(slots > 0 && (slots & (slots - 1)) == 0);
	r = weir_mem_map(bytes);
	if (r == NULL)
		return NULL;
	r->slots = slots;
	r->slot_bytes = slot_bytes;
	r->map_bytes = bytes;
	r->consumer = &r->own_consumer;
	return r;
}

void weir_ring_destroy(struct weir_ring *r)
{
	if (r != NULL)
		weir_mem_unmap(r, r->map_bytes);
}

static void *slot_at(struct weir_ring *r, uint32_t index)
{
	return r->data + (index & (r->slots - 1)) * r->slot_bytes;
}

static void call(struct bed *bed)
{
	/* Release: what the caller did before is seen by the sleeper that reads the new number. */
	atomic_fetch_add_explicit(&bed->bell, 1, memory_order_release);
	syscall(SYS_futex, &bed->bell, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/*
 * The flag goes up before the sleeper looks whether it has to sleep, and the bell is read before both:
 * a call in between changes the bell, and the kernel then refuses to sleep.
 */
static uint32_t lie_down(struct bed *bed)
{
	const uint32_t bell = atomic_load_explicit(&bed->bell, memory_order_acquire);

	/* Sequentially consistent: pairs with the load in weir_ring_flush(). */
	atomic_store_explicit(&bed->asleep, true, memory_order_seq_cst);
	return bell;
}

static void sleep_in(struct bed *bed, uint32_t bell, uint64_t ns)
{
	const struct timespec limit = { .tv_sec = (time_t)(ns / WEIR_NS_PER_S),
					.tv_nsec = (long)(ns % WEIR_NS_PER_S) };

	syscall(SYS_futex, &bed->bell, FUTEX_WAIT_PRIVATE, bell, &limit, NULL, 0);
}

static void get_up(struct bed *bed)
{
	atomic_store_explicit(&bed->asleep, false, memory_order_relaxed);
}

/* Sleep until called, at most NAP_NS, unless `ready` says that there is no need. */
static void nap(struct weir_ring *r, struct bed *bed, bool (*ready)(struct weir_ring *))
{
	const uint32_t bell = lie_down(bed);

	if (!ready(r))
		sleep_in(bed, bell, NAP_NS);
	get_up(bed);
}

static bool spin(struct weir_ring *r, bool (*ready)(struct weir_ring *))
{
	for (int i = 0; i < SPINS; i++) {
		if (ready(r))
			return true;
		__builtin_ia32_pause();
	}
	return false;
}

/* Producer: the consumer's index is read anew only when the copy says full. */
static bool has_room(struct weir_ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed); /* own */

	if (head - r->tail_seen < r->slots)
		return true;
	/* Pairs with the release in weir_ring_pop(): the slot was read out before. */
	r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
	return head - r->tail_seen < r->slots;
}

/* Consumer: the same, for the producer's index. */
static bool has_slots(struct weir_ring *r)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed); /* own */

	if (r->head_seen != tail)
		return true;
	/*
	 * Pairs with the release in weir_ring_push(): the slot was filled before. Acquire would do, but
	 * for weir_ring_flush(); as a load both cost the same.
	 */
	r->head_seen = atomic_load_explicit(&r->head, memory_order_seq_cst);
	return r->head_seen != tail;
}

static bool has_slots_or_end(struct weir_ring *r)
{
	/* Acquire: pairs with weir_ring_close(); all pushes came before. */
	return has_slots(r) || atomic_load_explicit(&r->closed, memory_order_acquire);
}

void *weir_ring_reserve(struct weir_ring *r)
{
	if (weir_unlikely(!has_room(r)))
		return NULL;
	return slot_at(r, atomic_load_explicit(&r->head, memory_order_relaxed));
}

void *weir_ring_reserve_wait(struct weir_ring *r)
{
	while (!has_room(r)) {
		weir_ring_flush(r); /* full: the consumer must not sleep on */
		if (!spin(r, has_room))
			nap(r, &r->producer, has_room);
	}
	return weir_ring_reserve(r);
}

void weir_ring_push(struct weir_ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed) + 1;

	/* Release: pairs with the acquire in has_slots(). */
	atomic_store_explicit(&r->head, head, memory_order_release);
	if (weir_likely(head - r->tail_seen < (r->slots + 1) / 2 ||
			!atomic_load_explicit(&r->consumer->asleep, memory_order_relaxed)))
		return;
	r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
	if (head - r->tail_seen >= (r->slots + 1) / 2)
		call(r->consumer);
}

void weir_ring_flush(struct weir_ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	/*
	 * The exchange orders the push before the look at the flag, nap() the flag before its look at
	 * the ring: one of the two sees the other.
	 */
	atomic_exchange_explicit(&r->head, head, memory_order_seq_cst);
	if (atomic_load_explicit(&r->consumer->asleep, memory_order_seq_cst))
		call(r->consumer);
}

void weir_ring_close(struct weir_ring *r)
{
	/* Release: pairs with the acquire in has_slots_or_end(). */
	atomic_store_explicit(&r->closed, true, memory_order_release);
	call(r->consumer);
}

void weir_ring_reopen(struct weir_ring *r)
{
	/* Relaxed: those who use it from now on are told of it through something that orders. */
	atomic_store_explicit(&r->closed, false, memory_order_relaxed);
}

uint32_t weir_ring_peek(struct weir_ring *r, void **slot, uint32_t max)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	uint32_t n, to_wrap = r->slots - (tail & (r->slots - 1));

	if (!has_slots(r))
		return 0;
	*slot = slot_at(r, tail);
	n = r->head_seen - tail;
	n = n < max ? n : max;
	return n < to_wrap ? n : to_wrap;
}

void weir_ring_pop(struct weir_ring *r, uint32_t n)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed) + n;

	/* Release: pairs with the acquire in has_room(). */
	atomic_store_explicit(&r->tail, tail, memory_order_release);
	if (weir_likely(!atomic_load_explicit(&r->producer.asleep, memory_order_relaxed)))
		return;
	/* The producer sleeps, so its index stands still. */
	r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
	if (r->head_seen - tail <= r->slots / 2)
		call(&r->producer);
}

bool weir_ring_wait(struct weir_ring *r)
{
	while (!spin(r, has_slots_or_end))
		nap(r, r->consumer, has_slots_or_end);
	return has_slots(r);
}

bool weir_ring_is_over(struct weir_ring *r)
{
	/* Acquire: pairs with weir_ring_close(); looked at first, so that all pushes are seen. */
	return atomic_load_explicit(&r->closed, memory_order_acquire) && !has_slots(r);
}

bool weir_ring_is_empty(struct weir_ring *r)
{
	/* Acquire: who finds it empty also sees what the other side did before. */
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);

	return atomic_load_explicit(&r->head, memory_order_acquire) == tail;
}

void weir_ring_share_consumer(struct weir_ring *r, struct weir_ring *with)
{
	r->consumer = with->consumer;
}

void weir_rings_wait(struct weir_ring *const *rings, uint32_t n, uint64_t ns)
{
	struct bed *bed = rings[0]->consumer;
	const uint32_t bell = lie_down(bed);
	bool ready = false;

	for (uint32_t i = 0; i < n; i++)
		ready |= has_slots(rings[i]);
	if (!ready)
		sleep_in(bed, bell, ns);
	get_up(bed);
}

uint32_t weir_ring_used(const struct weir_ring *r)
{
	/* The consumer's first: it is never ahead of the producer's. */
	const uint32_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);

	return atomic_load_explicit(&r->head, memory_order_relaxed) - tail;
}
