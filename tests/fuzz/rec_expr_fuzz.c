/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a condition. What compiles is asked of records of any content, which the text itself seeds,
 * and its opposite has to say the opposite; what matches has what the condition says it needs. What does not
 * compile says why.
 */
#include <weir_expr.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* All zero, all ones, and the text over and over. */
static void fill(struct weir_flow_rec *recs, const uint8_t *data, size_t size)
{
	memset(&recs[0], 0, sizeof(recs[0]));
	memset(&recs[1], 0xff, sizeof(recs[1]));
	for (size_t i = 0; i < sizeof(recs[2]); i++)
		((uint8_t *)&recs[2])[i] = size > 0 ? (uint8_t)(data[i % size] * 7 + i) : 0;
}

static void check_needs(const struct weir_expr *e, const struct weir_flow_rec *rec)
{
	struct weir_expr_need need;
	uint64_t n;

	for (uint32_t i = 0; weir_expr_need(e, i, &need); i++) {
		n = (uint64_t)weir_field_number(need.field, rec);
		must(need.n_nets > 0 || (n >= need.low && n <= need.high));
		for (uint32_t k = 0; k < need.n_nets; k++)
			must(weir_expr_net(e, &need, k).prefix <= 128);
	}
}

static void ask(const struct weir_expr *e, const char *text, const uint8_t *data, size_t size)
{
	static char opposite[WEIR_EXPR_MAX + 8];
	struct weir_flow_rec recs[3];
	struct weir_err err = { 0 };
	struct weir_expr *other;

	snprintf(opposite, sizeof(opposite), "not(%s)", text);
	other = weir_expr_create(opposite, &err);
	must(other != NULL || err.code == E2BIG);
	fill(recs, data, size);
	for (int i = 0; i < 3 && other != NULL; i++)
		must(weir_expr_matches(e, &recs[i]) != weir_expr_matches(other, &recs[i]));
	weir_expr_destroy(other);
	for (int i = 0; i < 3; i++)
		if (weir_expr_matches(e, &recs[i]))
			check_needs(e, &recs[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct weir_err err = { 0 };
	struct weir_expr *e;

	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	e = weir_expr_create(text, &err);
	must((e == NULL) == (err.code != 0) && (e != NULL || err.msg[0] != '\0'));
	if (e != NULL)
		ask(e, text, data, size);
	weir_expr_destroy(e);
	free(text);
	return 0;
}
