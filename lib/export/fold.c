/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unanswered flows of one (tap, server address, port, second of start) are a group. It keeps the
 * FOLD_KEPT smallest by weir_flow_rec_compare() and folds the others into one record; half-open
 * flows that a full table evicted are folded at once. So what comes out does not depend on the
 * order in which workers deliver, as long as a group is passed on when it is complete and not before.
 *
 * The kept ones are a pairing heap with the largest on top: a later flow of a flood costs one
 * comparison and a fold. Nodes and groups come from fixed pools; when one is empty the oldest group
 * is passed on early, and counted.
 */
#include "fold.h"

#include <stdlib.h>

/* A flow kept as it is. */
struct kept {
	struct kept *child;   /* in the heap: first of those below; in the pool: next */
	struct kept *sibling; /* next below the same parent */
	struct weir_flow_rec rec;
};

struct group {
	struct group *next;  /* in its bucket, or in the pool */
	struct group *newer; /* in the order of their creation */
	uint64_t second;
	struct kept *heap;
	uint32_t n_kept;
	struct weir_flow_rec
		sum; /* flow_count 0: nothing folded yet; its key is the group's always */
};

struct weir_folder {
	weir_emit_fn emit;
	void *ctx;
	struct group *groups, *free_groups; /* all; those given back */
	struct kept *kept, *free_kept;
	uint32_t fresh_groups,
		fresh_kept; /* from here on never used: their memory is not touched */
	uint32_t max_groups, max_kept;
	struct group *oldest, *newest;
	struct group **buckets;
	uint32_t n_buckets; /* a power of two */
	uint64_t held, folded, early;
};

struct weir_folder *weir_folder_create(uint32_t groups, uint32_t kept, weir_emit_fn emit, void *ctx)
{
	struct weir_folder *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->emit = emit;
	f->ctx = ctx;
	f->max_groups = groups;
	f->max_kept = kept;
	for (f->n_buckets = 64; f->n_buckets < groups; f->n_buckets *= 2)
		;
	f->buckets = calloc(f->n_buckets, sizeof(struct group *));
	f->groups = calloc(groups, sizeof(*f->groups));
	f->kept = calloc(kept, sizeof(*f->kept));
	if (f->buckets == NULL || f->groups == NULL || f->kept == NULL) {
		weir_folder_destroy(f);
		return NULL;
	}
	return f;
}

void weir_folder_destroy(struct weir_folder *f)
{
	if (f == NULL)
		return;
	free(f->kept);
	free(f->groups);
	free(f->buckets);
	free(f);
}

/* NULL = all are in use. */
static struct group *take_group(struct weir_folder *f)
{
	struct group *g = f->free_groups;

	if (g != NULL)
		f->free_groups = g->next;
	else if (f->fresh_groups < f->max_groups)
		g = &f->groups[f->fresh_groups++];
	return g;
}

static struct kept *take_kept(struct weir_folder *f)
{
	struct kept *k = f->free_kept;

	if (k != NULL)
		f->free_kept = k->child;
	else if (f->fresh_kept < f->max_kept)
		k = &f->kept[f->fresh_kept++];
	return k;
}

/* The larger one of two heaps takes the other below itself. */
static struct kept *meld(struct kept *a, struct kept *b)
{
	struct kept *top, *below;

	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	top = weir_flow_rec_compare(&a->rec, &b->rec) >= 0 ? a : b;
	below = top == a ? b : a;
	below->sibling = top->child;
	top->child = below;
	return top;
}

/* What is left without the largest: its children in pairs, then the pairs from the last to the first. */
static struct kept *without_top(struct kept *top)
{
	struct kept *pairs = NULL, *heap = NULL, *next = top->child;

	while (next != NULL) {
		struct kept *a = next, *b = a->sibling, *pair;

		next = b != NULL ? b->sibling : NULL;
		a->sibling = NULL;
		if (b != NULL)
			b->sibling = NULL;
		pair = meld(a, b);
		pair->sibling = pairs;
		pairs = pair;
	}
	while (pairs != NULL) {
		struct kept *pair = pairs;

		pairs = pair->sibling;
		pair->sibling = NULL;
		heap = meld(heap, pair);
	}
	return heap;
}

static uint32_t hash(const struct weir_flow_rec *r)
{
	uint64_t ip = weir_mix(r->ip[1].q[0] ^ 0x9e3779b97f4a7c15u,
			       r->ip[1].q[1] ^ 0xd6e8feb86659fd93u);

	return (uint32_t)weir_mix(ip ^ r->capture_nic,
				  (r->start_ns / WEIR_NS_PER_S << 16 | r->port[1]) ^
					  0xa0761d6478bd642fu);
}

