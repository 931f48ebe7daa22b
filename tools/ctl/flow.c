/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl flow list, flow show. */
#include "ctl.h"
#include "field.h"
#include "records.h"

#include <weir_export.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What a table shows. In `text` the columns marked wide are left to -o wide. */
struct view_column {
	struct output_column out;
	bool wide;
	void (*text)(char *to, const struct weir_flow_rec *r);
};

static void start_text(char *to, const struct weir_flow_rec *r)
{
	field_time_text(to, r->start_ns);
}

static void duration_text(char *to, const struct weir_flow_rec *r)
{
	output_us(to, r->duration_ns / WEIR_NS_PER_US);
}

static void protocol_text(char *to, const struct weir_flow_rec *r)
{
	if (r->eth_type == 0x0806)
		snprintf(to, OUTPUT_CELL_MAX, "arp");
	else if (r->eth_type != 0x0800 && r->eth_type != 0x86dd)
		snprintf(to, OUTPUT_CELL_MAX, "0x%04x", r->eth_type);
	else
		filter_protocol_text(to, r->protocol);
}

static void client_text(char *to, const struct weir_flow_rec *r)
{
	if (r->flags & WEIR_REC_FOLDED)
		snprintf(to, OUTPUT_CELL_MAX, "(%u flow%s)", r->flow_count,
			 r->flow_count == 1 ? "" : "s");
	else
		field_end_text(to, r, 0);
}

static void server_text(char *to, const struct weir_flow_rec *r)
{
	field_end_text(to, r, 1);
}

static void packet_tx_text(char *to, const struct weir_flow_rec *r)
{
	output_count(to, r->packet[0]);
}

static void packet_rx_text(char *to, const struct weir_flow_rec *r)
{
	output_count(to, r->packet[1]);
}

static void byte_tx_text(char *to, const struct weir_flow_rec *r)
{
	output_count(to, r->byte[0]);
}

static void byte_rx_text(char *to, const struct weir_flow_rec *r)
{
	output_count(to, r->byte[1]);
}

/* A delay that was not measured is shown as nothing. */
static void delay_text(char *to, uint32_t us)
{
	if (us > 0)
		output_us(to, us);
	else
		snprintf(to, OUTPUT_CELL_MAX, "-");
}

static void rtt_text(char *to, const struct weir_flow_rec *r)
{
	delay_text(to, r->rtt);
}

static void srt_text(char *to, const struct weir_flow_rec *r)
{
	delay_text(to, r->srt.max);
}

static void art_text(char *to, const struct weir_flow_rec *r)
{
	delay_text(to, r->art.max);
}

static void retrans_text(char *to, const struct weir_flow_rec *r)
{
	output_count(to, (uint64_t)r->retrans[0] + r->retrans[1]);
}

static void zero_win_text(char *to, const struct weir_flow_rec *r)
{
	output_count(to, (uint64_t)r->zero_win[0] + r->zero_win[1]);
}

static void vlan_text(char *to, const struct weir_flow_rec *r)
{
	snprintf(to, OUTPUT_CELL_MAX, "%u", r->vlan);
}

static void tap_text(char *to, const struct weir_flow_rec *r)
{
	snprintf(to, OUTPUT_CELL_MAX, "%u", (unsigned int)(r->capture_nic & 0xff));
}

static void tunnel_text(char *to, const struct weir_flow_rec *r)
{
	const struct weir_tunnel *t = &r->tunnel[r->tunnel[0].type == 0];

	if (t->type == 0)
		snprintf(to, OUTPUT_CELL_MAX, "-");
	else
		snprintf(to, OUTPUT_CELL_MAX, "%u:%u", t->type, t->id);
}

static void flow_id_text(char *to, const struct weir_flow_rec *r)
{
	snprintf(to, OUTPUT_CELL_MAX, "%llu", (unsigned long long)r->flow_id);
}

static void close_text(char *to, const struct weir_flow_rec *r)
{
	field_close_text(to, r->close_type);
}

static const struct view_column view_columns[] = {
	{ { "START", true }, false, start_text },
	{ { "DURATION", false }, false, duration_text },
	{ { "PROTO", true }, false, protocol_text },
	{ { "CLIENT", true }, false, client_text },
	{ { "SERVER", true }, false, server_text },
	{ { "PKT TX", false }, false, packet_tx_text },
	{ { "PKT RX", false }, false, packet_rx_text },
	{ { "BYTE TX", false }, false, byte_tx_text },
	{ { "BYTE RX", false }, false, byte_rx_text },
	{ { "RTT", false }, false, rtt_text },
	{ { "SRT MAX", false }, true, srt_text },
	{ { "ART MAX", false }, true, art_text },
	{ { "RETRANS", false }, false, retrans_text },
	{ { "ZERO WIN", false }, true, zero_win_text },
	{ { "VLAN", false }, true, vlan_text },
	{ { "TAP", false }, true, tap_text },
	{ { "TUNNEL", true }, true, tunnel_text },
	{ { "FLOW ID", true }, true, flow_id_text },
	{ { "CLOSE", true }, false, close_text },
};

