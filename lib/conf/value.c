/* SPDX-License-Identifier: Apache-2.0 */
/* One value: from text to its field by its row, and back. */
#include "conf_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#define SHOWN "%.60s" /* of a value, in a message */

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

/* Whole numbers as YAML 1.1 has them: sign, 0x, 0b, '_' between digits. */
static bool int_parse(const char *text, int64_t *v)
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

/* "1m30s": each part a whole number and a unit. */
static bool duration_parse(const char *text, uint64_t *ns)
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

static void duration_print(uint64_t ns, FILE *out)
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
		duration_print((uint64_t)v, f);
	else
		fprintf(f, "%" PRId64, v);
	fclose(f);
	return buf;
}

static int out_of_range(const struct weir_conf_row *row, const char *text, struct weir_err *err)
{
	char lo[24], hi[24];

	return weir_err_set(err, ERANGE, SHOWN " is out of range; allowed are %s%s to %s%s%s", text,
			    row->flags & WEIR_CONF_ZERO ? "0, or " : "",
			    weir_conf_limit_text(row, row->min, lo, sizeof(lo)),
			    weir_conf_limit_text(row, row->max, hi, sizeof(hi)),
			    row->unit[0] ? " " : "", row->unit);
}

static bool in_range(const struct weir_conf_row *row, int64_t v)
{
	return (v >= row->min && v <= row->max) || (v == 0 && row->flags & WEIR_CONF_ZERO);
}

static int number_parse(const struct weir_conf_row *row, const char *text, uint32_t scale,
			int64_t *v, struct weir_err *err)
{
	char lo[24], hi[24];

	if (!int_parse(text, v))
		return weir_err_set(err, EINVAL,
				    SHOWN " is not a whole number; allowed are %s to %s", text,
				    weir_conf_limit_text(row, row->min, lo, sizeof(lo)),
				    weir_conf_limit_text(row, row->max, hi, sizeof(hi)));
	if (__builtin_mul_overflow(*v, scale, v) || !in_range(row, *v))
		return out_of_range(row, text, err);
	return 0;
}

static int bool_value(const char *text, bool opposite, bool *field, struct weir_err *err)
{
	static const char *const words[2][4] = { { "false", "0", "no", "off" },
						 { "true", "1", "yes", "on" } };

	for (int v = 0; v < 2; v++)
		for (int i = 0; i < 4; i++)
			if (strcasecmp(text, words[v][i]) == 0) {
				*field = (v != 0) != opposite;
				return 0;
			}
	return weir_err_set(err, EINVAL, SHOWN " is neither true nor false", text);
}

static int u32_value(const struct weir_conf_row *row, const char *text, uint32_t scale,
		     uint32_t *field, struct weir_err *err)
{
	int64_t v;
	int rc = number_parse(row, text, scale, &v, err);

	if (rc == 0)
		*field = (uint32_t)v;
	return rc;
}

static int i32_value(const struct weir_conf_row *row, const char *text, int32_t *field,
		     struct weir_err *err)
{
	int64_t v;
	int rc = number_parse(row, text, 1, &v, err);

	if (rc == 0)
		*field = (int32_t)v;
	return rc;
}

static int real_value(const struct weir_conf_row *row, const char *text, double *field,
		      struct weir_err *err)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || !isfinite(v))
		return weir_err_set(err, EINVAL, SHOWN " is not a number", text);
	if (v < (double)row->min || v > (double)row->max)
		return out_of_range(row, text, err);
	*field = v;
	return 0;
}

static int duration_value(const struct weir_conf_row *row, const char *text,
			  struct conf_twist twist, uint64_t *field, struct weir_err *err)
{
	int64_t number;
	uint64_t v;

	if (duration_parse(text, &v)) {
		/* as written */
	} else if (int_parse(text, &number) && number >= 0) {
		if (!twist.seconds && number != 0)
			return weir_err_set(
				err, EINVAL,
				SHOWN " has no unit (ns, us, ms, s, m, h, d); did you mean " SHOWN
				      "s",
				text, text);
		if (__builtin_mul_overflow((uint64_t)number, WEIR_NS_PER_S * twist.scale, &v))
			return out_of_range(row, text, err);
	} else {
		return weir_err_set(
			err, EINVAL,
			SHOWN " is not a duration; write a number and ns, us, ms, s, m, h or d",
			text);
	}
	if (v > INT64_MAX || !in_range(row, (int64_t)v))
		return out_of_range(row, text, err);
	*field = v;
	return 0;
}

