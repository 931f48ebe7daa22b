/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has most of something: one pass over the rows of each file into one hash table. SQLite would
 * sort all rows of a file to group them.
 */
#include "store_priv.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_FIRST 4096 /* power of two */

struct key {
	uint64_t q[2][2]; /* a number in q[i][0], or an address */
	uint8_t bytes[2]; /* of the address; 0 = a number */
};

struct slot {
	struct key key;
	bool taken;
	uint64_t sum[WEIR_STORE_SUMS];
};

struct table {
	const struct weir_store_grouping *g;
	struct slot *slots;
	uint64_t n_slots, used;
	uint64_t total[WEIR_STORE_SUMS];
};

static const char *const sum_columns[WEIR_STORE_SUMS] = {
	[WEIR_STORE_FLOWS] = "(f.record_flags & 1) * f.flows",
	[WEIR_STORE_PACKETS] = "f.packet_tx + f.packet_rx",
	[WEIR_STORE_BYTES] = "f.byte_tx + f.byte_rx",
	[WEIR_STORE_RETRANS] = "f.retrans_tx + f.retrans_rx",
	[WEIR_STORE_ZERO_WIN] = "f.zero_win_tx + f.zero_win_rx",
	[WEIR_STORE_SYN] = "f.syn_count",
};

static bool is_asked(const struct weir_store_grouping *g, unsigned int sum)
{
	return g->sums >> sum & 1;
}

static uint64_t hash(const struct key *k)
{
	uint64_t h = weir_mix(k->q[0][0] ^ UINT64_C(0x9e3779b97f4a7c15),
			      k->q[0][1] ^ UINT64_C(0xbf58476d1ce4e5b9));

	return weir_mix(h ^ k->q[1][0] ^ UINT64_C(0x94d049bb133111eb),
			h ^ k->q[1][1] ^ UINT64_C(0xd6e8feb86659fd93));
}

static bool is_same(const struct key *a, const struct key *b)
{
	return memcmp(a->q, b->q, sizeof(a->q)) == 0 &&
	       memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static struct slot *find(struct slot *slots, uint64_t n, const struct key *k)
{
	uint64_t i = hash(k) & (n - 1);

	while (slots[i].taken && !is_same(&slots[i].key, k))
		i = (i + 1) & (n - 1);
	return &slots[i];
}

static int grow(struct table *t)
{
	uint64_t n = t->n_slots == 0 ? SLOTS_FIRST : t->n_slots * 2;
	struct slot *slots = calloc(n, sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].taken)
			*find(slots, n, &t->slots[i].key) = t->slots[i];
	free(t->slots);
	t->slots = slots;
	t->n_slots = n;
	return 0;
}

static bool is_address(enum weir_field f)
{
	return f == WEIR_FIELD_ip_0 || f == WEIR_FIELD_ip_1;
}

static struct key key_read(const struct weir_store_grouping *g, struct weir_db_stmt *s)
{
	struct key k = { 0 };

	for (uint32_t i = 0; i < g->n_fields; i++) {
		const void *p;
		size_t bytes;

		if (!is_address(g->fields[i])) {
			k.q[i][0] = (uint64_t)weir_db_i64(s, (int)i);
			continue;
		}
		p = weir_db_blob(s, (int)i, &bytes);
		if (p == NULL || bytes > 16)
			continue;
		memcpy(k.q[i], p, bytes);
		k.bytes[i] = (uint8_t)bytes;
	}
	return k;
}

/* The record follows what is grouped. */
static bool is_liked(const struct weir_store_query *q, struct weir_db_stmt *s, int column)
{
	struct weir_flow_rec rec;

	if (q->match == NULL)
		return true;
	store_row_read(s, column, &rec);
	return q->match(q->match_ctx, &rec);
}

static int add_row(struct table *t, struct weir_db_stmt *s, const struct weir_store_query *q)
{
	struct key k = key_read(t->g, s);
	int column = (int)t->g->n_fields;
	struct slot *slot;

	if (!is_liked(q, s,
		      column + __builtin_popcount(t->g->sums & ((1U << WEIR_STORE_SUMS) - 1))))
		return 0;
	if (t->used * 2 >= t->n_slots && grow(t) != 0)
		return -ENOMEM;
	slot = find(t->slots, t->n_slots, &k);
	t->used += !slot->taken;
	slot->key = k;
	slot->taken = true;
	for (unsigned int sum = 0; sum < WEIR_STORE_SUMS; sum++) {
		uint64_t v;

		if (!is_asked(t->g, sum))
			continue;
		v = (uint64_t)weir_db_i64(s, column++);
		slot->sum[sum] += v;
		t->total[sum] += v;
	}
	return 0;
}