#define COLUMNS_MAX \
	(WEIR_FIELDS > WEIR_ARRAY_SIZE(view_columns) ? WEIR_FIELDS : WEIR_ARRAY_SIZE(view_columns))

/* One command's output of records, whatever the format. */
struct list {
	enum output_format format;
	struct output *out;
	struct output_column columns[COLUMNS_MAX];
	uint8_t source[COLUMNS_MAX]; /* of a column: its field, or its row in view_columns */
	uint32_t n;
};

static bool is_for_people(enum output_format format)
{
	return format == OUTPUT_TABLE || format == OUTPUT_WIDE;
}

static void column_add(struct list *l, struct output_column column, size_t source)
{
	l->columns[l->n] = column;
	l->source[l->n++] = (uint8_t)source;
}

static void columns_choose(struct list *l)
{
	if (is_for_people(l->format)) {
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(view_columns); i++)
			if (!view_columns[i].wide || l->format == OUTPUT_WIDE)
				column_add(l, view_columns[i].out, i);
		return;
	}
	for (unsigned int f = 0; f < WEIR_FIELDS; f++)
		if (weir_fields[f].show != WEIR_SHOW_NEVER)
			column_add(l,
				   (struct output_column){ weir_fields[f].name,
							   field_is_text((enum weir_field)f) },
				   f);
}

static void list_cells(struct list *l, const struct weir_flow_rec *rec)
{
	struct output_cell *cells = output_cells(l->out);
	bool is_zero;

	for (uint32_t i = 0; i < l->n; i++) {
		const uint8_t source = l->source[i];

		if (is_for_people(l->format)) {
			view_columns[source].text(cells[i].text, rec);
			continue;
		}
		field_text(cells[i].text, &is_zero, (enum weir_field)source, rec);
		cells[i].left_out = is_zero && weir_fields[source].show == WEIR_SHOW_SET;
	}
	output_row(l->out);
}

static void list_one(struct list *l, const struct weir_flow_rec *rec)
{
	char json[WEIR_JSON_MAX];

	if (l->format == OUTPUT_JSON || l->format == OUTPUT_JSONL)
		output_json_row(l->out, json, weir_flow_rec_json(json, rec) - 1); /* its newline */
	else
		list_cells(l, rec);
}

/* Records kept for sorting: of `limit` wanted, at most twice as many are held. */
struct kept {
	struct weir_flow_rec *recs;
	size_t n, room;
	uint32_t limit; /* 0 = all */
	bool no_memory;
};

static enum weir_field sort_field;
static int sort_sign;

static int by_field(const void *a, const void *b)
{
	int order = sort_sign * field_compare(sort_field, a, b);

	return order != 0 ? order : weir_flow_rec_compare(a, b);
}

static void kept_sort(struct kept *k)
{
	if (k->n > 0)
		qsort(k->recs, k->n, sizeof(*k->recs), by_field);
	if (k->limit > 0 && k->n > k->limit)
		k->n = k->limit;
}

static bool keep(void *ctx, const struct weir_flow_rec *rec)
{
	struct kept *k = ctx;

	if (k->limit > 0 && k->n == (size_t)k->limit * 2)
		kept_sort(k);
	if (k->n == k->room) {
		size_t room = k->room == 0 ? 1024 : k->room * 2;
		struct weir_flow_rec *more = realloc(k->recs, room * sizeof(*more));

		if (more == NULL) {
			k->no_memory = true;
			return false;
		}
		k->recs = more;
		k->room = room;
	}
	k->recs[k->n++] = *rec;
	return true;
}

/* "FIELD", smallest first, or "-FIELD". */
static int parse_sort(const char *text, struct weir_err *err)
{
	sort_sign = *text == '-' ? -1 : 1;
	sort_field = field_by_name(text + (*text == '-'));
	if (sort_field == WEIR_FIELDS)
		return weir_err_set(
			err, EINVAL,
			"--sort %s: no such field; those of flow show are allowed, with - in "
			"front for the largest first, as -byte_tx",
			text);
	return 0;
}

struct first {
	struct list *list;
	uint64_t left;
};

static bool list_first(void *ctx, const struct weir_flow_rec *rec)
{
	struct first *f = ctx;

	list_one(f->list, rec);
	return --f->left > 0;
}

