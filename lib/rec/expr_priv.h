/* SPDX-License-Identifier: Apache-2.0 */
/* What the three files of a condition know of each other: words, values, the program. */
#ifndef EXPR_PRIV_H
#define EXPR_PRIV_H

#include <weir_expr.h>

/* What can be done with a field's value, and how it is written. */
enum expr_class {
	EXPR_NUMBER,
	EXPR_DELAY, /* a number of us, and a duration */
	EXPR_IP,
	EXPR_IP4,
	EXPR_MAC,
	EXPR_POINT,
	EXPR_LIST, /* of numbers, which it has or has not */
};

enum expr_class expr_class(enum weir_field f);

enum expr_op {
	EXPR_EQ,
	EXPR_NE,
	EXPR_LT,
	EXPR_LE,
	EXPR_GT,
	EXPR_GE,
	EXPR_IN,
	EXPR_NOT_IN,
	EXPR_OPS /* none */
};

enum expr_word {
	EXPR_END,
	EXPR_WORD, /* a name, number, address: whatever has no blank in it */
	EXPR_TEXT, /* what stands between quotes */
	EXPR_OPEN,
	EXPR_CLOSE,
	EXPR_COMMA,
	EXPR_SIGN, /* an operator, or what may be meant for one */
};

struct expr_token {
	enum expr_word word;
	enum expr_op op; /* of a sign; EXPR_OPS when it is none */
	const char *at;  /* where it begins, a quote included */
	const char *text;
	size_t len; /* of `text` */
};

/* The word at `*text`, which moves behind it. Any text has an end. */
struct expr_token expr_scan(const char **text);

/* Observation points without a text are one value: this one of them. */
#define EXPR_NO_POINT 3

/* A value on the right of an operator. */
struct expr_value {
	int64_t number;   /* as weir_field_number() */
	union weir_ip ip; /* EXPR_IP */
	uint8_t prefix;   /* EXPR_IP, EXPR_IP4 */
	bool is_ipv6;
};

/* The value `t` is for field `f`. False: expr_expected() says what would be one. */
bool expr_value_read(struct expr_value *v, enum weir_field f, const struct expr_token *t,
		     bool prefix_allowed);
void expr_expected(char *to, size_t size, enum weir_field f, bool prefix_allowed);

#endif
