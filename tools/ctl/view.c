/* SPDX-License-Identifier: Apache-2.0 */
#include "view.h"

#include "field.h"
#include "filter.h"

#include <weir_export.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What a table shows; the columns marked wide only with -o wide. */
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
	{ { "START", true, 2 }, false, start_text },
	{ { "DURATION", false, 4 }, false, duration_text },
	{ { "PROTO", true, 0 }, false, protocol_text },
	{ { "CLIENT", true, 0 }, false, client_text },
	{ { "SERVER", true, 0 }, false, server_text },
	{ { "PKT TX", false, 6 }, false, packet_tx_text },
	{ { "PKT RX", false, 6 }, false, packet_rx_text },
	{ { "BYTE TX", false, 1 }, false, byte_tx_text },
	{ { "BYTE RX", false, 1 }, false, byte_rx_text },
	{ { "RTT", false, 5 }, false, rtt_text },
	{ { "SRT MAX", false, 0 }, true, srt_text },
	{ { "ART MAX", false, 0 }, true, art_text },
	{ { "RETRANS", false, 7 }, false, retrans_text },
	{ { "ZERO WIN", false, 0 }, true, zero_win_text },
	{ { "VLAN", false, 0 }, true, vlan_text },
	{ { "TAP", false, 0 }, true, tap_text },
	{ { "TUNNEL", true, 0 }, true, tunnel_text },
	{ { "FLOW ID", true, 0 }, true, flow_id_text },
	{ { "CLOSE", true, 3 }, false, close_text },
};

#define COLUMNS_MAX \
	(WEIR_FIELDS > WEIR_ARRAY_SIZE(view_columns) ? WEIR_FIELDS : WEIR_ARRAY_SIZE(view_columns))

struct view {
	enum output_format format;
	struct output *out;
	struct output_column columns[COLUMNS_MAX];
	uint8_t source[COLUMNS_MAX]; /* of a column: its field, or its row in view_columns */
	uint32_t n;
};

static void column_add(struct view *v, struct output_column column, size_t source)
{
	v->columns[v->n] = column;
	v->source[v->n++] = (uint8_t)source;
}

static void columns_choose(struct view *v)
{
	if (output_is_for_people(v->format)) {
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(view_columns); i++)
			if (!view_columns[i].wide || v->format == OUTPUT_WIDE)
				column_add(v, view_columns[i].out, i);
		return;
	}
	for (unsigned int f = 0; f < WEIR_FIELDS; f++)
		if (weir_fields[f].show != WEIR_SHOW_NEVER)
			column_add(v,
				   (struct output_column){ weir_fields[f].name,
							   field_is_text((enum weir_field)f), 0 },
				   f);
}

static void put_cells(struct view *v, const struct weir_flow_rec *rec)
{
	struct output_cell *cells = output_cells(v->out);
	bool is_zero;

	for (uint32_t i = 0; i < v->n; i++) {
		const uint8_t source = v->source[i];

		if (output_is_for_people(v->format)) {
			view_columns[source].text(cells[i].text, rec);
			continue;
		}
		field_text(cells[i].text, &is_zero, (enum weir_field)source, rec);
		cells[i].left_out = is_zero && weir_fields[source].show == WEIR_SHOW_SET;
	}
	output_row(v->out);
}

void view_add(struct view *v, const struct weir_flow_rec *rec)
{
	char json[WEIR_JSON_MAX];

	if (v->format == OUTPUT_JSON || v->format == OUTPUT_JSONL)
		output_json_row(v->out, json, weir_flow_rec_json(json, rec) - 1); /* its newline */
	else
		put_cells(v, rec);
}

struct view *view_begin(enum output_format format, struct weir_err *err)
{
	struct view *v = calloc(1, sizeof(*v));

	if (v != NULL) {
		v->format = format;
		columns_choose(v);
		v->out = output_begin(format, v->columns, v->n);
	}
	if (v != NULL && v->out != NULL)
		return v;
	free(v);
	weir_err_set(err, ENOMEM, "no memory for the output");
	return NULL;
}

bool view_goes_on(const struct view *v)
{
	return output_goes_on(v->out);
}

void view_flush(struct view *v)
{
	output_flush(v->out);
}

enum ctl_exit view_end(struct view *v, enum ctl_exit code, struct weir_err *err)
{
	int rc = output_end(v->out, !ctl_has_result(code));

	free(v);
	if (rc == 0)
		return code;
	weir_err_set(err, -rc, "standard output: %s", strerror(-rc));
	return CTL_FAILED;
}
