/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl flow top: who has most of something. A store groups by itself what it keeps as a column; record files, and
 * fields that are derived, are grouped here. Both give the same groups in the same order.
 */
#include "ctl.h"
#include "field.h"
#include "records.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_LIMIT 10
#define SLOTS_FIRST   4096 /* power of two */

/* ---- what is grouped, and by what ---- */

static const struct {
	const char *name, *title;
} sums[WEIR_STORE_SUMS] = {
	[WEIR_STORE_FLOWS] = { "flow", "FLOWS" },
	[WEIR_STORE_PACKETS] = { "packet", "PACKETS" },
	[WEIR_STORE_BYTES] = { "byte", "BYTES" },
	[WEIR_STORE_RETRANS] = { "retrans", "RETRANS" },
	[WEIR_STORE_ZERO_WIN] = { "zero_win", "ZERO WIN" },
	[WEIR_STORE_SYN] = { "syn", "SYN" },
};

static uint64_t sum_of(enum weir_store_sum sum, const struct weir_flow_rec *r)
{
	switch (sum) {
	case WEIR_STORE_FLOWS: /* of a flow's reports only the first counts it */
		return r->flags & WEIR_REC_NEW ? r->flow_count : 0;
	case WEIR_STORE_PACKETS:
		return r->packet[0] + r->packet[1];
	case WEIR_STORE_BYTES:
		return r->byte[0] + r->byte[1];
	case WEIR_STORE_RETRANS:
		return (uint64_t)r->retrans[0] + r->retrans[1];
	case WEIR_STORE_ZERO_WIN:
		return (uint64_t)r->zero_win[0] + r->zero_win[1];
	case WEIR_STORE_SYN:
		return r->syn_count;
	case WEIR_STORE_SUMS:
		break;
	}
	return 0;
}

/* --of: fields that make one text. */
static const struct {
	const char *name;
	enum weir_field fields[2];
	uint32_t n;
} whoms[] = {
	{ "server", { WEIR_FIELD_ip_1 }, 1 },
	{ "client", { WEIR_FIELD_ip_0 }, 1 },
	{ "port", { WEIR_FIELD_protocol, WEIR_FIELD_server_port }, 2 },
	{ "pair", { WEIR_FIELD_ip_0, WEIR_FIELD_ip_1 }, 2 },
};

/* The values of the fields grouped by. */
struct key {
	uint64_t q[2][2]; /* a number in q[i][0], or an address */
	uint8_t bytes[2]; /* of the address; 0 = a number */
};

struct group {
	struct key key;
	bool taken;
	uint64_t sum[WEIR_STORE_SUMS];
};

struct top {
	struct weir_store_grouping by;
	bool is_whom; /* the key is one text: --of */
	enum output_format format;
	struct group *groups; /* a hash table that doubles; in the end in order, largest first */
	size_t slots, n;
	uint64_t total;
	bool no_memory;
};

static bool is_address(enum weir_field f)
{
	return f == WEIR_FIELD_ip_0 || f == WEIR_FIELD_ip_1;
}

static bool is_asked(const struct top *t, unsigned int sum)
{
	return t->by.sums >> sum & 1;
}

static struct key key_of(const struct weir_store_grouping *by, const struct weir_flow_rec *r)
{
	struct key k = { 0 };

	for (uint32_t i = 0; i < by->n_fields; i++) {
		if (!is_address(by->fields[i])) {
			k.q[i][0] = (uint64_t)weir_field_number(by->fields[i], r);
			continue;
		}
		k.bytes[i] = r->is_ipv6 ? 16 : 4;
		memcpy(k.q[i], r->ip[by->fields[i] == WEIR_FIELD_ip_1].b, k.bytes[i]);
	}
	return k;
}

/* ---- grouping records ---- */

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

static struct group *slot_of(struct group *groups, size_t slots, const struct key *k)
{
	size_t i = hash(k) & (slots - 1);

	while (groups[i].taken && !is_same(&groups[i].key, k))
		i = (i + 1) & (slots - 1);
	return &groups[i];
}

static bool grow(struct top *t)
{
	size_t slots = t->slots == 0 ? SLOTS_FIRST : t->slots * 2;
	struct group *groups = calloc(slots, sizeof(*groups));

	if (groups == NULL)
		return false;
	for (size_t i = 0; i < t->slots; i++)
		if (t->groups[i].taken)
			*slot_of(groups, slots, &t->groups[i].key) = t->groups[i];
	free(t->groups);
	t->groups = groups;
	t->slots = slots;
	return true;
}

