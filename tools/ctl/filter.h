/* SPDX-License-Identifier: Apache-2.0 */
/* Which flow records a command looks at. What is not set matches all. */
#ifndef FILTER_H
#define FILTER_H

#include <weir_expr.h>
#include <weir_rec.h>
#include <weir_store.h>

#define FILTER_NETS_MAX   64 /* as many as the store takes */
#define FILTER_RANGES_MAX 16

struct filter {
	struct weir_store_net nets[FILTER_NETS_MAX]; /* either end is in one of them */
	uint32_t n_nets;
	uint64_t flow_id;
	uint16_t port; /* either end's */
	uint8_t protocol;
	uint8_t tap; /* low 8 bits of capture_nic */
	uint8_t close_type;
	bool has_flow_id, has_port, has_protocol, has_tap, has_close_type;
	uint64_t since_ns, until_ns; /* the record's period overlaps; 0 = open; whole us */
	struct weir_expr *where;     /* NULL = none; freed by filter_fini() */
	struct weir_store_net
		where_nets[FILTER_NETS_MAX]; /* that `where` needs: see filter_query() */
	struct weir_store_range where_ranges[FILTER_RANGES_MAX];
};

void filter_fini(struct filter *f);

bool filter_matches(const struct filter *f, const struct weir_flow_rec *rec);

/*
 * The same as a question to a store, which borrows of it. What the condition needs is asked of the store's indexes,
 * so that it is not asked of every record.
 */
struct weir_store_query filter_query(struct filter *f);

/* From text, -EINVAL with `err` set where it makes no sense. Addresses add up: "a,b", or called again. */
int filter_take_ip(struct filter *f, const char *text, struct weir_err *err);
int filter_take_port(struct filter *f, const char *text, struct weir_err *err);
int filter_take_protocol(struct filter *f, const char *text, struct weir_err *err);
int filter_take_flow_id(struct filter *f, const char *text, struct weir_err *err);
int filter_take_tap(struct filter *f, const char *text, struct weir_err *err);
int filter_take_where(struct filter *f, const char *text, struct weir_err *err);
/* "10m": since so long ago. */
int filter_take_last(struct filter *f, const char *text, struct weir_err *err);

/*
 * "1700000000.5"; "2023-11-14 22:13:20" (local time; without seconds or the time of day, too);
 * "15m" (ago).
 */
int filter_parse_time(uint64_t *ns, const char *text, struct weir_err *err);

/* A whole decimal number of at most `max`. */
int filter_parse_u64(uint64_t *n, const char *text, uint64_t max);

/* "tcp", "icmp6", "47". `to` has 8 bytes. */
void filter_protocol_text(char *to, uint8_t protocol);

#endif