static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static int string_value(const struct weir_conf_row *row, const char *text,
			struct weir_conf_mem **mem, const char **field, struct weir_err *err)
{
	size_t len = strlen(text);
	char *copy;

	if (len > (size_t)row->max)
		return weir_err_set(err, ERANGE, "%zu bytes are too long; allowed are %" PRId64,
				    len, row->max);
	if (!is_plain(text))
		return weir_err_set(err, EINVAL, SHOWN " holds a control character", text);
	copy = weir_conf_mem_take(mem, len + 1);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, text, len + 1);
	*field = copy;
	return 0;
}

static int unknown_name(const struct weir_conf_row *row, const char *text, struct weir_err *err)
{
	struct conf_nearest near = { .word = text };
	char all[240] = "";
	size_t n = 0;

	for (const struct weir_conf_name *e = row->names; e->name != NULL; e++) {
		weir_conf_nearest_offer(&near, e->name);
		if (n < sizeof(all))
			n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s (%u)", n ? ", " : "",
					      e->name, e->number);
	}
	return weir_err_set(err, EINVAL, SHOWN " is not known; allowed are %s%s%s", text, all,
			    near.best[0] ? "; did you mean " : "", near.best);
}

static int enum_value(const struct weir_conf_row *row, const char *text, uint32_t *field,
		      struct weir_err *err)
{
	int64_t v = 0;
	bool number = int_parse(text, &v);

	for (const struct weir_conf_name *e = row->names; e->name != NULL; e++) {
		if (strcasecmp(e->name, text) == 0 || (number && v == e->number)) {
			*field = e->number;
			return 0;
		}
	}
	return unknown_name(row, text, err);
}

static int set_value(const struct weir_conf_row *row, const struct conf_raw *raw, uint64_t *field,
		     struct weir_err *err)
{
	uint64_t set = 0;

	for (uint32_t i = 0; i < raw->n; i++) {
		uint32_t v = 0;
		int rc = enum_value(row, raw->text[i], &v, err);

		if (rc < 0)
			return rc;
		set |= UINT64_C(1) << v;
	}
	*field = set;
	return 0;
}

static int ints_value(const struct weir_conf_row *row, const struct conf_raw *raw,
		      struct weir_conf_mem **mem, struct weir_conf_ints *field,
		      struct weir_err *err)
{
	int32_t *v = weir_conf_mem_take(mem, raw->n * sizeof(*v));

	if (v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < raw->n; i++) {
		int rc = i32_value(row, raw->text[i], &v[i], err);

		if (rc < 0)
			return rc;
	}
	*field = (struct weir_conf_ints){ raw->n, v };
	return 0;
}

static int names_value(const struct weir_conf_row *row, const struct conf_raw *raw,
		       struct weir_conf_mem **mem, struct weir_conf_names *field,
		       struct weir_err *err)
{
	const char **v = weir_conf_mem_take(mem, raw->n * sizeof(*v));

	if (v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < raw->n; i++) {
		int rc = string_value(row, raw->text[i], mem, &v[i], err);

		if (rc < 0)
			return rc;
	}
	*field = (struct weir_conf_names){ raw->n, v };
	return 0;
}

/* "80" or "8000-8100". */
static int port_range(const struct weir_conf_row *row, const char *text, int64_t *from, int64_t *to,
		      struct weir_err *err)
{
	const char *dash = strchr(text, '-');
	char first[16];

	if (dash == NULL || dash == text || dash - text >= (ptrdiff_t)sizeof(first)) {
		int rc = number_parse(row, text, 1, from, err);

		*to = *from;
		return rc;
	}
	memcpy(first, text, (size_t)(dash - text));
	first[dash - text] = '\0';
	if (number_parse(row, first, 1, from, err) < 0 ||
	    number_parse(row, dash + 1, 1, to, err) < 0)
		return -err->code;
	if (*from > *to)
		return weir_err_set(err, EINVAL, SHOWN " runs backwards", text);
	return 0;
}