static enum ctl_exit list_unsorted(struct ctl *ctl, struct list *l, struct weir_err *err)
{
	struct first f = { l, ctl->limit > 0 ? ctl->limit : UINT64_MAX };

	return records_each(ctl, list_first, &f, err);
}

static enum ctl_exit list_sorted(struct ctl *ctl, struct list *l, struct weir_err *err)
{
	struct kept k = { .limit = ctl->limit };
	enum ctl_exit code = records_each(ctl, keep, &k, err);

	kept_sort(&k);
	if (k.no_memory) {
		weir_err_set(err, ENOMEM, "flow list: no memory to sort all records; use --limit");
		code = CTL_FAILED;
	} else {
		for (size_t i = 0; i < k.n; i++)
			list_one(l, &k.recs[i]);
	}
	free(k.recs);
	return code;
}

static int list_begin(struct list *l, enum output_format format, struct weir_err *err)
{
	*l = (struct list){ .format = format };
	columns_choose(l);
	l->out = output_begin(format, l->columns, l->n);
	return l->out != NULL ? 0 : weir_err_set(err, ENOMEM, "no memory for the output");
}

/* A failure to write outweighs what was read. */
static enum ctl_exit list_end(struct list *l, enum ctl_exit code, struct weir_err *err)
{
	int rc = output_end(l->out, !ctl_has_result(code));

	if (rc == 0)
		return code;
	weir_err_set(err, -rc, "standard output: %s", strerror(-rc));
	return CTL_FAILED;
}

enum ctl_exit ctl_flow_list(struct ctl *ctl, struct weir_err *err)
{
	enum ctl_exit code;
	struct list l;

	if (ctl->sort != NULL && parse_sort(ctl->sort, err) != 0)
		return CTL_USAGE;
	if (list_begin(&l, ctl->format, err) != 0)
		return CTL_FAILED;
	code = ctl->sort != NULL ? list_sorted(ctl, &l, err) : list_unsorted(ctl, &l, err);
	return list_end(&l, code, err);
}

/* Its reports, one record of them each flow: an id may be that of two flows. */
static bool keep_merged(void *ctx, const struct weir_flow_rec *rec)
{
	struct kept *k = ctx;

	for (size_t i = 0; i < k->n; i++) {
		if (!weir_flow_rec_same_flow(&k->recs[i], rec))
			continue;
		weir_flow_rec_merge(&k->recs[i], rec);
		return true;
	}
	return keep(k, rec);
}

/* All fields, one a line, with what they mean. */
static void show_for_people(const struct weir_flow_rec *rec)
{
	char text[OUTPUT_CELL_MAX];
	bool is_zero;

	for (unsigned int f = 0; f < WEIR_FIELDS; f++) {
		if (weir_fields[f].show == WEIR_SHOW_NEVER)
			continue;
		field_text(text, &is_zero, (enum weir_field)f, rec);
		if (!is_zero || weir_fields[f].show == WEIR_SHOW_ALWAYS)
			printf("%-24s  %-22s  %s\n", weir_fields[f].name, text,
			       weir_fields[f].help);
	}
}

static enum ctl_exit show_all(struct ctl *ctl, const struct kept *k, struct weir_err *err)
{
	struct list l;

	if (is_for_people(ctl->format)) {
		for (size_t i = 0; i < k->n; i++) {
			if (i > 0)
				putchar('\n');
			show_for_people(&k->recs[i]);
		}
		if (fflush(stdout) == 0)
			return CTL_OK;
		weir_err_set(err, errno, "standard output: %s", strerror(errno));
		return CTL_FAILED;
	}
	if (list_begin(&l, ctl->format, err) != 0)
		return CTL_FAILED;
	for (size_t i = 0; i < k->n; i++)
		list_one(&l, &k->recs[i]);
	return list_end(&l, CTL_OK, err);
}

enum ctl_exit ctl_flow_show(struct ctl *ctl, struct weir_err *err)
{
	struct kept k = { 0 };
	enum ctl_exit code, shown;

	if (filter_take_flow_id(&ctl->filter, ctl->name, err) != 0)
		return CTL_USAGE;
	code = records_each(ctl, keep_merged, &k, err);
	if (k.no_memory) {
		weir_err_set(err, ENOMEM, "flow show: no memory for all flows of this id");
		code = CTL_FAILED;
	}
	if (!ctl_has_result(code))
		goto out;
	if (k.n == 0) {
		weir_err_set(err, ENOENT, "flow %s: not in %s", ctl->name, ctl->file);
		code = CTL_NOT_FOUND;
		goto out;
	}
	shown = show_all(ctl, &k, err);
	code = shown != CTL_OK ? shown : code;
out:
	free(k.recs);
	return code;
}
