/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and durations as files have them, and as people read them. */
#include "conf_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "d", 86400 * WEIR_NS_PER_S },
	{ "h", 3600 * WEIR_NS_PER_S },
	{ "m", 60 * WEIR_NS_PER_S },
	{ "s", WEIR_NS_PER_S },
	{ "ms", WEIR_NS_PER_MS },
	{ "us", WEIR_NS_PER_US },
	{ "ns", 1 },
};

bool weir_conf_int_parse(const char *text, int64_t *v)
{
	char digits[72];
	bool minus = text[0] == '-';
	int base = 10;
	size_t n = 0;
	char *end;

	text += minus || text[0] == '+';
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'b')) {
		base = text[1] == 'x' ? 16 : 2;
		text += 2;
	}
	for (; *text != '\0'; text++) {
		if (*text == '_' && n > 0)
			continue;
		if (n == sizeof(digits) - 1 || strchr("0123456789abcdefABCDEF", *text) == NULL)
			return false;
		digits[n++] = *text;
	}
	digits[n] = '\0';
	errno = 0;
	*v = strtoll(digits, &end, base);
	if (n == 0 || *end != '\0' || errno != 0)
		return false;
	*v = minus ? -*v : *v;
	return true;
}

bool weir_conf_duration_parse(const char *text, uint64_t *ns)
{
	uint64_t sum = 0;

	do {
		size_t digits = strspn(text, "0123456789"), letters;
		uint64_t v, unit = 0;

		if (digits == 0 || digits > 18)
			return false;
		v = strtoull(text, NULL, 10);
		text += digits;
		letters = strspn(text, "dhmnsu");
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(units); i++)
			if (strlen(units[i].name) == letters &&
			    strncmp(units[i].name, text, letters) == 0)
				unit = units[i].ns;
		if (unit == 0 || __builtin_mul_overflow(v, unit, &v) ||
		    __builtin_add_overflow(sum, v, &sum))
			return false;
		text += letters;
	} while (*text != '\0');
	*ns = sum;
	return true;
}

void weir_conf_duration_print(uint64_t ns, FILE *out)
{
	size_t i = 0;

	while (ns % units[i].ns != 0)
		i++;
	if (ns == 0)
		i = 3;
	fprintf(out, "%" PRIu64 "%s", ns / units[i].ns, units[i].name);
}

const char *weir_conf_limit_text(const struct weir_conf_row *row, int64_t v, char *buf, size_t size)
{
	FILE *f = fmemopen(buf, size, "w");

	buf[0] = '\0';
	if (f == NULL)
		return buf;
	if (row->type == WEIR_CONF_DURATION)
		weir_conf_duration_print((uint64_t)v, f);
	else
		fprintf(f, "%" PRId64, v);
	fclose(f);
	return buf;
}
