/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a condition: what a field can be compared with, and how that is written. */
#include "expr_priv.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#define DIGITS_MAX 24 /* with the largest unit still below 2^127 */

enum kind { U8, U16, U32, U64, I32, ID, TIME, SPAN, IP, IP4, MAC, POINT, GIDS };

static const uint8_t kinds[WEIR_FIELDS] = {
#define WEIR_FIELD(name, kind, member, add, show, help) kind,
#define WEIR_DERIVED(name, kind, expr, show, help)      kind,
#include "flow_fields.def"
};

/* Delays kept as numbers. */
static bool is_delay(enum weir_field f)
{
	switch (f) {
	case WEIR_FIELD_rtt:
	case WEIR_FIELD_rtt_client:
	case WEIR_FIELD_rtt_client_max:
	case WEIR_FIELD_rtt_client_sum:
	case WEIR_FIELD_rtt_server:
	case WEIR_FIELD_rtt_server_max:
	case WEIR_FIELD_rtt_server_sum:
	case WEIR_FIELD_srt_max:
	case WEIR_FIELD_srt_sum:
	case WEIR_FIELD_art_max:
	case WEIR_FIELD_art_sum:
	case WEIR_FIELD_cit_max:
	case WEIR_FIELD_cit_sum:
		return true;
	default:
		return false;
	}
}

enum expr_class expr_class(enum weir_field f)
{
	switch ((enum kind)kinds[f]) {
	case IP:
		return EXPR_IP;
	case IP4:
		return EXPR_IP4;
	case MAC:
		return EXPR_MAC;
	case POINT:
		return EXPR_POINT;
	case GIDS:
		return EXPR_LIST;
	case TIME:
	case SPAN:
		return EXPR_DELAY;
	default:
		return is_delay(f) ? EXPR_DELAY : EXPR_NUMBER;
	}
}

static uint64_t largest(enum weir_field f)
{
	switch ((enum kind)kinds[f]) {
	case U8:
		return UINT8_MAX;
	case U16:
	case GIDS:
		return UINT16_MAX;
	case U32:
		return UINT32_MAX;
	case I32:
		return INT32_MAX;
	default:
		return UINT64_MAX;
	}
}

struct unit {
	const char *name;
	uint64_t of;
};

static const struct unit counts[] = {
	{ "", 1 },
	{ "k", 1000 },
	{ "M", 1000000 },
	{ "G", 1000000000 },
	{ "T", UINT64_C(1000000000000) },
	{ "Ki", UINT64_C(1) << 10 },
	{ "Mi", UINT64_C(1) << 20 },
	{ "Gi", UINT64_C(1) << 30 },
	{ "Ti", UINT64_C(1) << 40 },
	{ NULL, 0 },
};

/* In us. */
static const struct unit spans[] = {
	{ "", 1 },        { "us", 1 },         { "ms", 1000 },
	{ "s", 1000000 }, { "min", 60000000 }, { "h", UINT64_C(3600000000) },
	{ NULL, 0 },
};

static bool read_hex(uint64_t *n, const char *p)
{
	size_t digits = strspn(p, "0123456789abcdefABCDEF");

	*n = 0;
	if (digits == 0 || digits > 16 || p[digits] != '\0')
		return false;
	for (; *p != '\0'; p++)
		*n = *n << 4 | (uint64_t)(*p <= '9' ? *p - '0' : (*p | 0x20) - 'a' + 10);
	return true;
}

/* "443", "1.5M", "0x800", "20ms": a whole number of what `units` count. */
static bool read_amount(uint64_t *n, const char *p, const struct unit *units)
{
	unsigned int digits = 0;
	__uint128_t v = 0, parts = 1;
	bool fraction = false;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		return read_hex(n, p + 2);
	for (; (*p >= '0' && *p <= '9') || (*p == '.' && !fraction && digits > 0); p++) {
		if (*p == '.') {
			fraction = true;
			continue;
		}
		if (digits++ == DIGITS_MAX)
			return false;
		v = v * 10 + (unsigned int)(*p - '0');
		parts *= fraction ? 10 : 1;
	}
	while (units->name != NULL && strcmp(units->name, p) != 0)
		units++;
	if (digits == 0 || p[-1] == '.' || units->name == NULL)
		return false;
	v *= units->of;
	*n = (uint64_t)(v / parts);
	return v % parts == 0 && v / parts <= UINT64_MAX;
}