static bool count(void *ctx, const struct weir_flow_rec *rec)
{
	struct top *t = ctx;
	struct key k = key_of(&t->by, rec);
	struct group *g;

	if (t->n * 2 >= t->slots && !grow(t)) {
		t->no_memory = true;
		return false;
	}
	g = slot_of(t->groups, t->slots, &k);
	t->n += !g->taken;
	g->key = k;
	g->taken = true;
	for (unsigned int s = 0; s < WEIR_STORE_SUMS; s++)
		if (is_asked(t, s))
			g->sum[s] += sum_of((enum weir_store_sum)s, rec);
	t->total += sum_of(t->by.by, rec);
	return true;
}

static int by_sum(const void *a, const void *b, void *sum)
{
	const struct group *x = a, *y = b;
	unsigned int by = *(enum weir_store_sum *)sum;

	if (x->sum[by] != y->sum[by])
		return x->sum[by] < y->sum[by] ? 1 : -1;
	for (int i = 0; i < 2; i++) {
		int order = x->key.bytes[i] > 0 ? memcmp(x->key.q[i], y->key.q[i], 16)
						: (x->key.q[i][0] > y->key.q[i][0]) -
							  (x->key.q[i][0] < y->key.q[i][0]);

		if (order != 0)
			return order;
	}
	return (int)x->key.bytes[0] - (int)y->key.bytes[0];
}

/* Taken slots to the front, largest first, as many as wanted. */
static void put_in_order(struct top *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->slots; i++)
		if (t->groups[i].taken)
			t->groups[n++] = t->groups[i];
	if (n > 0)
		qsort_r(t->groups, n, sizeof(*t->groups), by_sum, &t->by.by);
	t->n = weir_min_u64(n, t->by.n);
}

static enum ctl_exit group_records(struct ctl *ctl, struct top *t, struct weir_err *err)
{
	enum ctl_exit code = records_each(ctl, count, t, err);

	if (!t->no_memory) {
		put_in_order(t);
		return code;
	}
	weir_err_set(err, ENOMEM, "flow top: no memory for so many groups: narrow the question");
	return CTL_FAILED;
}

/* ---- groups that a store makes ---- */

static bool store_can(const struct weir_store_grouping *by)
{
	for (uint32_t i = 0; i < by->n_fields; i++)
		if (!is_address(by->fields[i]) &&
		    (weir_fields[by->fields[i]].bytes == 0 ||
		     strcmp(weir_fields[by->fields[i]].kind, "MAC") == 0))
			return false;
	return true;
}

static int take_groups(struct top *t, const struct weir_store_top *from, struct weir_err *err)
{
	t->groups = calloc(from->n + 1, sizeof(*t->groups));
	if (t->groups == NULL)
		return weir_err_set(err, ENOMEM, "flow top: no memory for %u groups", from->n);
	for (uint32_t i = 0; i < from->n; i++) {
		t->groups[i].key = key_of(&t->by, &from->groups[i].of);
		memcpy(t->groups[i].sum, from->groups[i].sum, sizeof(t->groups[i].sum));
	}
	t->n = from->n;
	t->total = from->total[t->by.by];
	return 0;
}

static enum ctl_exit group_stored(struct ctl *ctl, struct top *t, struct weir_err *err)
{
	struct weir_store_query q = filter_query(&ctl->filter);
	struct weir_store_top from;
	enum ctl_exit code;
	struct weir_store_reader *r = records_store(ctl, &code, err);

	if (r == NULL)
		return code;
	if (weir_store_top(r, &q, &t->by, &from, err) != 0)
		return records_store_done(r, CTL_FAILED);
	code = take_groups(t, &from, err) == 0 ? CTL_OK : CTL_FAILED;
	weir_store_top_fini(&from);
	return records_store_done(r, code);
}

/* ---- output ---- */

