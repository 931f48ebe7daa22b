/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a query asks, as SQL. Every value is bound, under a number of its own, whether it is asked for
 * or not. "Either end" is two SELECTs over a finished file: each side has its index, and both come in
 * the order of time.
 */
#include "store_priv.h"

#include <errno.h>
#include <stdlib.h>

enum value {
	VALUE_LIMIT = 1,
	VALUE_SINCE,
	VALUE_UNTIL,
	VALUE_FLOW_ID,
	VALUE_PORT,
	VALUE_PROTOCOL,
	VALUE_TAP,
	VALUE_CLOSE_TYPE,
	VALUE_FIRST_ID,
	VALUE_LAST_ID,
	VALUE_NETS /* two each: lowest and highest address; then two a range */
};

static int64_t us_of(uint64_t ns)
{
	return (int64_t)(ns / WEIR_NS_PER_US);
}

bool store_where_may_match(const struct weir_store_query *q, const struct store_file *f)
{
	if (f->state == STORE_BAD)
		return false;
	if (f->state != STORE_FINISHED)
		return true; /* rows still come */
	return f->rows > 0 && (q->since_ns == 0 || f->last_us >= us_of(q->since_ns)) &&
	       (q->until_ns == 0 || f->first_us < us_of(q->until_ns));
}

static const char *const ip_columns[] = { "f.ip_0", "f.ip_1" };
static const char *const port_columns[] = { "f.client_port", "f.server_port" };

static void put_nets(FILE *out, const struct weir_store_query *q, int side)
{
	const char *ip = ip_columns[side];

	fprintf(out, "(");
	for (uint32_t i = 0; i < q->n_nets; i++) {
		const struct weir_store_net *net = &q->nets[i];
		const char * or = i > 0 ? " OR " : "";
		uint32_t low = VALUE_NETS + 2 * i;

		if (net->prefix >= (net->is_ipv6 ? 128 : 32))
			fprintf(out, "%s%s = ?%u", or, ip, low);
		else
			fprintf(out, "%s%s BETWEEN ?%u AND ?%u", or, ip, low, low + 1);
	}
	fprintf(out, ")");
}

static void put_port(FILE *out, int side)
{
	fprintf(out, "%s = ?%d", port_columns[side], VALUE_PORT);
}

static void put_side(FILE *out, const struct weir_store_query *q, bool by_net, int side)
{
	if (by_net)
		put_nets(out, q, side);
	else
		put_port(out, side);
}

/* Client or server; or, of two SELECTs, those of the client, and those of the server alone. */
static void put_ends(FILE *out, const struct weir_store_query *q, bool by_net, int arm)
{
	fprintf(out, " AND ");
	if (arm < 0) {
		fprintf(out, "(");
		put_side(out, q, by_net, 0);
		fprintf(out, " OR ");
		put_side(out, q, by_net, 1);
		fprintf(out, ")");
		return;
	}
	put_side(out, q, by_net, arm);
	if (arm == 0)
		return;
	fprintf(out, " AND NOT ");
	put_side(out, q, by_net, 0);
}

/* An unfinished file: by its order, where that leaves something out or spares sorting. */
static bool is_plain(const struct weir_store_query *q, bool finished, bool ordered)
{
	return finished || (q->since_ns == 0 && !(ordered && q->sort == WEIR_FIELD_end_time));
}

static int range_value(const struct weir_store_query *q, uint32_t range)
{
	return (int)(VALUE_NETS + 2 * (q->n_nets + range));
}

/* What is kept of numbers from 2^63 on is negative. */
static void put_range(FILE *out, const struct weir_store_query *q, uint32_t i)
{
	char value[512];

	store_expression(q->ranges[i].field, value, sizeof(value));
	if (q->ranges[i].high > INT64_MAX)
		fprintf(out, " AND (%s >= ?%d OR %s < 0)", value, range_value(q, i), value);
	else
		fprintf(out, " AND %s BETWEEN ?%d AND ?%d", value, range_value(q, i),
			range_value(q, i) + 1);
}

/* `arm`: -1 = all in one. */
static void put_where(FILE *out, const struct weir_store_query *q, bool plain, bool part, int arm)
{
	fprintf(out, " WHERE 1");
	if (part)
		fprintf(out, " AND f.rowid BETWEEN ?%d AND ?%d", VALUE_FIRST_ID, VALUE_LAST_ID);
	if (q->since_ns != 0)
		fprintf(out, " AND %s.end_time >= ?%d", plain ? "f" : "t", VALUE_SINCE);
	if (q->until_ns != 0)
		fprintf(out, " AND f.start_time < ?%d", VALUE_UNTIL);
	if (q->has_flow_id)
		fprintf(out, " AND f.flow_id = ?%d", VALUE_FLOW_ID);
	if (q->has_protocol)
		fprintf(out, " AND f.protocol = ?%d", VALUE_PROTOCOL);
	if (q->has_tap)
		fprintf(out, " AND f.capture_nic & 255 = ?%d", VALUE_TAP);
	if (q->has_close_type)
		fprintf(out, " AND f.close_type = ?%d", VALUE_CLOSE_TYPE);
	if (q->n_nets > 0)
		put_ends(out, q, true, arm);
	if (q->has_port)
		put_ends(out, q, false, q->n_nets > 0 ? -1 : arm);
	for (uint32_t i = 0; i < q->n_ranges; i++)
		put_range(out, q, i);
}

