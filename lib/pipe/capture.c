/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets on demand. Each reader copies into a ring of bytes of its own: an entry is a header and what is
 * kept of the packet; one that would not fit before the end of the memory leaves the rest unused and
 * begins at the start.
 */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>

#define DEFAULT_MEMORY ((size_t)16 << 20)
#define ALIGN          ((size_t)8)

struct entry {
	uint32_t bytes;              /* to the next one */
	bool unused;                 /* nothing follows before the start of the memory */
	struct weir_captured packet; /* but its data, which follow */
};
static_assert(offsetof(struct entry, unused) < ALIGN, "written where no more room is");

struct count {
	_Atomic uint64_t matched, dropped; /* reader: wo; others: ro */
};

/* Indexes run freely and are taken modulo `size`. */
struct tape {
	alignas(WEIR_CACHE_LINE) _Atomic uint64_t head; /* reader: wo, consumer: ro */
	struct count count[WEIR_PIPE_PORTS_MAX];
	alignas(WEIR_CACHE_LINE) _Atomic uint64_t tail; /* consumer: wo, reader: ro */
	uint8_t *memory;
	size_t size;
};

struct weir_capture {
	struct weir_pipe *pipe;
	struct weir_capture_options opt;
	bool running;
	unsigned int n; /* one a reader */
	struct tape *tape;
	struct tape *lent; /* whose first entry was handed out */
};

static uint64_t load(const _Atomic uint64_t *x)
{
	return atomic_load_explicit(x, memory_order_relaxed);
}

/* One thread writes. */
static void add_one(_Atomic uint64_t *x)
{
	atomic_store_explicit(x, load(x) + 1, memory_order_relaxed);
}

static struct entry *entry_at(const struct tape *t, uint64_t index)
{
	return (struct entry *)(void *)(t->memory + index % t->size);
}

/* Room for an entry of so many bytes in one piece, or NULL; *head is moved behind what stays unused. */
static struct entry *reserve(struct tape *t, uint64_t *head, size_t bytes)
{
	const size_t to_end = t->size - *head % t->size;
	const size_t needed = bytes <= to_end ? bytes : to_end + bytes;

	/* Acquire: pairs with the release in pop(); the consumer has read what lay there. */
	if (t->size - (*head - atomic_load_explicit(&t->tail, memory_order_acquire)) < needed)
		return NULL;
	if (bytes > to_end) {
		struct entry *rest = entry_at(t, *head); /* no more than ALIGN of it may be there */

		rest->bytes = (uint32_t)to_end;
		rest->unused = true;
		*head += to_end;
	}
	return entry_at(t, *head);
}

static bool put(struct tape *t, uint8_t slot, const struct weir_frame *f, uint32_t snaplen)
{
	const uint32_t kept = f->caplen < snaplen ? f->caplen : snaplen;
	const size_t bytes = (sizeof(struct entry) + kept + ALIGN - 1) & ~(ALIGN - 1);
	uint64_t head = load(&t->head);
	struct entry *e = reserve(t, &head, bytes);

	if (e == NULL)
		return false;
	*e = (struct entry){ .bytes = (uint32_t)bytes,
			     .packet = { .ts_ns = f->ts_ns,
					 .caplen = kept,
					 .wirelen = f->wirelen,
					 .vlan_tci = f->vlan_tci,
					 .slot = slot,
					 .link = f->link,
					 .flags = f->flags } };
	memcpy(e + 1, f->data, kept);
	/* Release: pairs with the acquire in first(). */
	atomic_store_explicit(&t->head, head + bytes, memory_order_release);
	return true;
}

void capture_burst(struct weir_capture *c, unsigned int reader, uint8_t slot,
		   const struct weir_frame *frames, unsigned int n)
{
	struct tape *t = &c->tape[reader];

	if ((c->opt.slots >> slot & 1) == 0)
		return;
	for (unsigned int i = 0; i < n; i++) {
		if (c->opt.filter != NULL && !weir_filter_match(c->opt.filter, &frames[i]))
			continue;
		add_one(&t->count[slot].matched);
		if (!put(t, slot, &frames[i], c->opt.snaplen))
			add_one(&t->count[slot].dropped);
	}
}

