/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A condition as a program. There is one flag. A test sets it; AND and OR stand between their sides and leave
 * out the right one where the left one has decided; NOT turns it over. Jumps go forward only, so a program
 * ends, and it needs no stack.
 */
#include "expr_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

const char weir_expr_grammar[] =
	"A condition compares fields, by their names in JSON (flow show has all of them), and joins\n"
	"that with and, or, not and parentheses; and goes before or:\n"
	"\n"
	"  byte_tx > 1M and (server_port in (80, 443) or ip_0 in 10.0.0.0/8) and not close_type == 3\n"
	"\n"
	"  == !=            equal, or not: any field, with a value or with another field of its kind\n"
	"  < <= > >=        numbers and times, with a value or with another field\n"
	"  in, not in       one value or (several, of, them); addresses also with a prefix\n"
	"  acl_gids == 9    a list: the number is in it; acl_gids == 0: nothing is\n"
	"\n"
	"  numbers          443, 0x1f, 1.5M: k M G T are powers of 1000, Ki Mi Gi Ti of 1024\n"
	"  times, delays    microseconds, or with us, ms, s, min, h: rtt > 1.5ms\n"
	"  addresses        10.0.0.1, 2001:db8::1; behind in also 10.0.0.0/8\n"
	"  MAC addresses    02:00:00:00:00:01\n"
	"  texts            observation_point == s-nd, in quotes or without\n";

struct test {
	uint8_t field;
	uint8_t op;      /* enum expr_op */
	uint8_t class;   /* enum expr_class */
	uint8_t other;   /* field on the right; WEIR_FIELDS = values are */
	bool needed;     /* a record that fails it does not match */
	uint16_t values; /* the first */
	uint16_t n;
};
static_assert(WEIR_FIELDS <= UINT8_MAX, "fields are kept in bytes");

enum act { ACT_TEST, ACT_AND, ACT_OR, ACT_NOT };

struct step {
	uint16_t act; /* enum act */
	uint16_t to;  /* which test; the step to go on with */
};

/* Each is made of two bytes of text or more. */
#define MOST (WEIR_EXPR_MAX / 2 + 1)

struct weir_expr {
	struct step steps[MOST];
	struct test tests[MOST];
	struct expr_value values[MOST];
	uint16_t n_steps, n_tests, n_values;
};

/* ---- reading ---- */

struct parser {
	struct weir_expr *e;
	const char *text, *next;
	struct expr_token token; /* the next one */
	unsigned int depth;
	struct weir_err *err;
};

static void advance(struct parser *p)
{
	p->token = expr_scan(&p->next);
}

/* What stands there, fit to be shown. */
static const char *shown(char to[48], const struct expr_token *t)
{
	size_t n = 0;

	if (t->word == EXPR_END)
		return "the end";
	to[n++] = '"';
	for (; n < t->len + 1 && n < 40; n++) {
		to[n] = t->text[n - 1];
		if (to[n] < ' ' || to[n] > '~')
			to[n] = '?';
	}
	snprintf(to + n, 48 - n, t->len > n - 1 ? "...\"" : "\"");
	return to;
}

/* "column 3: WHAT: EXPECTED". */
static int wrong(const struct parser *p, const struct expr_token *t, const char *expected)
{
	char what[48];

	return weir_err_set(p->err, EINVAL, "column %u: %s: %s",
			    (unsigned int)(t->at - p->text) + 1, shown(what, t), expected);
}

static bool is_keyword(const struct expr_token *t, const char *keyword)
{
	return t->word == EXPR_WORD && t->len == strlen(keyword) &&
	       strncasecmp(t->text, keyword, t->len) == 0;
}

static bool take_keyword(struct parser *p, const char *keyword)
{
	if (!is_keyword(&p->token, keyword))
		return false;
	advance(p);
	return true;
}

static struct step *add_step(struct parser *p, enum act act, uint16_t to)
{
	struct step *s = &p->e->steps[p->e->n_steps++];

	s->act = (uint16_t)act;
	s->to = to;
	return s;
}

static enum weir_field field_of(const struct expr_token *t)
{
	char name[64];

	if (t->word != EXPR_WORD || t->len >= sizeof(name))
		return WEIR_FIELDS;
	memcpy(name, t->text, t->len);
	name[t->len] = '\0';
	return weir_field_by_name(name);
}

static int no_field(const struct parser *p)
{
	struct weir_nearest near = { .word = "" };
	char name[64] = "", text[128];

	if (p->token.word != EXPR_WORD || strchr("0123456789:.-+/", *p->token.text) != NULL)
		return wrong(p, &p->token,
			     "expected is a field, an operator and a value, as byte_tx > 1M");
	snprintf(name, sizeof(name), "%.*s", (int)weir_min_u64(p->token.len, 63), p->token.text);
	near.word = name;
	for (unsigned int f = 0; f < WEIR_FIELDS; f++)
		weir_nearest_offer(&near, weir_fields[f].name);
	snprintf(text, sizeof(text), "no such field; %s%s",
		 near.best[0] != '\0' ? "did you mean " : "flow show has all of them", near.best);
	return wrong(p, &p->token, text);
}