static int ports_value(const struct weir_conf_row *row, const struct conf_raw *raw,
		       struct weir_conf_mem **mem, const uint8_t **field, struct weir_err *err)
{
	uint8_t *bits;

	if (raw->n == 0) {
		*field = NULL;
		return 0;
	}
	bits = weir_conf_mem_take(mem, PORTS_BYTES);
	if (bits == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < raw->n; i++) {
		int64_t from, to;
		int rc = port_range(row, raw->text[i], &from, &to, err);

		if (rc < 0)
			return rc;
		for (; from <= to; from++)
			bits[from / 8] |= (uint8_t)(1 << from % 8);
	}
	*field = bits;
	return 0;
}

static bool is_list(enum weir_conf_type type)
{
	return type == WEIR_CONF_SET || type == WEIR_CONF_INTS || type == WEIR_CONF_NAMES ||
	       type == WEIR_CONF_PORTS;
}

int weir_conf_value_parse(const struct weir_conf_row *row, struct conf_twist twist,
			  const struct conf_raw *raw, struct weir_conf_mem **mem, void *field,
			  struct weir_err *err)
{
	if (is_list(row->type) && !raw->list)
		return weir_err_set(err, EINVAL, SHOWN " is not a list; did you mean [" SHOWN "]",
				    raw->text[0], raw->text[0]);
	if (!is_list(row->type) && raw->list && row->type != WEIR_CONF_ANY)
		return weir_err_set(err, EINVAL, "is a list; allowed is one value");
	switch (row->type) {
	case WEIR_CONF_BOOL:
		return bool_value(raw->text[0], twist.opposite, field, err);
	case WEIR_CONF_U32:
		return u32_value(row, raw->text[0], twist.scale, field, err);
	case WEIR_CONF_I32:
		return i32_value(row, raw->text[0], field, err);
	case WEIR_CONF_REAL:
		return real_value(row, raw->text[0], field, err);
	case WEIR_CONF_DURATION:
		return duration_value(row, raw->text[0], twist, field, err);
	case WEIR_CONF_STRING:
		return string_value(row, raw->text[0], mem, field, err);
	case WEIR_CONF_ENUM:
		return enum_value(row, raw->text[0], field, err);
	case WEIR_CONF_SET:
		return set_value(row, raw, field, err);
	case WEIR_CONF_INTS:
		return ints_value(row, raw, mem, field, err);
	case WEIR_CONF_NAMES:
		return names_value(row, raw, mem, field, err);
	case WEIR_CONF_PORTS:
		return ports_value(row, raw, mem, field, err);
	case WEIR_CONF_ANY:
		break;
	}
	return 0;
}

int weir_conf_value_parse_text(const struct weir_conf_row *row, const char *text,
			       struct weir_conf_mem **mem, void *field, struct weir_err *err)
{
	const char *item[32];
	struct conf_raw raw = { .list = text[0] == '[' && is_list(row->type), .text = item };
	char buf[512], *save = NULL, *p;

	if (!raw.list) {
		raw.n = 1;
		item[0] = text;
		return weir_conf_value_parse(row, (struct conf_twist){ .scale = 1 }, &raw, mem,
					     field, err);
	}
	snprintf(buf, sizeof(buf), "%s", text);
	for (p = strtok_r(buf, "[], ", &save); p != NULL; p = strtok_r(NULL, "[], ", &save)) {
		assert(raw.n < WEIR_ARRAY_SIZE(item));
		item[raw.n++] = p;
	}
	return weir_conf_value_parse(row, (struct conf_twist){ .scale = 1 }, &raw, mem, field, err);
}

static void quoted(const char *s, FILE *out)
{
	putc('"', out);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', out);
		putc(*s, out);
	}
	putc('"', out);
}