static void put_select(FILE *out, const struct weir_store_query *q, bool plain, const char *select,
		       bool ordered)
{
	char key[512];

	fprintf(out, "SELECT ");
	if (ordered && q->sort == WEIR_FIELD_end_time && !plain)
		fprintf(out, "t.end_time, ");
	else if (ordered)
		fprintf(out, "%s, ", store_expression(q->sort, key, sizeof(key)));
	fprintf(out, "%s FROM %s LEFT JOIN flow_more m ON m.id = f.rowid", select,
		store_from(plain));
}

static bool is_by_side(const struct weir_store_query *q, bool finished)
{
	return finished && (q->n_nets > 0 || q->has_port);
}

bool store_where_in_parts(const struct weir_store_query *q, bool finished)
{
	return !is_by_side(q, finished) && is_plain(q, finished, false);
}

static char *text_of(const struct weir_store_query *q, bool finished, bool part, const char *select,
		     bool ordered)
{
	bool by_side = is_by_side(q, finished);
	bool plain = is_plain(q, finished, ordered);
	const char *way = q->descending ? " DESC" : "";
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (out == NULL)
		return NULL;
	for (int arm = by_side ? 0 : -1; arm < (by_side ? 2 : 0); arm++) {
		fprintf(out, "%s", arm == 1 ? " UNION ALL " : "");
		put_select(out, q, plain, select, ordered);
		put_where(out, q, plain, part, arm);
	}
	if (ordered)
		fprintf(out, " ORDER BY 1%s, 2%s LIMIT ?%d", way, way, VALUE_LIMIT);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* Lowest and highest address of a net. */
static void net_ends(const struct weir_store_net *net, uint8_t ends[2][16])
{
	memcpy(ends[0], net->ip.b, 16);
	memcpy(ends[1], net->ip.b, 16);
	for (unsigned int bit = net->prefix; bit < (net->is_ipv6 ? 128 : 32); bit++) {
		ends[0][bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
		ends[1][bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	}
}

static void bind_nets(struct store_cursor *c, const struct weir_store_query *q)
{
	for (uint32_t i = 0; i < q->n_nets; i++) {
		const struct weir_store_net *net = &q->nets[i];
		net_ends(net, c->nets[i]);
		for (int end = 0; end < (net->prefix < (net->is_ipv6 ? 128 : 32) ? 2 : 1); end++) {
			int value = (int)(VALUE_NETS + 2 * i) + end;

			if (net->is_ipv6)
				weir_db_bind_blob(c->stmt, value, c->nets[i][end], 16);
			else
				weir_db_bind_i64(c->stmt, value, weir_be32(c->nets[i][end]));
		}
	}
}

static void bind_ranges(struct store_cursor *c, const struct weir_store_query *q)
{
	for (uint32_t i = 0; i < q->n_ranges; i++) {
		weir_db_bind_i64(c->stmt, range_value(q, i), (int64_t)q->ranges[i].low);
		if (q->ranges[i].high <= INT64_MAX)
			weir_db_bind_i64(c->stmt, range_value(q, i) + 1,
					 (int64_t)q->ranges[i].high);
	}
}

static void bind(struct store_cursor *c, const struct weir_store_query *q, bool ordered)
{
	/* How many rows it takes to have so many that `match` likes is not known. */
	if (ordered)
		weir_db_bind_i64(c->stmt, VALUE_LIMIT,
				 q->limit > 0 && q->match == NULL ? (int64_t)q->limit : -1);
	if (q->since_ns != 0)
		weir_db_bind_i64(c->stmt, VALUE_SINCE, us_of(q->since_ns));
	if (q->until_ns != 0)
		weir_db_bind_i64(c->stmt, VALUE_UNTIL, us_of(q->until_ns));
	if (c->last_id != 0) {
		weir_db_bind_i64(c->stmt, VALUE_FIRST_ID, c->first_id);
		weir_db_bind_i64(c->stmt, VALUE_LAST_ID, c->last_id);
	}
	if (q->has_flow_id)
		weir_db_bind_i64(c->stmt, VALUE_FLOW_ID, (int64_t)q->flow_id);
	if (q->has_port)
		weir_db_bind_i64(c->stmt, VALUE_PORT, q->port);
	if (q->has_protocol)
		weir_db_bind_i64(c->stmt, VALUE_PROTOCOL, q->protocol);
	if (q->has_tap)
		weir_db_bind_i64(c->stmt, VALUE_TAP, q->tap);
	if (q->has_close_type)
		weir_db_bind_i64(c->stmt, VALUE_CLOSE_TYPE, q->close_type);
	bind_nets(c, q);
	bind_ranges(c, q);
}

int store_cursor_open(struct store_cursor *c, const struct weir_store_query *q, bool finished,
		      const char *select, bool ordered, struct weir_err *err)
{
	char *text = text_of(q, finished, c->last_id != 0, select, ordered);

	if (text == NULL)
		return weir_err_set(err, ENOMEM, "store: no memory for a question");
	c->stmt = weir_db_prepare(c->db, text, err);
	free(text);
	if (c->stmt == NULL)
		return -err->code;
	bind(c, q, ordered);
	return 0;
}

void store_cursor_close(struct store_cursor *c)
{
	weir_db_finish(c->stmt);
	weir_db_close(c->db);
	c->stmt = NULL;
	c->db = NULL;
}