static bool has_order(enum expr_class class)
{
	return class == EXPR_NUMBER || class == EXPR_DELAY;
}

static int read_operator(struct parser *p, struct test *t)
{
	const struct expr_token token = p->token;
	bool negated = take_keyword(p, "not");
	char text[128];

	if (take_keyword(p, "in")) {
		t->op = negated ? EXPR_NOT_IN : EXPR_IN;
		return 0;
	}
	if (negated || token.word != EXPR_SIGN || token.op == EXPR_OPS)
		return wrong(p, &token, "expected is an operator: == != < <= > >= in, not in");
	t->op = (uint8_t)token.op;
	if (t->op != EXPR_EQ && t->op != EXPR_NE && !has_order(t->class)) {
		snprintf(text, sizeof(text), "%s has no order; allowed are == != in, not in",
			 weir_fields[t->field].name);
		return wrong(p, &token, text);
	}
	advance(p);
	return 0;
}

static int read_value(struct parser *p, struct test *t)
{
	bool prefix = t->op == EXPR_IN || t->op == EXPR_NOT_IN;
	char expected[160], text[256];

	if (expr_value_read(&p->e->values[p->e->n_values], (enum weir_field)t->field, &p->token,
			    prefix)) {
		p->e->n_values++;
		t->n++;
		advance(p);
		return 0;
	}
	expr_expected(expected, sizeof(expected), (enum weir_field)t->field, prefix);
	snprintf(text, sizeof(text), "%s: %s", weir_fields[t->field].name, expected);
	return wrong(p, &p->token, text);
}

static int read_values(struct parser *p, struct test *t)
{
	if (p->token.word != EXPR_OPEN)
		return read_value(p, t);
	do {
		advance(p);
		if (read_value(p, t) != 0)
			return -EINVAL;
	} while (p->token.word == EXPR_COMMA);
	if (p->token.word != EXPR_CLOSE)
		return wrong(p, &p->token, "expected is , or )");
	advance(p);
	return 0;
}

static int read_other(struct parser *p, struct test *t, enum weir_field other)
{
	enum expr_class class = expr_class(other);
	char text[160];

	if (class != t->class && !(has_order(class) && has_order((enum expr_class)t->class))) {
		snprintf(text, sizeof(text), "%s cannot be compared with %s",
			 weir_fields[t->field].name, weir_fields[other].name);
		return wrong(p, &p->token, text);
	}
	t->other = (uint8_t)other;
	advance(p);
	return 0;
}

static int read_comparison(struct parser *p)
{
	struct test *t = &p->e->tests[p->e->n_tests];
	enum weir_field field = field_of(&p->token), other;

	if (field == WEIR_FIELDS)
		return no_field(p);
	*t = (struct test){ .field = (uint8_t)field,
			    .class = (uint8_t)expr_class(field),
			    .other = WEIR_FIELDS,
			    .needed = true,
			    .values = p->e->n_values };
	advance(p);
	if (read_operator(p, t) != 0)
		return -EINVAL;
	add_step(p, ACT_TEST, p->e->n_tests++);
	if (t->op == EXPR_IN || t->op == EXPR_NOT_IN)
		return read_values(p, t);
	other = field_of(&p->token);
	return other != WEIR_FIELDS ? read_other(p, t, other) : read_value(p, t);
}

/* The tests from `first` on decide nothing alone. */
static void not_needed(struct parser *p, uint16_t first)
{
	for (; first < p->e->n_tests; first++)
		p->e->tests[first].needed = false;
}

static int read_condition(struct parser *p);

static int read_parentheses(struct parser *p)
{
	int rc;

	if (++p->depth > WEIR_EXPR_DEPTH_MAX)
		return weir_err_set(p->err, E2BIG,
				    "column %u: more than %d parentheses within each other",
				    (unsigned int)(p->token.at - p->text) + 1, WEIR_EXPR_DEPTH_MAX);
	advance(p);
	rc = read_condition(p);
	if (rc != 0)
		return rc;
	if (p->token.word != EXPR_CLOSE)
		return wrong(p, &p->token, "expected is and, or, or )");
	advance(p);
	p->depth--;
	return 0;
}