/* The value of one field, as JSON has it; for people some have names. */
static void value_text(char *to, enum weir_field f, const struct key *k, int i, bool people)
{
	const char *kind = weir_fields[f].kind;
	const uint64_t n = k->q[i][0];
	uint32_t ip4 = htonl((uint32_t)n);

	if (k->bytes[i] > 0)
		inet_ntop(k->bytes[i] == 16 ? AF_INET6 : AF_INET, k->q[i], to, OUTPUT_CELL_MAX);
	else if (strcmp(kind, "IP4") == 0)
		inet_ntop(AF_INET, &ip4, to, OUTPUT_CELL_MAX);
	else if (strcmp(kind, "MAC") == 0)
		field_mac_text(to, n);
	else if (strcmp(kind, "POINT") == 0)
		snprintf(to, OUTPUT_CELL_MAX, "%s", weir_observation_point_text((uint8_t)n));
	else if (people && f == WEIR_FIELD_protocol)
		filter_protocol_text(to, (uint8_t)n);
	else if (people && f == WEIR_FIELD_close_type)
		field_close_text(to, (uint8_t)n);
	else if (weir_field_is_signed(f))
		snprintf(to, OUTPUT_CELL_MAX, "%" PRId64, (int64_t)n);
	else
		snprintf(to, OUTPUT_CELL_MAX, "%" PRIu64, n);
}

/* Floods that were folded have no client, frames that are not IP neither. */
static void end_text(char *to, const struct top *t, const struct key *k, int i)
{
	if (k->bytes[i] == 4 && k->q[i][0] == 0)
		snprintf(to, OUTPUT_CELL_MAX, "(no address)");
	else
		value_text(to, t->by.fields[i], k, i, true);
}

static void whom_text(char *to, const struct top *t, const struct key *k)
{
	char a[OUTPUT_CELL_MAX], b[OUTPUT_CELL_MAX];

	if (t->by.n_fields == 1) {
		end_text(to, t, k, 0);
	} else if (is_address(t->by.fields[0])) {
		end_text(a, t, k, 0);
		end_text(b, t, k, 1);
		snprintf(to, OUTPUT_CELL_MAX, "%.50s > %.50s", a, b);
	} else {
		filter_protocol_text(a, (uint8_t)k->q[0][0]);
		snprintf(to, OUTPUT_CELL_MAX, "%.10s/%" PRIu64, a, k->q[1][0]);
	}
}

/* A table has what is asked for, and what tells small talk from large; the rest is left to -o wide. */
static uint32_t sums_shown(enum output_format format, enum weir_store_sum by)
{
	if (format == OUTPUT_TABLE)
		return 1U << WEIR_STORE_FLOWS | 1U << WEIR_STORE_PACKETS | 1U << WEIR_STORE_BYTES |
		       1U << by;
	return (1U << WEIR_STORE_SUMS) - 1;
}

#define COLUMNS_MAX (2 + 1 + WEIR_STORE_SUMS)

struct columns {
	struct output_column column[COLUMNS_MAX];
	char title[2][64];
	uint32_t n;
};

static void add_column(struct columns *c, const char *name, bool is_text)
{
	c->column[c->n++] = (struct output_column){ .name = name, .is_text = is_text };
}

/* "ip_1" as the title of a table. */
static const char *title_of(char *to, const char *name)
{
	size_t i = 0;

	for (; i < 63 && name[i] != '\0'; i++)
		to[i] = (char)(name[i] == '_'                     ? ' '
			       : name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32
								  : name[i]);
	to[i] = '\0';
	return to;
}

static void choose_columns(struct columns *c, const struct top *t, bool people)
{
	c->n = 0;
	if (t->is_whom)
		add_column(c, people ? "KEY" : "key", true);
	for (uint32_t i = 0; i < t->by.n_fields && !t->is_whom; i++) {
		enum weir_field f = t->by.fields[i];

		if (people)
			add_column(c, title_of(c->title[i], weir_fields[f].name), true);
		else
			add_column(c, weir_fields[f].name, field_is_text(f));
	}
	add_column(c, people ? "SHARE" : "share", false);
	for (unsigned int s = 0; s < WEIR_STORE_SUMS; s++)
		if (is_asked(t, s))
			add_column(c, people ? sums[s].title : sums[s].name, false);
}

static void put(const struct top *t, const struct group *g, struct output *out, bool people)
{
	struct output_cell *cell = output_cells(out);
	double share = t->total > 0 ? (double)g->sum[t->by.by] / (double)t->total : 0;

	if (t->is_whom)
		whom_text((cell++)->text, t, &g->key);
	for (uint32_t i = 0; i < t->by.n_fields && !t->is_whom; i++)
		value_text((cell++)->text, t->by.fields[i], &g->key, (int)i, people);
	snprintf((cell++)->text, OUTPUT_CELL_MAX, people ? "%.1f%%" : "%.4f",
		 people ? 100 * share : share);
	for (unsigned int s = 0; s < WEIR_STORE_SUMS; s++) {
		if (!is_asked(t, s))
			continue;
		if (people)
			output_count((cell++)->text, g->sum[s]);
		else
			snprintf((cell++)->text, OUTPUT_CELL_MAX, "%" PRIu64, g->sum[s]);
	}
	output_row(out);
}

