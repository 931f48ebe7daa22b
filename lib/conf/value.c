/* SPDX-License-Identifier: Apache-2.0 */
/* One value: from text to its field, by its row. */
#include "conf_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#define SHOWN "%.60s" /* of a value, in a message */

static int not_allowed(const struct weir_conf_row *row, int code, const char *text,
		       const char *what, struct weir_err *err)
{
	char lo[24], hi[24];

	return weir_err_set(err, code, SHOWN " is %s; allowed are %s%s to %s%s%s", text, what,
			    row->flags & WEIR_CONF_ZERO ? "0, or " : "",
			    weir_conf_limit_text(row, row->min, lo, sizeof(lo)),
			    weir_conf_limit_text(row, row->max, hi, sizeof(hi)),
			    row->unit[0] ? " " : "", row->unit);
}

static int out_of_range(const struct weir_conf_row *row, const char *text, struct weir_err *err)
{
	return not_allowed(row, ERANGE, text, "out of range", err);
}

static bool in_range(const struct weir_conf_row *row, int64_t v)
{
	return (v >= row->min && v <= row->max) || (v == 0 && row->flags & WEIR_CONF_ZERO);
}

static int number_parse(const struct weir_conf_row *row, const char *text, uint32_t scale,
			int64_t *v, struct weir_err *err)
{
	if (!weir_conf_int_parse(text, v))
		return not_allowed(row, EINVAL, text, "not a whole number", err);
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
	int64_t v = 0;
	int rc = number_parse(row, text, scale, &v, err);

	if (rc == 0)
		*field = (uint32_t)v;
	return rc;
}

static int i32_value(const struct weir_conf_row *row, const char *text, int32_t *field,
		     struct weir_err *err)
{
	int64_t v = 0;
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
			  struct weir_conf_twist twist, uint64_t *field, struct weir_err *err)
{
	int64_t number;
	uint64_t v;

	if (weir_conf_duration_parse(text, &v)) {
		/* as written */
	} else if (weir_conf_int_parse(text, &number) && number >= 0) {
		if (!twist.old && number != 0)
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
	struct weir_nearest near = { .word = text };
	char all[240] = "";
	size_t n = 0;

	for (const struct weir_conf_name *e = row->names; e->name != NULL; e++) {
		weir_nearest_offer(&near, e->name);
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
	bool number = weir_conf_int_parse(text, &v);

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
		int64_t from = 0, to = 0;
		int rc = port_range(row, raw->text[i], &from, &to, err);

		if (rc < 0)
			return rc;
		for (; from <= to; from++)
			bits[from / 8] |= (uint8_t)(1 << from % 8);
	}
	*field = bits;
	return 0;
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

static bool is_list(enum weir_conf_type type)
{
	return type == WEIR_CONF_SET || type == WEIR_CONF_INTS || type == WEIR_CONF_NAMES ||
	       type == WEIR_CONF_PORTS;
}

int weir_conf_value_parse(const struct weir_conf_row *row, struct weir_conf_twist twist,
			  const struct conf_raw *raw, struct weir_conf_mem **mem, void *field,
			  struct weir_err *err)
{
	if (is_list(row->type) && !raw->list)
		return weir_err_set(err, EINVAL,
				    row->type == WEIR_CONF_NAMES
					    ? SHOWN " is not a list; did you mean [ \"" SHOWN "\" ]"
					    : SHOWN " is not a list; did you mean [" SHOWN "]",
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
		return weir_conf_value_parse(row, (struct weir_conf_twist){ .scale = 1 }, &raw, mem,
					     field, err);
	}
	snprintf(buf, sizeof(buf), "%s", text);
	for (p = strtok_r(buf, "[], ", &save); p != NULL; p = strtok_r(NULL, "[], ", &save)) {
		assert(raw.n < WEIR_ARRAY_SIZE(item));
		item[raw.n++] = p;
	}
	return weir_conf_value_parse(row, (struct weir_conf_twist){ .scale = 1 }, &raw, mem, field,
				     err);
}