static int read_term(struct parser *p)
{
	const uint16_t first = p->e->n_tests;
	bool negated = false;
	int rc;

	while (take_keyword(p, "not"))
		negated = !negated;
	rc = p->token.word == EXPR_OPEN ? read_parentheses(p) : read_comparison(p);
	if (rc != 0 || !negated)
		return rc;
	add_step(p, ACT_NOT, 0);
	not_needed(p, first);
	return 0;
}

static int read_and(struct parser *p)
{
	int rc = read_term(p);

	while (rc == 0 && take_keyword(p, "and")) {
		struct step *jump = add_step(p, ACT_AND, 0);

		rc = read_term(p);
		jump->to = p->e->n_steps;
	}
	return rc;
}

static int read_condition(struct parser *p)
{
	const uint16_t first = p->e->n_tests;
	int rc = read_and(p);

	while (rc == 0 && take_keyword(p, "or")) {
		struct step *jump = add_step(p, ACT_OR, 0);

		rc = read_and(p);
		jump->to = p->e->n_steps;
		not_needed(p, first);
	}
	return rc;
}

static int read_all(struct parser *p)
{
	int rc;

	advance(p);
	rc = read_condition(p);
	if (rc != 0 || p->token.word == EXPR_END)
		return rc;
	return wrong(p, &p->token, "expected is and, or, or the end");
}

struct weir_expr *weir_expr_create(const char *text, struct weir_err *err)
{
	struct parser p = { .text = text, .next = text, .err = err };

	if (strnlen(text, WEIR_EXPR_MAX + 1) > WEIR_EXPR_MAX) {
		weir_err_set(err, E2BIG, "longer than %d bytes", WEIR_EXPR_MAX);
		return NULL;
	}
	p.e = calloc(1, sizeof(*p.e));
	if (p.e == NULL) {
		weir_err_set(err, ENOMEM, "no memory for a condition");
		return NULL;
	}
	if (read_all(&p) == 0)
		return p.e;
	weir_expr_destroy(p.e);
	return NULL;
}

void weir_expr_destroy(struct weir_expr *e)
{
	free(e);
}

/* ---- asking ---- */

static bool is_in_net(const uint8_t *ip, const uint8_t *net, unsigned int prefix)
{
	unsigned int bytes = prefix / 8, bits = prefix % 8;

	if (memcmp(ip, net, bytes) != 0)
		return false;
	return bits == 0 || (ip[bytes] ^ net[bytes]) >> (8 - bits) == 0;
}

static const uint8_t *ip_of(const struct weir_flow_rec *rec, unsigned int field)
{
	return (const uint8_t *)rec + weir_fields[field].offset;
}

static bool test_ip(const struct weir_expr *e, const struct test *t,
		    const struct weir_flow_rec *rec)
{
	bool is_ipv6 = rec->is_ipv6 != 0, found = false;
	const uint8_t *ip = ip_of(rec, t->field);

	if (t->other != WEIR_FIELDS)
		found = memcmp(ip, ip_of(rec, t->other), is_ipv6 ? 16 : 4) == 0;
	for (unsigned int i = 0; i < t->n && !found; i++) {
		const struct expr_value *v = &e->values[t->values + i];

		found = v->is_ipv6 == is_ipv6 && is_in_net(ip, v->ip.b, v->prefix);
	}
	return found == (t->op == EXPR_EQ || t->op == EXPR_IN);
}

static int64_t number_of(unsigned int field, unsigned int class, const struct weir_flow_rec *rec)
{
	int64_t n = weir_field_number((enum weir_field)field, rec);

	if (class == EXPR_POINT && *weir_observation_point_text((uint8_t)n) == '\0')
		return EXPR_NO_POINT;
	return n;
}

static bool is_negative(unsigned int field, int64_t n)
{
	return n < 0 && weir_field_is_signed((enum weir_field)field);
}

/* The values of a field that can be negative are so themselves. */
static int order(const struct test *t, int64_t a, int64_t b)
{
	bool a_negative = is_negative(t->field, a);
	bool b_negative = is_negative(t->other != WEIR_FIELDS ? t->other : t->field, b);
	uint64_t x = (uint64_t)a, y = (uint64_t)b;

	if (a_negative != b_negative)
		return a_negative ? -1 : 1;
	return (x > y) - (x < y);
}

static bool holds(enum expr_op op, int order)
{
	switch (op) {
	case EXPR_EQ:
		return order == 0;
	case EXPR_NE:
		return order != 0;
	case EXPR_LT:
		return order < 0;
	case EXPR_LE:
		return order <= 0;
	case EXPR_GT:
		return order > 0;
	default:
		return order >= 0;
	}
}

static bool is_listed(const struct weir_expr *e, const struct test *t, int64_t n)
{
	for (unsigned int i = 0; i < t->n; i++) {
		const struct expr_value *v = &e->values[t->values + i];
		int64_t differs = n ^ v->number;

		if (t->class == EXPR_IP4)
			differs = (int64_t)((uint64_t)differs >> (32 - v->prefix));
		if (differs == 0)
			return true;
	}
	return false;
}