static void pop(struct tape *t)
{
	const uint64_t tail = load(&t->tail);

	/* Release: pairs with the acquire in reserve(). */
	atomic_store_explicit(&t->tail, tail + entry_at(t, tail)->bytes, memory_order_release);
}

/* The entry that is next, NULL = none. */
static struct entry *first(struct tape *t)
{
	for (;;) {
		const uint64_t tail = load(&t->tail);

		/* Acquire: pairs with the release in put(). */
		if (atomic_load_explicit(&t->head, memory_order_acquire) == tail)
			return NULL;
		if (!entry_at(t, tail)->unused)
			return entry_at(t, tail);
		pop(t);
	}
}

bool weir_capture_next(struct weir_capture *c, struct weir_captured *packet)
{
	struct entry *earliest = NULL;

	if (c->lent != NULL)
		pop(c->lent);
	c->lent = NULL;
	for (unsigned int i = 0; i < c->n; i++) {
		struct entry *e = first(&c->tape[i]);

		if (e != NULL && (earliest == NULL || e->packet.ts_ns < earliest->packet.ts_ns)) {
			earliest = e;
			c->lent = &c->tape[i];
		}
	}
	if (earliest == NULL)
		return false;
	*packet = earliest->packet;
	packet->data = (const uint8_t *)(earliest + 1);
	return true;
}

void weir_capture_counts(const struct weir_capture *c, uint8_t slot, uint64_t *matched,
			 uint64_t *dropped)
{
	*matched = 0;
	*dropped = 0;
	for (unsigned int i = 0; i < c->n; i++) {
		*matched += load(&c->tape[i].count[slot].matched);
		*dropped += load(&c->tape[i].count[slot].dropped);
	}
}

static bool map_tapes(struct weir_capture *c)
{
	const size_t all = c->opt.memory_bytes != 0 ? c->opt.memory_bytes : DEFAULT_MEMORY;
	/* The longest packet fits, whatever lies unused before it. */
	const size_t least = 2 * (sizeof(struct entry) + c->opt.snaplen + ALIGN);
	const size_t each = weir_max_u64(all / c->n, least) & ~(ALIGN - 1);

	c->tape = weir_mem_map(c->n * sizeof(*c->tape));
	for (unsigned int i = 0; c->tape != NULL && i < c->n; i++) {
		c->tape[i].size = each;
		c->tape[i].memory = weir_mem_map(each);
		if (c->tape[i].memory == NULL)
			return false;
	}
	return c->tape != NULL;
}

struct weir_capture *weir_capture_start(struct weir_pipe *p, const struct weir_capture_options *o,
					struct weir_err *err)
{
	struct weir_capture *c = calloc(1, sizeof(*c));
	int rc = -ENOMEM;

	if (c != NULL) {
		*c = (struct weir_capture){ .pipe = p, .opt = *o, .n = p->opt.workers };
		rc = map_tapes(c) ? view_add_capture(p, c) : -ENOMEM;
	}
	if (rc == 0) {
		c->running = true;
		return c;
	}
	weir_capture_destroy(c);
	if (rc == -EBUSY)
		weir_err_set(err, EBUSY, "capture: %u go on already; end one of them",
			     WEIR_CAPTURES_MAX);
	else
		weir_err_set(err, ENOMEM, "capture: no memory for its packets");
	return NULL;
}

void weir_capture_stop(struct weir_capture *c)
{
	if (c->running)
		view_remove_capture(c->pipe, c);
	c->running = false;
}

void weir_capture_destroy(struct weir_capture *c)
{
	if (c == NULL)
		return;
	for (unsigned int i = 0; c->tape != NULL && i < c->n; i++)
		weir_mem_unmap(c->tape[i].memory, c->tape[i].size);
	weir_mem_unmap(c->tape, c->n * sizeof(*c->tape));
	free(c);
}
