/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions over the fields of a flow record, as a person writes them:
 *
 *   byte_tx > 1M and (server_port in (80, 443) or ip_0 in 10.0.0.0/8) and not close_type == 3
 *
 * weir_expr_grammar says all of it. A condition is compiled once to a small program and then asked of one
 * record after the other. Fields mean what they are in JSON: times and delays in us, identifiers as numbers.
 */
#ifndef WEIR_EXPR_H
#define WEIR_EXPR_H

#include <weir_rec.h>

#define WEIR_EXPR_MAX       4096 /* bytes of a condition */
#define WEIR_EXPR_DEPTH_MAX 64   /* parentheses within parentheses */

/* For the help of a program: lines of text. */
extern const char weir_expr_grammar[];

struct weir_expr;

/*
 * Compile. NULL with `err` set: EINVAL names the column (the first is 1), what stands there and what
 * is expected; E2BIG where it is longer or nested deeper than above; ENOMEM. Control thread.
 */
struct weir_expr *weir_expr_create(const char *text, struct weir_err *err);
void weir_expr_destroy(struct weir_expr *e); /* NULL is fine */

/* Any thread, several at once. Never allocates; takes no longer than there are values in the text. */
bool weir_expr_matches(const struct weir_expr *e, const struct weir_flow_rec *rec);

/* An address with a prefix; 32 or 128 is one address. */
struct weir_expr_net {
	union weir_ip ip;
	uint8_t prefix;
	bool is_ipv6;
};

/*
 * What a record needs to match, if not all of it: its number `field` is `low` to `high`, or, where `n_nets` is not
 * 0, its address is in one of `n_nets`. For who can leave out records without looking at them.
 */
struct weir_expr_need {
	enum weir_field field;
	uint64_t low, high;
	uint32_t n_nets;
	uint32_t at; /* for weir_expr_net() */
};

/* The need number `i` of a condition; false from their number on. Any thread. */
bool weir_expr_need(const struct weir_expr *e, uint32_t i, struct weir_expr_need *need);
/* Net number `i` of a need. */
struct weir_expr_net weir_expr_net(const struct weir_expr *e, const struct weir_expr_need *need,
				   uint32_t i);

#endif