/* 0 is what an empty list has. */
static bool list_has(const struct weir_flow_rec *rec, int64_t number)
{
	const unsigned int n = weir_rec_gids(rec);

	for (unsigned int i = 0; i < n; i++)
		if (rec->acl_gids[i] == number)
			return true;
	return n == 0 && number == 0;
}

static bool test_list(const struct weir_expr *e, const struct test *t,
		      const struct weir_flow_rec *rec)
{
	bool found = t->other != WEIR_FIELDS; /* with itself: there is one such field */

	for (unsigned int i = 0; i < t->n && !found; i++)
		found = list_has(rec, e->values[t->values + i].number);
	return found == (t->op == EXPR_EQ || t->op == EXPR_IN);
}

static bool test_number(const struct weir_expr *e, const struct test *t,
			const struct weir_flow_rec *rec)
{
	int64_t a = number_of(t->field, t->class, rec), b;

	if (t->op == EXPR_IN || t->op == EXPR_NOT_IN)
		return is_listed(e, t, a) == (t->op == EXPR_IN);
	b = t->other != WEIR_FIELDS ? number_of(t->other, t->class, rec)
				    : e->values[t->values].number;
	return holds((enum expr_op)t->op, order(t, a, b));
}

static bool test(const struct weir_expr *e, const struct test *t, const struct weir_flow_rec *rec)
{
	switch ((enum expr_class)t->class) {
	case EXPR_IP:
		return test_ip(e, t, rec);
	case EXPR_LIST:
		return test_list(e, t, rec);
	default:
		return test_number(e, t, rec);
	}
}

bool weir_expr_matches(const struct weir_expr *e, const struct weir_flow_rec *rec)
{
	bool flag = false;
	unsigned int i = 0;

	while (i < e->n_steps) {
		const struct step *s = &e->steps[i++];

		switch ((enum act)s->act) {
		case ACT_TEST:
			flag = test(e, &e->tests[s->to], rec);
			break;
		case ACT_AND:
			i = flag ? i : s->to;
			break;
		case ACT_OR:
			i = flag ? s->to : i;
			break;
		case ACT_NOT:
			flag = !flag;
			break;
		}
	}
	return flag;
}

/* ---- what is needed ---- */

static bool need_of_ip(const struct test *t, struct weir_expr_need *need)
{
	need->n_nets = t->n;
	need->at = t->values;
	return t->op == EXPR_EQ || t->op == EXPR_IN;
}

static void widen(struct weir_expr_need *need, uint64_t n)
{
	need->low = weir_min_u64(need->low, n);
	need->high = weir_max_u64(need->high, n);
}

static bool need_of_number(const struct weir_expr *e, const struct test *t,
			   struct weir_expr_need *need)
{
	uint64_t n = (uint64_t)e->values[t->values].number;

	need->low = t->op == EXPR_GE ? n : t->op == EXPR_GT ? n + 1 : 0;
	need->high = t->op == EXPR_LE ? n : t->op == EXPR_LT ? n - 1 : UINT64_MAX;
	switch ((enum expr_op)t->op) {
	case EXPR_EQ:
	case EXPR_IN:
		need->low = need->high = n;
		for (unsigned int i = 1; i < t->n; i++)
			widen(need, (uint64_t)e->values[t->values + i].number);
		return true;
	case EXPR_LT:
		return n > 0; /* else nothing matches, and no range says so */
	case EXPR_GT:
		return n < UINT64_MAX;
	case EXPR_LE:
	case EXPR_GE:
		return true;
	default:
		return false;
	}
}

static bool need_of(const struct weir_expr *e, const struct test *t, struct weir_expr_need *need)
{
	*need = (struct weir_expr_need){ .field = (enum weir_field)t->field };
	if (!t->needed || t->other != WEIR_FIELDS)
		return false;
	if (t->class == EXPR_IP)
		return need_of_ip(t, need);
	return has_order((enum expr_class)t->class) && !weir_field_is_signed(need->field) &&
	       need_of_number(e, t, need);
}

bool weir_expr_need(const struct weir_expr *e, uint32_t i, struct weir_expr_need *need)
{
	for (unsigned int t = 0; t < e->n_tests; t++)
		if (need_of(e, &e->tests[t], need) && i-- == 0)
			return true;
	return false;
}

struct weir_expr_net weir_expr_net(const struct weir_expr *e, const struct weir_expr_need *need,
				   uint32_t i)
{
	const struct expr_value *v = &e->values[need->at + i];

	return (struct weir_expr_net){ .ip = v->ip, .prefix = v->prefix, .is_ipv6 = v->is_ipv6 };
}
