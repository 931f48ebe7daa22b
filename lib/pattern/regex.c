/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions of settings: PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <weir_pattern.h>

#include <pcre2.h>

#include <errno.h>
#include <stdlib.h>

#define STEPS_MAX 100000

struct weir_regex {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *context;
};

static pcre2_code *compile(const char *pattern, struct weir_err *err)
{
	PCRE2_UCHAR why[128];
	PCRE2_SIZE at;
	int code;
	pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &code, &at,
				       NULL);

	if (re != NULL)
		return re;
	pcre2_get_error_message(code, why, sizeof(why));
	weir_err_set(err, EINVAL,
		     "\"%.60s\" is not a regular expression (man pcre2pattern): %s, at "
		     "character %zu",
		     pattern, (const char *)why, (size_t)at + 1);
	return NULL;
}

int weir_regex_check(const char *pattern, struct weir_err *err)
{
	pcre2_code *re = compile(pattern, err);

	if (re == NULL)
		return -EINVAL;
	pcre2_code_free(re);
	return 0;
}

struct weir_regex *weir_regex_create(const char *pattern, struct weir_err *err)
{
	struct weir_regex *re = calloc(1, sizeof(*re));

	if (re == NULL)
		goto err_memory;
	re->code = compile(pattern, err);
	if (re->code == NULL) {
		free(re);
		return NULL;
	}
	re->match = pcre2_match_data_create_from_pattern(re->code, NULL);
	re->context = pcre2_match_context_create(NULL);
	if (re->match == NULL || re->context == NULL)
		goto err_memory;
	pcre2_set_match_limit(re->context, STEPS_MAX);
	return re;

err_memory:
	weir_regex_destroy(re);
	weir_err_set(err, ENOMEM, "no memory for a regular expression");
	return NULL;
}

bool weir_regex_matches(struct weir_regex *re, const char *text)
{
	return pcre2_match(re->code, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0, re->match,
			   re->context) >= 0;
}

void weir_regex_destroy(struct weir_regex *re)
{
	if (re == NULL)
		return;
	pcre2_match_context_free(re->context);
	pcre2_match_data_free(re->match);
	pcre2_code_free(re->code);
	free(re);
}
