/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl flow top: who has most of something. */
#include "ctl.h"
#include "field.h"
#include "records.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_LIMIT 10
#define SLOTS_FIRST   4096 /* power of two */

enum { SUM_FLOW, SUM_PACKET, SUM_BYTE, SUM_RETRANS, SUM_ZERO_WIN, SUM_SYN, SUMS };

struct group {
	char key[OUTPUT_CELL_MAX]; /* "" = a free slot */
	uint64_t sum[SUMS];
};

static uint64_t flow_of(const struct weir_flow_rec *r)
{
	/* Of a flow's reports only the first counts it. */
	return r->flags & WEIR_REC_NEW ? r->flow_count : 0;
}

static uint64_t packet_of(const struct weir_flow_rec *r)
{
	return r->packet[0] + r->packet[1];
}

static uint64_t byte_of(const struct weir_flow_rec *r)
{
	return r->byte[0] + r->byte[1];
}

static uint64_t retrans_of(const struct weir_flow_rec *r)
{
	return (uint64_t)r->retrans[0] + r->retrans[1];
}

static uint64_t zero_win_of(const struct weir_flow_rec *r)
{
	return (uint64_t)r->zero_win[0] + r->zero_win[1];
}

static uint64_t syn_of(const struct weir_flow_rec *r)
{
	return r->syn_count;
}

static const struct {
	const char *name;
	uint64_t (*of)(const struct weir_flow_rec *r);
} sums[SUMS] = {
	[SUM_FLOW] = { "flow", flow_of },
	[SUM_PACKET] = { "packet", packet_of },
	[SUM_BYTE] = { "byte", byte_of },
	[SUM_RETRANS] = { "retrans", retrans_of },
	[SUM_ZERO_WIN] = { "zero_win", zero_win_of },
	[SUM_SYN] = { "syn", syn_of },
};

static void server_key(char *to, const struct weir_flow_rec *r)
{
	field_address_text(to, r, 1);
}

static void client_key(char *to, const struct weir_flow_rec *r)
{
	if (r->flags & WEIR_REC_FOLDED)
		snprintf(to, OUTPUT_CELL_MAX, "(folded)");
	else
		field_address_text(to, r, 0);
}

static void port_key(char *to, const struct weir_flow_rec *r)
{
	char protocol[8];

	filter_protocol_text(protocol, r->protocol);
	snprintf(to, OUTPUT_CELL_MAX, "%s/%u", protocol, r->port[1]);
}

static void pair_key(char *to, const struct weir_flow_rec *r)
{
	char client[OUTPUT_CELL_MAX], server[OUTPUT_CELL_MAX];

	client_key(client, r);
	server_key(server, r);
	snprintf(to, OUTPUT_CELL_MAX, "%.50s > %.50s", client, server);
}

static const struct {
	const char *name;
	void (*key)(char *to, const struct weir_flow_rec *r);
} groupings[] = {
	{ "server", server_key },
	{ "client", client_key },
	{ "port", port_key },
	{ "pair", pair_key },
};

/* A hash table that doubles; only `used` of its slots are taken. */
struct top {
	struct group *groups;
	size_t slots, used;
	size_t grouping, by; /* rows of groupings, sums */
	uint64_t total;
	bool no_memory;
};

static struct group *slot_of(struct group *groups, size_t slots, const char *key)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const char *p = key; *p != '\0'; p++)
		h = weir_mix(h ^ (uint8_t)*p, UINT64_C(0x9e3779b97f4a7c15));
	while (groups[h & (slots - 1)].key[0] != '\0' &&
	       strcmp(groups[h & (slots - 1)].key, key) != 0)
		h++;
	return &groups[h & (slots - 1)];
}

static bool grow(struct top *t)
{
	size_t slots = t->slots == 0 ? SLOTS_FIRST : t->slots * 2;
	struct group *groups = calloc(slots, sizeof(*groups));

	if (groups == NULL)
		return false;
	for (size_t i = 0; i < t->slots; i++)
		if (t->groups[i].key[0] != '\0')
			*slot_of(groups, slots, t->groups[i].key) = t->groups[i];
	free(t->groups);
	t->groups = groups;
	t->slots = slots;
	return true;
}

static bool count(void *ctx, const struct weir_flow_rec *rec)
{
	char key[OUTPUT_CELL_MAX];
	struct top *t = ctx;
	struct group *g;

	if (t->used * 2 >= t->slots && !grow(t)) {
		t->no_memory = true;
		return false;
	}
	groupings[t->grouping].key(key, rec);
	g = slot_of(t->groups, t->slots, key);
	if (g->key[0] == '\0') {
		memcpy(g->key, key, sizeof(key));
		t->used++;
	}
	for (unsigned int s = 0; s < SUMS; s++)
		g->sum[s] += sums[s].of(rec);
	t->total += sums[t->by].of(rec);
	return true;
}

static size_t sort_by;

static int by_sum(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->sum[sort_by] != y->sum[sort_by])
		return x->sum[sort_by] < y->sum[sort_by] ? 1 : -1;
	return strcmp(x->key, y->key);
}