static char *columns(const struct weir_store_grouping *g, bool records)
{
	char *text = NULL, value[512];
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (out == NULL)
		return NULL;
	for (uint32_t i = 0; i < g->n_fields; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "",
			store_expression(g->fields[i], value, sizeof(value)));
	for (unsigned int sum = 0; sum < WEIR_STORE_SUMS; sum++)
		if (is_asked(g, sum))
			fprintf(out, ", %s", sum_columns[sum]);
	if (records) {
		fprintf(out, ", ");
		store_row_columns(out);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static int add_file(struct table *t, struct weir_store_reader *r, uint32_t file,
		    const struct weir_store_query *q, const char *select)
{
	bool indexed = r->catalog.files[file].state == STORE_FINISHED;
	struct store_cursor c = { .db = store_reader_file(r, file, q) };
	struct weir_err err = { 0 };
	int rc, added = 0;

	if (c.db == NULL)
		return 0;
	rc = store_cursor_open(&c, q, indexed, select, "LIMIT ?1", &err);
	while (rc == 0 && added == 0 && (rc = weir_db_step(c.stmt, &err)) == 1) {
		added = add_row(t, c.stmt, q);
		rc = 0;
	}
	if (rc < 0)
		store_reader_trouble(r, &err);
	store_cursor_close(&c);
	return added;
}

static int check(const struct weir_store_grouping *g, struct weir_err *err)
{
	static const struct weir_flow_rec none;
	int64_t v;

	if (g->n_fields < 1 || g->n_fields > 2)
		return weir_err_set(err, EINVAL, "group by %u fields: allowed are 1 and 2",
				    g->n_fields);
	for (uint32_t i = 0; i < g->n_fields; i++) {
		enum weir_field f = g->fields[i];

		if ((unsigned int)f >= WEIR_FIELDS ||
		    (!is_address(f) &&
		     (weir_fields[f].bytes == 0 || !store_field_number(f, &none, &v))))
			return weir_err_set(err, EINVAL,
					    "group by %s: only ip_0, ip_1 and numbers are allowed",
					    (unsigned int)f < WEIR_FIELDS ? weir_fields[f].name
									  : "?");
	}
	if ((unsigned int)g->by >= WEIR_STORE_SUMS || !is_asked(g, g->by))
		return weir_err_set(err, EINVAL, "largest by a sum that is not asked for");
	return 0;
}

/* Largest first; equal ones in the order of their keys, so that the answer is always the same. */
static int by_size(const void *a, const void *b, void *by)
{
	const struct slot *x = a, *y = b;
	unsigned int sum = *(enum weir_store_sum *)by;

	if (x->sum[sum] != y->sum[sum])
		return x->sum[sum] > y->sum[sum] ? -1 : 1;
	for (int i = 0; i < 2; i++) {
		int order = x->key.bytes[i] > 0 ? memcmp(x->key.q[i], y->key.q[i], 16)
						: (x->key.q[i][0] > y->key.q[i][0]) -
							  (x->key.q[i][0] < y->key.q[i][0]);

		if (order != 0)
			return order;
	}
	return (int)x->key.bytes[0] - (int)y->key.bytes[0];
}

static void group_fill(struct weir_store_group *to, const struct slot *slot,
		       const struct weir_store_grouping *g)
{
	memcpy(to->sum, slot->sum, sizeof(to->sum));
	for (uint32_t i = 0; i < g->n_fields; i++) {
		if (!is_address(g->fields[i])) {
			store_row_set(&to->of, g->fields[i], (int64_t)slot->key.q[i][0]);
			continue;
		}
		memcpy(to->of.ip[g->fields[i] == WEIR_FIELD_ip_1].b, slot->key.q[i], 16);
		to->of.is_ipv6 = slot->key.bytes[i] == 16;
	}
}

static int top_fill(struct weir_store_top *top, struct table *t)
{
	enum weir_store_sum by = t->g->by;
	uint64_t n = 0;

	for (uint64_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].taken)
			t->slots[n++] = t->slots[i];
	if (n > 0)
		qsort_r(t->slots, n, sizeof(*t->slots), by_size, &by);
	top->n_all = n;
	top->n = (uint32_t)weir_min_u64(n, t->g->n);
	memcpy(top->total, t->total, sizeof(top->total));
	top->groups = calloc(top->n + 1, sizeof(*top->groups));
	if (top->groups == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < top->n; i++)
		group_fill(&top->groups[i], &t->slots[i], t->g);
	return 0;
}

int weir_store_top(struct weir_store_reader *r, const struct weir_store_query *q,
		   const struct weir_store_grouping *g, struct weir_store_top *top,
		   struct weir_err *err)
{
	struct weir_store_query all = *q;
	struct table t = { .g = g };
	char *select;
	int rc;

	memset(top, 0, sizeof(*top));
	if (check(g, err) != 0 || store_query_check(q, err) != 0)
		return -EINVAL;
	all.limit = 0;
	r->opened = 0;
	select = columns(g, q->match != NULL);
	rc = select == NULL ? -ENOMEM : 0;
	for (uint32_t file = 0; file < r->catalog.n && rc == 0; file++)
		rc = add_file(&t, r, file, &all, select);
	if (rc == 0)
		rc = top_fill(top, &t);
	free(select);
	free(t.slots);
	if (rc != 0)
		weir_err_set(err, ENOMEM,
			     "%s: no memory for so many groups (%llu): narrow the question", r->dir,
			     (unsigned long long)t.used);
	return rc;
}

void weir_store_top_fini(struct weir_store_top *top)
{
	free(top->groups);
	memset(top, 0, sizeof(*top));
}