static bool is_of(const struct group *g, const struct weir_flow_rec *r)
{
	return g->second == r->start_ns / WEIR_NS_PER_S && g->sum.port[1] == r->port[1] &&
	       memcmp(&g->sum.ip[1], &r->ip[1], sizeof(r->ip[1])) == 0 &&
	       g->sum.is_ipv6 == r->is_ipv6 && g->sum.capture_nic == r->capture_nic &&
	       g->sum.protocol == r->protocol;
}

/* The group's records leave it; `heap` is walked as a list, by moving children up to the front. */
static void pass_on_kept(struct weir_folder *f, struct kept *heap)
{
	while (heap != NULL) {
		struct kept *k = heap, *last = k->child;

		if (last != NULL) {
			while (last->sibling != NULL)
				last = last->sibling;
			last->sibling = k->sibling;
		}
		heap = k->child != NULL ? k->child : k->sibling;
		f->emit(f->ctx, &k->rec, 1);
		k->child = f->free_kept;
		f->free_kept = k;
	}
}

static void pass_on_oldest(struct weir_folder *f)
{
	struct group *g = f->oldest;
	struct group **at = &f->buckets[hash(&g->sum) & (f->n_buckets - 1)];

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	f->oldest = g->newer;
	f->held -= g->n_kept + (g->sum.flow_count > 0);
	pass_on_kept(f, g->heap);
	if (g->sum.flow_count > 0)
		f->emit(f->ctx, &g->sum, 1);
	g->next = f->free_groups;
	f->free_groups = g;
}

static struct group *start_group(struct weir_folder *f, const struct weir_flow_rec *r)
{
	struct group **bucket = &f->buckets[hash(r) & (f->n_buckets - 1)];
	struct group *g = take_group(f);

	if (g == NULL) {
		pass_on_oldest(f);
		f->early++;
		g = take_group(f);
	}
	*g = (struct group){ .next = *bucket, .second = r->start_ns / WEIR_NS_PER_S, .sum = *r };
	g->sum.flow_count = 0;
	*bucket = g;
	if (f->oldest == NULL)
		f->oldest = g;
	else
		f->newest->newer = g;
	f->newest = g;
	return g;
}

static struct group *group_of(struct weir_folder *f, const struct weir_flow_rec *r)
{
	struct group *g = f->buckets[hash(r) & (f->n_buckets - 1)];

	while (g != NULL && !is_of(g, r))
		g = g->next;
	return g != NULL ? g : start_group(f, r);
}

static void fold(struct weir_folder *f, struct group *g, const struct weir_flow_rec *r)
{
	if (g->sum.flow_count > 0) {
		weir_flow_rec_fold(&g->sum, r);
		f->folded++;
		return;
	}
	g->sum = *r;
	weir_flow_rec_fold_start(&g->sum);
	f->held++;
}

/* A node for one more; the oldest group gives its own when there is none. It may be this one. */
static struct kept *make_room(struct weir_folder *f)
{
	struct kept *k = take_kept(f);

	while (k == NULL) {
		pass_on_oldest(f);
		f->early++;
		k = take_kept(f);
	}
	return k;
}

static void keep(struct weir_folder *f, const struct weir_flow_rec *r)
{
	struct group *g = group_of(f, r);
	struct kept *k;

	if (g->n_kept < FOLD_KEPT) {
		k = make_room(f);
		g = group_of(f, r);
		g->n_kept++;
		f->held++;
	} else if (weir_flow_rec_compare(r, &g->heap->rec) >= 0) {
		fold(f, g, r);
		return;
	} else {
		k = g->heap;
		g->heap = without_top(k);
		fold(f, g, &k->rec);
	}
	k->child = k->sibling = NULL;
	k->rec = *r;
	g->heap = meld(g->heap, k);
}

/* One record is the whole flow, and it is in time for its group. */
static bool can_fold(const struct weir_flow_rec *r)
{
	return (r->flags & WEIR_REC_NEW) != 0 && r->close_type != WEIR_CLOSE_FORCED_REPORT &&
	       r->end_ns - r->start_ns <= FOLD_SPAN_NS;
}

void weir_folder_take(struct weir_folder *f, const struct weir_flow_rec *r)
{
	if (!can_fold(r)) {
		f->emit(f->ctx, r, 1);
		return;
	}
	if ((r->flags & WEIR_REC_FOLD) != 0)
		fold(f, group_of(f, r), r);
	else
		keep(f, r);
}

void weir_folder_advance(struct weir_folder *f, uint64_t now_ns)
{
	while (f->oldest != NULL && f->oldest->second * WEIR_NS_PER_S + FOLD_HOLD_NS < now_ns)
		pass_on_oldest(f);
}

void weir_folder_end(struct weir_folder *f)
{
	while (f->oldest != NULL)
		pass_on_oldest(f);
}

uint64_t weir_folder_held(const struct weir_folder *f)
{
	return f->held;
}

uint64_t weir_folder_folded(const struct weir_folder *f)
{
	return f->folded;
}

uint64_t weir_folder_early(const struct weir_folder *f)
{
	return f->early;
}