/* Taken slots to the front, largest first. */
static void order(struct top *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->slots; i++)
		if (t->groups[i].key[0] != '\0')
			t->groups[n++] = t->groups[i];
	sort_by = t->by;
	if (n > 0)
		qsort(t->groups, n, sizeof(*t->groups), by_sum);
}

enum { COLUMN_KEY, COLUMN_SHARE, COLUMN_SUMS, COLUMNS = COLUMN_SUMS + SUMS };

static const struct output_column for_programs[COLUMNS] = {
	[COLUMN_KEY] = { "key", true },
	[COLUMN_SHARE] = { "share", false },
	[COLUMN_SUMS + SUM_FLOW] = { "flow", false },
	[COLUMN_SUMS + SUM_PACKET] = { "packet", false },
	[COLUMN_SUMS + SUM_BYTE] = { "byte", false },
	[COLUMN_SUMS + SUM_RETRANS] = { "retrans", false },
	[COLUMN_SUMS + SUM_ZERO_WIN] = { "zero_win", false },
	[COLUMN_SUMS + SUM_SYN] = { "syn", false },
};

static const struct output_column for_people[COLUMNS] = {
	[COLUMN_KEY] = { "KEY", true },
	[COLUMN_SHARE] = { "SHARE", false },
	[COLUMN_SUMS + SUM_FLOW] = { "FLOWS", false },
	[COLUMN_SUMS + SUM_PACKET] = { "PACKETS", false },
	[COLUMN_SUMS + SUM_BYTE] = { "BYTES", false },
	[COLUMN_SUMS + SUM_RETRANS] = { "RETRANS", false },
	[COLUMN_SUMS + SUM_ZERO_WIN] = { "ZERO WIN", false },
	[COLUMN_SUMS + SUM_SYN] = { "SYN", false },
};

static bool is_for_people(enum output_format format)
{
	return format == OUTPUT_TABLE || format == OUTPUT_WIDE;
}

static void put(const struct top *t, const struct group *g, struct output *out, bool people)
{
	struct output_cell *cells = output_cells(out);
	double share = t->total > 0 ? (double)g->sum[t->by] / (double)t->total : 0;

	memcpy(cells[COLUMN_KEY].text, g->key, sizeof(g->key));
	if (people)
		snprintf(cells[COLUMN_SHARE].text, OUTPUT_CELL_MAX, "%.1f%%", 100 * share);
	else
		snprintf(cells[COLUMN_SHARE].text, OUTPUT_CELL_MAX, "%.4f", share);
	for (unsigned int s = 0; s < SUMS; s++) {
		char *text = cells[COLUMN_SUMS + s].text;

		if (people)
			output_count(text, g->sum[s]);
		else
			snprintf(text, OUTPUT_CELL_MAX, "%" PRIu64, g->sum[s]);
	}
	output_row(out);
}

static enum ctl_exit print(const struct ctl *ctl, struct top *t, struct weir_err *err)
{
	const bool people = is_for_people(ctl->format);
	size_t limit = ctl->limit > 0 ? ctl->limit : DEFAULT_LIMIT;
	struct output *out = output_begin(ctl->format, people ? for_people : for_programs, COLUMNS);
	int rc = -ENOMEM;

	if (out != NULL) {
		for (size_t i = 0; i < t->used && i < limit; i++)
			put(t, &t->groups[i], out, people);
		rc = output_end(out, false);
	}
	if (rc == 0)
		return CTL_OK;
	weir_err_set(err, -rc, "standard output: %s", strerror(-rc));
	return CTL_FAILED;
}

static int choose(struct top *t, const struct ctl *ctl, struct weir_err *err)
{
	const char *by = ctl->by != NULL ? ctl->by : "byte";
	const char *of = ctl->of != NULL ? ctl->of : "server";

	while (t->by < SUMS && strcmp(sums[t->by].name, by) != 0)
		t->by++;
	if (t->by == SUMS)
		return weir_err_set(
			err, EINVAL,
			"--by %s: allowed are byte, packet, flow, retrans, zero_win and syn", by);
	while (t->grouping < WEIR_ARRAY_SIZE(groupings) &&
	       strcmp(groupings[t->grouping].name, of) != 0)
		t->grouping++;
	if (t->grouping == WEIR_ARRAY_SIZE(groupings))
		return weir_err_set(err, EINVAL,
				    "--of %s: allowed are server, client, port and pair", of);
	return 0;
}

enum ctl_exit ctl_flow_top(struct ctl *ctl, struct weir_err *err)
{
	struct top t = { 0 };
	enum ctl_exit code, printed;

	if (choose(&t, ctl, err) != 0)
		return CTL_USAGE;
	code = records_each(ctl, count, &t, err);
	if (t.no_memory) {
		weir_err_set(err, ENOMEM, "flow top: no memory for so many of --of");
		code = CTL_FAILED;
	}
	if (ctl_has_result(code)) {
		order(&t);
		printed = print(ctl, &t, err);
		code = printed != CTL_OK ? printed : code;
	}
	free(t.groups);
	return code;
}