static bool read_number(struct expr_value *v, enum weir_field f, const char *p, bool is_delay_field)
{
	bool minus = *p == '-' && kinds[f] == I32;
	uint64_t n;

	if (!read_amount(&n, p + minus, is_delay_field ? spans : counts) || n > largest(f) + minus)
		return false;
	v->number = minus ? -(int64_t)n : (int64_t)n;
	return true;
}

static bool read_prefix(struct expr_value *v, const char *p, uint64_t longest)
{
	uint64_t n = longest;

	if (p != NULL && (!read_amount(&n, p, counts) || n > longest))
		return false;
	v->prefix = (uint8_t)n;
	return true;
}

static bool read_ip(struct expr_value *v, char *p, bool prefix_allowed)
{
	char *slash = strchr(p, '/');

	if (slash != NULL && !prefix_allowed)
		return false;
	if (slash != NULL)
		*slash++ = '\0';
	v->is_ipv6 = strchr(p, ':') != NULL;
	return inet_pton(v->is_ipv6 ? AF_INET6 : AF_INET, p, v->ip.b) == 1 &&
	       read_prefix(v, slash, v->is_ipv6 ? 128 : 32);
}

static bool read_mac(struct expr_value *v, const char *p)
{
	uint64_t byte;

	for (int i = 0; i < 6; i++) {
		char digits[3] = "";

		memcpy(digits, p, strnlen(p, 2));
		if (strlen(digits) != 2 || p[2] != (i < 5 ? ':' : '\0') || !read_hex(&byte, digits))
			return false;
		v->number = v->number << 8 | (int64_t)byte;
		p += 3;
	}
	return true;
}

static bool read_point(struct expr_value *v, const char *p)
{
	unsigned int n = 0; /* of an empty text EXPR_NO_POINT */

	while (n < UINT8_MAX && strcmp(weir_observation_point_text((uint8_t)n), p) != 0)
		n++;
	v->number = (int64_t)n;
	return strcmp(weir_observation_point_text((uint8_t)n), p) == 0;
}

bool expr_value_read(struct expr_value *v, enum weir_field f, const struct expr_token *t,
		     bool prefix_allowed)
{
	char text[64];

	*v = (struct expr_value){ .prefix = 32 };
	if ((t->word != EXPR_WORD && t->word != EXPR_TEXT) || t->len >= sizeof(text))
		return false;
	memcpy(text, t->text, t->len);
	text[t->len] = '\0';
	switch (expr_class(f)) {
	case EXPR_NUMBER:
	case EXPR_LIST:
		return read_number(v, f, text, false);
	case EXPR_DELAY:
		return read_number(v, f, text, true);
	case EXPR_IP:
		return read_ip(v, text, prefix_allowed);
	case EXPR_IP4:
		if (!read_ip(v, text, prefix_allowed) || v->is_ipv6)
			return false;
		v->number = weir_be32(v->ip.b);
		return true;
	case EXPR_MAC:
		return read_mac(v, text);
	case EXPR_POINT:
		return read_point(v, text);
	}
	return false;
}

/* The texts of weir_observation_point_text(), in a row. */
static void expected_point(char *to, size_t size)
{
	size_t n = (size_t)snprintf(to, size, "expected is one of");

	for (unsigned int i = 0; i < UINT8_MAX; i++)
		if (*weir_observation_point_text((uint8_t)i) != '\0' && n < size)
			n += (size_t)snprintf(to + n, size - n, " %s",
					      weir_observation_point_text((uint8_t)i));
}

void expr_expected(char *to, size_t size, enum weir_field f, bool prefix_allowed)
{
	const char *prefix = prefix_allowed ? " or a prefix, as 10.0.0.0/8" : "";

	switch (expr_class(f)) {
	case EXPR_NUMBER:
	case EXPR_LIST:
		snprintf(to, size,
			 "expected is a whole number, %d to %" PRIu64
			 ", as 443, 0x1f, 1.5M or 64Ki",
			 kinds[f] == I32 ? INT32_MIN : 0, largest(f));
		return;
	case EXPR_DELAY:
		snprintf(to, size,
			 "expected are microseconds or a time, as 1500, 1.5ms, 2s, 10min or 1h");
		return;
	case EXPR_IP:
		snprintf(to, size, "expected is an address, as 10.0.0.1 or 2001:db8::1%s", prefix);
		return;
	case EXPR_IP4:
		snprintf(to, size, "expected is an IPv4 address, as 10.0.0.1%s", prefix);
		return;
	case EXPR_MAC:
		snprintf(to, size, "expected is a MAC address, as 02:00:00:00:00:01");
		return;
	case EXPR_POINT:
		expected_point(to, size);
	}
}
