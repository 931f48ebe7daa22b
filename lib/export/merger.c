/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of a flow into one record. A flow that has one record only, which is nearly every flow,
 * passes by its flags, without a look into the table.
 */
#include "export_priv.h"

#include <stdlib.h>

#define BUCKETS_FIRST 1024

struct entry {
	struct entry *next;
	struct weir_flow_rec rec;
};

struct weir_merger {
	struct entry **buckets;
	uint32_t n_buckets; /* a power of two */
	uint32_t n;
};

struct weir_merger *weir_merger_create(void)
{
	struct weir_merger *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->n_buckets = BUCKETS_FIRST;
	m->buckets = calloc(m->n_buckets, sizeof(struct entry *));
	if (m->buckets == NULL) {
		free(m);
		return NULL;
	}
	return m;
}

void weir_merger_destroy(struct weir_merger *m)
{
	if (m == NULL)
		return;
	for (uint32_t i = 0; i < m->n_buckets; i++) {
		while (m->buckets[i] != NULL) {
			struct entry *e = m->buckets[i];

			m->buckets[i] = e->next;
			free(e);
		}
	}
	free(m->buckets);
	free(m);
}

/* What does not change with the direction. */
static uint32_t hash(const struct weir_flow_rec *r)
{
	return (uint32_t)weir_mix(r->flow_id ^ 0x9e3779b97f4a7c15u,
				  r->capture_nic ^ 0xd6e8feb86659fd93u);
}

static struct entry **find(struct weir_merger *m, const struct weir_flow_rec *r)
{
	struct entry **at = &m->buckets[hash(r) & (m->n_buckets - 1)];

	while (*at != NULL && !weir_flow_rec_same_flow(&(*at)->rec, r))
		at = &(*at)->next;
	return at;
}

/* Twice the buckets; without memory for them the chains grow. */
static void grow(struct weir_merger *m)
{
	uint32_t n = m->n_buckets * 2;
	struct entry **buckets = calloc(n, sizeof(struct entry *));

	if (buckets == NULL)
		return;
	for (uint32_t i = 0; i < m->n_buckets; i++) {
		while (m->buckets[i] != NULL) {
			struct entry *e = m->buckets[i];
			struct entry **to = &buckets[hash(&e->rec) & (n - 1)];

			m->buckets[i] = e->next;
			e->next = *to;
			*to = e;
		}
	}
	free(m->buckets);
	m->buckets = buckets;
	m->n_buckets = n;
}

static bool insert(struct weir_merger *m, struct entry **at, const struct weir_flow_rec *r)
{
	struct entry *e = malloc(sizeof(*e));

	if (e == NULL)
		return false;
	e->next = NULL;
	e->rec = *r;
	*at = e;
	if (++m->n > m->n_buckets)
		grow(m);
	return true;
}

/* 1 when `r` became part of another record. */
static uint32_t take_one(struct weir_merger *m, const struct weir_flow_rec *r, weir_emit_fn emit,
			 void *ctx)
{
	struct entry **at = find(m, r), *e = *at;

	if (e == NULL) {
		/* The first of several; without memory for it, reports stay apart. */
		if (r->close_type != WEIR_CLOSE_FORCED_REPORT || !insert(m, at, r))
			emit(ctx, r, 1);
		return 0;
	}
	weir_flow_rec_merge(&e->rec, r);
	if (r->close_type != WEIR_CLOSE_FORCED_REPORT) {
		emit(ctx, &e->rec, 1);
		*at = e->next;
		free(e);
		m->n--;
	}
	return 1;
}

static bool is_whole(const struct weir_flow_rec *r)
{
	return (r->flags & (WEIR_REC_NEW | WEIR_REC_FOLDED)) != 0 &&
	       r->close_type != WEIR_CLOSE_FORCED_REPORT;
}

uint32_t weir_merger_take(struct weir_merger *m, const struct weir_flow_rec *recs, uint32_t n,
			  weir_emit_fn emit, void *ctx)
{
	uint32_t merged = 0, run = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (weir_likely(is_whole(&recs[i])))
			continue;
		if (i > run)
			emit(ctx, &recs[run], i - run);
		run = i + 1;
		merged += take_one(m, &recs[i], emit, ctx);
	}
	if (n > run)
		emit(ctx, &recs[run], n - run);
	return merged;
}

void weir_merger_end(struct weir_merger *m, weir_emit_fn emit, void *ctx)
{
	for (uint32_t i = 0; i < m->n_buckets; i++) {
		while (m->buckets[i] != NULL) {
			struct entry *e = m->buckets[i];

			emit(ctx, &e->rec, 1);
			m->buckets[i] = e->next;
			free(e);
		}
	}
	m->n = 0;
}
