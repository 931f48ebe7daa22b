/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions of settings: PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <weir_filter.h>

#include <pcre2.h>

#include <errno.h>

int weir_regex_check(const char *pattern, struct weir_err *err)
{
	PCRE2_UCHAR why[128];
	PCRE2_SIZE at;
	int code;
	pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &code, &at,
				       NULL);

	if (re != NULL) {
		pcre2_code_free(re);
		return 0;
	}
	pcre2_get_error_message(code, why, sizeof(why));
	return weir_err_set(err, EINVAL,
			    "\"%.60s\" is not a regular expression (man pcre2pattern): %s, at "
			    "character %zu",
			    pattern, (const char *)why, (size_t)at + 1);
}
