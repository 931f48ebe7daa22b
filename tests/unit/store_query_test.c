/* SPDX-License-Identifier: Apache-2.0 */
/* Answers over many files, in every state, against a walk over the records they were made of. */
#include "store_test.h"

#include <errno.h>

#define RECS      6000
#define HOURS     6
#define QUESTIONS 100

static struct weir_flow_rec recs[RECS];
static unsigned int seed = 3;

static unsigned int pick(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

static void make_ip(struct weir_flow_rec *r, int side)
{
	uint8_t *b = r->ip[side].b;

	memset(b, 0, 16);
	if (r->is_ipv6) {
		memcpy(b, (uint8_t[]){ 10, 0, 0, 1, 0, 0, 0, (uint8_t)pick(3) },
		       8); /* as 10.0.0.1 begins */
		b[15] = (uint8_t)(1 + pick(4));
	} else {
		memcpy(b, (uint8_t[]){ 10, (uint8_t)pick(2), (uint8_t)pick(3), (uint8_t)pick(8) },
		       4);
	}
}

static void make_rec(struct weir_flow_rec *r, uint64_t i)
{
	static const uint16_t ports[] = { 53, 80, 443, 40000, 40001, 0 };
	static const uint8_t closes[] = { WEIR_CLOSE_FINISH, WEIR_CLOSE_TIMEOUT,
					  WEIR_CLOSE_FORCED_REPORT };

	*r = plain(1000 + i, FIRST_NS + i * (HOURS * HOUR_NS / RECS) / 1000 * 1000);
	r->end_ns -= pick(3) * 60 * WEIR_NS_PER_S; /* some come late, and times repeat */
	r->start_ns = r->end_ns - pick(90) * WEIR_NS_PER_S;
	r->flow_start_ns = r->start_ns;
	r->is_ipv6 = pick(4) == 0;
	make_ip(r, 0);
	make_ip(r, 1);
	r->port[0] = ports[pick(6)];
	r->port[1] = ports[pick(6)];
	r->protocol = pick(2) ? 6 : 17;
	r->close_type = closes[pick(3)];
	r->capture_nic = UINT64_C(4) << 60 | pick(3);
	r->byte[0] = pick(10000);
	r->byte[1] = pick(1000);
	r->flags = pick(2) ? WEIR_REC_NEW : 0;
	r->flow_count = 1 + (pick(10) == 0) * pick(5);
	r->retrans[0] = pick(3);
	r->zero_win[1] = pick(2);
	r->syn_count = pick(2);
	r->rtt = pick(1000);
	r->l3_byte[0] = pick(2) ? UINT64_MAX - pick(9) : pick(9);
	if (pick(10) == 0)
		r->tunnel[0] = (struct weir_tunnel){ .type = 1, .tier = 1, .id = pick(5) };
}

/* Most files are finished, one was left unfinished, one is being written. */
static struct weir_store *make_store(void)
{
	struct weir_store_conf conf = { .file_rows = 700 };
	struct weir_store *s;
	struct weir_err err = { 0 };

	dir_make();
	s = store_open(&conf);
	for (uint64_t i = 0; i < RECS; i++) {
		make_rec(&recs[i], i);
		CU_ASSERT_EQUAL_FATAL(weir_store_write(s, &recs[i], 1, &err), 0);
		if (i == RECS - 400)
			CU_ASSERT_EQUAL_FATAL(weir_store_settle(s, &err), 0);
		if (i == RECS - 300) {
			weir_store_close(s, &err);
			s = store_open(&conf);
		}
	}
	CU_ASSERT_EQUAL_FATAL(weir_store_flush(s, &err), 0);
	return s;
}

static bool in_net(const struct weir_store_net *net, const struct weir_flow_rec *r, int side)
{
	if (net->is_ipv6 != r->is_ipv6)
		return false;
	for (int bit = 0; bit < net->prefix; bit++)
		if ((net->ip.b[bit / 8] ^ r->ip[side].b[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

static bool rtt_is(const void *rest, const struct weir_flow_rec *r)
{
	return r->rtt % 4 == *(const unsigned int *)rest;
}

/* A number of a record's row; one above 2^63, one of the second table, one that is derived. */
static const enum weir_field ranged[] = { WEIR_FIELD_byte_tx, WEIR_FIELD_l3_byte_tx,
					  WEIR_FIELD_tunnel_tx_id, WEIR_FIELD_status };

static bool in_range(const struct weir_store_range *range, const struct weir_flow_rec *r)
{
	uint64_t v = range->field == WEIR_FIELD_byte_tx        ? r->byte[0]
		     : range->field == WEIR_FIELD_l3_byte_tx   ? r->l3_byte[0]
		     : range->field == WEIR_FIELD_tunnel_tx_id ? r->tunnel[0].id
							       : weir_flow_rec_status(r);

	return v >= range->low && v <= range->high;
}

static bool in_ranges(const struct weir_store_query *q, const struct weir_flow_rec *r)
{
	for (uint32_t i = 0; i < q->n_ranges; i++)
		if (!in_range(&q->ranges[i], r))
			return false;
	return true;
}

static void make_ranges(struct weir_store_query *q)
{
	static struct weir_store_range ranges[2];
	static const unsigned int most[] = { 10000, 9, 5, 4 };

	q->ranges = ranges;
	q->n_ranges = pick(3);
	for (uint32_t i = 0; i < q->n_ranges; i++) {
		unsigned int which = pick(4);

		ranges[i].field = ranged[which];
		ranges[i].low = pick(most[which]);
		ranges[i].high = pick(2) ? UINT64_MAX : ranges[i].low + pick(most[which]);
	}
}

static bool matches(const struct weir_store_query *q, const struct weir_flow_rec *r)
{
	bool in = q->n_nets == 0;

	for (uint32_t i = 0; i < q->n_nets; i++)
		in |= in_net(&q->nets[i], r, 0) || in_net(&q->nets[i], r, 1);
	return in && (q->since_ns == 0 || r->end_ns >= q->since_ns) &&
	       (q->until_ns == 0 || r->start_ns < q->until_ns) &&
	       (!q->has_flow_id || r->flow_id == q->flow_id) &&
	       (!q->has_port || r->port[0] == q->port || r->port[1] == q->port) &&
	       (!q->has_protocol || r->protocol == q->protocol) &&
	       (!q->has_tap || (r->capture_nic & 255) == q->tap) &&
	       (!q->has_close_type || r->close_type == q->close_type) && in_ranges(q, r) &&
	       (q->match == NULL || q->match(q->match_ctx, r));
}

static void make_question(struct weir_store_query *q, struct weir_store_net *nets)
{
	static const unsigned int one = 1;

	memset(q, 0, sizeof(*q));
	q->sort = WEIR_FIELD_end_time;
	q->nets = nets;
	q->n_nets = pick(2) ? 0 : 1 + pick(3);
	for (uint32_t i = 0; i < q->n_nets; i++) {
		const struct weir_flow_rec *r = &recs[pick(RECS)];

		nets[i].ip = r->ip[pick(2)];
		nets[i].is_ipv6 = r->is_ipv6;
		nets[i].prefix = r->is_ipv6 ? (uint8_t)(128 - pick(3) * 32)
					    : (uint8_t)(32 - pick(2) * (1 + pick(31)));
		if (pick(4) == 0)
			nets[i].ip.b[2] ^= 77; /* nobody is there */
	}
	if (pick(2))
		q->since_ns = FIRST_NS + pick(HOURS * 3600) * WEIR_NS_PER_S;
	if (pick(2))
		q->until_ns = FIRST_NS + pick(HOURS * 3600) * WEIR_NS_PER_S;
	q->has_port = pick(3) == 0;
	q->port = recs[pick(RECS)].port[0];
	q->has_protocol = pick(3) == 0;
	q->protocol = 6;
	q->has_tap = pick(4) == 0;
	q->tap = (uint8_t)pick(3);
	q->has_close_type = pick(4) == 0;
	q->close_type = WEIR_CLOSE_TIMEOUT;
	q->has_flow_id = pick(20) == 0;
	q->flow_id = 1000 + pick(RECS);
	q->match = pick(4) == 0 ? rtt_is : NULL;
	q->match_ctx = &one;
	make_ranges(q);
}

static struct weir_store_reader *reader_open(void)
{
	struct weir_err err = { 0 };
	struct weir_store_reader *r = weir_store_reader_open(test_dir, &err);

	if (r == NULL)
		printf("%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	return r;
}

static void no_trouble(struct weir_store_reader *r)
{
	if (weir_store_reader_trouble(r, 0) != NULL)
		printf("%s\n", weir_store_reader_trouble(r, 0)->msg);
	CU_ASSERT_PTR_NULL(weir_store_reader_trouble(r, 0));
}

/* All that matches, once, in order. */
static void test_every_answer_is_that_of_a_walk_over_all_records(void)
{
	struct weir_store *s = make_store();
	struct weir_store_reader *r = reader_open();
	static bool want[RECS];
	uint64_t found = 0;

	for (int i = 0; i < QUESTIONS; i++) {
		const struct weir_flow_rec *rec;
		struct weir_store_net nets[3];
		struct weir_store_query q;
		struct weir_err err = { 0 };
		struct weir_store_rows *rows;
		uint64_t last_us = 0;

		make_question(&q, nets);
		q.descending = pick(2);
		for (int k = 0; k < RECS; k++)
			want[k] = matches(&q, &recs[k]);
		rows = weir_store_select(r, &q, &err);
		CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
		while ((rec = weir_store_rows_next(rows)) != NULL) {
			uint64_t k = rec->flow_id - 1000, us = rec->end_ns / 1000;

			CU_ASSERT_TRUE_FATAL(k < RECS && want[k]);
			CU_ASSERT_EQUAL(memcmp(rec, &recs[k], sizeof(*rec)), 0);
			CU_ASSERT_TRUE(last_us == 0 ||
				       (q.descending ? us <= last_us : us >= last_us));
			last_us = us;
			want[k] = false;
			found++;
		}
		weir_store_rows_close(rows);
		for (int k = 0; k < RECS; k++)
			CU_ASSERT_FALSE(want[k]);
	}
	CU_ASSERT_TRUE(found > 10000);
	no_trouble(r);
	weir_store_reader_close(r);
	weir_store_close(s, NULL);
	dir_remove();
}

static enum weir_field sort_field;

static uint64_t sort_value(const struct weir_flow_rec *r)
{
	switch (sort_field) {
	case WEIR_FIELD_end_time:
		return r->end_ns;
	case WEIR_FIELD_byte_tx:
		return r->byte[0];
	case WEIR_FIELD_rtt:
		return r->rtt;
	case WEIR_FIELD_tunnel_tx_id:
		return r->tunnel[0].id;
	default:
		return r->start_ns;
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The values in order, of as many as the limit allows. */
static void test_a_limit_gives_the_first_ones_of_the_order(void)
{
	static const enum weir_field fields[] = { WEIR_FIELD_end_time, WEIR_FIELD_byte_tx,
						  WEIR_FIELD_rtt, WEIR_FIELD_tunnel_tx_id,
						  WEIR_FIELD_start_time };
	struct weir_store *s = make_store();
	struct weir_store_reader *r = reader_open();
	static uint64_t values[RECS];

	for (int i = 0; i < QUESTIONS / 2; i++) {
		struct weir_store_net nets[3];
		struct weir_store_query q;
		struct weir_err err = { 0 };
		struct weir_store_rows *rows;
		const struct weir_flow_rec *rec;
		uint64_t n = 0, got = 0;

		make_question(&q, nets);
		q.sort = sort_field = fields[pick(WEIR_ARRAY_SIZE(fields))];
		q.descending = pick(2);
		q.limit = 1 + pick(200);
		for (int k = 0; k < RECS; k++)
			if (matches(&q, &recs[k]))
				values[n++] = sort_value(&recs[k]);
		qsort(values, n, sizeof(values[0]), by_value);
		rows = weir_store_select(r, &q, &err);
		CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
		while ((rec = weir_store_rows_next(rows)) != NULL && got < n) {
			CU_ASSERT_EQUAL(sort_value(rec), values[q.descending ? n - 1 - got : got]);
			got++;
		}
		CU_ASSERT_PTR_NULL(rec);
		CU_ASSERT_EQUAL(got, weir_min_u64(n, q.limit));
		weir_store_rows_close(rows);
	}
	no_trouble(r);
	weir_store_reader_close(r);
	weir_store_close(s, NULL);
	dir_remove();
}

/* sqlite3 groups the rows of all files together. */
static void check_top(struct weir_store_reader *r, enum weir_field field, const char *column,
		      bool by_match)
{
	static const unsigned int two = 2;
	struct weir_store_query q = { .has_protocol = true,
				      .protocol = 6,
				      .match = by_match ? rtt_is : NULL,
				      .match_ctx = &two };
	struct weir_store_grouping g = { .fields = { field, WEIR_FIELD_server_port },
					 .n_fields = 2,
					 .sums = (1 << WEIR_STORE_SUMS) - 1,
					 .by = WEIR_STORE_BYTES,
					 .n = 7 };
	struct weir_err err = { 0 };
	struct weir_store_top top;
	const char *text;
	char *end;

	CU_ASSERT_EQUAL_FATAL(weir_store_top(r, &q, &g, &top, &err), 0);
	text = SHELL(
		"cd %s && for f in flow-*.sqlite; do sqlite3 $f \"SELECT hex(%s), %s, "
		"server_port, flows * (record_flags & 1), packet_tx + packet_rx, "
		"byte_tx + byte_rx, retrans_tx + retrans_rx, zero_win_tx + zero_win_rx, "
		"syn_count FROM flow_row WHERE protocol = 6 %s\"; done > all && sqlite3 :memory: "
		"'CREATE TABLE t (h, k, p INTEGER, f INTEGER, n INTEGER, b INTEGER, r INTEGER, "
		"z INTEGER, s INTEGER)' '.import all t' \"SELECT p, sum(f), sum(n), sum(b), "
		"sum(r), sum(z), sum(s), h FROM t GROUP BY h, p ORDER BY sum(b) DESC LIMIT 7\" "
		"| tr '|' ' '",
		test_dir, column, field == WEIR_FIELD_ip_1 ? "0" : column,
		by_match ? "AND rtt % 4 = 2" : "");
	CU_ASSERT_EQUAL(top.n, 7);
	for (uint32_t i = 0; i < top.n; i++) {
		CU_ASSERT_EQUAL(top.groups[i].of.port[1], strtoull(text, &end, 10));
		for (int sum = 0; sum < WEIR_STORE_SUMS; sum++)
			CU_ASSERT_EQUAL(top.groups[i].sum[sum], strtoull(end, &end, 10));
		text = strchr(end, '\n') != NULL ? strchr(end, '\n') + 1 : end;
	}
	CU_ASSERT_EQUAL(top.n_all,
			strtoull(SHELL("cd %s && cut -d '|' -f 1,3 all | sort -u | wc -l",
				       test_dir),
				 NULL, 10));
	CU_ASSERT_EQUAL(top.total[WEIR_STORE_BYTES],
			strtoull(SHELL("awk -F '|' '{ s += $6 } END { printf \"%%d\", s }' %s/all",
				       test_dir),
				 NULL, 10));
	weir_store_top_fini(&top);
}

static void test_groups_and_sums_are_those_of_sqlite3(void)
{
	struct weir_store *s = make_store();
	struct weir_store_reader *r = reader_open();

	check_top(r, WEIR_FIELD_ip_1, "ip_1", false);
	check_top(r, WEIR_FIELD_close_type, "close_type", false);
	check_top(r, WEIR_FIELD_ip_1, "ip_1", true);
	no_trouble(r);
	weir_store_reader_close(r);
	weir_store_close(s, NULL);
	dir_remove();
}

static void test_grouped_addresses_come_back_as_addresses(void)
{
	struct weir_store_query q = { .has_flow_id = true, .flow_id = 1 };
	struct weir_store_grouping g = { .fields = { WEIR_FIELD_ip_0, WEIR_FIELD_ip_1 },
					 .n_fields = 2,
					 .sums = 1 << WEIR_STORE_FLOWS,
					 .by = WEIR_STORE_FLOWS,
					 .n = 1 };
	struct weir_store_reader *r;
	struct weir_err err = { 0 };
	struct weir_store_top top;
	struct weir_store *s;

	dir_make();
	s = store_open(NULL);
	write_plain(s, 1, 1, FIRST_NS, 0);
	r = reader_open();
	CU_ASSERT_EQUAL(weir_store_top(r, &q, &g, &top, &err), 0);
	CU_ASSERT_EQUAL_FATAL(top.n, 1);
	CU_ASSERT_EQUAL(memcmp(top.groups[0].of.ip[0].b, "\12\0\0\1", 4), 0);
	CU_ASSERT_EQUAL(memcmp(top.groups[0].of.ip[1].b, "\12\0\0\2", 4), 0);
	CU_ASSERT_EQUAL(top.groups[0].of.is_ipv6, 0);
	CU_ASSERT_EQUAL(top.groups[0].sum[WEIR_STORE_FLOWS], 1);
	CU_ASSERT_EQUAL(top.groups[0].sum[WEIR_STORE_BYTES], 0); /* not asked for */
	weir_store_top_fini(&top);
	weir_store_reader_close(r);
	weir_store_close(s, NULL);
	dir_remove();
}

static void test_what_cannot_be_asked_is_refused(void)
{
	struct weir_store_query q = { .sort = WEIR_FIELD_byte_tx };
	struct weir_store_net net = { .prefix = 33 };
	struct weir_store_reader *r;
	struct weir_err err = { 0 };

	dir_make();
	r = reader_open();
	CU_ASSERT_PTR_NULL(weir_store_select(r, &q, &err)); /* no limit */
	CU_ASSERT_EQUAL(err.code, EINVAL);
	q = (struct weir_store_query){ .sort = WEIR_FIELD_ip_0, .limit = 1 };
	CU_ASSERT_PTR_NULL(weir_store_select(r, &q, &err));
	q = (struct weir_store_query){ .sort = WEIR_FIELD_end_time, .nets = &net, .n_nets = 1 };
	CU_ASSERT_PTR_NULL(weir_store_select(r, &q, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "/33"));
	q = (struct weir_store_query){ .sort = WEIR_FIELD_end_time, .n_ranges = 17 };
	CU_ASSERT_PTR_NULL(weir_store_select(r, &q, &err));
	weir_store_reader_close(r);
	dir_remove();
	CU_ASSERT_PTR_NULL(weir_store_reader_open(test_dir, &err));
	CU_ASSERT_EQUAL(err.code, ENOENT);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every answer is that of a walk over all records",
		  test_every_answer_is_that_of_a_walk_over_all_records },
		{ "a limit gives the first ones of the order",
		  test_a_limit_gives_the_first_ones_of_the_order },
		{ "groups and sums are those of sqlite3",
		  test_groups_and_sums_are_those_of_sqlite3 },
		{ "grouped addresses come back as addresses",
		  test_grouped_addresses_come_back_as_addresses },
		{ "what cannot be asked is refused", test_what_cannot_be_asked_is_refused },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("store/query", tests);
}