static void enum_print(const struct weir_conf_row *row, uint32_t v, FILE *out)
{
	for (const struct weir_conf_name *e = row->names; e->name != NULL; e++) {
		if (e->number == v) {
			quoted(e->name, out);
			return;
		}
	}
	fprintf(out, "%u", v);
}

static void set_print(const struct weir_conf_row *row, uint64_t set, FILE *out)
{
	const char *between = "";

	putc('[', out);
	for (uint32_t i = 0; i < 64; i++) {
		if ((set >> i & 1) == 0)
			continue;
		fputs(between, out);
		enum_print(row, i, out);
		between = ", ";
	}
	putc(']', out);
}

static void ints_print(const struct weir_conf_ints *ints, FILE *out)
{
	putc('[', out);
	for (uint32_t i = 0; i < ints->n; i++)
		fprintf(out, "%s%d", i > 0 ? ", " : "", ints->v[i]);
	putc(']', out);
}

static void names_print(const struct weir_conf_names *names, FILE *out)
{
	putc('[', out);
	for (uint32_t i = 0; i < names->n; i++) {
		fputs(i > 0 ? ", " : "", out);
		quoted(names->v[i], out);
	}
	putc(']', out);
}

static bool has_port(const uint8_t *bits, int port)
{
	return port <= 65535 && (bits[port / 8] >> port % 8 & 1) != 0;
}

static void ports_print(const uint8_t *bits, FILE *out)
{
	const char *between = "";

	putc('[', out);
	for (int from = 1, to; bits != NULL && from <= 65535; from = to + 1) {
		to = from;
		if (!has_port(bits, from))
			continue;
		while (has_port(bits, to + 1))
			to++;
		fprintf(out, to > from ? "%s%d-%d" : "%s%d", between, from, to);
		between = ", ";
	}
	putc(']', out);
}

static void print(const struct weir_conf_row *row, const void *field, FILE *out)
{
	switch (row->type) {
	case WEIR_CONF_BOOL:
		fputs(*(const bool *)field ? "true" : "false", out);
		break;
	case WEIR_CONF_U32:
		fprintf(out, "%u", *(const uint32_t *)field);
		break;
	case WEIR_CONF_I32:
		fprintf(out, "%d", *(const int32_t *)field);
		break;
	case WEIR_CONF_REAL:
		fprintf(out, "%g", *(const double *)field);
		break;
	case WEIR_CONF_DURATION:
		duration_print(*(const uint64_t *)field, out);
		break;
	case WEIR_CONF_STRING:
		quoted(*(const char *const *)field, out);
		break;
	case WEIR_CONF_ENUM:
		enum_print(row, *(const uint32_t *)field, out);
		break;
	case WEIR_CONF_SET:
		set_print(row, *(const uint64_t *)field, out);
		break;
	case WEIR_CONF_INTS:
		ints_print(field, out);
		break;
	case WEIR_CONF_NAMES:
		names_print(field, out);
		break;
	case WEIR_CONF_PORTS:
		ports_print(*(const uint8_t *const *)field, out);
		break;
	case WEIR_CONF_ANY:
		break;
	}
}

size_t weir_conf_field_size(enum weir_conf_type type)
{
	static const size_t sizes[] = {
		[WEIR_CONF_BOOL] = sizeof(bool),
		[WEIR_CONF_U32] = sizeof(uint32_t),
		[WEIR_CONF_I32] = sizeof(int32_t),
		[WEIR_CONF_REAL] = sizeof(double),
		[WEIR_CONF_DURATION] = sizeof(uint64_t),
		[WEIR_CONF_STRING] = sizeof(const char *),
		[WEIR_CONF_ENUM] = sizeof(uint32_t),
		[WEIR_CONF_SET] = sizeof(uint64_t),
		[WEIR_CONF_INTS] = sizeof(struct weir_conf_ints),
		[WEIR_CONF_NAMES] = sizeof(struct weir_conf_names),
		[WEIR_CONF_PORTS] = sizeof(const uint8_t *),
		[WEIR_CONF_ANY] = 0,
	};

	return sizes[type];
}

char *weir_conf_value_text(const struct weir_conf_row *row, const void *field)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	print(row, field, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