static enum ctl_exit print(const struct top *t, enum ctl_exit code, struct weir_err *err)
{
	const bool people = output_is_for_people(t->format);
	struct columns c;
	struct output *out;
	int rc = -ENOMEM;

	choose_columns(&c, t, people);
	out = output_begin(t->format, c.column, c.n);
	if (out != NULL) {
		for (size_t i = 0; i < t->n && output_goes_on(out); i++)
			put(t, &t->groups[i], out, people);
		rc = output_end(out, false);
	}
	if (rc == 0)
		return code;
	weir_err_set(err, -rc, "standard output: %s", strerror(-rc));
	return CTL_FAILED;
}

/* ---- the command ---- */

static int choose_sum(struct top *t, const char *name, struct weir_err *err)
{
	unsigned int s = 0;

	while (s < WEIR_STORE_SUMS && strcmp(sums[s].name, name) != 0)
		s++;
	if (s == WEIR_STORE_SUMS)
		return weir_err_set(
			err, EINVAL,
			"--by %s: allowed are byte, packet, flow, retrans, zero_win and syn", name);
	t->by.by = (enum weir_store_sum)s;
	t->by.sums = sums_shown(t->format, t->by.by);
	return 0;
}

static int choose_whom(struct top *t, const char *name, struct weir_err *err)
{
	size_t w = 0;

	while (w < WEIR_ARRAY_SIZE(whoms) && strcmp(whoms[w].name, name) != 0)
		w++;
	if (w == WEIR_ARRAY_SIZE(whoms))
		return weir_err_set(err, EINVAL,
				    "--of %s: allowed are server, client, port and pair", name);
	t->is_whom = true;
	memcpy(t->by.fields, whoms[w].fields, sizeof(t->by.fields));
	t->by.n_fields = whoms[w].n;
	return 0;
}

/* "FIELD" or "FIELD,FIELD". */
static int choose_fields(struct top *t, const char *text, struct weir_err *err)
{
	char name[64];
	size_t len;

	for (;; text += len + 1) {
		len = strcspn(text, ",");
		if (t->by.n_fields == 2)
			return weir_err_set(err, EINVAL,
					    "--group-by: %s: one field too many, allowed are two",
					    text);
		snprintf(name, sizeof(name), "%.*s", (int)weir_min_u64(len, 63), text);
		t->by.fields[t->by.n_fields] = field_parse(name, "group-by", err);
		if (t->by.fields[t->by.n_fields] == WEIR_FIELDS)
			return -EINVAL;
		if (weir_field_is_list(t->by.fields[t->by.n_fields]))
			return weir_err_set(err, EINVAL,
					    "--group-by: %s: is a list; use --where, as '%s == 9'",
					    name, name);
		t->by.n_fields++;
		if (text[len] == '\0')
			break;
	}
	if (t->by.n_fields == 2 && t->by.fields[0] == t->by.fields[1])
		return weir_err_set(err, EINVAL, "--group-by: %s: is given twice", name);
	return 0;
}

static int choose(struct top *t, const struct ctl *ctl, struct weir_err *err)
{
	t->format = ctl->format;
	t->by.n = ctl->limit > 0 ? ctl->limit : DEFAULT_LIMIT;
	if (ctl->of != NULL && ctl->group_by != NULL)
		return weir_err_set(err, EINVAL, "--of and --group-by: one of them says it");
	if (choose_sum(t, ctl->by != NULL ? ctl->by : "byte", err) != 0)
		return -EINVAL;
	if (ctl->group_by != NULL)
		return choose_fields(t, ctl->group_by, err);
	return choose_whom(t, ctl->of != NULL ? ctl->of : "server", err);
}

enum ctl_exit ctl_flow_top(struct ctl *ctl, struct weir_err *err)
{
	struct top t = { 0 };
	enum ctl_exit code;

	if (choose(&t, ctl, err) != 0)
		return CTL_USAGE;
	code = records_are_stored(ctl) && store_can(&t.by) ? group_stored(ctl, &t, err)
							   : group_records(ctl, &t, err);
	if (ctl_has_result(code))
		code = print(&t, code, err);
	free(t.groups);
	return code;
}
